"""Vector fields μ on the state of ONE sample, and the wrappers that change one field into another.

A field is the object that everything else takes: `integrate` follows it, `linearise` expands it,
`settle` looks for its zero. Batches are the solvers' business. Time is in units of the leak time
constant.
"""

import abc
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.core import Tracer
from jaxtyping import Array, Float, PyTree

from .aliases import Drive, Inputs, Scalar, State, Time
from .cost import AbstractCost


class AbstractField(eqx.Module):
    """A vector field ds/dt = field(t, state, inputs) of one sample.

    **To add your own:** subclass it (weights are ordinary fields of the class, so that gradients
    see them) and write `shapes` and `flow`. Move work that depends on the inputs alone into
    `drive`; it is then done once per solve and `flow` receives its result. For a field without
    weights, wrap a function in `Field` instead.
    """

    @abc.abstractmethod
    def shapes(self) -> tuple[PyTree, PyTree]:
        """(state, inputs) of one sample as `jax.ShapeDtypeStruct` leaves."""

    @abc.abstractmethod
    def flow(self, t: Time, state: State, drive: Drive, /) -> State:
        """ds/dt, shaped like the state, given what `drive` made of the inputs."""

    def drive(self, inputs: Inputs, /) -> Drive:
        """The work that depends on the clamped inputs alone: the inputs themselves by default."""
        return inputs

    def defect(self, t: Time, state: State, drive: Drive, /) -> State:
        """What must vanish at a fixed point; its largest entry is the residual.

        This is the flow itself, except where a wrapper only rescales time.
        """
        return self.flow(t, state, drive)

    def __call__(self, t: Time, state: State, inputs: Inputs) -> State:
        """ds/dt of one sample at time `t` (leak time constants), shaped like `state`."""
        return self.flow(jnp.asarray(t), state, self.drive(inputs))


def largest(tree: PyTree) -> Scalar:
    """The largest absolute entry of all leaves; NaN where any entry is NaN."""
    return jnp.max(jnp.stack([jnp.max(jnp.abs(leaf)) for leaf in jax.tree.leaves(tree)]))


def is_concrete(leaf: Any) -> bool:
    """Whether `leaf` has values now, that is, is not traced by `jit`, `vmap` or `grad`."""
    return not isinstance(leaf, Tracer)


def like(tree: PyTree) -> PyTree:
    """The shapes and dtypes of the leaves of `tree`."""
    return jax.eval_shape(lambda leaves: leaves, tree)


class Field(AbstractField):
    """A Python function f(t, state, inputs) as a field.

    `state` and `inputs` are examples of one sample: their shapes and dtypes count, their values
    do not. Leave `inputs` out for a field that has none.

    >>> import jax.numpy as jnp, neurodyn as nd
    >>> decay = nd.Field(lambda t, s, x: x - s, state=jnp.zeros(2), inputs=jnp.zeros(2))
    >>> decay(0.0, jnp.zeros(2), jnp.array([1.0, 2.0])).tolist()
    [1.0, 2.0]
    """

    function: Callable[[Any, Any, Any], Any]
    state: PyTree = eqx.field(converter=like)
    inputs: PyTree = eqx.field(converter=like, default=None)

    def __check_init__(self):
        for leaf in jax.tree.leaves((self.state, self.inputs)):
            if not jnp.issubdtype(leaf.dtype, jnp.floating):
                raise TypeError(f"the example has dtype {leaf.dtype}: give floating numbers.")

    def shapes(self) -> tuple[PyTree, PyTree]:
        return self.state, self.inputs

    def flow(self, t: Time, state: State, drive: Drive, /) -> State:
        return self.function(t, state, drive)


class Nudged(AbstractField):
    """The extended field μ^β = μ − β ∂C/∂s [003 Eq 12]; its inputs are (inputs, target).

    `beta` is the influence parameter: positive pulls the output towards the target, negative
    pushes it away, zero is the free phase. It is an array leaf, so that changing it compiles
    nothing anew.
    """

    field: AbstractField
    cost: AbstractCost
    beta: Scalar = eqx.field(converter=lambda beta: jnp.asarray(beta, float))

    def __check_init__(self):
        if self.beta.ndim or (is_concrete(self.beta) and not bool(jnp.isfinite(self.beta))):
            raise ValueError(f"beta is {self.beta}: it must be one finite number.")
        if isinstance(self.field, Projected):
            raise ValueError(
                "field is Projected: a nudge outside the projection would leave the box; "
                "write Projected(Nudged(field, cost, beta)) instead."
            )

    def shapes(self) -> tuple[PyTree, PyTree]:
        state, inputs = self.field.shapes()
        return state, (inputs, jax.eval_shape(self.cost.output, state))

    def drive(self, inputs: tuple[Inputs, Float[Array, " out"]], /) -> Drive:
        x, target = inputs
        return self.field.drive(x), target

    def flow(self, t: Time, state: State, drive: Drive, /) -> State:
        inner, target = drive
        pull = jax.grad(self.cost)(state, target)
        return jax.tree.map(
            lambda mu, dc: mu - self.beta.astype(mu.dtype) * dc,  # [003 Eq 12]
            self.field.flow(t, state, inner),
            pull,
        )


class Projected(AbstractField):
    """The projected flow ds/dt = (clip(s + ε μ(s)) − s)/ε, which keeps s in [lower, upper].

    It is what the clipping of [003 App C] means: one Euler step of length ε *is* the paper's
    update h ← 0 ∨ (h + ε μ) ∧ 1 (Eq 59 with its sign and brackets put right). Fixed points are
    the same for every ε: s = clip(s + μ(s)). ε = 1, the default, is smooth enough for adaptive
    solvers; ε → 0 stops each unit dead at the wall.

    The fixed points are not those of the plain flow. The appendix argues that clipping changes
    nothing because a unit below zero feels the force −h_i > 0; that is true of the energy-based
    model and false of [003 Eq 1], whose recurrent drive does not vanish there. For the hard
    sigmoid the *free* fixed points correspond one to one, projected = clip(plain), with equal
    rates ρ(s); nudged ones do not, since the cost reads s and not ρ(s).
    """

    field: AbstractField
    lower: float = eqx.field(default=0.0, static=True)
    upper: float = eqx.field(default=1.0, static=True)
    epsilon: float = eqx.field(default=1.0, static=True)

    def __check_init__(self):
        if not (self.lower < self.upper and self.epsilon > 0):
            raise ValueError(
                f"lower={self.lower}, upper={self.upper}, epsilon={self.epsilon}: "
                "a projection needs lower < upper and epsilon > 0."
            )

    def shapes(self) -> tuple[PyTree, PyTree]:
        return self.field.shapes()

    def drive(self, inputs: Inputs, /) -> Drive:
        return self.field.drive(inputs)

    def flow(self, t: Time, state: State, drive: Drive, /) -> State:
        return jax.tree.map(
            lambda s, mu: (
                (jnp.clip(s + self.epsilon * mu, self.lower, self.upper) - s) / self.epsilon
            ),
            state,
            self.field.flow(t, state, drive),
        )


class Scaled(AbstractField):
    """Time constants: ds/dt = rate · μ(s), with one `rate` for all or a tree like the state.

    The fixed points are those of the inner field, and so is the residual: a slow unit is not
    called settled because it moves slowly.
    """

    field: AbstractField
    rate: PyTree[Float[Array, "..."]] = eqx.field(converter=lambda r: jax.tree.map(jnp.asarray, r))

    def __check_init__(self):
        if any(bool(jnp.any(r <= 0)) for r in jax.tree.leaves(self.rate) if is_concrete(r)):
            raise ValueError("rate must be positive: use rate = 1 / time constant.")

    def shapes(self) -> tuple[PyTree, PyTree]:
        return self.field.shapes()

    def drive(self, inputs: Inputs, /) -> Drive:
        return self.field.drive(inputs)

    def defect(self, t: Time, state: State, drive: Drive, /) -> State:
        return self.field.defect(t, state, drive)

    def flow(self, t: Time, state: State, drive: Drive, /) -> State:
        mu = self.field.flow(t, state, drive)
        rate = self.rate
        if jax.tree.structure(rate) != jax.tree.structure(mu):
            rate = jax.tree.map(lambda _: rate, mu)
        return jax.tree.map(lambda r, m: r.astype(m.dtype) * m, rate, mu)
