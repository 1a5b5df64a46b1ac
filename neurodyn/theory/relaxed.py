"""Energies and relaxed constraints of [001 §3.2]: Hopfield, MAC, AM, proximal."""

from collections.abc import Callable, Sequence
from typing import Any

import sympy as sp

from .lagrangian import Lagrangian, Layered
from .opaque import Matrix, dot, each, vector


def hopfield_energy(
    weights: Matrix,
    state: Matrix,
    potential: Callable[[Any], Any],
    drive: Matrix | None = None,
) -> Any:
    """Σ_i G(s_i) − ½ sᵀWs − sᵀb  [001 Eq 3.8; with the drive b = θ₀x, above Eq 4.6].

    **Arguments:** `weights`, W; `state`, s; `potential`, G of one unit, with G' = f⁻¹; `drive`, b,
    zero by default.

    >>> s = sp.Matrix(sp.symbols("s1 s2"))
    >>> hopfield_energy(sp.Matrix([[0, 1], [1, 0]]), s, lambda u: u**2 / 2)
    s1**2/2 - s1*s2 + s2**2/2
    """
    if weights.shape != (state.rows, state.rows):
        raise ValueError(f"weights: give a {state.rows} × {state.rows} matrix, as the state has.")
    energy = sp.Add(*(potential(entry) for entry in state)) - dot(state, weights * state) / 2
    return sp.expand(energy if drive is None else energy - dot(state, drive), deep=False)


def effective_hessian(hessian: Matrix, outputs: Sequence[int]) -> Matrix:
    """The Schur complement H_oo − H_oh H_hh⁻¹ H_ho: the Hessian that the output units feel.

    **Arguments:** `hessian`, H; `outputs`, the indices o of the output units, from 0.

    **Raises:** `ValueError` for an index outside H or given twice.

    >>> effective_hessian(sp.Matrix([[2, 1], [1, 2]]), [1])
    Matrix([[3/2]])
    """
    size = hessian.rows
    if len(set(outputs)) != len(outputs) or any(not 0 <= o < size for o in outputs):
        raise ValueError(f"outputs: give different indices from 0 to {size - 1}.")
    out, hidden = list(outputs), [i for i in range(size) if i not in outputs]
    direct = hessian.extract(out, out)
    if not hidden:
        return sp.Matrix(direct)
    inner = hessian.extract(hidden, hidden)
    detour = hessian.extract(out, hidden) * inner.LUsolve(hessian.extract(hidden, out))
    return sp.Matrix(direct - detour)


def mac_objective(net: Layered, beta: Any) -> tuple[Lagrangian, Any]:
    """ℓ(s_L) + (1/2β) Σ ‖s_l − f_l(W_{l−1} s_{l−1})‖²  [001 Eq 3.12, 3.13].

    **Returns:** the free states, held by a `Lagrangian` of the same net, and the objective.
    """
    free = Lagrangian.of(net)
    residuals = [free.residual(layer) for layer in range(1, net.depth + 1)]
    penalty = sp.Add(*(dot(r, r) for r in residuals))
    return free, net.loss(*free.states[-1]) + penalty / (2 * beta)


def am_residuals(net: Layered, preactivations: Sequence[Matrix]) -> list[Matrix]:
    """a_l − W_{l−1} f_{l−1}(a_{l−1}) of the layers 1 .. L  [001 Eq 3.14]; layer 0 is the input."""
    rates = [net.inputs, *map(each, net.activations, preactivations)]
    return [
        a - weight * rate
        for a, weight, rate in zip(preactivations, net.weights, rates, strict=False)
    ]


def am_objective(net: Layered, beta: Any) -> tuple[list[Matrix], Any]:
    """ℓ(f_L(a_L)) + (1/2β) Σ ‖a_l − W_{l−1} f_{l−1}(a_{l−1})‖²  [001 Eq 3.12, 3.14].

    **Returns:** the free pre-activations a_1 .. a_L, and the objective.
    """
    free: list[Matrix] = [vector(f"a{i + 1}", w.rows) for i, w in enumerate(net.weights)]
    penalty = sp.Add(*(dot(r, r) for r in am_residuals(net, free)))
    return free, net.loss(*each(net.activations[-1], free[-1])) + penalty / (2 * beta)


def prox_energy(state: Matrix, preactivation: Matrix) -> Any:
    """½‖s_l − W_{l−1} s_{l−1}‖², and infinite where a state is negative  [001 Eq 3.15]."""
    if any(entry.is_negative for entry in state):
        return sp.oo
    return dot(state - preactivation, state - preactivation) / 2
