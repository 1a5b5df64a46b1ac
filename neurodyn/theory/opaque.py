"""Functions known by name only, symbolic matrices, and the test for zero of every identity."""

from functools import cache
from typing import Any

import sympy as sp

# SymPy's matrices can be iterated over, but type checkers are not told so
Matrix = Any


@cache
def opaque(name: str, slots: tuple[int, ...] = ()) -> Any:
    """A function nothing is known of; its partial derivatives are opaque functions too.

    **Arguments:** `name`; `slots`, the arguments it has been differentiated in, counted from 1.

    **Returns:** a SymPy function class. An identity in its values and its derivatives holds for
    every smooth function.

    >>> x = sp.Symbol("x")
    >>> opaque("f")(3 * x).diff(x)
    3*f'(3*x)
    """

    def fdiff(self: Any, argindex: int = 1) -> Any:
        # sorted, because partial derivatives commute
        return opaque(name, tuple(sorted((*slots, argindex))))(*self.args)

    marks = "'" * len(slots) if set(slots) <= {1} else "_" + "".join(map(str, slots))
    return type(f"{name}{marks}", (sp.Function,), {"fdiff": fdiff})


def matrix(name: str, rows: int, columns: int) -> Matrix:
    """The matrix of the real symbols `name_ij`, indices from 0."""
    return sp.Matrix(rows, columns, lambda i, j: sp.Symbol(f"{name}_{i}{j}", real=True))


def vector(name: str, size: int) -> Matrix:
    """The column of the real symbols `name_i`, indices from 0."""
    return sp.Matrix(size, 1, lambda i, _: sp.Symbol(f"{name}_{i}", real=True))


def symmetric(name: str, size: int) -> Matrix:
    """The symmetric matrix of real symbols."""
    return sp.Matrix(
        size, size, lambda i, j: sp.Symbol(f"{name}_{min(i, j)}{max(i, j)}", real=True)
    )


def skew(name: str, size: int) -> Matrix:
    """The skew-symmetric matrix of real symbols."""
    full = matrix(name, size, size)
    lower = sp.Matrix(size, size, lambda i, j: full[i, j] if i > j else 0)
    return lower - lower.T


def strictly_lower(name: str, size: int) -> Matrix:
    """The strictly lower triangular matrix of real symbols."""
    full = matrix(name, size, size)
    return sp.Matrix(size, size, lambda i, j: full[i, j] if i > j else 0)


def no_diagonal(name: str, size: int) -> Matrix:
    """The square matrix of real symbols with zeros on its diagonal."""
    full = matrix(name, size, size)
    return sp.Matrix(size, size, lambda i, j: full[i, j] if i != j else 0)


def dot(left: Matrix, right: Matrix) -> sp.Expr:
    """The inner product of two columns."""
    return sp.sympify((left.T * right)[0])


def each(function: Any, column: Matrix) -> Matrix:
    """`function` applied to every entry of `column`."""
    return sp.Matrix([function(entry) for entry in column])


def gradient(expression: Any, column: Matrix) -> Matrix:
    """The column of the derivatives of `expression` in the entries of `column`."""
    return sp.Matrix([sp.diff(expression, entry) for entry in column])


def vanishes(*parts: Any) -> bool:
    """Whether every expression, and every entry of every matrix, is identically zero.

    Decides rational expressions in symbols and opaque functions: they are brought to normal form.
    """
    for part in parts:
        for entry in part if isinstance(part, sp.MatrixBase) else [part]:
            if sp.expand(entry) != 0 and sp.cancel(sp.together(entry)) != 0:
                return False
    return True
