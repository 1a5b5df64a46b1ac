"""Claims on 004 Eq 110–112 beyond 2 × 2: whether the set of limit points is discrete.

With C1 = Σ_II = Σ_TI = I the set is AB = I, B + Bᵗ − AAᵗ = K, A + Aᵗ − BBᵗ = L.
"""

from typing import Any

import sympy as sp

from ..claim import Claim, Evidence, register
from ..words import derivative, letters, vanish
from .fibre_claims import J, lemma3, scalar_alone

X = sp.Symbol("x")


def kl(a: Any, b: Any) -> tuple[Any, Any]:
    """K and L of Eq 112 at A = a, B = b."""
    return b + b.T - a * a.T, a + a.T - b * b.T


def reflection(y: Any, n: int) -> Any:
    """[[I, 0], [yᵗ, −1]], its own inverse."""
    return sp.Matrix([*sp.eye(n - 1).row_join(sp.zeros(n - 1, 1)).tolist(), [*y, -1]])


def never_discrete() -> Evidence:
    """A² = I and K = L = diag(1, …, 1, −3 − |y|²): a sphere S^(n−2) of y, for every n ≥ 3.

    Returns evidence against discreteness. The blocks are multiplied with y of any length.
    """
    y, yt = sp.symbols("y yᵗ", commutative=False)  # a column of any length, and its transpose
    block = sp.Matrix([[1, 0], [yt, -1]])
    block_t = sp.Matrix([[1, y], [0, -1]])
    square = sp.expand(block * block) == sp.eye(2)
    k = sp.expand(block + block_t - block * block_t)
    general = square and k == sp.Matrix([[1, 0], [0, -3 - yt * y]])
    explicit = []
    for n in (3, 4, 5):
        entries = sp.symbols(f"y1:{n}", real=True)
        a = reflection(entries, n)
        goal = sp.diag(*[1] * (n - 1), -3 - sum(v**2 for v in entries))
        explicit += [a * a - sp.eye(n), *(m - goal for m in kl(a, a))]
    u = sp.Symbol("u", real=True)  # n = 3, a rational circle: two points of it
    circle = ((1 - u**2) / (1 + u**2), 2 * u / (1 + u**2))
    ends = [reflection([v.subs(u, at) for v in circle], 3) for at in (0, sp.Rational(1, 2))]
    on_one = kl(ends[0], ends[0]) == kl(ends[1], ends[1]) and ends[0] != ends[1]
    found = general and vanish(explicit) and on_one
    values: dict[str, object] = {
        "A": "[[I, 0], [yᵗ, −1]]",
        "K = L": "diag(1, …, 1, −3 − |y|²)",
        "n = 3": "a circle",
    }
    return Evidence(not found, "exact counter-example", "every n ≥ 3", values)


def second_family() -> Evidence:
    """n = 3: [[pI + qJ, 0], [yᵗ, z]] with z(p² + q²) = −1 has K, L that depend on |y| only."""
    p, z, y1, y2 = sp.symbols("p z y1 y2", real=True)
    q = sp.Symbol("q", real=True)
    corner = p * sp.eye(2) + q * J
    row = sp.Matrix([[y1, y2]])
    a = corner.row_join(sp.zeros(2, 1)).col_join(row.row_join(sp.Matrix([[z]])))
    b = a.inv()
    gaps: list[Any] = []
    for m in kl(a, b):
        # on z = −1/(p² + q²) the mixed entries vanish; the rest is free of the angle of y
        mixed = [m[0, 2], m[1, 2]]
        turned = y2 * sp.diff(m[2, 2], y1) - y1 * sp.diff(m[2, 2], y2)
        fixed = [sp.diff(m[i, j], v) for i in (0, 1) for j in (0, 1) for v in (y1, y2)]
        gaps += [*mixed, turned, *fixed]
    on_set = [sp.simplify(g.subs(z, -1 / (p**2 + q**2))) for g in gaps]
    return Evidence(not any(on_set), "symbolic identity", "n = 3, all p, q, y")


def complex_structures() -> Evidence:
    """n = 4: A = xi + yj + zk with x² + y² + z² = 1 is orthogonal and skew: K = L = −I."""
    x, y, z = sp.symbols("x y z", real=True)
    a = sp.Matrix([[0, -x, -y, -z], [x, 0, -z, y], [y, z, 0, -x], [z, -y, x, 0]])
    squared = (a * a + (x**2 + y**2 + z**2) * sp.eye(4)).applyfunc(sp.expand)
    # so A⁻¹ = −A = Aᵗ on the sphere, AAᵗ = −A² = I
    k, left = kl(a, a.T)
    gaps = [squared, a + a.T, k + a * a.T, left + a.T * a, a * a.T + a * a]
    return Evidence(vanish(gaps), "symbolic identity", "n = 4, the whole 2-sphere")


def normal(a: Any, b: Any) -> Any:
    """The characteristic polynomial of W ↦ −(WAᵗA + BW), which governs W = BA − I near rest."""
    n = a.rows
    eye = sp.eye(n)
    matrix: Any = -(sp.kronecker_product(eye, (a.T * a).T) + sp.kronecker_product(b, eye))
    return sp.factor(matrix.charpoly(X).as_expr())


def hyperbolic() -> Evidence:
    """n = 4, A = i: the normal rates are −1 ± i, eight times each."""
    a = sp.Matrix([[0, -1, 0, 0], [1, 0, 0, 0], [0, 0, 0, -1], [0, 0, 1, 0]])
    gap = sp.expand(normal(a, a.T) - ((X + 1) ** 2 + 1) ** 8)
    return Evidence(gap == 0, "characteristic polynomial", "n = 4, A = i")


def unstable_circle() -> Evidence:
    """n = 3, |y| = 1: rates 0 and (√5 − 1)/2 > 0 among −(s_i² + β_j)."""
    a = reflection((1, 0), 3)
    polynomial = sp.Poly(normal(a, a), X)
    golden = sp.Poly(X**2 + X - 1, X)  # (√5 − 1)/2 is its positive root
    holds = polynomial.eval(0) == 0 and sp.rem(polynomial, golden).is_zero
    return Evidence(holds, "characteristic polynomial", "n = 3, y = (1, 0)")


def linearised() -> Evidence:
    """d(BA)/dt = B′A + BA′ along Eq 111, where A′ = −W and B′ = −WAᵗ."""
    (A, B), (At, _), _ = letters("A B")
    W = B * A - 1
    slope = derivative(B * A, {A: -W, B: -W * At})
    return Evidence(vanish([slope + W * At * A + B * W]), "identity in free letters", "all sizes")


def complex_line() -> Evidence:
    """A = −I + u[[1, i], [i, −1]], u complex, has K = L = −3I; the real fibre is −I alone."""
    u = sp.Symbol("u")
    null = sp.Matrix([[1, sp.I], [sp.I, -1]])
    a, b = -sp.eye(2) + u * null, -sp.eye(2) - u * null
    line = vanish([a * b - sp.eye(2), *(m + 3 * sp.eye(2) for m in kl(a, b))])
    alone = scalar_alone().holds  # a = −1
    values: dict[str, object] = {"over ℂ": "a line", "over ℝ": "one point"}
    return Evidence(not (line and alone), "exact counter-example", "2 × 2, K = L = −3I", values)


def generic_basis() -> Evidence:
    """A = [[1, 1/2], [0, 2]]: the ideal is zero-dimensional over ℂ, so the real set is finite."""
    a, b, c, d, w = symbols = sp.symbols("a b c d w")
    at = sp.Matrix([[1, sp.Rational(1, 2)], [0, 2]])
    k, left = kl(at, at.inv())
    m, inverse = sp.Matrix([[a, b], [c, d]]), w * sp.Matrix([[d, -b], [-c, a]])
    gaps = [g - h for g, h in zip(kl(m, inverse), (k, left), strict=True)]
    equations = [g[i] for g in gaps for i in (0, 1, 3)] + [w * (a * d - b * c) - 1]
    basis = sp.groebner(equations, *symbols, order="grevlex")
    contains = all(basis.contains(e) for e in equations)
    return Evidence(basis.is_zero_dimensional and contains, "Gröbner basis", "one 2 × 2 instance")


def kernel_at_minus_one() -> Evidence:
    """At A = −I every E solves Eq 122 (X = Y = 0), yet the fibre is that point alone."""
    e = sp.Matrix(2, 2, sp.symbols("e1:5"))
    a = b = -sp.eye(2)
    x, y = e * a.T + b * e * b, e + b * e * b * b.T
    holds = vanish([x, y]) and scalar_alone().holds and lemma3().holds
    return Evidence(holds, "symbolic identity", "2 × 2, A = −I", {"dimension of the kernel": "4"})


for _claim in (
    Claim(
        "discrete-in-general",
        "004 after Thm 10",
        "in general the set defined by Eq 110 is discrete ('evidence that it might be')",
        never_discrete,
        reason="for every n ≥ 3 it contains spheres, with C1 = Σ_II = Σ_TI = I.",
    ),
    Claim(
        "discrete-second-family",
        "004 after Thm 10 (not in the paper)",
        "for n = 3 also [[pI + qJ, 0], [yᵗ, −1/(p² + q²)]] has circles of equal K and L",
        second_family,
    ),
    Claim(
        "discrete-n4-sphere",
        "004 after Thm 10 (not in the paper)",
        "for n = 4 the orthogonal complex structures, a 2-sphere, all have K = L = −I",
        complex_structures,
    ),
    Claim(
        "discrete-linearised",
        "004 Eq 111 (not in the paper)",
        "W = BA − I obeys dW/dt = −(WAᵗA + BW)",
        linearised,
    ),
    Claim(
        "discrete-n4-attracts",
        "004 after Thm 10 (not in the paper)",
        "the 2-sphere of n = 4 attracts, at the rates −1 ± i: discreteness is not necessary",
        hyperbolic,
    ),
    Claim(
        "discrete-n3-repels",
        "004 after Thm 10 (not in the paper)",
        "the circle of n = 3 has a growing direction, at the rate (√5 − 1)/2",
        unstable_circle,
    ),
    Claim(
        "discrete-koszul",
        "004 after Thm 10 (Koszul complex)",
        "there is an algorithm over the ideal of Eq 110 that decides whether the set is discrete",
        complex_line,
        generic_basis,
        correction="an ideal of dimension zero over ℂ shows that the real set is discrete",
        hypothesis="discreteness over ℂ, which suffices and is not necessary",
        reason="at K = L = −3I the complex set is a line and the real one a point.",
    ),
    Claim(
        "fibre-minus-one",
        "004 Thm 10 (A = −I)",
        "at A = −I the equations are degenerate in every direction, yet the point is isolated",
        kernel_at_minus_one,
    ),
):
    register(_claim)
