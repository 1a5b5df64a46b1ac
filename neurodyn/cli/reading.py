"""Words of the command line as exact numbers, and numbers as words of a title."""

import re
from fractions import Fraction
from typing import Any

import numpy as np

Limits = tuple[float, float]

_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d{1,2})?(/\d+)?", re.IGNORECASE)


def number(text: str, name: str) -> Fraction:
    """The exact number in `text`, such as "0.3", "-1e-2" or "3/10"; `ValueError` if it is none."""
    word = text.strip()
    if not _NUMBER.fullmatch(word) or len(word) > 60 or re.search(r"/0+$", word):
        raise ValueError(f"{name} has {text!r}: give a finite number, such as 0.3 or -3/10.")
    head, _, below = word.partition("/")
    return Fraction(head) / Fraction(below or 1)


def numbers(text: str, name: str) -> tuple[Fraction, ...]:
    """The exact numbers in `text`, separated by commas."""
    return tuple(number(part, name) for part in text.split(","))


def limits(text: str, name: str) -> Limits:
    """The ends of a range such as "-3,3"; `ValueError` if it is empty or reversed."""
    ends = numbers(text, name)
    if len(ends) != 2 or not ends[0] < ends[1]:
        raise ValueError(f"{name} is {text!r}: give two numbers, the smaller one first, as -3,3.")
    return float(ends[0]), float(ends[1])


def two_rows(text: str, name: str) -> list[list[float]]:
    """The 2 × 2 matrix in `text`, such as "0.5 -1.2; 0.9 0.1"."""
    rows = [row.replace(",", " ").split() for row in text.split(";")]
    if [len(row) for row in rows] != [2, 2]:
        raise ValueError(f'{name} is {text!r}: give two rows of two, such as "0.5 -1.2; 0.9 0.1".')
    return [[float(number(entry, name)) for entry in row] for row in rows]


def settings(pairs: tuple[str, ...]) -> dict[str, float]:
    """Parameters from words such as "mu=1.5"."""
    found: dict[str, float] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        name = name.strip()
        if not equals or not name:
            raise ValueError(f"set has {pair!r}: write a name and a number, such as mu=1.5.")
        if name in found:
            raise ValueError(f"set gives {name!r} twice: give each parameter once.")
        found[name] = float(number(text, f"set {name}"))
    return found


def degrees(cosine: float) -> float:
    """The angle of a cosine; NaN for none."""
    return float(np.degrees(np.arccos(np.clip(cosine, -1, 1))))


def short(value: Any) -> str:
    """A number for a title.

    >>> short(-0.50)
    '−0.5'
    """
    return np.format_float_positional(float(value), precision=4, trim="-").replace("-", "−")
