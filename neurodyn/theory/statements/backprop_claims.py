"""The claims of [001 §3.1] on backpropagation by the chain rule, and the nets they are tried on."""

from collections.abc import Callable
from typing import Any

import sympy as sp

from ..claim import Claim, Evidence, register
from ..lagrangian import Layered
from ..opaque import Matrix, each, gradient, matrix, opaque, vanishes, vector

SHAPES = ((1, 1), (2, 2), (1, 2, 3), (2, 2, 2, 2))
GENERIC = "depths 1..3, widths 1..3, every f, every loss"


def bend(a: Any) -> Any:
    """a² + a, an activation with exact values whose slope differs from layer to layer."""
    return a**2 + a


def half_square(target: Matrix) -> Callable[..., Any]:
    """The loss ½‖s_L − target‖²."""
    return lambda *s: sum(((a - b) ** 2 for a, b in zip(s, target, strict=True)), sp.S.Zero) / 2


def small_net() -> Layered:
    """A net of widths 2, 2, 2, 1 with whole weights, for exact counter-examples."""
    weights = (sp.Matrix([[1, -1], [1, 1]]), sp.Matrix([[0, 1], [-1, 0]]), sp.Matrix([[1, 1]]))
    return Layered(weights, sp.Matrix([2, 1]), (bend,) * 3, half_square(sp.Matrix([1])))


def printed_net() -> Layered:
    """A net of widths 2, 3, 2, 1 with tanh units, on which the printed rules are measured."""
    rows = (
        [["3/10", "-4/5"], ["1/2", "1/5"], ["-7/10", "2/5"]],
        [["3/5", "-1/10", "9/10"], ["-2/5", "7/10", "1/5"]],
        [["11/10", "-1/2"]],
    )
    weights = tuple(sp.Matrix([[sp.Rational(v) for v in row] for row in w]) for w in rows)
    inputs = sp.Matrix([sp.Rational(7, 10), sp.Rational(-6, 5)])
    return Layered(weights, inputs, (sp.tanh,) * 3, half_square(sp.Matrix([sp.Rational(1, 4)])))


# -- the chain rule -------------------------------------------------------------------------------


def delta_recursion(use_transpose: bool = True) -> Evidence:
    """δ_l = f'_l ⊙ (W_lᵀ δ_{l+1}) against ∂ℓ/∂a_l; the tail of the loss is opaque."""
    differences = []
    for below, above in [(1, 1), (1, 2), (2, 1), (2, 2), (3, 3)]:
        weight, a, tail = matrix("W", above, below), vector("a", below), opaque("tail")
        f, a_next = opaque("f"), vector("b", above)
        at = dict(zip(a_next, weight * each(f, a), strict=True))
        delta_next = gradient(tail(*a_next), a_next).xreplace(at)
        slopes = sp.Matrix([sp.diff(f(entry), entry) for entry in a])
        back = weight.T if use_transpose or below != above else weight
        direct = gradient(tail(*(weight * each(f, a))), a)
        differences.append(direct - slopes.multiply_elementwise(back * delta_next))
    return Evidence(
        vanishes(*differences),
        "symbolic identity, the step of an induction from the top layer down",
        "every depth, widths 1..3, every f, every loss",
    )


def top_delta() -> Evidence:
    """δ_L = f'_L ⊙ ℓ' against ∂ℓ/∂a_L."""
    differences = []
    for width in (1, 2, 3):
        a = vector("a", width)
        net = Layered((sp.eye(width),), a, (opaque("f1"),), opaque("l"))
        differences.append(gradient(net.value(), a) - net.deltas()[0])
    return Evidence(vanishes(*differences), "symbolic identity", "widths 1..3, every f and loss")


def derivative_of_one_in_the_other(left: Matrix, right: Matrix) -> Matrix:
    """The diagonal of ∂right/∂left, entry by entry: ⊙ as the text defines it."""
    return sp.Matrix([sp.diff(b, a) for a, b in zip(left, right, strict=True)])


def elementwise(product: Callable[[Matrix, Matrix], Matrix]) -> Evidence:
    """f'_L ⊙ ℓ' with ⊙ = `product` against ∂ℓ/∂a_L, with free values of f'_L and ℓ'."""
    for width in (1, 2, 3):
        a, slopes, errors = vector("a", width), vector("d", width), vector("e", width)
        net = Layered((sp.eye(width),), a, (opaque("f1"),), opaque("l"))
        # the values of f' and ℓ' are free: name them
        names = dict(zip(net.slopes(1, a), slopes, strict=True))
        names.update(zip(net.loss_gradient(net.forward()[1][-1]), errors, strict=True))
        gap = gradient(net.value(), a).subs(names) - product(slopes, errors)
        if not vanishes(gap):
            shown: dict[str, object] = {"∂ℓ/∂a_L − f' ⊙ ℓ'": str(gap[0])}
            return Evidence(False, "symbolic counter-example", f"width {width}", shown)
    return Evidence(True, "symbolic identity", "widths 1..3, every f and loss")


def second_delta() -> Evidence:
    """δ_{L−1} = f'_{L−1} ⊙ (W_{L−1}ᵀ δ_L) against ∂ℓ/∂a_{L−1}."""
    differences = []
    for below, above in [(1, 1), (2, 1), (1, 2), (2, 3)]:
        a, weight = vector("a", below), matrix("W", above, below)
        activations = (opaque("f1"), opaque("f2"))
        net = Layered((sp.eye(below), weight), a, activations, opaque("l"))
        differences.append(gradient(net.value(), a) - net.deltas()[0])
    return Evidence(vanishes(*differences), "symbolic identity", "widths 1..3, every f and loss")


def gradient_gap(net: Layered, updates: list[Matrix]) -> list[Matrix]:
    """∂ℓ/∂W_l, by differentiating the whole loss, minus `updates`."""
    value = net.value()
    return [
        weight.applyfunc(lambda w: sp.diff(value, w)) - update
        for weight, update in zip(net.weights, updates, strict=True)
    ]


def weight_gradient() -> Evidence:
    """∂ℓ/∂W_l = δ_{l+1} s_lᵀ against the derivative of the whole loss."""
    nets = [Layered.generic(shape) for shape in SHAPES]
    gaps = [gap for net in nets for gap in gradient_gap(net, net.gradients())]
    return Evidence(vanishes(*gaps), "symbolic identity", GENERIC)


def state_index(offset: int) -> Evidence:
    """s_l = f_l(a_{l+offset}) against s_l = f_l(W_{l−1} s_{l−1}) of problem P1, at l = 2."""
    net = small_net()
    a, s = net.forward()
    other = each(net.activations[1], a[1 + offset])
    gap = s[2] - other
    values: dict[str, object] = {"s_2": str(list(s[2])), "as read": str(list(other))}
    if gap.is_zero_matrix:
        generic = Layered.generic((2, 2, 2))
        a, s = generic.forward()
        gap = s[2] - each(generic.activations[1], a[1 + offset])
    return Evidence(vanishes(gap), "from the definitions", "every f, width 2, l = 2", values)


for _claim in (
    Claim(
        "thesis-elementwise",
        "001 above Eq 3.1",
        "In Eq 3.1 to 3.4, ⊙ is used to denote partial derivatives.",
        lambda: elementwise(derivative_of_one_in_the_other),
        lambda: elementwise(lambda left, right: left.multiply_elementwise(right)),
        correction="⊙ is the elementwise product.",
        reason="∂ℓ/∂a_L is the product of f'_L and ℓ' in each unit; no further derivative enters.",
    ),
    Claim(
        "thesis-eq31",
        "001 Eq 3.1",
        "∂ℓ/∂a_L = f'_L(a_L) ⊙ ℓ' =: δ_L, with ⊙ the elementwise product.",
        top_delta,
    ),
    Claim(
        "thesis-eq32",
        "001 Eq 3.2",
        "∂ℓ/∂a_{L−1} = f'_{L−1}(a_{L−1}) ⊙ (W_{L−1}ᵀ δ_L) =: δ_{L−1}.",
        second_delta,
    ),
    Claim(
        "thesis-eq33",
        "001 Eq 3.3",
        "δ_l := ∂ℓ/∂a_l = f'_l(a_l) ⊙ (W_lᵀ δ_{l+1}) at every depth.",
        delta_recursion,
    ),
    Claim("thesis-eq34", "001 Eq 3.4", "∂ℓ/∂W_l = δ_{l+1} s_lᵀ.", weight_gradient),
    Claim(
        "thesis-state-index",
        "001 §3.1",
        "The states are s_l = f_l(a_{l−1}) with a_l = W_{l−1} s_{l−1}.",
        lambda: state_index(-1),
        lambda: state_index(0),
        correction="s_l = f_l(a_l).",
        reason="Problem P1 has s_l = f_l(W_{l−1} s_{l−1}), which is f_l(a_l): the index is off.",
    ),
):
    register(_claim)
