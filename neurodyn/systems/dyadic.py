"""Dyadic neurons: two opposed states per unit that carry the activity and the error at once.

    min over s⁺, max over s⁻ of ½ℓ(s⁺) + ½ℓ(s⁻)
        + (1/β) [G(s⁺) − G(s⁻) − (s⁺ − s⁻)ᵀ (W s̄ + θ₀x)],   s̄ = ½(s⁺ + s⁻)          [001 Eq 4.7]

    du⁺/dt = W s̄ + θ₀x + ½Wᵀ(s⁺ − s⁻) − (β/2) ∂ℓ/∂s⁺ − u⁺,   s⁺ = f(u⁺)   descends in s⁺
    du⁻/dt = W s̄ + θ₀x − ½Wᵀ(s⁺ − s⁻) + (β/2) ∂ℓ/∂s⁻ − u⁻,   s⁻ = f(u⁻)   ascends in s⁻

for any W with a zero diagonal and any f = (∇G)⁻¹. The flow moves the pre-activations u, so that
s stays in the range of f. Where it settles, (s⁺ − s⁻)/β is minus the derivative of ℓ(s) by the
input of each unit, up to O(β²), and the weight change is −(s⁺ − s⁻) s̄ᵀ/β.

With W_λ = θ + (2λ − 1) θᵀ, θ strictly lower triangular, one number leads from skew-symmetric
(λ = 0, Lipschitz-1) over feed-forward (λ = ½, dual propagation) to symmetric weights (λ = 1,
equilibrium propagation nudged by ±β/2). Without a teaching signal s⁺ = s⁻ where the fixed point
is unique; the thesis says it of all weights, but symmetric ones with two wells part them.
"""

from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray, PyTree

from ..activation import tanh
from ..aliases import Layers, Scalar, State, Time
from ..cost import AbstractCost
from ..field import AbstractField, AbstractNudged, concrete_array, is_concrete, unit_leak
from .dyadic_weights import require_share, w_lambda
from .leaky import (
    LayeredLeakyIntegrator,
    Weights,
    as_matrices,
    as_matrix,
    require_chained,
    units_of,
)

Activities = tuple[State, State]
"""(s⁺, s⁻), each an array of units or a tuple of layers."""


def _require_activation(activation: Any) -> None:
    if not callable(activation):
        raise TypeError(f"activation is {activation!r}: give a function, as nd.tanh.")


def _halves(layer: Float[Array, " n2"]) -> Float[Array, "2 n"]:
    return layer.reshape(2, -1)


def _opposed(
    shares: tuple[Scalar, Scalar], plus: Float[Array, " n"], minus: Float[Array, " n"]
) -> Float[Array, " n2"]:
    """`plus` to u⁺ and `minus` against u⁻, each by its share."""
    up, down = (share.astype(plus.dtype) for share in shares)
    return jnp.concatenate([up * plus, -down * minus])


def _shares(alpha: Scalar, lagrangian: bool) -> tuple[Scalar, Scalar]:
    return (1 - alpha, alpha) if lagrangian else (alpha, 1 - alpha)


def _mean(alpha: Scalar, plus: Array, minus: Array) -> Array:
    alpha = alpha.astype(plus.dtype)
    return alpha * plus + (1 - alpha) * minus


class Dyadic(AbstractField):
    """n dyadic neurons with any weights W: the saddle flow of [001 Eq 4.7] without its loss.

    **Fields:** `weights`, (n, n), zero on the diagonal; `activation`, f; `alpha`, from 0 to 1:
    s̄ = α s⁺ + (1 − α) s⁻, ½ in the thesis. u⁺ then feels the share α of the feedback
    Wᵀ(s⁺ − s⁻) and of the nudge, and u⁻ the share 1 − α, as the same objective with this s̄ says
    [Høier, Staudt & Zach 2023]; `lagrangian` swaps the two shares, which keeps s̄ where it is in
    the free phase, up to O(β²), for every α [Høier & Zach 2024].

    The state, (2n,), is u⁺ and then u⁻, the order of [001 Eq 4.8]; `inputs`, (n,), is the current
    θ₀x into each unit. Raises `ValueError` for weights that are not square or have a diagonal.

    >>> import jax.numpy as jnp, neurodyn as nd
    >>> from neurodyn.systems.dyadic import Dyadic
    >>> net = Dyadic(jnp.array([[0.0, -2.0], [2.0, 0.0]]), nd.identity)
    >>> (s,) = net.layers(nd.settle(net, jnp.array([1.0, 0.5]), tol=1e-4).state)
    >>> (abs(s - jnp.array([0.0, 0.5])) < 1e-3).tolist()  # s = W s + inputs
    [True, True]
    """

    weights: Float[Array, "_ _"] = eqx.field(converter=as_matrix)
    activation: Callable[[Array], Array] = eqx.field(default=tanh, static=True)
    alpha: Scalar = eqx.field(converter=concrete_array, default=0.5)
    lagrangian: bool = eqx.field(default=False, static=True)

    def __check_init__(self):
        shape = self.weights.shape
        if shape[0] != shape[1]:
            raise ValueError(f"weights have shape {shape}: they must be square (n, n).")
        if is_concrete(self.weights) and np.diag(np.asarray(self.weights)).any():
            raise ValueError("weights have entries on the diagonal: set them to zero.")
        _require_activation(self.activation)
        require_share("alpha", self.alpha)

    @property
    def shares(self) -> tuple[Scalar, Scalar]:
        """How much of the feedback and of the nudge u⁺ and u⁻ feel."""
        return _shares(self.alpha, self.lagrangian)

    def activities(self, state: Float[Array, " n2"]) -> Activities:
        """(s⁺, s⁻), each (n,)."""
        plus, minus = _halves(self.activation(state))
        return plus, minus

    def layers(self, state: Float[Array, " n2"], /) -> Layers:
        """(s̄,), the mean activity of the units, (n,)."""
        return (_mean(self.alpha, *self.activities(state)),)

    def read(self, state: Float[Array, " n2"], /) -> Float[Array, " n"]:
        return self.layers(state)[0]

    def nudged(self, cost: AbstractCost, beta: Any) -> AbstractField:
        return DyadicNudged(self, cost, beta)

    def shapes(self) -> tuple[PyTree, PyTree]:
        n, dtype = len(self.weights), self.weights.dtype
        return units_of(2 * n, dtype), units_of(n, dtype)

    def drive(self, inputs: Float[Array, " n"], /) -> tuple[Array, Array]:
        # without its diagonal, so that no gradient and no change gives it one
        return self.weights - jnp.diag(jnp.diag(self.weights)), inputs

    def flow(
        self, t: Time, state: Float[Array, " n2"], drive: tuple[Array, Array], /
    ) -> Float[Array, " n2"]:
        weights, current = drive
        plus, minus = self.activities(state)
        forward = weights @ _mean(self.alpha, plus, minus) + current
        back = weights.T @ (plus - minus)
        # stationary where f⁻¹(s±) = W s̄ + θ₀x ± ½Wᵀ(s⁺ − s⁻) [001 Eq 4.7]
        return jnp.tile(forward, 2) + _opposed(self.shares, back, back) - state


class LayeredDyadic(AbstractField):
    """Layers of dyadic neurons with the weights W_λ [001 §4.2, Fig 4.1], driven by an input x.

    **Fields:** `forward[k]`, (n_{k+1}, n_k), leads from layer k to layer k + 1, layer 0 being the
    input: forward[0] = θ₀ and the others are the blocks of θ below the diagonal, whose transposes
    lead back by 2λ − 1; `lam`, λ from 0 to 1: 0 skew-symmetric, ½ dual propagation in a
    feed-forward net, 1 symmetric; `activation`, `alpha` and `lagrangian` as for `Dyadic`.

    The state is a tuple of layers (first hidden, …, output), each (2n_k,): u⁺ and then u⁻. With
    u⁺ = u⁻ it is the free phase, in which s̄ = f(W_λ s̄ + θ₀x). Raises `ValueError` where the
    shapes do not chain, naming the array.

    >>> import jax, jax.numpy as jnp
    >>> from neurodyn.systems.dyadic import LayeredDyadic
    >>> net = LayeredDyadic.init((4, 3, 2), lam=0.5, key=jax.random.key(0))
    >>> state = net(0.0, (jnp.zeros(6), jnp.zeros(4)), jnp.ones(4))
    >>> [u.shape for u in state], [s.shape for s in net.layers(state)]
    ([(6,), (4,)], [(3,), (2,)])
    """

    forward: Weights = eqx.field(converter=as_matrices)
    lam: Scalar = eqx.field(converter=concrete_array)
    activation: Callable[[Array], Array] = eqx.field(default=tanh, static=True)
    alpha: Scalar = eqx.field(converter=concrete_array, default=0.5)
    lagrangian: bool = eqx.field(default=False, static=True)

    def __check_init__(self):
        if not self.forward or not all(w.size for w in self.forward):
            raise ValueError("forward must hold one or more matrices, each with some entries.")
        if len({w.dtype for w in self.forward}) > 1:
            raise ValueError("forward must have one dtype: cast its matrices.")
        require_chained("forward", self.forward)
        _require_activation(self.activation)
        require_share("lam", self.lam)
        require_share("alpha", self.alpha)

    @staticmethod
    def init(
        sizes: Sequence[int],
        *,
        lam: Any = 0.5,
        activation: Callable[[Array], Array] = tanh,
        alpha: Any = 0.5,
        lagrangian: bool = False,
        key: PRNGKeyArray,
        dtype=None,
    ) -> "LayeredDyadic":
        """The Glorot-uniform `forward` weights of `LayeredLeakyIntegrator.init` with that key.

        `sizes` is (inputs, first hidden, …, outputs). `dtype` is JAX's default float unless given.
        Raises `ValueError` unless there are two or more positive sizes.
        """
        drawn = LayeredLeakyIntegrator.init(sizes, key=key, dtype=dtype)
        return LayeredDyadic(drawn.forward, lam, activation, alpha, lagrangian)

    @property
    def sizes(self) -> tuple[int, ...]:
        """(inputs, first hidden, …, outputs)."""
        return (self.forward[0].shape[1], *(w.shape[0] for w in self.forward))

    @property
    def weights(self) -> Float[Array, "n n"]:
        """W_λ of all units as one matrix, the adjacency of [001 Fig 4.1]."""
        ends = np.cumsum((0, *self.sizes[1:]))
        theta = jnp.zeros((ends[-1], ends[-1]), self.forward[0].dtype)
        for k, block in enumerate(self.forward[1:]):
            theta = theta.at[ends[k + 1] : ends[k + 2], ends[k] : ends[k + 1]].set(block)
        return w_lambda(theta, self.lam)

    @property
    def shares(self) -> tuple[Scalar, Scalar]:
        """How much of the feedback and of the nudge u⁺ and u⁻ feel."""
        return _shares(self.alpha, self.lagrangian)

    def activities(self, state: Layers) -> Activities:
        """(s⁺, s⁻), each a tuple of layers (first hidden, …, output) of shape (n_k,)."""
        plus, minus = zip(*(_halves(self.activation(u)) for u in state), strict=True)
        return plus, minus

    def layers(self, state: Layers, /) -> Layers:
        """s̄ of (first hidden, …, output), each (n_k,)."""
        return tuple(_mean(self.alpha, p, m) for p, m in zip(*self.activities(state), strict=True))

    def read(self, state: Layers, /) -> Layers:
        return self.layers(state)

    def nudged(self, cost: AbstractCost, beta: Any) -> AbstractField:
        return DyadicNudged(self, cost, beta)

    def shapes(self) -> tuple[PyTree, PyTree]:
        x, *sizes = self.sizes
        dtype = self.forward[0].dtype
        return tuple(units_of(2 * n, dtype) for n in sizes), units_of(x, dtype)

    def drive(self, inputs: Float[Array, " n"], /) -> Float[Array, " m"]:
        return self.forward[0] @ inputs  # θ₀x, once

    def leak(self) -> State:
        return unit_leak(self)

    def flow(self, t: Time, state: Layers, drive: Float[Array, " m"], /) -> Layers:
        blocks, tie = self.forward[1:], (2 * self.lam - 1).astype(drive.dtype)
        means = self.layers(state)
        apart = [p - m for p, m in zip(*self.activities(state), strict=True)]

        def up(layers):  # θ s
            return [jnp.zeros_like(drive), *(w @ s for w, s in zip(blocks, layers, strict=False))]

        def down(layers):  # θᵀ s
            above = [w.T @ s for w, s in zip(blocks, layers[1:], strict=True)]
            return [*above, jnp.zeros_like(layers[-1])]

        forward = [a + tie * b for a, b in zip(up(means), down(means), strict=True)]  # W_λ s̄
        back = [a + tie * b for a, b in zip(down(apart), up(apart), strict=True)]  # W_λᵀ (s⁺ − s⁻)
        forward[0] = forward[0] + drive
        return tuple(
            jnp.tile(f, 2) + _opposed(self.shares, b, b) - u  # [001 Eq 4.7]
            for f, b, u in zip(forward, back, state, strict=True)
        )


class DyadicNudged(AbstractNudged):
    """Dyads with their loss: −(β/2) ∂ℓ/∂s⁺ on u⁺ and +(β/2) ∂ℓ/∂s⁻ on u⁻ [001 Eq 4.7].

    `field` is a `Dyadic` or a `LayeredDyadic`, whose shares replace the halves; `cost` reads the
    activities s⁺ and s⁻ themselves; the inputs are (inputs, target), as of `Nudged`. `beta` is an
    array leaf; −β swaps s⁺ and s⁻. Since s⁻ is pushed away from the target, a β beyond the
    curvature of G makes the flow run away: 2 for the squared error of linear outputs, and less
    where the net amplifies.

    >>> import jax.numpy as jnp, neurodyn as nd
    >>> from neurodyn.systems.dyadic import Dyadic, DyadicNudged
    >>> one = Dyadic(jnp.zeros((1, 1)), nd.identity)
    >>> field = DyadicNudged(one, nd.SquaredError(), beta=1.0)
    >>> field(0.0, jnp.zeros(2), (jnp.zeros(1), jnp.ones(1))).tolist()
    [0.5, -0.5]
    """

    # fields are frozen, so narrowing the type is safe
    field: Dyadic | LayeredDyadic  # pyright: ignore[reportIncompatibleVariableOverride]
    cost: AbstractCost
    beta: Scalar = eqx.field(converter=concrete_array)

    def __check_init__(self):
        if not isinstance(self.field, Dyadic | LayeredDyadic):
            kind = type(self.field).__name__
            raise TypeError(f"field is {kind}: give dyads, or use Nudged for other fields.")

    def leak(self) -> State | None:
        return self.field.leak()  # the nudge bends u⁺ and u⁻ to opposite sides

    def flow(self, t: Time, state: State, drive: Any, /) -> State:
        inner, target = drive
        plus, minus = (jax.grad(self.cost)(s, target) for s in self.field.activities(state))
        return jax.tree.map(
            lambda mu, p, m: mu - self.beta.astype(mu.dtype) * _opposed(self.field.shares, p, m),
            self.field.flow(t, state, inner),
            plus,
            minus,
        )
