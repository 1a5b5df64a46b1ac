"""A field whose output is held at given values: the clamped phase of contrastive Hebbian learning.

    ds_i/dt = held_i − s_i   for the output units i,   ds_i/dt = μ_i(s)   for all others

Started at the held values, the output stays there exactly, and the residual speaks of the others.
[001 §3.2, Fig 3.3; Movellan 1991]
"""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from ..aliases import Drive, Inputs, State, Time
from ..field import AbstractField, AbstractWrapper


class Clamped(AbstractWrapper):
    """`field` with its output held; its inputs are (inputs, held), `held` values of the state.

    `units` are those of a cost: the last layer, or chosen units of it.

    >>> import jax.numpy as jnp, neurodyn as nd
    >>> from neurodyn.systems.clamped import Clamped
    >>> pair = nd.LeakyIntegrator(jnp.array([[0.0, 1.0], [1.0, 0.0]]), nd.identity)
    >>> held = Clamped(pair, units=(1,))
    >>> held(0.0, jnp.array([1.0, 2.0]), (jnp.zeros(2), jnp.array([3.0]))).tolist()
    [1.0, 1.0]
    """

    field: AbstractField
    units: tuple[int, ...] | None = eqx.field(default=None, static=True)

    def shapes(self) -> tuple[PyTree, PyTree]:
        state, inputs = self.field.shapes()
        return state, (inputs, jax.eval_shape(self.output, state))

    def drive(self, inputs: tuple[Inputs, Float[Array, " out"]], /) -> Drive:
        x, held = inputs
        return self.field.drive(x), held

    def flow(self, t: Time, state: State, drive: Drive, /) -> State:
        inner, held = drive
        return self.clamp(self.field.flow(t, state, inner), held - self.output(state))

    def defect(self, t: Time, state: State, drive: Drive, /) -> State:
        inner, held = drive
        return self.clamp(self.field.defect(t, state, inner), held - self.output(state))

    def leak(self) -> State | None:
        return self.field.leak()

    def balanced(self, t: Time, state: State, drive: Drive, /) -> State:
        inner, held = drive
        return self.clamp(self.field.balanced(t, state, inner), held)

    def output(self, state: State) -> Float[Array, " out"]:
        """The units of `state` that are held."""
        last = jax.tree.leaves(state)[-1]
        return last if self.units is None else last[jnp.asarray(self.units)]

    def clamp(self, state: State, held: Float[Array, " out"]) -> State:
        """`state` with its output set to `held`."""
        *others, last = jax.tree.leaves(state)
        last = held if self.units is None else last.at[jnp.asarray(self.units)].set(held)
        return jax.tree.unflatten(jax.tree.structure(state), [*others, last])
