"""Claims about chains of any depth [004 Eq 43–54, Thm 4]."""

from typing import Any

import sympy as sp

from ..chain import A1, TAU, Chain
from ..claim import Claim, Evidence, register
from .chain_claims import IDENTITY, alpha, beta, is_zero


def weights(size: int) -> Any:
    """Symbols a1 … aL."""
    return sp.symbols(f"a1:{size + 1}", real=True)


def feedback(size: int) -> Any:
    """Symbols c1 … c_{L−1}, real and not zero: every sign pattern at once."""
    return sp.symbols(f"c1:{size}", real=True, nonzero=True)


def chain(size: int) -> Chain:
    """A chain of L weights with symbols for everything."""
    return Chain(feedback(size), alpha, beta)


def others(a: Any, i: int) -> Any:
    """The product of all weights but number i (from 0): P/a_i without dividing."""
    return sp.Mul(*[w for j, w in enumerate(a) if j != i])


def along_flow(quantity: Any, size: int) -> Any:
    """Its time derivative along the chain."""
    a = weights(size)
    rates = chain(size).rates(a)
    return sum(sp.diff(quantity, w) * rate for w, rate in zip(a, rates, strict=True))


def s_sum(size: int) -> Any:
    """S with dP/dt = S (α − βP): Σ_k (Π_{i≠k} a_i) c_k Π_{j<k} a_j."""
    a, c = weights(size), chain(size).factors
    return sum(others(a, k) * c[k] * sp.Mul(*a[:k]) for k in range(size))


def product_rate(sizes: range) -> Evidence:
    """dP/dt = S (α − βP), and S = Σ P c_i/a_i Π_{k<i} a_k where no weight is zero."""
    holds = True
    for size in sizes:
        a, c = weights(size), chain(size).factors
        p = sp.Mul(*a)
        error = alpha - beta * p
        divided = sum(p / a[i] * c[i] * sp.Mul(*a[:i]) for i in range(size))
        holds = holds and is_zero(along_flow(p, size) - s_sum(size) * error, s_sum(size) - divided)
    return Evidence(holds, IDENTITY, f"L = {sizes[0]}..{sizes[-1]}")


def s_sum_with_index(reversed_index: bool) -> Evidence:
    """The unnumbered sum with c_{L−k}, as printed, or c_k, against dP/dt / (α − βP)."""
    holds = True
    for size in range(2, 7):
        a, c = weights(size), chain(size).factors
        named = {i + 1: value for i, value in enumerate(c)} | {0: sp.Symbol("c0")}
        total = sum(
            others(a, k - 1) * named[size - k if reversed_index else k] * sp.Mul(*a[: k - 1])
            for k in range(1, size + 1)
        )
        holds = holds and is_zero(
            total * (alpha - beta * sp.Mul(*a)) - along_flow(sp.Mul(*a), size)
        )
    return Evidence(holds, IDENTITY, "L = 2..6")


def couplings() -> Evidence:
    """Eq 47–48: c_i a_{i+1}' = c_{i+1} a_i a_i', so a_{i+1} − (c_{i+1}/2c_i) a_i² is constant."""
    holds = True
    for size in range(2, 9):
        a, c, rates = weights(size), chain(size).factors, chain(size).rates(weights(size))
        for i in range(size - 1):
            holds = holds and is_zero(c[i] * rates[i + 1] - c[i + 1] * a[i] * rates[i])
        holds = holds and is_zero(*(along_flow(k, size) for k in chain(size).invariants(a)))
    return Evidence(holds, IDENTITY, "L = 2..8")


def converges(sizes: range) -> Evidence:
    """Q has odd degree and a negative leading coefficient for every sign pattern [Thm 1]."""
    holds = exponents_for_all().holds
    b = sp.Symbol("beta", positive=True)
    for size in sizes:
        lead: Any = Chain(feedback(size), alpha, b).leading_coefficient()
        holds = holds and bool(lead.is_negative)
        if size <= 4:
            q = chain(size).polynomial(sp.symbols(f"s1:{size + 1}"))
            lead = chain(size).leading_coefficient()
            holds = holds and q.degree() == 2**size - 1 and is_zero(q.LC() - lead)
    return Evidence(
        holds, "odd degree, negative leading coefficient", f"L = {sizes[0]}..{sizes[-1]}"
    )


def separated_by_s() -> Evidence:
    """On α = βP the Jacobian is −β v ∇Pᵀ, of rank one, with eigenvalue −β ∇P·v = −βS."""
    holds = True
    for size in range(2, 6):
        a, c = weights(size), chain(size).factors
        p = sp.Mul(*a)
        v = sp.Matrix([c[i] * sp.Mul(*a[:i]) for i in range(size)])
        slope = sp.Matrix([others(a, i) for i in range(size)])
        field = sp.Matrix(chain(size).rates(a))
        jacobian = field.jacobian(list(a)).subs(alpha, beta * p)
        difference = (jacobian + beta * v * slope.T).expand()
        eigenvalue = (slope.T * v)[0]
        holds = holds and difference.is_zero_matrix is True and is_zero(eigenvalue - s_sum(size))
    return Evidence(holds, f"{IDENTITY}; eigenvalues −βS and zeros", "L = 2..5")


def all_or_none() -> Evidence:
    """Does one vanishing derivative make them all vanish?"""
    rates = Chain((1,), 1, 1).rates((0, 2))
    values: dict[str, object] = {"a": "(0, 2)", "da/dt": tuple(str(r) for r in rates)}
    some = any(rate == 0 for rate in rates)
    return Evidence(not some or all(r == 0 for r in rates), "exact counter-example", values=values)


def first_stops_all() -> Evidence:
    """da_i/dt = (Π_{k<i} a_k)(c_i/c_1) da_1/dt: the first derivative carries all the others."""
    holds = True
    for size in range(2, 9):
        a, c, rates = weights(size), chain(size).factors, chain(size).rates(weights(size))
        heads = [sp.Mul(*a[:i]) * c[i] / c[0] for i in range(size)]
        holds = holds and is_zero(*(r - h * rates[0] for r, h in zip(rates, heads, strict=True)))
    return Evidence(holds, IDENTITY, "L = 2..8")


def only_even_terms(first: int) -> Evidence:
    """Are a_first … a_6, as polynomials of a_1, even and of degree 2^(i−1)?"""
    c = chain(6).factors
    constants = sp.symbols("C1:6")
    path, holds = sp.Poly(A1, A1), True
    for i in range(1, 7):
        even = all(power % 2 == 0 for (power,) in path.monoms())
        holds = holds and (i < first or (even and path.degree() == 2 ** (i - 1)))
        if i < 6:
            path = path * path * (c[i] / (2 * c[i - 1])) + constants[i - 1]  # [004 Eq 48]
    return Evidence(holds, "expansion", f"i = {first}..6")


def kappa(i: int, last_as_printed: bool) -> Any:
    """Eq 50 for c_1 … c_i: factors (c_{i−j+1}/2c_{i−j})^(2^(j−1)), down to c_2/2c_1.

    As printed the last factor is (c_3/2c_2)^(2^(i−1)).
    """
    c: Any = (None, *sp.symbols(f"c1:{i + 1}"))
    ratios = [c[i - j + 1] / (2 * c[i - j]) for j in range(1, i)]
    if not last_as_printed:
        return sp.Mul(*[ratio ** (2 ** (j - 1)) for j, ratio in enumerate(ratios, start=1)])
    # the printed exponents 1, 2, 4, … belong to c_i … c_4; the last factor is printed apart
    body = [ratio ** (2 ** (j - 1)) for j, ratio in enumerate(ratios[:-2], start=1)]
    return sp.Mul(*body, ratios[-2] ** (2 ** (i - 1)))


def top_coefficient(last_as_printed: bool) -> Evidence:
    """κ_i against the recursion κ_{i+1} = c_{i+1} κ_i²/(2c_i), κ_1 = 1, for i ≥ 3."""
    c: Any = (None, *sp.symbols("c1:9"))
    found, holds = c[2] / (2 * c[1]), True
    for i in range(3, 9):
        found = c[i] * found**2 / (2 * c[i - 1])
        holds = holds and is_zero(found / kappa(i, last_as_printed) - 1)
    return Evidence(holds, IDENTITY, "i = 3..8")


def degree() -> Evidence:
    """Degrees double, d_{i+1} = 2d_i from d_1 = 1: 2^(i−1), and their sum is 2^L − 1."""
    i, n = sp.symbols("i n", integer=True, positive=True)
    doubles = sp.simplify(2**i - 2 * 2 ** (i - 1)) == 0
    total = sp.simplify(sp.summation(2 ** (i - 1), (i, 1, n)) - (2**n - 1)) == 0
    nonzero = all(chain(k).leading_coefficient().subs(beta, 1).is_nonzero for k in range(2, 9))
    return Evidence(bool(doubles and total and nonzero), "sum over symbolic L", "all L")


def exponents_for_all() -> Evidence:
    """All exponents of c_1 … c_{L−1} in the leading coefficient are even, for every L.

    In κ_i, by κ_{i+1} = c_{i+1} κ_i²/(2c_i): c_k (k ≥ 2) has 1 at i = k, 2·1 − 1 = 1 at k + 1 and
    doubles on; c_1 has −1 at i = 2 and doubles on. Sums over i = 1 … L, plus the prefactor c_1.
    """
    m, n = sp.symbols("m n", integer=True, positive=True)  # n = L − k, or L − 1 for c_1
    later: Any = sp.summation(2 ** (m - 1), (m, 1, n))
    middle = sp.simplify(1 + later - 2**n) == 0  # 2^(L−k)
    first = sp.simplify(1 - later - (2 - 2**n)) == 0  # 2 − 2^(L−1)
    holds = bool(middle and first and (2**n / 2).is_integer)
    return Evidence(holds, "recursion of exponents, sums over symbolic L", "all L")


def leading_formula() -> Evidence:
    """−β Π_{k=2}^{L−1} c_k^(2^(L−k)) / (2^(2^L−1−L) c_1^(2^(L−1)−2)), against the recursion."""
    holds = exponents_for_all().holds
    for size in range(2, 9):
        c: Any = (None, *feedback(size))
        top = sp.Mul(*[c[k] ** (2 ** (size - k)) for k in range(2, size)])
        formula = -beta * top / (2 ** (2**size - 1 - size) * c[1] ** (2 ** (size - 1) - 2))
        holds = holds and is_zero(chain(size).leading_coefficient() / formula - 1)
        lead = formula.subs(beta, sp.Symbol("b", positive=True))
        holds = holds and bool(lead.is_negative)
    return Evidence(holds, "recursion; even exponents for every L", "formula for L = 2..8")


def random_top() -> Evidence:
    """c_L < 0 makes the leading coefficient positive: outer starts blow up in finite time."""
    holds = True
    b, gain = sp.symbols("b g", positive=True)
    for size in range(2, 9):
        lead: Any = Chain(feedback(size), alpha, b, -gain).leading_coefficient()
        holds = holds and bool(lead.is_positive)
    limit = Chain((1,), 1, 1, -1).limit((3, 0))
    time = limit.blowup_time
    finite = time is not None and time.n() < sp.Rational(1, 2)
    values: dict[str, object] = {
        "start": "(3, 0), c = (1, −1)",
        "blow-up time": str(time.n(12) if time else None),
    }
    exact = limit.kind == "diverges" and bool(finite) and time != sp.oo
    return Evidence(holds and exact, "positive leading coefficient", "L = 2..8", values)


def fixed_points() -> Evidence:
    """da_1/dt = c_1(α − βP): all fixed points have α = βP, and there everything stops."""
    holds = True
    for size in range(2, 9):
        a, rates = weights(size), chain(size).rates(weights(size))
        error = alpha - beta * sp.Mul(*a)
        heads = [c * sp.Mul(*a[:i]) for i, c in enumerate(chain(size).factors)]
        holds = holds and is_zero(*(r - h * error for r, h in zip(rates, heads, strict=True)))
        holds = holds and heads[0].is_nonzero
    return Evidence(bool(holds), IDENTITY, "L = 2..8")


def gradient_rates() -> Evidence:
    """Eq 52: (Π_{j≠i} a_j)(α − βP) = (P/a_i)(α − βP) = −∂E/∂a_i."""
    holds = True
    for size in range(2, 7):
        a = weights(size)
        p = sp.Mul(*a)
        energy = beta * p**2 / 2 - alpha * p
        for i, w in enumerate(a):
            rate = others(a, i) * (alpha - beta * p)
            holds = holds and is_zero(rate + sp.diff(energy, w), rate - p / w * (alpha - beta * p))
    return Evidence(holds, IDENTITY, "L = 2..6")


def gradient_couplings() -> Evidence:
    """Eq 53–54: a_i a_i' = a_{i+1} a_{i+1}', so a_{i+1}² − a_i² is constant."""
    holds = True
    for size in range(2, 7):
        a = weights(size)
        error = alpha - beta * sp.Mul(*a)
        rates = [others(a, i) * error for i in range(size)]
        for i in range(size - 1):
            holds = holds and is_zero(a[i] * rates[i] - a[i + 1] * rates[i + 1])
            squares = 2 * a[i + 1] * rates[i + 1] - 2 * a[i] * rates[i]
            holds = holds and is_zero(squares)
    return Evidence(holds, IDENTITY, "L = 2..6")


def change_bound() -> Evidence:
    """P'(τ) has degree 2^L − 2, and with L = 3 one orbit has all six changes."""
    holds = True
    for size in range(2, 7):
        slope: Any = Chain((1,) * (size - 1), 1, 1).product((1,) * size).diff(TAU)
        holds = holds and slope.degree() == 2**size - 2
    start = ("-7/4", "-7/8", "1/4")
    count = Chain(("7/8", "-5/4"), 1, 1).sign_changes(start)
    values = {"L = 3, c": "(7/8, −5/4)", "a(0)": "(−7/4, −7/8, 1/4)", "changes": count}
    return Evidence(holds and count == 6, "degree of P'(τ); attained exactly", "L = 2..6", values)


for _claim in (
    Claim("chain-dP", "004 Eq 46",
          "dP/dt = (α − βP) Σ P (c_i/a_i) a₁…a_{i−1} where no a_i is zero",
          lambda: product_rate(range(2, 8))),
    Claim(
        "chain-S", "004 Sec 7.4 (unnumbered)",
        "dP/dt has the sign of (α − βP) Σ_k (Π_{i≠k} a_i) c_{L−k} Π_{j<k} a_j",
        lambda: s_sum_with_index(True), lambda: s_sum_with_index(False),
        "dP/dt = (α − βP) Σ_k (Π_{i≠k} a_i) c_k Π_{j<k} a_j with c_L = 1",
        reason="The index of c must be k; c_{L−k} would need a c₀.",
    ),
    Claim("chain-fixed-points", "004 Thm 4",
          "for c_i ≠ 0 all fixed points lie on α − βP = 0", fixed_points),
    Claim("chain-couplings", "004 Eq 47–48",
          "c_i da_{i+1}/dt = c_{i+1} a_i da_i/dt, so a_{i+1} = (c_{i+1}/2c_i) a_i² + C", couplings),
    Claim(
        "chain-derivatives", "004 Sec 7.4",
        "if one of the derivatives da_i/dt is zero, then they are all zero",
        all_or_none, first_stops_all,
        "if da₁/dt is zero (c₁ ≠ 0), then they are all zero",
        reason="a₁ = 0 stops a₂ alone; no cycle can exist because a₁ obeys a scalar flow.",
    ),
    Claim(
        "chain-even", "004 Eq 49",
        "every a_i is a polynomial of a₁ of degree 2^(i−1) containing only even terms",
        lambda: only_even_terms(1), lambda: only_even_terms(2),
        "for i ≥ 2 a_i is a polynomial of a₁ of degree 2^(i−1) containing only even terms",
        "i ≥ 2",
        "a₁ itself is odd in a₁.",
    ),
    Claim(
        "chain-kappa", "004 Eq 50",
        "the top coefficient of a_i ends with the factor (c₃/2c₂)^(2^(i−1))",
        lambda: top_coefficient(True), lambda: top_coefficient(False),
        "κ_i = Π_{j=1}^{i−1} (c_{i−j+1}/2c_{i−j})^(2^(j−1)), ending with (c₂/2c₁)^(2^(i−2))",
        reason="The recursion κ_{i+1} = c_{i+1}κ_i²/(2c_i) goes down to c₂/(2c₁).",
    ),
    Claim("chain-degree", "004 Eq 51", "the degree of Q is 1 + 2 + … + 2^(L−1) = 2^L − 1", degree),
    Claim("chain-leading", "004 Thm 4",
          "the leading coefficient of Q is negative (for every sign pattern of c₁ … c_{L−1})",
          leading_formula),
    Claim("chain-limit", "004 Thm 4",
          "for c_i ≠ 0 and β > 0 the chain always converges to a global minimum",
          lambda: converges(range(2, 9))),
    Claim("chain-random-top", "004 Table 2",
          "a random weight in the learning channel of the top layer does not work "
          "(c_L < 0: learning blows up in finite time)", random_top),
    Claim("chain-sign-changes", "004 Sec 7.2, at depth L",
          "dP/dt changes sign at most 2^L − 2 times, attained at L = 3", change_bound),
    Claim("chain-gradient", "004 Eq 52",
          "gradient descent: da_i/dt = (Π_{j≠i} a_j)(α − βP) = (P/a_i)(α − βP) = −∂E/∂a_i",
          gradient_rates),
    Claim("chain-gradient-couplings", "004 Eq 53–54",
          "a_i da_i/dt = a_{i+1} da_{i+1}/dt, so a_{i+1}² = a_i² + C", gradient_couplings),
):  # fmt: skip
    register(_claim)
