"""The linear network [N0,N1,N2] under random backpropagation: invariants and a Lyapunov matrix."""

from dataclasses import dataclass
from typing import Any

import sympy as sp


@dataclass(frozen=True)
class ThreeLayer:
    """The linear network [N0,N1,N2] under random backpropagation [004 Eq 88].

    **Arguments:** `C1`, the random weights, N1 × N2; `sigma_ti` = E(TIᵗ), N2 × N0; `sigma_ii` =
    E(IIᵗ), N0 × N0 and symmetric. Matrices, or nested lists of numbers and symbols; text and
    floats are made exact.

    >>> net = ThreeLayer(C1=[[1]], sigma_ti=[[1]], sigma_ii=[[2]])
    >>> net.rates(sp.Matrix([[3]]), sp.Matrix([[5]]))
    (Matrix([[-29]]), Matrix([[-87]]))
    """

    C1: Any
    sigma_ti: Any
    sigma_ii: Any

    def __post_init__(self) -> None:
        for name in ("C1", "sigma_ti", "sigma_ii"):
            object.__setattr__(self, name, sp.ImmutableMatrix(_matrix(getattr(self, name), name)))
        outputs, inputs = self.sigma_ti.shape
        if self.C1.cols != outputs:
            raise ValueError(f"C1 has {self.C1.cols} columns: give {outputs}, one for each output.")
        if self.sigma_ii.shape != (inputs, inputs) or self.sigma_ii != self.sigma_ii.T:
            raise ValueError(
                f"sigma_ii is not a symmetric {inputs} × {inputs} matrix: give E(IIᵗ)."
            )

    def rates(self, A1: Any, A2: Any) -> tuple[Any, Any]:
        """dA1/dt and dA2/dt [004 Eq 88]; raises `ValueError` where the sizes do not fit."""
        lower, upper = self._fitting(A1, A2)
        error = self.sigma_ti - upper * lower * self.sigma_ii
        return self.C1 * error, error * lower.T

    def invariant(self, A1: Any, A2: Any) -> Any:
        """K = C1A2 + (C1A2)ᵗ − A1A1ᵗ, constant while learning [004 Eq 92]."""
        lower, upper = self._fitting(A1, A2)
        G = self.C1 * upper
        return G + G.T - lower * lower.T

    @property
    def target(self) -> Any:
        """The least squares map Σ_TI Σ_II⁻¹; needs Σ_II to be invertible."""
        if self.sigma_ii.det() == 0:
            raise ValueError("sigma_ii is singular: the least squares map is not unique.")
        return self.sigma_ti * self.sigma_ii.inv()

    def lyapunov(self, A1: Any, A2: Any) -> Any:
        """V = C1A2A2ᵗC1ᵗ − A1Mᵗ − MA1ᵗ with M = C1 × `target` [004 Eq 109]; it only decreases."""
        lower, upper = self._fitting(A1, A2)
        G, M = self.C1 * upper, self.C1 * self.target
        return G * G.T - lower * M.T - M * lower.T

    def lyapunov_rate(self, A1: Any, A2: Any) -> Any:
        """dV/dt = −2UΣ_IIUᵗ with U = C1(Σ_TI − A2A1Σ_II)Σ_II⁻¹ [004 Eq 106, 108]."""
        lower, upper = self._fitting(A1, A2)
        U = self.C1 * (self.target - upper * lower)
        return -2 * U * self.sigma_ii * U.T

    def bound(self, A1: Any, A2: Any) -> float:
        """A number that ‖A1‖ (Frobenius) never exceeds, from these weights on [004 Thm 7].

        With x = ‖A1‖: x′ < 0 where λx⁴/min(N0,N1) > ‖C0‖Λx² + 2‖C1Σ_TI‖x; λ, Λ the least and
        the largest eigenvalue of Σ_II, C0 = `invariant`. Raises `ValueError` unless λ > 0.
        """
        lower, upper = self._fitting(A1, A2)
        eigenvalues = sorted(float(sp.re(v)) for v in _eigenvalues(self.sigma_ii))
        if eigenvalues[0] <= 0:
            raise ValueError("sigma_ii is not positive definite: restrict it to its range.")
        quartic = eigenvalues[0] / min(lower.shape)
        # the Frobenius norm is no less than the spectral one
        quadratic = float(self.invariant(lower, upper).norm()) * eigenvalues[-1]
        linear = 2 * float((self.C1 * self.sigma_ti).norm())
        high = 1.0
        while quartic * high**3 <= quadratic * high + linear:
            high *= 1.1
        return max(float(lower.norm()), high)

    def _fitting(self, A1: Any, A2: Any) -> tuple[Any, Any]:
        lower, upper = _matrix(A1, "A1"), _matrix(A2, "A2")
        hidden, outputs = self.C1.shape
        for name, found, wanted in (
            ("A1", lower.shape, (hidden, self.sigma_ii.rows)),
            ("A2", upper.shape, (outputs, hidden)),
        ):
            if found != wanted:
                raise ValueError(
                    f"{name} is {found[0]} × {found[1]}: give {wanted[0]} × {wanted[1]}."
                )
        return lower, upper


def _matrix(given: Any, name: str) -> Any:
    try:
        return sp.Matrix(given).applyfunc(lambda v: sp.Rational(v) if v.is_Float else v)
    except (TypeError, ValueError, sp.SympifyError) as error:
        raise ValueError(f"{name} is not a matrix: give rows of equal length.") from error


def _eigenvalues(matrix: Any) -> list[Any]:
    x = sp.Symbol("x")
    return sp.Poly(matrix.charpoly(x).as_expr(), x).nroots(n=20)
