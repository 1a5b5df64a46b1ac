"""A layered network in symbols: sums, activities and the top-down signals of every feedback scheme.

Layer h has sums S = W X and activities X = σ(S), with σ left open, so that an identity found here
holds for every differentiable σ. The signals come down either staged, layer by layer
(back-propagation, its random variant, the F-adjoint), or skipped, from the top to each layer.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, TypeAlias

import sympy as sp

# SymPy's matrices and its open functions say too little of their types for a checker
Matrix: TypeAlias = Any
Expr: TypeAlias = Any


class Slope(sp.Function):
    """σ′, the slope of the open activation σ."""


class Activation(sp.Function):
    """σ, an activation of which only the name of its slope is known."""

    def fdiff(self, argindex: int = 1) -> Expr:
        """The derivative with respect to the only argument."""
        return Slope(self.args[0])


class Loss(sp.Function):
    """J, an open loss of the outputs; `fdiff` gives J1, J2, … for its partial derivatives."""

    def fdiff(self, argindex: int = 1) -> Expr:
        """The partial derivative with respect to argument `argindex`, counted from 1."""
        return sp.Function(f"J{argindex}")(*self.args)


def partials(loss: Expr) -> Matrix:
    """The column of the partial derivatives of an open loss at its arguments."""
    return sp.Matrix([loss.fdiff(i + 1) for i in range(len(loss.args))])


Elementwise = Callable[[Expr], Expr]


def matrix(name: str, rows: int, columns: int = 1) -> Matrix:
    """A matrix of symbols named `name` and the indices from 1.

    >>> matrix("w", 1, 2)
    Matrix([[w_11, w_12]])
    """
    return sp.Matrix(rows, columns, lambda i, j: sp.Symbol(f"{name}_{i + 1}{j + 1}"))


def hadamard(left: Matrix, right: Matrix) -> Matrix:
    """The elementwise product; raises `ShapeError` where the shapes differ."""
    return sp.Matrix(left.multiply_elementwise(right))


def vanishes(values: Iterable[Expr]) -> bool:
    """Whether every one of the expressions (or entries of a matrix) expands to zero."""
    return all(sp.expand(value) == 0 for value in values)


@dataclass(frozen=True)
class Layered:
    """A network A[N0, …, NL] with the weights of each layer, the first layer first.

    **Fields:** `weights`, the matrices; `biased`, whether the last column of each holds the bias;
    `linear_top`, whether the top layer has no activation; `sigma` and `slope`, the activation and
    its derivative, open unless given.
    """

    weights: tuple[Matrix, ...]
    biased: bool = False
    linear_top: bool = False
    sigma: Elementwise = Activation
    slope: Elementwise = Slope

    @classmethod
    def symbolic(cls, *sizes: int, biased: bool = False, linear_top: bool = False) -> "Layered":
        """The network of these sizes whose weights are all symbols.

        Raises `ValueError` for fewer than two sizes.
        """
        if len(sizes) < 2:
            raise ValueError(f"sizes must name two layers or more, got {sizes}.")
        weights = [
            matrix(f"w{h + 1}", above, below + biased)
            for h, (below, above) in enumerate(pairwise(sizes))
        ]
        return cls(tuple(weights), biased, linear_top)

    def forward(self, x: Matrix) -> tuple[list[Matrix], list[Matrix]]:
        """Sums S of each layer, and the activities, `x` first, each with its 1 where biased."""
        activities = [self._with_one(x)]
        sums = []
        for h, weight in enumerate(self.weights):
            sums.append(weight * activities[-1])
            open_top = self.linear_top and h == len(self.weights) - 1
            layer = sums[-1] if open_top else sums[-1].applyfunc(self.sigma)
            activities.append(self._with_one(layer))
        return sums, activities

    def output(self, x: Matrix) -> Matrix:
        """The top activities without the added 1."""
        top = self.forward(x)[1][-1]
        return sp.Matrix(top[: self.weights[-1].rows])

    def slopes(self, sums: Sequence[Matrix]) -> list[Matrix]:
        """σ′ at the sums of each layer, ones at a linear top."""
        slopes = [layer.applyfunc(self.slope) for layer in sums]
        if self.linear_top:
            slopes[-1] = sp.ones(sums[-1].rows, 1)
        return slopes

    def transposes(self) -> list[Matrix]:
        """The exact feedback: Wᵀ of every layer but the first, without the column of the bias."""
        return [self._without_bias(w).T for w in self.weights[1:]]

    def entries(self) -> list[Expr]:
        """All the weights in one list, layer by layer and row by row."""
        return [entry for weight in self.weights for entry in weight]

    def _with_one(self, layer: Matrix) -> Matrix:
        return layer.col_join(sp.ones(1, 1)) if self.biased else layer

    def _without_bias(self, weight: Matrix) -> Matrix:
        return sp.Matrix(weight[:, :-1]) if self.biased else weight


def staged(top: Matrix, feedback: Sequence[Matrix], slopes: Sequence[Matrix]) -> list[Matrix]:
    """Signals sent down layer by layer: δ_h = σ′_h ⊙ (C_h δ_{h+1}), δ_L = `top`.

    **Arguments:** `feedback`, one matrix for each layer but the top; `slopes`, as from
    `Layered.slopes`.
    """
    signals = [top]
    for matrix_down, slope in zip(reversed(feedback), reversed(slopes[:-1]), strict=True):
        signals.insert(0, hadamard(slope, matrix_down * signals[0]))
    return signals


def skipped(top: Matrix, feedback: Sequence[Matrix], slopes: Sequence[Matrix]) -> list[Matrix]:
    """Signals sent straight from the top: δ_h = σ′_h ⊙ (C_h δ_L), δ_L = `top`."""
    hidden = [hadamard(s, c * top) for c, s in zip(feedback, slopes[:-1], strict=True)]
    return [*hidden, top]


def updates(signals: Sequence[Matrix], activities: Sequence[Matrix]) -> list[Expr]:
    """The entries of δ_h X_{h−1}ᵀ in the order of `Layered.entries`."""
    pairs = zip(signals, activities[:-1], strict=True)
    return [entry for signal, below in pairs for entry in signal * below.T]


def named(nets: Iterable[Sequence[int]]) -> str:
    """The architectures in the notation of the papers.

    >>> named([(2, 2), (1, 2, 1)])
    'A[2,2], A[1,2,1]'
    """
    return ", ".join(f"A[{','.join(map(str, sizes))}]" for sizes in nets)


def open_feedback(sizes: Sequence[int], skip: bool = False) -> list[Matrix]:
    """Open matrices C_h for each hidden layer, from the layer above or, with `skip`, the top."""
    return [
        matrix(f"c{h}", sizes[h], sizes[-1] if skip else sizes[h + 1])
        for h in range(1, len(sizes) - 1)
    ]
