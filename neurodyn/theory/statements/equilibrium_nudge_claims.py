"""Claims about two-phase estimates at finite β [003 Eq 16, 26], and about an exact nudge.

The exact nudge adds (Jᵀ − J)(s − s⁰) to the nudged field, J = ∂μ/∂s at the free fixed point s⁰.
"""

from typing import Any

import sympy as sp

from ..claim import Claim, Evidence, register
from ..equilibrium import (
    BETA,
    FixedPointSystem,
    fixed_point_series,
    for_every_size,
    generic_system,
    inverse,
    leaky,
    put,
    squared_error,
    vanishes,
)
from .equilibrium_gradient_claims import GENERIC, eq_32


def bias_coefficient(n: int, exact_nudge: bool) -> tuple[sp.Matrix, sp.Matrix]:
    """The β² term of s^β from its definition, and J⁻¹(C_ss y − ½ μ_ss[y, y]) (Jᵀ if exact)."""
    system, origin = generic_system(n, 0)
    field = system.exactly_nudged(origin) if exact_nudge else system.nudged()
    first, second = fixed_point_series(field, system.states, BETA, origin, order=2)
    jac = system.jacobian(origin)
    curved = [(first.T * sp.hessian(mu, system.states) * first)[0] / 2 for mu in system.field]
    source = sp.hessian(system.cost, system.states) * first - sp.Matrix(curved)
    return second, inverse(jac.T if exact_nudge else jac) * source


def example_bias(exact_nudge: bool, symmetric: bool) -> sp.Expr:
    """Two linear units: the error of the estimate of ν on one weight at β, an exact function."""
    h = sp.symbols("h0 h1")
    w10 = sp.Symbol("w10")
    field = leaky([[0, sp.Rational(1, 2), 0], [w10, 0, 2]], h, lambda u: u, inputs=[1])
    system = FixedPointSystem(field, h, (w10,), squared_error(h[:1], [1]))
    at: dict[Any, Any] = {w10: sp.Rational(1, 4)}
    at.update(sp.solve([put(mu, at) for mu in field], h, dict=True)[0])
    nudged = system.exactly_nudged(at) if exact_nudge else system.nudged()
    moved = sp.solve([put(mu, {w10: at[w10]}) for mu in nudged], h, dict=True)[0]
    path = sp.Matrix([moved[u] for u in h])
    start = path.subs(BETA, -BETA) if symmetric else sp.Matrix([at[u] for u in h])
    estimate = system.contrast((path - start) / (BETA * (2 if symmetric else 1)), at)
    target = -system.gradient(at) if exact_nudge else system.proxy(at)
    return sp.cancel((estimate - target)[0])


def check_bias(exact_nudge: bool, symmetric: bool, order: int) -> Evidence:
    """The error of a two-phase estimate is of the order given and, in an example, no better."""
    good, sizes = True, "1, 2 states, generic to second order"
    if symmetric:
        sizes = "any smooth s^β"
        # even terms cancel in (s^β − s^−β)/2β, so β² x₃ leads
        terms = sp.symbols("x0:6")
        path = sp.Add(*(x * BETA**k for k, x in enumerate(terms)))
        estimate = sp.expand((path - put(path, {BETA: -BETA})) / (2 * BETA))
        good = vanishes(estimate - terms[1] - terms[3] * BETA**2 - terms[5] * BETA**4)
    else:
        for n in (1, 2):
            found, formula = bias_coefficient(n, exact_nudge)
            good = good and vanishes(found - formula)
    error = example_bias(exact_nudge, symmetric)
    leading = sp.limit(error / BETA**order, BETA, 0)
    good = good and bool(leading.is_finite) and leading != 0
    values: dict[str, object] = {
        "error of the example": str(error),
        f"error/β^{order} at 0": str(leading),
    }
    return Evidence(good, "symbolic series", sizes, values)


def check_bias_one_sided() -> Evidence:
    """(s^β − s⁰)/β, plain nudge."""
    return check_bias(exact_nudge=False, symmetric=False, order=1)


def check_bias_symmetric() -> Evidence:
    """(s^β − s^−β)/2β, plain nudge."""
    return check_bias(exact_nudge=False, symmetric=True, order=2)


def check_exact_nudge(exact: bool = True) -> Evidence:
    """The two-phase contrast in the limit β → 0 against −∂J/∂θ, on generic systems."""

    def in_matrices(c_theta: Any, c_s: Any, jac: Any, mu: Any) -> Any:
        nudged = jac + (jac.T - jac) if exact else jac  # the Jacobian of the second phase
        response = nudged.doit().inv() * c_s.T
        return response.T * mu - c_theta + eq_32(c_theta, c_s, jac, mu)

    good = for_every_size(in_matrices)
    for n, m in ((1, 1), (2, 2), (3, 2)):
        system, origin = generic_system(n, m)
        field = system.exactly_nudged(origin) if exact else system.nudged()
        response = fixed_point_series(field, system.states, BETA, origin)[0]
        good = good and vanishes(system.contrast(response, origin) + system.gradient(origin))
    return Evidence(good, "symbolic identity", GENERIC)


def check_exact_nudge_stable() -> Evidence:
    """The added term leaves s⁰ at rest and turns its Jacobian into Jᵀ: the same spectrum."""
    good = True
    for n in (2, 3, 4):
        system, origin = generic_system(n, 0, order=1)
        field = sp.Matrix(system.exactly_nudged(origin)).subs(BETA, 0)
        jac = field.jacobian(system.states).subs(origin)
        same = jac.charpoly().as_expr() - system.jacobian(origin).charpoly().as_expr()
        good = good and vanishes(field.subs(origin)) and vanishes(same)
        good = good and vanishes(jac - system.jacobian(origin).T)
    return Evidence(good, "symbolic identity", "2, 3, 4 states, all values")


def check_exact_nudge_cost() -> Evidence:
    """dC/dβ = C_s·J⁻ᵀ·C_s is the number C_s·J⁻¹·C_s of the plain nudge."""
    good = True
    for n in (2, 3):
        system, origin = generic_system(n, 0)
        slopes = []
        for field in (system.nudged(), system.exactly_nudged(origin)):
            response = fixed_point_series(field, system.states, BETA, origin)[0]
            slopes.append((system.cost_by_state(origin) * response)[0])
        good = good and vanishes(slopes[0] - slopes[1])
    return Evidence(good, "symbolic identity", "2, 3 states, generic to second order")


def check_exact_nudge_bias() -> Evidence:
    """The one-sided and the symmetric estimate with the exact nudge: orders 1 and 2."""
    one = check_bias(exact_nudge=True, symmetric=False, order=1)
    two = check_bias(exact_nudge=True, symmetric=True, order=2)
    error = "error of the example"
    values: dict[str, object] = {
        "one-sided error": one.values[error],
        "symmetric error": two.values[error],
    }
    return Evidence(one.holds and two.holds, one.method, one.sizes, values)


CLAIMS = (
    Claim(
        "vfep-bias-one-sided",
        "003 Eq 16, finite β",
        "(h^β − h⁰)/β misses ∂h^β/∂β by β J⁻¹(C_ss y − ½μ_ss[y, y]) + O(β²)",
        check_bias_one_sided,
    ),
    Claim(
        "vfep-bias-symmetric",
        "003 Eq 16, finite ±β",
        "(h^β − h^−β)/2β misses ∂h^β/∂β by O(β²)",
        check_bias_symmetric,
    ),
    Claim(
        "vfep-exact-nudge",
        "003 Eq 26, exact nudge",
        "with (Jᵀ − J)(s − s⁰) added to the nudged field, the contrast tends to −∂J/∂θ",
        check_exact_nudge,
    ),
    Claim(
        "vfep-exact-nudge-stable",
        "003 Eq 26, exact nudge",
        "the added term keeps s⁰ at rest with Jacobian Jᵀ: linearly stable exactly where s⁰ is",
        check_exact_nudge_stable,
    ),
    Claim(
        "vfep-exact-nudge-cost",
        "003 Prop 5, exact nudge",
        "the exact nudge changes the cost at the rate of the plain one: dC/dβ = C_s·J⁻¹·C_s",
        check_exact_nudge_cost,
    ),
    Claim(
        "vfep-exact-nudge-bias",
        "003 Eq 26, exact nudge, finite β",
        "the exact nudge at finite β misses −∂J/∂θ by O(β) one-sided and O(β²) with ±β",
        check_exact_nudge_bias,
    ),
)

for claim in CLAIMS:
    register(claim)
