"""The claims of [001 §3.2] on energies: Hopfield, the optimal value reformulation, CHL, EP."""

from typing import Any

import sympy as sp

from ..claim import Claim, Evidence, register
from ..opaque import (
    Matrix,
    dot,
    each,
    gradient,
    matrix,
    opaque,
    strictly_lower,
    symmetric,
    vanishes,
    vector,
)
from ..relaxed import hopfield_energy

BLOCKS = ((1, 1), (2, 1), (1, 2))  # hidden and output units
BETA, EPSILON = sp.symbols("β ε", positive=True)


def hopfield_stationarity(symmetric_part: bool = True) -> Evidence:
    """∇_s E against f⁻¹(s) − ½(W + Wᵀ)s, or against f⁻¹(s) − Ws."""
    for size in range(1, 5):
        weights, s, inverse = matrix("W", size, size), vector("s", size), opaque("G", (1,))
        force = gradient(hopfield_energy(weights, s, opaque("G")), s)
        coupling = (weights + weights.T) / 2 if symmetric_part else weights
        gap = force - each(inverse, s) + coupling * s
        if not vanishes(gap):
            shown: dict[str, object] = {"difference": str(sp.expand(gap[0]))}
            return Evidence(False, "symbolic counter-example", f"n = {size}", shown)
    return Evidence(True, "symbolic identity", "n = 1..4, every f")


# -- the optimal value reformulation --------------------------------------------------------------


def _quadratic(size: int) -> tuple[Matrix, Matrix, Matrix]:
    """A lower triangular factor with positive diagonal, the minimiser and the state."""
    diagonal = [sp.Symbol(f"r_{i}", positive=True) for i in range(size)]
    factor = strictly_lower("r", size) + sp.diag(*diagonal)
    return factor, vector("m", size), vector("s", size)


def minimiser_by_value() -> Evidence:
    """E(s) ≤ min E forces s = argmin E: E − min E is a sum of squares that vanishes there only."""
    for size in (1, 2, 3):
        factor, m, s = _quadratic(size)
        hessian = factor * factor.T
        energy = dot(s, hessian * s) / 2 - dot(s, hessian * m)
        lowest = energy.subs(dict(zip(s, m, strict=True)))
        root = factor.T * (s - m)
        if not vanishes(energy - lowest - dot(root, root) / 2) or not factor.det().is_positive:
            return Evidence(False, "symbolic identity", f"n = {size}")
    return Evidence(True, "sum of squares", "every positive definite quadratic energy, n = 1..3")


def penalty_value(size: int) -> tuple[Any, Any, Any]:
    """The two inner minima of [001 Eq 3.10] and 3.11 in closed form, and ℓ at the minimiser of E.

    For a quadratic energy of `size` units around m and ℓ = ½‖s − y‖².
    """
    hessian, m, y, s = symmetric("A", size), vector("m", size), vector("y", size), vector("s", size)
    energy = dot(s - m, hessian * (s - m)) / 2
    loss = dot(s - y, s - y) / 2

    def lowest(objective: Any) -> Any:
        at = sp.solve(list(gradient(objective, s)), list(s), dict=True)[0]
        return objective.subs(at)

    by_penalty = lowest(loss + energy / BETA) - lowest(energy / BETA)  # Eq 3.10
    by_contrast = lowest(BETA * loss + energy) - lowest(energy)  # Eq 3.11
    return by_penalty, by_contrast, loss.subs(dict(zip(s, m, strict=True)))


def scaled_penalty(factor: Any = BETA) -> Evidence:
    """β times Eq 3.10 against Eq 3.11, and the limit β → 0 against problem P3."""
    for size in (1, 2):
        by_penalty, by_contrast, exact = penalty_value(size)
        limit = sp.cancel(sp.together(by_penalty)).subs(BETA, 0)
        if not vanishes(factor * by_penalty - by_contrast, limit - exact):
            return Evidence(False, "symbolic identity", f"n = {size}")
    one, _, _ = penalty_value(1)
    return Evidence(
        True,
        "closed form; the value is ℓ of P3 at β → 0 only",
        "every quadratic energy with ℓ = ½‖s − y‖², n = 1, 2",
        {"value at n = 1": str(sp.factor(one))},
    )


def nudged_state(hessian: Any, drive: Any, target: Any, outputs: list[int]) -> Any:
    """The minimiser of ½sᵀAs − bᵀs + (β/2)‖s_o − y‖²."""
    size = hessian.rows
    pick = sp.Matrix(len(outputs), size, lambda i, j: int(outputs[i] == j))
    return (hessian + BETA * pick.T * pick).LUsolve(drive + BETA * pick.T * target)


def clamped_limit() -> Evidence:
    """s⁺ at β → ∞ against the state with the outputs held at y, quadratic energies."""
    for hidden, out in BLOCKS:
        size = hidden + out
        hessian, drive, target = symmetric("A", size), vector("b", size), vector("y", out)
        h, o = list(range(hidden)), list(range(hidden, size))
        s = nudged_state(hessian, drive, target, o).subs(BETA, 1 / EPSILON)
        far = s.applyfunc(lambda e: sp.cancel(sp.together(e)).subs(EPSILON, 0))
        rest = drive.extract(h, [0]) - hessian.extract(h, o) * target
        gap = hessian.extract(h, h) * far.extract(h, [0]) - rest
        if not vanishes(gap, far.extract(o, [0]) - target):
            return Evidence(False, "symbolic identity", f"{hidden} hidden, {out} output units")
    return Evidence(
        True, "limit of the closed form", "every quadratic energy, 1–2 hidden and 1–2 output units"
    )


def hinge_not_clamped() -> Evidence:
    """E = ½(s − 2)² with the hinge loss ½max(0, 1 − s)² of the label y = 1: is s⁺ → y?"""
    s = sp.Symbol("s", real=True)
    energy = (s - 2) ** 2 / 2
    hinge = sp.Max(0, 1 - s) ** 2 / 2
    # convex, so a zero of the derivative is the minimiser; 1 − s < 0 around s = 2
    state = sp.solve(sp.diff(energy, s), s)[0]
    slope = sp.diff(BETA * hinge + energy, s).subs(s, state)
    stays = bool(slope == 0) and state != 1
    return Evidence(
        not stays,
        "exact counter-example",
        "one unit, every β",
        {"s⁺ for every β": str(state), "y": "1"},
    )


for _claim in (
    Claim(
        "thesis-eq38",
        "001 Eq 3.8",
        "With ∇G = f⁻¹ the energy G(s) − ½sᵀWs is stationary where f⁻¹(s) = ½(W + Wᵀ)s.",
        hopfield_stationarity,
    ),
    Claim(
        "thesis-eq39",
        "001 Eq 3.9",
        "s = argmin E if and only if E(s) ≤ min E.",
        minimiser_by_value,
    ),
    Claim(
        "thesis-eq311",
        "001 Eq 3.10, 3.11",
        "The penalty form times β is the min–max contrast, and problem P3 is its limit β → 0.",
        scaled_penalty,
    ),
    Claim(
        "thesis-chl-limit",
        "001 below Eq 3.11",
        "At β → ∞ the outputs become clamped to y, for whatever loss ℓ: CHL.",
        hinge_not_clamped,
        clamped_limit,
        correction="s⁺ → the state with the outputs held at y, where y is the only minimiser of ℓ.",
        hypothesis="ℓ(·, y) has y as its only minimiser",
        reason="A loss that is flat around the free state, such as a hinge, exerts no force.",
    ),
):
    register(_claim)
