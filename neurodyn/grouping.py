"""Ends of trajectories that belong together: the parts of a set of fixed points that they are on.

Fixed points may be isolated or form curves and surfaces. Ends are thinned out, moved onto the set
by Levenberg–Marquardt and judged by `linearise`; then two of them are on the same part if a walk
along attracting fixed points leads from one to the other, by halving the way between them.
"""

import math
from collections.abc import Callable

import equinox as eqx
import jax
import jax.flatten_util
import jax.numpy as jnp
import numpy as np
import scipy  # whose parts are loaded when they are needed
from jaxtyping import Array, Bool, Float, Int, PyTree

from .aliases import Scalar
from .field import AbstractField, largest
from .linearise import kind_names, linearise

Points = Float[np.ndarray, "k d"]
Pairs = Int[np.ndarray, "e 2"]

REPELLING = ("saddle", "unstable_node", "unstable_focus")
NEIGHBOURS = 6  # of an end on a curve or surface, looked at for ways to go on
BLOCK = 256  # points projected together, always as many, so that one compiling serves
SHORT = 1 / 500  # steps of a walk, as a share of the size of all there is
LEVELS = 60  # of halving a way; each makes its pieces shorter by a tenth or more
PROJECTION_STEPS = 50


class FixedSet(eqx.Module):
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
def _project(around: FixedSet, points: Array, reach: Array) -> tuple[Array, Array]:
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


def group(
    around: FixedSet, ends: Points, merge: float, short: float
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
    around: FixedSet, points: Points, neutral: Int[np.ndarray, " k"], merge: float, short: float
) -> Int[np.ndarray, " k"]:
    """Numbers the parts of the fixed set that `points`, at least one, are on."""
    pairs = scipy.spatial.KDTree(points).query_pairs(merge, output_type="ndarray").astype(int)
    part, tried = components(pairs, len(points)), set()
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
        part, propose = components(pairs, len(points)), _bridges
    return part


def components(pairs: Pairs, count: int) -> Int[np.ndarray, " k"]:
    """A number for each of `count` points, the same for those that `pairs` join to one part."""
    graph = scipy.sparse.coo_array((np.ones(len(pairs)), tuple(pairs.T)), shape=(count, count))
    return scipy.sparse.csgraph.connected_components(graph, directed=False)[1].astype(int)


def _neighbours(points: Points, part: Int[np.ndarray, " k"]) -> Pairs:
    """Every point with its nearest ones."""
    _, near = scipy.spatial.KDTree(points).query(points, min(NEIGHBOURS + 1, len(points)))
    near = near.reshape(len(points), -1)
    pairs = np.stack([np.repeat(np.arange(len(points)), near.shape[1]), near.ravel()], axis=1)
    return np.unique(np.sort(pairs, axis=1), axis=0)


def _bridges(points: Points, part: Int[np.ndarray, " k"]) -> Pairs:
    """For every two parts, the two points in which they come closest."""
    found = [np.empty((0, 2), int)]
    for number in np.unique(part)[:-1]:
        inside, others = np.flatnonzero(part == number), np.flatnonzero(part > number)
        distance, nearest = scipy.spatial.KDTree(points[inside]).query(points[others])
        order = np.lexsort((distance, part[others]))
        _, first = np.unique(part[others][order], return_index=True)
        best = order[first]
        found.append(np.stack([inside[np.asarray(nearest)[best]], others[best]], axis=1))
    return np.sort(np.concatenate(found), axis=1)
