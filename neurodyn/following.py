"""One trajectory under way, a step at a time: what `Follow` and ensembles make their loops of.

The steps, their control and the verdicts are those of `Relax`, which leaves its loop to diffrax, so
that it can be differentiated. A loop of one's own compiles in half the time, can let finished
samples go, and can be broken off and resumed.
"""

import dataclasses
from typing import Any, NamedTuple

import diffrax as dfx
import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Int, PyTree

from .aliases import Drive, Scalar, State
from .batching import while_going
from .field import AbstractField, largest
from .integrate import Verdict, evaluations
from .relax import Relax
from .resting import Settled, residual_of

FIRST = 0.01  # the first step of every solve of diffrax that is not told another


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
    """How one lane goes on: the solver, step control and verdicts of `method`.

    The solver must be an explicit Runge–Kutta one: others take tolerances from diffrax's own loop.
    """

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

    def through(self, lane: Lane) -> Lane:
        """The lane where it has ended; batches grow smaller on the way."""
        arrays, rest = eqx.partition(self, eqx.is_array)
        return while_going(
            lambda lane: lane.verdict == Verdict.completed,
            lambda lane, arrays: eqx.combine(arrays, rest).advance(lane),
            dataclasses.replace(lane, verdict=Verdict.completed),
            arrays,
            by=4,  # each round is compiled by itself
        )

    def settled(self, end: End) -> Settled:
        """`end` with the evaluations that it took."""
        state, residual, time, steps, verdict = end
        counted = evaluations(self.method.solver, steps)
        # every step asks once more whether the state is at rest
        counted = jnp.where(counted < 0, counted, counted + steps + 1)
        return Settled(state, residual, time, steps, counted, verdict)
