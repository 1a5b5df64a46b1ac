"""The claims of [001 ch 4] on robustness: skew-symmetric nets, W_λ, and damped inference."""

from collections.abc import Callable
from typing import Any

import sympy as sp

from ..claim import Claim, Evidence, register
from ..dyadic import interpolate, largest_eigenvalue, lipschitz_certificate, norm_squared
from ..opaque import Matrix, dot, matrix, skew, strictly_lower, vanishes, vector

LAMBDA = sp.Symbol("λ", real=True)
SLOPES = "n = 1..5, all slopes, biases and weights"


def sensitivity(weights: Matrix, slopes: Matrix) -> Matrix:
    """ds/db = (I − DW)⁻¹D of the fixed point s = f(Ws + b), D = diag(`slopes`) of f.

    Where f is linear around the fixed points with these slopes, its norm is the ratio
    ‖s − s'‖/‖b − b'‖ that is reached.
    """
    diagonal = sp.diag(*slopes)
    return sp.Matrix((sp.eye(weights.rows) - diagonal * weights).LUsolve(diagonal))


def constant(weights: Matrix, slopes: Matrix) -> sp.Expr:
    """The norm of `sensitivity`, exactly."""
    return sp.sqrt(norm_squared(sensitivity(weights, slopes)))


def _differences(size: int) -> tuple[Matrix, Matrix, Matrix]:
    """Slopes p, pre-activation differences c and state differences d = p ⊙ c.

    By the mean value theorem f(u) − f(u') = p·(u − u') with p between the least and greatest slope.
    """
    p, c = vector("p", size), vector("c", size)
    return p, c, sp.Matrix([a * b for a, b in zip(p, c, strict=True)])


def energy_balance(weights: Matrix, sym: Matrix, slope: Any) -> Any:
    """d·δb + dᵀ sym d − d·d/m against Σ p(1 − p/m)c², with δb = c − Wd and m = `slope`.

    Zero if `sym` is the symmetric part of W: then slopes in [0, m] give, term by term,
    ‖d‖²/m ≤ d·δb + dᵀ(sym W)d.
    """
    p, c, d = _differences(weights.rows)
    bias = c - weights * d
    left = dot(d, bias) + dot(d, sym * d) - dot(d, d) / slope
    right = sp.Add(*(a * (1 - a / slope) * b**2 for a, b in zip(p, c, strict=True)))
    return left - right


def skew_bound(slope: Any = 1) -> Evidence:
    """‖s − s'‖ ≤ m‖b − b'‖ for W = −Wᵀ and slopes of f in [0, m]; δb = 0 gives d = 0."""
    gaps = []
    for size in range(1, 6):
        weights = skew("W", size)
        gaps.append(energy_balance(weights, sp.zeros(size, size), sp.sympify(slope)))
        p, c, d = _differences(size)
        bias = c - weights * d
        # m²‖δb‖² − ‖d‖² = ‖mδb − d‖² + 2m Σ p(1 − p/m) c²: a sum of non-negative terms
        rest = slope * bias - d
        squares = sp.Add(*(a * (1 - a / slope) * b**2 for a, b in zip(p, c, strict=True)))
        gaps.append(slope**2 * dot(bias, bias) - dot(d, d) - dot(rest, rest) - 2 * slope * squares)
    if not vanishes(*gaps):
        return Evidence(False, "symbolic counter-example", SLOPES)
    return Evidence(True, "sum of squares", SLOPES)


def any_activation() -> Evidence:
    """The bound without a hypothesis on f: slopes 2, and slopes +1 and −1."""
    steep = constant(odd_skew(), sp.Matrix([2, 2, 2]))
    ninth = sp.Rational(9, 10)
    mixed = constant(sp.Matrix([[0, -ninth], [ninth, 0]]), sp.Matrix([1, -1]))
    return Evidence(
        bool(steep <= 1 and mixed <= 1),
        "exact counter-example",
        "slope 2 at n = 3; slopes +1 and −1 at n = 2",
        {"L at slope 2": str(steep), "L at slopes +1, −1 with w = 9/10": str(mixed)},
    )


def odd_skew() -> Matrix:
    """A skew-symmetric matrix of odd size."""
    return sp.Matrix([[0, -1, 2], [1, 0, -3], [-2, 3, 0]])


def unbounded_without_monotone() -> Evidence:
    """Slopes +1 and −1 with W = [[0, −w], [w, 0]]: L = 1/(1 − w), from the eigenvectors (1, ±1)."""
    w = sp.Symbol("w")
    operator = sensitivity(sp.Matrix([[0, -w], [w, 0]]), sp.Matrix([1, -1]))
    gram = operator.T * operator
    gaps = []
    for vec, value in (((1, 1), 1 / (1 - w) ** 2), ((1, -1), 1 / (1 + w) ** 2)):
        column = sp.Matrix(vec)
        gaps.extend(gram * column - value * column)
    grows = sp.limit(1 / (1 - w), w, 1, "-") == sp.oo
    return Evidence(
        vanishes(*gaps) and grows,
        "symbolic identity: singular values of the sensitivity",
        "0 ≤ w < 1",
        {"L": "1/(1 − w)"},
    )


def symmetric_not_robust() -> Evidence:
    """W = [[0, w], [w, 0]] and its skew twin, both of norm w = 9/10, with slope 1."""
    w = sp.Rational(9, 10)
    one = sp.Matrix([1, 1])
    tied, twin = sp.Matrix([[0, w], [w, 0]]), sp.Matrix([[0, -w], [w, 0]])
    found, other = constant(tied, one), constant(twin, one)
    same_norm = norm_squared(tied) == norm_squared(twin)
    return Evidence(
        bool(same_norm and found > 1 and other <= 1),
        "exact example",
        "two units",
        {"L symmetric": str(found), "L skew": str(other)},
    )


def linear_constant() -> Evidence:
    """(I − W)ᵀ(I − W) = I + WᵀW for skew W: with f = id, L = 1/√(1 + σ_min(W)²)."""
    gaps = []
    for size in range(1, 6):
        weights = skew("W", size)
        root = sp.eye(size) - weights
        gaps.append(root.T * root - sp.eye(size) - weights.T * weights)
    example = sp.Matrix([[0, -2], [2, 0]])
    found = constant(example, sp.Matrix([1, 1]))
    return Evidence(
        vanishes(*gaps) and found == 1 / sp.sqrt(5),
        "symbolic identity",
        "n = 1..5, all values, f = id",
        {"L of [[0, −2], [2, 0]]": str(found)},
    )


def sharp_at_odd_size(sizes: tuple[int, ...] = (1, 3, 5)) -> Evidence:
    """A skew matrix of these sizes is singular: then σ_min = 0 and, with f = id, L = 1."""
    dets = [skew("W", size).det(method="berkowitz") for size in sizes]
    example = constant(odd_skew(), sp.Matrix([1, 1, 1]))
    return Evidence(
        vanishes(*dets) and example == 1,
        "symbolic identity, det W = 0",
        f"n = {', '.join(map(str, sizes))}, all values, f = id",
        {"L at n = 3": str(example)},
    )


def certificate() -> Evidence:
    """(1 − λΛ)‖d‖² ≤ d·δb ≤ ‖d‖‖δb‖ for W_λ, Λ = λ_max(θ + θᵀ); it is met at λ = 1."""
    gaps = []
    for size in range(1, 5):
        theta = strictly_lower("θ", size)
        both = LAMBDA * (theta + theta.T)
        gaps.append(energy_balance(interpolate(theta, LAMBDA), both, 1))
    w = sp.Rational(9, 10)
    theta = sp.Matrix([[0, 0], [w, 0]])
    bound = lipschitz_certificate(theta, 1)
    reached = constant(interpolate(theta, 1), sp.Matrix([1, 1]))
    skew_case = lipschitz_certificate(theta, 0)
    return Evidence(
        vanishes(*gaps) and bound == reached and skew_case == 1,
        "symbolic identity with non-negative terms",
        "n = 1..4, all λ, θ, slopes in [0, 1], λΛ < 1",
        {"bound at λ = 1, w = 9/10": str(bound), "reached": str(reached)},
    )


def damping(limit_of: Any = None) -> Evidence:
    """‖(1 − h)I + hW‖² = (1 − h)² + h²σ² for skew W: below 1 exactly if 0 < h < 2/(1 + σ²)."""
    h, sigma = sp.symbols("h σ", positive=True)
    gaps: list[Any] = []
    for size in range(1, 6):
        weights, eye = skew("W", size), sp.eye(size)
        step = (1 - h) * eye + h * weights
        gaps.append(step.T * step - (1 - h) ** 2 * eye - h**2 * weights.T * weights)
    # a normal matrix: its norm is its spectral radius
    growth = (1 - h) ** 2 + h**2 * sigma**2 - 1
    limit = 2 / (1 + sigma**2) if limit_of is None else limit_of(sigma)
    gaps.append(growth - h * (1 + sigma**2) * (h - limit))
    example = sp.Matrix([[0, -2], [2, 0]])
    at_one = sp.sqrt(largest_eigenvalue(example.T * example))
    return Evidence(
        vanishes(*gaps),
        "symbolic identity",
        "n = 1..5, all values, f = id",
        {
            "spectral radius at h = 1, σ = 2": str(at_one),
            "critical h at σ = 2": str(limit.subs(sigma, 2)),
        },
    )


def plain_iteration(make: Callable[[str, int], Matrix] = skew) -> Evidence:
    """Errors of s ← Ws + b in the top eigenspace of WᵀW grow by σ = ‖W‖ in every step.

    For skew W the matrix WᵀW commutes with W, so the eigenspace is kept and ‖We‖ = σ‖e‖ in it.
    """
    weights = [make("W", size) for size in range(1, 6)]
    grams = [w.T * w for w in weights]
    gaps = [w * gram - gram * w for w, gram in zip(weights, grams, strict=True)]
    example = sp.Matrix([[0, -2], [2, 0]])
    fixed = (sp.eye(2) - example).LUsolve(sp.Matrix([1, sp.Rational(1, 2)]))
    return Evidence(
        vanishes(*gaps),
        "symbolic identity: WᵀW commutes with W",
        "n = 1..5, all values, f = id",
        {"fixed point of [[0, −2], [2, 0]], b = (1, 1/2)": str(tuple(fixed))},
    )


def flow_settles(sign: int = -1) -> Evidence:
    """d/dt ‖e‖²/2 = eᵀ(−I + W)e = −‖e‖² for skew W and f = id: the flow settles at rate one."""
    gaps = []
    for size in range(1, 6):
        e = vector("e", size)
        gaps.append(dot(e, (skew("W", size) - sp.eye(size)) * e) - sign * dot(e, e))
    if not vanishes(*gaps):
        return Evidence(False, "symbolic counter-example", "f = id")
    return Evidence(True, "symbolic identity, ‖e‖ = e^{−t}", "n = 1..5, all values, f = id")


def footnote(size_limit: int = 5) -> Evidence:
    """W against the sum of ½(W + Wᵀ), which is symmetric, and ½(W − Wᵀ), which is skew."""
    gaps = []
    for size in range(1, size_limit + 1):
        w = matrix("W", size, size)
        both, apart = (w + w.T) / 2, (w - w.T) / 2
        gaps += [w - both - apart, both - both.T, apart + apart.T]
    return Evidence(vanishes(*gaps), "symbolic identity", f"n = 1..{size_limit}")


SKEW = "001 §4.2 Skew-symmetric weights"

for _claim in (
    Claim(
        "thesis-split",
        "001 §4.2 footnote 1",
        "W is the sum of ½(W + Wᵀ), symmetric, and ½(W − Wᵀ), skew-symmetric.",
        footnote,
    ),
    Claim(
        "thesis-lipschitz",
        SKEW,
        "The dynamics of a net with skew-symmetric W are Lipschitz-1.",
        any_activation,
        skew_bound,
        correction="s = f(Ws + b), W = −Wᵀ: ‖s − s'‖ ≤ ‖b − b'‖ (b = θ₀x); one s at most.",
        hypothesis="f elementwise with slopes in [0, 1]",
        reason="Slope 2 gives L = 2; slopes of both signs, as of |x|, sin or GELU, give any L.",
    ),
    Claim(
        "thesis-lipschitz-slope",
        SKEW,
        "With slopes of f in [0, m] the constant of a skew net is at most m.",
        lambda: skew_bound(sp.Symbol("m", positive=True)),
    ),
    Claim(
        "thesis-lipschitz-monotone",
        SKEW,
        "With slopes +1 and −1 the constant 1/(1 − w) of a skew net is unbounded as w → 1.",
        unbounded_without_monotone,
    ),
    Claim(
        "thesis-lipschitz-special",
        SKEW,
        "The property is remarkable: a symmetric W of the same norm does not have it.",
        symmetric_not_robust,
    ),
    Claim(
        "thesis-lipschitz-linear",
        SKEW,
        "For f = id the constant of a skew net is 1/√(1 + σ_min(W)²).",
        linear_constant,
    ),
    Claim(
        "thesis-lipschitz-sharp",
        SKEW,
        "The constant 1 is sharp: for f = id every skew net of odd size has it.",
        sharp_at_odd_size,
    ),
    Claim(
        "thesis-lipschitz-certificate",
        "001 §4.2 W_λ",
        "L ≤ 1/(1 − λ·λ_max(θ + θᵀ)) for W_λ and slopes of f in [0, 1].",
        certificate,
    ),
    Claim(
        "thesis-skew-flow",
        SKEW,
        "Negative feedback makes the flow ds/dt = −s + f(Ws + b) of a skew net stable, f = id.",
        flow_settles,
    ),
    Claim(
        "thesis-skew-iteration",
        SKEW,
        "The plain iteration s ← f(Ws + b) diverges, from some starts, for skew W of norm above 1.",
        plain_iteration,
    ),
    Claim(
        "thesis-skew-damping",
        SKEW,
        "s ← (1 − h)s + h f(Ws + b) of a skew net settles if and only if h < 2/(1 + σ²), f = id.",
        damping,
    ),
):
    register(_claim)
