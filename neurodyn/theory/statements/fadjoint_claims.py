"""Claims of 000, first half: the F-adjoint is back-propagation (Def 3.1–3.3, Lemma 3.1, Alg 1)."""

from itertools import pairwise

import sympy as sp

from ..claim import Claim, Evidence, register
from ..fadjoint import fadjoint, open_problem
from ..layers import (
    Activation,
    Layered,
    Loss,
    Matrix,
    Slope,
    hadamard,
    matrix,
    named,
    partials,
    updates,
    vanishes,
)

_NETS = ((2, 2), (1, 2, 1), (2, 2, 2), (1, 2, 2, 1), (2, 3, 2))


def _coordinate_wise(codomain_shift: int) -> Evidence:
    """Whether σ on layer ℓ of A[3,2,4,1] has values in R^{N_{ℓ+shift}} for each ℓ = 1…L−1."""
    net = Layered.symbolic(3, 2, 4, 1)
    sums, activities = net.forward(matrix("x", 3))
    sizes = [3, 2, 4, 1]
    right = [activities[h].rows == sizes[h + codomain_shift] for h in (1, 2)]
    shown: dict[str, object] = {f"dim σ(Y^{h})": activities[h].rows for h in (1, 2)}
    kept = all(a.shape == s.shape for a, s in zip(activities[1:], sums, strict=True))
    return Evidence(all(right) and kept, "dimensions of σ(Y) computed", "A[3,2,4,1]", shown)


def _weights_fit(extra_column: int) -> Evidence:
    """Whether W^ℓ ∈ R^{N_ℓ×(N_{ℓ−1}+extra)} multiplies X^{ℓ−1} ∈ R^{N_{ℓ−1}}×{1} of Table 1."""
    sizes = (3, 2, 4)
    weights = tuple(
        matrix(f"w{h}", above, below + extra_column)
        for h, (below, above) in enumerate(pairwise(sizes))
    )
    try:
        sums, _ = Layered(weights, biased=True).forward(matrix("x", 3))
    except sp.matrices.exceptions.ShapeError as mismatch:
        return Evidence(False, "product refused", "A[3,2,4]", {"because": str(mismatch)})
    return Evidence([s.rows for s in sums] == [2, 4], "product formed", "A[3,2,4]")


def lemma31(slope_at: int = 0) -> Evidence:
    """Eq 7, Y_*^ℓ (X^{ℓ−1})ᵀ = ∂J/∂W^ℓ, against SymPy's own derivative of J.

    `slope_at` moves σ′ to another layer's sums, which must break the identity.
    """
    for sizes in _NETS:
        net, x, loss, _ = open_problem(sizes)
        sums, activities = net.forward(x)
        moved = sums[slope_at:] + sums[:slope_at]
        if any(m.shape != s.shape for m, s in zip(moved, sums, strict=True)):
            continue
        found = updates(fadjoint(net, moved, partials(loss)).y, activities)
        if not vanishes(f - loss.diff(w) for f, w in zip(found, net.entries(), strict=True)):
            return Evidence(False, "symbolic difference is not zero", str(sizes))
    return Evidence(True, "symbolic identity, σ and J left open", named(_NETS))


def _eq9() -> Evidence:
    """∂f/∂W = ∂f/∂Y Xᵀ with X_q = 1, f open."""
    for n, q in ((1, 2), (2, 3), (3, 2), (3, 4)):
        weight, x = matrix("w", n, q), matrix("x", q - 1).col_join(sp.ones(1, 1))
        f = Loss(*(weight * x))
        outer = partials(f) * x.T
        if not vanishes(outer[i, j] - f.diff(weight[i, j]) for i in range(n) for j in range(q)):
            return Evidence(False, "symbolic difference is not zero", f"n = {n}, q = {q}")
    return Evidence(True, "symbolic identity, f left open", "(n, q) = (1,2), (2,3), (3,2), (3,4)")


def _eq10(missing: int) -> Evidence:
    """W_♯ᵀ ∂f/∂Y is the gradient in the q−1 free coordinates of X, and has q−`missing` rows."""
    for n, q in ((1, 2), (2, 3), (3, 2), (3, 4)):
        weight, free = matrix("w", n, q), matrix("x", q - 1)
        f = Loss(*(weight * free.col_join(sp.ones(1, 1))))
        pulled = sp.Matrix(weight[:, :-1]).T * partials(f)
        if pulled.rows != q - missing:
            shown: dict[str, object] = {"q": q, "rows of W_♯ᵀ ∂f/∂Y": pulled.rows}
            return Evidence(False, "rows counted", f"n = {n}, q = {q}", shown)
        if not vanishes(pulled[i] - f.diff(free[i]) for i in range(q - 1)):
            return Evidence(False, "symbolic difference is not zero", f"n = {n}, q = {q}")
    return Evidence(True, "symbolic identity, f left open", "(n, q) = (1,2), (2,3), (3,2), (3,4)")


# Softmax has no slope σ′(Y) of its own kind: its Jacobian is diag p − ppᵀ


def softmax(y: Matrix) -> Matrix:
    """exp(y_i)/Σ exp(y_j)."""
    powers = y.applyfunc(sp.exp)
    return powers / sum(powers)


def softmax_adjoint(y: Matrix, label: Matrix, *, elementwise: bool) -> Matrix:
    """Y_*^L of cross-entropy on softmax: X_* ⊙ ∂p_i/∂y_i if `elementwise`, and else p − label."""
    p = softmax(y)
    if not elementwise:
        return p - label
    slopes = sp.Matrix([sp.diff(p[i], y[i]) for i in range(p.rows)])
    return hadamard(sp.Matrix([-label[i] / p[i] for i in range(p.rows)]), slopes)


def _softmax_claim(elementwise: bool) -> Evidence:
    """Compare with the derivative of −Σ y_i log p_i, one-hot labels, two to four classes."""
    for n in (2, 3, 4):
        y = matrix("y", n)
        for hot in range(n):
            label = sp.Matrix([int(i == hot) for i in range(n)])
            loss = sp.log(sum(y.applyfunc(sp.exp))) - y[hot]
            wrong = softmax_adjoint(y, label, elementwise=elementwise) - sp.Matrix(
                [loss.diff(v) for v in y]
            )
            at_zero = wrong.subs(dict.fromkeys(y, 0))
            if any(at_zero):
                shown: dict[str, object] = {"Y = 0, Y_* − ∂J/∂Y": str(list(at_zero))}
                return Evidence(False, "exact counter-example", f"{n} classes", shown)
            if not vanishes(sp.cancel(w) for w in wrong):
                return Evidence(False, "symbolic difference is not zero", f"{n} classes")
    return Evidence(True, "symbolic identity", "2, 3, 4 classes, every label")


def _eq11_any() -> Evidence:
    """Eq 11 for softmax, F = X_1 and three classes, with σ′ its slopes ∂σ_i/∂Y_i."""
    y = matrix("y", 3)
    p = softmax(y)
    by_rule = [sp.diff(p[0], y[0]), sp.S.Zero, sp.S.Zero]
    gap = [
        (sp.diff(p[0], v) - r).subs(dict.fromkeys(y, 0)) for v, r in zip(y, by_rule, strict=True)
    ]
    shown: dict[str, object] = {"Y = 0, ∂F/∂Y − right side": str(gap)}
    return Evidence(not any(gap), "exact counter-example, softmax", "n = 3", shown)


def _eq11_elementwise() -> Evidence:
    """Eq 11 for σ that acts on each coordinate alone, F and σ open."""
    for n in (1, 2, 3, 4):
        y = matrix("y", n)
        value = Loss(*y.applyfunc(Activation))
        rule = hadamard(partials(value), y.applyfunc(Slope))
        if not vanishes(value.diff(v) - r for v, r in zip(y, rule, strict=True)):
            return Evidence(False, "symbolic difference is not zero", f"n = {n}")
    return Evidence(True, "symbolic identity, σ and F left open", "n = 1..4")


def algorithm1(initialised: int) -> Evidence:
    """Run the backward loop of Algorithm 1 on A[2,2,2], X_*^`initialised` alone set before it."""
    net, x, loss, expected = open_problem((2, 2, 2))
    sums, _ = net.forward(x)
    stored = {initialised: partials(loss)}
    signals = {}
    for layer in (2, 1):
        if layer not in stored:
            shown: dict[str, object] = {"read before it is set": f"X_*^{layer}"}
            return Evidence(False, "algorithm run", "A[2,2,2]", shown)
        signals[layer] = hadamard(stored[layer], sums[layer - 1].applyfunc(Slope))
        stored[layer - 1] = sp.Matrix(net.weights[layer - 1][:, :-1]).T * signals[layer]
    same = vanishes(signals[1] - expected.y[0]) and vanishes(signals[2] - expected.y[1])
    return Evidence(same, "algorithm run in symbols", "A[2,2,2]")


# The relaxation, Eq 13–19


for _claim in (
    Claim(
        "fadjoint-def32-shape",
        "000 Def 3.2",
        "σ is a coordinate-wise map from R^{N_ℓ} into R^{N_{ℓ+1}}.",
        lambda: _coordinate_wise(1),
        lambda: _coordinate_wise(0),
        "σ maps R^{N_ℓ} into R^{N_ℓ}, as Table 1 has it.",
        reason="A map that acts on each coordinate keeps the number of coordinates.",
    ),
    Claim(
        "fadjoint-def32-bias",
        "000 Def 3.2",
        "W^ℓ ∈ R^{N_ℓ×N_{ℓ−1}} in Y^ℓ = W^ℓ X^{ℓ−1}, with X^{ℓ−1} ∈ R^{N_{ℓ−1}}×{1} of Table 1.",
        lambda: _weights_fit(0),
        lambda: _weights_fit(1),
        "W^ℓ ∈ R^{N_ℓ×(N_{ℓ−1}+1)}; only W_♯^ℓ is N_ℓ×N_{ℓ−1}.",
        reason="The activity carries an added 1 for the bias.",
    ),
    Claim(
        "fadjoint-lemma31",
        "000 Lemma 3.1",
        "If X_*^L = ∂J/∂X^L then Y_*^ℓ (X^{ℓ−1})ᵀ = ∂J/∂W^ℓ for every ℓ.",
        lemma31,
    ),
    Claim("fadjoint-eq9", "000 Eq 9", "∂f/∂W = (∂f/∂Y) Xᵀ for Y = WX with X_q = 1.", _eq9),
    Claim(
        "fadjoint-eq10",
        "000 Eq 10",
        "∂f/∂X = W_♯ᵀ ∂f/∂Y ∈ R^{q×1}.",
        lambda: _eq10(0),
        lambda: _eq10(1),
        "∂f/∂X = W_♯ᵀ ∂f/∂Y ∈ R^{(q−1)×1}.",
        reason="X_q = 1 is no variable, and W_♯ has q−1 columns.",
    ),
    Claim(
        "fadjoint-eq11",
        "000 Eq 11",
        "∂F/∂Y = ∂F/∂X ⊙ σ′(Y) for any differentiable X = σ(Y) ∈ Rⁿ.",
        _eq11_any,
        _eq11_elementwise,
        "∂F/∂Y = ∂F/∂X ⊙ σ′(Y).",
        hypothesis="σ acts on each coordinate alone (softmax does not)",
        reason="With softmax every output depends on every sum.",
    ),
    Claim(
        "fadjoint-softmax",
        "000 Eq 12",
        "Y_*^L = X_*^L ⊙ σ′(Y^L), tried on a softmax output with cross-entropy.",
        lambda: _softmax_claim(True),
        lambda: _softmax_claim(False),
        "Y_*^L = p − y.",
        reason="The rows of the Jacobian diag p − ppᵀ have entries off the diagonal.",
    ),
    Claim(
        "fadjoint-alg1",
        "000 Alg 1",
        "The backward pass starts from X_*^0 = ∂J/∂X^L.",
        lambda: algorithm1(0),
        lambda: algorithm1(2),
        "It starts from X_*^L = ∂J/∂X^L.",
        reason="The loop reads X_*^L first, which the printed line never sets.",
    ),
):
    register(_claim)
