"""Claims of [003] Section 5: which weights are good parameters, and what energies are sure to do.

A good parameter W has a settling state and ∂J/∂W·ν < 0. The counter-examples are exact linear
networks; the closed form for two units holds for any activation.
"""

from typing import Any

import sympy as sp

from ..claim import Claim, Evidence, register
from ..equilibrium import (
    FixedPointSystem,
    Point,
    is_hurwitz,
    leaky,
    put,
    require,
    squared_error,
    vanishes,
)


def two_units(w01: Any, w10: Any, wx: Any) -> tuple[FixedPointSystem, dict[Any, Any]]:
    """A linear output h₀ and hidden unit h₁ with input x = 1 and target 1, and its fixed point."""
    h = sp.symbols("h0 h1")
    w = sp.symbols("w01 w10 wx")
    field = leaky([[0, w[0], 0], [w[1], 0, w[2]]], h, lambda u: u, inputs=[1])
    hidden = wx / (1 - w01 * w10)
    at = {h[0]: w01 * hidden, h[1]: hidden, **dict(zip(w, (w01, w10, wx), strict=True))}
    return FixedPointSystem(field, h, w, squared_error(h[:1], [1])), at


def descent(system: FixedPointSystem, at: Point) -> Any:
    """∂J/∂W·ν at the point: negative where the learning rule descends."""
    return sp.cancel(system.gradient(at).dot(system.proxy(at)))


def check_good_parameter() -> Evidence:
    """Whether a settling network always has ∂J/∂W·ν < 0."""
    system, at = two_units(sp.Rational(1, 2), sp.Rational(-3), sp.Rational(2))
    dot = descent(system, at)
    require(vanishes(sp.Matrix(system.field).subs(at)), "it is at rest")
    require(is_hurwitz(system.jacobian(at)), "it is stable")
    values: dict[str, object] = {
        "w01, w10, wx": "1/2, -3, 2",
        "h": "(2/5, 4/5)",
        "∂J/∂W·ν": str(dot),
    }
    values["eigenvalues"] = str(sorted(map(str, system.jacobian(at).eigenvals())))
    return Evidence(bool(dot < 0), "exact counter-example", "two units", values)


def two_unit_bracket(p: sp.Expr, f0: sp.Expr, f1: sp.Expr, fx: sp.Expr) -> sp.Expr:
    """ρ(h₁)² + p (ρ(h₀)² + ρ(x)²), with p = w₀₁ w₁₀ ρ′(h₀) ρ′(h₁)."""
    return f1**2 + p * (f0**2 + fx**2)


def check_two_unit_dot(sign: int = -1) -> Evidence:
    """∂J/∂W·ν = −(e/det)² [ρ(h₁)² + w₀₁w₁₀ρ′(h₀)ρ′(h₁)(ρ(h₀)² + ρ(x)²)], for any ρ."""
    h = sp.symbols("h0 h1")
    w = sp.symbols("w01 w10 wx")
    x, y = sp.symbols("x y")
    rate = sp.Function("rho")
    field = leaky([[0, w[0], 0], [w[1], 0, w[2]]], h, rate, inputs=[x])
    system = FixedPointSystem(field, h, w, squared_error(h[:1], [y]))
    p = w[0] * w[1] * rate(h[0]).diff(h[0]) * rate(h[1]).diff(h[1])
    bracket = two_unit_bracket(p, rate(h[0]), rate(h[1]), rate(x))
    closed = sign * ((h[0] - y) / (1 - p)) ** 2 * bracket
    dot = system.gradient({}).dot(system.proxy({}))
    return Evidence(vanishes(dot - closed), "symbolic identity", "two units, all values, any ρ")


def check_two_unit_alignment() -> Evidence:
    """w₀₁w₁₀ ≥ 0 and ρ′ ≥ 0: the bracket of the closed form is a sum of non-negative terms."""
    p = sp.Symbol("p", nonnegative=True)
    rates = sp.symbols("f0 f1 fx", real=True)
    good = check_two_unit_dot().holds and bool(two_unit_bracket(p, *rates).is_nonnegative)
    return Evidence(good, "symbolic identity", "two units, all values")


def check_trace_alignment() -> Evidence:
    """Whether tr(W₀₁W₁₀) > 0 makes a settling network with two outputs a good parameter."""
    h = sp.symbols("h0:4")
    up, down = sp.diag(1, 1), sp.diag(sp.Rational(3, 4), sp.Rational(-1, 2))
    drive = sp.Matrix([0, sp.Rational(1, 4)])
    into_outputs = sp.Matrix(2, 2, lambda i, j: sp.Symbol(f"u{i}{j}"))
    into_hidden = sp.Matrix(2, 2, lambda i, j: sp.Symbol(f"v{i}{j}"))
    from_input = sp.Matrix(sp.symbols("z0 z1"))
    rows = sp.BlockMatrix(
        [[sp.zeros(2), into_outputs, sp.zeros(2, 1)], [into_hidden, sp.zeros(2), from_input]]
    ).as_explicit()
    weights: Any = (*into_outputs.flat(), *into_hidden.flat(), *from_input.flat())
    field = leaky(rows.tolist(), h, lambda u: u, inputs=[1])
    system = FixedPointSystem(field, h, weights, squared_error(h[:2], [0, 1]))
    at = dict(zip(weights, (*up.flat(), *down.flat(), *drive.flat()), strict=True))
    rest = sp.solve(sp.Matrix(field).subs(at), h, dict=True)[0]
    at.update(rest)
    dot = descent(system, at)
    require((up * down).trace() > 0, "the trace is positive")
    require(is_hurwitz(system.jacobian(at)), "it is stable")
    values: dict[str, object] = {
        "W01": str(up.tolist()),
        "W10": str(down.tolist()),
        "∂J/∂W·ν": str(dot),
    }
    return Evidence(bool(dot < 0), "exact counter-example", "2 + 2 units", values)


def check_antialigned_descent() -> Evidence:
    """A stable network with w₀₁ w₁₀ < 0 and ∂J/∂W·ν < 0."""
    w01, w10 = sp.Rational(1, 2), sp.Rational(-1, 4)
    system, at = two_units(w01, w10, sp.Rational(2))
    dot = descent(system, at)
    good = w01 * w10 < 0 and is_hurwitz(system.jacobian(at)) and dot < 0
    values: dict[str, object] = {"w01, w10, wx": "1/2, -1/4, 2", "∂J/∂W·ν": str(dot)}
    return Evidence(bool(good), "exact example", "two units", values)


def check_state_minimum() -> Evidence:
    """Linear units with symmetric weight 2: an energy whose flow runs away."""
    t = sp.Symbol("t", real=True)
    h = sp.symbols("h0 h1")
    energy = (h[0] ** 2 + h[1] ** 2) / 2 - 2 * h[0] * h[1]
    field = sp.Matrix([-sp.diff(energy, u) for u in h])
    path = dict.fromkeys(h, sp.exp(t))
    require(vanishes(field.subs(path) - sp.exp(t) * sp.ones(2, 1)), "the path solves the flow")
    end = sp.limit(energy.subs(path), t, sp.oo)
    values: dict[str, object] = {
        "E": str(energy),
        "h(t)": "(exp(t), exp(t))",
        "E at t = ∞": str(end),
    }
    return Evidence(bool(end.is_finite), "exact counter-example", "two units", values)


def check_energy_decreases() -> Evidence:
    """dE/dt = −‖∂E/∂h‖² along dh/dt = −∂E/∂h, any E: the same law holds for J along −∂J/∂W."""
    t = sp.Symbol("t")
    paths = [sp.Function(f"h{i}")(t) for i in range(3)]
    names = sp.symbols("h0:3")
    slopes = [sp.Function("E")(*names).diff(u) for u in names]
    energy = sp.Function("E")(*names)
    along = sum(energy.diff(u) * p.diff(t) for u, p in zip(names, paths, strict=True))
    flow = {p.diff(t): -g for p, g in zip(paths, slopes, strict=True)}
    good = vanishes(put(along, flow) + sp.Add(*(g**2 for g in slopes)))
    return Evidence(good, "symbolic identity", "3 coordinates, any energy")


def check_weight_minimum() -> Evidence:
    """A linear Hopfield net at W = 0: stable, gradient zero, and not a minimum of J."""
    h = sp.symbols("h0 h1")
    v, w = sp.symbols("v w")
    energy = (h[0] ** 2 + h[1] ** 2) / 2 - v * h[0] * h[1] - w * h[1]
    field = tuple(-sp.diff(energy, u) for u in h)
    system = FixedPointSystem(field, h, (v, w), squared_error(h[:1], [1]))
    at = dict.fromkeys((*h, v, w), sp.S.Zero)
    output = sp.solve(field, h, dict=True)[0][h[0]]
    objective = (output - 1) ** 2 / 2
    require(is_hurwitz(system.jacobian(at)), "the state settles")
    require(vanishes(system.gradient(at)), "W stays where it is")
    hessian = sp.hessian(objective, (v, w)).subs(at)
    values: dict[str, object] = {
        "J at W = 0": str(objective.subs(at)),
        "Hessian": str(hessian.tolist()),
    }
    return Evidence(bool(hessian.det() >= 0), "exact counter-example", "two units", values)


CLAIMS = (
    Claim(
        "vfep-good-parameter",
        "003 Sec 5",
        "a W whose dynamics settles has ∂J/∂W·ν < 0 (is a good parameter)",
        check_good_parameter,
        reason="strong feedback of the opposite sign keeps the net stable and turns ν uphill",
    ),
    Claim(
        "vfep-two-unit-dot",
        "003 Sec 5, two units",
        "∂J/∂W·ν = −(e/det)²[ρ(h₁)² + w₀₁w₁₀ρ′(h₀)ρ′(h₁)(ρ(h₀)² + ρ(x)²)], e = h₀ − y",
        check_two_unit_dot,
    ),
    Claim(
        "vfep-two-unit-alignment",
        "003 Sec 5.1, two units",
        "one output and one hidden unit, ρ′ ≥ 0: w₀₁w₁₀ ≥ 0 gives ∂J/∂W·ν ≤ 0",
        check_two_unit_alignment,
    ),
    Claim(
        "vfep-trace-alignment",
        "003 Sec 5.1, Fig 3",
        "a W that settles and is aligned, tr(W₀₁W₁₀) > 0, is a good parameter",
        check_trace_alignment,
        reason="the trace sums over the outputs, and the error may lie along an anti-aligned one",
    ),
    Claim(
        "vfep-antialigned-descent",
        "003 Sec 5.1",
        "alignment is not necessary: some settling W with w₀₁w₁₀ < 0 has ∂J/∂W·ν < 0",
        check_antialigned_descent,
    ),
    Claim(
        "vfep-state-minimum",
        "003 Sec 5.1",
        "for all W, dh/dt = −∂E/∂h converges to an energy minimum",
        check_state_minimum,
        check_energy_decreases,
        correction="E never increases: dE/dt = −‖∂E/∂h‖²",
        reason="an energy that is not bounded below lets the state run away, "
        "and one that is may hold it at a saddle",
    ),
    Claim(
        "vfep-weight-minimum",
        "003 Sec 5.1",
        "W following ΔW ∝ −∂J/∂W converges to a minimum of J",
        check_weight_minimum,
        check_energy_decreases,
        correction="J never increases: dJ/dt = −‖∂J/∂W‖²",
        reason="a gradient flow can stay at, or run into, a saddle of J",
    ),
)

for claim in CLAIMS:
    register(claim)
