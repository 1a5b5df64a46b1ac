"""Follow: the flow until it is near rest, sweeps to the end."""

import dataclasses

import jax
import jax.numpy as jnp

from .aliases import Drive, FlagPerSample, Scalar, State
from .field import AbstractField
from .implicit import fixed, resting
from .integrate import Verdict
from .relax import Relax
from .resting import AbstractMethod, Settled, require_positive
from .sweep import Sweep


class Follow(AbstractMethod):
    """Follow the flow until its residual is `near`, then sweep to the end.

    Which of several fixed points a sample goes to is decided on the way there, and the flow
    decides it; the rest is the long part, where sweeps are many times faster. Where sweeps do not
    settle, the flow goes on from where it was left; fields that do not tell their `leak` follow
    it all the way. A sample that does not come near has the verdict of `flow`.

    Near is not always near enough: where the flow creeps, the sweeps may leave it for another
    fixed point, as 1 of 96 samples did in 784-512-512-10 nets with random tied weights. `Relax`
    never does.

    **Fields:** `near`, the residual at which sweeps take over; `flow`; `sweep`, the sweeps, and
    `tied`, those where the flow runs down an energy, as with tied weights: over-relaxed [Young
    1954], which pays where all eigenvalues are real. `time` is that of the flow; `steps` and
    `evaluations` are those of both.

    >>> import jax, jax.numpy as jnp, neurodyn as nd
    >>> net = nd.LayeredLeakyIntegrator.init((4, 6, 3), key=jax.random.key(0))
    >>> free = nd.settle(net, jnp.ones((5, 4)), tol=1e-5, method=nd.Follow())
    >>> free.counts(), bool(free.time.max() < 20)
    ({'settled': 5}, True)
    """

    near: float = 0.01
    flow: Relax = Relax()
    sweep: Sweep = Sweep()
    tied: Sweep = Sweep(most=1.7, patience=100)

    def __check_init__(self):
        require_positive(self, "near")

    def settle_one(
        self, field: AbstractField, state: State, drive: Drive, tol: Scalar, max_time: Scalar
    ) -> Settled:
        given = field, drive
        field, drive, state = fixed((field, drive, state))
        if field.leak() is None:
            end = self.flow.settle_one(field, state, drive, tol, max_time)
        else:
            end = self._in_two_parts(field, state, drive, tol, max_time)
        return dataclasses.replace(end, state=resting(*given, end.state, end.ok))

    def _in_two_parts(self, field, state, drive, tol, max_time) -> Settled:
        sweep = self.tied if field.has_energy() else self.sweep
        near = jnp.maximum(tol, jnp.asarray(self.near, tol.dtype))

        def attempt(carry):
            """Once to `near` and from there by sweeps; if these fail, by the flow alone."""
            run, bound, _ = carry
            flown = self.flow.settle_one(field, run.state, drive, bound, max_time - run.time)
            flown = _summed(run, flown)
            needed = flown.ok & ~(flown.residual <= tol)
            enough = jnp.where(needed, tol, jnp.inf)  # no sweep where there is nothing to do
            swept = _summed(flown, sweep.settle_one(field, flown.state, drive, enough, max_time))
            failed = needed & ~swept.ok
            counts = dataclasses.replace(flown, steps=swept.steps, evaluations=swept.evaluations)
            run = _choose(needed & swept.ok, swept, counts)
            return run, tol, failed

        none, count = jnp.zeros_like(tol), jnp.zeros((), int)
        start = Settled(state, none, none, count, count, Verdict.timed_out)
        run, _, _ = jax.lax.while_loop(
            lambda carry: carry[2], attempt, (start, near, jnp.asarray(True))
        )
        return run


def _summed(before: Settled, after: Settled) -> Settled:
    """`after` with the time and the work of what went before."""
    return dataclasses.replace(
        after,
        time=before.time + after.time,
        steps=before.steps + after.steps,
        evaluations=jnp.where(after.evaluations < 0, -1, before.evaluations + after.evaluations),
    )


def _choose(first: FlagPerSample, a: Settled, b: Settled) -> Settled:
    return jax.tree.map(lambda x, y: jnp.where(first, x, y), a, b)
