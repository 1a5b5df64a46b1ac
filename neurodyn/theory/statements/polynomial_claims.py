"""Claims about scalar polynomial flows x' = Q(x) [004 Sec 7.1, Thm 1]."""

from typing import Any

import sympy as sp

from ..claim import Claim, Evidence, register
from ..polynomial import PolynomialFlow

X = sp.Symbol("x", real=True)
EPS = sp.Symbol("epsilon", positive=True)
Z = sp.Symbol("z", positive=True)
K = sp.Symbol("k", positive=True, integer=True)


def arrival_takes_for_ever() -> bool:
    """∫_ε dy/y^m → ∞ for every multiplicity m ≥ 1 (m = 1, and m = k + 1 with k ≥ 1)."""
    simple = sp.limit(sp.integrate(1 / X, (X, EPS, 1)), EPS, 0, "+")
    # z^k/k − 1/k integrates y^(−k−1) from ε = 1/z to 1, which is checked, not assumed
    right = sp.simplify(sp.diff(-(EPS**-K) / K, EPS) - EPS ** (-K - 1)) == 0
    multiple = sp.limit((Z**K - 1) / K, Z, sp.oo)
    return bool(simple == sp.oo and right and multiple == sp.oo)


def escape_takes_finite_time() -> bool:
    """∫_1^∞ dx/x^n is finite for every n = k + 1 > 1."""
    primitive = -(Z**-K) / K
    right = sp.simplify(sp.diff(primitive, Z) - Z ** (-K - 1)) == 0
    total = sp.limit(primitive, Z, sp.oo) - primitive.subs(Z, 1)
    return right and sp.simplify(total - 1 / K) == 0


def starts_at_root() -> Evidence:
    """Q vanishes at each of its roots, so that the constant is the (unique) solution there."""
    holds = True
    for size in range(1, 7):
        roots = sp.symbols(f"r1:{size + 1}")
        poly = sp.Mul(*[(X - r) ** (i + 1) for i, r in enumerate(roots)])
        holds = holds and all(poly.subs(X, r) == 0 for r in roots)
    return Evidence(holds, "symbolic identity; polynomials are Lipschitz", "up to 6 roots")


def between_roots() -> Evidence:
    """x moves towards the root that sign Q points to, and needs for ever to arrive."""
    x0, low, high = sp.Rational(1, 3), sp.Integer(0), sp.Integer(1)
    holds = arrival_takes_for_ever()
    for m in range(1, 5):
        for n in range(1, 5):
            for sign in (1, -1):
                end = PolynomialFlow(sp.Poly(sign * X**m * (1 - X) ** n, X)).limit(x0)
                holds = holds and end.point == (high if sign > 0 else low)
    return Evidence(
        holds,
        "comparison with y^m: infinite integral for symbolic m; end points for multiplicities ≤ 4",
    )


def below_the_roots() -> Evidence:
    """Below r_1: to r_1 where Q > 0, to −∞ in finite time where Q < 0."""
    holds = arrival_takes_for_ever() and escape_takes_finite_time()
    for n in range(2, 8):
        for sign in (1, -1):
            poly = sp.Poly(sign * (-1) ** n * X**n, X)  # its sign below 0 is `sign`
            end = PolynomialFlow(poly).limit(-1)
            if sign > 0:
                holds = holds and end.point == 0
            else:
                exact = end.blowup_time == sp.Rational(1, n - 1)
                holds = holds and end.point == -sp.oo and exact
    return Evidence(holds, "comparison with x^n: finite integral for symbolic n > 1")


def above_as_printed() -> Evidence:
    """Does Q < 0 above r_k mean divergence to +∞?"""
    end = PolynomialFlow(1 - X**2).limit(2)
    return Evidence(
        end.kind == "diverges",
        "exact counter-example",
        "Q = 1 − x², x(0) = 2",
        {"Q(2)": "-3", "limit": str(end.point)},
    )


def above_the_roots() -> Evidence:
    """Above r_k: to r_k where Q < 0, to +∞ in finite time where Q > 0."""
    holds = arrival_takes_for_ever() and escape_takes_finite_time()
    for n in range(2, 8):
        falling = PolynomialFlow(sp.Poly(-(X**n), X)).limit(1)
        rising = PolynomialFlow(sp.Poly(X**n, X)).limit(1)
        exact = rising.blowup_time == sp.Rational(1, n - 1)
        holds = holds and falling.point == 0 and rising.point == sp.oo and exact
    time = PolynomialFlow(X**2 - 1).limit(2).blowup_time
    holds = holds and time is not None and sp.simplify(time - sp.log(3) / 2) == 0
    values: dict[str, object] = {"blow-up of x² − 1 from 2": str(time)}
    return Evidence(holds, "comparison with x^n: finite integral for symbolic n > 1", values=values)


def has_a_root() -> Evidence:
    """Does Q of degree n > 1 always have a real root to place x(0) against?"""
    end = PolynomialFlow(X**2 + 1).limit(0)
    values = {"Q": "x² + 1", "real roots": 0, "blow-up time from 0": str(end.blowup_time)}
    return Evidence(end.kind != "diverges", "exact counter-example", "Q = x² + 1", values)


def without_a_root() -> Evidence:
    """No real root: n is even, Q keeps its sign, every start leaves in finite time."""
    holds = escape_takes_finite_time()
    for k in range(1, 5):
        holds = holds and PolynomialFlow(X ** (2 * k) + 1).limit(0).kind == "diverges"
        # an odd degree has opposite signs at ±∞, hence a root
        leading = X ** (2 * k + 1)
        holds = holds and sp.limit(leading, X, sp.oo) == -sp.limit(leading, X, -sp.oo)
    flow = PolynomialFlow(X**2 + 1)
    for start, time in ((-1, 3 * sp.pi / 4), (0, sp.pi / 2), (1, sp.pi / 4)):
        holds = holds and flow.limit(start).blowup_time == time
    return Evidence(holds, "sign at ±∞ and comparison with x^n")


def criterion() -> Evidence:
    """Convergence from everywhere ⇔ Q < 0 far right and Q > 0 far left ⇔ n odd, k_n < 0."""
    holds = escape_takes_finite_time() and arrival_takes_for_ever()
    for parity in (0, 1):
        n = 2 * K + parity
        for sign in (1, -1):
            right, left = sign, sign * sp.simplify((-1) ** n)  # signs of k_n x^n at ±∞
            inward = right < 0 and left > 0
            holds = holds and inward == (parity == 1 and sign < 0)
    return Evidence(holds, "sign of k_n x^n at ±∞ for symbolic n > 1; outward means blow-up")


def power_blowup() -> Evidence:
    """x = (x0^(1−p) − (p−1)t)^(−1/(p−1)) solves x' = x^p and ends at a finite time."""
    t, x0, q = sp.symbols("t x0 q", positive=True)  # p = 1 + q > 1
    inner = sp.Symbol("u", positive=True)  # x0^(−q) − q t, positive until the blow-up
    x: Any = inner ** (-1 / q)
    rate = sp.diff(x, inner) * sp.diff(x0**-q - q * t, t)
    solves = sp.simplify(rate - x ** (1 + q)) == 0
    starts = sp.simplify(x.subs(inner, x0**-q) - x0) == 0
    end = sp.solve(x0**-q - q * t, t)
    finite = len(end) == 1 and sp.simplify(end[0] - x0**-q / q) == 0
    infinite = sp.limit(x.subs(q, 2), inner, 0, "+") == sp.oo
    return Evidence(bool(solves and starts and finite and infinite), "closed form, substituted")


for _claim in (
    Claim(
        "thm1-power", "004 Sec 7.1",
        "x' = x^p with x(0) > 0 has no long-term solution for p > 1", power_blowup,
    ),
    Claim("thm1-root", "004 Thm 1", "if x(0) = r_i then x(t) = r_i for ever", starts_at_root),
    Claim(
        "thm1-between", "004 Thm 1",
        "if r_i < x(0) < r_{i+1} then x → r_i where Q < 0, and x → r_{i+1} where Q > 0",
        between_roots,
    ),
    Claim(
        "thm1-below", "004 Thm 1",
        "if x(0) < r_1 then x → r_1 where Q > 0; where Q < 0, x → −∞ in finite time",
        below_the_roots,
    ),
    Claim(
        "thm1-above", "004 Thm 1",
        "if x(0) > r_k and Q < 0 there, x diverges to +∞ in finite time",
        above_as_printed, above_the_roots,
        "if x(0) > r_k then x → r_k where Q < 0; where Q > 0, x → +∞ in finite time",
        reason="With Q < 0, x falls; a clause of the sentence was dropped.",
    ),
    Claim(
        "thm1-roots-exist", "004 Thm 1",
        "Q has real roots r_1 < … < r_k, against which every x(0) is placed",
        has_a_root, without_a_root,
        "without a real root, n is even and every start becomes infinite in finite time",
        reason="Even degrees may have no real root; the theorem does not say what happens then.",
    ),
    Claim(
        "thm1-criterion", "004 Thm 1",
        "x always converges if and only if n is odd and the leading coefficient is negative",
        criterion,
    ),
):  # fmt: skip
    register(_claim)
