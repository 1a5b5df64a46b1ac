"""Claims of [003] about the nudge of the state: its sign, and Propositions 4 and 5.

"Stable" has two meanings here. The paper's own, (s − s⁰)·μ(s) < 0 nearby, is contraction in the
Euclidean norm; the usual one, eigenvalues in the left half plane, is weaker and not enough.
"""

from typing import Any

import sympy as sp

from ..claim import Claim, Evidence, register
from ..equilibrium import (
    BETA,
    FixedPointSystem,
    Point,
    fixed_point_series,
    generic_system,
    inverse,
    is_hurwitz,
    leaky,
    put,
    require,
    squared_error,
    vanishes,
)

TURN = sp.Matrix([[0, 1], [-1, 0]])
"""A Jacobian with eigenvalues ±i: a field may still contract through its higher terms."""


def feed_forward() -> FixedPointSystem:
    """The linear feed-forward net s₀ ← 4 s₁, with both units asked for (−1, 1)."""
    s = sp.symbols("s0 s1")
    field = leaky([[0, 4], [0, 0]], s, lambda u: u)
    return FixedPointSystem(field, s, (), squared_error(s, [-1, 1]))


def layered_chain() -> tuple[FixedPointSystem, dict[Any, Any]]:
    """The linear layers h₀–h₁–h₂ with one output, all eigenvalues −1, target 0, and its rest."""
    h = sp.symbols("h0:3")
    weights = [[0, 1, 0, 0], [-2, 0, 2, 0], [0, 1, 0, 1]]
    field = leaky(weights, h, lambda u: u, inputs=[1])
    system = FixedPointSystem(field, h, (), squared_error(h[:1], [0]))
    return system, sp.solve(field, h, dict=True)[0]


def cost_slope(system: FixedPointSystem, at: Point) -> Any:
    """dC(s^β)/dβ at β = 0, from the nudged fixed point itself."""
    response = fixed_point_series(system.nudged(), system.states, BETA, at)[0]
    return sp.cancel((system.cost_by_state(at) * response)[0])


def check_influence(sign: int = 1) -> Evidence:
    """Whether μ^β − μ is `sign`·β(y − h₀) on the output and 0 on the hidden units."""
    h = sp.symbols("h0:3")
    y = sp.Symbol("y")
    field = tuple(sp.Function(f"mu{i}")(*h) for i in range(3))
    system = FixedPointSystem(field, h, (), squared_error(h[:1], [y]))
    added = sp.Matrix(system.nudged()) - sp.Matrix(field)
    good = vanishes(added - sp.Matrix([sign * BETA * (y - h[0]), 0, 0]))
    values: dict[str, object] = {"added to μ": str(sp.factor(added[0]))}
    return Evidence(good, "symbolic identity", "one output, two hidden units", values)


def check_prop_4(factor: int = 1) -> Evidence:
    """Eq 36–38: on s = s⁰ + αv, (s − s⁰)·μ(s)/α² < 0 tends to v·J·v, which is then ≤ 0."""
    alpha = sp.Symbol("alpha", positive=True)
    good = True
    for n in (1, 2, 3):
        system, origin = generic_system(n, 0)
        v = sp.Matrix(sp.symbols(f"v0:{n}"))
        ray = {u: alpha * along for u, along in zip(system.states, v.flat(), strict=True)}
        inner = sp.expand(alpha * v.dot(put(sp.Matrix(system.field), ray)))
        quadratic = (v.T * system.jacobian(origin) * v)[0]
        good = good and inner.coeff(alpha, 0) == 0 and inner.coeff(alpha, 1) == 0
        good = good and vanishes(inner.coeff(alpha, 2) - factor * quadratic)
    return Evidence(good, "symbolic expansion", "1, 2, 3 states, generic to second order")


def check_prop_4_linear() -> Evidence:
    """Eq 35 at a fixed point whose eigenvalues are all −1: a feed-forward net."""
    jac = feed_forward().jacobian({})
    require(is_hurwitz(jac), "every eigenvalue has negative real part")
    v = sp.Matrix([1, 1])
    product = (v.T * jac * v)[0]
    values: dict[str, object] = {"J": str(jac.tolist()), "v": "(1, 1)", "v·J·v": str(product)}
    return Evidence(bool(product <= 0), "exact counter-example", "two units", values)


def check_prop_5() -> Evidence:
    """Eq 40: dC/dβ = y·J·y with y = ∂s^β/∂β, which Prop 4 makes non-positive."""
    good = check_prop_4().holds
    for n in (1, 2, 3):
        system, origin = generic_system(n, 0)
        response = fixed_point_series(system.nudged(), system.states, BETA, origin)[0]
        slope = (system.cost_by_state(origin) * response)[0]
        form = (response.T * system.jacobian(origin) * response)[0]
        good = good and vanishes(slope - form)
    return Evidence(good, "symbolic identity", "1, 2, 3 states, generic to second order")


def check_prop_5_linear() -> Evidence:
    """The sign of dC/dβ in the feed-forward net with eigenvalues −1, −1."""
    system = feed_forward()
    at = dict.fromkeys(system.states, sp.S.Zero)
    require(is_hurwitz(system.jacobian(at)), "the free fixed point is linearly stable")
    slope = cost_slope(system, at)
    values: dict[str, object] = {
        "J": str(system.jacobian(at).tolist()),
        "∂C/∂s": "(1, -1)",
        "dC/dβ": str(slope),
    }
    return Evidence(bool(slope <= 0), "exact counter-example", "two units", values)


def nudged_output() -> sp.Expr:
    """h₀(β) in `layered_chain`, exact."""
    system, _ = layered_chain()
    return sp.factor(sp.solve(system.nudged(), system.states, dict=True)[0][system.states[0]])


def check_prop_5_layered() -> Evidence:
    """The sign of dC/dβ in the paper's own architecture: layers, one output, linear units."""
    system, at = layered_chain()
    require(is_hurwitz(system.jacobian(at)), "the free fixed point is linearly stable")
    slope = cost_slope(system, at)
    output = nudged_output()
    values: dict[str, object] = {
        "eigenvalues": str(system.jacobian(at).eigenvals()),
        "(J⁻¹)₀₀": str(inverse(system.jacobian(at))[0, 0]),
        "h₀(β), target 0": str(output),
    }
    return Evidence(bool(slope <= 0), "exact counter-example", "1 + 1 + 1 units", values)


def check_nudge_exists() -> Evidence:
    """Whether the nudged equations of `layered_chain` have a solution at β = 1."""
    system, at = layered_chain()
    require(is_hurwitz(system.jacobian(at)), "the free fixed point is linearly stable")
    nudged = [mu.subs(BETA, 1) for mu in system.nudged()]
    solutions = sp.linsolve(nudged, *system.states)
    values: dict[str, object] = {
        "h₀(β), target 0": str(nudged_output()),
        "solutions at β = 1": str(solutions),
    }
    found = solutions is not sp.S.EmptySet
    return Evidence(found, "exact counter-example", "1 + 1 + 1 units", values)


def check_prop_5_two_units(sign: int = -1) -> Evidence:
    """Two units, one output: dC/dβ = −e²/det J, and λ² + 2λ + det J is Hurwitz iff det J > 0."""
    h = sp.symbols("h0 h1")
    w01, w10, wx, x, y = sp.symbols("w01 w10 wx x y")
    rate = sp.Function("rho")
    field = leaky([[0, w01, 0], [w10, 0, wx]], h, rate, inputs=[x])
    system = FixedPointSystem(field, h, (), squared_error(h[:1], [y]))
    jac, error = system.jacobian({}), system.cost_by_state({})
    slope = (error * inverse(jac) * error.T)[0]
    lam = sp.Symbol("lambda")
    spectrum = (lam * sp.eye(2) - jac).det() - (lam**2 + 2 * lam + jac.det())
    good = vanishes(slope - sign * (h[0] - y) ** 2 / jac.det()) and vanishes(spectrum)
    return Evidence(good, "symbolic identity", "two units, all values, any ρ")


def check_lower_cost() -> Evidence:
    """Whether the nudge lowers the cost near a strictly contracting fixed point that only turns."""
    s = sp.symbols("s0 s1", real=True)
    radius = s[0] ** 2 + s[1] ** 2
    field = tuple(TURN * sp.Matrix(s) - radius * sp.Matrix(s))
    require(vanishes(sp.Matrix(s).dot(sp.Matrix(field)) + radius**2), "(s − s⁰)·μ = −|s|⁴")
    system = FixedPointSystem(field, s, (), s[0] - radius / 2)
    at = dict.fromkeys(s, sp.S.Zero)
    require(not vanishes(system.cost_by_state(at)), "the free fixed point is not optimal")
    terms = fixed_point_series(system.nudged(), s, BETA, at, order=2)
    path = dict(zip(s, terms[0] * BETA + terms[1] * BETA**2, strict=True))
    change = sp.expand(system.cost.subs(path))
    first, second = change.coeff(BETA, 1), change.coeff(BETA, 2)
    values: dict[str, object] = {
        "μ": str(field),
        "C": str(system.cost),
        "C(s^β) − C(s⁰)": f"{second}*beta**2 + …",
    }
    lowered = first < 0 or (first == 0 and second < 0)
    return Evidence(bool(lowered), "exact counter-example", "two states", values)


def check_lower_cost_definite() -> Evidence:
    """J = K − LLᵀ with K antisymmetric: dC/dβ = y·J·y = −‖Lᵀy‖², zero only at y = 0."""
    good = check_prop_5().holds
    for n in (2, 3):
        low, skew = sp.diag(*sp.symbols(f"d0:{n}", positive=True)), sp.zeros(n)
        for i in range(n):
            for j in range(i):
                low[i, j], skew[i, j] = sp.Symbol(f"l{i}{j}"), sp.Symbol(f"k{i}{j}")
                skew[j, i] = -skew[i, j]
        y = sp.Matrix(sp.symbols(f"y0:{n}"))
        form = (y.T * (skew - low * low.T) * y)[0]
        good = good and vanishes(form + (low.T * y).dot(low.T * y)) and bool(low.det() > 0)
    return Evidence(good, "symbolic identity", "2, 3 states, all values (Cholesky factor L)")


CLAIMS = (
    Claim(
        "vfep-external-force",
        "003 Eq 12, 14, 15",
        "the nudge adds β(y − h₀) to the output and nothing to the hidden units",
        check_influence,
    ),
    Claim(
        "vfep-influence-sign",
        "003 App A.2, before Prop 4",
        "the external influence −β(y − h₀) added to μ attracts h₀ to y",
        lambda: check_influence(-1),
        check_influence,
        correction="the influence is +β(y − h₀), as in Eq 14",
        reason="−β ∂C/∂h₀ with C = ½‖y − h₀‖² is +β(y − h₀)",
    ),
    Claim(
        "vfep-prop4",
        "003 Prop 4, Eq 35–38",
        "if (s − s⁰)·μ(s) < 0 near s⁰ then v·∂μ/∂s(s⁰)·v ≤ 0 for all v",
        check_prop_4,
    ),
    Claim(
        "vfep-prop4-linear-stability",
        "003 Prop 4, linear stability",
        "if every eigenvalue of ∂μ/∂s(s⁰) is in the left half plane then v·∂μ/∂s(s⁰)·v ≤ 0",
        check_prop_4_linear,
        reason="linear stability allows growth on the way; the paper's word means contraction",
    ),
    Claim(
        "vfep-prop5",
        "003 Prop 5, Eq 39–41",
        "where s^β is contracting as in Prop 4, dC(s^β)/dβ ≤ 0 at β = 0",
        check_prop_5,
    ),
    Claim(
        "vfep-prop5-linear-stability",
        "003 Prop 5, linear stability",
        "where s^β is linearly stable, dC(s^β)/dβ ≤ 0 at β = 0",
        check_prop_5_linear,
        reason="dC/dβ = C_s·J⁻¹·C_s, and J⁻¹ of a stable J need not be negative",
    ),
    Claim(
        "vfep-prop5-layered",
        "003 Prop 5, Sec 4.1",
        "in the layered net with one output, linearly stable, dC(h^β)/dβ ≤ 0 at β = 0",
        check_prop_5_layered,
        reason="(J⁻¹)₀₀ = +1 with all eigenvalues −1: the nudge drives h₀ = 2/(1 − β) off target",
    ),
    Claim(
        "vfep-prop5-two-units",
        "003 Prop 5, two units",
        "two units, one output, linearly stable: dC(h^β)/dβ = −(h₀ − y)²/det J ≤ 0",
        check_prop_5_two_units,
    ),
    Claim(
        "vfep-nudge-exists",
        "003 Sec 4.3, Table 1",
        "from a stable free fixed point the nudged network (β = 1) settles to a nearby fixed point",
        check_nudge_exists,
        reason="the nudged fixed point of a linearly stable net can have a pole in β",
    ),
    Claim(
        "vfep-lower-cost",
        "003 App A.2, before Prop 5",
        "unless s⁰ is optimal in cost, s^β has a lower cost than s⁰ for small β > 0",
        check_lower_cost,
        check_lower_cost_definite,
        correction="dC/dβ < 0 strictly at β = 0",
        hypothesis="the symmetric part of ∂μ/∂s(s⁰) is negative definite and ∂C/∂s(s⁰) ≠ 0",
        reason="Prop 5 gives dC/dβ ≤ 0 alone; where it is 0 the second order decides",
    ),
)

for claim in CLAIMS:
    register(claim)
