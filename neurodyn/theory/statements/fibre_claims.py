"""Claims on 004 Theorem 10 and its appendix, Eq 112–135: first order, and A = aI.

Identities in letters hold for all sizes; B is A⁻¹ throughout.
"""

from typing import Any

import sympy as sp

from ..claim import Claim, Evidence, register
from ..words import derivative, letters, transpose, vanish, with_transposes

(A, E, F, G), (At, Et, Ft, Gt), SWAP = letters("A E F G")
B, Bt = A**-1, At**-1
# A′ = E, A″ = F, A‴ = G
RATES = with_transposes({A: E, E: F, F: G}, SWAP)
B1 = -B * E * B
X, Y = E * At + B * E * B, E + B * E * B * Bt  # Eq 123
K = B + Bt - A * At  # Eq 112
L = A + At - B * Bt
J = sp.Matrix([[0, -1], [1, 0]])
FREE = "identity in free letters"


def turned(expr: Any) -> Any:
    """The transpose of a word."""
    return transpose(expr, SWAP)


def same(*differences: Any) -> Evidence:
    """Evidence that every difference of words is zero, for all sizes."""
    return Evidence(vanish(differences), FREE, "all values, all sizes")


def first_order() -> Evidence:
    """Eq 121–123: derivatives of AB = I, K and L; YAᵗ = X."""
    printed_k = B1 + turned(B1) - E * At - A * Et
    printed_l = E + Et + B * E * B * Bt + B * turned(B * E * B)
    return same(
        E * B + A * B1,
        derivative(K, RATES) - printed_k,
        derivative(L, RATES) - printed_l,
        derivative(K, RATES) + X + turned(X),
        derivative(L, RATES) - Y - turned(Y),
        Y * At - X,
    )


def proportional() -> Evidence:
    """Eq 124–126: Y = J and YAᵗ skew force b = c = 0 and a = d."""
    a, b, c, d = sp.symbols("a b c d")
    product = J * sp.Matrix([[a, b], [c, d]]).T
    right = product == sp.Matrix([[-b, -d], [a, c]])
    solved = sp.solve(list(product + product.T), [b, c, d], dict=True)
    return Evidence(right and solved == [{b: 0, c: 0, d: a}], "symbolic identity")


def scalar_kl() -> Evidence:
    """Eq 127: K and L at A = aI."""
    a = sp.Symbol("a", nonzero=True)
    k, left = matrices_kl(a * sp.eye(2))
    wanted = (2 / a - a**2) * sp.eye(2), (2 * a - 1 / a**2) * sp.eye(2)
    return Evidence(vanish([k - wanted[0], left - wanted[1]]), "symbolic identity")


def triangular() -> Evidence:
    """Eq 128–129 are the entries of B + Bᵗ − AAᵗ for a triangular A."""
    a, b, d = sp.symbols("a b d", nonzero=True)
    k, _ = matrices_kl(sp.Matrix([[a, b], [0, d]]))
    wanted = (2 / a - a**2 - b**2, 2 / d - d**2, -b / (a * d) - b * d)
    gaps = (k[0, 0] - wanted[0], k[1, 1] - wanted[1], k[0, 1] - wanted[2])
    return Evidence(all(sp.simplify(g) == 0 for g in gaps), "symbolic identity")


def triangular_always() -> Evidence:
    """A = 3/10 + 2J/5: K and L are multiples of I, and A has no real eigenvalue."""
    a = sp.Rational(3, 10) * sp.eye(2) + sp.Rational(2, 5) * J
    k, left = matrices_kl(a)
    scalar = k == k[0, 0] * sp.eye(2) and left == left[0, 0] * sp.eye(2)
    x = sp.Symbol("x")
    real = sp.Poly(a.charpoly(x).as_expr(), x).count_roots()
    values: dict[str, object] = {
        "K": f"{k[0, 0]} I",
        "L": f"{left[0, 0]} I",
        "real eigenvalues": str(real),
    }
    return Evidence(bool(not scalar or real > 0), "exact counter-example", "2 × 2", values)


def scalar_fibre() -> Evidence:
    """All real solutions with K, L ∝ I: A = pI + qJ + S with S symmetric and traceless.

    Traceless parts: of K, −2(1/D + p)S − 2qJS; of L, with q = 0, 2(1 + p/D²)S. S and JS are
    independent, so S ≠ 0 needs q = 0, p = −1/D = −D², D = 1 and D = p² − |S|², hence S = 0. Then
    D³ + kD² − lD − 1 = 0 and q² = D − p² leave finitely many points.
    """
    p, q, s, r, D, k, left = sp.symbols("p q s r D k l", real=True)
    sym = sp.Matrix([[s, r], [r, -s]])
    a = p * sp.eye(2) + q * J + sym
    adjugate = p * sp.eye(2) - q * J - sym
    det = p**2 + q**2 - s**2 - r**2
    # times D and D², to stay with polynomials
    whole_k = adjugate + adjugate.T - D * a * a.T
    whole_l = D**2 * (a + a.T) - adjugate * adjugate.T
    rest_k = (
        whole_k - (whole_k.trace() / 2) * sp.eye(2) + 2 * (1 + p * D) * sym + 2 * q * D * J * sym
    )
    rest_l = whole_l - (whole_l.trace() / 2) * sp.eye(2)
    rest_l = rest_l.subs(q, 0) - 2 * (D**2 + p) * sym
    steps = [a * adjugate - det * sp.eye(2), rest_k, rest_l]
    independent = sp.expand((sym * (J * sym).T).trace()) == 0  # JS ⊥ S
    forced = sp.solve([1 + p * D, D**2 + p], [p, D], dict=True)
    real = [sol for sol in forced if sol[D].is_real]
    closes = real == [{p: -1, D: 1}] and sp.solve(det.subs({p: -1, q: 0, r: 0}) - 1, s) == [0]
    # S = 0: kD = 2p − D² and l = 2p − 1/D
    cubic = sp.expand((2 * p - D**2 - k * D) * -1).subs(p, (left + 1 / D) / 2)
    steps.append(sp.expand(cubic * D) - (D**3 + k * D**2 - left * D - 1))
    holds = vanish(steps) and independent and closes
    return Evidence(holds, "symbolic elimination", "all real 2 × 2 with K, L ∝ I")


def scalar_alone() -> Evidence:
    """K, L of aI: (D − a²)(D + 1/a)², and the second branch has q² = −(a³+1)²/(4a⁴) ≤ 0."""
    a, D = sp.Symbol("a", real=True, nonzero=True), sp.Symbol("D")
    k, left = 2 / a - a**2, 2 * a - 1 / a**2
    cubic = sp.expand(D**3 + k * D**2 - left * D - 1 - (D - a**2) * (D + 1 / a) ** 2)
    p = (left - a) / 2
    squared = sp.simplify(-1 / a - p**2 + (a**3 + 1) ** 2 / (4 * a**4))
    first = sp.simplify(a**2 - ((left + 1 / a**2) / 2) ** 2)  # q² on the first branch
    met = sp.real_roots(a**3 + 1) == [-1] and p.subs(a, -1) == -1  # again A = −I
    holds = cubic == 0 and squared == 0 and first == 0 and met
    return Evidence(holds, "symbolic factorisation", "all real a ≠ 0")


def lemma3() -> Evidence:
    """Eq 130–135: X = Y = 0 with E invertible leads to A = −I."""
    step130 = vanish([A * Y - (A * E + E * B * Bt)])  # Y = 0: −A = EBBᵗE⁻¹
    det = sp.Symbol("det", real=True)
    one = [v for v in sp.roots(sp.Poly(det**3 - 1, det)) if v.is_real] == [1]  # det A = 1/det²A
    a, b, c, d = sp.symbols("a b c d", real=True)
    inverse = sp.Matrix([[d, -b], [-c, a]])  # det A = 1
    size = a**2 + b**2 + c**2 + d**2
    step134 = sp.expand((inverse * inverse.T).trace() - size)
    step135 = sp.expand(size - (a + d) ** 2 - (b - c) ** 2 + 2 * (a * d - b * c))
    y = sp.Symbol("y")
    factors = sp.expand(y**2 - 2 - y - (y - 2) * (y + 1))  # y = −Tr A ≥ 2
    # equality: b = c, a + d = −2, ad − b² = 1, so (a+1)² + b² = 0
    last = sp.expand(((a * d - b * c) - 1).subs({c: b, d: -2 - a}) + (a + 1) ** 2 + b**2)
    holds = step130 and one and vanish([step134, step135, factors, last])
    return Evidence(holds, "symbolic identities and a sum of squares", "all real 2 × 2")


def matrices_kl(a: Any) -> tuple[Any, Any]:
    """K and L of Eq 112 at A = a, B = a⁻¹."""
    b = a.inv()
    return b + b.T - a * a.T, a + a.T - b * b.T


for _claim in (
    Claim("fibre-eq123", "004 Eq 121-123", "B' = −BEB; X, Y are skew; YAᵗ = X", first_order),
    Claim("fibre-eq126", "004 Eq 124-126", "Y ≠ 0 forces A = aI", proportional),
    Claim("fibre-eq127", "004 Eq 127", "K = (2/a − a²)I, L = (2a − 1/a²)I", scalar_kl),
    Claim(
        "fibre-triangular",
        "004 before Eq 128",
        "where K, L ∝ I, A(t) is made triangular by an orthogonal transformation",
        triangular_always,
        scalar_fibre,
        correction="where K, L ∝ I, A = pI + qJ with finitely many p, q: no triangular form needed",
        reason="a real matrix with complex eigenvalues has no real triangular form.",
    ),
    Claim("fibre-eq129", "004 Eq 128-129", "the entries of K for triangular A", triangular),
    Claim(
        "fibre-scalar-fibre",
        "004 after Eq 129",
        "the fibre through A = aI is that point alone",
        scalar_alone,
    ),
    # the lost relation reads A ≠ −I
    Claim(
        "fibre-lemma3",
        "004 Lemma 3, Eq 130-135",
        "if X = Y = 0 and A ≠ −I, then E is not invertible",
        lemma3,
    ),
):
    register(_claim)
