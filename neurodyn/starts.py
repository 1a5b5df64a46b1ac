"""The starts of an ensemble: checked, taken in blocks, and each block worked off by the lanes.

A block is all of the starts, and of their ends, that is in memory at a time.
"""

import collections
import math
from collections.abc import Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import rich.console
import rich.progress
from jaxtyping import PyTree

from .batching import check_tree, prepare
from .field import AbstractField
from .following import Follower
from .lanes import settle_block
from .relax import Relax
from .resting import Settled
from .settle import check_nudges, check_tolerance

LANES = 1024  # many more leave the cache of a core
LEAST, MOST = 4**3, 4**9  # starts in a block as it is compiled for
NUMBERS = 2**20  # in a block of states that are not small
AHEAD = 2  # blocks handed to JAX before the first is waited for

Rows = tuple[int, int]
"""The first row of a block, and the one after its last."""


class Starts:
    """The starts of an ensemble, checked: from arrays, or made of their numbers by a function.

    **Fields:** `shapes`, those of one state; `count`, how many there are.
    """

    def __init__(self, field: AbstractField, given: Any, count: int | None = None):
        self.shapes = field.shapes()[0]
        if callable(given):
            if not (isinstance(count, int) and count > 0):
                raise ValueError(f"count is {count}: say how many starts the function makes.")
            self.made, self.given, self.count = True, given, count
            check_tree("starts", given(np.arange(1)), self.shapes)
        elif count is not None:
            raise ValueError("count goes with starts that are a function: leave it out.")
        else:
            self.made, self.given = False, _arrays(given, self.shapes)
            self.count = len(jax.tree.leaves(self.given)[0])

    def blocks(self, size: int | None = None) -> list[Rows]:
        """The rows of each block; by default of about a million numbers."""
        numbers = sum(math.prod(shape.shape) for shape in jax.tree.leaves(self.shapes))
        size = size or min(MOST, _roomy(-(-NUMBERS // numbers)))
        return [(k, min(k + size, self.count)) for k in range(0, self.count, size)]

    def rows(self, begin: int, end: int) -> PyTree:
        """The starts from `begin` to before `end`, as NumPy arrays; refused unless finite."""
        if self.made:
            states = jax.tree.map(np.asarray, self.given(np.arange(begin, end)))
        else:
            states = jax.tree.map(lambda leaf: leaf[begin:end], self.given)
        for leaf, shape in zip(jax.tree.leaves(states), jax.tree.leaves(self.shapes), strict=True):
            if leaf.shape != (end - begin, *shape.shape):
                raise ValueError(
                    f"starts made an array of shape {leaf.shape} for {end - begin} numbers: it "
                    f"must have shape {(end - begin, *shape.shape)}."
                )
            if not np.isfinite(leaf).all():
                raise ValueError("starts holds NaN or infinite values: clean it first.")
        return jax.tree.map(lambda leaf, s: leaf.astype(s.dtype, copy=False), states, self.shapes)


def _arrays(given: Any, shapes: PyTree) -> PyTree:
    """`given` as NumPy arrays, as they lie, once it is known to be a batch of states."""
    if given is None:
        raise ValueError("starts is None: give states with a leading batch axis.")
    if isinstance(given, list) and isinstance(shapes, jax.ShapeDtypeStruct):
        given = np.asarray(given)  # plain numbers for a single array
    arrays = jax.tree.map(np.asanyarray, given)
    leaves, wanted = jax.tree.leaves(arrays), jax.tree.leaves(shapes)
    if [leaf.shape for leaf in leaves] == [shape.shape for shape in wanted]:
        raise ValueError("starts is a single state: give several, with a leading batch axis.")
    fits = [leaf.shape[1:] for leaf in leaves] == [shape.shape for shape in wanted]
    # where they fit, a row tells the rest: all of them might not fit into memory
    check_tree("starts", jax.tree.map(lambda a: a[:1], arrays) if fits else arrays, shapes)
    sizes = {len(leaf) for leaf in leaves}
    if len(sizes) > 1:
        raise ValueError(f"starts hold batches of different sizes: {sorted(sizes)}.")
    if sizes == {0}:
        raise ValueError("the batch is empty: give at least one start.")
    return arrays


def one_input(field: AbstractField, inputs: PyTree) -> PyTree:
    """`inputs`, once it is known that they fit the field and are those of one sample."""
    _, inputs, batch = prepare(field, None, inputs)
    if batch is not None:
        raise ValueError("inputs hold a batch: all starts share those of one sample.")
    return inputs


def follower(
    field: AbstractField, inputs: PyTree, tol: float, max_time: float, method: Relax
) -> Follower:
    """What lanes need to know; raises `ValueError` for what `settle` refuses."""
    dtype = jnp.result_type(*jax.tree.leaves(field.shapes()[0]))
    check_tolerance(tol, dtype)
    check_nudges(field, tol)
    if not 0 < max_time < float("inf"):
        raise ValueError(f"max_time is {max_time}: it must be positive and finite.")
    limits = jnp.asarray(tol, dtype), jnp.asarray(max_time, dtype)
    return Follower(field, field.drive(inputs), *limits, method)


def settle_blocks(
    rules: Follower,
    starts: Starts,
    blocks: Sequence[Rows],
    *,
    lanes: int,
    size: int,
    devices: Sequence[Any] | None = None,
    progress: bool = False,
) -> Iterator[tuple[Rows, Settled]]:
    """Each of `blocks`, the rows (first, after last), in turn, and what was found there.

    All are filled up to `size` rows or more, so that one compiling serves.
    """
    mesh = None if devices is None else jax.sharding.Mesh(np.asarray(devices), ("starts",))
    parts = 1 if devices is None else len(devices)
    share = _roomy(-(-size // parts))
    pending = collections.deque()
    with _bar(progress) as bar:
        task = bar.add_task("settling", total=starts.count)
        bar.advance(task, starts.count - sum(last - first for first, last in blocks))
        for first, last in [*blocks, *[(0, 0)] * AHEAD]:
            if last:
                states = _filled(starts.rows(first, last), share * parts)
                count = jnp.asarray(last - first, jnp.int32)
                run = settle_block(rules, states, count, min(lanes, share), mesh)
                pending.append(((first, last), run))
            if pending and (len(pending) > AHEAD or not last):
                rows, run = pending.popleft()
                yield rows, jax.tree.map(lambda a, n=rows[1] - rows[0]: np.asarray(a)[:n], run)
                bar.advance(task, rows[1] - rows[0])


def _bar(wanted: bool) -> rich.progress.Progress:
    return rich.progress.Progress(
        *rich.progress.Progress.get_default_columns(),
        rich.progress.MofNCompleteColumn(),
        console=rich.console.Console(stderr=True),
        disable=not wanted,
    )


def _roomy(count: int) -> int:
    """A power of four from `count` on, so that few sizes are compiled for."""
    size = LEAST
    while size < count:
        size *= 4
    return size


def _filled(states: PyTree, size: int) -> PyTree:
    """Rows repeated up to `size`: what they hold is not looked at."""
    return jax.tree.map(lambda leaf: np.resize(leaf, (size, *leaf.shape[1:])), states)
