"""Basins of attraction: to which attractor each of many starts goes.

The starts are settled in chunks, and the ends that belong together are given one label. An
attractor is a point, or a whole curve or surface of fixed points, as learning flows have them: two
ends are on the same one if attracting fixed points lead from one to the other.
"""

import collections
import dataclasses
import math
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.flatten_util
import jax.numpy as jnp
import numpy as np
import rich.console
import rich.progress
from jaxtyping import Array, Bool, Float, Int, PyTree, Shaped
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import KDTree

from .aliases import Scalar
from .batching import prepare
from .field import AbstractField, largest
from .integrate import verdict_names
from .linearise import kind_names, linearise
from .settle import AbstractMethod, Relax, settle

Points = Float[np.ndarray, "k d"]
Pairs = Int[np.ndarray, "e 2"]

REPELLING = ("saddle", "unstable_node", "unstable_focus")
NEIGHBOURS = 6  # of an end on a curve or surface, looked at for ways to go on
BLOCK = 256  # points projected together, always as many, so that one compiling serves
SHORT = 1 / 500  # steps of a walk, as a share of the size of all there is
LEVELS = 60  # of halving a way; each makes its pieces shorter by a tenth or more
PROJECTION_STEPS = 50


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
    `chunk`, how many starts are settled together: they wait for the slowest among them, and more
    at a time suit an accelerator; `progress` shows a bar on stderr.

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
    for name, value in (("merge", merge), ("chunk", chunk)):
        if value is not None and not 0 < value < math.inf:
            raise ValueError(f"{name} is {value}: it must be positive and finite.")
    options = {"tol": tol, "max_time": max_time, "method": method or Relax(accuracy=1e-6)}
    end, residual, time, verdict = _settle_all(flow, starts, inputs, chunk, progress, options)
    rested = np.flatnonzero(verdict == "settled")
    box = np.concatenate([_flat(starts), end[rested]])
    size = float(np.ptp(box, axis=0).max()) or max(float(np.abs(box).max()), 1.0)
    example = jax.tree.map(lambda leaf: jnp.asarray(leaf[0]), starts)
    around = _FixedSet(flow, flow.drive(inputs), example, inputs, jnp.asarray(tol, end.dtype))
    part, neutral = _group(around, end[rested], merge or 1e-4 * size, SHORT * size)
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
    """Ends, residuals, times and verdicts of all starts, settled chunk by chunk."""
    count, parts = len(jax.tree.leaves(starts)[0]), []
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
        end = _flat(jax.tree.map(np.asarray, run.state))
        parts.append((end, run.residual, run.time, verdict_names(run.verdict)))
    return [np.concatenate(column)[:count] for column in zip(*parts, strict=True)]


class _FixedSet(eqx.Module):
    """The fixed points of a flow, seen from nearby, on flattened states."""

    flow: AbstractField
    drive: PyTree
    example: PyTree
    inputs: PyTree
    tol: Scalar

    def near(
        self, points: Points, reach: Float[np.ndarray, " k"]
    ) -> tuple[Points, Bool[np.ndarray, " k"], Bool[np.ndarray, " k"], Int[np.ndarray, " k"]]:
        """The fixed point near each of `points`: (it, whether there is one, attracts, neutral).

        Near is within `reach`; where there is none, the point itself is given and judged.
        """
        unravel = jax.vmap(jax.flatten_util.ravel_pytree(self.example)[1])
        parts = []
        for begin in range(0, len(points), BLOCK):
            rows = np.minimum(np.arange(begin, begin + BLOCK), len(points) - 1)
            found, residual = _project(self, jnp.asarray(points[rows]), jnp.asarray(reach[rows]))
            moved = jnp.linalg.norm(found - points[rows], axis=1)
            fixed = (residual <= self.tol) & (moved <= reach[rows])
            place = jnp.where(fixed[:, None], found, points[rows])
            local = linearise(self.flow, unravel(place), self.inputs)
            attracts = ~np.isin(kind_names(local.kind), REPELLING)
            parts.append((place, fixed, attracts, local.neutral))
        found, fixed, attracts, neutral = (
            np.concatenate(column)[: len(points)] for column in zip(*parts, strict=True)
        )
        return found, fixed, attracts, neutral

    def joined(
        self, a: Points, b: Points, neutral: Int[np.ndarray, " e"], short: float
    ) -> Bool[np.ndarray, " e"]:
        """Whether fixed points that attract lead from each of `a` to the one of `b`.

        The middle of each way is moved onto the fixed set and must lie between; then the halves
        are looked at, down to the length `short`. `neutral` is the most it may have there.
        """
        joined, way = np.ones(len(a), bool), np.arange(len(a))
        for _ in range(LEVELS):
            if not len(way):
                return joined
            gap = np.linalg.norm(b - a, axis=1)
            middle, fixed, attracts, found = self.near((a + b) / 2, gap)
            longest = np.linalg.norm([middle - a, middle - b], axis=2).max(axis=0)
            leads = fixed & attracts & (found <= neutral[way]) & (longest < 0.9 * gap)
            joined[way[~leads]] = False
            go_on = joined[way] & (longest > short)
            a, b, middle, way = a[go_on], b[go_on], middle[go_on], way[go_on]
            a, b, way = np.concatenate([a, middle]), np.concatenate([middle, b]), np.r_[way, way]
        joined[way] = False
        return joined


@eqx.filter_jit
def _project(around: _FixedSet, points: Array, reach: Array) -> tuple[Array, Array]:
    """The zero of the defect near each point, by Levenberg–Marquardt, and the residual there."""
    unravel = jax.flatten_util.ravel_pytree(around.example)[1]

    def defect(s):
        mu = around.flow.defect(jnp.zeros((), s.dtype), unravel(s), around.drive)
        return jax.flatten_util.ravel_pytree(mu)[0]

    def one(s, reach):
        def step(carry):
            s, steps, solved = carry
            mu, slope = defect(s), jax.jacfwd(defect)(s)
            normal = slope.T @ slope
            # damping by |μ|² keeps Newton's speed where zeros are not isolated, and the step short
            rounding = jnp.finfo(s.dtype).eps * jnp.trace(normal) + jnp.finfo(s.dtype).tiny
            damping = jnp.sum(mu**2) / reach**2 + rounding
            move = jnp.linalg.solve(normal + damping * jnp.eye(s.size, dtype=s.dtype), slope.T @ mu)
            return s - move, steps + 1, jnp.where(largest(mu) <= around.tol, solved + 1, solved)

        def unfinished(carry):
            return (carry[1] < PROJECTION_STEPS) & (carry[2] < 3)  # thrice, for the last digits

        s, _, _ = jax.lax.while_loop(unfinished, step, (s, 0, 0))
        return s, largest(defect(s))

    return jax.vmap(one)(points, reach)


def _group(
    around: _FixedSet, ends: Points, merge: float, short: float
) -> tuple[Int[np.ndarray, " m"], Int[np.ndarray, " m"]]:
    """For each end the part of the fixed set that it is on, −1 where that repels, and `neutral`."""
    if not len(ends):
        return np.zeros(0, int), np.zeros(0, int)
    cell = np.round(ends / (merge / math.sqrt(ends.shape[1])))
    _, first, member = np.unique(cell, axis=0, return_index=True, return_inverse=True)
    reach = np.full(len(first), merge, ends.dtype)
    points, _, attracts, neutral = around.near(ends[first], reach)
    part = np.full(len(points), -1)
    if attracts.any():
        part[attracts] = _parts(around, points[attracts], neutral[attracts], merge, short)
    return part[member.ravel()], neutral[member.ravel()]


def _parts(
    around: _FixedSet, points: Points, neutral: Int[np.ndarray, " k"], merge: float, short: float
) -> Int[np.ndarray, " k"]:
    """Numbers the parts of the fixed set that `points`, at least one, are on."""
    pairs = KDTree(points).query_pairs(merge, output_type="ndarray").astype(int)
    part, tried = _components(pairs, len(points)), set()
    curved = np.flatnonzero(neutral)
    propose: Callable = _neighbours
    while len(curved):
        ways = curved[propose(points[curved], part[curved])]
        ways = ways[part[ways[:, 0]] != part[ways[:, 1]]]
        ways = np.array([w for w in map(tuple, ways) if w not in tried], int).reshape(-1, 2)
        if not len(ways) and propose is _bridges:
            break
        tried.update(map(tuple, ways))
        limit = neutral[ways].max(axis=1)
        leads = around.joined(points[ways[:, 0]], points[ways[:, 1]], limit, short)
        pairs = np.concatenate([pairs, ways[leads]])
        part, propose = _components(pairs, len(points)), _bridges
    return part


def _components(pairs: Pairs, count: int) -> Int[np.ndarray, " k"]:
    graph = coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(count, count))
    return connected_components(graph, directed=False)[1].astype(int)


def _neighbours(points: Points, part: Int[np.ndarray, " k"]) -> Pairs:
    """Every point with its nearest ones."""
    _, near = KDTree(points).query(points, min(NEIGHBOURS + 1, len(points)))
    near = near.reshape(len(points), -1)
    pairs = np.stack([np.repeat(np.arange(len(points)), near.shape[1]), near.ravel()], axis=1)
    return np.unique(np.sort(pairs, axis=1), axis=0)


def _bridges(points: Points, part: Int[np.ndarray, " k"]) -> Pairs:
    """For every two parts, the two points in which they come closest."""
    found = [np.empty((0, 2), int)]
    for number in np.unique(part)[:-1]:
        inside, others = np.flatnonzero(part == number), np.flatnonzero(part > number)
        distance, nearest = KDTree(points[inside]).query(points[others])
        order = np.lexsort((distance, part[others]))
        _, first = np.unique(part[others][order], return_index=True)
        best = order[first]
        found.append(np.stack([inside[np.asarray(nearest)[best]], others[best]], axis=1))
    return np.sort(np.concatenate(found), axis=1)


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
