"""Claims about the chain A[1,1,1,1] with two random weights [004 Eq 34–42, Thm 3]."""

import sympy as sp

from ..chain import A1, Chain
from ..claim import Claim, Evidence, register
from .chain_claims import IDENTITY, alpha, beta, is_zero
from .chain_depth_claims import chain, converges, feedback, product_rate, separated_by_s, weights


def averaged_system(last_alpha: bool) -> Evidence:
    """Eq 35 against the average of Eq 34; the last line with α, or with β as printed."""
    a, c = weights(3), chain(3).factors
    rates = chain(3).rates(a)
    p = sp.Mul(*a)
    heads = [c[i] * sp.Mul(*a[:i]) for i in range(3)]
    lines = [h * alpha - h * p * beta for h in heads[:2]]
    lines.append(heads[2] * (alpha if last_alpha else beta) - heads[2] * p * beta)
    return Evidence(is_zero(*(u - v for u, v in zip(lines, rates, strict=True))), IDENTITY)


def eliminated() -> Evidence:
    """Eq 42 written out, against da_1/dt on the orbit."""
    c1, c2 = feedback(3)
    k1, k2 = sp.symbols("C1 C2")
    second = c2 / (2 * c1) * A1**2 + k1
    third = second**2 / (2 * c2) + k2
    printed = c1 * (alpha - beta * A1 * second * third)
    start = (0, k1, k2 + k1**2 / (2 * c2))  # the weights of this orbit at a_1 = 0
    return Evidence(is_zero(chain(3).polynomial(start).as_expr() - printed), IDENTITY)


def leading_term_3(sign: int) -> Evidence:
    """Is the leading term of Eq 42 `sign` times βc_2²/(16c_1²)?"""
    c1, c2 = feedback(3)
    q = chain(3).polynomial(sp.symbols("s1:4"))
    holds = q.degree() == 7 and is_zero(q.LC() - sign * beta * c2**2 / (16 * c1**2))
    return Evidence(holds, "expansion of Eq 42", values={"leading coefficient": str(q.LC())})


def only_one_moves() -> Evidence:
    """c_2 = 0 as a chain A[1,1]: would a single weight move?"""
    rates = Chain((1, 0), 1, 1).rates((1, 1, 0))
    moving = sum(rate != 0 for rate in rates)
    values: dict[str, object] = {"a": "(1, 1, 0)", "rates": tuple(str(r) for r in rates)}
    return Evidence(moving == 1, "exact counter-example", "c = (1, 0), α = β = 1", values)


def two_of_three_move() -> Evidence:
    """c_2 = 0, a_2 = b ≠ 0: (a_1, a_3) is A[1,1,1] with c_1/b, bα and b²β."""
    c1, b = sp.symbols("c1 b", real=True, nonzero=True)
    first, third = sp.symbols("a1 a3", real=True)
    long = Chain((c1, 0), alpha, beta).rates((first, b, third))
    short = Chain((c1 / b,), b * alpha, b**2 * beta).rates((first, third))
    holds = long[1] == 0 and is_zero(long[0] - short[0], long[2] - short[1])
    return Evidence(holds, IDENTITY)


def trivial_case_converges() -> Evidence:
    """c_2 = 0 and a_2(0) = 0: does the chain still converge?"""
    start = ("1/2", 0, 3)
    limit = Chain((1, 0), 1, 1).limit(start)
    values = {"a(0)": "(1/2, 0, 3)", "limit": tuple(str(w) for w in limit.weights)}
    return Evidence(limit.kind != "diverges", "exact counter-example", "c = (1, 0)", values)


def trivial_case_with_weight() -> Evidence:
    """c_2 = 0, a_2(0) ≠ 0, c_1 ≠ 0: A[1,1,1], which converges (cubic, negative coefficient)."""
    return Evidence(
        two_of_three_move().holds and converges(range(2, 3)).holds, "reduction to Thm 2"
    )


for _claim in (
    Claim(
        "chain3-average", "004 Eq 35",
        "the third line reads ηa₁a₂β − ηa₁a₂Pβ",
        lambda: averaged_system(False), lambda: averaged_system(True),
        "the third line reads ηa₁a₂α − ηa₁a₂Pβ",
        reason="E(IT) = α, as in the two lines above; Eq 36 has it right.",
    ),
    Claim("chain3-dP", "004 Eq 37", "dP/dt = (a₁²a₂² + c₁a₂a₃ + c₂a₁²a₃)(α − βP)",
          lambda: product_rate(range(3, 4))),
    Claim("chain3-Q", "004 Eq 38–42",
          "da₁/dt = c₁[α − βa₁(c₂a₁²/2c₁ + C₁)((c₂a₁²/2c₁ + C₁)²/2c₂ + C₂)]", eliminated),
    Claim(
        "chain3-leading", "004 Eq 42",
        "the leading term of Q is negative and given by βc₂²/(16c₁²)",
        lambda: leading_term_3(1), lambda: leading_term_3(-1),
        "the leading coefficient of Q is −βc₂²/(16c₁²)",
        reason="The printed term lacks its sign: it is positive for β > 0.",
    ),
    Claim("chain3-limit", "004 Thm 3",
          "for c₁, c₂ ≠ 0 the system always converges, and the end point solves a polynomial "
          "equation of degree seven", lambda: converges(range(3, 4))),
    Claim("chain3-stability", "004 Sec 7.3",
          "S = a₁²a₂² + c₁a₂a₃ + c₂a₁²a₃ = 0 separates stable from unstable fixed points",
          separated_by_s),
    Claim(
        "chain3-c2-zero", "004 Thm 3, proof",
        "if c₂ = 0 the problem can be reduced to the A[1,1] case",
        only_one_moves, two_of_three_move,
        "if c₂ = 0 and a₂ ≠ 0 it reduces to A[1,1,1] with c₁/a₂, a₂α and a₂²β",
        reason="a₁ and a₃ both move.",
    ),
    Claim(
        "chain3-c2-zero-limit", "004 Thm 3, proof",
        "if c₂ = 0 the reduced system converges as before",
        trivial_case_converges, trivial_case_with_weight,
        "if c₂ = 0 and a₂(0) ≠ 0 the system converges",
        "a₂(0) ≠ 0",
        "With c₂ = a₂(0) = 0 and α ≠ 0, P ≡ 0 and a₁ = a₁(0) + c₁αt grows for ever.",
    ),
):  # fmt: skip
    register(_claim)
