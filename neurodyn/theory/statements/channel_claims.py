"""Claims of 004, Sec 2–3: the sign of the error, and random feedback sent by stages or straight."""

from collections.abc import Callable

import sympy as sp

from ..channel import adaptive_rates, logistic_entropy, open_problem, softmax_entropy, squared_error
from ..claim import Claim, Evidence, register
from ..layers import (
    Expr,
    Layered,
    Matrix,
    matrix,
    named,
    open_feedback,
    skipped,
    staged,
    updates,
    vanishes,
)

_NETS = ((2, 2), (1, 2, 1), (2, 2, 2), (1, 2, 2, 1))


# The sign of Eq 4, 5 and 8


def top_signal(
    error: Callable[[Matrix, Matrix], tuple[Expr, Matrix]], sign: int, classes: bool = False
) -> Evidence:
    """`sign`·∂E/∂S^L against T − O; with `classes` the targets sum to 1."""
    for n in (2, 3, 4) if classes else (1, 2, 3):
        sums, target = matrix("s", n), matrix("t", n)
        if classes:
            target[n - 1] = 1 - sum(target[: n - 1])
        value, output = error(sums, target)
        gaps = [sign * value.diff(s) - (target[i] - output[i]) for i, s in enumerate(sums)]
        at = dict.fromkeys(sums, 0) | dict.fromkeys(target.free_symbols, sp.Rational(1, 5))
        here = [gap.subs(at) for gap in gaps]
        if any(here):
            shown: dict[str, object] = {"S = 0, T = 1/5, …; difference": str(here)}
            return Evidence(False, "exact counter-example", f"{n} outputs", shown)
        if not vanishes(sp.cancel(sp.expand(gap).rewrite(sp.exp)) for gap in gaps):
            return Evidence(False, "symbolic difference is not zero", f"{n} outputs")
    return Evidence(True, "symbolic identity", "2, 3, 4 classes" if classes else "1..3 outputs")


def recurrence(sign: int) -> Evidence:
    """B^h of Eq 4 from B^L = T − O against `sign`·∂E/∂S^h (S shifted by the biases), f open."""
    for sizes in _NETS[1:]:
        net, x, error = open_problem(sizes, biased=True)
        value = (error.T * error)[0] / 2
        signals = staged(error, net.transposes(), net.slopes(net.forward(x)[0]))
        for weight, signal in zip(net.weights, signals, strict=True):
            wanted = [sign * value.diff(b) for b in weight[:, -1]]
            if not vanishes(s - w for s, w in zip(signal, wanted, strict=True)):
                return Evidence(False, "symbolic difference is not zero", str(sizes))
    return Evidence(True, "symbolic identity, f left open", named(_NETS[1:]))


def _gradient_descent() -> Evidence:
    """B_i^h O_j^{h−1} of Eq 4–5 against −∂E/∂w, f open."""
    for sizes in _NETS:
        net, x, error = open_problem(sizes)
        sums, activities = net.forward(x)
        value = (error.T * error)[0] / 2
        found = updates(staged(error, net.transposes(), net.slopes(sums)), activities)
        if not vanishes(f + value.diff(w) for f, w in zip(found, net.entries(), strict=True)):
            return Evidence(False, "symbolic difference is not zero", str(sizes))
    return Evidence(True, "symbolic identity, f left open", named(_NETS))


# RBP against SRBP


def _one_random_matrix(depth: int) -> Evidence:
    """Whether RBP on A[1,…,1] of this depth sends a signal of the form f′·C·(T−O), f open."""
    sizes = (1,) * (depth + 1)
    slopes = [matrix(f"d{h}", 1) for h in range(1, depth + 1)]
    feedback = open_feedback(sizes)
    signal = staged(sp.Matrix([sp.Symbol("e")]), feedback, slopes)[0][0]
    carried = sp.cancel(signal / (slopes[0][0] * sp.Symbol("e")))
    foreign = carried.free_symbols - {entry for c in feedback for entry in c}
    shown: dict[str, object] = {"random matrices": len(feedback), "in place of C": str(carried)}
    holds = len(feedback) == 1 and not foreign
    return Evidence(holds, "signal computed in symbols", f"L = {depth}", shown)


def _one_hidden_layer() -> Evidence:
    """L = 2: the updates of RBP and SRBP with one and the same matrix, f open."""
    for sizes in ((1, 1, 1), (2, 2, 2), (2, 3, 1), (1, 2, 3)):
        net, x, error = open_problem(sizes)
        sums, activities = net.forward(x)
        slopes, feedback = net.slopes(sums), open_feedback(sizes)
        both = [updates(way(error, feedback, slopes), activities) for way in (staged, skipped)]
        if not vanishes(a - b for a, b in zip(*both, strict=True)):
            return Evidence(False, "symbolic difference is not zero", str(sizes))
    holds = _one_random_matrix(2).holds
    return Evidence(
        holds, "symbolic identity, f left open", "A[1,1,1], A[2,2,2], A[2,3,1], A[1,2,3]"
    )


def _every_skipped_channel() -> Evidence:
    """C_2 = 0, C_1 = 1 in the linear A[1,1,1,1]: RBP would need B_1·B_2 = 1 with B_2 = 0."""
    b1, b2 = sp.symbols("b1 b2")
    solutions = sp.solve([b2 - 0, b1 * b2 - 1], [b1, b2], dict=True)
    shown: dict[str, object] = {"C₁, C₂": "1, 0", "RBP matrices with these": str(solutions)}
    return Evidence(bool(solutions), "exact counter-example", "A[1,1,1,1]", shown)


def _invertible_channels() -> Evidence:
    """Linear A[N,…,N]: SRBP with C_i = B_i C_{i+1} is RBP; B_i = C_i C_{i+1}⁻¹ goes back."""
    for depth in range(2, 8):
        b = sp.symbols(f"B1:{depth}", commutative=False)
        c = sp.symbols(f"C1:{depth}", commutative=False)
        made = [sp.Mul(*b[i:]) for i in range(depth - 1)]  # C_i = B_i … B_{L−1}
        backward = [c[i] * c[i + 1] ** -1 for i in range(depth - 2)] + [c[-1]]
        again = [sp.Mul(*backward[i:]) for i in range(depth - 1)]
        if list(again) != list(c) or made[-1] != b[-1]:
            return Evidence(False, "products differ", f"L = {depth}")
    for depth in (2, 3, 4):
        sizes = (2,) * (depth + 1)
        ones, feedback = [sp.ones(2, 1)] * depth, open_feedback(sizes)
        top = matrix("e", 2)
        direct = [feedback[-1]]
        for down in reversed(feedback[:-1]):
            direct.insert(0, down * direct[0])
        pairs = zip(staged(top, feedback, ones), skipped(top, direct, ones), strict=True)
        if not all(vanishes(a - b) for a, b in pairs):
            return Evidence(False, "symbolic difference is not zero", f"L = {depth}, N = 2")
    return Evidence(True, "identity of non-commuting symbols", "L = 2..7, any N; signals at N = 2")


def _rank_limit() -> Evidence:
    """Linear A[2,2,1,2]: the matrix that RBP applies for layer 1 has rank 1, SRBP's can have 2."""
    sizes = (2, 2, 1, 2)
    lower, upper = open_feedback(sizes)
    composed = sp.expand((lower * upper).det())
    free = open_feedback(sizes, skip=True)[0].det()
    shown: dict[str, object] = {"det of RBP's C₁C₂": str(composed), "det of SRBP's C₁": str(free)}
    return Evidence(composed == 0 and free != 0, "symbolic determinants", "A[2,2,1,2]", shown)


# Section 6


def adaptive_invariants(sign: int = -1) -> Evidence:
    """d(c₁ − a₂)/dt and d(a₁² + `sign`·c₁²)/dt of ARBP on A[1,1,1], rates from the rule."""
    a1, a2, c1, i, t = sp.symbols("a1 a2 c1 I T")
    net = Layered(
        (sp.Matrix([[a1]]), sp.Matrix([[a2]])), sigma=lambda s: s, slope=lambda _: sp.S.One
    )
    x = sp.Matrix([i])
    sums, activities = net.forward(x)
    signals = staged(sp.Matrix([t]) - net.output(x), [sp.Matrix([[c1]])], net.slopes(sums))
    by_rule = [*updates(signals, activities), signals[1][0] * activities[1][0]]  # Δc = R² O¹
    rates = adaptive_rates(a1, a2, c1, i * t, i**2)
    same = vanishes(r - b for r, b in zip(rates, by_rule, strict=True))
    kept = [rates[2] - rates[1], 2 * a1 * rates[0] + sign * 2 * c1 * rates[2]]
    shown: dict[str, object] = {"kept": "c₁ − a₂, a₁² − c₁²", "c₁(0) = a₂(0)": "gradient descent"}
    return Evidence(same and vanishes(kept), "symbolic identity", "all values", shown)


for _claim in (
    Claim(
        "channel-eq3",
        "004 Eq 3",
        "−η ∂E/∂w = η B_i O_j with B of Eq 4 from B^L = T − O (squared error).",
        _gradient_descent,
    ),
    Claim(
        "channel-eq4",
        "004 Eq 4",
        "B^h = ∂E/∂S^h, for B of the recurrence from B^L = T − O.",
        lambda: recurrence(1),
        lambda: recurrence(-1),
        "B^h = −∂E/∂S^h.",
        reason="Eq 3 already carries the minus sign of descent.",
    ),
    Claim(
        "channel-eq5-squared",
        "004 Eq 5, 8",
        "∂E/∂S^L = T − O (squared error, linear output).",
        lambda: top_signal(squared_error, 1),
        lambda: top_signal(squared_error, -1),
        "−∂E/∂S^L = T − O.",
        reason="The error grows with O where O > T.",
    ),
    Claim(
        "channel-eq5-logistic",
        "004 Eq 5, 8",
        "∂E/∂S^L = T − O (relative entropy, logistic output).",
        lambda: top_signal(logistic_entropy, 1),
        lambda: top_signal(logistic_entropy, -1),
        "−∂E/∂S^L = T − O.",
        reason="The error grows with O where O > T.",
    ),
    Claim(
        "channel-eq5-softmax",
        "004 Eq 5, 8",
        "∂E/∂S^L = T − O (relative entropy, softmax output).",
        lambda: top_signal(softmax_entropy, 1, classes=True),
        lambda: top_signal(softmax_entropy, -1, classes=True),
        "−∂E/∂S^L = T − O, with targets that sum to 1.",
        reason="∂E/∂S_i = O_i ΣT − T_i.",
    ),
    Claim(
        "channel-depth3",
        "004 Sec 3",
        "For any network of depth 3 (L = 3) RBP is SRBP, there being one random matrix.",
        lambda: _one_random_matrix(3),
        _one_hidden_layer,
        "For L = 2, one hidden layer.",
        reason="In the notation A[N0,…,NL] depth 3 has two hidden layers and two matrices.",
    ),
    Claim(
        "channel-same-size",
        "004 Sec 3",
        "In a linear net whose layers have one size RBP is equivalent to SRBP.",
        _every_skipped_channel,
        _invertible_channels,
        "C_i = B_i C_{i+1} makes SRBP of RBP; B_i = C_i C_{i+1}⁻¹ the reverse.",
        hypothesis="the matrices of SRBP are invertible (but for the lowest)",
        reason="A singular C_{i+1} loses what C_i may need.",
    ),
    Claim(
        "channel-rank",
        "004 Sec 3",
        "Where sizes differ, RBP has rank constraints that SRBP has not.",
        _rank_limit,
    ),
    Claim(
        "channel-arbp",
        "004 Sec 3 (ARBP)",
        "Δc = ηRO keeps c₁ − a₂ and a₁² − c₁² on the linear A[1,1,1] (derived).",
        adaptive_invariants,
    ),
):
    register(_claim)
