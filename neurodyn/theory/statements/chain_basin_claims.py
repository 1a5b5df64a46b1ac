"""Claims about where A[1,1,1] ends and how: Theorem 2, attractors, the basin [004 Sec 7.2]."""

from typing import Any

import sympy as sp

from ..chain import Chain
from ..claim import Claim, Evidence, register
from .chain_claims import (
    IDENTITY,
    a1,
    a2,
    beta,
    c1,
    chain2,
    double_root,
    is_zero,
    k,
    linearisation,
    without_feedback,
    x,
    y,
)


def growth_upward() -> Evidence:
    """Does w = w(0) e^t go to +∞ whatever w(0)?"""
    t = sp.Symbol("t", positive=True)
    ends = {w0: sp.limit(w0 * sp.exp(t), t, sp.oo) for w0 in (1, -1)}
    values: dict[str, object] = {f"w(0) = {w0}": str(end) for w0, end in ends.items()}
    return Evidence(all(e == sp.oo for e in ends.values()), "exact counter-example", values=values)


def growth_both_ways() -> Evidence:
    """w goes to ±∞ with the sign of w(0) ≠ 0."""
    t, size, rate = sp.symbols("t w r", positive=True)
    ends = [sp.limit(sign * size * sp.exp(rate * t), t, sp.oo) for sign in (1, -1)]
    return Evidence(ends == [sp.oo, -sp.oo], "symbolic limit")


def changes_once() -> Evidence:
    """Does dP/dt change sign at most once on this orbit?"""
    count = Chain((1,), 1, 1).sign_changes((-2, "3/2"))
    values = {"start": "(−2, 3/2)", "changes": count}
    return Evidence(count <= 1, "exact counter-example", "c = α = β = 1", values)


def changes_twice() -> Evidence:
    """S = (3/2)a_1² + c_1 C on an orbit, a quadratic: at most two changes, and two occur."""
    constant = sp.Symbol("C")
    s = (a1**2 + c1 * a2).subs(a2, a1**2 / (2 * c1) + constant)
    quadratic = is_zero(s - sp.Rational(3, 2) * a1**2 - c1 * constant)
    attained = Chain((1,), 1, 1).sign_changes((-2, "3/2"))
    return Evidence(quadratic and attained == 2, "degree of S on an orbit; attained exactly")


def always_converges() -> Evidence:
    """c_1 ≠ 0: Q is cubic with leading coefficient −β/2; c_1 = 0: a_2 relaxes or nothing moves."""
    q = chain2().polynomial(sp.symbols("s t"))
    holds = q.degree() == 3 and is_zero(q.LC() + beta / 2)
    return Evidence(holds and without_feedback().holds, "odd degree, negative leading coefficient")


def attract_unless_interior() -> Evidence:
    """Is the fixed point on the parabola, which is not interior to it, an attractor?"""
    chain = Chain((1,), 1, 1)
    point = (-1, -1)
    start = (sp.Rational(-1, 2), sp.Rational(-11, 8))  # on the same orbit parabola
    same = chain.invariants(point) == chain.invariants(start)
    values = {
        "point": "(−1, −1)",
        "S": 0,
        "kind": chain.limit(point).kind,
        "(−1/2, −11/8) goes to": tuple(str(w) for w in chain.limit(start).weights),
    }
    attracts = chain.limit(start).weights == point or not same
    return Evidence(attracts, "exact counter-example", "c = α = β = 1", values)


def attract_where_s_is_positive() -> Evidence:
    """Across the hyperbola the rate is −βS; on S = 0 the flow has one sign on both sides."""
    holds = linearisation().holds and double_root().holds
    # near the double root −k the cubic is (x + k)²(x − 2k), of one sign around −k
    left_right = [((x + k) ** 2 * (x - 2 * k)).subs(x, -k + side * k / 2) for side in (1, -1)]
    same_sign = all(bool(value.is_negative) for value in left_right)
    return Evidence(holds and same_sign, f"{IDENTITY}; sign of the cubic near its double root")


def basin() -> Evidence:
    """The left basin for c_1, α, β > 0, in y = a_1/k with cubic f = y³ − 3γy − 2, γ = C/C*.

    y' = −f up to a positive factor. γ < 1: f has one real root, positive. γ ≥ 1: two negative
    roots y_1 ≤ −1 ≤ y_2, as f(−1) = 3(γ − 1) ≥ 0; a start goes left if and only if y < y_2.
    """
    gamma, g = sp.symbols("gamma g", positive=True)
    f = y**3 - 3 * gamma * y - 2
    constant = -3 * gamma * k**2 / (2 * c1)
    cubic = x**3 + 2 * c1 * constant * x - 2 * k**3
    holds = is_zero(cubic.subs(x, k * y) / k**3 - f, f.subs(y, -1) - 3 * (gamma - 1))
    discriminant = sp.discriminant(f, y)  # 108(γ³ − 1): three real roots only for γ ≥ 1
    holds = holds and is_zero(discriminant - 108 * (gamma**3 - 1))
    # the largest value of f left of zero is 2γ^(3/2) − 2, at −√γ (γ = g²)
    holds = holds and is_zero(f.subs({gamma: g**2, y: -g}) - (2 * g**3 - 2))
    # γ < 1 and −1 < y < 0: f is below (y + 1)²(y − 2) < 0, so P > α/β cannot happen there
    holds = holds and is_zero(f - ((y + 1) ** 2 * (y - 2) - 3 * (gamma - 1) * y))
    chain = Chain((1,), 1, 1)
    starts = [(sp.Rational(i, 7), sp.Rational(j, 5)) for i in range(-14, 15, 3)
              for j in range(-10, 11, 2)]  # fmt: skip
    agree = all(_goes_left(chain, start) == in_left_basin(*start) for start in starts)
    area = sp.integrate(x**2 / 2 + sp.Rational(1, 2), (x, -2, -1))
    area += sp.integrate(1 / x + 2, (x, -1, -sp.Rational(1, 2)))
    values = {"area in [−2, 2]²": str(sp.simplify(area)), "starts compared": len(starts)}
    return Evidence(holds and agree, f"{IDENTITY}; exact end points agree", values=values)


def in_left_basin(first: Any, second: Any) -> bool:
    """The closed form for c_1 = α = β = 1, hence k = 1 and C* = −3/2."""
    if first <= -1:
        return bool(second - first**2 / 2 <= sp.Rational(-3, 2))
    return bool(first < 0 and first * second > 1)


def _goes_left(chain: Chain, start: tuple[Any, Any]) -> bool:
    bounds = chain.limit(start).weight_intervals
    return bounds is not None and bool(bounds[0][1] < 0)


for _claim in (
    Claim(
        "chain2-unstable", "004 Sec 7.2",
        "if β(c₁a₂ + a₁²) < 0, w diverges to +∞",
        growth_upward, growth_both_ways, "w diverges to ±∞, with the sign of w(0)",
        reason="w(0) may be negative.",
    ),
    Claim(
        "chain2-dP-once", "004 Sec 7.2",
        "dP/dt may change sign along a trajectory, but this can happen only once",
        changes_once, changes_twice,
        "dP/dt changes sign at most twice (at most 2^L − 2 times at depth L)",
        reason="S is quadratic in a₁ on an orbit, and one orbit can cross both of its zeros.",
    ),
    Claim("chain2-limit", "004 Thm 2",
          "the system of Eq 23 always converges to a fixed point", always_converges),
    Claim(
        "chain2-attractors", "004 Thm 2",
        "all fixed points are attractors except those interior to the parabola a₂ = −a₁²/c₁",
        attract_unless_interior, attract_where_s_is_positive,
        "attractors (across the curve of fixed points) are those with S = a₁² + c₁a₂ > 0",
        "the fixed point lies strictly outside the parabola: S ≠ 0",
        "The fixed point on the parabola attracts from one side only.",
    ),
    Claim("chain2-basin", "004 Thm 2, Fig 11",
          "c₁, α, β > 0: the left branch is reached iff a₁ ≤ −k and C ≤ −3k²/(2c₁), "
          "or −k < a₁ < 0 and P > α/β, where k = (c₁α/β)^(1/3)", basin),
):  # fmt: skip
    register(_claim)
