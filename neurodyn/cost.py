"""Costs C(state, target): how far the output of one sample is from its target.

A cost reads the *output*: the last layer of a layered state, or chosen units of it. Nudging a
field adds −β ∂C/∂state to it [003 Eq 12]; the gradient is taken by JAX, so a cost is one formula.
"""

import abc
from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from .aliases import Scalar, State


class AbstractCost(eqx.Module):
    """C(state, target) ≥ 0 of ONE sample.

    To add your own: subclass, declare `units` and write `__call__` in terms of
    `self.output(state)`; targets have the shape of the output.
    """

    units: eqx.AbstractVar[tuple[int, ...] | None]

    @property
    def curvature(self) -> float | None:
        """The middle of the range that the second derivatives by the output lie in, if known."""
        return None

    @abc.abstractmethod
    def __call__(self, state: State, target: Float[Array, " out"]) -> Scalar:
        """The cost of one sample, a scalar."""

    def output(self, state: State) -> Float[Array, " out"]:
        """The units that the cost reads: the last layer of `state`, or its `units`."""
        last = jax.tree.leaves(state)[-1]
        if self.units is None:
            return last
        if not self.units or not -len(last) <= min(self.units) <= max(self.units) < len(last):
            raise ValueError(f"units is {self.units}, but the output has {len(last)} units.")
        return last[jnp.asarray(self.units)]


class SquaredError(AbstractCost):
    """C = ½‖y − output‖² [003 Eq 10].

    >>> import jax.numpy as jnp, neurodyn as nd
    >>> float(nd.SquaredError()((jnp.zeros(3), jnp.array([1.0, 2.0])), jnp.array([0.0, 0.0])))
    2.5
    """

    units: tuple[int, ...] | None = eqx.field(default=None, static=True)

    def __call__(self, state: State, target: Float[Array, " out"]) -> Scalar:
        return jnp.sum((target - self.output(state)) ** 2) / 2

    @property
    def curvature(self) -> float | None:
        return 1.0


class SoftmaxCrossEntropy(AbstractCost):
    """C = −Σ y_i log softmax(output)_i, for targets y ≥ 0 that sum to one."""

    units: tuple[int, ...] | None = eqx.field(default=None, static=True)

    def __call__(self, state: State, target: Float[Array, " out"]) -> Scalar:
        return -jnp.sum(target * jax.nn.log_softmax(self.output(state)))

    @property
    def curvature(self) -> float | None:
        return 0.25  # of diag(p) − ppᵀ, whose eigenvalues lie in [0, ½]


class LogisticCrossEntropy(AbstractCost):
    """C = −Σ [y_i log σ(o_i) + (1 − y_i) log(1 − σ(o_i))], for targets in [0, 1].

    Written through log σ, so that it stays finite and accurate for large outputs.
    """

    units: tuple[int, ...] | None = eqx.field(default=None, static=True)

    def __call__(self, state: State, target: Float[Array, " out"]) -> Scalar:
        output = self.output(state)
        log_on, log_off = jax.nn.log_sigmoid(output), jax.nn.log_sigmoid(-output)
        return -jnp.sum(target * log_on + (1 - target) * log_off)

    @property
    def curvature(self) -> float | None:
        return 0.125  # of σ(1 − σ), in [0, ¼]


class RateCost(AbstractCost):
    """C(f(output), target), for a state that holds pre-activations: `cost` reads the rates f(a).

    It pulls the last layer of a predictive net, or of leaky integrators, by −β f′(a_L) ∂C/∂s_L. A
    plain cost reads a_L itself: that is the net with linear outputs.

    >>> import jax.numpy as jnp, neurodyn as nd
    >>> cost = nd.RateCost(nd.SquaredError(), nd.hard_sigmoid)
    >>> float(cost(jnp.array([5.0, 0.0]), jnp.array([1.0, 1.0])))
    0.5
    """

    cost: AbstractCost
    activation: Callable[[Array], Array] = eqx.field(static=True)
    units: tuple[int, ...] | None = eqx.field(static=True, init=False)

    def __post_init__(self):
        self.units = self.cost.units

    def __call__(self, state: State, target: Float[Array, " out"]) -> Scalar:
        return self.cost(self.activation(jax.tree.leaves(state)[-1]), target)
