"""Phase portraits of flows of the plane, as arrays: what `plot.portrait` draws.

The flow on a grid, its nullclines, its fixed points and the *curves* that fixed points can form,
each with its kind, the separatrices, and the cycles.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from .cycles import Cycle, find_cycles
from .field import AbstractField
from .fixed_sets import FixedArc, FixedPoint, arcs, fixed_curves, fixed_points
from .nullclines import Grid, grid, nullcline
from .planar import Points, mesh, planar
from .separatrices import Separatrix, separatrices


@dataclasses.dataclass(frozen=True)
class Portrait:
    """A phase portrait, as arrays.

    **Fields:** `x`, (nx,), and `y`, (ny,), the grid; `u` and `v`, (ny, nx), the flow on it, NaN
    where it is not defined; `nullclines`, the curves where u = 0 and those where v = 0; `points`,
    isolated fixed points; `arcs`, curves of fixed points cut where their kind changes;
    `semistable`, (k, 2), the points of these cuts; `separatrices`; `cycles`.
    """

    x: Float[np.ndarray, " nx"]
    y: Float[np.ndarray, " ny"]
    u: Float[np.ndarray, "ny nx"]
    v: Float[np.ndarray, "ny nx"]
    nullclines: tuple[tuple[Points, ...], tuple[Points, ...]]
    points: tuple[FixedPoint, ...]
    arcs: tuple[FixedArc, ...]
    semistable: Points
    separatrices: tuple[Separatrix, ...]
    cycles: tuple[Cycle, ...]

    @property
    def speed(self) -> Float[np.ndarray, "ny nx"]:
        """|μ| on the grid."""
        return np.hypot(self.u, self.v)

    def map(self, function: Callable[[Any], Any]) -> Float[np.ndarray, "ny nx"]:
        """`function` of the two numbers, as an array (2,), at every point of the grid."""
        nodes = jnp.asarray(mesh(self.x, self.y))
        return np.asarray(jax.vmap(function)(nodes)).reshape(self.u.shape)


def portrait(
    field: AbstractField,
    inputs: Any = None,
    *,
    xlim: tuple[float, float],
    ylim: tuple[float, float],
    resolution: int = 101,
    cycles: bool = True,
    max_time: float = 200.0,
) -> Portrait:
    """The phase portrait of a field of two numbers in a box.

    **Arguments:** `inputs`, those of one sample; `xlim` and `ylim`, the box; `resolution`, the
    number of grid points along each side: curves closer than a cell are not told apart; `cycles`,
    whether to look for them, which takes half of the time; `max_time`, how long trajectories are
    given to come near a cycle, in the time of the field.

    **Returns** a `Portrait`. Fixed points are found by Newton from every grid point, curves of
    them along the nullclines. Fixed points outside the box are not looked for; cycles are those
    that trajectories from a grid of 6 × 6 starts run into.

    **Raises** `ValueError` for an empty range, for a field whose state does not hold just two
    numbers, one that computes in float32, and one that is at rest on a whole region.

    >>> import neurodyn as nd
    >>> flow = nd.chain_flow(c=(1.0,), alpha=1.0, beta=1.0)
    >>> grid = nd.portrait(flow, xlim=(-3, 3), ylim=(-3, 3))
    >>> sorted(arc.kind for arc in grid.arcs), grid.semistable.round(9).tolist()
    (['stable', 'stable', 'unstable'], [[-1.0, -1.0]])
    """
    flow = planar(field, inputs)
    box = grid(flow, _axis("xlim", xlim, resolution), _axis("ylim", ylim, resolution))
    lines = nullcline(flow, box, 0), nullcline(flow, box, 1)
    curves = fixed_curves(flow, box, lines)
    points, touching = fixed_points(flow, box, curves)
    curves = [*curves, *touching]
    parts = [arcs(flow, box, curve) for curve in curves]
    cuts = np.concatenate([np.empty((0, 2)), *(cut for _, cut in parts)])
    return Portrait(
        x=box.x,
        y=box.y,
        u=box.u,
        v=box.v,
        nullclines=lines,
        points=points,
        arcs=tuple(arc for found, _ in parts for arc in found),
        semistable=cuts,
        separatrices=separatrices(flow, box, points, cuts, curves),
        cycles=find_cycles(flow, _starts(box), max_time) if cycles else (),
    )


def _axis(name: str, limits: Any, resolution: int) -> Float[np.ndarray, " n"]:
    ends = np.asarray(limits, float)
    if ends.shape != (2,) or not np.isfinite(ends).all() or not ends[0] < ends[1]:
        raise ValueError(f"{name} is {limits}: give two finite numbers, the smaller one first.")
    if resolution < 11:
        raise ValueError(f"resolution is {resolution}: give at least 11 points along a side.")
    return np.linspace(ends[0], ends[1], resolution)


def _starts(box: Grid) -> Points:
    """Starts spread over the box, off its centre lines, where symmetry would hold them."""
    share = (np.arange(6) + 0.5) / 6 + 0.01
    ends = [axis[0] + share * np.ptp(axis) for axis in (box.x, box.y)]
    return mesh(ends[0], ends[1])
