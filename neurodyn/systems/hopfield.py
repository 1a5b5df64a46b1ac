"""Hopfield networks: symmetric weights, an energy, and two flows to the same fixed points.

    [001 Eq 3.8]  E(s) = G(s) − ½ sᵀWs − sᵀb,   ∇G = f⁻¹,   so   −∂E/∂s = Ws + b − f⁻¹(s)

With s = f(u), the pre-activations u = f⁻¹(s) and the rates s each have a flow, with one right side:

    du/dt = Ws + b − u         the mirror flow: leaky integrators [003 Eq 1] with symmetric weights
    ds/dt = Ws + b − f⁻¹(s)    the gradient flow of E

Both come to rest where s = f(Ws + b), and E never increases along either: it falls by Σ f′(u)u̇² in
the first, by Σ ṡ² in the second. The paper prints E without the bias b, which holds whatever is
clamped. For weights that are not symmetric only ½(W + Wᵀ) enters E, and it rests where
f⁻¹(s) = ½(W + Wᵀ)s + b; the classes here refuse them, and `hopfield_energy` takes any.
"""

from collections.abc import Callable, Sequence
from typing import Any, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import xlog1py, xlogy
from jaxtyping import Array, Float, PRNGKeyArray, PyTree

from ..activation import Activation, tanh
from ..aliases import Layers, Scalar, State, Time
from ..field import AbstractEnergy, is_concrete, unit_leak
from .leaky import (
    LayeredLeakyIntegrator,
    Weights,
    as_matrices,
    as_matrix,
    require_chained,
    units_of,
)

Variables = Literal["preactivation", "rate"]
Inputs = Float[Array, "_"] | tuple[Float[Array, "_"], Float[Array, "_"]]
Driven = tuple[Float[Array, "m m"], Float[Array, " m"]]


def _half_square(s: Array) -> Array:
    return s**2 / 2


# g with g′ = f⁻¹; for the clipped ones on their range, outside of which E is infinite
_INTEGRALS: dict[str, Callable[[Array], Array]] = {
    "identity": _half_square,
    "relu": _half_square,
    "hard_sigmoid": _half_square,
    "tanh": lambda s: (xlog1py(1 + s, s) + xlog1py(1 - s, -s)) / 2,
    "logistic": lambda s: xlogy(s, s) + xlog1py(1 - s, -s),
}


def inverse_integral(activation: Activation, rates: Float[Array, "_"]) -> Scalar:
    """G(s) = Σ ∫ f⁻¹ in closed form [001 Eq 3.8].

    Raises `ValueError` for an activation whose integral is not known here.

    >>> import jax.numpy as jnp, neurodyn as nd
    >>> float(inverse_integral(nd.identity, jnp.array([1.0, 2.0])))
    2.5
    """
    if activation.name not in _INTEGRALS:
        raise ValueError(
            f"the energy for activation {activation.name} is not known in closed form: use one of "
            f"{', '.join(_INTEGRALS)}, or an EnergyField of your own."
        )
    return jnp.sum(_INTEGRALS[activation.name](rates))


def hopfield_energy(
    weights: Float[Array, "n n"],
    rates: Float[Array, " n"],
    bias: Float[Array, " n"],
    activation: Activation = tanh,
) -> Scalar:
    """E = G(s) − ½ sᵀWs − sᵀb of rates s, for any square W [001 Eq 3.8].

    Raises `ValueError` for an activation whose G is not known here.
    """
    return inverse_integral(activation, rates) - rates @ (weights @ rates / 2 + bias)


def _require_flow(activation: Any, variables: str) -> None:
    """Refuse an activation without the inverse that the flow or its energy needs."""
    if not isinstance(activation, Activation):
        raise TypeError(
            f"activation is {activation!r}: a Hopfield network needs an Activation, which knows "
            "its inverse, such as neurodyn.tanh."
        )
    if variables not in ("preactivation", "rate"):
        raise ValueError(f"variables is {variables!r}: choose 'preactivation' or 'rate'.")
    ends = [end for end in activation.range if np.isfinite(end)]
    clipped = any(np.isfinite(_eager(activation.inverse, end)) for end in ends)
    if variables == "rate" and (clipped or not activation.monotone):
        raise ValueError(
            f"activation {activation.name} has no inverse on all of its range, which the flow of "
            "the rates needs: use variables='preactivation', which has the same fixed points."
        )


def _eager(function: Callable, number: float) -> float:
    with jax.ensure_compile_time_eval():
        return float(function(jnp.asarray(number)))


def _both(activation: Activation, variables: Variables, state: Array) -> tuple[Array, Array]:
    """(rates, pre-activations) of units whose state is one of the two.

    f⁻¹ is held at its value for the last number inside the range, so that a solver's step beyond
    it, or a start on its end, is led back in.
    """
    if variables == "preactivation":
        return activation(state), state
    lower, upper = (jnp.asarray(end, state.dtype) for end in activation.range)
    tiny = jnp.finfo(state.dtype).tiny  # what lies between it and zero is flushed to zero
    first = jnp.maximum(jnp.nextafter(lower, upper), lower + tiny)
    last = jnp.minimum(jnp.nextafter(upper, lower), upper - tiny)
    inside = jnp.clip(state, first, last)
    return state, activation.inverse(inside)


class Hopfield(AbstractEnergy):
    """n units with symmetric weights [001 Eq 3.8], some of them clamped if you like.

    **Fields:** `weights`, (n, n), symmetric, with a zero diagonal unless `self_connections`;
    `activation`, an `Activation`; `variables`, what the state holds: "preactivation" (any
    activation, any state) or "rate" (an invertible one, and rates inside its range; units that
    saturate make that flow stiff); `clamped`, the units that are held fixed.

    `inputs` is the bias b, (n,). With k units clamped it is (bias of the n − k free units, rates
    of the clamped ones in the order of `clamped`), and the state holds the free units only. A
    cost reads the rates, and a nudge pulls them, whichever of the two the state holds.

    Raises `ValueError` for weights that are not square, not symmetric or have a diagonal, and
    `ValueError` or `TypeError` for an activation that does not fit.

    >>> import jax.numpy as jnp, neurodyn as nd
    >>> from neurodyn.systems.hopfield import Hopfield
    >>> pair = Hopfield(jnp.array([[0.0, 2.0], [2.0, 0.0]]))
    >>> u = nd.settle(pair, jnp.zeros(2), jnp.array([1.0, 0.5]), tol=1e-6).state
    >>> [round(float(s), 4) for s in pair.rates(u)]
    [0.9575, 0.9575]
    """

    weights: Float[Array, "_ _"] = eqx.field(converter=as_matrix)
    activation: Activation = eqx.field(default=tanh, static=True)
    variables: Variables = eqx.field(default="preactivation", static=True)
    clamped: tuple[int, ...] = eqx.field(default=(), static=True, converter=tuple)
    self_connections: bool = eqx.field(default=False, static=True)

    def __check_init__(self):
        _require_flow(self.activation, self.variables)
        n, columns = self.weights.shape
        if n != columns:
            raise ValueError(f"weights have shape {(n, columns)}: they must be square (n, n).")
        if len(set(self.clamped)) < len(self.clamped) or not set(self.clamped) < set(range(n)):
            raise ValueError(
                f"clamped is {self.clamped}: name different units from 0 to {n - 1}, not all."
            )
        if not is_concrete(self.weights):
            return
        matrix = np.asarray(self.weights)
        if not np.allclose(matrix, matrix.T):
            raise ValueError("weights are not symmetric: give ½(W + Wᵀ), all that the energy sees.")
        if matrix.diagonal().any() and not self.self_connections:
            raise ValueError(
                "weights have a diagonal: set it to zero, or allow it by self_connections=True."
            )

    @property
    def free(self) -> tuple[int, ...]:
        """The units that move, in the order of the state."""
        return tuple(i for i in range(len(self.weights)) if i not in self.clamped)

    def shapes(self) -> tuple[PyTree, PyTree]:
        units = units_of(len(self.free), self.weights.dtype)
        held = units_of(len(self.clamped), self.weights.dtype)
        return units, (units, held) if self.clamped else units

    def drive(self, inputs: Inputs, /) -> Driven:
        """The weights between free units, and the bias that these and the clamped ones feel."""
        # written with both triangles, so that gradients too are symmetric, without a diagonal
        coupling = (self.weights + self.weights.T) / 2
        if not self.self_connections:
            coupling = coupling - jnp.diag(jnp.diag(coupling))
        free = np.asarray(self.free)
        inner = coupling[free[:, None], free]
        if not isinstance(inputs, tuple):
            return inner, inputs
        bias, held = inputs
        return inner, bias + coupling[free[:, None], np.asarray(self.clamped)] @ held

    def flow(self, t: Time, state: Float[Array, " m"], drive: Driven, /) -> Float[Array, " m"]:
        coupling, bias = drive
        s, u = _both(self.activation, self.variables, state)
        return coupling @ s + bias - u  # −∂E/∂s [001 Eq 3.8]

    def rates(self, state: Float[Array, " m"]) -> Float[Array, " m"]:
        """s = f(u), or the state itself where it holds the rates."""
        return _both(self.activation, self.variables, state)[0]

    def layers(self, state: Float[Array, " m"], /) -> Layers:
        """The rates of the free units, as one layer."""
        return (self.rates(state),)

    def read(self, state: Float[Array, " m"], /) -> Float[Array, " m"]:
        return self.rates(state)

    def energy(self, state: Float[Array, " m"], inputs: Inputs, /) -> Scalar:
        """E of the free units, given the clamped ones [001 Eq 3.8].

        Raises `ValueError` for an activation whose G is not known in closed form.
        """
        coupling, bias = self.drive(inputs)
        return hopfield_energy(coupling, self.rates(state), bias, self.activation)


class LayeredHopfield(AbstractEnergy):
    """Layers tied by one matrix per pair, which acts both ways; the input x is clamped.

    E = Σ_k G(s_k) − Σ_k s_{k+1}ᵀ W_k s_k with s_0 = x: Eq 3.8 with layers by block sparsity.

    **Fields:** `weights[k]`, (n_{k+1}, n_k), between layers k and k + 1; `activation` and
    `variables` as for `Hopfield`. The state is (first hidden, …, output); `inputs` is x, a rate.

    Raises `ValueError` where the shapes do not chain, naming the array.

    >>> import jax
    >>> net = LayeredHopfield.init((4, 3, 2), key=jax.random.key(0))
    >>> [w.shape for w in net.weights], net.sizes
    ([(3, 4), (2, 3)], (4, 3, 2))
    """

    weights: Weights = eqx.field(converter=as_matrices)
    activation: Activation = eqx.field(default=tanh, static=True)
    variables: Variables = eqx.field(default="preactivation", static=True)

    def __check_init__(self):
        _require_flow(self.activation, self.variables)
        if not self.weights or not all(w.size for w in self.weights):
            raise ValueError("weights must hold at least one matrix, and none without entries.")
        if len({w.dtype for w in self.weights}) > 1:
            raise ValueError("weights must all have one dtype: cast them.")
        require_chained("weights", self.weights)

    @staticmethod
    def init(
        sizes: Sequence[int],
        *,
        activation: Activation = tanh,
        variables: Variables = "preactivation",
        key: PRNGKeyArray,
        dtype=None,
    ) -> "LayeredHopfield":
        """Glorot-uniform weights [Glorot & Bengio 2010].

        `sizes` is (inputs, first hidden, …, outputs). `dtype` is JAX's default float unless given.
        Raises `ValueError` unless there are two or more positive sizes.
        """
        drawn = LayeredLeakyIntegrator.init(sizes, key=key, dtype=dtype)
        return LayeredHopfield(drawn.forward, activation, variables)

    @property
    def sizes(self) -> tuple[int, ...]:
        """(inputs, first hidden, …, outputs)."""
        return (self.weights[0].shape[1], *map(len, self.weights))

    def shapes(self) -> tuple[PyTree, PyTree]:
        x, *layers = (units_of(n, self.weights[0].dtype) for n in self.sizes)
        return tuple(layers), x

    def drive(self, inputs: Float[Array, " n"], /) -> Float[Array, " m"]:
        return self.weights[0] @ inputs

    def leak(self) -> State | None:
        return unit_leak(self) if self.variables == "preactivation" else None

    def read_slope(self) -> float:
        return self.activation.slope_bound / 2  # of slopes from zero

    def flow(self, t: Time, state: Layers, drive: Float[Array, " m"], /) -> Layers:
        pairs = [_both(self.activation, self.variables, layer) for layer in state]
        s = [rates for rates, _ in pairs]
        below = [drive] + [w @ r for w, r in zip(self.weights[1:], s, strict=False)]
        above = [w.T @ r for w, r in zip(self.weights[1:], s[1:], strict=True)]
        above.append(jnp.zeros_like(state[-1]))
        return tuple(
            up + down - u for up, down, (_, u) in zip(below, above, pairs, strict=True)
        )  # −∂E/∂s_k [001 Eq 3.8]

    def layers(self, state: State, /) -> tuple[Array, ...]:
        """The rates of (first hidden, …, output)."""
        return tuple(_both(self.activation, self.variables, layer)[0] for layer in state)

    def read(self, state: State, /) -> State:
        return self.layers(state)

    def energy(self, state: Layers, inputs: Float[Array, " n"], /) -> Scalar:
        """E of one sample, its input given [001 Eq 3.8].

        Raises `ValueError` for an activation whose G is not known in closed form.
        """
        s = (inputs, *self.layers(state))
        coupling = jnp.stack([s[k + 1] @ w @ s[k] for k, w in enumerate(self.weights)])
        stored = [inverse_integral(self.activation, rates) for rates in s[1:]]
        return jnp.sum(jnp.stack(stored)) - jnp.sum(coupling)
