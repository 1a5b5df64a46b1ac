"""Claims on [1,N,1] learning: 004 Eq 55–63 and Theorem 5.

P = Σ a_i b_i is a sum over the hidden units, so an identity for one unit, linear in its
contribution, holds for every N.
"""

from typing import Any

import sympy as sp

from ..claim import Claim, Evidence, register
from ..linear import Expansive
from ..words import vanish

ALPHA, BETA = sp.symbols("alpha beta", real=True)
TAU = sp.Symbol("tau", real=True)
EVERY_N = "all values, all N (P is a sum over the units)"
SIZES = range(1, 6)


def units(n: int) -> tuple[list[Any], list[Any], Any]:
    """Symbolic a, b and the network [1,n,1] with symbolic c."""
    a, b = list(sp.symbols(f"a1:{n + 1}")), list(sp.symbols(f"b1:{n + 1}"))
    c = sp.symbols(f"c1:{n + 1}", real=True, nonzero=True)
    return a, b, Expansive(tuple(c), ALPHA, BETA)


def along(f: Any, a: list[Any], b: list[Any], net: Expansive) -> Any:
    """df/dt along the flow of Eq 57."""
    lower, upper = net.rates(a, b)
    return sum(sp.diff(f, v) * rate for v, rate in zip([*a, *b], [*lower, *upper], strict=True))


def output(a: list[Any], b: list[Any]) -> Any:
    """P = Σ a_i b_i."""
    return sum(x * y for x, y in zip(a, b, strict=True))


def averages() -> Evidence:
    """Eq 55 averaged over examples is Eq 56, for each of the two rules."""
    I, T, IT, II, c, a, P = sp.symbols("I T IT II c a P")  # noqa: E741
    differences = []
    for factor in (c, a):
        # E is linear, and the update is linear in the moments TI and I²
        moments = sp.expand(factor * (T - P * I) * I).subs({T * I: IT, I**2: II})
        differences.append(moments - factor * (IT - P * II))
    return Evidence(vanish(differences), "symbolic identity", EVERY_N)


def product_rate() -> Evidence:
    """Eq 58."""
    differences = []
    for n in SIZES:
        a, b, net = units(n)
        P = output(a, b)
        squares = sum(y * c + x**2 for x, y, c in zip(a, b, net.c, strict=True))
        differences.append(along(P, a, b, net) - (ALPHA - BETA * P) * squares)
    return Evidence(vanish(differences), "symbolic identity", "all values, N = 1..5")


def vertical() -> Evidence:
    """Eq 59: a_i a_i' = c_i b_i', and b_i − a_i²/(2c_i) is constant."""
    differences = []
    for n in SIZES:
        a, b, net = units(n)
        lower, upper = net.rates(a, b)
        differences += [a[i] * lower[i] - net.c[i] * upper[i] for i in range(n)]
        couplings = [b[i] - a[i] ** 2 / (2 * net.c[i]) for i in range(n)]
        differences += [along(f, a, b, net) for f in couplings]
    return Evidence(vanish(differences), "symbolic identity", "all values, N = 1..5")


def horizontal() -> Evidence:
    """Eq 60 and 61: a_j − (c_j/c_i) a_i is constant for every pair."""
    a, b, net = units(4)
    pairs = [(i, j) for i in range(4) for j in range(4)]
    rates = [along(a[j] - net.c[j] / net.c[i] * a[i], a, b, net) for i, j in pairs]
    return Evidence(vanish(rates), "symbolic identity", "all values, any two units")


def cubic_product() -> Evidence:
    """Eq 62 with b_i from Eq 59."""
    a, c, C = sp.symbols("a c C")
    return Evidence(
        vanish([a * (a**2 / (2 * c) + C) - (a**3 / (2 * c) + C * a)]), "symbolic identity", EVERY_N
    )


def leading() -> Evidence:
    """Eq 63: the coefficient of a_1³ in Q, from Eq 57, 59 and 61 as they stand."""
    x = sp.Symbol("a1")
    differences = []
    for n in SIZES:
        _, _, net = units(n)
        ratio = [c / net.c[0] for c in net.c]
        shift = [sp.S.Zero, *sp.symbols(f"K2:{n + 1}")]
        constants = sp.symbols(f"C1:{n + 1}")
        P = sum(
            (r * x + k) * ((r * x + k) ** 2 / (2 * c) + C)
            for r, k, c, C in zip(ratio, shift, net.c, constants, strict=True)
        )
        Q = sp.Poly(net.c[0] * (ALPHA - BETA * P), x)
        K = -BETA / 2 / net.c[0] ** 2 * sum(c**2 for c in net.c)
        differences.append(sp.together(Q.coeff_monomial(x**3) - K))
        if Q.degree() != 3:
            return Evidence(False, "degree of the polynomial", f"N = {n}")
    return Evidence(vanish(map(sp.numer, differences)), "symbolic identity", "all values, N = 1..5")


def converges() -> Evidence:
    """τ′ = F(τ) has degree 3 and leading coefficient −(β/2)Σc_i² < 0 as soon as one c_i ≠ 0."""
    a, b = sp.symbols("a b")
    c, beta = sp.Symbol("c", real=True, nonzero=True), sp.Symbol("beta", positive=True)
    at = a + c * TAU, b + a * TAU + c * TAU**2 / 2
    solves = [sp.diff(at[0], TAU) - c, sp.diff(at[1], TAU) - at[0]]
    term = sp.Poly(-beta * at[0] * at[1], TAU)
    lead = term.coeff_monomial(TAU**3)
    holds = vanish([*solves, lead + beta * c**2 / 2]) and term.degree() == 3 and lead.is_negative
    return Evidence(
        bool(holds), "clock reduction: odd degree, negative leading coefficient", EVERY_N
    )


def minima() -> Evidence:
    """Fixed points have α = βP, and the error there is the least of all P."""
    P, T2 = sp.symbols("P T2", real=True)
    beta = sp.Symbol("beta", positive=True)
    c = sp.Symbol("c", real=True, nonzero=True)
    error = T2 / 2 - ALPHA * P + beta * P**2 / 2  # E(T − PI)²/2
    excess = sp.expand(error - error.subs(P, ALPHA / beta) - (ALPHA - beta * P) ** 2 / (2 * beta))
    only = sp.solve(c * (ALPHA - beta * P), P) == [ALPHA / beta]
    return Evidence(excess == 0 and only, "symbolic identity (complete the square)", EVERY_N)


def all_zero() -> Evidence:
    """c = 0: F is linear with slope −βΣa_i²."""
    a, b = sp.symbols("a1:4", real=True), sp.symbols("b1:4")
    after = [(x, y + x * TAU) for x, y in zip(a, b, strict=True)]
    slope = sp.diff(-BETA * sum(x * y for x, y in after), TAU)
    frozen = Expansive((0, 0), 1, 1).limit((0, 0), (5, 7)).kind
    reached = Expansive((0, 0), 1, 2).limit((1, 2), (0, 0)).tau
    holds = vanish([slope + BETA * sum(x**2 for x in a)]) and frozen == "stationary"
    return Evidence(holds and reached == sp.Rational(1, 10), "symbolic identity", EVERY_N)


def small_or_congruent() -> Evidence:
    """c as small as one likes, but a = 0 and b against c: the sum is negative."""
    c = sp.Symbol("epsilon", positive=True)
    total: Any = sum(x**2 + y * c for x, y in [(0, -1), (0, -1)])
    values: dict[str, object] = {"a": "(0, 0)", "b": "(-1, -1)", "c": "(ε, ε)", "sum": str(total)}
    return Evidence(bool(total.is_positive), "exact counter-example", "N = 2, every ε > 0", values)


def small_beside_a() -> Evidence:
    """Each term is positive where b_i c_i > −a_i², for either sign of b_i c_i."""
    a, share = sp.Symbol("a", real=True, nonzero=True), sp.Symbol("share", positive=True)
    push = sp.Symbol("bc", nonnegative=True)
    # b c = −a² + a²·share is any push above −a²
    terms = [sp.expand(a**2 + (-(a**2) + a**2 * share)), a**2 + push]
    return Evidence(all(bool(t.is_positive) for t in terms), "sign of each term", "all N")


for _claim in (
    Claim(
        "wide-eq56",
        "004 Eq 55-56",
        "E(Δa_i) = ηc_i(α − βP) and E(Δb_i) = ηa_i(α − βP)",
        averages,
    ),
    Claim("wide-eq58", "004 Eq 58", "dP/dt = (α − βP) Σ(b_i c_i + a_i²)", product_rate),
    Claim(
        "wide-congruent",
        "004 Thm 5, proof",
        "if the c_i are small, or congruent with the b_i, then Σ(a_i² + b_i c_i) > 0",
        small_or_congruent,
        small_beside_a,
        correction="Σ(a_i² + b_i c_i) > 0 if every b_i c_i > −a_i², as where they are congruent",
        hypothesis="a ≠ 0, and 'small' means |b_i c_i| < a_i²",
        reason="where a = 0 the sign is that of Σb_i c_i, however small the c_i.",
    ),
    Claim("wide-eq59", "004 Eq 59", "a_i a_i' = c_i b_i', so b_i = a_i²/(2c_i) + C_i", vertical),
    Claim(
        "wide-eq61",
        "004 Eq 60-61",
        "each a_j is affine in any other a_i: a_j = (c_j/c_i) a_i + constant",
        horizontal,
    ),
    # the extracted text has c_i a_i; Eq 59 names the constant C_i
    Claim("wide-eq62", "004 Eq 62", "P = Σ(a_i³/(2c_i) + C_i a_i)", cubic_product),
    Claim(
        "wide-eq63",
        "004 Eq 63",
        "Q has degree 3 and leading coefficient −(β/2)Σc_i²/c_1²",
        leading,
    ),
    Claim(
        "wide-thm5-converges",
        "004 Thm 5",
        "learning always converges, for any signs of the c_i",
        converges,
    ),
    Claim(
        "wide-thm5-minima",
        "004 Thm 5",
        "except for c = 0, all fixed points have α − βP = 0 and are global minima",
        minima,
    ),
    Claim(
        "wide-thm5-zero-c",
        "004 Thm 5 (trivial case)",
        "with c = 0 learning is linear in τ with slope −βΣa_i²: it fits unless a = 0",
        all_zero,
    ),
):
    register(_claim)
