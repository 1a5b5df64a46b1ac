"""Claims of [003] Appendix C: the weight update, the Euler step, the clip, a unit's force."""

import sympy as sp

from ..claim import Claim, Evidence, register
from ..equilibrium import (
    BETA,
    FixedPointSystem,
    fixed_point_series,
    generic_system,
    hard_sigmoid,
    is_hurwitz,
    leaky,
    require,
    squared_error,
    vanishes,
)


def check_eq_56_printed() -> Evidence:
    """Whether (∂μ/∂h)·(h^β − h⁰)/β has the limit ν, or even the shape of W."""
    return _two_phase_update(by_weights=False)


def check_eq_56() -> Evidence:
    """(∂μ/∂W)·(h^β − h⁰)/β → ν as β → 0."""
    return _two_phase_update(by_weights=True)


def _two_phase_update(by_weights: bool) -> Evidence:
    system, origin = generic_system(2, 4)
    response = fixed_point_series(system.nudged(), system.states, BETA, origin)[0]
    factor = system.sensitivity(origin) if by_weights else system.jacobian(origin)
    product = response.T * factor if by_weights else (factor * response).T
    update = product.applyfunc(sp.cancel)
    wanted = system.proxy(origin) + system.cost_by_parameter(origin)
    values: dict[str, object] = {"numbers in ΔW": str(len(update)), "weights": str(len(wanted))}
    if not by_weights:
        values["limit"] = str(update.flat())
        values["∂C/∂h"] = str(system.cost_by_state(origin).flat())
    good = len(update) == len(wanted) and vanishes(update - wanted)
    return Evidence(good, "symbolic identity", "two states, four parameters", values)


def check_eq_58(sign: int) -> Evidence:
    """Whether h + sign·ε μ agrees with the flow to first order and contracts for μ = −h."""
    epsilon = sp.Symbol("epsilon", positive=True)
    h = sp.Symbol("h")
    field = sp.Function("mu")(h)
    step = h + sign * epsilon * field
    first = vanishes(step.diff(epsilon) - field)  # h(t + ε) = h + ε μ + O(ε²)
    leak = sp.expand(step.subs(field, -h) / h)
    values: dict[str, object] = {
        "step for μ = -h": f"h*({leak})",
        "the text after Eq 59": "h*(1 - epsilon)",
    }
    good = first and vanishes(leak - (1 - epsilon))
    return Evidence(good, "symbolic identity", "one unit, all values", values)


def check_eq_59_printed() -> Evidence:
    """0 ∨ h − εμ ∧ 1 with ∨ and ∧ binding as in ρ(h) = 0 ∨ h ∧ 1: whether h stays in [0, 1]."""
    h, mu, epsilon = sp.Rational(1, 2), sp.Integer(-1), sp.Integer(1)
    new = sp.Max(0, h) - epsilon * sp.Min(mu, 1)
    values: dict[str, object] = {"h": str(h), "μ": str(mu), "ε": str(epsilon), "new h": str(new)}
    return Evidence(bool(0 <= new <= 1), "exact counter-example", "one unit", values)


def check_eq_59() -> Evidence:
    """0 ∨ (h + εμ) ∧ 1 lies in [0, 1], in either order of ∨ and ∧, and moves as Eq 58 inside."""
    p = sp.Symbol("p", positive=True)
    good = check_eq_58(1).holds
    # below, inside and above the interval
    for inside, where in ((0, -p), (1 / (1 + p), 1 / (1 + p)), (1, 1 + p)):
        low_first = sp.Min(sp.Max(0, where), 1)
        high_first = sp.Max(0, sp.Min(where, 1))
        good = good and vanishes(sp.simplify(low_first - inside))
        good = good and vanishes(sp.simplify(high_first - inside))
    return Evidence(bool(good), "case analysis, symbolic", "all values of h + εμ")


def check_force() -> Evidence:
    """Whether the force of Eq 1 on a unit with h_i < 0 is −h_i."""
    h = sp.symbols("h0 h1")
    at = {h[0]: sp.Rational(-1, 5), h[1]: sp.Integer(1)}
    force = sp.Matrix(leaky([[0, -1], [0, 0]], h, hard_sigmoid)).subs(at)[0]
    claimed = -at[h[0]]
    values: dict[str, object] = {"h": "(-1/5, 1)", "W": "[[0, -1], [0, 0]]"}
    values.update({"force": str(force), "claimed": str(claimed)})
    return Evidence(vanishes(force - claimed), "exact counter-example", "two units", values)


def check_energy_force() -> Evidence:
    """−∂E/∂h_i with E = ½|h|² − ½ρᵀWρ is ρ′(h_i) Σ_j W_ij ρ(h_j) − h_i, so −h_i where ρ′ = 0."""
    h = sp.symbols("h0:3")
    rate = sp.Function("rho")
    rates = sp.Matrix([rate(u) for u in h])
    weights = sp.Matrix(3, 3, lambda i, j: sp.Symbol(f"w{min(i, j)}{max(i, j)}"))
    energy = sum(u**2 for u in h) / 2 - (rates.T * weights * rates)[0] / 2
    good = True
    for i, u in enumerate(h):
        force = -energy.diff(u)
        formula = rate(u).diff(u) * (weights * rates)[i] - u
        good = good and vanishes(force - formula)
        good = good and vanishes(formula.subs(rate(u).diff(u), 0) + u)
    return Evidence(good, "symbolic identity", "3 units, any ρ")


def check_clipping() -> Evidence:
    """Whether the clipped iteration and Eq 9 settle at the same point: one inhibited output."""
    h = sp.symbols("h0 h1", real=True)
    half = sp.Rational(1, 2)
    field = leaky([[0, -2, 0], [0, 0, half]], h, hard_sigmoid, inputs=[1])
    system = FixedPointSystem(field, h, (), squared_error(h[:1], [0]))
    free = {h[0]: sp.Integer(-1), h[1]: half}
    clipped = {h[0]: sp.Integer(0), h[1]: half}
    require(vanishes(sp.Matrix(field).subs(free)), "the free point is at rest")
    require(is_hurwitz(system.jacobian(free)), "it is stable")
    speed = sp.Matrix(field).subs(clipped)
    step = [hard_sigmoid(clipped[u] + v / 10) for u, v in zip(h, speed, strict=True)]
    require(step == list(clipped.values()), "the clipped point is at rest under Eq 59")
    values: dict[str, object] = {
        "h⁰ of Eq 9": "(-1, 1/2)",
        "h⁰ of Eq 59": "(0, 1/2)",
        "μ there": str(list(speed)),
    }
    values["J of each, target 0"] = f"{system.cost.subs(free)}, {system.cost.subs(clipped)}"
    return Evidence(vanishes(speed), "exact counter-example", "two units", values)


CLAIMS = (
    Claim(
        "vfep-eq56",
        "003 Eq 56",
        "ΔW ∝ ∂μ/∂h(h⁰)·(h^β − h⁰)/β",
        check_eq_56_printed,
        check_eq_56,
        correction="ΔW ∝ ∂μ/∂W(h⁰)·(h^β − h⁰)/β",
        reason="the printed product has one number per unit, and its limit is ∂C/∂h, not ν",
    ),
    Claim(
        "vfep-eq58",
        "003 Eq 58",
        "the Euler step of Eq 13 is h ← h − εμ^β",
        lambda: check_eq_58(-1),
        lambda: check_eq_58(1),
        correction="h ← h + εμ^β",
        reason="the minus sign runs time backwards; the text's own (1 − ε)h_i has the plus",
    ),
    Claim(
        "vfep-eq59",
        "003 Eq 59",
        "h ← 0 ∨ h − εμ^β ∧ 1 keeps h in [0, 1]",
        check_eq_59_printed,
        check_eq_59,
        correction="h ← 0 ∨ (h + εμ^β) ∧ 1",
        reason="the step needs brackets and the sign of Eq 58",
    ),
    Claim(
        "vfep-force",
        "003 App C, Eq 1",
        "where h_i < 0 the force on unit i is −h_i > 0, so h stays in [0, 1]",
        check_force,
        reason="ρ′ does not multiply the drive in Eq 1; the claim is of the energy-based field",
    ),
    Claim(
        "vfep-energy-force",
        "003 App C, energy-based field",
        "with E = ½|h|² − ½ρᵀWρ, the force −∂E/∂h_i is −h_i wherever ρ′(h_i) = 0",
        check_energy_force,
    ),
    Claim(
        "vfep-clipping",
        "003 App C, Eq 59",
        "the clipped step has the fixed points of Eq 9",
        check_clipping,
        reason="at the edge the clip holds a unit where μ ≠ 0, and Thm 1 does not apply there",
    ),
)

for claim in CLAIMS:
    register(claim)
