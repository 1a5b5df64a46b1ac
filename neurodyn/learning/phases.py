"""The second phases of the two-phase rules: what is settled after the free one, from where.

Most are plain: the field nudged, or with its output clamped. Two are fields of their own. The
exact nudge adds (Jᵀ − J)(s − s⁰), so that small moves obey Jᵀ instead of J = ∂μ/∂s(s⁰), and the
contrast is the gradient itself; the response moves as the nudged fixed point does when β leaves 0.
"""

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from ..aliases import Drive, Inputs, Scalar, State, Time
from ..cost import AbstractCost
from ..field import AbstractField, AbstractNudged, Projected, Scaled, concrete_array

Taught = tuple[Inputs, Float[Array, " out"]]
"""(inputs, target) of one sample."""

Sample = tuple[Inputs, Float[Array, " out"], State]
"""(inputs, target, free state) of one sample."""


class Phase(NamedTuple):
    """A phase after the free one: its `name`, its `field`, and what one sample starts with.

    `given(free, (inputs, target))` returns the start and the inputs of `field`.
    """

    name: str
    field: AbstractField
    given: Callable[[State, Taught], tuple[State, Inputs]]


def is_synapse(leaf: Any) -> bool:
    """Whether a leaf of a net learns: floating arrays do, single numbers such as λ or γ do not."""
    return eqx.is_inexact_array(leaf) and leaf.ndim > 0


def bare(field: AbstractField) -> AbstractField:
    """The field inside all `Projected` and `Scaled`, which holds the weights."""
    while isinstance(field, Projected | Scaled):
        field = field.field
    return field


def from_free(free: State, taught: Taught) -> tuple[State, Taught]:
    """Start a nudged field at the free state."""
    return free, taught


def nudged_phases(
    nudge: Callable[[Any], AbstractField], beta: Scalar, given: Callable, centred: bool
) -> tuple[Phase, ...]:
    """The phase nudged by β, "nudged", and, if `centred`, the one pushed by −β, "away"."""
    phases = (Phase("nudged", nudge(beta), given),)
    return (*phases, Phase("away", nudge(-beta), given)) if centred else phases


class ExactNudge(AbstractNudged):
    """ds/dt = μ(s) − β ∂C/∂s + (Jᵀ − J)(s − s⁰), J = ∂μ/∂s at the free fixed point s⁰.

    The inputs are (inputs, target, s⁰). The added term keeps s⁰ at rest and turns its Jacobian
    into Jᵀ, which has the same spectrum; then (s^β − s⁰)/β → −J⁻ᵀ(−∂C/∂s), and
    (∂μ/∂θ)ᵀ(s^β − s⁰)/β is minus the exact gradient [003 Eq 32] up to O(β), for any μ. ∂C/∂s is
    by the state, through `field.read`. J is never formed. `exactly_nudged` puts `Projected` and
    `Scaled` outside.

    >>> import jax.numpy as jnp, neurodyn as nd
    >>> from neurodyn.learning.phases import ExactNudge
    >>> chain = nd.LeakyIntegrator(jnp.array([[0.0, 0.0], [2.0, 0.0]]), nd.identity)
    >>> field = ExactNudge(chain, nd.SquaredError(units=(1,)), beta=1.0)
    >>> sample = jnp.zeros(2), jnp.ones(1), jnp.zeros(2)
    >>> field(0.0, jnp.array([1.0, 0.5]), sample).tolist()  # at rest: 2 leads back as it led forth
    [0.0, 0.0]
    """

    field: AbstractField
    cost: AbstractCost
    beta: Scalar = eqx.field(converter=concrete_array)

    def shapes(self) -> tuple[PyTree, PyTree]:
        state, inputs = self.field.shapes()
        read = jax.eval_shape(self.field.read, state)
        return state, (inputs, jax.eval_shape(self.cost.output, read), state)

    def drive(self, inputs: Sample, /) -> Drive:  # pyright: ignore[reportIncompatibleMethodOverride]
        x, target, free = inputs
        return self.field.drive(x), target, free

    def flow(self, t: Time, state: State, drive: Drive, /) -> State:
        inner, target, free = drive

        def mu(s):
            return self.field.flow(t, s, inner)

        away = jax.tree.map(jnp.subtract, state, free)
        pull = jax.grad(lambda s: self.cost(self.field.read(s), target))(state)
        _, forth = jax.jvp(mu, (free,), (away,))
        (back,) = jax.vjp(mu, free)[1](away)
        return jax.tree.map(
            lambda m, dc, b, f: m - self.beta.astype(m.dtype) * dc + (b - f),
            mu(state),
            pull,
            back,
            forth,
        )


def exactly_nudged(field: AbstractField, cost: AbstractCost, beta: Any) -> AbstractField:
    """`field` under the exact nudge, with its `Projected` and `Scaled` outside."""
    if isinstance(field, Projected | Scaled):
        return dataclasses.replace(field, field=exactly_nudged(field.field, cost, beta))
    return ExactNudge(field, cost, beta)


class Response(AbstractField):
    """How the nudged fixed point moves with β: dv/dt = J v + ∂μ^β/∂β, which rests at ∂s^β/∂β.

    J = ∂μ/∂s, and both derivatives are taken at β = 0 and the free state [003 Eq 29, 31]. `pulled`
    is the nudged field, its β of no account; the inputs are (inputs, target, s⁰). It settles
    exactly where the free fixed point attracts.

    >>> import jax.numpy as jnp, neurodyn as nd
    >>> from neurodyn.learning.phases import Response
    >>> decay = nd.Field(lambda t, s, x: x - 2 * s, jnp.zeros(1), jnp.zeros(1))
    >>> sample = jnp.array([2.0]), jnp.array([4.0]), jnp.array([1.0])
    >>> nudged = decay.nudged(nd.SquaredError(), 0.0)
    >>> Response(nudged)(0.0, jnp.array([1.5]), sample).tolist()
    [0.0]
    """

    pulled: AbstractField

    def shapes(self) -> tuple[PyTree, PyTree]:
        state, (inputs, target) = self.pulled.shapes()
        return state, (inputs, target, state)

    def drive(self, inputs: Sample, /) -> Drive:
        x, target, free = inputs
        return self.pulled.drive((x, target)), free

    def leak(self) -> State | None:
        nudged = self.pulled  # a projection or time constants around it would change the leak
        return nudged.field.leak() if isinstance(nudged, AbstractNudged) else None

    def flow(self, t: Time, state: State, drive: Drive, /) -> State:
        inner, free = drive

        def mu(s, beta):
            return eqx.tree_at(_influence, self.pulled, beta).flow(t, s, inner)

        beta = jnp.zeros_like(_influence(self.pulled))
        return jax.jvp(mu, (free, beta), (state, jnp.ones_like(beta)))[1]


def _influence(nudged: Any) -> Any:  # not an array while `tree_at` looks for it
    field = bare(nudged)
    assert isinstance(field, AbstractNudged)
    return field.beta
