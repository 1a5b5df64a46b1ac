"""Step control for reaching rest: the accuracy of a step follows the way that is left."""

import dataclasses
from collections.abc import Callable

import diffrax as dfx
import jax
import jax.numpy as jnp

from .aliases import Scalar
from .field import largest


class Approach(dfx.AbstractAdaptiveStepSizeController):
    """Step control for reaching rest: the error allowed shrinks as the state slows down.

    A fixed tolerance either hovers at its own size for ever or wastes small steps far from rest.
    Here a step may err by `fraction` of the distance that it covers, at least by `floor`, and
    never by more than the inner controller allows. (A share of the *speed* fails where time
    constants spread: a fast unit's error then feeds on itself.)
    """

    inner: dfx.PIDController
    fraction: float
    floor: Scalar
    rtol: float  # pyright: ignore[reportIncompatibleVariableOverride]
    atol: float  # pyright: ignore[reportIncompatibleVariableOverride]
    norm: Callable = largest

    def wrap(self, direction):
        return dataclasses.replace(self, inner=self.inner.wrap(direction))

    def init(self, terms, t0, t1, y0, dt0, args, func, error_order):
        return self.inner.init(terms, t0, t1, y0, dt0, args, func, error_order)

    def adapt_step_size(
        self, t0, t1, y0, y1_candidate, args, y_error, error_order, controller_state
    ):
        distance = largest(jax.tree.map(lambda a, b: b - a, y0, y1_candidate))
        allowed = jnp.fmax(self.fraction * distance, self.floor)  # the candidate may be NaN

        def tighten(error, y):
            return error * jnp.maximum(1, self.atol * (1 + jnp.abs(y)) / allowed)

        y_error = jax.tree.map(tighten, y_error, y0)
        return self.inner.adapt_step_size(
            t0, t1, y0, y1_candidate, args, y_error, error_order, controller_state
        )
