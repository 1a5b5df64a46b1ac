"""Claims of 004, Sec 6: Facts 1–4 on the learning channel, and dropout in it (Eq 20)."""

from collections.abc import Sequence

import sympy as sp

from ..channel import open_problem
from ..claim import Claim, Evidence, register
from ..layers import (
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

_NETS = ((1, 2, 1), (2, 2, 2), (1, 2, 2, 1))


def _ways(sizes: Sequence[int], net: Layered, error: Matrix, slopes: Sequence[Matrix]) -> list:
    """The signals of BP, RBP and SRBP."""
    return [
        staged(error, net.transposes(), slopes),
        staged(error, open_feedback(sizes), slopes),
        skipped(error, open_feedback(sizes, skip=True), slopes),
    ]


def _fact1() -> Evidence:
    """Updates of the top layer in BP, RBP and SRBP against −∂E/∂w^L, f open."""
    for sizes in _NETS:
        net, x, error = open_problem(sizes)
        sums, activities = net.forward(x)
        value = (error.T * error)[0] / 2
        gradient = net.weights[-1].applyfunc(value.diff)
        for signals in _ways(sizes, net, error, net.slopes(sums)):
            if not vanishes(signals[-1] * activities[-2].T + gradient):
                return Evidence(False, "symbolic difference is not zero", str(sizes))
    return Evidence(True, "symbolic identity, f left open", named(_NETS))


def _fact2() -> Evidence:
    """All updates with −(T−O) in place of T−O, those of adaptive feedback R O among them."""
    for sizes in _NETS:
        net, x, _ = open_problem(sizes)
        sums, activities = net.forward(x)
        error, slopes = matrix("e", sizes[-1]), net.slopes(sums)
        pairs = zip(
            _ways(sizes, net, error, slopes), _ways(sizes, net, -error, slopes), strict=True
        )
        for plus, minus in pairs:
            sums_of_both = [a + b for a, b in zip(plus, minus, strict=True)]
            adapted = [s * o.T for s, o in zip(sums_of_both[1:], activities[1:-1], strict=True)]
            if not all(
                vanishes(m) for m in [*adapted, sp.Matrix(updates(sums_of_both, activities))]
            ):
                return Evidence(False, "symbolic difference is not zero", str(sizes))
    return Evidence(True, "symbolic identity, f left open", named(_NETS))


def batch_at_rest(errors: Sequence[int], inputs: Sequence[int]) -> Evidence:
    """Summed RBP update of a₁ in the linear A[1,1,1], c₁ = 1, for these values of T − O."""
    total = sum(e * i for e, i in zip(errors, inputs, strict=True))
    shown: dict[str, object] = {"T − O": str(list(errors)), "I": str(list(inputs)), "ΣΔa₁": total}
    return Evidence(sum(errors) != 0 or total == 0, "exact counter-example", "A[1,1,1]", shown)


def _fact3() -> Evidence:
    """All updates at T − O = 0 for the example, f open."""
    for sizes in _NETS:
        net, x, _ = open_problem(sizes)
        sums, activities = net.forward(x)
        zero = sp.zeros(sizes[-1], 1)
        for signals in _ways(sizes, net, zero, net.slopes(sums)):
            if not vanishes(updates(signals, activities)):
                return Evidence(False, "update is not zero", str(sizes))
    return Evidence(True, "symbolic identity, f left open", named(_NETS))


def first_layer_formula(with_slope: bool) -> Evidence:
    """RBP's Δw¹ on A[2,2,1] against (T−O) c_i I_j, times f′ if `with_slope`, f open."""
    sizes = (2, 2, 1)
    net, x, error = open_problem(sizes)
    sums, activities = net.forward(x)
    slopes, feedback = net.slopes(sums), open_feedback(sizes)
    found = staged(error, feedback, slopes)[0] * activities[0].T
    formula = feedback[0] * error * x.T
    if with_slope:
        formula = sp.diag(*slopes[0]) * formula
    if vanishes(found - formula):
        return Evidence(True, "symbolic identity, f left open", "A[2,2,1]")
    factor = sp.cancel(found[0, 0] / formula[0, 0])
    return Evidence(False, "symbolic", "A[2,2,1]", {"Δw over the formula": str(factor)})


def _same_orthant() -> Evidence:
    """Δw·(−∂E/∂w) on A[N0,N1,1] is b_i c_i times a square (times f′ when f′ is left out)."""
    for sizes in ((1, 1, 1), (2, 2, 1), (2, 3, 1)):
        net, x, error = open_problem(sizes)
        sums, activities = net.forward(x)
        slopes, feedback = net.slopes(sums), open_feedback(sizes)
        exact = staged(error, net.transposes(), slopes)[0] * activities[0].T
        top = net.weights[1]
        for plain in (False, True):
            used = [sp.ones(sizes[1], 1), slopes[1]] if plain else slopes
            found = staged(error, feedback, used)[0] * activities[0].T
            for i in range(sizes[1]):
                for j in range(sizes[0]):
                    power = slopes[0][i] if plain else slopes[0][i] ** 2
                    square = top[i] * feedback[0][i] * power * (error[0] * x[j]) ** 2
                    if not vanishes([found[i, j] * exact[i, j] - square]):
                        return Evidence(False, "symbolic difference is not zero", str(sizes))
    sizes_named = "A[1,1,1], A[2,2,1], A[2,3,1], with and without f′ ≥ 0"
    return Evidence(True, "symbolic identity, f left open: b c times a square", sizes_named)


def _dropout_average() -> Evidence:
    """B with gates g in place of f′ and w + ξ in place of w is linear in each random variable.

    The mean of a polynomial of degree one in each of many independent variables is its value at
    their means, here g → f′, ξ → 0: Eq 4.
    """
    for sizes in ((1, 2, 1), (2, 2, 2), (1, 2, 2, 1)):
        net = Layered.symbolic(*sizes, linear_top=True)
        top = matrix("e", sizes[-1])
        gates = [matrix(f"g{h}", n) for h, n in enumerate(sizes[1:], start=1)]
        slopes = [matrix(f"d{h}", n) for h, n in enumerate(sizes[1:], start=1)]
        noise = [matrix(f"xi{h}", w.cols, w.rows) for h, w in enumerate(net.weights[1:])]
        noisy = [w + n for w, n in zip(net.transposes(), noise, strict=True)]
        random = [entry for m in [*noise, *gates] for entry in m]
        means = dict.fromkeys([entry for m in noise for entry in m], 0)
        means |= {
            g: d
            for gate, slope in zip(gates, slopes, strict=True)
            for g, d in zip(gate, slope, strict=True)
        }
        found = staged(top, noisy, gates)
        wanted = staged(top, net.transposes(), slopes)
        for signal, plain in zip(found[:-1], wanted[:-1], strict=True):
            linear = all(max(sp.Poly(e, *random).degree_list()) <= 1 for e in signal)
            if not (linear and vanishes(signal.subs(means) - plain)):
                return Evidence(False, "not linear in the noise", str(sizes))
    return Evidence(
        True, "degree one in each variable, means put in", "A[1,2,1], A[2,2,2], A[1,2,2,1]"
    )


for _claim in (
    Claim(
        "channel-fact1",
        "004 Fact 1",
        "The top layer follows the gradient: BP = RBP = SRBP there.",
        _fact1,
    ),
    Claim(
        "channel-fact2",
        "004 Fact 2",
        "Changing the sign of T − O changes that of every update.",
        _fact2,
    ),
    Claim(
        "channel-fact3",
        "004 Fact 3",
        "If T − O = 0 (online, or summed over the batch) no weight changes.",
        lambda: batch_at_rest((1, -1), (1, 2)),
        _fact3,
        "If T − O = 0 no weight changes.",
        hypothesis="T − O = 0 for every example",
        reason="Errors that cancel in the sum meet different activities.",
    ),
    Claim(
        "channel-fact4-formula",
        "004 Fact 4",
        "Δw_ij¹ = η(T−O) c_i I_j in a linear or non-linear A[N0,N1,1].",
        lambda: first_layer_formula(False),
        lambda: first_layer_formula(True),
        "Δw_ij¹ = η(T−O) c_i f′(S_i) I_j.",
        reason="The printed form leaves f′ out, which is right for linear nets only.",
    ),
    Claim(
        "channel-fact4-orthant",
        "004 Fact 4",
        "With b_i c_i > 0 each update of A[N0,N1,1] has the sign of the gradient step.",
        _same_orthant,
    ),
    Claim(
        "channel-eq20",
        "004 Eq 20",
        "B is the mean over dropped units (kept with probability f′) and zero-mean weight noise.",
        _dropout_average,
    ),
):
    register(_claim)
