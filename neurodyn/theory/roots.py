"""Real roots of polynomials over ℚ: isolated exactly, enclosed by rationals, narrowed on demand.

`follow` says where the scalar flow x′ = F(x) goes from x(0): to the nearest real root of F in the
direction of the sign of F(x(0)). Nothing here rests on floating point.
"""

import contextlib
import math
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import sympy as sp

WIDTH = sp.Rational(1, 10**32)


def rational(value: object, name: str) -> sp.Rational:
    """`value` as an exact rational: an int, fraction, float (its exact value) or text like "-1/2".

    Raises `ValueError`, naming the argument `name`, for anything that is not a finite rational.

    >>> rational("-3/10", "a0"), rational(0.5, "a0")
    (-3/10, 1/2)
    """
    exact: Any = None
    # sp.Rational turns a float NaN or infinity into 0
    if not isinstance(value, float) or math.isfinite(value):
        with contextlib.suppress(TypeError, ValueError, ZeroDivisionError):
            exact = sp.Rational(value)
    if not isinstance(exact, sp.Rational) or not exact.is_finite:
        raise ValueError(f'{name} has {value!r}: give a finite number, or text such as "-1/2".')
    return exact


@dataclass(frozen=True)
class RealRoot:
    """One real root of a polynomial over ℚ.

    **Fields:** `poly`, square-free, with the same distinct roots; `lower` and `upper`, rationals
    around this root and no other (equal where it is known exactly); `multiplicity`; `index`, its
    place among the distinct real roots in rising order.
    """

    poly: sp.Poly
    lower: sp.Rational
    upper: sp.Rational
    multiplicity: int
    index: int

    @property
    def interval(self) -> tuple[sp.Rational, sp.Rational]:
        """The rational enclosure."""
        return self.lower, self.upper

    @property
    def value(self) -> sp.Expr:
        """The root itself: a rational, or an exact algebraic number (`CRootOf`)."""
        if self.lower == self.upper:
            return self.lower
        return sp.rootof(self.poly, self.index)

    def narrowed(self, width: Any = WIDTH) -> "RealRoot":
        """The same root in an enclosure no wider than `width`, by exact bisection."""
        low, high = Fraction(str(self.lower)), Fraction(str(self.upper))
        if low == high:
            return self
        start, width_ = sign_right_of(self.poly, self.lower), Fraction(str(width))
        coefficients = _integers(self.poly)
        while high - low > width_:
            middle = (low + high) / 2
            found = _sign(coefficients, middle)
            if found == 0:
                low = high = middle
            elif found == start:
                low = middle
            else:
                high = middle
        return replace(self, lower=rational(low, "low"), upper=rational(high, "high"))

    def side_of(self, point: sp.Rational) -> int:
        """+1 where the root lies above `point`, −1 below, 0 on it."""
        if self.lower == self.upper:
            return int(sp.sign(self.lower - point))
        if point <= self.lower:
            return 1
        if point >= self.upper:
            return -1
        here = sign_at(self.poly, point)
        return here and (1 if here == sign_right_of(self.poly, self.lower) else -1)


def real_roots(poly: sp.Poly) -> list[RealRoot]:
    """The distinct real roots of a non-zero polynomial over ℚ, in rising order.

    >>> x = sp.Symbol("x")
    >>> [(r.value, r.multiplicity) for r in real_roots(sp.Poly((x - 1) ** 2 * (x + 2), x))]
    [(-2, 1), (1, 2)]
    """
    if poly.degree() < 1:
        return []
    free, found = poly.sqf_part(), []
    isolated: Any = poly.intervals()
    for place, ((low, high), times) in enumerate(isolated):
        ends = rational(low, "interval"), rational(high, "interval")
        found.append(RealRoot(free, *ends, times, place))
    return found


def nearest_root(poly: sp.Poly, start: sp.Rational, direction: int) -> RealRoot | None:
    """The real root strictly beyond `start` in `direction` (±1) that is met first, if any."""
    beyond = [r for r in real_roots(poly) if r.side_of(start) == direction]
    if not beyond:
        return None
    return beyond[0] if direction > 0 else beyond[-1]


def sign_at(poly: sp.Poly, point: sp.Rational) -> int:
    """The sign of the polynomial at a rational point."""
    return _sign(_integers(poly), Fraction(str(point)))


def sign_right_of(poly: sp.Poly, point: sp.Rational) -> int:
    """The sign of the polynomial just above a rational point, which may be a root."""
    here, slope = sign_at(poly, point), sp.Poly(poly.diff())
    return here or (0 if poly.is_zero else sign_right_of(slope, point))


@dataclass(frozen=True)
class Reached:
    """Where a scalar polynomial flow goes.

    **Fields:** `kind` ("stable", "semistable", "unstable", "stationary" where F = 0 everywhere,
    "diverges"); `root`, None where there is none; `direction`, the sign of F at the start.
    """

    kind: str
    root: RealRoot | None
    direction: int


def follow(poly: sp.Poly, start: sp.Rational) -> Reached:
    """Where x′ = F(x) goes from x(0) = `start` [004 Thm 1].

    A root of odd multiplicity that is approached attracts from both sides; one of even
    multiplicity from this side only. "unstable" is only ever found by starting on it.

    >>> x = sp.Symbol("x")
    >>> follow(sp.Poly(-(x - 1) ** 2 * (x + 2), x), sp.Integer(3)).kind
    'semistable'
    """
    if poly.is_zero:
        return Reached("stationary", None, 0)
    direction = sign_at(poly, start)
    if direction == 0:
        root = next(r for r in real_roots(poly) if r.side_of(start) == 0)
        found = replace(root, lower=start, upper=start)
        if root.multiplicity % 2 == 0:
            return Reached("semistable", found, 0)
        return Reached("stable" if sign_right_of(poly, start) < 0 else "unstable", found, 0)
    root = nearest_root(poly, start, direction)
    if root is None:
        return Reached("diverges", None, direction)
    kind = "stable" if root.multiplicity % 2 else "semistable"
    return Reached(kind, root.narrowed(), direction)


def _integers(poly: sp.Poly) -> list[int]:
    """Coefficients, highest first, multiplied by a positive number that makes them integers."""
    given = [Fraction(str(c)) for c in poly.all_coeffs()]
    common = math.lcm(*(c.denominator for c in given))
    return [int(c * common) for c in given]


def _sign(coefficients: list[int], point: Fraction) -> int:
    value, power = 0, 1
    for c in coefficients:
        value = value * point.numerator + c * power
        power *= point.denominator
    return (value > 0) - (value < 0)
