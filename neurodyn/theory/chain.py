"""Linear chains under random backpropagation: the exact end point of learning [004 Sec 7.2–7.4].

    da_i/dt = c_i a_1 … a_{i−1} (α − βP),    P = a_1 … a_L,    c_L = 1        [004 Eq 45]

All weights share the error α − βP. In the clock dτ = (α − βP) dt they are polynomials of τ,
a_i(τ) = a_i(0) + c_i ∫ a_1 … a_{i−1} dτ, and the chain is the scalar flow τ' = F(τ) = α − βP(τ)
from τ = 0. Nothing is divided by, so that zero weights need no cases.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

import sympy as sp

from .polynomial import FlowLimit, PolynomialFlow
from .real_root import WIDTH, RealRoot, decimal, exact_number, image, ratio, rational, real_roots

TAU = sp.Symbol("tau")
A1 = sp.Symbol("a1")


@dataclass(frozen=True)
class ChainLimit:
    """Where a chain goes from one start.

    **Fields:** `end`, the limit of the clock; `polynomials`, the weights as polynomials of τ;
    `kind`: "stable", "semistable" or "unstable" (across the curve of fixed points, along the
    orbit), "stationary" if no weight can move, "diverges" otherwise.
    """

    end: FlowLimit
    polynomials: tuple[sp.Poly, ...]
    kind: str

    @property
    def tau(self) -> sp.Expr:
        """The clock at the end: a rational, a square root, a `CRootOf`, or ±∞.

        Naming a `CRootOf` means factoring F: seconds at L = 7. `interval` and `n` do without.
        """
        return sp.Integer(0) if self.kind == "stationary" else self.end.point

    @cached_property
    def weights(self) -> tuple[sp.Expr, ...]:
        """The weights at the end, exactly: rationals, polynomials of one `CRootOf`, or ±∞."""
        if self.kind == "diverges":
            return tuple(sp.limit(p.as_expr(), TAU, self.tau) for p in self.polynomials)
        return tuple(p.as_expr().subs(TAU, self.tau) for p in self.polynomials)

    @property
    def interval(self) -> tuple[Any, Any] | None:
        """Two rationals around `tau`, less than 1e-30 apart; None if the chain diverges."""
        return (sp.S.Zero, sp.S.Zero) if self.kind == "stationary" else self.end.interval

    @cached_property
    def weight_intervals(self) -> tuple[tuple[Any, Any], ...] | None:
        """Two rationals around each weight, less than 1e-30 apart; None if the chain diverges."""
        if self.kind == "diverges":
            return None
        return tuple(self._enclosed(p) for p in self.polynomials)

    @property
    def rate(self) -> sp.Expr | None:
        """F'(τ*) = −βS: the exponent of the approach; None if the chain diverges."""
        return sp.S.Zero if self.kind == "stationary" else self.end.rate

    @property
    def blowup_time(self) -> sp.Expr | None:
        """When the weights become infinite: exact, or ∞; None if they do not."""
        return None if self.kind == "stationary" else self.end.blowup_time

    def n(self, digits: int = 15) -> tuple[sp.Expr, ...]:
        """The weights at the end as decimal numbers."""
        root = self.end.root
        if root is None:
            return tuple(weight.n(digits) for weight in self.weights)
        return tuple(decimal(p, root, digits) for p in self.polynomials)

    def rate_n(self, digits: int = 15) -> sp.Expr | None:
        """`rate` as a decimal number, without naming the root."""
        return sp.S.Zero if self.kind == "stationary" else self.end.rate_n(digits)

    def _enclosed(self, poly: sp.Poly) -> tuple[Any, Any]:
        root = self.end.root
        if root is None:
            value = poly.eval(self.tau)
            return (value, value)
        low, high = image(poly, root.refined(WIDTH), lambda size: WIDTH)
        return (ratio(low), ratio(high))


@dataclass(frozen=True)
class Chain:
    """A chain of L = len(c) + 1 linear neurons with feedback weights c [004 Eq 44].

    **Arguments:** `c`, the feedback weights c_1 … c_{L−1}: ints, fractions, text such as "-1/2",
    floats (taken at their exact binary value) or symbols; `alpha`, E(IT); `beta`, E(I²) ≥ 0;
    `top`, the factor c_L of the last weight, 1 in the paper.
    **Raises:** `ValueError` for β < 0 or anything that is not a number.

    >>> chain = Chain(c=("1",), alpha=1, beta=1)
    >>> limit = chain.limit(("3/10", "-6/5"))
    >>> limit.kind, limit.n(10)
    ('stable', (1.884488278, 0.5306480342))
    """

    c: Sequence[Any]
    alpha: Any
    beta: Any
    top: Any = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "c", _numbers(self.c, "c"))
        for name in ("alpha", "beta", "top"):
            object.__setattr__(self, name, exact_number(getattr(self, name), name))
        if self.beta.is_negative:
            raise ValueError(f"beta = {self.beta} is a mean square: it cannot be negative.")

    @property
    def length(self) -> int:
        """L, the number of weights."""
        return len(self.c) + 1

    @property
    def factors(self) -> tuple[Any, ...]:
        """c_1 … c_L, the top one included."""
        return (*self.c, self.top)

    def rates(self, a: Sequence[Any]) -> tuple[sp.Expr, ...]:
        """da_i/dt at the weights `a`, numbers or symbols [004 Eq 45]."""
        weights = self._weights(a)
        error = self.alpha - self.beta * sp.Mul(*weights)
        return tuple(
            c * sp.Mul(*weights[:i]) * error for i, c in enumerate(self.factors)
        )  # [004 Eq 45]

    def invariants(self, a: Sequence[Any]) -> tuple[sp.Expr, ...]:
        """The constants a_{i+1} − (c_{i+1}/2c_i) a_i² of the motion [004 Eq 48].

        Where c_i = 0 it is a_i that stays constant, and is given instead.
        """
        weights, c = self._weights(a), self.factors
        return tuple(
            weights[i] if c[i] == 0 else weights[i + 1] - c[i + 1] / (2 * c[i]) * weights[i] ** 2
            for i in range(self.length - 1)
        )

    def paths(self, a0: Sequence[Any]) -> tuple[sp.Poly, ...]:
        """The weights as polynomials of τ over ℚ, from the start `a0`."""
        product, paths = sp.Poly(1, TAU, domain=sp.QQ), []
        for c, start in zip(self._rational_factors(), self._start(a0), strict=True):
            path = (product * c).integrate() + start
            paths.append(path)
            product = product * path
        return tuple(paths)

    def product(self, a0: Sequence[Any]) -> sp.Poly:
        """P(τ) = a_1(τ) … a_L(τ), a polynomial over ℚ."""
        return _multiply(self.paths(a0))

    def clock(self, a0: Sequence[Any]) -> sp.Poly:
        """F(τ) = α − βP(τ), a polynomial over ℚ: the chain is τ' = F(τ) from τ = 0."""
        return self._clock(self.product(a0))

    def polynomial(self, a0: Sequence[Any]) -> sp.Poly:
        """Q of da_1/dt = Q(a_1), as the paper eliminates the other weights [004 Eq 42].

        Its `degree()` is 2^L − 1 and `LC()` its leading coefficient; symbols are welcome.

        **Raises:** `ValueError` if one of c_1 … c_{L−1} is zero: use `clock`.
        """
        if any(c == 0 for c in self.c):
            raise ValueError(f"c = {self.c} has a zero, and Q divides by it: use clock instead.")
        path = product = sp.Poly(A1, A1)
        constants = self.invariants(a0)
        for below, c, constant in zip(self.factors, self.factors[1:], constants, strict=False):
            path = path * path * (c / (2 * below)) + constant  # [004 Eq 48]
            product = product * path
        return (self.alpha - product * self.beta) * self.factors[0]

    def leading_coefficient(self) -> sp.Expr:
        """The coefficient of a_1^(2^L − 1) in Q, the same for every start.

        −β c_1 κ_1 … κ_L with κ_1 = 1 and κ_{i+1} = c_{i+1} κ_i² / (2c_i) [004 Eq 48–50].
        """
        kappa, product = sp.Integer(1), sp.Integer(1)
        for below, c in zip(self.factors, self.factors[1:], strict=False):
            kappa = c * kappa**2 / (2 * below)
            product *= kappa
        return -self.beta * self.factors[0] * product

    def limit(self, a0: Sequence[Any]) -> ChainLimit:
        """The point that learning reaches from `a0`, with its certificate."""
        paths = self.paths(a0)
        end = PolynomialFlow(self._clock(_multiply(paths))).limit(0)
        frozen = all(path.degree() < 1 for path in paths)
        return ChainLimit(end, paths, "stationary" if frozen else end.kind)

    def time_to(self, a0: Sequence[Any], epsilon: object) -> sp.Expr:
        """The time until τ is within `epsilon` of its end, exactly; a_1 is then within |c_1| ε.

        **Raises:** `ValueError` if ε ≤ 0 or the chain diverges.
        """
        if self.limit(a0).kind == "stationary":
            return sp.Integer(0)
        return PolynomialFlow(self.clock(a0)).time_to(0, epsilon)

    def sign_changes(self, a0: Sequence[Any]) -> int:
        """How often dP/dt changes sign on the way from `a0`: exact, by isolating roots.

        dP/dt = P'(τ) F(τ), and F keeps its sign on the way, so that these are the roots of P' of
        odd multiplicity between 0 and τ*.
        """
        product = self.product(a0)
        end = PolynomialFlow(self._clock(product)).limit(0)
        slope: Any = product.diff()
        if end.direction == 0 or slope.is_zero:
            return 0
        slope = _without_roots_of(slope, sp.Poly(TAU, TAU, domain=sp.QQ))
        slope = _without_roots_of(slope, end.poly)  # F has no root on the way, one at its end
        roots = [root for root in real_roots(slope) if root.multiplicity % 2]
        return sum(_between(root, end) for root in roots)

    def _clock(self, product: sp.Poly) -> sp.Poly:
        for name, value in (("alpha", self.alpha), ("beta", self.beta)):
            rational(value, name)
        return self.alpha - product * self.beta

    def _rational_factors(self) -> tuple[Any, ...]:
        for i, c in enumerate(self.factors):
            rational(c, f"c_{i + 1}")
        return self.factors

    def _weights(self, a: Sequence[Any]) -> tuple[Any, ...]:
        weights = _numbers(a, "a")
        if len(weights) != self.length:
            raise ValueError(
                f"a has {len(weights)} weights; this chain has L = len(c) + 1 = {self.length}."
            )
        return weights

    def _start(self, a0: Sequence[Any]) -> tuple[Any, ...]:
        weights = self._weights(a0)
        for i, weight in enumerate(weights):
            rational(weight, f"a_{i + 1}(0)")
        return weights


def _numbers(values: Sequence[Any], name: str) -> tuple[Any, ...]:
    if isinstance(values, str):
        raise TypeError(f"{name} = {values!r} is text: give a sequence such as ('1', '-1/2').")
    return tuple(exact_number(value, f"{name}[{i}]") for i, value in enumerate(values))


def _multiply(polys: Iterable[sp.Poly]) -> sp.Poly:
    product = sp.Poly(1, TAU, domain=sp.QQ)
    for poly in polys:
        product = product * poly
    return product


def _without_roots_of(poly: sp.Poly, other: sp.Poly) -> sp.Poly:
    common = poly.gcd(other)
    while common.degree() > 0:
        poly = poly.quo(common)
        common = poly.gcd(other)
    return poly


def _between(root: RealRoot, end: FlowLimit) -> bool:
    """Whether `root`, neither 0 nor the end point, lies between them."""
    if root.side_of(Fraction(0)) != end.direction:
        return False
    goal = end.root
    while goal is not None and root.low < goal.high and goal.low < root.high:
        root = root.refined((root.high - root.low) / 2)
        goal = goal.refined((goal.high - goal.low) / 2)
    return goal is None or (root.high <= goal.low if end.direction > 0 else root.low >= goal.high)
