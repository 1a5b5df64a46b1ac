"""Weights of dyadic neurons: W_λ between skew and symmetric, and who talks to whom [001 §4.2].

    W_λ = θ − θᵀ + 2λθᵀ = θ + (2λ − 1) θᵀ,   θ strictly lower triangular

The coupling of [001 Eq 4.7] is −(1/4β) zᵀ𝒲z with z = (s⁺, s⁻) [001 Eq 4.8]; the lower left block
of 𝒲 is Wᵀ − W, without which 𝒲 would be neither symmetric nor equal to Eq 4.7.
"""

from typing import Any

import jax.numpy as jnp
import numpy as np
import scipy  # whose parts are loaded when they are needed
from jaxtyping import Array, Float, Int

from ..field import concrete_array, is_concrete
from .leaky import as_matrix


def require_share(name: str, value: Array) -> None:
    """Refuse what is not one number from 0 to 1."""
    if value.ndim or (is_concrete(value) and not 0 <= value <= 1):
        raise ValueError(f"{name} is {value}: it must be one number from 0 to 1.")


def w_lambda(theta: Any, lam: Any) -> Float[Array, "n n"]:
    """W_λ = θ − θᵀ + 2λθᵀ [001 §4.2]: skew at λ = 0, θ itself at λ = ½, symmetric at λ = 1.

    `theta`, (n, n), must be strictly lower triangular (a diagonal would give the self-connections
    2λθ_ii) and `lam` from 0 to 1; raises `ValueError` otherwise.

    >>> import jax.numpy as jnp
    >>> from neurodyn.systems.dyadic_weights import w_lambda
    >>> w_lambda(jnp.array([[0.0, 0.0], [3.0, 0.0]]), 0.25).tolist()
    [[0.0, -1.5], [3.0, 0.0]]
    """
    shape = np.shape(theta)
    if len(shape) != 2 or shape[0] != shape[1]:
        raise ValueError(f"theta has shape {shape}: it must be square (n, n).")
    theta, lam = as_matrix(theta), concrete_array(lam)
    require_share("lam", lam)
    if is_concrete(theta) and np.triu(np.asarray(theta)).any():
        raise ValueError("theta must be strictly lower triangular: set the rest to zero.")
    return theta + (2 * lam - 1).astype(theta.dtype) * theta.T


def dyadic_block(weights: Any) -> Float[Array, "n2 n2"]:
    """𝒲 = [[W + Wᵀ, W − Wᵀ], [Wᵀ − W, −(W + Wᵀ)]], how s⁺ and s⁻ are coupled [001 Eq 4.8].

    >>> import jax.numpy as jnp
    >>> from neurodyn.systems.dyadic_weights import dyadic_block
    >>> dyadic_block(jnp.array([[0.0, -1.0], [1.0, 0.0]]))[0].tolist()
    [0.0, 0.0, 0.0, -2.0]
    """
    weights = as_matrix(weights)
    both, apart = weights + weights.T, weights - weights.T
    return jnp.block([[both, apart], [-apart, -both]])


def independent_parts(weights: Any) -> Int[np.ndarray, "2 n"]:
    """Which part of the graph of 𝒲 each s⁺ (row 0) and s⁻ (row 1) belongs to, from 0 up.

    Parts never interact, so each can settle alone. Two for symmetric weights, s⁺ and s⁻; two for
    layered skew weights, odd layers of s⁺ with even ones of s⁻ and the rest [001 §4.2]; one for
    feed-forward weights. A loss that adds up over the units does not join them.

    >>> import jax.numpy as jnp
    >>> from neurodyn.systems.dyadic_weights import independent_parts
    >>> independent_parts(jnp.array([[0.0, -1.0], [1.0, 0.0]])).tolist()
    [[0, 1], [1, 0]]
    """
    _, parts = scipy.sparse.csgraph.connected_components(np.asarray(dyadic_block(weights)) != 0)
    return parts.reshape(2, -1).astype(np.int64)
