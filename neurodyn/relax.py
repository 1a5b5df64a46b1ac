"""Relax: settle by following the flow, the definition that every other method is measured by."""

from collections.abc import Callable
from typing import Any

import diffrax as dfx
import equinox as eqx
import jax
import jax.numpy as jnp

from .aliases import Drive, Scalar, State
from .field import AbstractField, largest
from .integrate import Verdict, evaluations, solve
from .resting import AbstractMethod, Settled, require_positive, residual_of
from .stepping import StepControl, step_control


class _AtRest(eqx.Module):
    field: AbstractField
    tol: Scalar

    def __call__(self, t, state, drive, **_):
        return residual_of(self.field, state, drive) <= self.tol


class _OutOfBounds(eqx.Module):
    bound: Scalar

    def __call__(self, t, state, drive, **_):
        return ~(largest(state) <= self.bound)  # true for NaN as well


class Relax(AbstractMethod):
    """Follow the flow with an adaptive ODE solver until the residual is at or below `tol`.

    This is the definition of settling that the other methods are measured by: among several
    equilibria it takes the one that the flow goes to. It judges by the residual alone. A start
    on an unstable fixed point stays there, and one that passes a saddle within `tol` is said to
    have settled on it: ask `linearise` where stability matters.

    **Fields:** `accuracy`, the largest relative and absolute error of a step (smaller follows the
    flow more closely where basins meet); `fraction`, the error of a step as a share of the
    distance it covers: oscillations that lose less than that in a radian never come to rest;
    `bound`, the size of a state entry that counts as divergence;
    `max_steps`, per sample, rejected ones included; `solver`, any adaptive diffrax solver (an
    implicit one, such as `diffrax.Kvaerno5()`, for time constants that spread widely).
    """

    accuracy: float | Scalar = 1e-4
    fraction: float | Scalar = 1e-3
    bound: float = 1e9
    max_steps: int = eqx.field(default=20_000, static=True)
    solver: dfx.AbstractSolver = dfx.Tsit5()

    def __check_init__(self):
        require_positive(self, "accuracy", "fraction", "bound", "max_steps")
        if not isinstance(self.solver, dfx.AbstractAdaptiveSolver):
            raise TypeError(
                f"solver is {type(self.solver).__name__}: give an adaptive diffrax solver, which "
                "estimates its error, such as diffrax.Tsit5()."
            )

    def settle_one(
        self, field: AbstractField, state: State, drive: Drive, tol: Scalar, max_time: Scalar
    ) -> Settled:
        at_rest = _AtRest(field, tol)
        state, solution = self.follow(field, state, drive, tol, max_time, at_rest)
        residual = residual_of(field, state, drive)
        steps = solution.stats["num_steps"]
        counted = evaluations(self.solver, steps)
        return Settled(
            state=state,
            residual=residual,
            time=solution.ts[-1],
            steps=steps,
            # every step asks once more whether the state is at rest
            evaluations=jnp.where(counted < 0, counted, counted + steps + 1),
            verdict=self._judge(state, residual, tol, solution.result),
        )

    def follow(
        self,
        field: AbstractField,
        state: State,
        drive: Drive,
        tol: Scalar,
        max_time: Scalar,
        until: Callable,
    ) -> tuple[State, Any]:
        """The state where `until` first holds, or the solve ends otherwise, and the solution."""
        solution = solve(
            field,
            state,
            drive,
            jnp.zeros_like(max_time),
            max_time,
            solver=self.solver,
            controller=self.control(tol.dtype),
            saveat=dfx.SaveAt(t1=True),
            max_steps=self.max_steps,
            event=dfx.Event([until, _OutOfBounds(jnp.asarray(self.bound, tol.dtype))]),
        )
        return jax.tree.map(lambda y: y[-1], solution.ys), solution

    def control(self, dtype: Any) -> StepControl:
        """The control of its steps, for states of `dtype`."""
        # no larger, since high rates or weak damping make any fixed error hover above some `tol`
        floor = jnp.asarray(4 * jnp.finfo(dtype).eps, dtype)
        return step_control(
            self.accuracy, self.accuracy, norm=largest, fraction=self.fraction, floor=floor
        )

    def _judge(self, state, residual, tol, result) -> Verdict:
        lost = ~(largest(state) <= self.bound) | ~jnp.isfinite(residual)
        collapsed = result == dfx.RESULTS.dt_min_reached
        ran_out = result == dfx.RESULTS.max_steps_reached
        unsettled = Verdict.where(ran_out, Verdict.out_of_steps, Verdict.timed_out)
        unsettled = Verdict.where(lost | collapsed, Verdict.diverged, unsettled)
        return Verdict.where(residual <= tol, Verdict.settled, unsettled)
