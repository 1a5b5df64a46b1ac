"""The claims of [001 §3.1] on backpropagation by Lagrange multipliers."""

import sympy as sp

from ..claim import Claim, Evidence, register
from ..lagrangian import Lagrangian, Layered, MultiplierRule, printed_multiplier, true_multiplier
from ..opaque import Matrix, gradient, vanishes
from .backprop_claims import GENERIC, SHAPES, gradient_gap, printed_net, small_net


def constraint() -> Evidence:
    """∂𝓛/∂λ_l against s_l − f_l(W_{l−1} s_{l−1})."""
    gaps = []
    for shape in SHAPES:
        lagrangian = Lagrangian.of(Layered.generic(shape))
        value = lagrangian.value()
        for layer, multiplier in enumerate(lagrangian.multipliers, start=1):
            gaps.append(gradient(value, multiplier) - lagrangian.residual(layer))
    return Evidence(vanishes(*gaps), "symbolic identity", GENERIC)


def multiplier_recursion(rule: MultiplierRule) -> Evidence:
    """Whether `rule` for λ_l makes ∂𝓛/∂s_l zero, hidden layers, exact net first."""
    for net in (small_net(), *map(Layered.generic, SHAPES[2:])):
        lagrangian = Lagrangian.of(net)
        value = lagrangian.value()
        for layer in range(1, net.depth):
            above, slopes = lagrangian.multipliers[layer], lagrangian.slopes
            claimed = rule(net.weights[layer], above, slopes(layer), slopes(layer + 1))
            force = gradient(value, lagrangian.states[layer])
            at = dict(zip(lagrangian.multipliers[layer - 1], claimed, strict=True))
            left = force.subs(at)
            if not vanishes(left):
                shown: dict[str, object] = {"∂𝓛/∂s_l": str(sp.factor(left[0])), "l": layer}
                return Evidence(False, "exact counter-example", "f = a² + a", shown)
    return Evidence(True, "symbolic identity", "depths 2..3, widths 1..3, every f, every loss")


def top_multiplier() -> bool:
    """Whether λ_L = −ℓ' makes ∂𝓛/∂s_L zero."""
    gaps = []
    for shape in SHAPES:
        lagrangian = Lagrangian.of(Layered.generic(shape))
        force = gradient(lagrangian.value(), lagrangian.states[-1])
        top = -lagrangian.net.loss_gradient(lagrangian.states[-1])
        gaps.append(force.subs(dict(zip(lagrangian.multipliers[-1], top, strict=True))))
    return vanishes(*gaps)


def _right_multipliers() -> Evidence:
    found = multiplier_recursion(true_multiplier)
    return found if top_multiplier() else Evidence(False, "λ_L = −ℓ' is not stationary")


def weight_derivative(sign: int) -> Evidence:
    """∂𝓛/∂W_l against sign · (λ_{l+1} ⊙ f'_{l+1}) s_lᵀ."""
    for shape in SHAPES:
        lagrangian = Lagrangian.of(Layered.generic(shape))
        value = lagrangian.value()
        for layer, weight in enumerate(lagrangian.net.weights):
            error = lagrangian.multipliers[layer].multiply_elementwise(lagrangian.slopes(layer + 1))
            direct = weight.applyfunc(lambda w, whole=value: sp.diff(whole, w))
            claimed = sign * error * lagrangian.states[layer].T
            if not vanishes(direct - claimed):
                # the two sides are different polynomials in λ, s and the free values of f'
                shown: dict[str, object] = {"∂𝓛/∂W": str(direct[0]), "as claimed": str(claimed[0])}
                return Evidence(False, "symbolic counter-example", f"widths {shape}", shown)
    return Evidence(True, "symbolic identity", GENERIC)


def identification(sign: int, offset: int) -> Evidence:
    """sign · λ_{l+1} ⊙ f'_{l+1}(a_{l+1}) against δ_{l+offset}, with the right λ."""
    small = small_net()
    nets = (small, *map(Layered.generic, SHAPES[2:]))
    for net in nets:
        a, _ = net.forward()
        deltas, multipliers = net.deltas(), net.multipliers()
        for layer in range(1, net.depth):
            error = multipliers[layer].multiply_elementwise(net.slopes(layer + 1, a[layer]))
            other = deltas[layer + offset - 1]
            if error.shape != other.shape or not vanishes(sign * error - other):
                shown = {"l": layer, "λ⊙f'": str(list(error)), "δ": str(list(other))}
                exact = net is small
                return Evidence(
                    False, "exact counter-example", "f = a² + a" if exact else "generic", shown
                )
    return Evidence(True, "symbolic identity", "depths 2..3, widths 1..3, every f, every loss")


def lagrangian_updates(net: Layered, printed: bool) -> list[Matrix]:
    """The changes of W_0 .. W_{L−1}: [001 Eq 3.6, 3.7] as printed, or the right forms."""
    a, s = net.forward()
    sign = 1 if printed else -1
    return [
        sign * multiplier.multiply_elementwise(net.slopes(i + 1, a[i])) * s[i].T
        for i, multiplier in enumerate(net.multipliers(printed))
    ]


def printed_errors(digits: int = 20) -> list[sp.Expr]:
    """Relative errors, weight by weight, of the gradients by the printed Eq 3.6 and 3.7.

    The sign of Eq 3.7 is forgiven, so that only the wrong slope of Eq 3.6 counts.
    """
    net = printed_net()
    exact = zip(net.gradients(), lagrangian_updates(net, printed=True), strict=True)
    # 20 digits more than asked for, against cancellation
    pairs = [(sp.N(right, digits + 20), sp.N(printed, digits + 20)) for right, printed in exact]
    return [sp.N((right + printed).norm() / right.norm(), digits) for right, printed in pairs]


def printed_updates() -> Evidence:
    """Whether Eq 3.6 and 3.7 as printed give the weight changes of the chain rule."""
    net = small_net()
    gaps = [
        right - other
        for right, other in zip(net.gradients(), lagrangian_updates(net, True), strict=True)
    ]
    errors = [str(sp.N(error, 7, chop=True)) for error in printed_errors()]
    return Evidence(
        all(vanishes(gap) for gap in gaps),
        "exact counter-example",
        "widths 2, 2, 2, 1, f = a² + a",
        {"relative errors with tanh, sign forgiven": ", ".join(errors)},
    )


def right_updates() -> Evidence:
    """The right forms of Eq 3.6 and 3.7 against the derivative of the whole loss."""
    nets = list(map(Layered.generic, SHAPES))
    gaps = [gap for net in nets for gap in gradient_gap(net, lagrangian_updates(net, False))]
    return Evidence(vanishes(*gaps), "symbolic identity", GENERIC)


for _claim in (
    Claim(
        "thesis-eq35",
        "001 Eq 3.5",
        "∂𝓛/∂λ_l = 0 is the forward pass s_l = f_l(W_{l−1} s_{l−1}).",
        constraint,
    ),
    Claim(
        "thesis-eq36",
        "001 Eq 3.6",
        "∂𝓛/∂s_l = 0 ⇒ λ_l = (W_lᵀ λ_{l+1}) ⊙ f'_l(W_{l−1} s_{l−1}).",
        lambda: multiplier_recursion(printed_multiplier),
        _right_multipliers,
        correction="λ_l = W_lᵀ(λ_{l+1} ⊙ f'_{l+1}(W_l s_l)), from λ_L = −ℓ' down.",
        reason="The printed line is the recursion of δ_l; λ_l meets the slope of layer l + 1.",
    ),
    Claim(
        "thesis-eq37",
        "001 Eq 3.7",
        "∂𝓛/∂W_l = (λ_{l+1} ⊙ f'_{l+1}(W_l s_l)) s_lᵀ.",
        lambda: weight_derivative(1),
        lambda: weight_derivative(-1),
        correction="∂𝓛/∂W_l = −(λ_{l+1} ⊙ f'_{l+1}(W_l s_l)) s_lᵀ.",
        reason="The constraint enters 𝓛 as s_l − f_l(·), so the derivative carries a minus.",
    ),
    Claim(
        "thesis-identification",
        "001 below Eq 3.7",
        "λ_{l+1} ⊙ f'_{l+1}(W_l s_l) = δ_l.",
        lambda: identification(1, 0),
        lambda: identification(-1, 1),
        correction="−λ_{l+1} ⊙ f'_{l+1}(W_l s_l) = δ_{l+1}.",
        reason="The index of δ is off by one and the sign is lost.",
    ),
    Claim(
        "thesis-lagrangian-updates",
        "001 below Eq 3.7",
        "Eq 3.6 and 3.7 give the same weight changes as the chain rule.",
        printed_updates,
        right_updates,
        correction="With the right Eq 3.6 and 3.7, ∂𝓛/∂W_l = ∂ℓ/∂W_l at every layer.",
        reason="As printed, slopes of the wrong layer enter below the top and the sign is lost.",
    ),
):
    register(_claim)
