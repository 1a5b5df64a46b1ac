"""Energies that are sums over layers, and the discount that weakens the feedback between them.

    E(s) = Σ_l E_l(s_l, s_{l−1}),    ds/dt = −∂E/∂s,    l = 1 … L, s_0 = x

Layer l hears from below through E_l and from above through E_{l+1}. Layerwise discounting
[Xie & Seung 2003, told in 001 §3.2; the original is not at hand] weighs the layers of the energy,

    E^γ = Σ_l γ^{l−L} E_l,    ds_l/dt = −γ^{L−l} ∂E^γ/∂s_l = −∂E_l/∂s_l − γ ∂E_{l+1}/∂s_l,

so that what comes from above is γ times as strong. However far the output is moved, weak feedback
carries its error to layer l as backpropagation would, times γ^{L−l}, up to O(γ); the weights of E^γ
undo those powers. With linear outputs and the squared error, (1/β) ∂E^γ/∂W is the gradient of
backpropagation over 1 + β, up to O(γ). What `tol` leaves of γ^{L−l} bounds the depth.

**Time constants.** The gradient flow of E^γ in equal time constants is `Scaled(Discounted(…))` with
the rates γ^{l−L}: a layer that weighs more also runs faster. Here those rates are divided out. The
fixed points are the same, and so is whether they attract. Time constants alone, on the other hand,
move no fixed point: they cannot stand in for a discount.
"""

import abc
from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..aliases import Drive, Inputs, Layers, Scalar, Time
from ..field import (
    AbstractEnergy,
    AbstractField,
    AbstractWrapper,
    concrete_array,
    is_concrete,
)
from .leaky import LayeredLeakyIntegrator

Energies = Float[Array, " L"]


class AbstractLayeredEnergy(AbstractEnergy):
    """A field that runs down an energy E = Σ_l E_l, one term for each pair of adjacent layers.

    **To add your own:** subclass it and write `shapes` and `energies`; `flow` is
    `downhill(self.energies, state, drive)`.
    """

    @abc.abstractmethod
    def energies(self, state: Layers, drive: Drive, /) -> Energies:
        """E_1, …, E_L, given what `drive` made of the inputs."""

    def energy(self, state: Layers, inputs: Inputs, /) -> Scalar:
        """E of ONE sample."""
        return jnp.sum(self.energies(state, self.drive(inputs)))


def downhill(energies: Callable[[Layers, Drive], Energies], state: Layers, drive: Drive) -> Layers:
    """−∂E/∂s, where E is the sum of what `energies` tells of the layers."""
    slopes = jax.grad(lambda layers: jnp.sum(energies(layers, drive)))(state)
    return jax.tree.map(jnp.negative, slopes)


class Discounted(AbstractLayeredEnergy, AbstractWrapper):
    """A layered energy whose feedback from each layer to the one below is γ times as strong.

    `discounted` makes one. **Fields:** `field`; `gamma` > 0, an array leaf. `energy` is E^γ, in
    which the top layer weighs one: `Nudged(discounted(field, gamma), cost, beta)` rests where
    E^γ + βC is stationary.
    """

    # fields are frozen, so narrowing the type is safe
    field: AbstractLayeredEnergy  # pyright: ignore[reportIncompatibleVariableOverride]
    gamma: Scalar = eqx.field(converter=concrete_array)

    def __check_init__(self):
        _require_discount(self.gamma)

    def energies(self, state: Layers, drive: Drive, /) -> Energies:
        terms = self.field.energies(state, drive)
        return self._weights(terms) * terms

    def flow(self, t: Time, state: Layers, drive: Drive, /) -> Layers:
        slopes = downhill(self.energies, state, drive)
        return tuple(s / weight for s, weight in zip(slopes, self._weights(state), strict=True))

    def _weights(self, layers) -> Energies:
        gamma = self.gamma.astype(layers[0].dtype)
        return gamma ** jnp.arange(1 - len(layers), 1, dtype=gamma.dtype)  # γ^{l−L}


def _require_discount(gamma: Array) -> None:
    if gamma.ndim or (is_concrete(gamma) and not 0 < np.asarray(gamma) < np.inf):
        raise ValueError(f"gamma is {gamma}: give one positive number, below one to weaken.")


def discounted(field: AbstractField, gamma) -> AbstractField:
    """`field` with the feedback from each layer to the one below times `gamma`.

    For a layered energy this is `Discounted`; layered leaky integrators get their feedback weights
    scaled, which for tied ones gives s_k = f(W_k s_{k−1} + γ W_{k+1}ᵀ s_{k+1}) in the rates s.
    Nudge and project the result, not the argument. Raises `TypeError` for any other field and
    `ValueError` unless `gamma` is one positive number.

    >>> import jax, neurodyn as nd
    >>> from neurodyn.systems.discounted import discounted
    >>> net = nd.LayeredLeakyIntegrator.init((4, 3, 2), key=jax.random.key(0))
    >>> weak = discounted(net, 0.1)
    >>> bool((weak.feedback[0] == 0.1 * net.feedback[0]).all())
    True
    """
    if isinstance(field, LayeredLeakyIntegrator):
        factor = concrete_array(gamma)
        _require_discount(factor)
        feedback = tuple(factor.astype(b.dtype) * b for b in field.feedback)
        return LayeredLeakyIntegrator(field.forward, feedback, field.activation)
    if not isinstance(field, AbstractLayeredEnergy):
        raise TypeError(
            f"field is a {type(field).__name__}: give one that tells the energy of each layer, as "
            "a LiftedNet, or a LayeredLeakyIntegrator; nudge or project the discounted field."
        )
    return Discounted(field, gamma)
