"""The deep learning channel [004 Sec 2–6]: error functions, costs, quantiser and adaptive feedback.

W = Σ_{k≥0} N_k N_{k+1},  W′ = N_L Σ_{k=1}^{L−1} N_k                       [004 Eq 14, 15]
Quantize(x) = α sign(x) 2^{round(clip(log₂|x/α|, −bits+1, 0))}            [004 Eq 19]
"""

from collections.abc import Sequence
from fractions import Fraction

import sympy as sp

from .layers import Expr, Layered, Matrix, matrix


def squared_error(sums: Matrix, target: Matrix) -> tuple[Expr, Matrix]:
    """½ Σ (T−O)² with O = S, and O."""
    return sum(((t - s) ** 2 for t, s in zip(target, sums, strict=True)), start=sp.S.Zero) / 2, sums


def logistic_entropy(sums: Matrix, target: Matrix) -> tuple[Expr, Matrix]:
    """−Σ (T ln O + (1−T) ln(1−O)) with O = 1/(1+e^{−S}), and O."""
    # −ln O = ln(1+e^{−S}) and −ln(1−O) = S + ln(1+e^{−S})
    terms = [(1 - t) * s + sp.log(1 + sp.exp(-s)) for t, s in zip(target, sums, strict=True)]
    return sum(terms, start=sp.S.Zero), sums.applyfunc(lambda s: 1 / (1 + sp.exp(-s)))


def softmax_entropy(sums: Matrix, target: Matrix) -> tuple[Expr, Matrix]:
    """−Σ T_i ln O_i with O = softmax(S), and O."""
    powers = sums.applyfunc(sp.exp)
    total = sum(powers)
    terms = [t * (sp.log(total) - s) for t, s in zip(target, sums, strict=True)]
    return sum(terms, start=sp.S.Zero), powers / total


def weight_count(sizes: Sequence[int | Expr]) -> int | Expr:
    """W = Σ_{k=0}^{L−1} N_k N_{k+1} of A[N_0, …, N_L] [004 Eq 14].

    >>> weight_count([784, 100, 100, 100, 100, 10])
    109400
    """
    _at_least_two(sizes)
    return sum(sizes[k] * sizes[k + 1] for k in range(len(sizes) - 1))


def staged_cost(sizes: Sequence[int | Expr]) -> int | Expr:
    """Multiplications that bring the error down layer by layer: Σ_{k=1}^{L−1} N_k N_{k+1}.

    >>> staged_cost([784, 100, 100, 100, 100, 10])
    31000
    """
    _at_least_two(sizes)
    return sum(sizes[k] * sizes[k + 1] for k in range(1, len(sizes) - 1))


def skipped_cost(sizes: Sequence[int | Expr]) -> int | Expr:
    """W′ = N_L Σ_{k=1}^{L−1} N_k, the same straight from the top [004 Eq 15].

    >>> skipped_cost([784, 100, 100, 100, 100, 10])
    4000
    """
    _at_least_two(sizes)
    return sizes[-1] * sum(sizes[1:-1])


def _at_least_two(sizes: Sequence[int | Expr]) -> None:
    if len(sizes) < 2:
        raise ValueError(f"sizes must name two layers or more, got {list(sizes)}.")


def exact(value: int | float | str | Expr, name: str) -> Expr:
    """An int, a decimal or fraction string, a float (its binary value) or a number, exactly.

    Raises `ValueError`, with `name`, for anything that is no finite real number.
    """
    try:
        # Fraction refuses NaN and infinity, which sp.Rational takes for 0
        plain = isinstance(value, int | float | str)
        number = sp.Rational(Fraction(value)) if plain else sp.sympify(value)
    except (ArithmeticError, TypeError, ValueError) as wrong:
        raise ValueError(f"{name} must be a finite number, got {value!r}.") from wrong
    if not (isinstance(number, sp.Expr) and number.is_finite and number.is_real):
        raise ValueError(f"{name} must be a finite real number, got {value!r}.")
    return number


def quantize(x: int | float | str | Expr, alpha: int | float | str | Expr, bits: int) -> Expr:
    """α sign(x) 2^{round(clip(log₂|x/α|, −bits+1, 0))} [004 Eq 19], exactly; 0 goes to 0.

    A half integer log₂ is rounded to the even neighbour. It needs |x/α| = 2^{k+1/2}, so with
    rational x and α it never occurs.

    >>> quantize("0.05", "1/8", 3)
    1/16
    """
    if bits < 1:
        raise ValueError(f"bits must be 1 or more, got {bits}.")
    value, scale = exact(x, "x"), exact(alpha, "alpha")
    if not scale > 0:
        raise ValueError(f"alpha must be positive, got {alpha!r}.")
    square = (value / scale) ** 2
    exponent = 0  # the clip at 0
    while exponent > 1 - bits and _rounds_lower(square, exponent):
        exponent -= 1
    return scale * sp.sign(value) * sp.Integer(2) ** exponent


def _rounds_lower(square: Expr, exponent: int) -> bool:
    """Whether round(log₂ √square) < exponent, from comparisons of squares alone."""
    edge = sp.Integer(2) ** (2 * exponent - 1)
    return bool(square < edge) or (square == edge and exponent % 2 == 1)


def levels(bits: int) -> set[Expr]:
    """Every value but 0 that Eq 19 can take with α = 1.

    Each is its own image, and an image lies among ±2^{−k}, so the images of all ±2^{−k}, with one
    below and one above the clip, are all of them.
    """
    starts = [sp.Integer(2) ** -k for k in range(-1, bits + 1)]
    return {quantize(sign * start, 1, bits) for start in starts for sign in (1, -1)}


def adaptive_rates(a1: Expr, a2: Expr, c1: Expr, alpha: Expr, beta: Expr) -> tuple[Expr, ...]:
    """(da₁/dt, da₂/dt, dc₁/dt) of ARBP on the linear A[1,1,1], averaged over the training set.

    Δa₁ = c₁(T−O)I and Δa₂ = (T−O)a₁I as in Eq 21, Δc₁ = R²O¹ = (T−O)a₁I by the rule of Sec 3.
    """
    error = alpha - beta * a1 * a2
    return c1 * error, a1 * error, a1 * error


def open_problem(sizes: Sequence[int], biased: bool = False) -> tuple[Layered, Matrix, Matrix]:
    """A net of open activation with a linear top, its input, and T − O."""
    net = Layered.symbolic(*sizes, biased=biased, linear_top=True)
    x = matrix("x", sizes[0])
    return net, x, matrix("t", sizes[-1]) - net.output(x)
