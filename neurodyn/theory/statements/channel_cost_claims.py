"""Claims of 004, Sec 3.1 and 5: the cost of the learning channel and its quantisation."""

from collections.abc import Callable, Sequence

import sympy as sp

from ..channel import levels, quantize, skipped_cost, staged_cost, weight_count
from ..claim import Claim, Evidence, register
from ..layers import Expr, hadamard, matrix, named, open_feedback, skipped, staged, vanishes

_PAPER = (784, 100, 100, 100, 100, 10)  # the MNIST net of Sec 4
_SMALL = ((2, 3, 2), (2, 3), (3, 2, 4, 2), (5, 1, 2, 3, 2), (2, 2, 2, 2, 2))


def used_weights(sizes: Sequence[int], skip: bool) -> int:
    """How many feedback weights multiply a signal when the error goes down, counted in symbols."""
    feedback = open_feedback(sizes, skip)
    slopes = [sp.ones(n, 1) for n in sizes[1:]]
    way = skipped if skip else staged
    signals = way(matrix("e", sizes[-1]), feedback, slopes)
    entries = {entry for c in feedback for entry in c}
    present = {s for signal in signals for value in signal for s in value.free_symbols}
    return len(entries & present)


def channel_cost(formula: Callable[[Sequence[int]], int | Expr], skip: bool) -> Evidence:
    """The multiplications counted on small nets against `formula`."""
    shown: dict[str, object] = {"A[784,100,100,100,100,10]": str(formula(_PAPER))}
    for sizes in _SMALL:
        counted, stated = used_weights(sizes, skip), formula(sizes)
        if counted != stated:
            shown |= {f"A{list(sizes)}": f"{counted} counted, {stated} by the formula"}
            return Evidence(False, "multiplications counted", f"A{list(sizes)}", shown)
    return Evidence(True, "multiplications counted", named(_SMALL), shown)


def _proportional() -> Evidence:
    """Whether the cost of A[N,2,3,2] stays proportional to W of Eq 14 as the input grows."""
    n = sp.Symbol("N", positive=True, integer=True)
    cost, weights = used_weights((7, 2, 3, 2), skip=False), weight_count([n, 2, 3, 2])
    share = sp.limit(cost / weights, n, sp.oo)
    same = used_weights((9, 2, 3, 2), skip=False) == cost  # the input takes no part in it
    shown: dict[str, object] = {
        "A[784,100,100,100,100,10], W": weight_count(_PAPER),
        "A[N,2,3,2], cost": cost,
        "cost/W as N → ∞": str(share),
    }
    return Evidence(not (same and share == 0), "exact counter-example", "A[N,2,3,2]", shown)


def equal_sizes(cost: Callable[[Sequence[Expr]], int | Expr]) -> Evidence:
    """`cost` against W′ for A[N,…,N], N a symbol."""
    n = sp.Symbol("N", positive=True, integer=True)
    for depth in range(2, 9):
        sizes = [n] * (depth + 1)
        gap = sp.expand(cost(sizes) - skipped_cost(sizes))
        if gap != 0:
            return Evidence(False, "symbolic difference", f"L = {depth}", {"difference": str(gap)})
    return Evidence(True, "symbolic identity", "L = 2..8, all N")


def one_output(cost: Callable[[Sequence[Expr]], int | Expr]) -> Evidence:
    """`cost` of A[N_0,…,N_{L−1},1] against the number of hidden neurons, sizes open."""
    for depth in range(2, 9):
        sizes = [*sp.symbols(f"N0:{depth}", positive=True, integer=True), sp.S.One]
        gap = sp.expand(cost(sizes) - sum(sizes[1:-1]))
        if gap != 0:
            degree = sp.Poly(cost(sizes), *sizes[:-1]).total_degree()
            shown: dict[str, object] = {"degree in the sizes": degree}
            return Evidence(False, "symbolic difference is not zero", f"L = {depth}", shown)
    ranks = {c.cols for c in open_feedback((3, 4, 2, 1), skip=True)}
    return Evidence(ranks == {1}, "symbolic identity; one column, rank ≤ 1", "L = 2..8, all sizes")


def _quantised_update() -> Evidence:
    """Eq 17 with the identity for Quantize: f′ ⊙ J with J the signal received is I of Eq 18."""
    for sizes in ((2, 3, 2), (3, 2, 4, 2)):
        top = matrix("e", sizes[-1])
        slopes = [matrix(f"d{h}", n) for h, n in enumerate(sizes[1:], start=1)]
        for skip, way in ((False, staged), (True, skipped)):
            feedback = open_feedback(sizes, skip)
            signals = way(top, feedback, slopes)
            for h, c in enumerate(feedback):
                received = c * (top if skip else signals[h + 1])
                below = matrix("o", sizes[h])
                gap = signals[h] * below.T - hadamard(received, slopes[h]) * below.T
                if not vanishes(gap):
                    return Evidence(False, "symbolic difference is not zero", str(sizes))
    return Evidence(True, "symbolic identity", "A[2,3,2], A[3,2,4,2], RBP and SRBP")


def level_count(formula: Callable[[int], int]) -> Evidence:
    """The number of values that Eq 19 takes, 0 apart, against `formula` of bits."""
    counts = {bits: len(levels(bits)) for bits in range(1, 13)}
    wrong = {bits: n for bits, n in counts.items() if n != formula(bits)}
    if wrong:
        bits, n = min(wrong.items())
        shown: dict[str, object] = {f"bits = {bits}": f"{n} values (with 0: {n + 1})"}
        return Evidence(False, "levels enumerated", f"bits = {bits}", shown)
    return Evidence(True, "levels enumerated", "bits = 1..12", {"with 0": "one more"})


def _range() -> Evidence:
    """The exponent lies in −bits+1..0, so α/2^{bits−1} ≤ |Quantize(x)| ≤ α for x ≠ 0."""
    for bits in range(1, 13):
        size = {abs(level) for level in levels(bits)}
        if size != {sp.Integer(2) ** -k for k in range(bits)}:
            return Evidence(False, "levels enumerated", f"bits = {bits}")
    huge, tiny = quantize(10**9, "1/8", 3), quantize("1/1000000000", "1/8", 3)
    shown: dict[str, object] = {"α = 1/8, 3 bits: 10⁹ →": str(huge), "10⁻⁹ →": str(tiny)}
    return Evidence(huge == sp.Rational(1, 8), "levels enumerated", "bits = 1..12, all x", shown)


def _at_zero(extended: bool) -> Evidence:
    """Eq 19 at x = 0, where log₂ 0 is −∞ if `extended`, and else no number."""
    x, alpha = sp.Symbol("x"), sp.Rational(1, 8)
    logarithm = (sp.log(sp.Abs(x / alpha)) / sp.log(2)).subs(x, 0)
    if extended:
        logarithm = sp.limit(sp.log(x / alpha) / sp.log(2), x, 0, "+")
    shown: dict[str, object] = {"log₂ 0": str(logarithm)}
    if not logarithm.is_extended_real:
        return Evidence(False, "evaluated at x = 0", "x = 0", shown)
    clipped = sp.Min(sp.Max(logarithm, -2), 0)
    value = alpha * sp.sign(0) * 2**clipped
    shown["clip"] = str(clipped)
    return Evidence(value == quantize(0, alpha, 3) == 0, "evaluated at x = 0", "x = 0", shown)


for _claim in (
    Claim(
        "channel-eq14",
        "004 Eq 14",
        "Sending the error back in BP takes Θ(W) operations, W = Σ_{k=0}^{L−1} N_k N_{k+1}.",
        _proportional,
        lambda: channel_cost(staged_cost, False),
        "They are Σ_{k=1}^{L−1} N_k N_{k+1}: 31000, not 109400, for 784-100⁴-10; O(W) is right.",
        reason="No error is sent to the inputs, so N_0 N_1 does not count.",
    ),
    Claim(
        "channel-eq15",
        "004 Eq 15",
        "For SRBP it is W′ = N_L Σ_{k=1}^{L−1} N_k.",
        lambda: channel_cost(skipped_cost, True),
    ),
    Claim(
        "channel-cost-equal",
        "004 Sec 3.1",
        "W (Eq 14) and W′ (Eq 15) are identical if all layers have one size (not only in scaling).",
        lambda: equal_sizes(weight_count),
        lambda: equal_sizes(staged_cost),
        "The costs without N_0 N_1 are identical, (L−1)N².",
        reason="Eq 14 has one product more than Eq 15.",
    ),
    Claim(
        "channel-cost-one-output",
        "004 Sec 3.1",
        "With N_L = 1 the matrices of SRBP have rank 1, and W scales like the number of neurons.",
        lambda: one_output(weight_count),
        lambda: one_output(skipped_cost),
        "W′ is the number of hidden neurons.",
        reason="W still counts the forward connections.",
    ),
    Claim(
        "channel-eq18",
        "004 Eq 16–18",
        "I = J f′, so that Eq 17 without Quantize is the plain update.",
        _quantised_update,
    ),
    Claim(
        "channel-eq19-levels",
        "004 Eq 19",
        "bits is the number of bits needed to represent the 2^bits possible values.",
        lambda: level_count(lambda bits: 2**bits),
        lambda: level_count(lambda bits: 2 * bits),
        "There are 2·bits values, and 0.",
        reason="The bits count exponents, of which there are as many as bits.",
    ),
    Claim(
        "channel-eq19-range",
        "004 Eq 19",
        "The quantised values lie in [−α, α].",
        _range,
    ),
    Claim(
        "channel-eq19-zero",
        "004 Eq 19",
        "Eq 19 gives a value for every x.",
        lambda: _at_zero(False),
        lambda: _at_zero(True),
        "Quantize(0) = 0.",
        hypothesis="log₂ 0 is read as −∞ and sign(0) as 0",
        reason="log₂ 0 is no number.",
    ),
):
    register(_claim)
