"""The layered networks of `neurodyn settle`: those of the catalogue, and the user's own."""

import json
import sys
from typing import Any

import jax
import jax.numpy as jnp
from rich.console import Console
from rich.table import Table

from ..activation import activation_named
from ..data import Dataset
from ..field import AbstractField, Projected
from ..naming import closest
from ..systems.catalogue import NETWORKS, Network
from ..systems.leaky import LayeredLeakyIntegrator
from . import own

ACTIVATIONS = ("hard_sigmoid", "tanh", "logistic", "relu", "identity", "power(3)")


def network(
    system: str,
    sizes: tuple[int, ...],
    *,
    activation: str | None,
    flow: str = "plain",
    seed: int = 0,
    dtype: str = "float64",
) -> AbstractField:
    """The network called `system`, with random weights.

    `activation` None leaves the choice to the system. Raises `ValueError` and `TypeError` for an
    unknown system and for what it refuses.
    """
    options: dict[str, Any] = {"key": jax.random.key(seed), "dtype": jnp.dtype(dtype)}
    if activation is not None:
        options["activation"] = activation_named(activation)
    if own.is_own(system):
        field = own.made(system, own.found(system), sizes, **options)
    else:
        entry = named(system)
        field = entry.init(sizes, **{"activation": entry.activation, **options})
    if flow == "plain" or isinstance(field, Projected):
        return field
    if not isinstance(field, LayeredLeakyIntegrator):
        raise ValueError(f"flow projected is for leaky: {system} keeps to the flow of its own.")
    return Projected(field)


def require_ends(sizes: tuple[int, ...], images: Dataset) -> None:
    """Refuse sizes that do not start with the pixels and end with the classes of `images`."""
    ends, wanted = (sizes[0], sizes[-1]), (images.images.shape[1], images.classes)
    if ends != wanted:
        raise ValueError(
            f"sizes starts with {ends[0]} and ends with {ends[1]}, but {images.name} has "
            f"{wanted[0]} pixels and {wanted[1]} classes: write --sizes {wanted[0]},…,{wanted[1]}"
        )


def named(system: str) -> Network:
    """The entry of the catalogue; `ValueError` with the nearest names if there is none."""
    if system not in NETWORKS:
        raise ValueError(
            f"unknown system {system!r}: {closest(system, NETWORKS)} "
            "A class of your own is FILE.py:NAME."
        )
    return NETWORKS[system]


def rows() -> list[dict[str, Any]]:
    """What there is to know of each network before it is made."""
    return [
        {
            "system": name,
            "about": entry.about,
            "source": entry.source,
            "activation": entry.activation.name,
            "other_activations": [a for a in taken(entry) if a != entry.activation.name],
        }
        for name, entry in NETWORKS.items()
    ]


def taken(entry: Network) -> list[str]:
    """The names of the activations that a network takes: it is asked."""
    return [name for name in ACTIVATIONS if _takes(entry, name)]


def _takes(entry: Network, name: str) -> bool:
    try:
        entry.init((1, 1, 1), activation=activation_named(name), key=jax.random.key(0))
    except (ValueError, TypeError):
        return False
    return True


def show(as_json: bool) -> None:
    """Print the networks, as a table or as JSON."""
    if as_json:
        print(json.dumps(rows(), ensure_ascii=False))
        return
    table = Table(title="Systems", title_justify="left")
    for heading in ("system", "what it is", "source", "activation", "it also takes"):
        table.add_column(heading, overflow="fold")
    for row in rows():
        others = row["other_activations"]
        told = "any other" if len(others) == len(ACTIVATIONS) - 1 else ", ".join(others)
        table.add_row(*(row[k] for k in ("system", "about", "source", "activation")), told)
    table.caption = "a class of your own: FILE.py:NAME"
    (Console() if sys.stdout.isatty() else Console(width=140)).print(table)
