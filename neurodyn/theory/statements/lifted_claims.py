"""The claims of [001 §3.2] on lifted nets: MAC, alternating minimisation, the proximal energy."""

from typing import Any

import sympy as sp

from ..claim import Claim, Evidence, register
from ..lagrangian import Layered
from ..opaque import Matrix, each, gradient, vanishes
from ..relaxed import am_objective, am_residuals, mac_objective, prox_energy
from .backprop_claims import GENERIC, SHAPES, half_square
from .lagrangian_claims import lagrangian_updates

BETA = sp.Symbol("β", positive=True)


def mac_limit(sign: int = 1) -> Evidence:
    """The gradients of Eq 3.12 with 3.13 against those of the Lagrangian at λ = residual/β.

    As the residuals vanish with β, the states go to the forward pass, λ to the multipliers and
    (1/β)∂E/∂W to backpropagation; `sign` −1 tries the opposite update.
    """
    for shape in SHAPES:
        net = Layered.generic(shape)
        free, objective = mac_objective(net, BETA)
        value, at = free.value(), {}
        for layer, multiplier in enumerate(free.multipliers, start=1):
            at.update(zip(multiplier, free.residual(layer) / BETA, strict=True))
        gaps = [gradient(objective - value, s).subs(at) for s in free.states[1:]]
        for weight in net.weights:
            direct = weight.applyfunc(lambda w, e=objective: sp.diff(e, w))
            other = weight.applyfunc(lambda w, e=value: sp.diff(e, w)).subs(at)
            gaps.append(direct - sign * other)
        backprop = zip(net.gradients(), lagrangian_updates(net, False), strict=True)
        gaps.extend(right - other for right, other in backprop)
        if not vanishes(*gaps):
            return Evidence(False, "symbolic counter-example", f"widths {shape}")
    return Evidence(True, "symbolic identity with the Lagrangian at λ = residual/β", GENERIC)


def am_limit(sign: int = -1) -> Evidence:
    """The stationary points of Eq 3.12 with 3.14 against the recursion of δ, δ = −residual/β.

    The recursion and the update δ_{l+1} s_lᵀ hold exactly at the nudged states, hence in the limit.
    """
    for shape in SHAPES:
        net = Layered.generic(shape)
        free, objective = am_objective(net, BETA)
        errors = [sign * r / BETA for r in am_residuals(net, free)]
        rates = [net.inputs, *map(each, net.activations, free)]
        gaps = []
        for layer in range(1, net.depth + 1):
            top = layer == net.depth
            back = net.loss_gradient(rates[-1]) if top else net.weights[layer].T * errors[layer]
            delta = net.slopes(layer, free[layer - 1]).multiply_elementwise(back)
            gaps.append(gradient(objective, free[layer - 1]) - (delta - errors[layer - 1]))
            weight = net.weights[layer - 1]
            direct = weight.applyfunc(lambda w, e=objective: sp.diff(e, w))
            gaps.append(direct - errors[layer - 1] * rates[layer - 1].T)
        if not vanishes(*gaps):
            return Evidence(False, "symbolic counter-example", f"widths {shape}")
    return Evidence(True, "symbolic identity with Eq 3.3 and 3.4 at the nudged states", GENERIC)


def lifted_bias() -> Evidence:
    """Ratio of (1/β)∂E/∂W to the gradient for one linear unit, where MAC and AM are the same."""
    w, x, y = sp.symbols("w x y", real=True)
    net = Layered((sp.Matrix([[w]]),), sp.Matrix([x]), (lambda a: a,), half_square(sp.Matrix([y])))
    free, mac = mac_objective(net, BETA)
    pre, am = am_objective(net, BETA)
    exact = sp.diff(net.value(), w)
    ratios = []
    for objective, state in ((mac, free.states[1][0]), (am, pre[0][0])):
        at = sp.solve(sp.diff(objective, state), state)[0]
        ratios.append(sp.cancel(sp.diff(objective, w).subs(state, at) / exact))
    bias = [sp.series(ratio, BETA, 0, 2).removeO() for ratio in ratios]
    return Evidence(
        vanishes(*(ratio - 1 / (1 + BETA) for ratio in ratios), *(b - (1 - BETA) for b in bias)),
        "closed form: the estimate is the gradient over 1 + β",
        "one linear unit, all values",
        {"estimate / gradient": str(ratios[0])},
    )


def state_names_energy(by_state: bool) -> Evidence:
    """Whether the energy of Eq 3.14 is a function of s_l, or only of a_l, for ReLU units.

    ½(a_l − W f(a_{l−1}))² with W f(a_{l−1}) = 0, at a_l = −1 and −2: both have s_l = 0.
    """
    pairs = [(sp.Integer(a), sp.Max(0, sp.Integer(a))) for a in (-1, -2)]
    energies = [a**2 / 2 for a, _ in pairs]
    shown: dict[str, object] = {"a_l": "−1, −2", "s_l": "0, 0", "E": "1/2, 2"}
    if by_state:
        same_state = pairs[0][1] == pairs[1][1]
        one_value = not same_state or energies[0] == energies[1]
        return Evidence(one_value, "exact counter-example", "one ReLU unit", shown)
    net = Layered.generic((1, 2, 2))
    free, _ = am_objective(net, BETA)
    below, here = free
    allowed = {*below, *here, *net.weights[1]}
    energy = sum((r**2 for r in am_residuals(net, free)[1]), sp.S.Zero) / 2
    return Evidence(energy.free_symbols <= allowed, "from the definition", "widths 1, 2, 2")


# -- the proximal energy --------------------------------------------------------------------------


def _never_negative(polynomial: Any, *nonnegative: Any) -> bool:
    # every coefficient of a polynomial in non-negative variables is non-negative
    return all(c >= 0 for c in sp.Poly(sp.expand(polynomial), *nonnegative).coeffs())


def relu_minimiser(top: Any = None) -> Evidence:
    """argmin over s ≥ 0 (and s ≤ `top`) of ½(s − a)² against max(a, 0) (and ≤ `top`)."""
    p, q = sp.symbols("p q", nonnegative=True)

    def rise(preactivation: Any, state: Any, least: Any) -> Any:
        low = prox_energy(sp.Matrix([least]), sp.Matrix([preactivation]))
        return sp.expand(prox_energy(sp.Matrix([state]), sp.Matrix([preactivation])) - low)

    # a < 0: written a = −p with the state q ≥ 0, the rise over s = 0 is q²/2 + pq
    cases = [_never_negative(rise(-p, q, 0), p, q)]
    # 0 ≤ a: the rise over s = a is a square
    a, s = sp.symbols("a s", nonnegative=True)
    cases.append(rise(a, s, a) == sp.expand((s - a) ** 2 / 2))
    if top is not None:  # a = top + p with the state top − q
        state = sp.Symbol("state", nonnegative=True)
        cases.append(_never_negative(rise(top + p, state, top).subs(state, top - q), p, q))
    # each rise contains the square of the distance to the claimed minimiser, so it is the only one
    return Evidence(all(cases), "non-negative coefficients, case by case", "all values")


def free_energy_prox() -> Evidence:
    """W_0 = 1, W_1 = −2, x = 1 with Eq 3.15: the energy of the free phase."""
    s = vector_of_two()
    x = sp.Integer(1)

    def energy(state: Any) -> Any:
        first = prox_energy(sp.Matrix([state[0]]), sp.Matrix([x]))
        return first + prox_energy(sp.Matrix([state[1]]), sp.Matrix([-2 * state[0]]))

    forward = (sp.Max(0, x), sp.Max(0, -2 * sp.Max(0, x)))
    joint = (sp.Rational(1, 5), sp.Integer(0))
    force = gradient(energy(s), s).subs(dict(zip(s, joint, strict=True)))
    # a convex quadratic on the quadrant: these conditions pick out its minimum
    optimal = force[0] == 0 and force[1] > 0
    zero = bool(energy(forward) == 0) and bool(energy(joint) == 0)
    if not optimal:
        return Evidence(False, "the joint minimum was not found", exact=False)
    return Evidence(
        zero,
        "exact counter-example",
        "one unit a layer, two layers",
        {
            "forward pass": str(forward),
            "its energy": str(energy(forward)),
            "joint minimiser": str(joint),
            "lowest energy": str(energy(joint)),
        },
    )


def vector_of_two() -> Matrix:
    """Two non-negative states."""
    return sp.Matrix(sp.symbols("s_1 s_2", nonnegative=True))


def free_energy_zero() -> Evidence:
    """The energies of Eq 3.13 and 3.14 at the forward pass; as sums of squares they are minimal."""
    for shape in SHAPES:
        net = Layered.generic(shape)
        a, states = net.forward()
        free, objective = mac_objective(net, BETA)
        at = {}
        for symbols, state in zip(free.states[1:], states[1:], strict=True):
            at.update(zip(symbols, state, strict=True))
        residuals = [free.residual(layer).subs(at) for layer in range(1, net.depth + 1)]
        # Eq 3.11 over β, whose last term is then zero, is Eq 3.12
        same = objective.subs(at) - net.value()
        if not vanishes(*residuals, *am_residuals(net, a), same):
            return Evidence(False, "symbolic identity", f"widths {shape}")
    return Evidence(True, "symbolic identity; a sum of squares is least at zero", GENERIC)


for _claim in (
    Claim(
        "thesis-mac-limit",
        "001 Eq 3.12, 3.13",
        "(1/β)∂E/∂W of the auxiliary coordinates goes to backpropagation as β → 0.",
        mac_limit,
    ),
    Claim(
        "thesis-am-limit",
        "001 Eq 3.12, 3.14",
        "(1/β)∂E/∂W of alternating minimisation goes to backpropagation as β → 0.",
        am_limit,
    ),
    Claim(
        "thesis-lifted-bias",
        "001 Eq 3.12",
        "At finite β the penalty estimate (1/β)∂E/∂W is biased at first order in β.",
        lifted_bias,
    ),
    Claim(
        "thesis-eq314-argument",
        "001 Eq 3.14",
        "E_l^AM(s_l, a_{l−1}, W_{l−1}) = ½‖a_l − W_{l−1} f_{l−1}(a_{l−1})‖² is a function of s_l.",
        lambda: state_names_energy(True),
        lambda: state_names_energy(False),
        correction="The first argument is a_l: E_l^AM(a_l, a_{l−1}, W_{l−1}).",
        reason="Units that saturate, such as ReLU, give one s_l for many a_l of different energy.",
    ),
    Claim(
        "thesis-eq315-relu",
        "001 Eq 3.15",
        "The minimiser of ½‖s_l − a_l‖² over s_l ≥ 0 is ReLU(a_l).",
        relu_minimiser,
    ),
    Claim(
        "thesis-eq315-hard-sigmoid",
        "001 below Eq 3.14",
        "With a slight modification (0 ≤ s_l ≤ 1) the minimiser is the hard sigmoid.",
        lambda: relu_minimiser(sp.S.One),
    ),
    Claim(
        "thesis-free-energy-lifted",
        "001 §3.2 Lifted learning as CHL",
        "The free energy is always exactly zero, so that Eq 3.11 is Eq 3.12: energies 3.13, 3.14.",
        free_energy_zero,
    ),
    Claim(
        "thesis-free-energy-prox",
        "001 §3.2 Lifted learning as CHL",
        "The free energy is always exactly zero: the proximal energy 3.15.",
        free_energy_prox,
        reason="At a unit that ReLU cuts off, the energy is half the square of its negative drive; "
        "the joint minimiser is not even the forward pass.",
    ),
):
    register(_claim)
