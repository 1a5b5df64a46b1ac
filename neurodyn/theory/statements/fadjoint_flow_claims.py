"""Claims of 000, second half: the relaxation of Eq 13–19, when it equals the F-adjoint, and what
is local about it."""

from typing import Any

import sympy as sp

from ..claim import Claim, Evidence, register
from ..fadjoint import euler, fadjoint, open_problem, relaxed, simultaneous_error
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

_T = sp.Symbol("t", nonnegative=True)
_NETS = ((2, 2), (1, 2, 1), (2, 2, 2), (1, 2, 2, 1), (2, 3, 2))


def bracketing(slope_first: bool) -> Evidence:
    """Wᵀ X_* ⊙ σ′ [Eq 13], where ⊙ binds first if `slope_first` and else last, against ∂J/∂X.

    One layer W with open σ and open J is enough: X_* of the layer above is any vector.
    """
    for rows, columns in ((2, 2), (3, 2), (1, 3)):
        w, x = matrix("w", rows, columns), matrix("x", columns)
        sums = w * x
        loss = Loss(*sums.applyfunc(Activation))
        above, slope = partials(loss), sums.applyfunc(Slope)
        try:
            found = w.T * hadamard(above, slope) if slope_first else hadamard(w.T * above, slope)
        except sp.matrices.exceptions.ShapeError as mismatch:
            shown: dict[str, object] = {"because": str(mismatch)}
            return Evidence(False, "product refused", f"W {rows}×{columns}", shown)
        if not vanishes(f - loss.diff(v) for f, v in zip(found, x, strict=True)):
            return Evidence(False, "symbolic difference is not zero", f"W {rows}×{columns}")
    return Evidence(True, "symbolic identity, σ and J left open", "W 2×2, 3×2, 1×3")


def closed_form() -> Evidence:
    """Eq 14 and 15: `relaxed` solves the equation, starts at X and tends to X_*."""
    start, target = matrix("x", 2), matrix("a", 2)
    state = relaxed(start, target, _T)
    solves = vanishes(state.diff(_T) + state - target)
    starts = vanishes(state.subs(_T, 0) - start)
    ends = all(sp.limit(v, _T, sp.oo) == a for v, a in zip(state, target, strict=True))
    return Evidence(solves and starts and ends, "solution substituted, limit taken", "all values")


def _equilibria_from_above() -> Evidence:
    """Eq 14, 16 and 18 have one right side when the layer above is at rest already (Eq 15, 17)."""
    for sizes in _NETS[1:]:
        net, x, _, adjoint = open_problem(sizes)
        sums, _ = net.forward(x)
        above = adjoint.x[-1]  # X_~^L(∞) = X_*^L
        for layer in range(len(sizes) - 2, 0, -1):
            down = sp.Matrix(net.weights[layer][:, :-1]).T
            slope = sums[layer].applyfunc(Slope)
            input16 = down * sp.diag(*slope) * above
            input18 = down * hadamard(above, slope)  # Y_~(∞) of Eq 17
            if not (vanishes(input16 - adjoint.x[layer]) and vanishes(input18 - input16)):
                return Evidence(False, "symbolic difference is not zero", str(sizes))
            above = input18
    return Evidence(True, "symbolic identity layer by layer from the top", named(_NETS[1:]))


def together(terms: int | None = None) -> Evidence:
    """The errors of layers that relax together, with only `terms` of the sum kept if given.

    Blocks and errors are symbols that do not commute, so any sizes of the layers are covered.
    """
    for count in range(2, 8):
        blocks = [sp.Symbol(f"B{i}", commutative=False) for i in range(count - 1)]
        start = [sp.Symbol(f"E{i}", commutative=False) for i in range(count)]
        errors = simultaneous_error(blocks, start, _T)
        if terms is not None:
            errors = [sum(sp.Add.make_args(sp.expand(e))[:terms], start=sp.S.Zero) for e in errors]
        for low, error in enumerate(errors):
            drive = blocks[low] * errors[low + 1] if low + 1 < count else sp.S.Zero
            if sp.expand(error.diff(_T) + error - drive) != 0:
                return Evidence(False, "flow not solved", f"{count} layers")
            starts = sp.expand(error.subs(_T, 0) - start[low]) == 0
            factors = [t.as_coeff_mul(_T)[1] for t in sp.Add.make_args(sp.expand(error))]
            powers = [sp.Mul(*[f for f in group if f.has(_T)]) for group in factors]
            if not starts or any(sp.limit(p, _T, sp.oo) != 0 for p in powers):
                return Evidence(False, "start or limit wrong", f"{count} layers")
    return Evidence(True, "solution substituted, limit taken", "2..7 layers of any sizes")


def _equivalent_together() -> Evidence:
    """Whether two layers that relax together follow Eq 14, error e^{−t}·E(0)."""
    block, low, high = sp.symbols("B E0 E1")
    error = simultaneous_error([block], [low, high], _T)[0]
    gap = sp.expand(error - sp.exp(-_T) * low)
    shown: dict[str, object] = {"excess error": str(gap)}
    return Evidence(gap == 0, "exact counter-example", "2 layers", shown)


_STEP = sp.Symbol("h", real=True)


def _any_step() -> Evidence:
    """Ten Euler steps of h = 3 from distance 1, which must shrink if every step is allowed."""
    end = euler(sp.Matrix([1]), sp.Matrix([0]), sp.Integer(3), 10)[0]
    shown: dict[str, object] = {"h": 3, "distance after 10 steps from 1": str(end)}
    return Evidence(bool(abs(end) < 1), "exact counter-example", "h = 3, 10 steps", shown)


def small_step() -> Evidence:
    """One step multiplies the error by 1−h, so n steps by (1−h)^n; 0 < h < 2 shrinks it."""
    start, target = matrix("x", 2), matrix("a", 2)
    one = euler(start, target, _STEP, 1) - target
    law = vanishes(one - (1 - _STEP) * (start - target))
    shrinks: Any = sp.reduce_inequalities(sp.Abs(1 - _STEP) < 1, _STEP)
    interval = sp.Interval.open(0, 2)
    at_one = vanishes(euler(start, target, sp.S.One, 1) - target)
    edge = vanishes(euler(start, target, sp.Integer(2), 2) - start)  # h = 2 only goes to and fro
    holds = law and shrinks.as_set() == interval and at_one and edge
    values: dict[str, object] = {"h = 1": "exact in one step", "h = 2": "oscillates"}
    return Evidence(bool(holds), "induction step, inequality solved", "all n, h, X, X_*", values)


def truncation(bias: bool) -> Evidence:
    """The update of one layer stopped at time T, minus the gradient and, if `bias`, its error."""
    start, target, slope, below = (matrix(name, 2) for name in ("x", "a", "s", "u"))
    time = sp.Symbol("T", positive=True)
    used = hadamard(relaxed(start, target, time), slope) * below.T
    expected = hadamard(target, slope) * below.T
    if bias:
        expected += sp.exp(-time) * hadamard(start - target, slope) * below.T
    if vanishes(used - expected):
        return Evidence(True, "symbolic identity", "2 units, all values")
    at = dict.fromkeys(start, 2) | dict.fromkeys([*target, *slope, *below], 1)
    gap = (used - expected)[0].subs(at)
    return Evidence(False, "exact counter-example", "X = 2, X_* = 1", {"error": str(gap)})


def _at_rest(target: Matrix) -> Matrix:
    """X_~(∞) of Eq 14, as the limit of its solution."""
    stand_in = matrix("a", target.rows)  # limits of long expressions are slow
    state = relaxed(matrix("s", target.rows), stand_in, _T)
    ends = [sp.limit(value, _T, sp.oo) for value in state]
    return sp.Matrix(ends).subs(dict(zip(stand_in, target, strict=True)), simultaneous=True)


def _eq19() -> Evidence:
    """The update from Eq 17 at rest, layer after layer, against SymPy's own gradient."""
    for sizes in _NETS:
        net, x, loss, adjoint = open_problem(sizes)
        sums, activities = net.forward(x)
        rest = [_at_rest(a) for a in adjoint.x[1:]]
        signals = [hadamard(r, s.applyfunc(Slope)) for r, s in zip(rest, sums, strict=True)]
        found = updates(signals, activities)
        if not vanishes(f - loss.diff(w) for f, w in zip(found, net.entries(), strict=True)):
            return Evidence(False, "symbolic difference is not zero", str(sizes))
    return Evidence(True, "symbolic identity, σ and J left open", named(_NETS))


# Locality


def _determined_by_propagation() -> Evidence:
    """Whether F(X⁰) and X_*^L fix Y_*^1: two nets A[1,1,1] that share both, σ open."""
    w, b, shift, x, top = sp.symbols("w b d x top")
    first = sp.Matrix([[sp.Symbol("v"), sp.Symbol("c")]])
    activity = Layered((first,), biased=True).output(sp.Matrix([x]))[0]
    nets = [sp.Matrix([[w, b]]), sp.Matrix([[w + shift, b - shift * activity]])]
    sums, signals = [], []
    for second in nets:
        net = Layered((first, second), biased=True)
        sums.append(net.forward(sp.Matrix([x]))[0])
        signals.append(fadjoint(net, sums[-1], sp.Matrix([top])).y[0])
    shared = vanishes([sums[0][1][0] - sums[1][1][0]])
    gap = sp.simplify((signals[1] - signals[0])[0].subs(sums[1][1][0], sums[0][1][0]))
    shown: dict[str, object] = {"same F(X⁰) and X_*^L": shared, "Y_*^1 differs by": str(gap)}
    return Evidence(not (shared and gap != 0), "exact counter-example", "A[1,1,1]", shown)


def _needs_upper_weights() -> Evidence:
    """Y_*^ℓ of the rule is back-propagation's ∂J/∂Y^ℓ, with W_♯ of the layers above as inputs."""
    for sizes in ((1, 1, 1), (2, 2, 2), (1, 2, 2, 1)):
        net, _, loss, adjoint = open_problem(sizes)
        layers = len(net.weights)
        for layer in range(layers):
            # ∂J/∂Y^ℓ is the derivative with respect to the biases of layer ℓ
            biases = [net.weights[layer][i, -1] for i in range(net.weights[layer].rows)]
            same = vanishes(a - loss.diff(b) for a, b in zip(adjoint.y[layer], biases, strict=True))
            above = {s for w in net.weights[layer + 1 :] for s in w[:, :-1].free_symbols}
            held = [matrix(f"Y{h}", n) for h, n in enumerate(sizes[1:], start=1)]
            signal = fadjoint(net, held, matrix("top", sizes[-1])).y[layer]
            if not same or not above <= signal.free_symbols:
                return Evidence(False, "symbolic difference is not zero", str(sizes))
    return Evidence(True, "symbolic identity, σ and J left open", "A[1,1,1], A[2,2,2], A[1,2,2,1]")


def _only_approximate() -> Evidence:
    """Whether the rule differs from the gradient."""
    exact = _eq19().holds
    return Evidence(not exact, "exact: Eq 19 equals ∂J/∂W", named(_NETS))


for _claim in (
    Claim(
        "fadjoint-eq13",
        "000 Eq 13, 16",
        "X_*^ℓ = (W_♯)ᵀ X_*^{ℓ+1} ⊙ σ′(Y^{ℓ+1}), read from left to right.",
        lambda: bracketing(False),
        lambda: bracketing(True),
        "X_*^ℓ = (W_♯)ᵀ (X_*^{ℓ+1} ⊙ σ′(Y^{ℓ+1})).",
        reason="The slope belongs to layer ℓ+1; from the left it meets a vector of layer ℓ.",
    ),
    Claim(
        "fadjoint-eq14",
        "000 Eq 14–15",
        "dX_~/dt = −X_~ + X_* from X converges to X_*.",
        closed_form,
    ),
    Claim(
        "fadjoint-eq16-sequential",
        "000 Eq 16–18",
        "Eq 14, 16 and 18 are the same system, layer after layer from the top.",
        _equilibria_from_above,
    ),
    Claim(
        "fadjoint-simultaneous",
        "000 Eq 18",
        "Eq 18, iterated for all layers at once, is equivalent to Eq 14.",
        _equivalent_together,
        together,
        "Same limit, but the error is e^{−t} Σ_j t^j/j! · B_ℓ…B_{ℓ+j−1} E_{ℓ+j}(0).",
        reason="Each layer is driven by one that still moves: a Jordan block.",
    ),
    Claim(
        "fadjoint-euler",
        "000 Sec 3.4 (Alg 2)",
        "Eq 18, iterated until convergence (Euler steps of any size), reaches X_*.",
        _any_step,
        small_step,
        "After n steps the error is (1−h)^n times the first; h = 1 is exact at once.",
        hypothesis="0 < h < 2",
        reason="The error is multiplied by 1−h in each step.",
    ),
    Claim(
        "fadjoint-truncation",
        "000 Sec 3.4 (Alg 2)",
        "Run until convergence (in practice to a time T), the state times σ′(Y) is precisely Y_*.",
        lambda: truncation(False),
        lambda: truncation(True),
        "The update has the bias e^{−T} (X − X_*) ⊙ σ′ · xᵀ.",
        reason="The state is exact at rest only.",
    ),
    Claim("fadjoint-eq19", "000 Eq 17, 19", "∂J/∂W^ℓ = Y_~^ℓ(∞) (X^{ℓ−1})ᵀ.", _eq19),
    Claim(
        "fadjoint-local",
        "000 Def 3.4",
        "With Eq 19 each Y_*^ℓ depends only on X_*^L and F(X⁰), so the rule is local.",
        _determined_by_propagation,
        _needs_upper_weights,
        "Y_*^ℓ = ∂J/∂Y^ℓ depends on W_♯ of every layer above, as in back-propagation.",
        reason="Two nets can share F(X⁰) and X_*^L and differ in W_♯; weight transport remains.",
    ),
    Claim(
        "fadjoint-approximate",
        "000 Sec 3.4",
        "The procedure approximates the gradient, as far as feedback weights are symmetric.",
        _only_approximate,
        reason="Eq 19 is exact: the feedback is Wᵀ itself, there are no other weights.",
    ),
):
    register(_claim)
