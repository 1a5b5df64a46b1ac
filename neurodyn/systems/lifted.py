"""Lifted networks: layered quadratic energies, free to move on all layers at once.

    MAC         E_l = ½‖s_l − f(W_l s_{l−1})‖²                                  [001 Eq 3.13]
    predictive  E_l = ½‖a_l − W_l f(a_{l−1})‖²,  f(a_0) = x                     [001 Eq 3.14]
    proximal    E_l = ½‖s_l − W_l s_{l−1}‖²,     s_l ≥ 0                        [001 Eq 3.15]
    LRRN        E_l = ½‖s_l − W_l s_{l−1}‖² + ½‖s_{l−1} − R_l s_l‖²,  s_l ≥ 0   [001 paper A]

The energy is E = Σ_l E_l and the flow −∂E/∂state, with s_0 = x clamped and, for the last two,
projected. The thesis prints W_{l−1} for W_l, and s_l for the first argument of Eq 3.14: it must be
a_l, since units that saturate give one s_l for many a_l. Alternating minimisation and predictive
coding have the same energy.

**Free phase.** MAC and predictive coding rest at the forward pass and nowhere else, at E = 0: the
top residual vanishes, hence the one below, and so on down. For Eq 3.15 the thesis claims E = 0 too,
which is false: W_1 = 1, W_2 = −2, x = 1 has E = 2 at the forward pass (1, 0), and its minimum, 2/5,
at (1/5, 0). That energy is strictly convex, so there is one fixed point all the same.

**Nudged phase.** (1/β) ∂E/∂W at the state nudged by β is backpropagation's gradient up to O(β), for
MAC and predictive coding.

**LRRN.** The paper itself is not at hand. The energy is made from its abstract (adjacent layers
regress and reconstruct at once) and from the thesis, which says that it uses Eq 3.15. Tied weights,
R_l = W_lᵀ, then make every layer Lipschitz-1 in the one below, hence in x: if two samples differ by
δ in layer l − 1 and d_k in the layers from l on, convexity gives

    ‖d_l‖² + ‖W_lᵀ d_l‖² + Σ_{k>l} (‖d_k − W_k d_{k−1}‖² + ‖d_{k−1} − W_kᵀ d_k‖²) ≤ 2 (W_lᵀ d_l)·δ

and the right side is at most ‖W_lᵀ d_l‖² + ‖δ‖². Convex constraints, a discount, and a nudge by a
convex cost towards one target keep it. One linear layer has the singular values 2σ/(1 + σ²) ≤ 1.
"""

from collections.abc import Callable, Sequence
from typing import Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray, PyTree

from ..activation import Activation, hard_sigmoid, identity, relu, tanh
from ..aliases import Layers, Scalar, State, Time
from ..field import AbstractField, Nudged, Projected
from .discounted import AbstractLayeredEnergy, Discounted, Energies, downhill
from .leaky import LayeredLeakyIntegrator, Weights, as_matrices, require_chained

Kind = Literal["mac", "predictive", "lrrn"]
KINDS = ("mac", "predictive", "lrrn")

Clamped = tuple[Float[Array, " n"], Float[Array, " m"]]


class LiftedNet(AbstractLayeredEnergy):
    """A layered net that runs down a quadratic energy of its residuals [001 Eq 3.12–3.15].

    **Fields:** `forward[k]`, (n_{k+1}, n_k), leads from layer k to layer k + 1, layer 0 being the
    input x, which acts as it is. `kind`: "mac", whose state is the activities s; "predictive",
    whose state is the pre-activations a; "lrrn", which also reconstructs each layer from the one
    above. `activation` f, of every layer but the input. `reconstruction[k]`, (n_k, n_{k+1}), for
    "lrrn" alone: left out, they are tied, R = Wᵀ. The state is (first hidden, …, output).

    With `identity` the energy is the quadratic one of Eq 3.15 without its constraint, which
    `proximal` adds; "lrrn" takes no other activation. Raises `ValueError` for shapes that do not
    chain and fields that do not go together.

    >>> import jax.numpy as jnp, neurodyn as nd
    >>> from neurodyn.systems.lifted import LiftedNet
    >>> net = LiftedNet((jnp.array([[1.0]]), jnp.array([[-2.0]])), activation=nd.identity)
    >>> forward_pass = (jnp.array([1.0]), jnp.array([0.0]))
    >>> float(net.energy(forward_pass, jnp.array([1.0])))
    2.0
    """

    forward: Weights = eqx.field(converter=as_matrices)
    kind: Kind = eqx.field(default="predictive", static=True)
    activation: Callable[[Array], Array] = eqx.field(default=tanh, static=True)
    reconstruction: Weights = eqx.field(default=(), converter=as_matrices)

    def __check_init__(self):
        if self.kind not in KINDS:
            raise ValueError(f"kind is {self.kind!r}: there are {', '.join(KINDS)}.")
        if not callable(self.activation):
            raise TypeError(f"activation is {self.activation!r}: give a function, as nd.tanh.")
        if self.kind == "lrrn" and self.activation is not identity:
            raise ValueError("activation must be nd.identity for lrrn: `proximal` adds its ReLU.")
        if self.kind != "lrrn" and self.reconstruction:
            raise ValueError(f"reconstruction is for lrrn alone: leave it out for {self.kind}.")
        self._check_shapes()

    def _check_shapes(self):
        if not self.forward or not all(w.size for w in self.forward):
            raise ValueError("forward must hold at least one matrix, and each some entries.")
        if len({w.dtype for w in (*self.forward, *self.reconstruction)}) > 1:
            raise ValueError("forward and reconstruction must all have one dtype: cast them.")
        require_chained("forward", self.forward)
        found = [r.shape for r in self.reconstruction]
        wanted = [w.shape[::-1] for w in self.forward]
        if found and found != wanted:
            raise ValueError(
                f"reconstruction has the shapes {found}: give {wanted}, or leave it out to tie it."
            )

    @staticmethod
    def init(
        sizes: Sequence[int],
        *,
        kind: Kind = "predictive",
        activation: Callable[[Array], Array] = tanh,
        key: PRNGKeyArray,
        dtype=None,
    ) -> "LiftedNet":
        """Glorot-uniform weights, those of `LayeredLeakyIntegrator.init` for the same key.

        `sizes` is (inputs, first hidden, …, outputs); reconstruction is tied. Raises `ValueError`
        unless there are two or more positive sizes.
        """
        drawn = LayeredLeakyIntegrator.init(sizes, key=key, dtype=dtype)
        return LiftedNet(drawn.forward, kind, activation)

    @property
    def sizes(self) -> tuple[int, ...]:
        """(inputs, first hidden, …, outputs)."""
        return (self.forward[0].shape[1], *(w.shape[0] for w in self.forward))

    @property
    def backward(self) -> Weights:
        """R_1, …, R_L of LRRN, the transposed forward weights where they are tied."""
        return self.reconstruction or tuple(w.T for w in self.forward)

    def shapes(self) -> tuple[PyTree, PyTree]:
        dtype = self.forward[0].dtype
        x, *layers = (jax.ShapeDtypeStruct((n,), dtype) for n in self.sizes)
        return tuple(layers), x

    def layers(self, state: State, /) -> tuple[Array, ...]:
        """The activities s of (first hidden, …, output)."""
        return tuple(map(self.activation, state)) if self.kind == "predictive" else state

    def drive(self, inputs: Float[Array, " n"], /) -> Clamped:
        return inputs, self.forward[0] @ inputs  # x and W_1 x, once

    def energies(self, state: Layers, drive: Clamped, /) -> Energies:
        """E_1, …, E_L, given what `drive` made of the inputs."""
        x, entry = drive
        below = (x, *self.layers(state)[:-1])
        predicted = (entry, *(w @ s for w, s in zip(self.forward[1:], below[1:], strict=True)))
        if self.kind == "mac":
            predicted = tuple(map(self.activation, predicted))  # [001 Eq 3.13]
        terms = list(map(_half_square, state, predicted))  # [001 Eq 3.13–3.15]
        if self.kind == "lrrn":
            rebuilt = [r @ s for r, s in zip(self.backward, state, strict=True)]
            terms = [e + _half_square(s, r) for e, s, r in zip(terms, below, rebuilt, strict=True)]
        return jnp.stack(terms)

    def flow(self, t: Time, state: Layers, drive: Clamped, /) -> Layers:
        return downhill(self.energies, state, drive)


def _half_square(a: Float[Array, " n"], b: Float[Array, " n"]) -> Scalar:
    return jnp.sum((a - b) ** 2) / 2


def proximal(field: AbstractField, activation: Activation = relu) -> Projected:
    """The constraint of [001 Eq 3.15]: `field` with its states kept in the range of `activation`.

    `field` is a `LiftedNet` in its activities ("lrrn", or "predictive" with `identity`), discounted
    and nudged as wanted, in that order. `activation` is `relu`, s ≥ 0, or `hard_sigmoid`,
    0 ≤ s ≤ 1: the minimiser of E_l over such s_l alone is f(W_l s_{l−1}). The flow is
    clip(s − ∂E/∂s) − s, along which E never increases and whose fixed points are the constrained
    minima. Raises `TypeError` and `ValueError` for a field or an activation that is none of these.

    >>> import jax.numpy as jnp, neurodyn as nd
    >>> from neurodyn.systems.lifted import LiftedNet, proximal
    >>> net = LiftedNet((jnp.array([[1.0], [-1.0]]),), activation=nd.identity)
    >>> [rate.tolist() for rate in proximal(net)(0.0, (jnp.zeros(2),), jnp.array([1.0]))]
    [[1.0, 0.0]]
    """
    net = field
    while isinstance(net, Nudged | Discounted):
        net = net.field
    if not isinstance(net, LiftedNet):
        raise TypeError(f"field is a {type(net).__name__}: give a LiftedNet, nudged or not.")
    if net.kind == "mac" or net.activation is not identity:
        raise ValueError(
            "field has an activation of its own: build the LiftedNet with activation=nd.identity, "
            "as lrrn or predictive, so that its states are activities to be clipped."
        )
    if activation is not relu and activation is not hard_sigmoid:
        raise ValueError(f"activation is {activation!r}: only relu and hard_sigmoid are clips.")
    return Projected(field, *activation.range)
