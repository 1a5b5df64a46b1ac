"""Ensembles: up to millions of starts of a small field, each followed to its verdict.

The starts are taken in blocks, which a few lanes work off (see `lanes.py`), so that memory does not
grow with their number; with `out` the results do not stay in memory either.
"""

import os
from collections.abc import Callable, Sequence
from typing import Any

import diffrax as dfx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree

from .field import AbstractField
from .relax import Relax
from .starts import LANES, Starts, follower, one_input, settle_blocks


def ensemble(
    flow: AbstractField,
    starts: PyTree | Callable[[np.ndarray], PyTree],
    inputs: PyTree = None,
    *,
    count: int | None = None,
    tol: float = 1e-8,
    accuracy: float = 1e-6,
    max_time: float = 1000.0,
    max_steps: int = 2000,
    solver: dfx.AbstractSolver | None = None,
    lanes: int = LANES,
    block: int | None = None,
    out: str | os.PathLike | None = None,
    progress: bool = False,
    devices: Sequence[Any] | None = None,
) -> Any:
    """Settle very many starts of one flow, each judged by itself.

    The ends are those of `settle` with `Relax(accuracy, max_steps=max_steps, solver=solver)`, an
    order of magnitude sooner for fields of a few units. The first block compiles.

    **Arguments:** `starts`, states of the flow with a leading batch axis, of which only a block at
    a time is looked at, so that they may be memory-mapped; or a function that makes the states of
    an array of start numbers (n,), 0 to `count` − 1, in blocks of their order. `inputs`, those of
    one sample. `tol` and `max_time` as in `settle`, `accuracy`, `max_steps` and `solver` as in
    `Relax`: `accuracy` moves boundaries between basins by about as much. `lanes`, how many of them
    advance together; `block`, how many are handed over at a time, by default 262,144 where states
    are small. `out`, a folder to be written in the zarr format, one chunk for each block.
    `progress` shows a bar on stderr. `devices`, among which each block is shared; by default JAX's
    first. A processor is one device, and one core at work, unless the environment divides it, as
    JAX_NUM_CPU_DEVICES=2 does: then give `jax.devices()`.

    **Returns** a `Settled` with one entry for each start, in their order. With `out`, the opened
    xarray dataset of the same, which is read when it is looked into; `record.from_dataset` makes it
    a `Settled`. Called again after it was stopped, even killed, it goes on where it was and ends
    with the same numbers.

    **Raises** `ValueError` or `TypeError` for starts that are not finite states and for anything
    that `settle` refuses; `ValueError` where `out` is anything but this very ensemble.

    >>> import jax.numpy as jnp, numpy as np, neurodyn as nd
    >>> flow = nd.chain_flow(c=(1.0,), alpha=1.0, beta=1.0)
    >>> starts = np.random.default_rng(0).uniform(-2, 2, (300, 2))
    >>> found = nd.ensemble(flow, starts, tol=1e-6)
    >>> found.counts(), found.state.shape
    ({'settled': 300}, (300, 2))
    """
    for name, value in (("lanes", lanes), ("block", block), ("max_steps", max_steps)):
        if value is not None and not (isinstance(value, int) and value > 0):
            raise ValueError(f"{name} is {value}: it must be a whole number above zero.")
    if devices is not None and not len(devices):
        raise ValueError("devices is empty: leave it out, or give one or more, as jax.devices().")
    inputs = one_input(flow, inputs)
    given = Starts(flow, starts, count)
    chosen = dfx.Tsit5() if solver is None else solver
    if not isinstance(chosen, dfx.AbstractERK):
        raise TypeError(
            f"solver is {type(chosen).__name__}: give an explicit Runge–Kutta solver of diffrax "
            "that estimates its error, such as diffrax.Tsit5()."
        )
    method = Relax(accuracy=accuracy, max_steps=max_steps, solver=chosen)
    rules = follower(flow, inputs, tol, max_time, method)
    blocks = given.blocks(block)
    size = blocks[0][1]
    how = {"lanes": lanes, "size": size, "devices": devices, "progress": progress}
    if out is not None:
        from . import streaming  # zarr and xarray take a while to import

        return streaming.stream(out, rules, given, inputs, blocks, how)
    if not given.made:
        for begin, end in blocks:  # all of them, before the work
            given.rows(begin, end)
    parts = [run for _, run in settle_blocks(rules, given, blocks, **how)]
    return jax.tree.map(lambda *rows: jnp.asarray(np.concatenate(rows)), *parts)
