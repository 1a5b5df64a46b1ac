"""Closed orbits of a flow of the plane: found from where trajectories keep moving, made exact.

A trajectory that never settles and stays bounded ends up near a cycle. From there its return to
the line across it is a map of one number, whose fixed point Newton finds; the slope of that map,
exp ∮ div μ dt, says whether the cycle attracts. Run backwards, the same finds those that repel.
"""

import dataclasses

import diffrax as dfx
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optimistix as optx
from jaxtyping import Array, Float

from .field import AbstractField
from .integrate import integrate, solve, verdict_names
from .planar import PlanarFlow, Points, values
from .relax import Relax
from .settle import settle
from .stepping import step_control

RETURNS = 5  # crossings of the line that are looked at for the way back
NEWTON_STEPS = 12
NEUTRAL = 1e-4  # how near to 1 a multiplier counts as 1
ACCURACY = 1e-10  # of the orbits, as a share of the box
SAME = 1e-3  # orbits nearer to each other than this share of the box are one


@dataclasses.dataclass(frozen=True)
class Cycle:
    """A closed orbit.

    **Fields:** `points`, (k, 2), once round, first and last the same; `period`; `multiplier`, by
    how much a small distance from the orbit changes in one period; `kind`: "stable", "unstable" or
    "neutral" (one of a family of closed orbits, as around a centre).
    """

    points: Float[np.ndarray, "k 2"]
    period: float
    multiplier: float
    kind: str


class _WithDivergence(AbstractField):
    """A flow of the plane, and beside it the integral of its divergence."""

    planar: PlanarFlow

    def shapes(self):
        state, _ = self.planar.shapes()
        return (state, jax.ShapeDtypeStruct((), state.dtype)), None

    def flow(self, t, state, drive, /):
        point, _ = state
        mu = self.planar.flow(t, point, None)
        slope = jax.jacfwd(lambda s: self.planar.flow(t, s, None))(point)
        return mu, jnp.trace(slope)


class _Crossing(eqx.Module):
    """The distance beyond the line through `point` across `normal`."""

    point: Array
    normal: Array

    def __call__(self, t, y, args, **_):
        # a start on the line counts as beyond it
        return jnp.dot(y[0] - self.point, self.normal) + 1e-13


@eqx.filter_jit
def _cross(flow: PlanarFlow, point: Array, start: Array, max_time: Array):
    """From `start` on to the next crossing of the line through `point`: (end, ∫div, time)."""
    normal = flow.flow(jnp.zeros(()), point, None)
    normal = normal / jnp.linalg.norm(normal)
    solution = solve(
        _WithDivergence(flow),
        (start, jnp.zeros(())),
        None,
        jnp.zeros(()),
        max_time,
        solver=dfx.Tsit5(),
        controller=step_control(ACCURACY, ACCURACY),
        saveat=dfx.SaveAt(t1=True),
        max_steps=20_000,
        event=dfx.Event(
            _Crossing(point, normal),
            root_finder=optx.Newton(rtol=1e-13, atol=1e-13),
            direction=True,
        ),
    )
    (end, grown), time = jax.tree.map(lambda y: y[-1], (solution.ys, solution.ts))
    crossed = solution.result == dfx.RESULTS.event_occurred
    tangent = jnp.stack([-normal[1], normal[0]])
    return end, grown, jnp.where(crossed, time, jnp.nan), tangent


def find_cycles(flow: PlanarFlow, starts: Points, max_time: float) -> tuple[Cycle, ...]:
    """The cycles that trajectories from `starts`, (k, 2), run into, forwards or backwards in time.

    `max_time` is how long they are given to get near a cycle, and to go once round. Of a family of
    neutral cycles, as many are found as starts lie on.
    """
    low, size = starts.min(axis=0), np.ptp(starts, axis=0)
    unit = flow.seen_from(low, size)  # lengths are shares of the box from here on
    seeds = (starts - low) / size
    speed = np.nanmedian(np.abs(values(unit, seeds)).max(axis=1))
    found: list[Cycle] = []
    for way in (unit, unit.backwards()):
        ends = settle(
            way,
            None,
            seeds,
            tol=max(1e-9 * float(speed), 1e-14),
            max_time=max_time,
            method=Relax(bound=1e2, max_steps=4000),
        )
        moving = np.isin(verdict_names(ends.verdict), ["timed_out", "out_of_steps"])
        for end in np.asarray(ends.state)[moving]:
            if any(_lies_on(end, cycle) for cycle in found):
                continue
            cycle = _close(way, end, max_time)
            if cycle is None or any(_is_same(cycle, other) for other in found):
                continue
            if way is unit:
                found.append(cycle)
            elif cycle.kind == "stable":  # neutral ones are found forwards
                grows = 1 / cycle.multiplier if cycle.multiplier else np.inf  # it may underflow
                found.append(Cycle(cycle.points[::-1], cycle.period, grows, "unstable"))
    return tuple(dataclasses.replace(c, points=low + size * c.points) for c in found)


def _lies_on(point: Array | np.ndarray, cycle: Cycle) -> bool:
    a, b = cycle.points[:-1], cycle.points[1:]
    share = np.sum((point - a) * (b - a), axis=1) / np.sum((b - a) ** 2, axis=1)
    nearest = a + np.clip(share, 0, 1)[:, None] * (b - a)
    return bool(np.linalg.norm(nearest - point, axis=1).min() <= SAME)


def _is_same(cycle: Cycle, other: Cycle) -> bool:
    """Whether two are one. Most points decide: few are recorded where an orbit jumps."""
    if _lies_on(cycle.points[0], other):
        return True
    near = [_lies_on(point, other) for point in cycle.points[::20]]
    return bool(np.isclose(cycle.period, other.period, rtol=1e-3) and np.mean(near) > 0.5)


def _close(flow: PlanarFlow, point: np.ndarray, max_time: float) -> Cycle | None:
    """The cycle near `point`, by Newton on the map of return; None if there is none."""
    here = jnp.asarray(point)
    for _ in range(NEWTON_STEPS):
        returned = _return(flow, here, jnp.asarray(max_time))
        if returned is None:
            return None
        offset, multiplier, period, tangent = returned
        small = abs(offset) <= 10 * ACCURACY
        neutral = abs(1 - multiplier) <= NEUTRAL
        if small or neutral:
            break
        here = here + tangent * (offset / (1 - multiplier))
    else:
        return None
    if not small:
        return None
    kind = "neutral" if neutral else "stable" if multiplier < 1 else "unstable"
    times = np.linspace(0, period, 401)
    path = integrate(flow, here, None, times, rtol=ACCURACY, atol=ACCURACY)
    points = np.concatenate([np.asarray(path.states)[:-1], here[None]])
    if np.ptp(points, axis=0).max() < SAME:  # a fixed point that is approached by turning
        return None
    return Cycle(points, period, multiplier, kind)


def _return(flow, here, max_time):
    """(offset along the line, slope of the map, time) of the return to `here`; None if none.

    The line may be crossed far away as well: of a few crossings the nearest counts.
    """
    end, grown, period, best = here, 0.0, 0.0, None
    for _ in range(RETURNS):
        end, more, time, tangent = _cross(flow, here, end, max_time)
        if not np.isfinite(float(time)):
            break
        grown, period = grown + float(more), period + float(time)
        offset = float(jnp.dot(end - here, tangent))
        if best is None or abs(offset) < 0.5 * abs(best[0]):
            best = offset, float(np.exp(grown)), period, tangent
        if abs(offset) <= SAME:  # once round: the next would differ by rounding alone
            break
    return best
