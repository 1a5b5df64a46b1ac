"""Dyadic learning [001 ch 4]: the objective of two-state neurons, W_λ and its Lipschitz bound."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sympy as sp

from .opaque import Matrix, dot, each, gradient


def w_lambda(theta: Matrix, lam: Any) -> Matrix:
    """W_λ = θ − θᵀ + 2λθᵀ  [001 §4.2].

    Skew-symmetric at λ = 0, θ itself at λ = ½, symmetric at λ = 1.

    **Arguments:** `theta`, a strictly lower triangular matrix or its rows (a diagonal would give
    the self-connections 2λθ_ii); `lam`, a number or a symbol.

    **Raises:** `ValueError` where `theta` is not square or not strictly lower triangular.

    >>> w_lambda(sp.Matrix([[0, 0], [3, 0]]), sp.Rational(1, 4))
    Matrix([
    [0, -3/2],
    [3,    0]])
    """
    theta = sp.Matrix(theta)
    if theta.rows != theta.cols:
        raise ValueError("theta: give a square matrix.")
    if any(theta[i, j] != 0 for i in range(theta.rows) for j in range(i, theta.cols)):
        raise ValueError("theta: give a strictly lower triangular matrix, with a zero diagonal.")
    return interpolate(theta, lam)


def interpolate(theta: Matrix, lam: Any) -> Matrix:
    """θ − θᵀ + 2λθᵀ for any square θ, as printed."""
    return sp.Matrix(theta - theta.T + 2 * sp.nsimplify(lam, rational=True) * theta.T)


def dyadic_block(weights: Matrix) -> Matrix:
    """𝒲 = [[W + Wᵀ, W − Wᵀ], [Wᵀ − W, −(W + Wᵀ)]], acting on (s⁺, s⁻)  [001 Eq 4.8].

    >>> dyadic_block(sp.Matrix([[0, 2], [-1, 0]]))
    Matrix([
    [0,  1,  0,  3],
    [1,  0, -3,  0],
    [0, -3,  0, -1],
    [3,  0, -1,  0]])
    """
    both, apart = weights + weights.T, weights - weights.T
    return sp.Matrix(sp.BlockMatrix([[both, apart], [-apart, -both]]).as_explicit())


def lipschitz_certificate(theta: Matrix, lam: Any) -> sp.Expr:
    """A bound of ‖s − s'‖/‖b − b'‖ for s = f(W_λ s + b) with slopes of f in [0, 1].

    1/(1 − λ·λ_max(θ + θᵀ)), exactly; ∞, which certifies nothing, where λ·λ_max reaches 1.

    **Arguments:** `theta`, strictly lower triangular with rational entries; `lam`, from 0 to 1.

    >>> lipschitz_certificate(sp.Matrix([[0, 0], [sp.Rational(1, 2), 0]]), 1)
    2
    """
    lam = sp.nsimplify(lam, rational=True)
    if not (lam.is_comparable and 0 <= lam <= 1):
        raise ValueError("lam: give a number from 0 to 1.")
    w_lambda(theta, lam)  # checks the shape of theta
    exact = sp.Matrix(theta).applyfunc(lambda entry: sp.nsimplify(entry, rational=True))
    if exact.free_symbols:
        raise ValueError("theta: give numbers, not symbols.")
    margin = 1 - lam * largest_eigenvalue(exact + exact.T)
    return sp.sympify(1 / margin) if margin.is_positive else sp.oo


def largest_eigenvalue(symmetric: Matrix) -> sp.Expr:
    """The largest eigenvalue of a symmetric rational matrix, exactly."""
    polynomial = sp.Poly(symmetric.charpoly(sp.Dummy("z")).as_expr())
    roots: Any = sp.real_roots(polynomial)  # in increasing order
    return roots[-1]


def norm_squared(operator: Matrix) -> sp.Expr:
    """The square of the spectral norm of a rational matrix, exactly."""
    return largest_eigenvalue(operator.T * operator)


def unit_energy(
    index: int,
    own: Any,
    others: Matrix,
    weights: Matrix,
    drive: Matrix,
    potential: Callable[[Any], Any],
) -> Any:
    """E_k = G(s_k) − s_k Σ_{j≠k} W_kj s_j − s_k (θ₀x)_k  [001 Eq 4.4].

    **Arguments:** `index`, k; `own`, s_k; `others`, a whole state of which entry k is not used.
    """
    field = sum(
        (weights[index, j] * others[j] for j in range(others.rows) if j != index), drive[index]
    )
    return potential(own) - own * field


@dataclass(frozen=True)
class Dyadic:
    """A net of two-state neurons with Hopfield-like energies.

    **Fields:** `weights`, W with a zero diagonal; `drive`, θ₀x; `plus` and `minus`, the states s⁺
    and s⁻; `beta`; `potential`, G of one unit, with G' = f⁻¹; `loss`, ℓ as a function of the
    entries of a state.
    """

    weights: Matrix
    drive: Matrix
    plus: Matrix
    minus: Matrix
    beta: Any
    potential: Callable[[Any], Any]
    loss: Callable[..., Any]

    @property
    def mean(self) -> Matrix:
        """s̄ = ½(s⁺ + s⁻)."""
        return (self.plus + self.minus) / 2

    def teaching(self) -> Any:
        """½ℓ(s⁺) + ½ℓ(s⁻)."""
        return (self.loss(*self.plus) + self.loss(*self.minus)) / 2

    def by_units(self) -> Any:
        """The objective as a sum over the units  [001 Eq 4.3]."""
        common = (self.weights, self.drive, self.potential)
        terms = [
            unit_energy(k, self.plus[k], self.mean, *common)
            - unit_energy(k, self.minus[k], self.mean, *common)
            for k in range(self.plus.rows)
        ]
        return self.teaching() + sp.Add(*terms) / self.beta

    def objective(self) -> Any:
        """The objective in matrix form  [001 Eq 4.7]."""
        apart = self.plus - self.minus
        potentials = sp.Add(*each(self.potential, self.plus)) - sp.Add(
            *each(self.potential, self.minus)
        )
        coupling = dot(apart, self.weights * self.mean + self.drive)
        return self.teaching() + (potentials - coupling) / self.beta

    def by_block(self, block: Matrix) -> Any:
        """The objective with the coupling −¼ zᵀ𝒲z, z = (s⁺, s⁻), 𝒲 = `block`  [001 Eq 4.8]."""
        both = sp.Matrix([*self.plus, *self.minus])
        free = Dyadic(
            sp.zeros(self.plus.rows, self.plus.rows),
            self.drive,
            self.plus,
            self.minus,
            self.beta,
            self.potential,
            self.loss,
        )
        return free.objective() - dot(both, block * both) / (4 * self.beta)

    def forces(self) -> tuple[Matrix, Matrix]:
        """β∂/∂s⁺ and −β∂/∂s⁻ of the objective: both are f⁻¹(s±) minus the drive of s±."""
        objective = self.objective()
        down = (self.beta * gradient(objective, self.plus)).applyfunc(sp.expand)
        up = (-self.beta * gradient(objective, self.minus)).applyfunc(sp.expand)
        return down, up

    def update(self) -> Matrix:
        """The change of W that the objective calls ∂/∂W: −(s⁺ − s⁻) s̄ᵀ / β."""
        return sp.Matrix(-(self.plus - self.minus) * self.mean.T / self.beta)
