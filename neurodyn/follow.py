"""Follow: the flow until it is near rest, sweeps to the end."""

import dataclasses
from typing import NamedTuple

import diffrax as dfx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Int

from .aliases import Drive, FlagPerSample, Scalar, State
from .field import AbstractField
from .following import Follower, Lane
from .implicit import fixed, resting
from .relax import Relax
from .resting import AbstractMethod, Settled, require_positive
from .sweep import Sweep


class _Run(NamedTuple):
    """One sample: the flow up to `bound`, the sweeps so far and the `asked` evaluations of these,
    and where both have come to."""

    lane: Lane
    bound: Scalar
    steps: Int[Array, ""]
    asked: Int[Array, ""]
    end: Settled
    goes_on: Bool[Array, ""]


class Follow(AbstractMethod):
    """Follow the flow until its residual is `near`, then sweep to the end.

    Which of several fixed points a sample goes to is decided on the way there, and the flow
    decides it; the rest is the long part, where sweeps are many times faster. Where sweeps do not
    settle, the flow goes on from where it was left; fields that do not tell their `leak` follow
    it all the way. A sample that does not come near has the verdict of the flow.

    Near is not always near enough: where the flow creeps, the sweeps may leave it for another
    fixed point, as 1 of 96 samples did in 784-512-512-10 nets with random tied weights. `Relax`
    never does.

    **Fields:** `near`, the residual at which sweeps take over; `approach`, how the flow is followed
    up to there: only the basin must be right; `flow`, how it is followed all the way, also by an
    implicit solver, and where sweeps do not settle, by the solver of `approach` then; `sweep`, the
    sweeps, and `tied`, those where the flow runs down an energy, as with tied weights: over-relaxed
    [Young 1954], which pays where all eigenvalues are real. `time` is that of the flow; `steps` and
    `evaluations` are those of both.

    >>> import jax, jax.numpy as jnp, neurodyn as nd
    >>> net = nd.LayeredLeakyIntegrator.init((4, 6, 3), key=jax.random.key(0))
    >>> free = nd.settle(net, jnp.ones((5, 4)), tol=1e-5, method=nd.Follow())
    >>> free.counts(), bool(free.time.max() < 20)
    ({'settled': 5}, True)
    """

    near: float = 0.03
    approach: Relax = Relax(accuracy=1e-2, fraction=1e-2, solver=dfx.Bosh3())
    flow: Relax = Relax()
    sweep: Sweep = Sweep()
    tied: Sweep = Sweep(most=1.7, patience=100)

    def __check_init__(self):
        require_positive(self, "near")
        if not isinstance(self.approach.solver, dfx.AbstractERK):
            raise TypeError(
                f"approach has the solver {type(self.approach.solver).__name__}: give an explicit "
                "Runge–Kutta solver of diffrax, such as diffrax.Bosh3()."
            )

    def settle_one(
        self, field: AbstractField, state: State, drive: Drive, tol: Scalar, max_time: Scalar
    ) -> Settled:
        given = field, drive
        field, drive, state = fixed((field, drive, state))
        if field.leak() is not None:
            end = self._in_two_parts(field, state, drive, tol, max_time)
        elif isinstance(self.flow.solver, dfx.AbstractERK):
            flow = Follower(field, drive, tol, max_time, self.flow)
            end = flow.settled(flow.through(flow.begin(state)).end())
        else:
            end = self.flow.settle_one(field, state, drive, tol, max_time)
        return dataclasses.replace(
            end,
            state=resting(*given, end.state, end.ok),
            steps=end.steps.astype(int),
            evaluations=end.evaluations.astype(int),
        )

    def _in_two_parts(
        self, field: AbstractField, state: State, drive: Drive, tol: Scalar, max_time: Scalar
    ) -> Settled:
        """To `near`, and from there by sweeps; where these fail the flow goes on to the end."""
        sweep = self.tied if field.has_energy() else self.sweep

        def flow(bound):
            rough, fine = self.approach, self.flow
            accuracy = jnp.where(bound > tol, rough.accuracy, fine.accuracy).astype(tol.dtype)
            fraction = jnp.where(bound > tol, rough.fraction, fine.fraction).astype(tol.dtype)
            method = dataclasses.replace(
                fine, accuracy=accuracy, fraction=fraction, solver=rough.solver
            )
            return Follower(field, drive, bound, max_time, method)

        def attempt(run):
            lane = flow(run.bound).through(run.lane)
            flown = flow(run.bound).settled(lane.end())
            needed = flown.ok & ~(flown.residual <= tol)
            enough = jnp.where(needed, tol, jnp.inf)  # no sweep where there is nothing to do
            swept = sweep.settle_one(field, flown.state, drive, enough, max_time)
            steps = run.steps + swept.steps.astype(jnp.int32)
            asked = run.asked + swept.evaluations.astype(jnp.int32)
            summed = dataclasses.replace(
                flown,
                steps=flown.steps + steps,
                evaluations=jnp.where(flown.evaluations < 0, -1, flown.evaluations + asked),
            )
            end = _choose(needed & swept.ok, _at(swept, summed), summed)
            return _Run(lane, tol, steps, asked, end, needed & ~swept.ok)

        near, none = jnp.maximum(tol, jnp.asarray(self.near, tol.dtype)), jnp.zeros((), jnp.int32)
        lane = flow(near).begin(state)
        start = _Run(lane, near, none, none, flow(near).settled(lane.end()), jnp.asarray(True))
        return jax.lax.while_loop(lambda run: run.goes_on, attempt, start).end


def _at(swept: Settled, flown: Settled) -> Settled:
    """Where `swept` is, with the time and the work of `flown`."""
    return dataclasses.replace(
        flown, state=swept.state, residual=swept.residual, verdict=swept.verdict
    )


def _choose(first: FlagPerSample, a: Settled, b: Settled) -> Settled:
    return jax.tree.map(lambda x, y: jnp.where(first, x, y), a, b)
