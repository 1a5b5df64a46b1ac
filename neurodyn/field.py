"""Vector fields μ on the state of ONE sample, and the wrappers that change one field into another.

A field is the object that everything else takes: `integrate` follows it, `linearise` expands it,
`settle` looks for its zero. Batches are the solvers' business. Time is in units of the leak time
constant.
"""

import abc
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
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

    def leak(self) -> State | None:
        """λ > 0, where the flow of each layer is F(the other layers) − λ · itself.

        A tree like the state, one number for a layer or one for each unit; None, the default, where
        the flow is not known to be of that form. `Sweep` divides by it.
        """
        return None

    def balanced(self, t: Time, state: State, drive: Drive, /) -> State:
        """Where each layer would rest if the others stood still: s + μ/λ, for fields with a `leak`.

        Only nearer to it where a layer also feels itself through a cost that is not quadratic.
        """
        mu = self.flow(t, state, drive)
        return jax.tree.map(lambda s, m, rate: s + m / rate, state, mu, self.leak())

    def has_energy(self) -> bool:
        """Whether the flow runs down an energy, so that the eigenvalues of its Jacobian are real.

        False, the default, where that is not known.
        """
        return False

    def layers(self, state: State, /) -> tuple[Array, ...]:
        """The activity of each layer, for people to look at: the leaves of the state by default."""
        return tuple(jax.tree.leaves(state))

    def read(self, state: State, /) -> State:
        """What a cost reads of the state: the objective is `cost(field.read(state), target)`.

        The state itself by default; rates or mean activities where the state holds something else.
        """
        return state

    def read_slope(self) -> float:
        """The middle of the slopes by which what is read follows the state: 1 by default."""
        return 1.0

    def nudged(self, cost: AbstractCost, beta: Any) -> "AbstractField":
        """This field pulled towards a target by β; its inputs are (inputs, target)."""
        return Nudged(self, cost, beta)

    def __call__(self, t: Time, state: State, inputs: Inputs) -> State:
        """ds/dt of one sample at time `t` (leak time constants), shaped like `state`."""
        return self.flow(jnp.asarray(t), state, self.drive(inputs))


class AbstractEnergy(AbstractField):
    """A field that runs down a scalar energy E: its flow is −∂E/∂read, in rates or in its state.

    Each layer may do so at a speed of its own, as `Discounted` does.

    **To add your own:** see `EnergyField`, or subclass this and write `shapes`, `flow` and
    `energy`. The rules that compare energies between phases take fields of this kind.
    """

    @abc.abstractmethod
    def energy(self, state: State, inputs: Inputs, /) -> Scalar:
        """E of ONE sample."""

    def has_energy(self) -> bool:
        return True


class AbstractWrapper(AbstractField):
    """A field made from another, with the same state and, unless it says otherwise, its inputs."""

    field: eqx.AbstractVar[AbstractField]

    def shapes(self) -> tuple[PyTree, PyTree]:
        return self.field.shapes()

    def drive(self, inputs: Inputs, /) -> Drive:
        return self.field.drive(inputs)

    def has_energy(self) -> bool:
        return self.field.has_energy()

    def layers(self, state: State, /) -> tuple[Array, ...]:
        return self.field.layers(state)

    def read(self, state: State, /) -> State:
        return self.field.read(state)

    def read_slope(self) -> float:
        return self.field.read_slope()


def largest(tree: PyTree) -> Scalar:
    """The largest absolute entry of all leaves; NaN where any entry is NaN."""
    return jnp.max(jnp.stack([jnp.max(jnp.abs(leaf)) for leaf in jax.tree.leaves(tree)]))


def is_concrete(leaf: Any) -> bool:
    """Whether `leaf` has values now, that is, is not traced by `jit`, `vmap` or `grad`."""
    return not isinstance(leaf, Tracer)


def like(tree: PyTree) -> PyTree:
    """The shapes and dtypes of the leaves of `tree`."""
    return jax.eval_shape(lambda leaves: leaves, tree)


def unit_leak(field: AbstractField) -> State:
    """The leak of a field whose layers all have λ = 1."""
    return jax.tree.map(lambda s: jnp.ones((), s.dtype), field.shapes()[0])


def concrete_array(number: Any) -> Array:
    """`number` as a floating array that keeps its value at hand, even while `jit` traces."""
    with jax.ensure_compile_time_eval():
        return jnp.asarray(number, jnp.result_type(float))  # `float` alone would be weakly typed


class AbstractNudged(AbstractWrapper):
    """A field pulled towards a target by β; its inputs are (inputs, target).

    `settle` refuses a β that would drown in the tolerance of any field of this kind.
    """

    cost: eqx.AbstractVar[AbstractCost]
    beta: eqx.AbstractVar[Scalar]

    def __check_init__(self):
        if self.beta.ndim or (is_concrete(self.beta) and not np.isfinite(self.beta)):
            raise ValueError(f"beta is {self.beta}: it must be one finite number.")
        if not isinstance(self.cost, AbstractCost):
            raise TypeError(f"cost is {self.cost!r}: give an object, such as SquaredError().")
        if isinstance(self.field, Projected | Scaled):
            wrapper = type(self.field).__name__
            raise ValueError(
                f"field is {wrapper}: a nudge outside it would leave the box or escape the time "
                f"constants; write {wrapper}(Nudged(field, cost, beta)) instead."
            )

    def shapes(self) -> tuple[PyTree, PyTree]:
        state, inputs = self.field.shapes()
        read = jax.eval_shape(self.field.read, state)
        return state, (inputs, jax.eval_shape(self.cost.output, read))

    def drive(self, inputs: tuple[Inputs, Float[Array, " out"]], /) -> Drive:
        x, target = inputs
        return self.field.drive(x), target

    def leak(self) -> State | None:
        """That of the field, and β times the curvature of the cost at the units that it reads.

        NaN where a nudge undoes the leak, since units without one run away.
        """
        leak, curvature, slope = self.field.leak(), self.cost.curvature, self.read_slope()
        if leak is None or curvature is None or not np.isfinite(slope):
            return None
        *others, last = jax.tree.leaves(leak)
        size = jax.tree.leaves(self.shapes()[0])[-1]
        read = slice(None) if self.cost.units is None else jnp.asarray(self.cost.units)
        pull = self.beta.astype(size.dtype) * curvature * slope
        last = jnp.broadcast_to(last, size.shape).at[read].add(pull)
        return jax.tree.unflatten(
            jax.tree.structure(leak), [*others, jnp.where(last > 0, last, jnp.nan)]
        )


class Nudged(AbstractNudged):
    """The extended field μ^β = μ − β ∂C/∂s [003 Eq 12]; its inputs are (inputs, target).

    `beta` is the influence parameter: positive pulls the output towards the target, negative
    pushes it away, zero is the free phase. It is an array leaf, so that changing it compiles
    nothing anew. The derivative is by what the cost reads, `field.read(state)`: by the rates of a
    Hopfield net, also where its state holds pre-activations. `field.nudged(cost, beta)` finds the
    right nudge for any field.
    """

    field: AbstractField
    cost: AbstractCost
    beta: Scalar = eqx.field(converter=concrete_array)

    def __check_init__(self):
        state, _ = self.field.shapes()
        read = jax.eval_shape(self.field.read, state)
        if [s.shape for s in jax.tree.leaves(read)] != [s.shape for s in jax.tree.leaves(state)]:
            raise ValueError(
                f"field is {type(self.field).__name__}, whose readout is not shaped like its "
                "state: write field.nudged(cost, beta)."
            )

    def flow(self, t: Time, state: State, drive: Drive, /) -> State:
        inner, target = drive
        pull = jax.grad(self.cost)(self.field.read(state), target)
        return jax.tree.map(
            lambda mu, dc: mu - self.beta.astype(mu.dtype) * dc,  # [003 Eq 12]
            self.field.flow(t, state, inner),
            pull,
        )


class Projected(AbstractWrapper):
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

    def nudged(self, cost: AbstractCost, beta: Any) -> AbstractField:
        inner = self.field.nudged(cost, beta)
        return Projected(inner, self.lower, self.upper, self.epsilon)

    def flow(self, t: Time, state: State, drive: Drive, /) -> State:
        return self._projected(state, self.field.flow(t, state, drive), self.epsilon)

    def defect(self, t: Time, state: State, drive: Drive, /) -> State:
        # of ε = 1, whatever ε: the flow itself is no larger than (upper − lower)/ε anywhere
        return self._projected(state, self.field.defect(t, state, drive), 1.0)

    def leak(self) -> State | None:
        return self.field.leak()

    def balanced(self, t: Time, state: State, drive: Drive, /) -> State:
        inside = self.field.balanced(t, state, drive)
        return jax.tree.map(lambda s: jnp.clip(s, self.lower, self.upper), inside)

    def _projected(self, state: State, mu: State, epsilon: float) -> State:
        return jax.tree.map(
            lambda s, m: (jnp.clip(s + epsilon * m, self.lower, self.upper) - s) / epsilon,
            state,
            mu,
        )


class Scaled(AbstractWrapper):
    """Time constants: ds/dt = rate · μ(s), with one `rate` for all or a tree like the state.

    The fixed points are those of the inner field, and so is the residual: a slow unit is not
    called settled because it moves slowly.
    """

    field: AbstractField
    rate: PyTree[Float[Array, "..."]] = eqx.field(converter=lambda r: jax.tree.map(jnp.asarray, r))

    def __check_init__(self):
        rates, (state, _) = jax.tree.leaves(self.rate), self.field.shapes()
        if any(not np.all(np.asarray(r) > 0) for r in rates if is_concrete(r)):
            raise ValueError("rate must be positive: use rate = 1 / time constant.")
        if len(rates) == 1 and rates[0].ndim == 0:
            return  # one for all
        fits = jax.tree.structure(self.rate) == jax.tree.structure(state) and all(
            r.shape in ((), s.shape) for r, s in zip(rates, jax.tree.leaves(state), strict=True)
        )
        if not fits:
            shapes = [r.shape for r in rates]
            raise ValueError(
                f"rate has the shapes {shapes}: give one number, or a tree like the state, of "
                f"shapes {[s.shape for s in jax.tree.leaves(state)]}."
            )

    def nudged(self, cost: AbstractCost, beta: Any) -> AbstractField:
        return Scaled(self.field.nudged(cost, beta), self.rate)

    def defect(self, t: Time, state: State, drive: Drive, /) -> State:
        return self.field.defect(t, state, drive)

    def leak(self) -> State | None:
        return self.field.leak()

    def balanced(self, t: Time, state: State, drive: Drive, /) -> State:
        return self.field.balanced(t, state, drive)

    def flow(self, t: Time, state: State, drive: Drive, /) -> State:
        mu = self.field.flow(t, state, drive)
        rate = self.rate
        if jax.tree.structure(rate) != jax.tree.structure(mu):
            rate = jax.tree.map(lambda _: rate, mu)
        return jax.tree.map(lambda r, m: r.astype(m.dtype) * m, rate, mu)
