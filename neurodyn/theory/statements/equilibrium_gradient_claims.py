"""Claims of [003] about ∂J/∂W and its proxy ν: Lemma 2, Theorems 1 and 3, and symmetry.

Identities are checked on systems with a symbol for every Taylor coefficient, against derivatives
of the fixed point computed from its definition; refutations are exact rational networks.
"""

from collections.abc import Callable
from typing import Any

import sympy as sp

from ..claim import Claim, Evidence, register
from ..equilibrium import (
    BETA,
    FixedPointSystem,
    fixed_point_series,
    for_every_size,
    generic_polynomial,
    generic_system,
    hard_sigmoid,
    inverse,
    is_hurwitz,
    leaky,
    require,
    squared_error,
    vanishes,
)

RowFormula = Callable[[Any, Any, Any, Any], Any]
"""A row over the parameters from ∂C/∂θ, ∂C/∂s, ∂μ/∂s and ∂μ/∂θ at the fixed point."""

SIZES = ((1, 1), (2, 2), (3, 2))
GENERIC = "every size by matrix algebra; term by term for 1, 2, 3 states"


def eq_32(c_theta: Any, c_s: Any, jac: Any, mu_theta: Any) -> Any:
    """The gradient of the objective as [003 Eq 32] prints it."""
    return c_theta - c_s * inverse(jac) * mu_theta


def eq_33(c_theta: Any, c_s: Any, jac: Any, mu_theta: Any) -> Any:
    """The vector field ν as [003 Eq 33] prints it."""
    return -c_theta + c_s * inverse(jac.T) * mu_theta


def check_stdp() -> Evidence:
    """Eq 5: (∂μ/∂W)ᵀ ds has the entries ρ(s_j) ds_i."""
    s = sp.symbols("s0:3")
    rate = sp.Function("rho")
    weights = sp.Matrix(3, 3, lambda i, j: sp.Symbol(f"w{i}{j}"))
    field = sp.Matrix(leaky(weights.tolist(), s, rate))
    ds = sp.Matrix(sp.symbols("ds0:3"))
    change = (ds.T * field.jacobian(weights.flat())).reshape(3, 3)
    hebbian = sp.Matrix(3, 3, lambda i, j: rate(s[j]) * ds[i])
    return Evidence(vanishes(change - hebbian), "symbolic identity", "3 units, any ρ")


def check_lemma_2_singular() -> Evidence:
    """Lemma 2 without its hypothesis, on μ = θ − s³: smooth, its fixed point stable, no slope."""
    s, theta = sp.symbols("s theta", positive=True)
    field = theta - s**3
    fixed = sp.cbrt(theta)
    slope = sp.limit(fixed / theta, theta, 0, "+")
    good = field.subs(s, fixed) == 0 and bool(slope.is_finite)
    values: dict[str, object] = {
        "field": str(field),
        "∂μ/∂s at 0": str(field.diff(s).subs(s, 0)),
        "ds⁰/dθ at 0": str(slope),
    }
    return Evidence(good, "exact counter-example", "one state", values)


def check_lemma_2(sign: int = -1) -> Evidence:
    """Eq 28 and 29: the slope of the fixed point is −(∂μ/∂s)⁻¹ ∂μ/∂p for each parameter p."""
    # Eq 30: J·∂s/∂θ + μ_θ = 0
    good = for_every_size(lambda c_theta, c_s, jac, mu: jac * (sign * inverse(jac) * mu) + mu)
    for n, m in SIZES:
        system, origin = generic_system(n, m)
        formula = sign * inverse(system.jacobian(origin)) * system.sensitivity(origin)
        for k, parameter in enumerate(system.parameters):
            slope = fixed_point_series(system.field, system.states, parameter, origin)[0]
            good = good and vanishes(slope - formula[:, k])
    return Evidence(good, "symbolic identity", GENERIC)


def check_gradient(formula: RowFormula = eq_32) -> Evidence:
    """∂J/∂θ of a generic system, differentiated through the fixed point, equals the formula."""

    def with_lemma_2(c_theta: Any, c_s: Any, jac: Any, mu: Any) -> Any:
        return c_theta + c_s * (-inverse(jac) * mu) - formula(c_theta, c_s, jac, mu)

    good = for_every_size(with_lemma_2)
    for n, m in SIZES:
        system, origin = generic_system(n, m)
        c_theta, c_s = system.cost_by_parameter(origin), system.cost_by_state(origin)
        row = formula(c_theta, c_s, system.jacobian(origin), system.sensitivity(origin))
        for k, parameter in enumerate(system.parameters):
            slope = fixed_point_series(system.field, system.states, parameter, origin)[0]
            truth = c_theta[k] + (c_s * slope)[0]  # Eq 34
            good = good and vanishes(truth - row[k])
    return Evidence(good, "symbolic identity", GENERIC)


def check_proxy(formula: RowFormula = eq_33) -> Evidence:
    """ν by its definition (Eq 26), with ∂s^β/∂β from the nudged field, equals the formula."""

    def with_lemma_2(c_theta: Any, c_s: Any, jac: Any, mu: Any) -> Any:
        return (inverse(jac) * c_s.T).T * mu - c_theta - formula(c_theta, c_s, jac, mu)

    good = for_every_size(with_lemma_2)
    for n, m in SIZES:
        system, origin = generic_system(n, m)
        response = fixed_point_series(system.nudged(), system.states, BETA, origin)[0]
        c_theta, c_s = system.cost_by_parameter(origin), system.cost_by_state(origin)
        row = formula(c_theta, c_s, system.jacobian(origin), system.sensitivity(origin))
        good = good and vanishes(system.contrast(response, origin) - row)
    return Evidence(good, "symbolic identity", GENERIC)


def check_energy() -> Evidence:
    """μ = −∂E/∂s of a generic energy gives ν = −∂J/∂θ."""
    good = True
    for n, m in SIZES[1:]:
        frame, origin = generic_system(n, m)
        energy = generic_polynomial("e", (*frame.states, *frame.parameters), 3, lowest=2)
        field = tuple(-sp.diff(energy, s) for s in frame.states)
        system = FixedPointSystem(field, frame.states, frame.parameters, frame.cost)
        good = good and vanishes(system.proxy(origin) + system.gradient(origin))
    return Evidence(good, "symbolic identity", "2, 3 states, energy generic to third order")


def check_output_weights(unit: int = 0) -> Evidence:
    """Output unit 0: whether ν = −∂J/∂W on the weights into `unit`, any ρ, any weights."""
    good = True
    for n in (2, 3):
        s = sp.symbols(f"s0:{n}")
        weights = sp.Matrix(n, n, lambda i, j: sp.Symbol(f"w{i}{j}"))
        field = leaky(weights.tolist(), s, sp.Function("rho"))
        incoming = tuple(sp.Symbol(f"w{unit}{j}") for j in range(n))
        system = FixedPointSystem(field, s, incoming, squared_error(s[:1], [sp.Symbol("y")]))
        good = good and vanishes(system.gradient({}) + system.proxy({}))
    return Evidence(good, "symbolic identity", "2, 3 units, all weights, any ρ")


def check_symmetric_weights() -> Evidence:
    """Whether symmetric W alone makes Eq 1 a gradient field, with the paper's hard sigmoid."""
    s = sp.symbols("s0 s1", real=True)
    w = sp.Symbol("w")
    field = leaky([[0, w], [w, 0]], s, hard_sigmoid)
    point = {s[0]: sp.Rational(1, 2), s[1]: sp.Integer(2)}
    jac = sp.Matrix(field).jacobian(s).subs(point)
    values: dict[str, object] = {
        "s": "(1/2, 2)",
        "∂μ₀/∂s₁": str(jac[0, 1]),
        "∂μ₁/∂s₀": str(jac[1, 0]),
    }
    return Evidence(vanishes(jac - jac.T), "exact counter-example", "two units", values)


def check_symmetric_jacobian() -> Evidence:
    """∂μ_i/∂s_j = W_ij ρ′(s_j); with affine ρ and symmetric W there is an energy."""
    s = sp.symbols("s0:3")
    rate = sp.Function("rho")
    free = sp.Matrix(3, 3, lambda i, j: sp.Symbol(f"w{i}{j}"))
    jac = sp.Matrix(leaky(free.tolist(), s, rate)).jacobian(s)
    rates = sp.Matrix(3, 3, lambda i, j: free[i, j] * rate(s[j]).diff(s[j]) - int(i == j))
    a, b = sp.symbols("a b")
    tied = _symmetric(3)
    linear = sp.Matrix(leaky(tied.tolist(), s, lambda u: a * u + b))
    state = sp.Matrix(s)
    energy = (state.T * state - a * state.T * tied * state)[0] / 2
    energy -= b * sum(tied * state)
    good = vanishes(jac - rates) and vanishes(linear + sp.Matrix([energy]).jacobian(s).T)
    return Evidence(good, "symbolic identity", "3 units")


def check_metric_gradient(tied: bool = True) -> Evidence:
    """Symmetric W: ∂E/∂s = −ρ′ ⊙ μ with the Hopfield energy, for any ρ and self-connections."""
    good = True
    for n in (2, 3):
        s = sp.symbols(f"s0:{n}")
        primitive = sp.Function("R")  # ρ = R′
        rates: list[Any] = [primitive(u).diff(u) for u in s]
        free = sp.Matrix(n, n, lambda i, j: sp.Symbol(f"w{i}{j}"))
        weights = _symmetric(n) if tied else free
        field = weights * sp.Matrix(rates) - sp.Matrix(s)
        storage = sp.Add(*(u * r - primitive(u) for u, r in zip(s, rates, strict=True)))
        energy = storage - sp.Matrix(rates).dot(weights * sp.Matrix(rates)) / 2
        for i, u in enumerate(s):
            good = good and vanishes(sp.diff(energy, u) + rates[i].diff(u) * field[i])
    return Evidence(good, "symbolic identity", "2, 3 units, any ρ")


def check_metric_adjoint() -> Evidence:
    """Symmetric W: (Jᵀ)⁻¹ = D J⁻¹ D⁻¹ with D = diag ρ′."""
    good = True
    for n in (2, 3):
        slopes = sp.diag(*sp.symbols(f"r0:{n}"))
        jac = _symmetric(n) * slopes - sp.eye(n)
        good = good and vanishes(inverse(jac).T - slopes * inverse(jac) * slopes.inv())
    return Evidence(good, "symbolic identity", "2, 3 units, all weights and slopes")


def check_weight_symmetry_suffices() -> Evidence:
    """Symmetric weights, ρ = s³: whether ν is parallel to −∂J/∂W."""
    h = sp.symbols("h0 h1")
    w = sp.symbols("w01 w10 wx")
    half = sp.Rational(1, 2)
    field = leaky([[0, w[0], 0], [w[1], 0, w[2]]], h, lambda u: u**3, inputs=[1])
    system = FixedPointSystem(field, h, w, squared_error(h[:1], [0]))
    at = {h[0]: half, h[1]: sp.Integer(1), w[0]: half, w[1]: half, w[2]: sp.Rational(15, 16)}
    require(vanishes(sp.Matrix(field).subs(at)), "it is at rest")
    require(is_hurwitz(system.jacobian(at)), "it is stable")
    gradient, proxy = system.gradient(at), system.proxy(at)
    cosine = gradient.dot(proxy) / sp.sqrt(gradient.dot(gradient) * proxy.dot(proxy))
    values: dict[str, object] = {
        "cos(∂J, ν)": str(sp.nsimplify(cosine)),
        "about": str(sp.N(cosine, 8)),
    }
    return Evidence(vanishes(cosine + 1), "exact counter-example", "two units", values)


def check_jacobian_symmetry(sign: int = 1) -> Evidence:
    """ν + ∂J/∂θ = C_s J⁻ᵀ (J − Jᵀ) J⁻¹ μ_θ: linear in the antisymmetric part of J."""

    def in_matrices(c_theta: Any, c_s: Any, jac: Any, mu: Any) -> Any:
        skewed = sign * c_s * jac.T.inv() * (jac - jac.T) * jac.inv() * mu
        return eq_33(c_theta, c_s, jac, mu) + eq_32(c_theta, c_s, jac, mu) - skewed

    good = for_every_size(in_matrices)
    for n, m in SIZES[1:]:
        system, origin = generic_system(n, m, order=1)
        jac = system.jacobian(origin)
        back, skew = inverse(jac), jac - jac.T
        error = system.cost_by_state(origin) * back.T * skew * back * system.sensitivity(origin)
        total = system.proxy(origin) + system.gradient(origin)
        good = good and vanishes(total - sign * error)
    return Evidence(good, "symbolic identity", "every size by matrix algebra; 2, 3 states in full")


def _symmetric(n: int) -> sp.Matrix:
    return sp.Matrix(n, n, lambda i, j: sp.Symbol(f"w{min(i, j)}{max(i, j)}"))


CLAIMS = (
    Claim(
        "vfep-stdp-form",
        "003 Eq 2, 5",
        "the synaptic change ρ(s_j) ds_i is (∂μ/∂W)·ds",
        check_stdp,
    ),
    Claim(
        "vfep-lemma2",
        "003 Lemma 2, Eq 27–31",
        "a fixed point of a differentiable field has ∂s/∂θ = −(∂μ/∂s)⁻¹·∂μ/∂θ, and so for β",
        check_lemma_2_singular,
        check_lemma_2,
        correction="the formulas hold wherever ∂μ^β/∂s is invertible and μ^β is C¹",
        hypothesis="∂μ^β/∂s invertible at the fixed point, μ^β continuously differentiable",
        reason="at a degenerate fixed point, stable or not, s(θ) need not have a derivative",
    ),
    Claim(
        "vfep-gradient",
        "003 Thm 1, 3, Eq 17, 32, 34",
        "∂J/∂θ = ∂C/∂θ − ∂C/∂s·(∂μ/∂s)⁻¹·∂μ/∂θ",
        check_gradient,
    ),
    Claim(
        "vfep-proxy",
        "003 Thm 1, 3, Eq 16, 18, 26, 33",
        "ν = −∂C/∂θ + ∂C/∂s·((∂μ/∂s)ᵀ)⁻¹·∂μ/∂θ",
        check_proxy,
    ),
    Claim(
        "vfep-energy-exact",
        "003 Sec 5.1",
        "where μ = −∂E/∂s, ν = −∂J/∂θ exactly",
        check_energy,
    ),
    Claim(
        "vfep-output-weights",
        "003 Thm 1, one output",
        "with one output unit, ν = −∂J/∂W exactly on the weights into that unit",
        check_output_weights,
    ),
    Claim(
        "vfep-symmetric-weights",
        "003 Eq 1, Sec 2.1",
        "Eq 1 is a gradient dynamics where W_ij = W_ji",
        check_symmetric_weights,
        check_symmetric_jacobian,
        correction="the Jacobian must be symmetric, W_ij ρ′(s_j) = W_ji ρ′(s_i): "
        "symmetric W is enough only where ρ′ is constant",
        reason="∂μ_i/∂s_j = W_ij ρ′(s_j) carries the slope of the sending unit",
    ),
    Claim(
        "vfep-metric-gradient",
        "003 Eq 1, Sec 2.1",
        "with symmetric W, Eq 1 is a gradient flow in the metric diag ρ′: ∂E/∂s = −ρ′ ⊙ μ",
        check_metric_gradient,
    ),
    Claim(
        "vfep-metric-adjoint",
        "003 Thm 1, symmetric W",
        "with symmetric W, (Jᵀ)⁻¹ = D J⁻¹ D⁻¹ where D = diag ρ′(s⁰)",
        check_metric_adjoint,
    ),
    Claim(
        "vfep-symmetry-degree",
        "003 Abstract, Thm 1",
        "the precision of ν is that of the symmetry of feedforward and feedback weights",
        check_weight_symmetry_suffices,
        check_jacobian_symmetry,
        correction="the error is ν + ∂J/∂θ = ∂C/∂s·J⁻ᵀ(J − Jᵀ)J⁻¹·∂μ/∂θ: "
        "it is the asymmetry of the Jacobian that counts",
        reason="unequal slopes ρ′ make the Jacobian asymmetric even where W is symmetric",
    ),
)

for claim in CLAIMS:
    register(claim)
