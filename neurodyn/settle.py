"""Settle a field: go to the fixed point that its flow goes to, and say honestly how it went.

How to get there is a method object: `Follow`, the default, follows the flow until it is near, and
sweeps to the end; `Relax` follows it all the way; `Sweep` only sweeps; `Polish` finishes a nearby
state by Newton.
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

from .aliases import PerSample
from .batching import over_batch, prepare
from .field import AbstractField, AbstractNudged, is_concrete
from .follow import Follow
from .integrate import Trajectory
from .resting import AbstractMethod, Settled, residual_of


@eqx.filter_jit
def _settle(field, state, inputs, tol, max_time, method, batch):
    def one(state, inputs):
        return method.settle_one(field, state, field.drive(inputs), tol, max_time)

    return over_batch(one, batch)(state, inputs)


def settle(
    field: AbstractField,
    inputs: PyTree,
    state0: PyTree = None,
    *,
    tol: float,
    method: AbstractMethod | None = None,
    max_time: float = 1000.0,
) -> Settled:
    """Settle every sample of `inputs` from `state0`, each judged by itself.

    The field is taken to be autonomous. The derivative of the result by weights and inputs is that
    of the fixed point (see `implicit`); that of `Relax` is the derivative of the steps it takes,
    so that a start at rest gives zero. The samples of a batch advance in lockstep,
    each with its own steps, until the last of them is done; finished ones stay as they are.

    **Arguments:** `inputs` and `state0` as for one sample, or with a leading batch axis each;
    `state0=None` starts at rest, at zero. `tol` bounds the residual max |μ| of a settled sample
    and has no default. `method` is `Follow()` unless given. `max_time` is in leak time constants.

    **Returns** a `Settled`. Failing to settle is a verdict, not an exception; chain `.require()`
    where the rest of your code needs fixed points.

    **Raises** `ValueError` for a `tol` that the dtype cannot resolve, for a nudge too weak for
    `tol` (the difference between the phases would drown: keep β ≥ 100 tol), and, like
    `TypeError`, for inputs that do not fit.

    >>> import jax.numpy as jnp, neurodyn as nd
    >>> pair = nd.LeakyIntegrator(weights=jnp.array([[0.0, -0.5], [0.5, 0.0]]), activation=nd.tanh)
    >>> free = nd.settle(pair, jnp.array([1.0, 0.0]), tol=1e-5)
    >>> free.counts(), [round(float(s), 2) for s in free.state]
    ({'settled': 1}, [0.84, 0.34])
    """
    state, inputs, batch = prepare(field, state0, inputs)
    dtype = jnp.result_type(*jax.tree.leaves(state))
    check_tolerance(tol, dtype)
    check_nudges(field, tol)
    if is_concrete(max_time) and not 0 < max_time < float("inf"):
        raise ValueError(f"max_time is {max_time}: it must be positive and finite.")
    if not (method is None or isinstance(method, AbstractMethod)):
        raise TypeError(f"method is {method!r}: give a method object, such as neurodyn.Follow().")
    limits = jnp.asarray(tol, dtype), jnp.asarray(max_time, dtype)
    return _settle(field, state, inputs, *limits, method or Follow(), batch)


def residual(field: AbstractField, state: PyTree, inputs: PyTree) -> PerSample:
    """max |μ| at `state`, one number per sample: zero exactly at a fixed point.

    `state` and `inputs` as for one sample, or with a leading batch axis each.
    """
    state, inputs, batch = prepare(field, state, inputs)
    return over_batch(lambda s, x: residual_of(field, s, field.drive(x)), batch)(state, inputs)


def residuals_along(
    field: AbstractField, trajectory: Trajectory, inputs: PyTree
) -> Float[Array, "*batch T"]:
    """max |μ| at every recorded state of `trajectory`: how it came to rest, or did not."""
    start = jax.tree.map(
        lambda leaf, shape: jnp.take(leaf, 0, axis=leaf.ndim - len(shape.shape) - 1),
        trajectory.states,
        field.shapes()[0],
    )
    _, inputs, batch = prepare(field, start, inputs)

    def one(states, inputs):
        drive = field.drive(inputs)
        return jax.vmap(lambda state: residual_of(field, state, drive))(states)

    return eqx.filter_jit(over_batch(one, batch))(trajectory.states, inputs)


def check_tolerance(tol: Any, dtype: Any) -> None:
    """Refuse a `tol` that is no number, or that the dtype cannot resolve."""
    if not is_concrete(tol):
        return
    floor = 10 * float(jnp.finfo(dtype).eps)
    if np.ndim(tol) or not np.issubdtype(np.asarray(tol).dtype, np.number) or tol == np.inf:
        raise ValueError(f"tol is {tol!r}: it must be one finite number.")
    if not tol >= floor:
        wider = ", or use float64: jax.config.update('jax_enable_x64', True)"
        raise ValueError(
            f"tol={tol:g} is below what {jnp.dtype(dtype)} can resolve: ask for at least "
            f"{floor:.2g}{wider if jnp.finfo(dtype).bits < 64 else ''}."
        )


def check_nudges(field: AbstractField, tol: Any) -> None:
    """Refuse a nudge, anywhere in `field`, that would drown in `tol`."""
    nodes = jax.tree.leaves(field, is_leaf=lambda node: isinstance(node, AbstractNudged))
    for node in nodes:
        if not isinstance(node, AbstractNudged):
            continue
        if is_concrete(node.beta) and is_concrete(tol):
            size = abs(float(node.beta))
            if 0 < size < 100 * tol:
                raise ValueError(
                    f"beta={float(node.beta):g} is too small for tol={tol:g}: the nudge would "
                    f"drown in the tolerance; use |beta| ≥ {100 * tol:g} or tol ≤ {size / 100:g}."
                )
        check_nudges(node.field, tol)
