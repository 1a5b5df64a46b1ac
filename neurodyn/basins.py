"""Basins of attraction: to which attractor each of many starts goes.

The starts are settled as an ensemble, and the ends that belong together are given one label. An
attractor is a point, or a whole curve or surface of fixed points, as learning flows have them: two
ends are on the same one if attracting fixed points lead from one to the other.
"""

import collections
import dataclasses
import math
from collections.abc import Iterator
from typing import Any

import diffrax as dfx
import jax
import jax.numpy as jnp
import numpy as np
import rich.console
import rich.progress
from jaxtyping import Int, PyTree, Shaped

from .batching import prepare
from .field import AbstractField
from .grouping import SHORT, FixedSet, group
from .integrate import verdict_names
from .relax import Relax
from .resting import AbstractMethod, Settled
from .settle import settle
from .starts import LANES, Starts, follower, settle_blocks


@dataclasses.dataclass(frozen=True)
class Attractor:
    """What the starts of one label go to.

    **Fields:** `point`, (d,), one of their ends, near the middle; `low` and `high`, (d,), the
    corners of the box around the ends; `neutral`, the dimension of the set of fixed points: 0 for
    a point, 1 for a curve; `starts`, how many go there; `residual`, the largest of their ends.
    """

    point: Shaped[np.ndarray, " d"]
    low: Shaped[np.ndarray, " d"]
    high: Shaped[np.ndarray, " d"]
    neutral: int
    starts: int
    residual: float


@dataclasses.dataclass(frozen=True)
class Basins:
    """Where each of n starts goes.

    **Fields:** `label`, (n,), an index into `attractors`, −1 for a start that goes to none;
    `time`, (n,), spent on the way, in the time of the flow; `verdict`, (n,), the name of a
    `Verdict`: `settled` with every label but −1, `unstable` for a start that rests where the flow
    repels; `end`, (n, d), the end as the d numbers of the flattened state, NaN unless at rest;
    `attractors`, the most frequented first.
    """

    label: Int[np.ndarray, " n"]
    time: Shaped[np.ndarray, " n"]
    verdict: Shaped[np.ndarray, " n"]
    end: Shaped[np.ndarray, "n d"]
    attractors: tuple[Attractor, ...]

    def counts(self) -> dict[int, int]:
        """How many starts have each label, in the order of the labels, −1 last if it occurs."""
        found = collections.Counter(self.label.tolist())
        return {label: found[label] for label in (*range(len(self.attractors)), -1) if found[label]}


def basins(
    flow: AbstractField,
    starts: PyTree,
    inputs: PyTree = None,
    *,
    tol: float = 1e-8,
    max_time: float = 1000.0,
    method: AbstractMethod | None = None,
    merge: float | None = None,
    chunk: int = 1024,
    progress: bool = False,
) -> Basins:
    """Settle many starts of one flow, and tell which of them go to the same attractor.

    **Arguments:** `starts`, states of the flow with a leading batch axis; `inputs`, those of one
    sample; `tol` and `max_time` as in `settle`; `method`, by default `Relax(accuracy=1e-6)`, which
    moves the boundary between basins by about that much; `merge`, how far apart ends may be and
    still count as one point, by default 1e-4 of the size of the box around starts and ends;
    `chunk`, how many starts another method than `Relax` settles together: they wait for the slowest
    among them; `progress` shows a bar on stderr.

    **Returns** a `Basins`. Ends on a curve or surface of fixed points have one label if a walk
    along attracting fixed points joins them, in steps of 1/500 of that box: a repelling stretch
    that is narrower may be stepped over, and few ends on a strongly bent curve may be told apart.
    Eigenvalues of dense Jacobians judge what attracts: for states of up to some hundred numbers.

    **Raises** `ValueError` or `TypeError` for starts that are not a batch of finite states, and
    for anything that `settle` refuses.

    >>> import numpy as np, jax.numpy as jnp, neurodyn as nd
    >>> pair = nd.LeakyIntegrator(weights=jnp.array([[0.0, 2.0], [2.0, 0.0]]), activation=nd.tanh)
    >>> x, y = np.linspace(-3, 3, 10), np.linspace(-2, 2, 8)
    >>> grid = np.stack(np.meshgrid(x, y), axis=-1)  # (8, 10, 2), as pictures have it
    >>> found = nd.basins(pair, jnp.asarray(grid.reshape(-1, 2), float), jnp.zeros(2), tol=1e-5)
    >>> found.counts(), found.label.reshape(8, 10)[[0, 7], [0, 9]].tolist()
    ({0: 40, 1: 40}, [0, 1])
    """
    starts, inputs = _checked(flow, starts, inputs)
    if merge is not None and not 0 < merge < math.inf:
        raise ValueError(f"merge is {merge}: it must be positive and finite.")
    if not (isinstance(chunk, int) and chunk > 0):
        raise ValueError(f"chunk is {chunk}: it must be a whole number above zero.")
    options = {"tol": tol, "max_time": max_time, "method": method or Relax(accuracy=1e-6)}
    end, residual, time, verdict = _settle_all(flow, starts, inputs, chunk, progress, options)
    rested = np.flatnonzero(verdict == "settled")
    box = np.concatenate([_flat(starts), end[rested]])
    size = float(np.ptp(box, axis=0).max()) or max(float(np.abs(box).max()), 1.0)
    example = jax.tree.map(lambda leaf: jnp.asarray(leaf[0]), starts)
    around = FixedSet(flow, flow.drive(inputs), example, inputs, jnp.asarray(tol, end.dtype))
    part, neutral = group(around, end[rested], merge or 1e-4 * size, SHORT * size)
    label, attractors = _ranked(part, neutral, rested, end, residual)
    verdict[rested[part < 0]] = "unstable"
    end[~np.isin(verdict, ("settled", "unstable"))] = np.nan
    return Basins(label, time, verdict, end, attractors)


def _checked(flow: AbstractField, starts: Any, inputs: Any) -> tuple[PyTree, PyTree]:
    _, one, batch = prepare(flow, None, inputs)
    if batch is not None:
        raise ValueError("inputs hold a batch: all starts share those of one sample.")
    if starts is None:
        raise ValueError("starts is None: give states with a leading batch axis.")
    try:
        starts, _, batch = prepare(flow, starts, inputs)
    except (ValueError, TypeError) as error:  # there it goes by another name
        raise type(error)(str(error).replace("state0", "starts")) from None
    if batch is None:
        raise ValueError("starts is a single state: give several, with a leading batch axis.")
    return jax.tree.map(np.asarray, starts), one


def _flat(states: PyTree) -> Shaped[np.ndarray, "n d"]:
    """A batch of states as rows of numbers, in the order of the flattened state."""
    return np.concatenate([leaf.reshape(len(leaf), -1) for leaf in jax.tree.leaves(states)], axis=1)


def _settle_all(
    flow: AbstractField, starts: PyTree, inputs: PyTree, chunk: int, progress: bool, options: dict
) -> list[np.ndarray]:
    """Ends, residuals, times and verdicts of all starts."""
    method = options["method"]
    if isinstance(method, Relax) and isinstance(method.solver, dfx.AbstractERK):
        given, rules = Starts(flow, starts), follower(flow, inputs, **options)
        blocks = given.blocks()
        runs = settle_blocks(
            rules, given, blocks, lanes=LANES, size=blocks[0][1], progress=progress
        )
        parts = [run for _, run in runs]
    else:
        parts = list(_in_chunks(flow, starts, inputs, chunk, progress, options))
    columns = [
        (_flat(run.state), run.residual, run.time, verdict_names(run.verdict)) for run in parts
    ]
    return [np.concatenate(column) for column in zip(*columns, strict=True)]


def _in_chunks(
    flow: AbstractField, starts: PyTree, inputs: PyTree, chunk: int, progress: bool, options: dict
) -> Iterator[Settled]:
    """What another method finds, chunk by chunk."""
    count = len(jax.tree.leaves(starts)[0])
    for begin in rich.progress.track(
        range(0, count, chunk),
        "settling",
        console=rich.console.Console(stderr=True),
        disable=not progress,
    ):
        # the last chunk is filled up with the last start, so that it compiles nothing anew
        rows = np.minimum(np.arange(begin, begin + chunk), count - 1)
        states = jax.tree.map(lambda leaf, rows=rows: leaf[rows], starts)
        run = settle(flow, inputs, states, **options)
        yield jax.tree.map(lambda leaf, n=count - begin: np.asarray(leaf)[:n], run)


def _ranked(
    part: Int[np.ndarray, " m"],
    neutral: Int[np.ndarray, " m"],
    rested: Int[np.ndarray, " m"],
    end: Shaped[np.ndarray, "n d"],
    residual: Shaped[np.ndarray, " n"],
) -> tuple[Int[np.ndarray, " n"], tuple[Attractor, ...]]:
    """Labels by falling count of starts, those with the earlier start first; and what they mean."""
    label, attractors = np.full(len(end), -1), []
    numbers, first, counts = np.unique(part[part >= 0], return_index=True, return_counts=True)
    for rank, number in enumerate(numbers[np.lexsort((first, -counts))]):
        inside = part == number
        rows = rested[inside]
        label[rows] = rank
        ends = end[rows]
        middle = int(np.argmin(np.linalg.norm(ends - ends.mean(axis=0), axis=1)))
        attractors.append(
            Attractor(
                point=ends[middle].copy(),
                low=ends.min(axis=0),
                high=ends.max(axis=0),
                neutral=int(np.median(neutral[inside])),
                starts=len(rows),
                residual=float(residual[rows].max()),
            )
        )
    return label, tuple(attractors)
