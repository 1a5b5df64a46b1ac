"""The chain [1,1,1] with a power O = a₂(a₁I)^μ in the middle: exact end points of its learning.

The coupling a₂ = a₁²/(2c₁μ) + K [004 Eq 115] leaves one scalar flow for a₁. With μ = p/q and
a₁ = s^q its fixed points are the real roots of a polynomial in s over ℚ.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import sympy as sp

from .polynomial import PolynomialFlow
from .real_root import WIDTH, RealRoot, exact_number, image, ratio, rational, real_roots

Number = int | float | str | Fraction | sp.Expr

S = sp.Symbol("s", real=True)
ZERO = Fraction(0)


@dataclass(frozen=True)
class PowerLimit:
    """Where the learning of a power chain ends.

    **Fields:** `kind`: "stable", "semistable" or "unstable" fixed point with no error left;
    "stalls" where a₁ → 0 (in finite time for μ < 2) and the error stays; "stationary" where
    nothing moves; "breaks off" where a₁ reaches 0 in finite time and the equations stop there;
    "diverges". `weights`, the exact (a₁, a₂) there; `interval`, a rational enclosure of a₁;
    `rate`, that of the approach, where it is exponential, else zero; `crossed`, whether a₁ went
    through 0 on the way.
    """

    kind: str
    weights: tuple[Any, Any]
    interval: tuple[Any, Any] | None
    rate: Any
    crossed: bool = False

    def n(self, digits: int = 15) -> tuple[Any, Any]:
        """The weights as decimals."""
        return sp.N(self.weights[0], digits), sp.N(self.weights[1], digits)


@dataclass(frozen=True)
class PowerChain:
    """The chain [1,1,1] with a power non-linearity, its derivative included [004 Eq 114].

    **Arguments:** `mu` > 0, the power; `c1`, the random weight; `alpha` = E(TI^μ), `beta` =
    E(I^2μ) ≥ 0: numbers, fractions, text such as "1/3", or SymPy symbols (for `rates`). Powers of
    negative numbers are real where μ = p/q has an odd q.

    >>> PowerChain(mu=3, c1=1, alpha=1, beta=1).limit(("-1/2", "1/4")).kind
    'stalls'
    """

    mu: Any
    c1: Any
    alpha: Any
    beta: Any

    def __post_init__(self) -> None:
        for name in ("mu", "c1", "alpha", "beta"):
            object.__setattr__(self, name, exact_number(getattr(self, name), name))
        if self.mu.is_nonpositive:
            raise ValueError(f"mu is {self.mu}: give a power above zero.")
        if self.beta.is_negative:
            raise ValueError(f"beta is {self.beta}: it is a mean square, so give zero or more.")

    def rates(self, a: tuple[Any, Any]) -> tuple[Any, Any]:
        """(da₁/dt, da₂/dt) [004 Eq 114], for a₁ ≥ 0."""
        error = self.alpha - self.beta * a[1] * a[0] ** self.mu
        return self.c1 * self.mu * a[0] ** (self.mu - 1) * error, a[0] ** self.mu * error

    def invariant(self, a: tuple[Any, Any]) -> Any:
        """K = a₂ − a₁²/(2c₁μ), constant while learning [004 Eq 115]."""
        return a[1] - a[0] ** 2 / (2 * self.c1 * self.mu)

    def error(self, K: Any) -> sp.Poly:
        """α − β(a₁²/(2c₁μ) + K)a₁^μ as a polynomial in s, a₁ = s^q, μ = p/q [004 Eq 117]."""
        mu = rational(self.mu, "mu")
        lift = K * S**mu.p + S ** (2 * mu.q + mu.p) / (2 * self.c1 * mu)
        return sp.Poly(self.alpha - self.beta * lift, S, domain="QQ")

    def limit(self, a0: Sequence[Number]) -> PowerLimit:
        """Where learning from (a₁(0), a₂(0)) ends.

        For 1 < μ < 2 paths through a₁ = 0 are not unique: the one that rests there is meant.

        Raises `ValueError` for values that are not rational, for a₁(0) < 0 where μ = p/q has an
        even q, and for a₁(0) = 0 with μ < 1, where the equations are singular.
        """
        if len(a0) != 2:
            raise ValueError(f"a0 has {len(a0)} entries: give two, a1 and a2.")
        x, y = rational(a0[0], "a0"), rational(a0[1], "a0")
        mu, c1 = rational(self.mu, "mu"), rational(self.c1, "c1")
        alpha, beta = rational(self.alpha, "alpha"), rational(self.beta, "beta")
        if x < 0 and mu.q % 2 == 0:
            raise ValueError(
                f"a0 starts at {x} with mu {mu}: its power is not real; start above 0."
            )
        if x == 0 and mu < 1:
            raise ValueError(f"a0 starts at 0 with mu {mu} below 1: no rate exists; start off 0.")
        if (x == 0 and mu > 1) or (alpha == 0 and beta == 0):
            return PowerLimit("stationary", (x, y), (x, x), sp.S.Zero)
        if c1 == 0:
            return _frozen_below(mu, alpha, beta, x, y)
        if x < 0:
            # with x = −a₁ the equations are the same, α times (−1)^p
            side = PowerChain(mu, c1, alpha * (-1) ** mu.p, beta)
            return _mirrored(side._from_above(-x, y))
        return self._from_above(x, y)

    def _from_above(self, x: Any, y: Any) -> PowerLimit:
        mu, c1 = rational(self.mu, "mu"), rational(self.c1, "c1")
        K = self.invariant((x, y))
        flow = self.error(K) * int(sp.sign(c1))  # the sign of a₁′ where a₁ > 0
        if x == 0:
            return self._through_zero(flow, K, 0)  # only μ = 1
        direction = _sign_at_power(flow, x, mu.q)
        if direction == 0:
            return self._resting(flow, x, y)
        if direction > 0:
            root = _first_above(flow, x, mu.q)
            if root is None:
                return PowerLimit("diverges", (sp.oo, sp.oo * sp.sign(c1)), None, sp.S.Zero)
            return self._at(root, K)
        below = [r for r in real_roots(flow) if r.side_of(ZERO) > 0]
        below = [r for r in below if _side_of_power(r, x, mu.q) < 0]
        return self._at(below[-1], K) if below else self._through_zero(flow, K, -1)

    def _through_zero(self, flow: sp.Poly, K: Any, direction: int) -> PowerLimit:
        """a₁ comes to 0 from above (−1), or starts there (0, with μ = 1)."""
        mu = rational(self.mu, "mu")
        here, origin = sp.S.Zero, (sp.S.Zero, sp.S.Zero)
        end = PolynomialFlow(flow).limit(0)
        if end.direction == 0:
            # α = 0: the error is zero at a₁ = 0
            rate = -self.beta * self.c1 * K if mu == 1 else sp.S.Zero
            kind = "unstable" if rate.is_positive else "stable"
            return PowerLimit(kind, (here, K), origin, rate)
        if mu > 1:
            return PowerLimit("stalls", (here, K), origin, sp.S.Zero)
        if mu.p % 2 == 0 or mu.q % 2 == 0:
            return PowerLimit("breaks off", (here, K), origin, sp.S.Zero)
        if end.root is None:
            return PowerLimit("diverges", (end.point, sp.oo), None, sp.S.Zero, True)
        return self._at(end.root, K, crossed=direction != 0)

    def _at(self, root: RealRoot, K: Any, crossed: bool = False) -> PowerLimit:
        mu = rational(self.mu, "mu")
        s: Any = root.exact()
        a1 = s**mu.q
        a2 = a1**2 / (2 * self.c1 * mu) + K
        kind = "stable" if root.multiplicity % 2 else "semistable"
        low, high = image(sp.Poly(S**mu.q, S), root, lambda size: WIDTH)
        return PowerLimit(kind, (a1, a2), (ratio(low), ratio(high)), self._rate(s, a2), crossed)

    def _rate(self, s: Any, a2: Any) -> Any:
        """Q′(a₁) = −β(a₁^2μ + c₁μ²a₂a₁^(2μ−2)) on the fixed points, a₁ = s^q."""
        mu = rational(self.mu, "mu")
        return -self.beta * (s ** (2 * mu.p) + self.c1 * mu**2 * a2 * s ** (2 * mu.p - 2 * mu.q))

    def _resting(self, flow: sp.Poly, x: Any, y: Any) -> PowerLimit:
        mu = rational(self.mu, "mu")
        [root] = [r for r in real_roots(flow) if _side_of_power(r, x, mu.q) == 0]
        rate = self._rate(sp.root(x, mu.q), y)
        kind = "unstable" if sp.simplify(rate).is_positive else "stable"
        if root.multiplicity % 2 == 0:
            kind = "semistable"
        return PowerLimit(kind, (x, y), (x, x), rate)


def _mirrored(found: PowerLimit) -> PowerLimit:
    """The same end seen from a₁ instead of −a₁; a₂ is unchanged."""
    interval = None if found.interval is None else (-found.interval[1], -found.interval[0])
    weights = (-found.weights[0], found.weights[1])
    return PowerLimit(found.kind, weights, interval, found.rate, found.crossed)


def _frozen_below(mu: Any, alpha: Any, beta: Any, x: Any, y: Any) -> PowerLimit:
    """c₁ = 0: a₁ never moves and a₂ goes to its least squares."""
    if x == 0:
        return PowerLimit("stationary", (x, y), (x, x), sp.S.Zero)
    power = (sp.real_root(x, mu.q)) ** mu.p
    if beta == 0:
        return PowerLimit("diverges", (x, sp.oo * sp.sign(alpha * power)), (x, x), sp.S.Zero)
    return PowerLimit("stable", (x, alpha / (beta * power)), (x, x), -beta * power**2)


def _side_of_power(root: RealRoot, x: Any, q: int) -> int:
    """+1 where (positive) root s has s^q > x, −1 below, 0 on it."""
    if root.side_of(ZERO) <= 0:
        return -1
    [end] = [r for r in real_roots(sp.Poly(S**q - x, S, domain="QQ")) if r.high > 0][-1:]
    common: Any = sp.gcd(root.poly, end.poly)
    if common.degree() > 0 and any(_same(root, r) and _same(end, r) for r in real_roots(common)):
        return 0
    while not (root.high <= end.low or end.high <= root.low):
        width = max(root.high - root.low, end.high - end.low) / 4
        root, end = root.refined(width), end.refined(width)
    return 1 if end.high <= root.low else -1


def _same(root: RealRoot, other: RealRoot) -> bool:
    """Whether `other`, a root of a factor of `root.poly`, lies in the enclosure of `root`."""
    above = other.side_of(root.low) > 0 and other.side_of(root.high) < 0
    return above or (root.low == root.high and other.side_of(root.low) == 0)


def _sign_at_power(flow: sp.Poly, x: Any, q: int) -> int:
    """The sign of the polynomial at s = x^(1/q), found from the order of its roots."""
    sides = [(r, _side_of_power(r, x, q)) for r in real_roots(flow)]
    if any(side == 0 for _, side in sides):
        return 0
    sign = int(sp.sign(flow.LC()))  # far above all roots
    for root, side in sides:
        if side > 0 and root.multiplicity % 2:
            sign = -sign
    return sign


def _first_above(flow: sp.Poly, x: Any, q: int) -> RealRoot | None:
    above = [r for r in real_roots(flow) if _side_of_power(r, x, q) > 0]
    return above[0] if above else None
