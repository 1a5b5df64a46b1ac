"""The orbits that part a flow of the plane: in and out of saddles and of semistable points.

They are run through by arc length instead of time, backwards where they come in, so that the slow
stretches beside a fixed point take no longer than the others.
"""

import dataclasses
from collections.abc import Iterator

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from .aliases import Time
from .field import AbstractField
from .fixed_sets import FixedPoint
from .integrate import integrate
from .nullclines import Grid
from .planar import PlanarFlow, Points, Vector, jacobians, values

LENGTH = 6.0  # of a separatrix, in sizes of the box
POINTS = 1500  # along a separatrix


@dataclasses.dataclass(frozen=True)
class Separatrix:
    """An orbit that ends ("stable") or begins ("unstable") at a saddle or a semistable point.

    Its `points`, (k, 2), run from there outwards, whichever way the flow goes.
    """

    points: Points
    kind: str


class _ByLength(AbstractField):
    """The orbits of a flow, run through at unit speed as seen in a box of `size`, but at rest."""

    planar: PlanarFlow
    size: Array
    slow: Array

    def shapes(self):
        return self.planar.shapes()

    def flow(self, t: Time, state, drive, /):
        mu = self.planar.flow(t, state, None)
        return mu / (jnp.linalg.norm(mu / self.size) + self.slow)


def separatrices(
    flow: PlanarFlow,
    box: Grid,
    points: tuple[FixedPoint, ...],
    semistable: Points,
    curves: list[Points],
) -> tuple[Separatrix, ...]:
    """The orbits through the saddles among `points` and through `semistable` points of `curves`."""
    size = np.array([np.ptp(box.x), np.ptp(box.y)])
    seeds = [seed for p in points if p.kind == "saddle" for seed in _at_saddle(flow, p, size)]
    seeds += [seed for p in semistable for seed in _at_curve(flow, p, size)]
    slow = jnp.asarray(1e-2 * box.rest / size.max())
    found = []
    for kind, way in (("stable", flow.backwards()), ("unstable", flow)):
        here = [(origin, step) for origin, step, which in seeds if which == kind]
        if not here:
            continue
        path = integrate(
            _ByLength(way, jnp.asarray(size), slow),
            np.array([origin + step for origin, step in here]),
            None,
            np.linspace(0, LENGTH, POINTS),
            rtol=1e-8,
            atol=1e-8 * size.min(),
            max_steps=2000,  # where an orbit comes to rest it would go on for ever
        )
        for (origin, _), orbit in zip(here, np.asarray(path.states), strict=True):
            line = np.concatenate([origin[None], _in_sight(orbit, box)])
            # at unit speed it may step across a curve of fixed points: there it ends
            ends = [_first_crossing(line, curve, box.cell) for curve in curves]
            found.append(Separatrix(line[: min(ends, default=len(line)) + 1], kind))
    return tuple(line for line in found if len(line.points) > 2)


def _at_saddle(
    flow: PlanarFlow, point: FixedPoint, size: Vector
) -> Iterator[tuple[Vector, Vector, str]]:
    """A saddle with each of the four steps along its manifolds, and which manifold that is."""
    rates, directions = np.linalg.eig(jacobians(flow, point.position[None])[0])
    for rate, direction in zip(np.real(rates), np.real(directions).T, strict=True):
        step = 1e-4 * direction / np.linalg.norm(direction / size)
        for way in (step, -step):
            yield point.position, way, "stable" if rate < 0 else "unstable"


def _at_curve(
    flow: PlanarFlow, point: Vector, size: Vector
) -> Iterator[tuple[Vector, Vector, str]]:
    """A semistable point with the steps either way along the one orbit that touches its curve."""
    # the Jacobian there is of rank 1 and maps everything onto the direction of that orbit
    direction = np.linalg.svd(jacobians(flow, point[None])[0])[0][:, 0]
    step = 1e-3 * direction / np.linalg.norm(direction / size)
    for way in (step, -step):
        # the orbit may bend to the other side of the curve than its tangent: the midpoint rule
        mu = values(flow, (point + way / 2)[None])[0]
        outwards = float(np.dot(mu, way)) > 0
        if mu.any():
            way = (1e-3 if outwards else -1e-3) * mu / np.linalg.norm(mu / size)
        yield point, way, "unstable" if outwards else "stable"


def _first_crossing(line: Points, curve: Points, cell: Vector) -> int:
    """The index of the first piece of `line` that meets `curve`; its length if none does.

    Beside its origin, where it may touch the curve, it meets the chords of the curve: not counted.
    """

    def side(a, b, c):  # of c, seen from a to b
        ab, ac = b - a, c - a
        return np.sign(ab[..., 0] * ac[..., 1] - ab[..., 1] * ac[..., 0])

    a, b = line[:-1, None], line[1:, None]
    c, d = curve[None, :-1], curve[None, 1:]
    meets = (side(a, b, c) * side(a, b, d) < 0) & (side(c, d, a) * side(c, d, b) < 0)
    beside = np.abs((line - line[0]) / cell).max(axis=1) < 2
    hit = meets.any(axis=1) & ~np.logical_and.accumulate(beside)[:-1]
    return int(np.argmax(hit)) if hit.any() else len(line)


def _in_sight(line: Points, box: Grid) -> Points:
    """The line up to where it ends, or leaves the box by half its size."""
    low = np.array([box.x[0], box.y[0]])
    high = np.array([box.x[-1], box.y[-1]])
    margin = (high - low) / 2
    out = ~((line > low - margin) & (line < high + margin)).all(axis=1)
    return line[: int(np.argmax(out))] if out.any() else line
