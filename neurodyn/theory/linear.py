"""Wide linear networks with one scalar in common, and the exact end points of their learning.

[1,N,1] (`Expansive`) shares the error α − βP, so in the internal time τ, dτ = (α − βP) dt, all
its weights are polynomials and learning is one scalar flow τ′ = α − βP(τ). [N,1,N] (`Compressive`)
on white data shares σ = CB: the weights stay in the plane of C and A(0), and end on C.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import sympy as sp

from .polynomial import FlowLimit, PolynomialFlow
from .real_root import exact_number, rational

Number = int | float | str | Fraction | sp.Expr
Vector = tuple[Any, ...]

TAU = sp.Symbol("tau", real=True)


@dataclass(frozen=True)
class ExpansiveLimit:
    """Where the learning of [1,N,1] ends.

    **Fields:** `kind`, one of "stable", "semistable" (attracts from one side), "unstable" (started
    on it), "stationary" (nothing moves) and "diverges"; `tau`, the exact end of the internal time,
    None where there is none; `interval`, its rational enclosure; `weights`, the exact (a, b);
    `rate`, the transverse rate of approach F′(τ*) (negative; zero means algebraic).
    """

    kind: str
    tau: Any
    interval: tuple[Any, Any] | None
    weights: tuple[Vector, Vector]
    rate: Any

    def n(self, digits: int = 15) -> tuple[Vector, Vector]:
        """The weights as decimals."""
        return _decimals(self.weights, digits)


@dataclass(frozen=True)
class CompressiveLimit:
    """Where the learning of [N,1,N] ends.

    **Fields:** `kind` as for `ExpansiveLimit`, and "saddle" (reached, but only along the span of
    C); `beta`, the exact factor in A = βC, None for C = 0; `interval`, its rational enclosure;
    `weights`, the exact (A, B); `rate`, that of the factor, −(β²‖C‖² + 1/β).
    """

    kind: str
    beta: Any
    interval: tuple[Any, Any] | None
    weights: tuple[Vector, Vector]
    rate: Any

    def n(self, digits: int = 15) -> tuple[Vector, Vector]:
        """The weights as decimals."""
        return _decimals(self.weights, digits)


@dataclass(frozen=True)
class Expansive:
    """The linear network [1,N,1] under random backpropagation [004 Eq 57].

    **Arguments:** `c`, the N random weights; `alpha` = E(IT) and `beta` = E(I²) ≥ 0. Numbers,
    fractions, text such as "-1/2", or SymPy symbols (for `rates`).

    >>> limit = Expansive(c=(-1, "-1/2"), alpha="3/2", beta=2).limit(("1/5", "1/10"), (1, "-3/2"))
    >>> limit.tau, limit.weights
    (7/5, ((-6/5, -3/5), (3/10, -37/20)))
    """

    c: Sequence[Number]
    alpha: Number
    beta: Number

    def __post_init__(self) -> None:
        if len(self.c) == 0:
            raise ValueError("c is empty: give one random weight for each hidden unit.")
        object.__setattr__(self, "c", tuple(exact_number(v, "c") for v in self.c))
        object.__setattr__(self, "alpha", exact_number(self.alpha, "alpha"))
        beta: Any = exact_number(self.beta, "beta")
        if beta.is_negative:
            raise ValueError(f"beta is {beta}: it is a mean square, so give zero or more.")
        object.__setattr__(self, "beta", beta)

    def rates(self, a: Sequence[Any], b: Sequence[Any]) -> tuple[Vector, Vector]:
        """da/dt and db/dt [004 Eq 57]."""
        error = self.alpha - self.beta * _dot(a, b)
        return tuple(c * error for c in self.c), tuple(v * error for v in a)

    def invariants(self, a: Sequence[Any], b: Sequence[Any]) -> Vector:
        """c_i b_i − a_i²/2, constant while learning [004 Eq 59]."""
        return tuple(c * y - x**2 / 2 for c, x, y in zip(self.c, a, b, strict=True))

    def weights_at(self, a0: Sequence[Any], b0: Sequence[Any], tau: Any) -> tuple[Vector, Vector]:
        """a_i(0) + c_i τ and b_i(0) + a_i(0) τ + c_i τ²/2."""
        a = tuple(x + c * tau for x, c in zip(a0, self.c, strict=True))
        b = tuple(y + x * tau + c * tau**2 / 2 for y, x, c in zip(b0, a0, self.c, strict=True))
        return a, b

    def clock(self, a0: Sequence[Number], b0: Sequence[Number]) -> sp.Poly:
        """F(τ) = α − βP(τ), of which learning is the flow τ′ = F(τ), τ(0) = 0.

        Raises `ValueError` for wrong lengths and for values that are not rational.
        """
        start_a, start_b = _vector(a0, "a0", len(self.c)), _vector(b0, "b0", len(self.c))
        alpha, beta = rational(self.alpha, "alpha"), rational(self.beta, "beta")
        for v in self.c:
            rational(v, "c")
        a, b = self.weights_at(start_a, start_b, TAU)
        return sp.Poly(sp.expand(alpha - beta * _dot(a, b)), TAU, domain="QQ")

    def limit(self, a0: Sequence[Number], b0: Sequence[Number]) -> ExpansiveLimit:
        """Where learning from these weights ends; raises like `clock`."""
        flow = self.clock(a0, b0)
        start_a, start_b = _vector(a0, "a0", len(self.c)), _vector(b0, "b0", len(self.c))
        frozen = not any((*self.c, *start_a))
        end = PolynomialFlow(flow).limit(0)
        if frozen or end.kind == "stationary":
            return ExpansiveLimit(
                "stationary", sp.Integer(0), (sp.S.Zero, sp.S.Zero), (start_a, start_b), sp.S.Zero
            )
        if end.kind == "diverges":
            # only β = 0: the error never changes, and τ runs away
            far = self.weights_at(start_a, start_b, TAU)
            ends = tuple(tuple(sp.limit(w, TAU, end.point) for w in layer) for layer in far)
            return ExpansiveLimit(end.kind, None, None, (ends[0], ends[1]), sp.S.Zero)
        weights = self.weights_at(start_a, start_b, end.point)
        return ExpansiveLimit(end.kind, end.point, end.interval, weights, end.rate)


@dataclass(frozen=True)
class Compressive:
    """The linear autoencoder [N,1,N] on white data under random backpropagation [004 Eq 68].

    **Arguments:** `C`, the N random weights.

    >>> limit = Compressive(C=(1, 0)).limit(A0=(-3, 0), B0=("3/2", "7/10"))
    >>> limit.kind, [round(float(w), 6) for w in limit.n()[0]]
    ('saddle', [-2.261802, 0.0])
    """

    C: Sequence[Number]

    def __post_init__(self) -> None:
        if len(self.C) == 0:
            raise ValueError("C is empty: give one random weight for each output.")
        object.__setattr__(self, "C", tuple(exact_number(v, "C") for v in self.C))

    def rates(self, A: Sequence[Any], B: Sequence[Any]) -> tuple[Vector, Vector]:
        """dA/dt = C(I − BA) and dB/dt = (I − BA)Aᵗ [004 Eq 68]."""
        sigma, size = _dot(self.C, B), _dot(A, A)
        below = tuple(c - sigma * x for c, x in zip(self.C, A, strict=True))
        above = tuple(x - size * y for x, y in zip(A, B, strict=True))
        return below, above

    def invariant(self, A: Sequence[Any], B: Sequence[Any]) -> Any:
        """K = CB − ‖A‖²/2, constant while learning [004 Eq 66]."""
        return _dot(self.C, B) - _dot(A, A) / 2

    def cubic(self, A0: Sequence[Number], B0: Sequence[Number]) -> sp.Poly:
        """1 − (‖C‖²t²/2 + K)t, over ℚ [004 Eq 77].

        Raises `ValueError` for wrong lengths and for values that are not rational.
        """
        A, B = _vector(A0, "A0", len(self.C)), _vector(B0, "B0", len(self.C))
        C = _vector(self.C, "C", len(self.C))
        K = self.invariant(A, B)
        return sp.Poly(1 - (_dot(C, C) * TAU**2 / 2 + K) * TAU, TAU, domain="QQ")

    def limit(self, A0: Sequence[Number], B0: Sequence[Number]) -> CompressiveLimit:
        """Where learning from these weights ends: A = βC, B = Cᵗ/(β‖C‖²); raises like `cubic`.

        β is the one positive root of the cubic, unless A(0) = λC with λ < 0: then A stays on the
        line of C and may end at a negative root. With C = 0 the lower layer never moves and the
        upper one reaches its least squares.
        """
        cubic = self.cubic(A0, B0)
        A, B = _vector(A0, "A0", len(self.C)), _vector(B0, "B0", len(self.C))
        if not any(self.C):
            return _frozen_below(A, B)
        end = PolynomialFlow(cubic).limit(self._start(A))
        beta, size = end.point, _dot(self.C, self.C)
        weights = tuple(beta * c for c in self.C), tuple(c / (beta * size) for c in self.C)
        # off the span of C, A grows at the rate −σ = −1/β where β < 0
        leaves = len(self.C) > 1 and end.kind == "stable" and _is_negative(end)
        kind = "saddle" if leaves else end.kind
        return CompressiveLimit(kind, beta, end.interval, weights, end.rate)

    def _start(self, A: Vector) -> Any:
        """A start from which the flow of the cubic ends at the β that is reached."""
        share = _dot(A, self.C) / _dot(self.C, self.C)
        if all(x == share * c for x, c in zip(A, self.C, strict=True)):
            return share  # A = fC with f(0) = λ, also for λ = 0
        return sp.S.Zero  # the cubic is 1 there, so that the flow rises to the positive root


def _is_negative(end: FlowLimit) -> bool:
    return end.start < 0 if end.root is None else end.root.side_of(Fraction(0)) < 0


def _vector(values: Sequence[Number], name: str, size: int) -> Vector:
    if len(values) != size:
        raise ValueError(f"{name} has {len(values)} entries: give {size}, one for each unit.")
    return tuple(rational(v, name) for v in values)


def _decimals(weights: tuple[Vector, Vector], digits: int) -> tuple[Vector, Vector]:
    lower, upper = (tuple(sp.N(w, digits) for w in layer) for layer in weights)
    return lower, upper


def _dot(x: Sequence[Any], y: Sequence[Any]) -> Any:
    return sp.Add(*(p * q for p, q in zip(x, y, strict=True)))


def _frozen_below(A: Vector, B: Vector) -> CompressiveLimit:
    size = _dot(A, A)
    if size == 0:
        return CompressiveLimit("stationary", None, None, (A, B), sp.S.Zero)
    return CompressiveLimit("stable", None, None, (A, tuple(x / size for x in A)), -size)
