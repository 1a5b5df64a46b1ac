"""Claims on the appendix of 004, Eq 136–157: second and third order, and Theorem 10 as a whole.

The letters are those of `fibre_claims`. Where the paper says only "up to an orthogonal
transformation", either orientation of it is accepted.
"""

from typing import Any

import sympy as sp

from ..claim import Claim, Evidence, register
from ..words import derivative, vanish
from .fibre_claims import (
    B1,
    RATES,
    SWAP,
    A,
    At,
    B,
    Bt,
    E,
    Et,
    F,
    G,
    J,
    K,
    L,
    Y,
    first_order,
    lemma3,
    matrices_kl,
    proportional,
    same,
    scalar_alone,
    scalar_fibre,
    scalar_kl,
    turned,
)

B2 = derivative(B1, RATES)
B3 = derivative(B2, RATES)
P = -B2 + F * At + E * Et  # Eq 137
Q = F - B2 * Bt - B1 * turned(B1)
R = -B3 + G * At + 3 * F * Et
S = G - B3 * Bt - 3 * B2 * turned(B1)
PRINTED_151 = sp.Matrix([[0, -1], [-1, 0]])


def higher_order() -> Evidence:
    """Eq 136–137: P, Q, R, S are skew where the derivatives of K and L vanish."""
    k2, l2 = derivative(derivative(K, RATES), RATES), derivative(derivative(L, RATES), RATES)
    k3, l3 = derivative(k2, RATES), derivative(l2, RATES)
    return same(k2 + P + turned(P), l2 - Q - turned(Q), k3 + R + turned(R), l3 - S - turned(S))


def eq138() -> Evidence:
    """Eq 138–139 (the prime of the last A′ᵗ is lost in the extracted text)."""
    b1t = turned(B1)
    return same(Q * At - P + B1 * b1t * At + E * Et, b1t * At + Bt * Et)


def eq140_printed() -> Evidence:
    """The last members with Aᵗ in the place of Eᵗ: they are −X, not QAᵗ − P."""
    printed = -B * E * B * Bt * At - E * At
    return _at_a_point(Q * At - P - printed)


def eq140_corrected() -> Evidence:
    """QAᵗ − P = B′BᵗEᵗ − EEᵗ = −YEᵗ."""
    return same(Q * At - P - (B1 * Bt * Et - E * Et), Q * At - P + Y * Et)


def eq142_printed() -> Evidence:
    """The middle and the right member are opposite."""
    middle, right = -3 * E * Et * Bt * Et, 3 * E * Et * Bt * Et
    return _at_a_point(middle - right)


def eq142_corrected() -> Evidence:
    """Eq 141–142: SAᵗ − R = 3EEᵗBᵗEᵗ − 3PBᵗEᵗ, and P = 0."""
    b1t = turned(B1)
    return same(
        S * At - R + 3 * B2 * b1t * At + 3 * F * Et,
        S * At - R - 3 * E * Et * Bt * Et + 3 * P * Bt * Et,
    )


def rank_one() -> Evidence:
    """Eq 143–147 for E = ξηᵗ, in two dimensions, with B ξ = −mξ, m = ‖η‖²/‖Bᵗη‖²."""
    xi, eta = sp.Matrix(sp.symbols("x1:3")), sp.Matrix(sp.symbols("y1:3"))
    b = sp.Matrix(2, 2, sp.symbols("b1:5"))
    e = xi * eta.T
    # Eq 144 times η is ξ‖η‖² + Bξ‖Bᵗη‖²
    step145 = (e + b * e * b * b.T) * eta - (
        xi * eta.dot(eta) + b * xi * (b.T * eta).dot(b.T * eta)
    )
    # EEᵗBᵗEᵗ = ‖η‖²⟨Bξ, η⟩ξξᵗ, which at Bξ = −mξ is the printed −m‖η‖²⟨ξ,η⟩ξξᵗ
    step146 = e * e.T * b.T * e.T - eta.dot(eta) * (b * xi).dot(eta) * xi * xi.T
    return Evidence(vanish([step145, step146]), "symbolic identity", "2 × 2")


def double_eigenvalue() -> Evidence:
    """Eq 148–149: S, R skew, so S⁻¹R = ρI and Aᵗ = ρI + κS⁻¹ξξᵗ has a double eigenvalue."""
    x, (rho, kappa, s) = sp.Symbol("x"), sp.symbols("rho kappa s", nonzero=True)
    xi = sp.Matrix(sp.symbols("x1:3"))
    skew = s * J
    scalar = skew.inv() * (rho * s * J) - rho * sp.eye(2)
    product = skew.inv() * xi * xi.T
    matrix = rho * sp.eye(2) + kappa * product
    gaps = [*scalar, product.trace(), product.det()]
    gaps.append(matrix.charpoly(x).as_expr() - (x - rho) ** 2)
    return Evidence(vanish(map(sp.simplify, gaps)), "characteristic polynomial", "2 × 2")


def eq150(power: int) -> Evidence:
    """Tr K = 4/λ − ‖A‖² and Tr L = 4λ − λ^power‖A‖² for A = [[λ, b], [0, λ]]."""
    lam, b = sp.symbols("lambda b", nonzero=True)
    a = sp.Matrix([[lam, b], [0, lam]])
    k, left = matrices_kl(a)
    size = (a * a.T).trace()
    first = sp.simplify(k.trace() - (4 / lam - size))
    second = sp.simplify(left.trace() - (4 * lam - lam**power * size))
    known = sp.simplify(  # the eliminant of λ
        4 * lam**6 + lam * k.trace() - 4 - lam**5 * left.trace()
    )
    at = {lam: 2, b: 1}
    values: dict[str, object] = {"Tr L − right side at λ = 2, b = 1": str(second.subs(at))}
    return Evidence(first == 0 and second == 0 and known == 0, "symbolic identity", "2 × 2", values)


def tangent(rotation: Any, base: Any, printed: Any) -> bool:
    """Whether E = Q′A + A(Q′)ᵗ is the printed matrix, for one orientation of Q, with Q′ skew."""
    if rotation + rotation.T != sp.zeros(2):
        return False
    e = rotation * base + base * rotation.T
    return vanish([e - printed]) or vanish([e + printed])


def eq151(rotation: Any) -> Evidence:
    """Eq 151–152: the derivative at I of orthogonal matrices is skew."""
    lam, b = sp.symbols("lambda b")
    holds = tangent(rotation, sp.Matrix([[lam, b], [0, lam]]), sp.diag(b, -b))
    return Evidence(holds, "symbolic identity", "2 × 2", {"Q' + Q'ᵗ": str(rotation + rotation.T)})


def eq154(printed: bool) -> Evidence:
    """AE = −EBBᵗ for E = [[0, 1], [0, 0]] and the stated A."""
    d = sp.Symbol("d", nonzero=True)
    a = sp.diag(-(d**2) if printed else -1 / d**2, d)
    e = sp.Matrix([[0, 1], [0, 0]])
    b = a.inv()
    gap = (a * e + e * b * b.T).applyfunc(sp.simplify)
    values: dict[str, object] = {"AE + EBBᵗ at d = 2": str(gap.subs(d, 2))}
    return Evidence(vanish([gap]), "symbolic identity", "2 × 2", values)


def eq154_forced() -> Evidence:
    """AE = −EBBᵗ for that E, times det²A, forces c = 0, then ab = 0 and a²(ad² + 1) = 0."""
    a, b, c, d = sp.symbols("a b c d", nonzero=True)
    m, adjugate = sp.Matrix([[a, b], [c, d]]), sp.Matrix([[d, -b], [-c, a]])
    det = a * d - b * c
    e = sp.Matrix([[0, 1], [0, 0]])
    gap: Any = m * e * det**2 + e * adjugate * adjugate.T
    lower_left = vanish([gap[1, 1] - c * det**2])
    flat = gap.subs(c, 0)
    rest = vanish([flat[0, 0] + a * b, flat[0, 1] - a**2 * (a * d**2 + 1)])
    holds = lower_left and rest and eq154(printed=False).holds
    return Evidence(holds, "symbolic identity", "all real 2 × 2")


def eq157() -> Evidence:
    """Eq 155 and 157: traces of K and L, and det E = 0 only at d = −1."""
    d = sp.Symbol("d", real=True, nonzero=True)
    a = sp.diag(-1 / d**2, d)
    k, left = matrices_kl(a)
    size = (a * a.T).trace()
    traces = [
        k.trace() - (-2 * d**2 + 2 / d - size),
        left.trace() - (-2 / d**2 + 2 * d - d**2 * size),
    ]
    e = (d + 1 / d**2) * sp.Matrix([[0, 1], [1, 0]])
    singular = sp.real_roots(sp.Poly(d**3 + 1, d)) == [-1]
    holds = vanish(map(sp.simplify, traces)) and tangent(J, a, e) and singular
    return Evidence(holds, "symbolic identity", "all real d ≠ 0")


def thm10() -> Evidence:
    """Every step of the proof in its repaired form."""
    steps = [
        first_order(),
        proportional(),
        scalar_kl(),
        scalar_fibre(),
        scalar_alone(),
        lemma3(),
    ]
    steps += [higher_order(), eq138(), eq140_corrected(), eq142_corrected(), rank_one()]
    steps += [double_eigenvalue(), eq150(-4), eq151(J), eq154_forced(), eq157()]
    holds = all(step.holds for step in steps)
    return Evidence(holds, "each step of the repaired proof by symbolic identity", "real 2 × 2")


def _at_a_point(difference: Any) -> Evidence:
    """The difference of the two printed members at one set of 2 × 2 matrices."""
    a = sp.Matrix([[1, 1], [0, 1]])
    chosen = {A: a, E: sp.Matrix([[1, 2], [0, 1]]), F: sp.eye(2), G: sp.zeros(2)}
    chosen |= {SWAP[letter]: matrix.T for letter, matrix in chosen.items()}
    total = sp.zeros(2)
    for term in sp.Add.make_args(sp.expand(difference)):
        scalars, factors = term.args_cnc()
        value = sp.eye(2) * sp.Mul(*scalars)
        for factor in factors:
            base, power = factor.as_base_exp()
            value = value * chosen[base] ** int(power)
        total += value
    found: dict[str, object] = {"difference of the members": str(total.tolist())}
    return Evidence(not any(total), "exact counter-example", "2 × 2", found)


for _claim in (
    Claim("fibre-eq137", "004 Eq 136-137", "P, Q, R, S are skew", higher_order),
    Claim("fibre-eq139", "004 Eq 138-139", "QAᵗ − P = −B'(B')ᵗAᵗ − A'(A')ᵗ", eq138),
    Claim(
        "fibre-eq140",
        "004 Eq 140",
        "QAᵗ − P = B'BᵗAᵗ − EAᵗ, zero because X = 0",
        eq140_printed,
        eq140_corrected,
        correction="QAᵗ − P = B'BᵗEᵗ − EEᵗ = −YEᵗ, zero because Y = 0",
        reason="Eq 139 puts Eᵗ in the place of Aᵗ.",
    ),
    Claim(
        "fibre-eq142",
        "004 Eq 141-142",
        "SAᵗ − R = −3A'(A')ᵗBᵗ(A')ᵗ = 3EEᵗBᵗEᵗ",
        eq142_printed,
        eq142_corrected,
        correction="SAᵗ − R = +3A'(A')ᵗBᵗ(A')ᵗ = 3EEᵗBᵗEᵗ where P = 0",
        reason="A' = E, so the middle member has the wrong sign.",
    ),
    Claim("fibre-eq147", "004 Eq 143-147", "SAᵗ − R for E = ξηᵗ", rank_one),
    Claim("fibre-eq149", "004 Eq 148-149", "A has two equal eigenvalues", double_eigenvalue),
    Claim(
        "fibre-eq150",
        "004 Eq 150",
        "Tr L = 4λ − λ⁻²‖A‖²",
        lambda: eq150(-2),
        lambda: eq150(-4),
        correction="Tr L = 4λ − λ⁻⁴‖A‖², so 4λ⁶ + λTr K − 4 = λ⁵Tr L",
        reason="‖B‖ = ‖A‖/det A, and det A = λ².",
    ),
    Claim(
        "fibre-eq151",
        "004 Eq 151-152",
        "Q'(0) = [[0, −1], [−1, 0]] for orthogonal Q(t)",
        lambda: eq151(PRINTED_151),
        lambda: eq151(J),
        correction="Q'(0) = [[0, −1], [1, 0]]",
        reason="the derivative of orthogonal matrices at I is skew.",
    ),
    Claim(
        "fibre-eq154",
        "004 Eq 153-154",
        "A = diag(−d², d)",
        lambda: eq154(printed=True),
        eq154_forced,
        correction="A = diag(−d⁻², d)",
        reason="AE = −EBBᵗ reads a = −1/d².",
    ),
    Claim("fibre-eq157", "004 Eq 155-157", "the traces, and E singular only at d = −1", eq157),
    Claim(
        "fibre-thm10",
        "004 Thm 10",
        "for 2 × 2 matrices the set (112) is discrete, so Eq 111 converges",
        thm10,
    ),
):
    register(_claim)
