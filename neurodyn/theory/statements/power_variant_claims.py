"""Claims on the power chain without the derivative, and under gradient descent: 004 Eq 113, 119."""

import math
from typing import Any

import sympy as sp

from ..claim import Claim, Evidence, register
from ..words import vanish
from .power_claims import A1, A2, ALL_MU, ALPHA, BETA, C1, MU, TARGET, I, at_rest, simple, updates

GAMMA, DELTA = sp.symbols("gamma delta", positive=True)


def without(a1: Any, a2: Any, mu: Any, moments: tuple[Any, ...], c1: Any = C1) -> tuple[Any, Any]:
    """(da1/dt, da2/dt) of Eq 113; moments are α, β, γ, δ."""
    w = a2 * a1**mu
    alpha, beta, gamma, delta = moments
    return c1 * (gamma - delta * w), a1**mu * (alpha - beta * w)


def moments(inputs: list[int], targets: list[int], mu: int) -> tuple[Any, ...]:
    """α = E(TI^μ), β = E(I^2μ), γ = E(TI), δ = E(I^(μ+1)) of a set of examples."""
    n = len(inputs)
    pairs = list(zip(inputs, targets, strict=True))
    return (
        sp.Rational(sum(t * i**mu for i, t in pairs), n),
        sp.Rational(sum(i ** (2 * mu) for i in inputs), n),
        sp.Rational(sum(t * i for i, t in pairs), n),
        sp.Rational(sum(i ** (mu + 1) for i in inputs), n),
    )


def averages() -> Evidence:
    """The update is linear in the moments of Eq 113, and E is linear."""
    lower, upper = updates(derivative=False)
    of_one = (TARGET * I**MU, I ** (2 * MU), TARGET * I, I ** (MU + 1))
    first, second = without(A1, A2, MU, of_one)
    holds = simple(lower - first, upper - second)
    return Evidence(holds, "symbolic identity; E is linear", ALL_MU)


def no_fixed_points() -> Evidence:
    """I = (1, 2), T = (1, 8), μ = 3: a1 = a2 = 1 is at rest, and the data are not trivial."""
    m = moments([1, 2], [1, 8], 3)
    rest = without(sp.Integer(1), sp.Integer(1), 3, m, c1=sp.Integer(1))
    values: dict[str, object] = {
        "α": str(m[0]),
        "β": str(m[1]),
        "γ": str(m[2]),
        "δ": str(m[3]),
        "at (1,1)": str(rest),
    }
    return Evidence(any(rest), "exact counter-example", "μ = 3, two examples", values)


def when_fixed_points() -> Evidence:
    """Both rates vanish iff w = α/β = γ/δ, or a1 = γ = 0; T = kI^μ has α = kβ and γ = kδ."""
    w, k = sp.symbols("w k", positive=True)
    from_upper = sp.solve(ALPHA - BETA * w, w)
    needed = sp.expand((GAMMA - DELTA * from_upper[0]) * BETA)
    realizable = (k * I**MU * I**MU - k * I ** (2 * MU), k * I**MU * I - k * I ** (MU + 1))
    axis = without(sp.S.Zero, A2, MU, (ALPHA, BETA, GAMMA, DELTA)) == (C1 * GAMMA, 0)
    holds = vanish([needed - (GAMMA * BETA - DELTA * ALPHA)]) and simple(*realizable) and axis
    return Evidence(holds, "symbolic elimination", ALL_MU)


def gradient() -> Evidence:
    """Eq 119 is −∂E/∂a for E = E(T − O)²/2, both forms of each line."""
    error = ALPHA - BETA * A2 * A1**MU
    loss = -ALPHA * A2 * A1**MU + BETA * A2**2 * A1 ** (2 * MU) / 2
    d1, d2 = _descent(A1, A2, MU)
    long = A2 * MU * A1 ** (MU - 1) * ALPHA - A2**2 * MU * A1 ** (2 * MU - 1) * BETA
    gaps = (sp.diff(loss, A1) + d1, sp.diff(loss, A2) + d2, long - d1, d2 - A1**MU * error)
    return Evidence(simple(*gaps), "symbolic identity", ALL_MU)


def _descent(a1: Any, a2: Any, mu: Any) -> tuple[Any, Any]:
    error = ALPHA - BETA * a2 * a1**mu
    return a1 ** (mu - 1) * a2 * mu * error, a1**mu * error


def descent_at_zero() -> Evidence:
    """μ = 3, (0, 1/2): gradient descent rests there too, and also at (0, 0) for μ = 1."""
    return at_rest(_descent(sp.S.Zero, sp.S.Half, 3), {"a": "(0, 1/2)"})


def descent_critical() -> Evidence:
    """At rest a1 = 0, or a1^μ ≠ 0 and then the error is zero."""
    rate = _descent(A1, A2, MU)[1]
    only = sp.simplify(rate / A1**MU - (ALPHA - BETA * A2 * A1**MU)) == 0
    lines = all(not any(_descent(sp.S.Zero, A2, m)) for m in (2, 3, sp.Rational(5, 2)))
    return Evidence(only and lines, "symbolic identity", "a1 > 0, all μ; a1 = 0, μ > 1")


def descent_invariant() -> Evidence:
    """d(a1² − μa2²)/dt = 0 along Eq 119."""
    d1, d2 = _descent(A1, A2, MU)
    return Evidence(simple(2 * A1 * d1 - 2 * MU * A2 * d2), "symbolic identity", ALL_MU)


def followed(m: tuple[Any, ...], step: float, end: float) -> tuple[float, float, float]:
    """(a1, a2, t) of Eq 113 with μ = 3, c1 = 1 from (1/2, 1/4), by Runge–Kutta of order 4."""
    alpha, beta, gamma, delta = map(float, m)

    def slope(a: float, b: float) -> tuple[float, float]:
        w = b * a**3
        return gamma - delta * w, a**3 * (alpha - beta * w)

    a, b, t, h = 0.5, 0.25, 0.0, step
    while t < end:
        p = slope(a, b)
        q = slope(a + h * p[0] / 2, b + h * p[1] / 2)
        r = slope(a + h * q[0] / 2, b + h * q[1] / 2)
        s = slope(a + h * r[0], b + h * r[1])
        a += h * (p[0] + 2 * q[0] + 2 * r[0] + s[0]) / 6
        b += h * (p[1] + 2 * q[1] + 2 * r[1] + s[1]) / 6
        t += h
    return a, b, t


def collapse() -> Evidence:
    """I = (1, 2), T = (1, 16): w → γ/δ and not α/β, and a2²/t → a constant."""
    m = moments([1, 2], [1, 16], 3)
    a, b, t = followed(m, 2e-3, 60)
    alpha, beta, gamma, delta = map(float, m)
    w, goal = b * a**3, gamma / delta
    growth = 2 * goal * (alpha - beta * goal)
    holds = abs(w - goal) < 1e-3 and math.isclose(b * b / t, growth, rel_tol=0.05)
    values: dict[str, object] = {
        "w": w,
        "γ/δ": goal,
        "α/β": alpha / beta,
        "a2²/t": b * b / t,
        "expected": growth,
    }
    return Evidence(holds, "integration", "one instance, t = 60", values, exact=False)


def drift() -> Evidence:
    """I = (1, 2), T = (2, 4): a1 grows at the rate c1(γ − δα/β) while w → α/β."""
    m = moments([1, 2], [2, 4], 3)
    a, b, _ = followed(m, 1e-4, 4)
    alpha, beta, gamma, delta = map(float, m)
    w, goal = b * a**3, alpha / beta
    slope, expected = gamma - delta * w, gamma - delta * goal
    holds = abs(w - goal) < 1e-3 and math.isclose(slope, expected, rel_tol=0.01)
    values: dict[str, object] = {"w": w, "α/β": goal, "da1/dt": slope, "expected": expected}
    return Evidence(holds, "integration", "one instance, t = 4", values, exact=False)


for _claim in (
    # E(μI²) in the first line of Eq 113 is E(I^2μ), and α, β, δ after it are damaged likewise
    Claim(
        "power-eq113",
        "004 Eq 113",
        "the averaged rates without the derivative",
        averages,
    ),
    Claim(
        "power-eq113-fixed-points",
        "004 after Eq 113",
        "except for trivial cases, Eq 113 cannot have fixed points",
        no_fixed_points,
        when_fixed_points,
        correction="it has them iff α/β = γ/δ (or a1 = 0, γ = 0): every target T = kI^μ does",
        reason="realizable targets and single examples make the two ratios equal.",
    ),
    Claim(
        "power-eq113-collapse",
        "004 Eq 113 (not in the paper)",
        "where γ/δ < α/β, a1 → 0 and w → γ/δ: learning without the derivative misses the optimum",
        collapse,
    ),
    Claim(
        "power-eq113-drift",
        "004 Eq 113 (not in the paper)",
        "where γ/δ > α/β, w → α/β while a1 grows without end",
        drift,
    ),
    Claim("power-eq119", "004 Eq 119", "gradient descent with the power", gradient),
    Claim(
        "power-eq119-critical",
        "004 after Eq 119",
        "its critical points are again those of Eq 116",
        descent_at_zero,
        descent_critical,
        correction="for μ > 1 also the whole line a1 = 0",
        reason="both rates carry a power of a1.",
    ),
    Claim(
        "power-eq119-invariant",
        "004 Eq 119 (not in the paper)",
        "a1² − μa2² is constant along gradient descent",
        descent_invariant,
    ),
):
    register(_claim)
