"""The F-adjoint and its relaxation [000 Eq 3–19], in symbols.

Y^ℓ = W^ℓ X^{ℓ−1},      X^ℓ = σ(Y^ℓ)                      [000 Eq 4]
Y_*^ℓ = X_*^ℓ ⊙ σ′(Y^ℓ),  X_*^{ℓ−1} = (W_♯^ℓ)ᵀ Y_*^ℓ       [000 Eq 6]
dX_~^ℓ/dt = −X_~^ℓ + X_*^ℓ,  X_~^ℓ(0) = X^ℓ                [000 Eq 14]
"""

from collections.abc import Sequence
from dataclasses import dataclass

import sympy as sp

from .layers import Expr, Layered, Loss, Matrix, hadamard, matrix, partials


@dataclass(frozen=True)
class Adjoint:
    """The F-adjoint of a propagation: `x[ℓ]` is X_*^ℓ, ℓ = 0…L, and `y[ℓ]` is Y_*^{ℓ+1}."""

    x: tuple[Matrix, ...]
    y: tuple[Matrix, ...]


def fadjoint(net: Layered, sums: Sequence[Matrix], top: Matrix) -> Adjoint:
    """The F-adjoint of `net` [000 Eq 5–6].

    **Arguments:** `sums`, Y^1…Y^L from `Layered.forward`; `top`, X_*^L.

    **Returns:** every X_* and Y_*. Raises `ValueError` if `top` does not fit the top layer.
    """
    if top.rows != sums[-1].rows:
        raise ValueError(f"top must have {sums[-1].rows} rows, one for each output: {top.rows}.")
    slopes = net.slopes(sums)
    x, y = [top], []
    for weight, slope in zip(reversed(net.weights), reversed(slopes), strict=True):
        y.insert(0, hadamard(x[0], slope))  # Eq 6, left
        sharp = sp.Matrix(weight[:, :-1]) if net.biased else weight
        x.insert(0, sharp.T * y[0])  # Eq 6, right
    return Adjoint(tuple(x), tuple(y))


def relaxed(start: Matrix, target: Matrix, t: Expr) -> Matrix:
    """The state of Eq 14 at time `t`: X_* + e^{−t}(X − X_*).

    >>> relaxed(sp.Matrix([1]), sp.Matrix([0]), sp.Symbol("t"))
    Matrix([[exp(-t)]])
    """
    return target + sp.exp(-t) * (start - target)


def euler(start: Matrix, target: Matrix, step: Expr, n: int) -> Matrix:
    """The state after `n` explicit Euler steps of Eq 14, one step after the other."""
    if n < 0:
        raise ValueError(f"n must be 0 or more, got {n}.")
    state = start
    for _ in range(n):
        state = state + step * (target - state)
    return state


def simultaneous_error(blocks: Sequence, errors: Sequence, t: Expr) -> list:
    """Errors X_~^ℓ(t) − X_*^ℓ when the layers of Eq 16 relax together, the lowest layer first.

    With X_~^{ℓ+1}(t) in place of its limit, dE_ℓ/dt = −E_ℓ + B_ℓ E_{ℓ+1}, a Jordan block:
    E_ℓ(t) = e^{−t} Σ_j t^j/j! · B_ℓ…B_{ℓ+j−1} E_{ℓ+j}(0).

    **Arguments:** `blocks`, the B_ℓ = (W_♯^{ℓ+1})ᵀ diag σ′(Y^{ℓ+1}), one fewer than `errors`, the
    E_ℓ(0); matrices, or symbols that do not commute.
    """
    if len(blocks) != len(errors) - 1:
        raise ValueError(f"blocks must be one fewer than errors: {len(blocks)}, {len(errors)}.")
    found = []
    for low in range(len(errors)):
        total = errors[low]
        for j in range(1, len(errors) - low):
            term = errors[low + j]
            for block in reversed(blocks[low : low + j]):
                term = block * term
            total = total + t**j / sp.factorial(j) * term
        found.append(sp.exp(-t) * total)
    return found


def open_problem(sizes: Sequence[int]) -> tuple[Layered, Matrix, Expr, Adjoint]:
    """A biased net of open σ, its input, an open loss J of its outputs, and the F-adjoint."""
    net = Layered.symbolic(*sizes, biased=True)
    x = matrix("x", sizes[0])
    sums, _ = net.forward(x)
    loss = Loss(*net.output(x))
    return net, x, loss, fadjoint(net, sums, partials(loss))
