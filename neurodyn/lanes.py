"""Many starts through a fixed number of lanes, in one compiled program.

Each lane follows one trajectory, as `Relax` does, with steps of its own. One that has ended hands
its result over and takes the next start of the queue, so that no lane waits for the slowest.
"""

from typing import Any, NamedTuple

import diffrax as dfx
import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Int, PyTree

from .aliases import Drive, Scalar, State
from .field import AbstractField, largest
from .integrate import Verdict, evaluations
from .relax import Relax
from .resting import Settled, residual_of
from .unrolled import unrolled

FIRST = 0.01  # the first step of every solve of diffrax that is not told another
GROUP = 8  # steps between two looks at which lanes have ended


class End(NamedTuple):
    """Where a trajectory ended, and how."""

    state: State
    residual: Scalar
    time: Scalar
    steps: Int[Array, ""]
    verdict: Verdict


class Lane(eqx.Module):
    """A trajectory under way: where it is, when its next step ends, and how it has gone so far.

    `verdict` is `completed` as long as it goes on; the `residual` is the one that it was judged by.
    """

    state: State
    time: Scalar
    until: Scalar
    control: PyTree
    steps: Int[Array, ""]
    residual: Scalar
    stuck: Bool[Array, ""]
    verdict: Verdict

    def end(self) -> End:
        """What is kept of it."""
        return End(self.state, self.residual, self.time, self.steps, self.verdict)


class Follower(eqx.Module):
    """How one lane goes on: the solver, step control and verdicts of `method`."""

    field: AbstractField
    drive: Drive
    tol: Scalar
    max_time: Scalar
    method: Relax

    def begin(self, state: State) -> Lane:
        """A lane at its start, not looked at yet."""
        term, solver, zero = dfx.ODETerm(self.field.flow), self.method.solver, self.max_time * 0
        until, control = self.method.control(self.tol.dtype).init(
            term,
            zero,
            self.max_time,
            state,
            jnp.minimum(FIRST, self.max_time),
            self.drive,
            solver.func,
            solver.error_order(term),
        )
        return Lane(
            state=state,
            time=zero,
            until=jnp.asarray(until),
            control=jax.tree.map(jnp.asarray, control),
            steps=jnp.zeros((), jnp.int32),
            residual=jnp.full_like(zero, jnp.inf),
            stuck=jnp.zeros((), bool),
            verdict=Verdict.completed,
        )

    def judge(self, lane: Lane) -> tuple[Scalar, Verdict]:
        """The residual where the lane is, and how it ended there; `completed` while it goes on."""
        residual = residual_of(self.field, lane.state, self.drive)
        late, spent = lane.time >= self.max_time, lane.steps >= self.method.max_steps
        lost = ~(largest(lane.state) <= self.method.bound) | lane.stuck
        lost |= (late | spent) & ~jnp.isfinite(residual)
        verdict = Verdict.where(spent, Verdict.out_of_steps, Verdict.completed)
        verdict = Verdict.where(late, Verdict.timed_out, verdict)
        verdict = Verdict.where(lost, Verdict.diverged, verdict)
        return residual, Verdict.where(residual <= self.tol, Verdict.settled, verdict)

    def advance(self, lane: Lane) -> Lane:
        """The lane judged and, unless it has ended, one step on."""
        residual, verdict = self.judge(lane)
        term, solver = dfx.ODETerm(self.field.flow), self.method.solver
        t0, t1, here = lane.time, lane.until, lane.state
        # begun anew at each step: its first slope is the one that `judge` asks for, which XLA sees
        fresh = solver.init(term, t0, t1, here, self.drive)
        there, error, *_ = solver.step(term, t0, t1, here, self.drive, fresh, False)
        error = jax.tree.map(lambda e: jnp.where(jnp.isnan(e), jnp.inf, e), error)
        order: Any = solver.error_order(term)
        keep, time, until, _, control, result = self.method.control(t0.dtype).adapt_step_size(
            t0, t1, here, there, self.drive, error, order, lane.control
        )
        goes_on = verdict == Verdict.completed

        def choose(which, new, old):
            return jax.tree.map(lambda a, b: jnp.where(which, a, b), new, old)

        return Lane(
            state=choose(goes_on & keep, there, here),
            time=choose(goes_on, jnp.minimum(time, self.max_time), t0),
            until=choose(goes_on, jnp.minimum(until, self.max_time), t1),
            control=choose(goes_on, control, lane.control),
            steps=lane.steps + goes_on.astype(jnp.int32),
            residual=residual,
            stuck=lane.stuck | goes_on & (result == dfx.RESULTS.dt_min_reached),
            verdict=verdict,
        )

    def settled(self, end: "End") -> Settled:
        """`end` with the evaluations that it took."""
        state, residual, time, steps, verdict = end
        counted = evaluations(self.method.solver, steps)
        # every step asks once more whether the state is at rest
        counted = jnp.where(counted < 0, counted, counted + steps + 1)
        return Settled(state, residual, time, steps, counted, verdict)


class _Queue(eqx.Module):
    """The lanes, the start that each one follows (or `count`), the next start, and the results."""

    lane: Lane
    start: Int[Array, " lanes"]
    next: Int[Array, ""]
    found: End


def _settle_share(follower: Follower, starts: PyTree, count: Int[Array, ""], lanes: int) -> Settled:
    """The first `count` of `starts`, settled on one device; what lies behind them means nothing."""
    size = len(jax.tree.leaves(starts)[0])
    advance, begin = jax.vmap(unrolled(follower.advance)), jax.vmap(follower.begin)

    def take(rows):
        return begin(jax.tree.map(lambda leaf: leaf[jnp.minimum(rows, size - 1)], starts))

    def refill(queue: _Queue) -> _Queue:
        lane = jax.lax.fori_loop(0, GROUP, lambda _, lane: advance(lane), queue.lane)
        ended = jax.vmap(lambda verdict: verdict != Verdict.completed)(lane.verdict)
        rows = jnp.where(ended, queue.start, size)  # those that are no rows are dropped
        found = jax.tree.map(
            lambda all_, new: all_.at[rows].set(new, mode="drop"),
            queue.found,
            lane.end(),
        )
        rank = jnp.cumsum(ended, dtype=jnp.int32)
        rows = jnp.where(ended, jnp.minimum(queue.next + rank - 1, count), queue.start)
        renewed = ended & (rows < count)
        lane = jax.tree.map(
            lambda new, old: jnp.where(_as_wide(renewed, old), new, old), take(rows), lane
        )
        return _Queue(lane, jnp.where(rows < count, rows, size), queue.next + rank[-1], found)

    rows = jnp.arange(lanes, dtype=jnp.int32)
    lane = take(rows)
    found = jax.tree.map(lambda leaf: jnp.zeros((size, *leaf.shape[1:]), leaf.dtype), lane.end())
    queue = _Queue(lane, jnp.where(rows < count, rows, size), jnp.asarray(lanes, jnp.int32), found)
    done = jax.lax.while_loop(lambda queue: (queue.start < count).any(), refill, queue)
    return jax.vmap(follower.settled)(done.found)


def _as_wide(which: Bool[Array, " lanes"], leaf: Array) -> Array:
    return which.reshape(which.shape + (1,) * (leaf.ndim - 1))


@eqx.filter_jit
def settle_block(
    follower: Follower, starts: PyTree, count: Int[Array, ""], lanes: int, mesh: Any = None
) -> Settled:
    """The first `count` of a block of starts, settled in `lanes` lanes; the rest means nothing.

    With a `mesh` of the axis "starts" every device takes an equal share of the block, into as many
    lanes each.
    """
    if mesh is None:
        return _settle_share(follower, starts, count, lanes)
    arrays, rest = eqx.partition(follower, eqx.is_array)
    size = len(jax.tree.leaves(starts)[0]) // mesh.size

    def share(arrays, starts, count):
        here = jnp.clip(count - jax.lax.axis_index("starts") * size, 0, size)
        return _settle_share(eqx.combine(arrays, rest), starts, here.astype(jnp.int32), lanes)

    none, along = jax.sharding.PartitionSpec(), jax.sharding.PartitionSpec("starts")
    return jax.shard_map(
        share, mesh=mesh, in_specs=(none, along, none), out_specs=along, check_vma=False
    )(arrays, starts, count)
