"""Claims on [N0,N1,N2] learning: 004 Eq 88–104, Lemma 2 and Theorem 7.

Letters stand for matrices of any size (`words`): C = C1, A = A1, B = A2, S = Σ_II, M = Σ_TI, and
T the least squares map, M = TS. R is a root of Σ_II ⪰ 0, S = RᵗR.
"""

from typing import Any

import sympy as sp

from ..claim import Claim, Evidence, register
from ..three_layer import ThreeLayer
from ..words import derivative, letters, trace, transpose, vanish, with_transposes

LETTERS, TURNED, SWAP = letters("C A B T Q", symmetric="S K")
C, A, B, T, Q, S, K = LETTERS
Ct, At, Bt, Tt, Qt = TURNED[:5]
M, Mt = T * S, S * Tt
ERROR = M - B * A * S
RATES = with_transposes({A: C * ERROR, B: ERROR * At}, SWAP)
C0 = C * B + Bt * Ct - A * At
FREE = "identity in free letters"


def same(*differences: Any) -> Evidence:
    """Evidence that every difference of words is zero, for all sizes."""
    return Evidence(vanish(differences), FREE, "all values, all sizes")


def same_trace(left: Any, right: Any) -> Evidence:
    """Evidence that two words have the same trace, for all sizes."""
    return same(trace(left, SWAP) - trace(right, SWAP))


def flow(expr: Any) -> Any:
    """d/dt along Eq 88."""
    return derivative(expr, RATES)


def coupling() -> Evidence:
    """Eq 89–90."""
    return same(C * RATES[B] - RATES[A] * At, flow(C * B) - RATES[A] * At)


def invariant() -> Evidence:
    """Eq 91–92."""
    return same(flow(C0), flow(C * B + Bt * Ct) - flow(A * At))


def size_of_moment(printed: bool) -> Evidence:
    """The shape of E(TIᵗ) for N0, N1, N2 = 3, 2, 4."""
    inputs, hidden, outputs = 3, 2, 4
    shape = (sp.zeros(outputs, 1) * sp.zeros(inputs, 1).T).shape
    stated = (outputs, hidden) if printed else (outputs, inputs)
    return Evidence(shape == stated, "shape of the product", "N = (3, 2, 4)", {"shape": str(shape)})


def growth() -> Evidence:
    """Eq 94, with Σ_TI in the first term."""
    return same_trace(flow(A * At), 2 * (C * M * At - C * B * A * S * At))


def symmetrised() -> Evidence:
    """Eq 95–96, and 97 with Eq 92."""
    half = C * B * A * S * At
    doubled = vanish([trace(2 * half, SWAP) - trace(half + A * S * At * Bt * Ct, SWAP)])
    twice = trace(half + Bt * Ct * A * S * At, SWAP)
    split = trace(A * At * A * S * At + C0 * A * S * At, SWAP)
    return Evidence(doubled and vanish([twice - split]), FREE, "all values, all sizes")


def eq98_printed() -> Evidence:
    """C1 = Σ_II = 1, Σ_TI = 0, A1 = a, A2 = −a²: it fails for large a, whatever c1, c3 > 0."""
    a, c1, c3 = sp.symbols("a c1 c3", positive=True)
    net = ThreeLayer([[1]], [[0]], [[1]])
    a1, a2 = sp.Matrix([[a]]), sp.Matrix([[-(a**2)]])
    slope = 2 * (net.rates(a1, a2)[0] * a1.T).trace()
    bound = c3 * a + (net.invariant(a1, a2) * a1 * a1.T).trace() - c1 * a**4
    excess = sp.Poly(sp.expand(slope - bound), a)
    fails = excess.degree() > 0 and bool(excess.LC().is_positive)
    values: dict[str, object] = {"df/dt − printed bound": str(excess.as_expr())}
    return Evidence(not fails, "exact counter-example", "N = (1,1,1)", values)


def eq98_corrected() -> Evidence:
    """df/dt = 2tr(CΣ_TIAᵗ) − tr(C0AΣAᵗ) − tr(AAᵗAΣAᵗ)."""
    return same_trace(flow(A * At), 2 * C * M * At - C0 * A * S * At - A * At * A * S * At)


def eq98_bounded() -> Evidence:
    """c3x + c4x² − (c1/2)x⁴, x = √f, has negative leading coefficient, so a largest value c5."""
    x = sp.Symbol("x", nonnegative=True)
    c1, c3, c4 = sp.symbols("c1 c3 c4", positive=True)
    rest = sp.Poly(c3 * x + c4 * x**2 - c1 * x**4 / 2, x)
    holds = rest.degree() == 4 and bool(rest.LC().is_negative)
    return Evidence(holds, "sign of the leading coefficient")


def lemma2_printed() -> Evidence:
    """A1 = (0, 1), Σ_II = diag(1, 0): the left side is 0 and f = 1."""
    lower, second = sp.Matrix([[0, 1]]), sp.diag(1, 0)
    left = (lower * lower.T * lower * second * lower.T).trace()
    f = (lower * lower.T).trace()
    values: dict[str, object] = {"left side": str(left), "f": str(f)}
    return Evidence(left > 0 or f == 0, "exact counter-example", "N0 = 2, N1 = 1", values)


def lemma2_corrected() -> Evidence:
    """With G = AᵗA and S = λ + QᵗQ: tr(GSG) = λtr(G²) + ‖QG‖², and n tr(G²) ≥ (tr G)²."""
    lam = sp.Symbol("lambda", positive=True)
    G = At * A
    square = trace(A * At * A * (lam + Qt * Q) * At, SWAP)
    parts = trace(lam * G * G + (Q * G) * transpose(Q * G, SWAP), SWAP)
    differences = [square - parts, trace(G * G, SWAP) - trace(A * At * A * At, SWAP)]
    for n in range(1, 6):  # for n = min(N0, N1), with G = AᵗA or AAᵗ
        g: Any = sp.Matrix(n, n, lambda i, j: sp.Symbol(f"g{min(i, j)}{max(i, j)}", real=True))
        pairs = [(i, j) for i in range(n) for j in range(i)]
        gaps = sum((g[i, i] - g[j, j]) ** 2 + 2 * n * g[i, j] ** 2 for i, j in pairs)
        differences.append(n * (g * g).trace() - g.trace() ** 2 - gaps)
    values: dict[str, object] = {"c1": "λ_min(Σ_II)/min(N0, N1)"}
    return Evidence(vanish(differences), "sums of squares", "min(N0, N1) = 1..5", values)


def upper_growth() -> Evidence:
    """Eq 100–102: dh/dt = tr(Σ_TIAᵗBᵗ) − ‖BARᵗ‖², with S = RᵗR (here R = Q)."""
    first = trace(flow(B * Bt) / 2, SWAP)
    second = trace(M * At * Bt - B * A * S * At * Bt, SWAP)
    root = B * A * Qt
    drop = trace(B * A * (Qt * Q) * At * Bt - root * transpose(root, SWAP), SWAP)
    return same(first - second, drop)


def linear_growth() -> Evidence:
    """Eq 103–104: h′ ≤ k√h gives (√h)′ ≤ k/2, and √h ≤ √h(0) + kt/2 at most."""
    t, k, h0 = sp.symbols("t k h0", positive=True)
    h = (sp.sqrt(h0) + k * t / 2) ** 2
    solves = sp.simplify(sp.diff(h, t) - k * sp.sqrt(h))
    return Evidence(solves == 0, "comparison with the solution of h' = k√h", "all values")


def inverse_bounded() -> Evidence:
    """A2(0) = 0 is allowed: 1/‖A2‖ is infinite there."""
    norm = sp.zeros(2, 2).norm()
    return Evidence(norm != 0, "exact counter-example", "t = 0", {"‖A2(0)‖": str(norm)})


def thm7_printed() -> Evidence:
    """C1 = Σ_TI = 1, Σ_II = 0: dA1/dt = 1 for ever."""
    net = ThreeLayer([[1]], [[1]], [[0]])
    a1, a2 = sp.symbols("a1 a2")
    slope = net.rates(sp.Matrix([[a1]]), sp.Matrix([[a2]]))[0][0]
    return Evidence(slope != 1, "exact counter-example", "N = (1,1,1)", {"dA1/dt": str(slope)})


def thm7_corrected() -> Evidence:
    """Every step of the proof, for Σ_II ≻ 0."""
    steps = (invariant, eq98_corrected, lemma2_corrected, eq98_bounded, upper_growth, linear_growth)
    return Evidence(
        all(step().holds for step in steps),
        "each step of the proof by symbolic identity",
        "all sizes with min(N0, N1) ≤ 5",
        {"bound": "‖A1‖ ≤ max(‖A1(0)‖, root of c1x³ = λ_max‖C0‖x + 2‖C1Σ_TI‖)"},
    )


def thm7_kernel() -> Evidence:
    """For data Σ_II v = 0 gives Σ_TI v = 0, so A1 v is constant: (M − BAS)v = 0."""
    v = sp.Symbol("v", commutative=False)
    rate = sp.expand(RATES[A] * v).subs(S * v, 0)  # M = TS, so Mv = 0 too
    return Evidence(sp.expand(rate) == 0, FREE, "all sizes")


for _claim in (
    Claim("three-eq89", "004 Eq 89-90", "C1 dA2/dt = dA1/dt A1ᵗ = d(C1A2)/dt", coupling),
    Claim("three-eq92", "004 Eq 91-92", "C1A2 + (C1A2)ᵗ = A1A1ᵗ + C0, C0 constant", invariant),
    Claim(
        "three-sizes",
        "004 Sec 7.8",
        "Σ_TI = E(TIᵗ) is N2 × N1",
        lambda: size_of_moment(printed=True),
        lambda: size_of_moment(printed=False),
        correction="Σ_TI = E(TIᵗ) is N2 × N0",
        reason="I has N0 entries.",
    ),
    # the first Σ_II of Eq 94, 101 and 105 is Σ_TI, a damaged subscript
    Claim("three-eq94", "004 Eq 93-94", "df/dt = 2tr(C1Σ_TIA1ᵗ − C1A2A1Σ_IIA1ᵗ)", growth),
    Claim(
        "three-eq97",
        "004 Eq 95-97",
        "2tr(C1A2A1Σ_IIA1ᵗ) = tr(A1A1ᵗA1Σ_IIA1ᵗ) + tr(C0A1Σ_IIA1ᵗ)",
        symmetrised,
    ),
    Claim(
        "three-eq98-sign",
        "004 Eq 98",
        "df/dt ≤ c3‖A1‖ + tr(C0A1Σ_IIA1ᵗ) − c1f²",
        eq98_printed,
        eq98_corrected,
        correction="df/dt ≤ c3‖A1‖ − tr(C0A1Σ_IIA1ᵗ) − c1f²",
        reason="Eq 97 is subtracted, with both its terms; the bound c4 f is not affected.",
    ),
    Claim("three-eq98-bound", "004 Eq 98", "c3√f + c4f − c1f² ≤ c5 − c1f²/2", eq98_bounded),
    Claim(
        "three-lemma2",
        "004 Lemma 2, Eq 99",
        "tr(A1A1ᵗA1Σ_IIA1ᵗ) ≥ c1f² with c1 > 0",
        lemma2_printed,
        lemma2_corrected,
        correction="it holds with c1 = λ_min(Σ_II)/min(N0, N1)",
        hypothesis="Σ_II ≻ 0",
        reason="the left side vanishes where A1 lives on the kernel of Σ_II.",
    ),
    Claim("three-eq102", "004 Eq 100-102", "dh/dt ≤ tr(Σ_TIA1ᵗA2ᵗ)", upper_growth),
    Claim("three-eq104", "004 Eq 103-104", "‖A2‖ grows at most linearly", linear_growth),
    Claim(
        "three-a2-bounded",
        "004 after Eq 104",
        "for every t, 1/‖A2‖ is bounded",
        inverse_bounded,
        linear_growth,
        correction="for every t, ‖A2‖ is bounded",
        reason="A2 may be zero; long-term existence needs ‖A2‖ itself.",
    ),
    Claim(
        "three-thm7",
        "004 Thm 7",
        "Eq 88 always has long-term solutions, and ‖A1‖ is bounded",
        thm7_printed,
        thm7_corrected,
        correction="with Σ_II ≻ 0: long-term solutions, ‖A1‖ bounded with an explicit bound",
        hypothesis="Σ_II ≻ 0 (or Σ_TI = 0 on its kernel, as for data)",
        reason="for Σ_II = 0 and Σ_TI = 1 the weight A1 grows for ever.",
    ),
    Claim(
        "three-thm7-kernel",
        "004 Thm 7 (singular Σ_II, not in the paper)",
        "for data, A1 does not move on the kernel of Σ_II, and the rest is Theorem 7",
        thm7_kernel,
    ),
):
    register(_claim)
