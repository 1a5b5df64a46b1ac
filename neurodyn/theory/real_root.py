"""Real roots of polynomials over ℚ, each enclosed by two rationals and exact on request."""

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import sympy as sp

WIDTH = Fraction(1, 10**31)  # enclosures are made narrower than 1e-30
_SMALL = 10**9  # denominators up to here are tried before a root is called irrational


def exact_number(value: object, name: str) -> sp.Expr:
    """`value` as an exact SymPy number or symbolic expression.

    **Arguments:** `value`, an int, Fraction, text such as "-1/2" or "0.3", a float (taken at its
    exact binary value) or a SymPy expression; `name`, how messages call it.
    **Raises:** `ValueError` if it is not a finite number.

    >>> exact_number("0.3", "c"), exact_number(0.25, "c")
    (3/10, 1/4)
    """
    number: Any = None
    with contextlib.suppress(TypeError, ValueError, ZeroDivisionError, sp.SympifyError):
        text = isinstance(value, str)
        number = sp.Rational(value.strip()) if text else sp.sympify(value, strict=True)
    if not isinstance(number, sp.Expr) or not _may_be_finite(number):
        raise ValueError(f'{name} has {value!r}: give a finite number, or text such as "-1/2".')
    return sp.Rational(number) if isinstance(number, sp.Float) else number


def rational(value: object, name: str) -> Any:
    """`exact_number` that must be rational; `ValueError` otherwise."""
    number = exact_number(value, name)
    if not isinstance(number, sp.Rational):
        raise ValueError(f"{name} has {number}: give a finite number, rational and not a symbol.")
    return number


def fraction(value: Any) -> Fraction:
    """A SymPy rational as a `Fraction`."""
    return Fraction(int(value.p), int(value.q))


def ratio(value: Fraction) -> Any:
    """A `Fraction` as a SymPy rational."""
    return sp.Rational(value.numerator, value.denominator)


def coefficients(poly: sp.Poly) -> tuple[Fraction, ...]:
    """The coefficients of `poly` over ℚ, highest power first."""
    return tuple(fraction(k) for k in poly.all_coeffs())


def enclose(coeffs: Sequence[Fraction], low: Fraction, high: Fraction) -> tuple[Fraction, Fraction]:
    """Bounds of a polynomial on [low, high], by Horner's scheme in interval arithmetic."""
    below = above = Fraction(0)
    for k in coeffs:
        corners = (below * low, below * high, above * low, above * high)
        below, above = min(corners) + k, max(corners) + k
    return below, above


@dataclass(frozen=True)
class RealRoot:
    """One real root, alone in its enclosure.

    **Fields:** `poly`, square-free with integer coefficients; `index`, the number of its real
    roots below this one; `low` and `high`, equal if the root is known to be rational;
    `multiplicity`, in the polynomial that was asked about.
    """

    poly: sp.Poly
    index: int
    low: Fraction
    high: Fraction
    multiplicity: int

    def refined(self, width: Fraction) -> "RealRoot":
        """The same root with an enclosure at most `width` wide (bisection, exact signs)."""
        low, high = self.low, self.high
        if high - low <= width:
            return self
        coeffs = [int(k) for k in self.poly.all_coeffs()]
        slope: Any = self.poly.diff()
        left = _sign(coeffs, low) or _sign([int(k) for k in slope.all_coeffs()], low)
        while high - low > width:
            middle = (low + high) / 2
            sign = _sign(coeffs, middle)
            if sign == 0:
                return replace(self, low=middle, high=middle)
            low, high = (middle, high) if sign == left else (low, middle)
        return replace(self, low=low, high=high)

    def apart_from(self, point: Fraction) -> "RealRoot":
        """The same root, refined until `point`, which is not the root, is not inside."""
        root = self
        while root.low < point < root.high:
            root = root.refined((root.high - root.low) / 2)
        return root

    def side_of(self, point: Fraction) -> int:
        """1 if the root lies above `point`, -1 below, 0 on it."""
        if self.low == self.high:
            return (self.low > point) - (self.low < point)
        if self.low < point < self.high and self.poly.eval(ratio(point)) == 0:
            return 0
        return 1 if self.apart_from(point).low >= point else -1

    def exact(self) -> sp.Expr:
        """The root as a rational, a square root or a `CRootOf`.

        SymPy factors the polynomial first, which takes seconds from degree 127; the enclosure
        needs none of this.
        """
        fine = self.refined(WIDTH)
        guess = ((fine.low + fine.high) / 2).limit_denominator(_SMALL)
        if fine.low <= guess <= fine.high and self.poly.eval(ratio(guess)) == 0:
            return ratio(guess)
        found: Any = sp.rootof(self.poly.as_expr(), self.index)
        return found


def real_roots(poly: sp.Poly) -> list[RealRoot]:
    """The distinct real roots of a non-zero polynomial over ℚ, ascending.

    >>> x = sp.Symbol("x")
    >>> [(r.exact(), r.multiplicity) for r in real_roots(sp.Poly((x - 1) ** 2 * (x + 2), x))]
    [(-2, 1), (1, 2)]
    """
    if poly.degree() < 1:
        return []
    # continued fractions; counting with Sturm's chain takes minutes at degree 127
    found: Any = poly.set_domain(sp.QQ).intervals()
    free = poly.set_domain(sp.QQ).sqf_part().clear_denoms(convert=True)[1].primitive()[1]
    return [
        RealRoot(free, index, fraction(low), fraction(high), multiplicity)
        for index, ((low, high), multiplicity) in enumerate(sorted(found))
    ]


def next_root(poly: sp.Poly, start: Fraction, direction: int) -> RealRoot | None:
    """The first real root after `start`, not a root itself, going up (1) or down (-1)."""
    roots = [root.apart_from(start) for root in real_roots(poly)]
    if direction > 0:
        return next((root for root in roots if root.low >= start), None)
    return next((root for root in reversed(roots) if root.high <= start), None)


def image(
    poly: sp.Poly, root: RealRoot, width: Callable[[Fraction], Fraction]
) -> tuple[Fraction, Fraction]:
    """Bounds of `poly` at a root, at most `width(size of the value)` apart."""
    powers = coefficients(poly)
    while True:
        low, high = enclose(powers, root.low, root.high)
        if high - low <= width(abs(low + high) / 2):
            return low, high
        root = root.refined((root.high - root.low) / 2**32)


def decimal(poly: sp.Poly, root: RealRoot, digits: int) -> Any:
    """`poly` at a root as a decimal number, from enclosures alone."""
    finest = Fraction(1, 10 ** (digits + 40))  # for values that are zero
    low, high = image(poly, root, lambda size: max(size / 10 ** (digits + 2), finest))
    return ratio((low + high) / 2).n(digits)


def _may_be_finite(number: sp.Expr) -> bool:
    return number.is_finite is not False and not number.has(sp.nan, sp.zoo)


def _sign(coeffs: Sequence[int], point: Fraction) -> int:
    # q^n f(p/q) in integers: no common divisors to look for
    value, power = 0, 1
    for k in coeffs:
        value = value * point.numerator + k * power
        power *= point.denominator
    return (value > 0) - (value < 0)
