"""A flow of the plane on a grid, Newton's method from many points of it, and the nullclines."""

import dataclasses
from typing import Any

import contourpy
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import scipy  # whose parts are loaded when they are needed
from jaxtyping import Array, Bool, Float

from .planar import PlanarFlow, Points, Vector, mesh, padded, values

NEWTON_STEPS = 60  # enough for multiple roots too, which take a fixed share at each step


@dataclasses.dataclass(frozen=True)
class Grid:
    """The points at which a flow was looked at, and what is large and small there.

    **Fields:** `x`, `y`, `u`, `v` as in `Portrait`; `cell`, (2,), the distance between
    neighbours; `rest`, the speed below which a point is at rest.
    """

    x: Float[np.ndarray, " nx"]
    y: Float[np.ndarray, " ny"]
    u: Float[np.ndarray, "ny nx"]
    v: Float[np.ndarray, "ny nx"]
    cell: Vector
    rest: float

    def nodes(self) -> Points:
        """All points of the grid, row by row."""
        return mesh(self.x, self.y)

    def inside(self, points: Points) -> Bool[np.ndarray, " k"]:
        """Which points lie in the box, its edge included."""
        low = np.array([self.x[0], self.y[0]]) - 1e-9 * self.cell
        high = np.array([self.x[-1], self.y[-1]]) + 1e-9 * self.cell
        return np.all((points >= low) & (points <= high), axis=1)


def grid(flow: PlanarFlow, x: Float[np.ndarray, " nx"], y: Float[np.ndarray, " ny"]) -> Grid:
    """The flow on the points (x, y); NaN where it is not finite.

    Raises `ValueError` where it is finite nowhere, or at rest on a whole region.
    """
    mu = values(flow, mesh(x, y))
    mu = np.where(np.isfinite(mu).all(axis=1, keepdims=True), mu, np.nan)
    if np.isnan(mu).all():
        raise ValueError("the flow is nowhere finite in this range: change xlim or ylim.")
    rest = 1e-9 * float(np.nanmedian(np.abs(mu).max(axis=1)))
    u, v = mu.T.reshape(2, len(y), len(x))
    resting = (np.abs(u) <= rest) & (np.abs(v) <= rest)
    if scipy.ndimage.binary_erosion(resting, np.ones((3, 3))).any():
        raise ValueError(
            "the flow is at rest on a whole region of this range, not at points or on curves: "
            "change xlim and ylim, or the flow."
        )
    return Grid(x, y, u, v, np.array([x[1] - x[0], y[1] - y[0]]), rest)


@eqx.filter_jit
def _newton(residual: Any, points: Array, cell: Array) -> Array:
    """Gauss–Newton for residual(s) = 0 from each point, in steps of a few cells at most."""

    def step(_, s):
        value, slope = residual(s), jax.jacfwd(residual)(s) * cell[None]  # in cells
        normal = slope.T @ slope
        # on a curve of zeros the slope is singular: this takes the shortest step
        damped = normal + (1e-15 * jnp.trace(normal) + 1e-200) * jnp.eye(2)
        move = jnp.linalg.solve(damped, slope.T @ value)
        return s - cell * move * jnp.minimum(1, 4 / (jnp.linalg.norm(move) + 1e-300))

    return jax.vmap(lambda s: jax.lax.fori_loop(0, NEWTON_STEPS, step, s))(points)


def solved(residual: Any, points: Points, grid: Grid) -> Points:
    """Where Gauss–Newton for `residual`, a module called with one state, ends from each point."""
    cell = jnp.asarray(grid.cell)
    return padded(lambda some: _newton(residual, some, cell), points)


class _Component(eqx.Module):
    """One component of the flow, as a residual."""

    flow: PlanarFlow
    which: Array

    def __call__(self, s):
        return self.flow(0.0, s, None)[self.which][None]


def nullcline(flow: PlanarFlow, grid: Grid, which: int) -> tuple[Points, ...]:
    """The curves on which component `which` of the flow is zero, each an ordered (k, 2).

    Contour lines of the grid, whose points are then moved onto the zero itself by Newton.
    """
    component = np.ma.masked_invalid((grid.u, grid.v)[which])
    lines = contourpy.contour_generator(grid.x, grid.y, component).lines(0.0)
    lines = [np.asarray(line) for line in lines if len(line) > 1]
    if not lines:
        return ()
    rough = np.concatenate(lines)
    exact = solved(_Component(flow, jnp.asarray(which)), rough, grid)
    near = np.abs((exact - rough) / grid.cell).max(axis=1) < 1
    points = np.where(near[:, None], exact, rough)
    return tuple(np.split(points, np.cumsum([len(line) for line in lines])[:-1]))
