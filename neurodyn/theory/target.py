"""Target propagation [002]: targets, quadratic forms of Jacobian products, and maps as words.

τ_L = h_L − β ∂L/∂h_L                                   [002 Eq 5]
τ_l = g_{l+1}(τ_{l+1}) + h_l − g_{l+1}(h_{l+1})          [002 Eq 8]
Δh_lᵀ J_{f_l} J_{g_l} Δh_l ≥ 0                           [002 Eq 14]
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import sympy as sp
from sympy.combinatorics.free_groups import FreeGroupElement

from .layers import Expr, Matrix

Map = Callable[[Matrix], Matrix]


def difference_target(g: Map, target: Matrix, above: Matrix, below: Matrix) -> Matrix:
    """τ_l = g(τ_{l+1}) + h_l − g(h_{l+1}) [002 Eq 8].

    **Arguments:** `g`, the decoder g_{l+1}; `target`, τ_{l+1}; `above`, h_{l+1}; `below`, h_l.

    >>> double = lambda v: 2 * v
    >>> difference_target(double, sp.Matrix([3]), sp.Matrix([1]), sp.Matrix([5]))
    Matrix([[9]])
    """
    return g(target) + below - g(above)


def symmetric_part(m: Matrix) -> Matrix:
    """(M + Mᵀ)/2, the only part of M that a quadratic form vᵀMv sees."""
    if m.rows != m.cols:
        raise ValueError(f"m must be square, got {m.rows}×{m.cols}.")
    return (m + m.T) / 2


def never_negative(m: Matrix) -> bool:
    """Whether vᵀMv ≥ 0 for every v [002 Eq 15]; M of exact numbers, not needed symmetric.

    >>> never_negative(sp.Matrix([[1, 4], [0, 1]]))
    False
    """
    answer = symmetric_part(m).is_positive_semidefinite
    if answer is None:
        raise ValueError("m must hold exact real numbers; replace its symbols and floats.")
    return bool(answer)


def negative_fraction(m: Matrix) -> Expr:
    """The exact fraction of directions ε of the plane with εᵀMε < 0.

    In the axes of the symmetric part the form is λ₁cos²φ + λ₂sin²φ: with λ₁ > 0 > λ₂ it is
    negative where |tan φ| > √(λ₁/−λ₂).

    >>> negative_fraction(sp.diag(3, -1))
    1/3
    """
    if m.shape != (2, 2):
        raise ValueError(f"m must be 2×2, got {m.rows}×{m.cols}.")
    low, high = sorted(sp.roots(symmetric_part(m).charpoly(), multiple=True))
    if low >= 0:
        return sp.S.Zero
    if high <= 0:
        return sp.S.One
    return 1 - 2 / sp.pi * sp.atan(sp.sqrt(high / -low))


@dataclass(frozen=True)
class Maps:
    """A sum of maps, each a word in bijections and their inverses: `terms[word]` is its factor.

    Words compose from right to left and cancel (f⁻¹∘f = id), as in a free group, so that an
    identity between such sums holds for all bijections of all spaces. Only composition from the
    right is defined, (u + v)∘w = u∘w + v∘w: from the left it holds for linear maps only.
    """

    terms: Mapping[FreeGroupElement, int] = field(default_factory=dict)

    def __add__(self, other: "Maps") -> "Maps":
        words = {*self.terms, *other.terms}
        total = {w: self.terms.get(w, 0) + other.terms.get(w, 0) for w in words}
        return Maps({w: n for w, n in total.items() if n})

    def __neg__(self) -> "Maps":
        return Maps({w: -n for w, n in self.terms.items()})

    def __sub__(self, other: "Maps") -> "Maps":
        return self + -other

    def after(self, word: FreeGroupElement) -> "Maps":
        """The maps applied after `word`: v ↦ self(word(v))."""
        return Maps({w * word: n for w, n in self.terms.items()})


def word(element: FreeGroupElement) -> Maps:
    """The sum of that one map."""
    return Maps({element: 1})
