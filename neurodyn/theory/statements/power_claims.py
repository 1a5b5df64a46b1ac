"""Claims on the chain with a power non-linearity: 004 Eq 114–118 and Theorem 12."""

from typing import Any

import sympy as sp

from ..claim import Claim, Evidence, register
from ..power import PowerChain

MU, A1, T, I = sp.symbols("mu a1 t I", positive=True)  # noqa: E741
ALPHA, BETA, C1 = sp.symbols("alpha beta c1", positive=True)
TARGET = sp.Symbol("T")
A2, K = sp.symbols("a2 K", real=True)
CHAIN = PowerChain(MU, C1, ALPHA, BETA)
ALL_MU = "all real μ > 0, a1 > 0"


def simple(*differences: Any) -> bool:
    """Whether every difference simplifies to zero."""
    return all(sp.simplify(sp.powsimp(sp.expand(d), force=True)) == 0 for d in differences)


def updates(derivative: bool) -> tuple[Any, Any]:
    """(Δa1, Δa2) of one example: the error T − O times what each weight sees."""
    error = TARGET - A2 * (A1 * I) ** MU
    slope = MU * (A1 * I) ** (MU - 1) if derivative else sp.S.One
    return C1 * error * slope * I, error * (A1 * I) ** MU


def averages() -> Evidence:
    """The update is linear in the moments of Eq 114, and E is linear."""
    lower, upper = updates(derivative=True)
    chain = PowerChain(MU, C1, TARGET * I**MU, I ** (2 * MU))
    first, second = chain.rates((A1, A2))
    holds = simple(lower - first, upper - second)
    return Evidence(holds, "symbolic identity; E is linear", ALL_MU)


def coupling() -> Evidence:
    """Eq 115, and da1/dt = 0 then gives da2/dt = 0."""
    d1, d2 = CHAIN.rates((A1, A2))
    invariant = CHAIN.invariant((A1, A2))
    slope = sp.diff(invariant, A1) * d1 + sp.diff(invariant, A2) * d2
    return Evidence(simple(A1 * d1 - C1 * MU * d2, slope), "symbolic identity", ALL_MU)


def at_rest(rates: tuple[Any, Any], values: dict[str, object]) -> Evidence:
    """Whether a point at rest with α − βa2a1^μ ≠ 0 is excluded."""
    return Evidence(any(rates), "exact counter-example", "μ = 3", values)


def at_zero() -> Evidence:
    """μ = 3, (a1, a2) = (0, 1/2): Eq 114 is at rest, the error is α."""
    rates = PowerChain(3, 1, 1, 1).rates((sp.S.Zero, sp.S.Half))
    return at_rest(rates, {"a": "(0, 1/2)", "α − βa2a1^μ": "1"})


def critical_corrected() -> Evidence:
    """Both rates are a1^(μ−1) times something times the error: zero iff a1 = 0 or the error is."""
    error = ALPHA - BETA * A2 * A1**MU
    d1, d2 = CHAIN.rates((A1, A2))
    holds = simple(d1 - A1 ** (MU - 1) * C1 * MU * error, d2 - A1**MU * error)
    line = all(
        not any(PowerChain(m, C1, ALPHA, BETA).rates((sp.S.Zero, A2))) for m in (2, 3, "5/2")
    )
    return Evidence(holds and line, "symbolic identity", "a1 > 0, all μ; a1 = 0, μ > 1")


def scalar_flow() -> Evidence:
    """Eq 118, and for integer μ its degree 2μ + 1 and leading coefficient −β/2."""
    on_parabola = A1**2 / (2 * C1 * MU) + K
    Q = MU * A1 ** (MU - 1) * C1 * (ALPHA - BETA * on_parabola * A1**MU)
    same = simple(CHAIN.rates((A1, on_parabola))[0] - Q)
    x, c = sp.symbols("x c", real=True, nonzero=True)  # either sign
    for mu in range(1, 9):
        inside = ALPHA - BETA * (x**2 / (2 * c * mu) + K) * x**mu
        poly = sp.Poly(sp.expand(mu * x ** (mu - 1) * c * inside), x)
        same = same and poly.degree() == 2 * mu + 1 and sp.simplify(poly.LC() + BETA / 2) == 0
    return Evidence(bool(same), "symbolic identity", "Eq 118: all μ > 0; the degree: μ = 1..8")


def unique_root() -> Evidence:
    """g = t²/(2c1μ) + K − (α/β)t^(−μ) rises from −∞ to ∞: one positive root, for every K."""
    g = T**2 / (2 * C1 * MU) + K - ALPHA / BETA * T ** (-MU)
    printed = ALPHA - BETA * (T**2 / (2 * C1 * MU) + K) * T**MU
    slope = sp.diff(g, T)
    rises = all(bool(term.is_positive) for term in sp.Add.make_args(sp.expand(slope)))
    ends = sp.limit(T**2, T, sp.oo) == sp.oo and sp.limit(T ** (-MU), T, 0) == sp.oo
    holds = rises and ends and simple(printed + BETA * T**MU * g)
    return Evidence(holds, "monotone function", "every K, all real μ > 0, c1, α, β > 0")


def thm12() -> Evidence:
    """Q > 0 below the one positive root and Q < 0 above, as Q/(μc1a1^(μ−1)) = −βa1^μ g."""
    steps = (coupling, scalar_flow, unique_root)
    positive = bool((MU * C1 * A1 ** (MU - 1)).is_positive)
    # towards 0 the flow points up: α > 0 there
    near_zero = sp.limit(A1**MU, A1, 0) == 0
    holds = positive and near_zero and all(step().holds for step in steps)
    return Evidence(
        holds, "one scalar flow with one attracting root", "a1(0) > 0, any a2(0), μ > 0"
    )


def _ends_elsewhere(chain: PowerChain, start: tuple[Any, Any], name: str) -> Evidence:
    limit = chain.limit(start)
    values: dict[str, object] = {"start": str(start), "ends": f"{limit.kind} at {limit.weights}"}
    return Evidence(limit.kind == "stable", "exact counter-example", name, values)


def from_zero() -> Evidence:
    """μ = 3, a(0) = (0, 1/2): nothing moves."""
    return _ends_elsewhere(PowerChain(3, 1, 1, 1), (0, "1/2"), "μ = 3, a1(0) = 0")


def from_below() -> Evidence:
    """μ = 3, a(0) = (−1/2, 1/4): no root between −1/2 and 0, so a1 → 0 with all the error left."""
    return _ends_elsewhere(PowerChain(3, 1, 1, 1), ("-1/2", "1/4"), "μ = 3, a1(0) < 0")


def negative_feedback() -> Evidence:
    """μ = 3, c1 = −1, a(0) = (1/2, 1/4): no positive root, so a1 → 0 again."""
    return _ends_elsewhere(PowerChain(3, -1, 1, 1), ("1/2", "1/4"), "μ = 3, c1 < 0")


def rates_increase() -> Evidence:
    """μ = 2, a(0) = (1/10, 1/10): da1/dt > 0 at the start, and 0 in the limit."""
    chain, start = PowerChain(2, 1, 1, 1), (sp.Rational(1, 10), sp.Rational(1, 10))
    first, limit = chain.rates(start)[0], chain.limit(start)
    rests = limit.kind == "stable" and bool(first > 0)
    values: dict[str, object] = {"da1/dt at the start": str(first), "in the limit": "0"}
    return Evidence(not rests, "exact counter-example", "μ = 2", values)


def error_decreases() -> Evidence:
    """e = α − βP > 0 stays: both rates are positive, and de/dt = −β(…)e with a positive sum."""
    up = sp.Symbol("a2", positive=True)
    e = ALPHA - BETA * up * A1**MU
    d1, d2 = CHAIN.rates((A1, up))
    slope = sp.diff(e, A1) * d1 + sp.diff(e, up) * d2
    pull = BETA * (A1 ** (2 * MU) + C1 * MU**2 * up * A1 ** (2 * MU - 2))
    holds = simple(slope + pull * e) and bool(pull.is_positive)
    return Evidence(holds and unique_root().holds, "symbolic identity", "a1, a2 > 0, all μ > 0")


for _claim in (
    Claim(
        "power-eq114",
        "004 Eq 114",
        "the averaged rates with the derivative",
        averages,
    ),
    Claim("power-eq115", "004 Eq 115", "a1 a1' = c1μ a2', so a2 = a1²/(2c1μ) + K", coupling),
    Claim(
        "power-eq116",
        "004 Eq 116",
        "the critical points are those with α − βa2a1^μ = 0",
        at_zero,
        critical_corrected,
        correction="for μ > 1 also the whole line a1 = 0",
        reason="both rates carry a power of a1.",
    ),
    Claim(
        "power-eq118",
        "004 Eq 118",
        "da1/dt = Q(a1); for integer μ of odd degree with a negative leading coefficient",
        scalar_flow,
    ),
    Claim(
        "power-rates-increase",
        "004 after Eq 116",
        "both derivatives are monotonically increasing until convergence",
        rates_increase,
        error_decreases,
        correction="both derivatives stay positive and tend to 0; α − βa2a1^μ decreases",
        reason="they vanish at the critical point that is reached.",
    ),
    Claim(
        "power-better-behaved",
        "004 after Eq 116",
        "in general the system with the derivatives is better behaved: it converges",
        from_below,
        thm12,
        correction="it converges to a critical point from a1(0) > 0",
        hypothesis="a1(0) > 0 (with c1, α > 0)",
        reason="from a1(0) < 0 with μ = 3 it stalls at a1 = 0, where the error is not least.",
    ),
    Claim(
        "power-unique-root",
        "004 Eq 117, Thm 12",
        "Eq 117 has one positive root for every K ('one of the positive roots')",
        unique_root,
    ),
    # the lost relation before 0 is >, as the proof uses
    Claim(
        "power-thm12",
        "004 Thm 12",
        "from positive a1(0) and a2(0), Eq 114 converges to a positive root of Eq 117",
        thm12,
    ),
    Claim(
        "power-thm12-zero-start",
        "004 Thm 12 (a1(0) = 0)",
        "Theorem 12 with a1(0) ≥ 0",
        from_zero,
        thm12,
        correction="Theorem 12 with a1(0) > 0",
        hypothesis="a1(0) > 0 strictly",
        reason="for μ > 1 every point with a1 = 0 is at rest.",
    ),
    Claim(
        "power-thm12-negative-feedback",
        "004 Thm 12 (c1 < 0)",
        "Theorem 12 for either sign of c1",
        negative_feedback,
        thm12,
        correction="Theorem 12 for c1 > 0",
        hypothesis="c1 > 0",
        reason="for c1 < 0 there may be no positive root, and a1 → 0.",
    ),
):
    register(_claim)
