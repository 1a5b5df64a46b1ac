"""Learning as a flow: a rule as a vector field on weight space, and synapses that move beside s.

    dW/dt = −∂J/∂W                                       "gradient", J = mean of C(s⁰) [003 Eq 11]
    dW/dt = ν(W), and so on                              every rule of `contrast` [003 Eq 16]
    ds/dt = μ^β(W, s),   dW/dt = η (∂μ/∂W)ᵀ ds/dt        one ODE for both [003 Eq 5, 13]

In the first two every sample is settled anew for each W that the solver asks about, so time is that
of learning alone. In the last, synapses move while the state does, in its time.
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

from ..aliases import Inputs, Scalar, State, Time
from ..cost import AbstractCost
from ..field import AbstractField, concrete_array, is_concrete, like
from ..naming import closest
from ..resting import AbstractMethod
from ..settle import settle
from ..systems.pathway import Pathway
from .choose import RULES
from .contrast import contrast
from .gradient import equilibrium_gradient
from .phases import bare, is_synapse
from .rules import flow_score

GRADIENT = "gradient"

Synapses = tuple[Float[Array, "..."], ...]
"""Weights that move, as a state."""


def synapses(field: AbstractField) -> Synapses:
    """What learns in `field`: its floating arrays, in the order in which JAX lists them.

    A single number, such as λ, α, γ or β, is no synapse. Time constants are listed where they are
    arrays, but they move no fixed point and stay as they are.

    >>> import jax, neurodyn as nd
    >>> net = nd.LayeredDyadic.init((3, 4, 2), lam=0.5, key=jax.random.key(0))
    >>> [w.shape for w in synapses(net)]  # forward, not λ and not α
    [(4, 3), (2, 4)]
    """
    return tuple(jax.tree.leaves(eqx.filter(field, is_synapse)))


def with_synapses(field: AbstractField, weights: Synapses) -> AbstractField:
    """`field` with `weights` in the place of its synapses."""
    learnt, rest = eqx.partition(field, is_synapse)
    return eqx.combine(jax.tree.unflatten(jax.tree.structure(learnt), weights), rest)


class LearningFlow(AbstractField):
    """The weights of `net` while it learns a small data set by `rule`.

    **Fields:** `net` and `cost`; `samples`, the size of the data set; `rule`, "gradient" for minus
    the exact gradient at equilibrium, or any rule of `contrast`, with its `beta`; `tol`, `method`
    and `max_time`, by which each sample settles, from rest each time.

    The state is the tuple of the arrays of `net` that learn, `synapses(net)`: those with one axis
    or more, not single numbers as λ. `flow.start` is that of `net` itself, `flow.with_weights`
    leads back. Start a solve at `flow.start`: without a start, weights begin at zero. The inputs
    are (x, y), each with an axis of `samples` in front, and the change is
    the mean over them. Where one of them does not settle, or the gradient does not exist, the flow
    is NaN: a solve that comes there has `diverged`.

    Settled states are known to `tol`, and the flow to about `tol`/β: ask no more of a solver, nor
    of the `tol` to which the weights shall settle. `linearise` cannot see through `Relax`.

    Raises `ValueError` for an unknown rule or no samples, `TypeError` for a `Pathway`, whose
    signals are errors already.

    >>> import jax.numpy as jnp, neurodyn as nd
    >>> from neurodyn.learning.flow import LearningFlow
    >>> net = nd.LayeredLeakyIntegrator((jnp.array([[0.5]]),), (), nd.identity)  # s⁰ = w x
    >>> flow = LearningFlow(net, nd.SquaredError(), samples=2, rule="gradient", tol=1e-5)
    >>> data = jnp.array([[1.0], [2.0]]), jnp.array([[3.0], [6.0]])
    >>> (change,) = flow(0.0, flow.start, data)  # E[x (y − w x)] = 2.5 (3 − w)
    >>> round(float(change[0, 0]), 3)
    6.25
    """

    net: AbstractField
    cost: AbstractCost
    samples: int = eqx.field(static=True)
    rule: str = eqx.field(static=True, kw_only=True)
    tol: float = eqx.field(static=True, kw_only=True)
    beta: float | None = eqx.field(static=True, kw_only=True, default=None)
    method: AbstractMethod | None = eqx.field(kw_only=True, default=None)
    max_time: float = eqx.field(static=True, kw_only=True, default=1000.0)

    def __check_init__(self):
        names = (GRADIENT, *RULES)
        if self.rule not in names:
            raise ValueError(f"unknown rule {self.rule!r}: {closest(self.rule, names)}")
        if self.rule == GRADIENT and self.beta is not None:
            raise ValueError(f"beta is {self.beta}, but the gradient takes none: leave it out.")
        if self.samples < 1:
            raise ValueError(f"samples is {self.samples}: give the size of the data set.")
        if isinstance(bare(self.net), Pathway):
            raise TypeError("net is a Pathway, which takes no rule: see feedback_change.")
        if not self.start:
            raise ValueError(f"net is a {type(self.net).__name__} without arrays to change.")

    @property
    def start(self) -> Synapses:
        """The weights of `net` as a state."""
        return synapses(self.net)

    def with_weights(self, weights: Synapses) -> AbstractField:
        """`net` with these weights, a state of this flow."""
        return with_synapses(self.net, weights)

    def shapes(self) -> tuple[PyTree, PyTree]:
        state, x = self.net.shapes()
        y = jax.eval_shape(lambda s: self.cost.output(self.net.read(s)), state)
        several = jax.tree.map(
            lambda leaf: jax.ShapeDtypeStruct((self.samples, *leaf.shape), leaf.dtype), (x, y)
        )
        return like(self.start), several

    def flow(self, t: Time, state: Synapses, drive: Inputs, /) -> Synapses:
        return _change(self, state, drive)

    def objective(self, weights: Synapses, inputs: Inputs) -> Scalar:
        """J, the mean cost of the settled samples; NaN where one of them does not settle."""
        return _objective(self, weights, inputs)


@eqx.filter_jit  # so that nothing is refused: what does not settle is NaN
def _change(flow: LearningFlow, weights: Synapses, inputs: Inputs) -> Synapses:
    net, (x, y) = flow.with_weights(weights), inputs
    limits: dict[str, Any] = {"tol": flow.tol, "method": flow.method, "max_time": flow.max_time}
    if flow.rule == GRADIENT:
        free = settle(net, x, **limits)
        gradient = equilibrium_gradient(net, flow.cost, free, x, y)
        change = jax.tree.map(jnp.negative, gradient)
    else:
        rule: dict[str, Any] = {"rule": flow.rule, "beta": flow.beta}
        change = contrast(net, flow.cost, None, x, y, **rule, **limits).change
    return synapses(change)


@eqx.filter_jit
def _objective(flow: LearningFlow, weights: Synapses, inputs: Inputs) -> Scalar:
    net, (x, y) = flow.with_weights(weights), inputs
    free = settle(net, x, tol=flow.tol, method=flow.method, max_time=flow.max_time)
    costs = jax.vmap(lambda s, y: flow.cost(net.read(s), y))(free.state, y)
    return jnp.mean(jnp.where(free.ok, costs, jnp.nan))


class Plastic(AbstractField):
    """A field and its own synapses as one ODE: dW/dt = η (∂μ/∂W)ᵀ ds/dt [003 Eq 5].

    For leaky integrators that is dW_ij/dt = η ρ(s_j) ds_i/dt, local in space and in time [003
    Eq 2]. The state is (s, W): s of the field, and W, `synapses(field)`; `plastic.start(s)` puts
    them together. The inputs are those of the field. Let a nudged field start from the free state:
    ΔW/(ηβ) then tends, as η → 0, to the integral of ρ(s_j) ds_i/β along the way, which is the
    two-phase rule "ep" up to O(β), where a cost reads the state itself.

    Raises `ValueError` unless `eta` is one finite number, and where there is nothing to change.

    >>> import jax.numpy as jnp, neurodyn as nd
    >>> from neurodyn.learning.flow import Plastic
    >>> net = nd.LeakyIntegrator(jnp.array([[0.0, 0.0], [2.0, 0.0]]), nd.identity)
    >>> plastic = Plastic(net, eta=0.5)
    >>> ds, (dw,) = plastic(0.0, plastic.start(jnp.array([1.0, 1.0])), jnp.zeros(2))
    >>> ds.tolist(), dw.tolist()
    ([-1.0, 1.0], [[-0.5, -0.5], [0.5, 0.5]])
    """

    field: AbstractField
    eta: Scalar = eqx.field(converter=concrete_array)

    def __check_init__(self):
        if self.eta.ndim or (is_concrete(self.eta) and not np.isfinite(self.eta)):
            raise ValueError(f"eta is {self.eta}: it must be one finite number.")
        if not synapses(self.field):
            raise ValueError(f"field is a {type(self.field).__name__} without arrays to change.")

    def start(self, state: State) -> tuple[State, Synapses]:
        """(s, W), with the weights that the field has."""
        return state, synapses(self.field)

    def shapes(self) -> tuple[PyTree, PyTree]:
        state, inputs = self.field.shapes()
        return (state, like(synapses(self.field))), inputs

    def flow(
        self, t: Time, state: tuple[State, Synapses], drive: Inputs, /
    ) -> tuple[State, Synapses]:
        s, weights = state
        field = with_synapses(self.field, weights)
        ds = field.flow(t, s, field.drive(drive))
        work = synapses(eqx.filter_grad(flow_score)(field, s, drive, ds))
        return ds, tuple(self.eta.astype(w.dtype) * w for w in work)  # [003 Eq 5]
