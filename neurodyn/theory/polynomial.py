"""Scalar polynomial flows x' = Q(x): certified end point, blow-up time, time law [004 Thm 1]."""

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

import sympy as sp

from .real_root import WIDTH, RealRoot, decimal, fraction, next_root, ratio, rational
from .time_law import travel_time


@dataclass(frozen=True)
class FlowLimit:
    """Where x' = Q(x) goes from one start.

    **Fields:** `poly`, Q; `start`; `kind`: "stable", "semistable" (attracts from one side only)
    or "unstable" for a fixed point, "stationary" if Q ≡ 0, "diverges" otherwise; `direction`, the
    sign of Q at the start; `root`, the fixed point if one is reached by moving.
    """

    poly: sp.Poly
    start: Any
    kind: str
    direction: int
    root: RealRoot | None

    @cached_property
    def point(self) -> sp.Expr:
        """The end point: a rational, a square root, a `CRootOf`, or ±∞."""
        if self.direction == 0:
            return self.start
        return self.direction * sp.oo if self.root is None else self.root.exact()

    @property
    def interval(self) -> tuple[Any, Any] | None:
        """Two rationals around the end point, less than 1e-30 apart; None if it diverges."""
        if self.kind == "diverges":
            return None
        if self.root is None:
            return (self.start, self.start)
        fine = self.root.refined(WIDTH)
        return (ratio(fine.low), ratio(fine.high))

    @property
    def rate(self) -> sp.Expr | None:
        """Q' at the end point: the exponent of the approach; None if it diverges."""
        if self.kind == "diverges":
            return None
        if self.root is not None and self.root.multiplicity > 1:
            return sp.Integer(0)
        return self.poly.diff().as_expr().subs(self.poly.gen, self.point)

    @cached_property
    def blowup_time(self) -> sp.Expr | None:
        """When x becomes infinite: exact, ∞ if only in the long run, None if it does not."""
        if self.kind != "diverges":
            return None
        if self.poly.degree() < 2:
            return sp.oo
        return travel_time(self.poly, self.start, self.direction * sp.oo)

    def n(self, digits: int = 15) -> sp.Expr:
        """The end point as a decimal number."""
        if self.root is None:
            return self.point.n(digits)
        return decimal(sp.Poly(self.poly.gen, self.poly.gen), self.root, digits)

    def rate_n(self, digits: int = 15) -> sp.Expr | None:
        """`rate` as a decimal number, without naming the root."""
        if self.kind == "diverges":
            return None
        slope: Any = self.poly.diff()
        if self.root is None:
            return slope.eval(self.start).n(digits)
        return decimal(slope, self.root, digits)


class PolynomialFlow:
    """The flow x' = Q(x) of a polynomial over ℚ.

    **Arguments:** `poly`, a SymPy `Poly` in one variable, or an expression with one symbol.
    **Raises:** `ValueError` if there is not exactly one variable or a coefficient is irrational,
    `TypeError` if `poly` is neither of the two.

    >>> x = sp.Symbol("x")
    >>> flow = PolynomialFlow(-((x - 1) ** 2) * (x + 2))
    >>> flow.limit(3).point, flow.limit(3).kind, flow.limit("1/2").point
    (1, 'semistable', -2)
    """

    def __init__(self, poly: sp.Poly | sp.Expr):
        if not isinstance(poly, sp.Poly | sp.Expr):
            raise TypeError(f"poly = {poly!r} must be a SymPy expression or sympy.Poly.")
        if not isinstance(poly, sp.Poly):
            if len(poly.free_symbols) != 1:
                raise ValueError(f"poly = {poly} must have exactly one symbol, or be a sympy.Poly.")
            poly = sp.Poly(poly, *poly.free_symbols)
        if len(poly.gens) != 1 or not all(k.is_Rational for k in poly.all_coeffs()):
            raise ValueError(f"poly = {poly} must have one variable and rational coefficients.")
        self.poly: sp.Poly = poly.set_domain(sp.QQ)

    def limit(self, x0: object) -> FlowLimit:
        """The end point from `x0`, which must be rational [004 Thm 1]."""
        start = rational(x0, "x0")
        slope: Any = self.poly.eval(start)
        if slope == 0:
            return FlowLimit(self.poly, start, self._kind_at(start), 0, None)
        direction = 1 if slope > 0 else -1
        root = next_root(self.poly, fraction(start), direction)
        if root is None:
            return FlowLimit(self.poly, start, "diverges", direction, None)
        # reached from one side; Q changes sign at odd roots only, so these attract from both
        kind = "stable" if root.multiplicity % 2 else "semistable"
        return FlowLimit(self.poly, start, kind, direction, root)

    def time_to(self, x0: object, epsilon: object) -> sp.Expr:
        """The time from `x0` until x is within `epsilon` of its end point, exactly.

        **Raises:** `ValueError` if epsilon ≤ 0 or x diverges.
        """
        distance = rational(epsilon, "epsilon")
        if distance <= 0:
            raise ValueError(f"epsilon = {distance} must be positive.")
        end = self.limit(x0)
        if end.kind == "diverges":
            raise ValueError(f"x diverges from x0 = {end.start}: there is no time to its limit.")
        if end.root is None or _within(end.root, end.start, fraction(distance)):
            return sp.Integer(0)
        return travel_time(self.poly, end.start, end.point - end.direction * distance)

    def _kind_at(self, root: Any) -> str:
        """The kind of a fixed point, from the first derivative that does not vanish there."""
        if self.poly.is_zero:
            return "stationary"
        derivative: Any = self.poly
        order = 0
        while derivative.eval(root) == 0:
            derivative, order = derivative.diff(), order + 1
        if order % 2 == 0:
            return "semistable"
        return "stable" if derivative.eval(root) < 0 else "unstable"


def _within(root: RealRoot, start: Any, distance: Fraction) -> bool:
    """Whether the root is at most `distance` from `start`, decided by exact signs."""
    origin = fraction(start)
    for goal in (origin - distance, origin + distance):
        if root.poly.eval(ratio(goal)) == 0 and root.low <= goal <= root.high:
            return True
        root = root.apart_from(goal)
    return abs((root.low + root.high) / 2 - origin) <= distance
