"""Claims about the chain A[1,1,1] with one random weight c_1 [004 Eq 23–33, Thm 2]."""

from typing import Any

import sympy as sp

from ..chain import TAU, Chain
from ..claim import Claim, Evidence, register

# nothing assumed but that they are real, so that the identities hold for every sign
a1, a2, c1, x, y = sp.symbols("a1 a2 c1 x y", real=True)
alpha, beta = sp.symbols("alpha beta", real=True)
k = sp.Symbol("k", positive=True)  # (c_1 α/β)^(1/3), for c_1, α, β > 0
IDENTITY = "symbolic identity"


def is_zero(*expressions: Any) -> bool:
    """Whether every expression vanishes identically (numerators expanded)."""
    return all(sp.expand(sp.numer(sp.together(e))) == 0 for e in expressions)


def chain2() -> Chain:
    """A[1,1,1] with symbols for everything."""
    return Chain((c1,), alpha, beta)


def along_flow(quantity: Any) -> Any:
    """Its time derivative along the flow of Eq 23."""
    rates = chain2().rates((a1, a2))
    return sum(sp.diff(quantity, a) * rate for a, rate in zip((a1, a2), rates, strict=True))


def product_rate() -> Evidence:
    """Eq 24."""
    error = alpha - beta * a1 * a2
    return Evidence(is_zero(along_flow(a1 * a2) - (a1**2 + a2 * c1) * error), IDENTITY)


def error_form(power: int) -> Evidence:
    """Eq 25 with the bracket to some power; ½E(T²) drops out on both sides."""
    product = a1 * a2
    left = beta * product**2 / 2 - alpha * product
    right = (alpha - beta * product) ** power / (2 * beta) - alpha**2 / (2 * beta)
    return Evidence(is_zero(left - right), f"{IDENTITY} with exponent {power}")


def error_slopes() -> Evidence:
    """Eq 26: dE/dP = βP − α and ∂E/∂a_i = (βP − α) P/a_i for a_i ≠ 0."""
    p = sp.Symbol("P")
    energy = beta * p**2 / 2 - alpha * p
    holds = is_zero(sp.diff(energy, p) + alpha - beta * p)
    for a in (a1, a2):
        slope = sp.diff(energy.subs(p, a1 * a2), a)
        holds = holds and is_zero(slope - (beta * a1 * a2 - alpha) * a1 * a2 / a)
    return Evidence(holds, IDENTITY)


def without_input() -> Evidence:
    """β = E(I²) = 0 forces α = E(IT) = 0, and then nothing moves."""
    rates = Chain((c1,), 0, 0).rates((a1, a2))
    return Evidence(all(rate == 0 for rate in rates), IDENTITY)


def without_feedback() -> Evidence:
    """c_1 = 0: a_1 stays, and a_2 → α/(β a_1) at the rate β a_1² for a_1 ≠ 0; else all stays."""
    first, second = Chain((0,), alpha, beta).rates((a1, a2))
    goal = alpha / (beta * a1)
    holds = first == 0 and is_zero(second + beta * a1**2 * (a2 - goal))
    frozen = all(rate.subs(a1, 0) == 0 for rate in (first, second))
    return Evidence(holds and frozen, IDENTITY)


def reflections() -> Evidence:
    """The field at the mirror image is the mirror image of the field."""
    first, second = chain2().rates((a1, a2))
    there = Chain((c1,), -alpha, beta).rates((-a1, a2))  # across the a_2-axis
    back = Chain((-c1,), alpha, beta).rates((-a1, -a2))  # through the origin
    holds = is_zero(there[0] + first, there[1] - second, back[0] + first, back[1] + second)
    return Evidence(holds, IDENTITY)


def fixed_points() -> Evidence:
    """c_1 ≠ 0: both rates vanish ⇔ α − βP = 0, where the error is least."""
    first, second = chain2().rates((a1, a2))
    error = alpha - beta * a1 * a2
    excess = beta * (a1 * a2) ** 2 / 2 - alpha * a1 * a2 + alpha**2 / (2 * beta)
    holds = is_zero(first / c1 - error, second - a1 * error, excess - error**2 / (2 * beta))
    return Evidence(holds, f"{IDENTITY}; the excess error is a square over 2β")


def hyperbola_meets_parabola() -> Evidence:
    """Eq 28: S = 0 on a_2 = −a_1²/c_1; it meets P = α/β at one real point."""
    s = a1**2 + c1 * a2
    cubic = sp.Poly(sp.numer(sp.together(a1 * (-(a1**2) / c1) - alpha / beta)), a1)
    shaped = cubic.as_expr().subs(alpha, k**3 * beta / c1)
    holds = is_zero(s.subs(a2, -(a1**2) / c1), shaped / beta + a1**3 + k**3)
    # a1³ + k³ = (a1 + k)(a1² − k a1 + k²), whose second factor has discriminant −3k² < 0
    holds = holds and is_zero(a1**3 + k**3 - (a1 + k) * (a1**2 - k * a1 + k**2))
    discriminant: Any = sp.discriminant(a1**2 - k * a1 + k**2, a1)
    holds = holds and bool(discriminant.is_negative)
    c, q = sp.symbols("c q", positive=True)  # c_1 = c³, α/β = q³, hence k = cq
    height = -(q**2) / c
    return Evidence(holds and is_zero(height + (c * q) ** 2 / c**3), IDENTITY, "c_1, α, β > 0")


def similar_quadrant() -> Evidence:
    """Does the orbit from a_1 < 0 < a_2 climb the way it does in the first quadrant?"""
    start = (-2, sp.Rational(1, 10))
    chain = Chain((1,), 1, 1)
    limit = chain.limit(start)
    grows = all(rate > 0 for rate in chain.rates(start))
    values = {"start": "(−2, 1/10)", "limit": tuple(str(v) for v in limit.n(10))}
    stays = all(low > 0 for low, _ in (limit.weight_intervals or ())[1:])
    return Evidence(grows and stays, "exact counter-example", "c = α = β = 1", values)


def second_quadrant() -> Evidence:
    """For a_1 < 0 < a_2 and c_1, α, β > 0: a_1 rises and a_2 falls, at times through zero."""
    u, v, c, al, be = sp.symbols("u v c alpha beta", positive=True)
    first, second = Chain((c,), al, be).rates((-u, v))
    bounds = Chain((1,), 1, 1).limit((-2, sp.Rational(1, 10))).weight_intervals
    leaves = bounds is not None and all(high < 0 for _, high in bounds)
    signs = bool(sp.expand(first).is_positive and sp.expand(second).is_negative)
    return Evidence(signs and leaves, "symbolic signs; an exact orbit into the third quadrant")


def congruent() -> Evidence:
    """a_2 and c_1 of one sign: a_1² + c_1 a_2 ≥ 0; with a_2 = c_1 too."""
    c, v = sp.symbols("c v", positive=True)
    both = (a1**2 + c * v, a1**2 + (-c) * (-v))
    return Evidence(all(bool(s.is_nonnegative) for s in both), "symbolic signs")


def orbit_parabola() -> Evidence:
    """Eq 29–30: a_2 − a_1²/(2c_1) never changes."""
    (constant,) = chain2().invariants((a1, a2))
    holds = is_zero(along_flow(constant), constant - (a2 - a1**2 / (2 * c1)))
    return Evidence(holds, IDENTITY)


def cubic_equation() -> Evidence:
    """Eq 31: da_1/dt = −(β/2)(a_1³ + (2c_1 a_2(0) − a_1(0)²) a_1 − 2c_1 α/β)."""
    start, top = sp.symbols("s t")
    poly = chain2().polynomial((start, top)).as_expr()
    a = sp.Symbol("a1")
    cubic = a**3 + (2 * c1 * top - start**2) * a - 2 * c1 * alpha / beta
    return Evidence(is_zero(poly + beta / 2 * cubic), IDENTITY)


def upper_parabolas() -> Evidence:
    """With C ≥ 0 the cubic x³ + 2c_1 C x − 2k³ has a negative discriminant: one real root."""
    c = sp.Symbol("c", positive=True)
    height = sp.Symbol("C", nonnegative=True)
    disc: Any = sp.expand(sp.discriminant(x**3 + 2 * c * height * x - 2 * k**3, x))
    return Evidence(bool(disc.is_negative), "sign of the discriminant", "c_1, α, β > 0")


def double_root() -> Evidence:
    """The cubic has a double root only at −k, where S = 0: (x + k)²(x − 2k)."""
    slope = sp.Symbol("m")
    cubic = x**3 + slope * x - 2 * k**3
    # a double root r: 3r² + m = 0 and r³ + mr = 2k³ give −2r³ = 2k³, so r = −k
    r = sp.Symbol("r", real=True)
    forced = is_zero(cubic.subs({x: r, slope: -3 * r**2}) + 2 * (r**3 + k**3))
    factors = is_zero(cubic.subs(slope, -3 * k**2) - (x + k) ** 2 * (x - 2 * k))
    at_root = {a1: -k, a2: -(k**2) / c1}  # P = k³/c_1 = α/β
    on_both = is_zero((a1 * a2).subs(at_root) - k**3 / c1, (a1**2 + c1 * a2).subs(at_root))
    return Evidence(forced and factors and on_both, IDENTITY, "c_1, α, β > 0")


def linearisation() -> Evidence:
    """Eq 32–33: on α = βP the Jacobian sends (u, v) to −β(c_1, a_1)w, so w' = −βSw."""
    field = sp.Matrix(chain2().rates((a1, a2)))
    u, v = sp.symbols("u v")
    jacobian = field.jacobian([a1, a2]).subs(alpha, beta * a1 * a2)
    w = a2 * u + a1 * v
    first, second = jacobian * sp.Matrix([u, v])
    s = c1 * a2 + a1**2
    holds = is_zero(first + beta * c1 * w, second + beta * a1 * w)
    holds = holds and is_zero(a2 * first + a1 * second + beta * s * w)
    holds = holds and is_zero(jacobian.det(), jacobian.trace() + beta * s)
    return Evidence(holds, f"{IDENTITY}; eigenvalues 0 and −βS")


def clock_reduction() -> Evidence:
    """In dτ = (α − βP)dt the weights of Eq 23 are polynomials, and τ' = α − βP(τ)."""
    s, t, tau = (*sp.symbols("s t", real=True), TAU)
    first = s + c1 * tau
    second = t + s * tau + c1 * tau**2 / 2
    # da/dτ · τ' = da/dt, with τ' = α − βP
    holds = is_zero(sp.diff(first, tau) - c1, sp.diff(second, tau) - first)
    q = Chain((2,), 3, 5).clock((7, 11)).as_expr()
    values = {s: 7, t: 11, c1: 2}
    return Evidence(holds and is_zero(q - 3 + 5 * (first * second).subs(values)), IDENTITY)


for _claim in (
    Claim("chain2-dP", "004 Eq 24", "dP/dt = (a₁² + a₂c₁)(α − βP)", product_rate),
    Claim(
        "chain2-error", "004 Eq 25",
        "the error is ½E(T²) + (α − βP)³/(2β) − α²/(2β)",
        lambda: error_form(3), lambda: error_form(2),
        "the error is ½E(T²) + (α − βP)²/(2β) − α²/(2β)",
        reason="The exponent must be 2: the error is quadratic in P.",
    ),
    Claim("chain2-gradient", "004 Eq 26",
          "dE/dP = −α + βP and ∂E/∂a_i = (−α + βP) P/a_i for a_i ≠ 0", error_slopes),
    Claim("chain2-beta-zero", "004 Thm 2, trivial case 1",
          "if β = 0 then α = 0 and all weights remain constant", without_input),
    Claim("chain2-c-zero", "004 Thm 2, trivial case 2",
          "if c₁ = 0, a₁ stays; a₂ → α/(βa₁(0)) if a₁(0) ≠ 0 and stays too if a₁(0) = 0",
          without_feedback),
    Claim("chain2-reflections", "004 Sec 7.2",
          "α → −α is a reflection about the a₂-axis and c₁ → −c₁ one about the origin",
          reflections),
    Claim("chain2-fixed-points", "004 Thm 2, Eq 27",
          "for c₁ ≠ 0 all fixed points have α − βP = 0 and are global minima of the error",
          fixed_points),
    Claim("chain2-parabola", "004 Eq 28",
          "dP/dt = 0 on a₂ = −a₁²/c₁, which meets P = α/β at one point, a₁ = (−c₁α/β)^(1/3)",
          hyperbola_meets_parabola),
    Claim(
        "chain2-quadrant", "004 Sec 7.2",
        "a similar situation (weights growing towards the hyperbola) is observed in the fourth "
        "quadrant, where a₁ < 0 and a₂ > 0",
        similar_quadrant, second_quadrant,
        "a₁ < 0 < a₂ is the second quadrant; there a₁ rises, a₂ falls and may leave the half plane",
        reason="The rate a₁(α − βP) of a₂ is negative where a₁ < 0 and P < α/β.",
    ),
    Claim("chain2-congruent", "004 Sec 7.2",
          "if a₂ and c₁ have the same sign, a₁² + a₂c₁ ≥ 0 and P moves with the sign of α − βP",
          congruent),
    Claim("chain2-orbit", "004 Eq 29–30",
          "orbits are parabolas a₂ = a₁²/(2c₁) + a₂(0) − a₁(0)²/(2c₁)", orbit_parabola),
    Claim("chain2-cubic", "004 Eq 31",
          "the end point solves a₁³ + (2c₁a₂(0) − a₁(0)²)a₁ − 2c₁α/β = 0", cubic_equation),
    Claim("chain2-upper-half", "004 Sec 7.2",
          "orbit parabolas in the upper half plane give a single real root", upper_parabolas),
    Claim("chain2-double-root", "004 Sec 7.2",
          "a double root occurs at −(c₁α/β)^(1/3), on hyperbola and parabola both", double_root),
    Claim("chain2-linear", "004 Eq 32–33",
          "near a fixed point w = a₂u + a₁v obeys dw/dt = −β(c₁a₂ + a₁²)w", linearisation),
    Claim("chain2-clock", "004 Eq 23",
          "in the clock dτ = (α − βP)dt the system is one scalar polynomial flow", clock_reduction),
):  # fmt: skip
    register(_claim)
