"""Backpropagation of a layered net by the chain rule and by Lagrange multipliers [001 §3.1]."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sympy as sp

from .opaque import Matrix, dot, each, matrix, opaque, vector


@dataclass(frozen=True)
class Layered:
    """A feedforward net with states s_l = f_l(a_l), a_l = W_{l-1} s_{l-1}, s_0 = x [001 P1].

    **Fields:** `weights`, W_0 .. W_{L-1}; `inputs`, the column x; `activations`, f_1 .. f_L, each
    a function of one SymPy expression; `loss`, a function of the entries of s_L.

    >>> net = Layered.generic((1, 1))
    >>> net.gradients()[0]
    Matrix([[x_0*f1'(W0_00*x_0)*l'(f1(W0_00*x_0))]])
    """

    weights: tuple[Matrix, ...]
    inputs: Matrix
    activations: tuple[Callable[[Any], Any], ...]
    loss: Callable[..., Any]

    def __post_init__(self) -> None:
        """`ValueError` where the shapes or the number of activations do not fit."""
        if len(self.activations) != len(self.weights):
            raise ValueError("activations: give one for each weight matrix.")
        rows = [self.inputs.rows, *(w.rows for w in self.weights)]
        if any(w.cols != below for w, below in zip(self.weights, rows, strict=False)):
            raise ValueError("weights: W_l needs as many columns as layer l has units.")

    @staticmethod
    def generic(widths: tuple[int, ...]) -> "Layered":
        """The net of the widths d_0 .. d_L with symbols for weights and opaque f_l and loss."""
        pairs = list(zip(widths[1:], widths[:-1], strict=True))
        weights = tuple(matrix(f"W{i}", *pair) for i, pair in enumerate(pairs))
        activations = tuple(opaque(f"f{i + 1}") for i in range(len(pairs)))
        return Layered(weights, vector("x", widths[0]), activations, opaque("l"))

    @property
    def depth(self) -> int:
        """L, the number of weight matrices."""
        return len(self.weights)

    def forward(self) -> tuple[list[Matrix], list[Matrix]]:
        """The pre-activations a_1 .. a_L and the states s_0 .. s_L."""
        preactivations, states = [], [self.inputs]
        for weight, activation in zip(self.weights, self.activations, strict=True):
            preactivations.append(weight * states[-1])
            states.append(each(activation, preactivations[-1]))
        return preactivations, states

    def value(self) -> Any:
        """The loss of the forward pass."""
        return self.loss(*self.forward()[1][-1])

    def slopes(self, layer: int, preactivation: Matrix) -> Matrix:
        """f'_l at `preactivation`, for layer l = 1 .. L."""
        u = sp.Dummy("u")
        slope = sp.diff(self.activations[layer - 1](u), u)
        return each(lambda a: slope.subs(u, a), preactivation)

    def loss_gradient(self, output: Matrix) -> Matrix:
        """ℓ' at the state `output` of the last layer."""
        hold = each(lambda _: sp.Dummy("o"), output)
        whole = self.loss(*hold)
        at = dict(zip(hold, output, strict=True))
        return sp.Matrix([sp.diff(whole, o).xreplace(at) for o in hold])

    def deltas(self) -> list[Matrix]:
        """δ_1 .. δ_L by [001 Eq 3.1 and 3.3]."""
        a, s = self.forward()
        delta = self.slopes(self.depth, a[-1]).multiply_elementwise(self.loss_gradient(s[-1]))
        found: list[Matrix] = [delta]
        for layer in range(self.depth - 1, 0, -1):  # Eq 3.3
            back = self.weights[layer].T * found[0]
            found.insert(0, self.slopes(layer, a[layer - 1]).multiply_elementwise(back))
        return found

    def gradients(self) -> list[Matrix]:
        """∂ℓ/∂W_0 .. ∂ℓ/∂W_{L-1} by [001 Eq 3.4]."""
        _, s = self.forward()
        return [delta * s[layer].T for layer, delta in enumerate(self.deltas())]

    def multipliers(self, printed: bool = False) -> list[Matrix]:
        """λ_1 .. λ_L at the forward pass, from λ_L = −ℓ' down.

        By λ_l = W_lᵀ(λ_{l+1} ⊙ f'_{l+1}(a_{l+1})); with `printed` by [001 Eq 3.6] as it stands.
        """
        a, s = self.forward()
        found: list[Matrix] = [-self.loss_gradient(s[-1])]
        rule = printed_multiplier if printed else true_multiplier
        for layer in range(self.depth - 1, 0, -1):
            slopes = (self.slopes(layer, a[layer - 1]), self.slopes(layer + 1, a[layer]))
            found.insert(0, rule(self.weights[layer], found[0], *slopes))
        return found


MultiplierRule = Callable[[Any, Any, Any, Any], Any]


def printed_multiplier(weight: Any, above: Any, here: Any, next_: Any) -> Any:
    """λ_l = (W_lᵀ λ_{l+1}) ⊙ f'_l(a_l), as printed [001 Eq 3.6]: the recursion of δ_l."""
    return (weight.T * above).multiply_elementwise(here)


def true_multiplier(weight: Any, above: Any, here: Any, next_: Any) -> Any:
    """λ_l = W_lᵀ(λ_{l+1} ⊙ f'_{l+1}(a_{l+1})), the stationary point in s_l."""
    return weight.T * above.multiply_elementwise(next_)


@dataclass(frozen=True)
class Lagrangian:
    """𝓛 = ℓ(s_L) + Σ λ_lᵀ(s_l − f_l(W_{l-1} s_{l-1})) with free symbols for every s_l and λ_l."""

    net: Layered
    states: tuple[Matrix, ...]
    multipliers: tuple[Matrix, ...]

    @staticmethod
    def of(net: Layered) -> "Lagrangian":
        """The Lagrangian of `net`; its states begin with the inputs x."""
        states = tuple(vector(f"s{i + 1}", w.rows) for i, w in enumerate(net.weights))
        multipliers = tuple(vector(f"λ{i + 1}", w.rows) for i, w in enumerate(net.weights))
        return Lagrangian(net, (net.inputs, *states), multipliers)

    def preactivation(self, layer: int) -> Matrix:
        """a_l = W_{l-1} s_{l-1} of layer l = 1 .. L."""
        return self.net.weights[layer - 1] * self.states[layer - 1]

    def residual(self, layer: int) -> Matrix:
        """s_l − f_l(a_l) of layer l = 1 .. L."""
        rate = each(self.net.activations[layer - 1], self.preactivation(layer))
        return self.states[layer] - rate

    def value(self) -> Any:
        """𝓛 itself."""
        terms = [
            dot(multiplier, self.residual(layer))
            for layer, multiplier in enumerate(self.multipliers, start=1)
        ]
        return sp.Add(self.net.loss(*self.states[-1]), *terms)

    def slopes(self, layer: int) -> Matrix:
        """f'_l(a_l) of layer l = 1 .. L."""
        return self.net.slopes(layer, self.preactivation(layer))
