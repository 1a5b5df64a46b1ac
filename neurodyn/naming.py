"""Names in words: what was meant by an unknown one, and what an enumeration item is called."""

import difflib
from collections.abc import Iterable
from typing import Any

import numpy as np


def closest(name: str, known: Iterable[str]) -> str:
    """`did you mean …?` where something is near, and always what there is.

    >>> closest("tahn", ("tanh", "relu"))
    "did you mean 'tanh'? There are: tanh, relu."
    """
    known = tuple(known)
    near = difflib.get_close_matches(name, known, n=1)
    question = f"did you mean {near[0]!r}? " if near else ""
    return f"{question}{'There' if question else 'there'} are: {', '.join(known)}."


def member_names(item: Any, enumeration: Any, names: tuple[str, ...]) -> np.ndarray:
    """The name of each entry of a (batched) `equinox.Enumeration` item, as an array of strings."""
    which = [np.asarray(item == getattr(enumeration, name)) for name in names]
    return np.asarray(np.asarray(names)[np.argmax(which, axis=0)])
