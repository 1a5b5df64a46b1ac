"""Step control of every solve: it notices a standstill, and can follow a state to its rest."""

import dataclasses
from collections.abc import Callable
from typing import Any

import diffrax as dfx
import jax
import jax.numpy as jnp
import optimistix as optx

from .aliases import Scalar
from .field import largest


class StepControl(dfx.AbstractAdaptiveStepSizeController):
    """A PID controller that gives up at a standstill and, on request, tightens towards rest.

    *Standstill*: where steps shrink to a few roundings of the time reached, the solution has
    blown up; the solve ends with `dt_min_reached`, whatever the length asked for.

    *Towards rest* (`fraction` given): a fixed tolerance either hovers at its own size for ever or
    wastes small steps far from rest. So a step may err by `fraction` of the distance that it
    covers, at least by `floor`, and never by more than the inner controller allows. (A share of
    the *speed* fails where time constants spread: a fast unit's error then feeds on itself.)
    """

    inner: dfx.PIDController
    rtol: float | Scalar  # pyright: ignore[reportIncompatibleVariableOverride]
    atol: float | Scalar  # pyright: ignore[reportIncompatibleVariableOverride]
    norm: Callable
    fraction: float | Scalar | None = None
    floor: Scalar | None = None

    def wrap(self, direction):
        return dataclasses.replace(self, inner=self.inner.wrap(direction))

    def init(self, terms, t0, t1, y0, dt0, args, func, error_order):
        return self.inner.init(terms, t0, t1, y0, dt0, args, func, error_order)

    def adapt_step_size(
        self, t0, t1, y0, y1_candidate, args, y_error, error_order, controller_state
    ):
        if self.fraction is not None and self.floor is not None:
            distance = largest(jax.tree.map(lambda a, b: b - a, y0, y1_candidate))
            allowed = jnp.fmax(self.fraction * distance, self.floor)  # the candidate may be NaN
            scale = jax.tree.map(lambda y: self.atol * (1 + jnp.abs(y)) / allowed, y0)
            y_error = jax.tree.map(lambda e, s: e * jnp.maximum(1, s), y_error, scale)
        keep, next_t0, next_t1, jump, controller_state, result = self.inner.adapt_step_size(
            t0, t1, y0, y1_candidate, args, y_error, error_order, controller_state
        )
        start, end = jnp.asarray(next_t0), jnp.asarray(next_t1)
        roundings = 4 * jnp.finfo(start.dtype).eps * jnp.maximum(jnp.abs(start), 1e-6)
        stuck = end - start <= roundings
        result = dfx.RESULTS.where(stuck, dfx.RESULTS.dt_min_reached, result)
        return keep, next_t0, next_t1, jump, controller_state, result


def step_control(
    rtol: float | Scalar,
    atol: float | Scalar,
    *,
    norm: Callable = optx.rms_norm,
    fraction: float | Scalar | None = None,
    floor: Scalar | None = None,
) -> StepControl:
    """The control with these tolerances of a step; `fraction` and `floor` tighten it near rest."""
    traced: Any = {"rtol": rtol, "atol": atol}  # arrays too, so that others compile nothing
    inner = dfx.PIDController(**traced, norm=norm)
    return StepControl(inner=inner, rtol=rtol, atol=atol, norm=norm, fraction=fraction, floor=floor)
