"""Claims on where [N0,N1,N2] learning ends: 004 Eq 105–110, Theorems 8 and 9.

The letters are those of `three_layer_claims`; U is the defect of Eq 106 and V falls along the flow.
"""

from typing import Any

import sympy as sp

from ..claim import Claim, Evidence, register
from ..three_layer import ThreeLayer
from ..words import transpose, vanish
from .three_layer_claims import (
    FREE,
    RATES,
    SWAP,
    A,
    At,
    B,
    Bt,
    C,
    Ct,
    M,
    Q,
    Qt,
    S,
    T,
    Tt,
    flow,
    invariant,
    same,
    thm7_corrected,
)

U = C * (T - B * A)
Ut = transpose(U, SWAP)
V = C * B * Bt * Ct - A * Tt * Ct - C * T * At


def defect() -> Evidence:
    """Eq 106–107."""
    return same(RATES[A] - U * S, flow(C * B) - U * S * At)


def eq108() -> Evidence:
    """Eq 108, with G = CB: G′Gᵗ − (A(CT)ᵗ)′ = −UΣUᵗ."""
    left = flow(C * B) * Bt * Ct - flow(A * Tt * Ct)
    return same(left + U * S * Ut)


def lyapunov() -> Evidence:
    """Eq 109: dV/dt = −2UΣUᵗ, and V + A(CT)ᵗ + CTAᵗ = (CB)(CB)ᵗ ⪰ 0."""
    G = C * B
    floor = V + A * Tt * Ct + C * T * At - G * transpose(G, SWAP)
    root = U * Qt
    drop = U * (Qt * Q) * Ut - root * transpose(root, SWAP)
    return same(flow(V) + 2 * U * S * Ut, floor, drop)


def square_integrable_printed() -> Evidence:
    """C1 = Σ = A1 = A2 = 1 is at rest: ∫A1² dt = ∫1 dt."""
    net = ThreeLayer([[1]], [[1]], [[1]])
    one = sp.Matrix([[1]])
    moving = any(rate[0] != 0 for rate in net.rates(one, one))
    values: dict[str, object] = {"A1(t)": "1", "∫‖A1‖²dt": "∞"}
    return Evidence(moving, "exact counter-example", "N = (1,1,1)", values)


def square_integrable() -> Evidence:
    """A1′ = US and (CB)′ = USAᵗ, with ∫UΣUᵗ dt = (V(0) − V(∞))/2 finite and A1 bounded."""
    return Evidence(defect().holds and lyapunov().holds, FREE, "all values, all sizes")


def thm8() -> Evidence:
    """Barbalat: ∫‖U‖² is finite, and U′ = −(USAᵗA + CBUS) is bounded, so U → 0."""
    slope = flow(C * (T - B * A)) + U * S * At * A + C * B * U * S
    steps = (lyapunov, defect, thm7_corrected)
    holds = vanish([slope]) and all(step().holds for step in steps)
    return Evidence(holds, "symbolic identities, then Barbalat's lemma", "all sizes")


def full_rank_printed() -> Evidence:
    """C1 = (1, 1/2) has full (row) rank, but A2A1 has rank one and the target has rank two."""
    feedback = sp.Matrix([["1", "1/2"]])
    target = sp.Matrix([["1", "1/5"], ["-2/5", "4/5"]])  # Σ_II = 1
    lower, upper = sp.Matrix([sp.symbols("x1:3")]), sp.Matrix(sp.symbols("y1:3"))
    full = feedback.rank() == min(feedback.shape)
    reachable = sp.expand((upper * lower).det()) == target.det()
    values: dict[str, object] = {"rank of A2A1": "≤ 1", "det of the target": str(target.det())}
    return Evidence(not full or reachable, "exact counter-example", "N = (2,1,2)", values)


def full_rank_corrected() -> Evidence:
    """Full column rank: (C1ᵗC1)⁻¹C1ᵗ recovers P from C1P, and det C1ᵗC1 is a sum of squares."""
    differences: list[Any] = []
    for rows, columns in ((2, 2), (3, 2), (2, 1)):
        feedback = sp.Matrix(rows, columns, sp.symbols(f"c1:{rows * columns + 1}"))
        P = sp.Matrix(columns, 2, sp.symbols(f"p1:{columns * 2 + 1}"))
        gram = feedback.T * feedback
        # multiplied through by det(C1ᵗC1)
        differences += list(gram.adjugate() * feedback.T * (feedback * P) - gram.det() * P)
    return Evidence(vanish(differences), "symbolic identity", "N1 × N2 = 2×2, 3×2, 2×1")


def eq110_printed() -> Evidence:
    """The third line with its printed signs: it is not V of Eq 109, nor does it decrease."""
    printed = C * B * Bt * Ct + A * transpose(C * M, SWAP) + C * M * At
    same = vanish([printed - V]) or vanish([printed + V])
    net, slopes = ThreeLayer([[1]], [[1]], [[1]]), []
    for a, b in ((1, 0), (1, -2)):  # d(b² + 2a)/dt
        da, db = net.rates(sp.Matrix([[a]]), sp.Matrix([[b]]))
        slopes.append(2 * b * db[0] + 2 * da[0])
    one_way = slopes[0] * slopes[1] >= 0
    values: dict[str, object] = {"d/dt at (1,0)": str(slopes[0]), "d/dt at (1,-2)": str(slopes[1])}
    return Evidence(bool(same and one_way), "exact counter-example", "N = (1,1,1)", values)


def eq110_corrected() -> Evidence:
    """On the limit set U = 0, C0 is constant, and V is constant, being monotone and bounded."""
    holds = invariant().holds and lyapunov().holds
    square = {C: sp.S.One, Ct: sp.S.One, T: sp.S.One, Tt: sp.S.One}
    agrees = vanish([sp.expand(V.subs(square)) - (B * Bt - A - At)])  # −L of Eq 112
    return Evidence(holds and agrees, FREE, "all values, all sizes")


def thm9() -> Evidence:
    """The limit set of a bounded path is connected; in a discrete set it is one point."""
    steps = (thm8, eq110_corrected)
    return Evidence(
        all(step().holds for step in steps),
        "symbolic identities; limit sets are connected",
        "all sizes",
    )


def other_proof_of(theorem: int) -> Evidence:
    """Whether the [1,N,1] case of Eq 88 has the product of that theorem's network."""
    chain = sp.prod(sp.symbols("a1:4"))  # Theorem 3: [1,1,1,1]
    wide = sum(x * y for x, y in zip(sp.symbols("a1:4"), sp.symbols("b1:4"), strict=True))
    about = {3: chain, 5: wide}[theorem]
    net = sp.Matrix([sp.symbols("b1:4")]) * sp.Matrix(sp.symbols("a1:4"))
    degree = sp.Poly(net[0]).total_degree()
    values: dict[str, object] = {
        "degree of P": str(degree),
        f"in Theorem {theorem}": str(sp.Poly(about).total_degree()),
    }
    same = degree == sp.Poly(about).total_degree()
    return Evidence(same, "degree of the product of the weights", "N = 3", values)


for _claim in (
    Claim("three-eq107", "004 Eq 106-107", "dA1/dt = UΣ_II, d(C1A2)/dt = UΣ_IIA1ᵗ", defect),
    Claim("three-eq108", "004 Eq 108", "the difference of the two rates is −UΣ_IIUᵗ ≤ 0", eq108),
    Claim("three-eq109", "004 Eq 109", "V decreases: dV/dt = −2UΣ_IIUᵗ ⪯ 0", lyapunov),
    Claim(
        "three-thm8",
        "004 Thm 8, Eq 105",
        "C1A2A1 → C1Σ_TIΣ_II⁻¹, A1 and C1A2 are bounded, and ∫‖U‖²dt is finite",
        thm8,
    ),
    Claim(
        "three-thm8-square-integrable",
        "004 Thm 8, proof",
        "both A1 and C1A2 are L² integrable",
        square_integrable_printed,
        square_integrable,
        correction="the time derivatives of A1 and of C1A2 are L² integrable",
        reason="a fixed point with A1 ≠ 0 has an infinite integral of ‖A1‖².",
    ),
    Claim(
        "three-thm8-full-rank",
        "004 after Thm 8",
        "if C1 has full rank, A2A1 converges (to the target), as C1A2A1 does",
        full_rank_printed,
        full_rank_corrected,
        correction="if C1 has full column rank, A2A1 converges to the target",
        hypothesis="full column rank (N1 ≥ N2)",
        reason="with N1 < N2 the map C1 has a kernel, and A2A1 too small a rank.",
    ),
    Claim(
        "three-eq110",
        "004 Eq 110",
        "the third line is C1A2A2ᵗC1ᵗ + A1(C1Σ_TI)ᵗ + C1Σ_TIA1ᵗ = L",
        eq110_printed,
        eq110_corrected,
        correction="C1A2A2ᵗC1ᵗ − A1Mᵗ − MA1ᵗ = L with M = C1Σ_TIΣ_II⁻¹",
        reason="the limit is that of V in Eq 109; Eq 112 has the right signs too.",
    ),
    Claim(
        "three-thm9",
        "004 Thm 9",
        "if the set (110), as printed, is discrete, A1 and C1A2 converge",
        eq110_printed,
        thm9,
        correction="if the set (110), corrected, is discrete, A1 and C1A2 converge",
        reason="limit points satisfy the corrected third line, not the printed one.",
    ),
    Claim(
        "three-thm9-other-proofs",
        "004 after Thm 9",
        "applied to [1,N,1], Theorem 9 gives another proof of Theorem 3",
        lambda: other_proof_of(3),
        lambda: other_proof_of(5),
        correction="applied to [1,N,1], Theorem 9 gives another proof of Theorem 5",
        reason="Theorem 3 is about three layers of weights.",
    ),
):
    register(_claim)
