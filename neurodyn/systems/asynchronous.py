"""Asynchronous updates: units that take their new value one at a time, in random order.

    u_i ← u_i + step · μ_i(u),   i in a new random order each sweep

For a leaky field, μ = input − u, a step of 1 replaces u_i by its input: what neurons without a
common clock would do. In feed-forward nets every order leads to the same point [001 ch 3].
"""

import equinox as eqx
import jax
import jax.flatten_util
import jax.numpy as jnp
from jaxtyping import PRNGKeyArray, PyTree

from ..aliases import Inputs, State
from ..batching import prepare
from ..field import AbstractField


def random_updates(
    field: AbstractField,
    inputs: Inputs,
    state0: PyTree = None,
    *,
    sweeps: int,
    key: PRNGKeyArray,
    step: float = 1.0,
) -> State:
    """The state of ONE sample after `sweeps` updates of every unit, in random order.

    Where this comes to rest is a fixed point of `field`; ask `neurodyn.residual` whether it did.
    Symmetric weights with many equilibria may lead to another one than the flow, and strong skew
    weights need a `step` below 1. Starts at rest unless `state0` is given. Raises `ValueError`
    for a batch and for `sweeps` or `step` out of range.

    >>> import jax, jax.numpy as jnp, neurodyn as nd
    >>> from neurodyn.systems.asynchronous import random_updates
    >>> net = nd.LeakyIntegrator(jnp.array([[0.0, 0.0], [0.5, 0.0]]), nd.identity)
    >>> random_updates(net, jnp.ones(2), sweeps=2, key=jax.random.key(0)).tolist()
    [1.0, 1.5]
    """
    state, inputs, batch = prepare(field, state0, inputs)
    if batch is not None:
        raise ValueError("inputs or state0 hold a batch: give one sample, or use jax.vmap.")
    if sweeps < 1 or not 0 < step <= 1:
        raise ValueError(f"sweeps={sweeps}, step={step}: give sweeps ≥ 1 and 0 < step ≤ 1.")
    dtype = jnp.result_type(*jax.tree.leaves(state))
    keys = jax.random.split(key, sweeps)
    return _random_updates(field, inputs, state, keys, jnp.asarray(step, dtype))


@eqx.filter_jit
def _random_updates(field, inputs, state, keys, step):
    flat, unravel = jax.flatten_util.ravel_pytree(state)
    drive, t = field.drive(inputs), jnp.zeros((), flat.dtype)

    def update(u, i):
        mu = jax.flatten_util.ravel_pytree(field.flow(t, unravel(u), drive))[0]
        return u.at[i].add(step * mu[i]), None

    def sweep(u, key):
        return jax.lax.scan(update, u, jax.random.permutation(key, len(u)))

    return unravel(jax.lax.scan(sweep, flat, keys)[0])
