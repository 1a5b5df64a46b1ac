"""Certificates: bounds on how far a network can move, and the audit of the hypotheses they need.

    s = f(Ws + b),  slopes of f in [0, m]:    ‖s − s′‖ ≤ m/(1 − mΛ) ‖b − b′‖,  Λ = λ_max(½(W + Wᵀ))

wherever mΛ < 1; then there is one fixed point at most. It speaks of the *rates* s and of the bias
b inside f. Skew-symmetric W have Λ = 0: the constant is m, the Lipschitz-1 property of [001 §4.2]
made exact. W_λ = θ − θᵀ + 2λθᵀ has Λ = λ·λ_max(θ + θᵀ). Without the hypotheses it fails: slopes of
both signs, as of |x|, sin or GELU, give any constant. The proof is checked by `neurodyn check 001`.
"""

import dataclasses
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .activation import Activation

Function = Callable[[Array], Array]


@dataclasses.dataclass(frozen=True)
class Audit:
    """What an elementwise function is known to be.

    **Fields:** `least` and `greatest`, the extreme slopes measured; `monotone`, whether it never
    decreases, and `slope_bound`, of |f′|: as an `Activation` states them, else as measured;
    `stated`, which of the two. Measured slopes are those of chords, so each one is taken
    somewhere: they can refute, but prove nothing about points between or beyond the samples.
    """

    least: float
    greatest: float
    monotone: bool
    slope_bound: float
    stated: bool


def audit(activation: Function, *, span: float = 10.0, samples: int = 20_001) -> Audit:
    """Whether `activation` is monotone, and how steep: stated where known, measured always.

    **Arguments:** `activation`, an `Activation` or any elementwise function of arrays; slopes are
    measured between `samples` equally spaced points of [−`span`, `span`].

    **Raises** `ValueError` for a statement that a measured slope refutes, for a function that is
    not elementwise or not finite there, and unless `span` > 0 and `samples` ≥ 3.

    >>> import jax, neurodyn as nd
    >>> audit(nd.logistic).slope_bound, audit(jax.nn.gelu).monotone
    (0.25, False)
    """
    if not (0 < span < float("inf") and samples >= 3):
        raise ValueError(f"span={span}, samples={samples}: give span > 0 and three samples.")
    with jax.ensure_compile_time_eval():
        x = jnp.linspace(-span, span, samples)
        y = np.asarray(activation(x))
    if y.shape != x.shape or not np.isfinite(y).all():
        raise ValueError(
            f"activation must be elementwise and finite on [−{span:g}, {span:g}]: it returned an "
            f"array of shape {y.shape}."
        )
    slopes = np.diff(y) / np.diff(np.asarray(x))
    least, greatest = float(slopes.min()), float(slopes.max())
    steepest = max(-least, greatest)
    # what rounding of both values may put into a slope
    scale = float(np.abs(y).max()) + span * steepest
    blur = 4 * float(jnp.finfo(x.dtype).eps) * scale * samples / span
    if not isinstance(activation, Activation):
        return Audit(least, greatest, least >= -blur, steepest, stated=False)
    if (activation.monotone and least < -blur) or steepest > activation.slope_bound + blur:
        raise ValueError(
            f"activation {activation.name} states monotone={activation.monotone} and slope_bound="
            f"{activation.slope_bound:g}, but has slopes from {least:.3g} to {greatest:.3g}: "
            "correct the statement."
        )
    return Audit(least, greatest, activation.monotone, activation.slope_bound, stated=True)


def lipschitz_bound(weights: Float[Array, "_ _"], activation: Function) -> Float[Array, ""]:
    """A bound of ‖s − s′‖/‖b − b′‖ for all fixed points s = f(Ws + b): m/(1 − mΛ), or ∞.

    Infinity where mΛ ≥ 1: nothing is certified then. A finite bound also says that each b has
    one fixed point at most. For a function that is not an `Activation` it rests on measured
    slopes. [001 §4.2], where the constant 1 is stated for skew-symmetric W without hypotheses.

    **Arguments:** `weights`, W, square, of any symmetry; `activation`, f.

    **Raises** `ValueError` for weights that are not square, or an activation that decreases
    somewhere or whose slope has no bound.

    >>> import jax.numpy as jnp, neurodyn as nd
    >>> float(lipschitz_bound(jnp.array([[0.0, -5.0], [5.0, 0.0]]), nd.tanh))
    1.0
    """
    if weights.ndim != 2 or weights.shape[0] != weights.shape[1]:
        raise ValueError(f"weights have shape {weights.shape}: they must be square (n, n).")
    found = audit(activation)
    if not found.monotone or not np.isfinite(found.slope_bound):
        raise ValueError(
            f"activation has slopes from {found.least:.3g} to {found.greatest:.3g} and slope bound "
            f"{found.slope_bound:g}: the bound needs one that never decreases and is not "
            "arbitrarily steep."
        )
    m = found.slope_bound
    spread = m * jnp.linalg.eigvalsh((weights + weights.T) / 2)[-1]  # mΛ
    return jnp.where(spread < 1, m / (1 - spread), jnp.inf)
