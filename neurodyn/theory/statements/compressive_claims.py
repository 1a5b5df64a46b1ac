"""Claims on [N,1,N] learning: 004 Eq 64–79, Lemma 1 and Theorem 6."""

import itertools
from typing import Any

import sympy as sp

from ..claim import Claim, Evidence, register
from ..linear import Compressive
from ..words import derivative, letters, trace, vanish, with_transposes

SIZES = (1, 2, 3)
SIZE, K, X = sp.Symbol("|C|²", positive=True), sp.Symbol("K", real=True), sp.Symbol("x")


def rows(n: int) -> tuple[Any, ...]:
    """Symbolic rows A, A(0) and C of n real entries."""
    return tuple(sp.Matrix([sp.symbols(f"{k}1:{n + 1}", real=True)]) for k in ("a", "d", "c"))


def averages() -> Evidence:
    """Eq 64, unit by unit and averaged over two examples, is Eq 65."""
    differences: list[Any] = []
    for n in SIZES:
        A, _, C = rows(n)
        B: Any = sp.Matrix(sp.symbols(f"b1:{n + 1}"))
        data: Any = [
            (sp.Matrix(sp.symbols(f"I{m}_1:{n + 1}")), sp.Matrix(sp.symbols(f"T{m}_1:{n + 1}")))
            for m in (1, 2)
        ]
        S = sum((i * i.T for i, _ in data), sp.zeros(n)) / 2
        ST = sum((t * i.T for i, t in data), sp.zeros(n)) / 2
        dA, dB = C * (ST - B * A * S), (ST - B * A * S) * A.T
        for unit in range(n):
            below = above = sp.S.Zero
            for i, t in data:
                off: Any = t - B * (A * i)[0]
                below += sum(C[k] * off[k] for k in range(n)) * i[unit] / 2
                above += off[unit] * sum(A[k] * i[k] for k in range(n)) / 2
            differences += [below - dA[unit], above - dB[unit]]
    return Evidence(vanish(differences), "symbolic identity", "all values, N = 1..3")


def lemma1() -> Evidence:
    """C B′ = A′Aᵗ, whose trace is ½ d‖A‖²/dt, for any Σ_TI and Σ_II."""
    (A, B, C, M, S), _, swap = letters("A B C M", symmetric="S")
    error = M - B * A * S
    rates = with_transposes({A: C * error, B: error * swap[A]}, swap)
    coupling = C * rates[B] - rates[A] * swap[A]
    half = trace(derivative(A * swap[A], rates) / 2 - rates[A] * swap[A], swap)
    return Evidence(vanish([coupling, half]), "identity in free letters", "all values, all N")


def reduced() -> Evidence:
    """Eq 70: C(I − BA) = C − (CB)A."""
    (A, B, C), _, _ = letters("A B C")
    return Evidence(vanish([C * (1 - B * A) - (C - (C * B) * A)]), "identity in free letters")


def plane() -> Evidence:
    """Eq 71–74: A = fC + gA(0) solves Eq 70, with the printed f and g."""
    t = sp.Symbol("t")
    c, a0 = sp.symbols("c a0")  # any one component of C and of A(0)
    area, inner = sp.Function("area"), sp.Function("inner")
    sigma = sp.diff(area(t), t)  # area = ∫σ
    g = sp.exp(-area(t))
    f = g * inner(t)
    slope: Any = {sp.diff(inner(t), t): sp.exp(area(t))}  # inner = ∫e^∫σ = ∫1/g
    A = f * c + g * a0
    steps = [
        sp.diff(g, t) + sigma * g,
        sp.diff(f, t).subs(slope) - (1 - sigma * f),
        sp.diff(A, t).subs(slope) - (c - sigma * A),
        sp.exp(area(t)) - 1 / g,
    ]
    return Evidence(all(sp.simplify(s) == 0 for s in steps), "symbolic identity", "all N")


def bounded_by_sigma_alone() -> Evidence:
    """σ ≥ K does not bound g where K < 0: σ = K for all t allows g = e^(−Kt)."""
    t = sp.Symbol("t", positive=True)
    end = sp.limit(sp.exp(-sp.Integer(-1) * t), t, sp.oo)
    return Evidence(bool(end.is_finite), "exact counter-example", "K = −1", {"lim g": str(end)})


def bounded_by_plane() -> Evidence:
    """g is the part of A off C, and A is bounded: so g is, for every K."""
    f, g = sp.symbols("f g", real=True)
    differences: list[Any] = []
    for n in (2, 3, 4):
        _, A0, C = rows(n)
        A = f * C + g * A0

        def off(v: Any, C: Any = C) -> Any:
            return v.dot(v) * C.dot(C) - v.dot(C) ** 2

        differences.append(off(A) - g**2 * off(A0))
        # ½ d‖A‖²/dt = A·C − σ‖A‖² ≤ ‖C‖x − Kx² − x⁴/2 with x = ‖A‖: negative for large x
        Ap, _, Cp = rows(n)
        sigma = Ap.dot(Ap) / 2 + K
        differences.append(
            Ap.dot(Cp - sigma * Ap) - (Ap.dot(Cp) - K * Ap.dot(Ap) - Ap.dot(Ap) ** 2 / 2)
        )
    growth = sp.Poly(sp.sqrt(SIZE) * X - K * X**2 - X**4 / 2, X)
    holds = vanish(differences) and growth.degree() == 4 and bool(growth.LC() < 0)
    return Evidence(holds, "symbolic identity", "all values, N = 2..4, every K")


def sign_changes(coefficients: list[Any]) -> int:
    """The changes of sign in a row of numbers, zeros left out (Descartes)."""
    signs = [sp.sign(c) for c in coefficients if c != 0]
    return sum(a != b for a, b in itertools.pairwise(signs))


def unique_positive() -> Evidence:
    """(‖C‖²/2)x³ + Kx − 1 has one change of sign whatever the sign of K: one positive root."""
    cubic = sp.Poly(1 - (SIZE * X**2 / 2 + K) * X, X)
    printed = sp.Poly(-(SIZE / 2 * X**3 + K * X - 1), X)
    counts = set()
    for sign in (-1, 0, 1):
        row = [c.subs({K: sign, SIZE: 1}) for c in cubic.all_coeffs()]
        counts.add(sign_changes(row))
    # the signs of the outer coefficients do not depend on K or on ‖C‖
    fixed = bool(cubic.LC().is_negative) and cubic.TC() == 1
    holds = counts == {1} and fixed and cubic == printed
    return Evidence(holds, "Descartes' rule of signs", "every K, every C ≠ 0")


def independent() -> Evidence:
    """Theorem 6 for independent A(0) and C, every step of the repaired proof."""
    # f/g has slope 1/g ≥ 1/max g, so it grows without bound while f stays bounded: g → 0.
    steps = [plane(), bounded_by_plane(), unique_positive(), reduced(), lemma1()]
    # then f′ → 1 − (‖C‖²f²/2 + K)f with f > 0, whose one positive root attracts:
    beta = sp.Symbol("beta", positive=True)
    k = 1 / beta - SIZE * beta**2 / 2  # K in terms of its root
    slope = sp.diff(1 - (SIZE * X**2 / 2 + k) * X, X).subs(X, beta)
    attracts = sp.simplify(slope + beta**2 * SIZE + 1 / beta) == 0
    holds = attracts and all(s.holds for s in steps)
    return Evidence(holds, "each step of the proof by symbolic identity", "all N, every K")


def dependent_printed() -> Evidence:
    """A(0) = λC with λ < 0 and K very negative: A stays on the line of C and β < 0."""
    limit = Compressive((1, 0)).limit((-3, 0), ("3/2", "7/10"))
    values: dict[str, object] = {
        "A(0)": "(-3, 0)",
        "B(0)": "(3/2, 7/10)",
        "C": "(1, 0)",
        "β": str(limit.n()[0][0]),
    }
    positive = limit.interval is not None and limit.interval[0] > 0
    return Evidence(bool(positive), "exact counter-example", "N = 2", values)


def dependent_corrected() -> Evidence:
    """With λ ≥ 0: f rises from λ < β or falls from λ > β to the one positive root."""
    start = sp.Symbol("lambda", nonnegative=True)
    f = sp.Symbol("f", real=True)
    n = 3
    _, _, C = rows(n)
    sigma = f**2 * C.dot(C) / 2 + K
    stays = vanish(list(C - sigma * f * C - (1 - sigma * f) * C))
    at_zero = (1 - (SIZE * start**2 / 2 + K) * start).subs(start, 0)
    holds = stays and at_zero == 1 and unique_positive().holds
    return Evidence(holds, "symbolic identity and Descartes' rule", "every K, λ ≥ 0")


def zero_c() -> Evidence:
    """C = 0: A never moves, so A does not go to βC = 0."""
    limit = Compressive((0, 0)).limit((1, 2), (0, 0))
    stays = not any(limit.weights[0])
    return Evidence(stays, "exact counter-example", "N = 2", {"A": str(limit.weights[0])})


def upper_layer() -> Evidence:
    """BAAᵗ = Aᵗ at A = βC gives B = Cᵗ/(β‖C‖²) and BA = CᵗC/‖C‖²."""
    beta = sp.Symbol("beta", nonzero=True)
    differences: list[Any] = []
    for n in SIZES:
        _, _, C = rows(n)
        A, B = beta * C, C.T / (beta * C.dot(C))
        differences += [B * A * A.T - A.T, B * A - C.T * C / C.dot(C)]
    flat = [sp.simplify(e) for d in differences for e in d]
    return Evidence(not any(flat), "symbolic identity", "all values, N = 1..3")


def rates() -> Evidence:
    """The linearisation at A = βC, B = Cᵗ/(β‖C‖²), by its characteristic polynomial."""
    differences: list[Any] = []
    x = sp.Symbol("x")
    for n in (2, 3):
        A, _, _ = rows(n)
        B: Any = sp.Matrix(sp.symbols(f"b1:{n + 1}"))
        beta, length = sp.symbols("beta length", positive=True)
        C: Any = sp.Matrix([[length] + [0] * (n - 1)])  # turned onto the first axis
        lower, upper = Compressive(tuple(C.flat())).rates(tuple(A), tuple(B))
        state = [*A, *B]
        point = dict(
            zip(state, [*(beta * C).flat(), *(C.T / (beta * length**2)).flat()], strict=True)
        )
        J = sp.Matrix([*lower, *upper]).jacobian(state).subs(point)
        s, g = beta**2 * length**2, 1 / beta
        # along C the pair (A, B) is coupled by the invariant: −(s + g) and 0
        wanted = x * (x + s + g) * (x + g) ** (n - 1) * (x + s) ** (n - 1)
        differences.append(sp.simplify(J.charpoly(x).as_expr() - wanted))
    return Evidence(not any(differences), "characteristic polynomial", "N = 2, 3")


def diagonal(best: bool) -> Evidence:
    """Σ_II = diag(4, 1), C = (1, 1): where it rests, and whether that is the best of rank one."""
    S: Any = sp.diag(4, 1)
    C: Any = sp.Matrix([[1, 1]])
    beta = sp.Symbol("beta", positive=True)
    A = beta * C
    printed = C.T / (beta * C.dot(C))
    if not best:
        rest = (S - printed * A * S) * A.T
        return Evidence(not any(rest), "exact counter-example", "Σ = diag(4,1), C = (1,1)")
    B = S * C.T / (beta * (C * S * C.T)[0])
    R = sp.eye(2) - B * A
    reached = sp.simplify((R * S * R.T).trace() / 2)
    values: dict[str, object] = {"error reached": str(reached), "best rank-one error": "1/2"}
    return Evidence(bool(reached <= sp.Rational(1, 2)), "exact counter-example", "N = 2", values)


def diagonal_corrected() -> Evidence:
    """Rest at A = βC needs B = ΣCᵗ/(βCΣCᵗ); and A′ = (C − σA)Σ, so rest has A = C/σ."""
    differences: list[Any] = []
    for n in (2, 3):
        A, _, C = rows(n)
        S = sp.diag(*sp.symbols(f"s1:{n + 1}", positive=True))
        beta = sp.Symbol("beta", nonzero=True)
        B = S * C.T / (beta * (C * S * C.T)[0])
        Bs = sp.Matrix(sp.symbols(f"b1:{n + 1}"))
        flow = C * (S - Bs * A * S) - (C - (C * Bs)[0] * A) * S
        differences += [
            *((S - B * beta * C * S) * (beta * C).T),
            *(C * B * beta - sp.eye(1)),
            *flow,
        ]
    return Evidence(
        not any(sp.simplify(d) for d in differences), "symbolic identity", "all values, N = 2, 3"
    )


def identity_optimal() -> Evidence:
    """‖I − BA‖² = N − 1 + ‖B − Aᵗ/‖A‖²‖²‖A‖²: the least is N − 1, for every direction of A."""
    differences = []
    for n in SIZES:
        A, _, _ = rows(n)
        B = sp.Matrix(sp.symbols(f"b1:{n + 1}", real=True))
        R, off = sp.eye(n) - B * A, B - A.T / A.dot(A)
        differences.append(sp.simplify((R * R.T).trace() - (n - 1) - off.dot(off) * A.dot(A)))
    return Evidence(not any(differences), "symbolic identity", "all values, N = 1..3")


for _claim in (
    Claim("narrow-eq65", "004 Eq 64-65", "A' = C(Σ_TI − BAΣ_II), B' = (Σ_TI − BAΣ_II)Aᵗ", averages),
    Claim("narrow-lemma1", "004 Lemma 1, Eq 66-67", "CB = ‖A‖²/2 + K along the flow", lemma1),
    Claim("narrow-eq70", "004 Eq 69-70", "dA/dt = C − σA with σ = ‖A‖²/2 + K", reduced),
    Claim("narrow-eq74", "004 Eq 71-74", "A = fC + gA(0), g = exp(−∫σ), f = g∫1/g", plane),
    Claim(
        "narrow-eq75",
        "004 Eq 75",
        "since σ ≥ K, g is bounded",
        bounded_by_sigma_alone,
        bounded_by_plane,
        correction="g is bounded because A is, and g is its part off C",
        reason="for K < 0 the premise σ ≥ K allows g = exp(|K|t).",
    ),
    Claim(
        "narrow-thm6-unique-positive-root",
        "004 Eq 77, Thm 6",
        "1 − (‖C‖²t²/2 + K)t = 0 has one positive root for every K ('a positive root')",
        unique_positive,
    ),
    Claim(
        "narrow-thm6-independent",
        "004 Thm 6",
        "A → βC, with β the positive root, where A(0) and C are independent",
        independent,
    ),
    Claim(
        "narrow-thm6-dependent",
        "004 Thm 6 ('otherwise the proof is easier')",
        "A → βC with β > 0 also where A(0) = λC",
        dependent_printed,
        dependent_corrected,
        correction="A → βC with β > 0 where A(0) = λC with λ ≥ 0",
        hypothesis="A(0) is not λC with λ < 0",
        reason="from λ < 0 the nearest root of the cubic may be negative.",
    ),
    Claim(
        "narrow-thm6-zero-c",
        "004 Thm 6",
        "the system converges to A = βC for every C",
        zero_c,
        independent,
        correction="the system converges to A = βC for every C ≠ 0",
        hypothesis="C ≠ 0",
        reason="with C = 0 the lower layer never moves.",
    ),
    # † is the transpose
    Claim(
        "narrow-thm6-upper",
        "004 Thm 6",
        "at the limit B = Cᵗ/(β‖C‖²) and BA = CᵗC/‖C‖²",
        upper_layer,
    ),
    Claim(
        "narrow-thm6-rates",
        "004 Thm 6 (rates, not in the paper)",
        "at the limit the rates are −(β²‖C‖² + 1/β), −1/β and −β²‖C‖²",
        rates,
    ),
    Claim(
        "narrow-thm6-diagonal",
        "004 Thm 6, last sentence",
        "for diagonal Σ_II it rests at A = βC, B = Cᵗ/(β‖C‖²) as well",
        lambda: diagonal(best=False),
        diagonal_corrected,
        correction="for diagonal Σ_II it rests at A = βC, B = ΣCᵗ/(βCΣCᵗ)",
        reason="BAΣAᵗ = ΣAᵗ is the condition for B.",
    ),
    Claim(
        "narrow-thm6-diagonal-optimal",
        "004 Thm 6, last sentence",
        "for diagonal Σ_II the limit is still a global optimum",
        lambda: diagonal(best=True),
        reason="the limit projects on C, the best map on the top eigenvector of Σ.",
    ),
    Claim(
        "narrow-thm6-identity-optimal",
        "004 Thm 6",
        "on white data the limit is a global optimum, whatever C",
        identity_optimal,
    ),
):
    register(_claim)
