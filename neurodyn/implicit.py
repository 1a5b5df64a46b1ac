"""The derivative of a fixed point, without the way to it.

    μ(θ, s*(θ)) = 0   gives   ∂s*/∂θ = −J⁻¹ ∂μ/∂θ,   J = ∂μ/∂s at s*   [003 Thm 3]

Loops that run until a sample is at rest cannot be differentiated backwards, and need not be.
"""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.flatten_util
import jax.numpy as jnp
import lineax as lx
from jaxtyping import Array, PyTree

from .aliases import Drive, State
from .field import AbstractField


def fixed(tree: PyTree) -> PyTree:
    """`tree` as constants that no derivative goes through."""
    return jax.tree.map(
        lambda leaf: jax.lax.stop_gradient(leaf) if eqx.is_array(leaf) else leaf, tree
    )


@eqx.filter_custom_jvp
def resting(field: AbstractField, drive: Drive, state: State, ok: Any) -> State:
    """The `state` of ONE sample, to be differentiated as the fixed point that it is where `ok`.

    The derivative by the start is zero; where the sample is not at rest, or the linear solve
    fails, as where J is singular, every derivative is NaN.
    """
    return state


@resting.def_jvp
def _resting_jvp(primals, tangents):
    field, drive, state, ok = primals
    t = jnp.zeros_like(jax.tree.leaves(state)[0], shape=())

    def by_weights(field, drive):
        return field.defect(t, state, drive)

    _, change = eqx.filter_jvp(by_weights, (field, drive), tuple(tangents[:2]))

    # a layer that nothing differentiated acts upon has None; flat, since all parts must be traced
    right = jax.tree.map(lambda s, d: jnp.zeros_like(s) if d is None else -d, state, change)
    flat, unravel = jax.flatten_util.ravel_pytree(right)

    def by_state(v):
        _, pushed = jax.jvp(lambda s: field.defect(t, s, drive), (state,), (unravel(v),))
        return jax.flatten_util.ravel_pytree(pushed)[0]

    tangent = jax.lax.custom_linear_solve(by_state, flat, _solved, transpose_solve=_solved)
    sound = jnp.where(ok, 1, jnp.nan).astype(t.dtype)  # a factor, so that it goes both ways
    return state, unravel(sound * tangent)


def _solved(product: Callable[[Array], Array], right: Array) -> Array:
    """v with product(v) = right, for a linear `product`; NaN where GMRES finds none."""
    operator = lx.FunctionLinearOperator(product, jax.ShapeDtypeStruct(right.shape, right.dtype))
    tol = float(jnp.finfo(right.dtype).eps) ** 0.5
    found = lx.linear_solve(operator, right, lx.GMRES(rtol=tol, atol=tol), throw=False)
    return jnp.where(found.result == lx.RESULTS.successful, found.value, jnp.nan)
