"""Where a flow of the plane rests: isolated points, and the curves that fixed points can form.

Learning flows rest on curves, where the Jacobian is singular by construction and rounding decides
the sign of its zero eigenvalue. A curve is therefore found as a whole, as a part of a nullcline on
which the other component vanishes too, and judged as a whole: by the eigenvalue *across* it, which
changes sign at few points (`semistable`), found by Newton. Between them an arc has one kind.
"""

import dataclasses
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import scipy  # whose parts are loaded when they are needed
from jaxtyping import Bool, Complex, Float, Int

from .grouping import components
from .linearise import kind_names, linearise
from .nullclines import Grid, solved
from .planar import PlanarFlow, Points, Vector, jacobians, values

FEWEST = 4  # points in a row that make a curve


@dataclasses.dataclass(frozen=True)
class FixedPoint:
    """An isolated fixed point.

    **Fields:** `position`, (2,); `eigenvalues`, (2,); `kind`, as in `Kind`, or "degenerate" where
    an eigenvalue is zero, so that the first order does not tell.
    """

    position: Vector
    kind: str
    eigenvalues: Complex[np.ndarray, " 2"]


@dataclasses.dataclass(frozen=True)
class FixedArc:
    """A stretch of a curve of fixed points, all of one kind.

    **Fields:** `points`, (k, 2), in order along the curve; `transverse`, (k,), the eigenvalue
    across the curve; `kind`: "stable", "unstable", "semistable" (attracts from one side) or
    "neutral".
    """

    points: Points
    transverse: Float[np.ndarray, " k"]
    kind: str


class _Tangency(eqx.Module):
    """Zero where a fixed point's eigenvalue across its curve is zero, that is, the trace."""

    flow: PlanarFlow

    def __call__(self, s):
        jacobian = jax.jacfwd(lambda s: self.flow(0.0, s, None))(s)
        return jnp.append(self.flow(0.0, s, None), jnp.trace(jacobian))


class _AtRest(eqx.Module):
    """The whole flow, as a residual."""

    flow: PlanarFlow

    def __call__(self, s):
        return self.flow(0.0, s, None)


def _runs(holds: Bool[np.ndarray, " k"]) -> list[slice]:
    """The stretches of `FEWEST` or more in which `holds` is true throughout."""
    edges = np.flatnonzero(np.diff(np.r_[False, holds, False].astype(int)))
    return [slice(a, b) for a, b in edges.reshape(-1, 2) if b - a >= FEWEST]


def fixed_curves(
    flow: PlanarFlow, grid: Grid, nullclines: tuple[tuple[Points, ...], ...]
) -> list[Points]:
    """The curves of fixed points, each an ordered (k, 2): where one nullcline is at rest."""
    found: list[Points] = []
    for line in (line for lines in nullclines for line in lines):
        resting = np.abs(values(flow, line)).max(axis=1) <= grid.rest
        if found:  # both nullclines hold it
            distance, _ = scipy.spatial.KDTree(np.concatenate(found) / grid.cell).query(
                line / grid.cell
            )
            resting &= distance > 1
        closed = bool(np.all(line[0] == line[-1]))
        if closed and not resting.all():  # begin where it does not rest
            start = int(np.argmin(resting[:-1]))
            line = np.roll(line[:-1], -start, axis=0)
            resting = np.roll(resting[:-1], -start)
        found += [line[run] for run in _runs(resting)]
    return _joined(found, grid)


def _joined(curves: list[Points], grid: Grid) -> list[Points]:
    """The curves with those made one that go on in each other; a ring ends where it begins."""
    whole: list[Points] = []
    for curve in curves:
        rest = []
        for other in whole:
            longer = _continued(other, curve, grid.cell)
            if longer is None:
                rest.append(other)
            else:
                curve = longer
        whole = [*rest, curve]
    rings = [_meets(c[-2:], c[:2], grid.cell) for c in whole]
    return [np.concatenate([c, c[:1]]) if r else c for c, r in zip(whole, rings, strict=True)]


def _continued(first: Points, second: Points, cell: Vector) -> Points | None:
    """Both as one curve if an end of one goes on in an end of the other."""
    for a in (first, first[::-1]):
        for b in (second, second[::-1]):
            if _meets(a[-2:], b[:2], cell):
                return np.concatenate([a, b])
    return None


def _meets(before: Points, after: Points, cell: Vector) -> bool:
    """Whether a curve that ends in two points goes on, without a corner, in two others."""
    last, gap, first = (
        (b - a) / cell
        for a, b in ((before[0], before[1]), (before[1], after[0]), (after[0], after[1]))
    )
    straight = np.dot(last, first) > 0.5 * np.linalg.norm(last) * np.linalg.norm(first)
    return bool(straight and 0 < np.linalg.norm(gap) < 2 and np.dot(gap, last) > 0)


def arcs(flow: PlanarFlow, grid: Grid, curve: Points) -> tuple[list[FixedArc], Points]:
    """The arcs of one kind each that make up a curve, and the points between them, (k, 2)."""
    across = np.trace(jacobians(flow, curve), axis1=1, axis2=2)  # along it the eigenvalue is 0
    slope = np.abs(jacobians(flow, grid.nodes()[:: max(1, grid.u.size // 400)]))
    if np.abs(across).max() <= 1e-6 * np.nanmedian(slope.max(axis=(1, 2))):
        return _by_sides(flow, grid, curve, across), np.empty((0, 2))
    changes = np.flatnonzero(np.diff(_signs(across)))
    middle = (curve[changes] + curve[changes + 1]) / 2
    cuts = solved(_Tangency(flow), middle, grid) if len(changes) else middle
    off = np.abs((cuts - middle) / grid.cell).max(axis=1, initial=0) > 2
    cuts = np.where(off[:, None], middle, cuts)
    pieces = []
    for k, part in enumerate(np.split(np.arange(len(curve)), changes + 1)):
        ends = cuts[k - 1 : k] if k else cuts[:0], cuts[k : k + 1]
        points = np.concatenate([ends[0], curve[part], ends[1]])
        zeros = np.zeros(len(ends[0])), np.zeros(len(ends[1]))
        transverse = np.concatenate([zeros[0], across[part], zeros[1]])
        kind = "stable" if np.median(across[part]) < 0 else "unstable"
        pieces.append(FixedArc(points, transverse, kind))
    return _ring(pieces), cuts


def _ring(pieces: list[FixedArc]) -> list[FixedArc]:
    """The arcs of a curve, without the cut that a ring has only because it is begun somewhere."""
    first, last = pieces[0], pieces[-1]
    closed = bool(np.all(first.points[0] == last.points[-1]))
    if len(pieces) < 2 or not closed or first.kind != last.kind:
        return pieces
    points = np.concatenate([last.points, first.points[1:]])
    transverse = np.concatenate([last.transverse, first.transverse[1:]])
    return [FixedArc(points, transverse, first.kind), *pieces[1:-1]]


def _signs(rates: Float[np.ndarray, " k"]) -> Float[np.ndarray, " k"]:
    """−1 or 1 for each of the rates, not all zero; a zero takes after the one before it."""
    decided = np.flatnonzero(np.abs(rates) > 1e-9 * np.abs(rates).max())
    before = np.searchsorted(decided, np.arange(len(rates)), "right") - 1
    return np.sign(rates[decided[np.maximum(before, 0)]])


def _by_sides(flow: PlanarFlow, grid: Grid, curve: Points, across: Any) -> list[FixedArc]:
    """The arcs of a curve without a rate across it, by where the flow goes on either side."""
    along = np.gradient(curve / grid.cell, axis=0)
    normal = np.stack([-along[:, 1], along[:, 0]], axis=1)
    normal = normal / np.linalg.norm(normal, axis=1, keepdims=True) * grid.cell / 10
    out = [
        np.sign(np.sum(values(flow, curve + side * normal) * side * normal / grid.cell**2, axis=1))
        for side in (1, -1)
    ]
    code = (out[0] + out[1]).astype(int)  # −2 attracts from both sides, 2 repels
    both_zero = (out[0] == 0) & (out[1] == 0)
    names = np.select(
        [both_zero, code < 0, code > 0], ["neutral", "stable", "unstable"], "semistable"
    )
    cuts = np.flatnonzero(names[1:] != names[:-1]) + 1
    parts = np.split(np.arange(len(curve)), cuts)
    return _ring([FixedArc(curve[p], across[p], str(names[p[0]])) for p in parts])


def fixed_points(
    flow: PlanarFlow, grid: Grid, curves: list[Points]
) -> tuple[tuple[FixedPoint, ...], list[Points]]:
    """The isolated fixed points, from Newton's method started at every grid point; more curves.

    The curves are those that `curves` lacks because neither component changes its sign there.
    """
    ends = solved(_AtRest(flow), grid.nodes(), grid)
    mu = np.abs(values(flow, ends)).max(axis=1)
    ends = ends[(mu <= grid.rest) & np.isfinite(ends).all(axis=1) & grid.inside(ends)]
    if curves and len(ends):
        distance, _ = scipy.spatial.KDTree(np.concatenate(curves) / grid.cell).query(
            ends / grid.cell
        )
        ends = ends[distance > 1]
    if not len(ends):
        return (), []
    found = _distinct(ends, grid)
    lin = linearise(flow, jnp.asarray(found), None)
    eigenvalues, kinds = np.asarray(lin.eigenvalues), kind_names(lin.kind)
    size = np.abs(eigenvalues)  # a multiple zero is known only to the root of the precision
    vanishing = (size.min(axis=1) <= 1e-6 * size.max(axis=1)) | (kinds == "neutral")
    rows, in_rows = _rows(found, vanishing, grid)
    kinds = np.where(vanishing, "degenerate", kinds)
    each = zip(found[~in_rows], kinds[~in_rows], eigenvalues[~in_rows], strict=True)
    points = tuple(FixedPoint(point, str(kind), spectrum) for point, kind, spectrum in each)
    return points, _joined(rows, grid)


def _rows(
    points: Points, vanishing: Bool[np.ndarray, " k"], grid: Grid
) -> tuple[list[Points], Bool[np.ndarray, " k"]]:
    """Degenerate points that stand in rows, ordered along them; and which points those are."""
    which = np.flatnonzero(vanishing)
    in_rows = np.zeros(len(points), bool)
    if len(which) < FEWEST:
        return [], in_rows
    group, rows = _groups(points[which] / grid.cell, 2.0), []
    for number in np.unique(group):
        members = which[group == number]
        _, first = np.unique(np.round(points[members] / grid.cell), axis=0, return_index=True)
        if len(first) >= FEWEST:  # of those, one to a cell
            in_rows[members] = True
            rows.append(_ordered(points[members[first]], grid.cell))
    return rows, in_rows


def _ordered(points: Points, cell: Vector) -> Points:
    """The points from one end of their row to the other, each followed by the nearest left."""
    left = points / cell
    here = int(np.argmax(np.linalg.norm(left - left[0], axis=1)))
    order, todo = [here], set(range(len(points))) - {here}
    while todo:
        rest = np.array(sorted(todo))
        here = int(rest[np.argmin(np.linalg.norm(left[rest] - left[order[-1]], axis=1))])
        order.append(here)
        todo.remove(here)
    return points[order]


def _groups(places: Points, reach: float) -> Int[np.ndarray, " k"]:
    """A number for each point, the same for those that steps of at most `reach` join."""
    pairs = scipy.spatial.KDTree(places).query_pairs(reach, output_type="ndarray")
    return components(pairs, len(places))


def _distinct(points: Points, grid: Grid) -> Points:
    """One of each group of points that lie within a hundredth of a cell, from left to right."""
    _, first = np.unique(np.round(points / grid.cell, 3), axis=0, return_index=True)
    points = points[first]
    return points[np.unique(_groups(points / grid.cell, 1e-2), return_index=True)[1]]
