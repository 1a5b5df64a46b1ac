"""Top-down pathways: every credit-assignment scheme is one cascade of leaky integrators.

    dδ_l/dt = −δ_l + feedback_l(δ_{l+1}, …, δ_L)  for hidden layers,   dδ_L/dt = −δ_L + top

The forward pass Y_l = W_l h_{l−1} + b_l, h_l = σ(Y_l), h_0 = x [000 Eq 4] is over when it starts.
Each layer listens only to those above, so there is one equilibrium, and it IS the algorithm:
backpropagation or the F-adjoint, random or skipped feedback, (difference) target propagation, by
the map that `feedback.py` gives. Every eigenvalue is −1.

On the way, with e_l = δ_l(t) − δ_l* and linear maps feedback_l = M_l δ_{l+1}, layers that run at
once obey e_l(t) = e^{−t} Σ_j t^j/j! M_l … M_{l+j−1} e_{l+j}(0), a Jordan block; layers that run one
after the other, e_l(t) = e^{−t} e_l(0). Euler steps of length 1 are the algorithm itself, one layer
a step; above 2 they diverge.
"""

import operator
from collections.abc import Sequence
from typing import Any, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray, PyTree

from ..activation import Activation, identity, tanh
from ..aliases import Drive, Layers, Scalar, State, Time
from ..cost import AbstractCost, SquaredError
from ..field import AbstractField, concrete_array, is_concrete, unit_leak
from .chain import require_feedback
from .feedback import (
    ERRORS,
    TARGETS,
    AbstractFeedback,
    Decoder,
    ErrorFeedback,
    ForwardPass,
    TargetFeedback,
    channel_shapes,
    floats,
    require_shapes,
)
from .leaky import Weights

Sample = tuple[Float[Array, " n"], Float[Array, " out"]]
_KINDS = {  # a plain function would do for an activation, were its derivative not needed
    "feedback": AbstractFeedback,
    "cost": AbstractCost,
    "activation": Activation,
    "output_activation": Activation,
}


class Pathway(AbstractField):
    """The top-down signals of a feed-forward net while they settle; inputs are (x, target).

    **Fields:** `weights[k]`, (n_{k+1}, n_k), and `biases[k]`, (n_{k+1},), lead from layer k to
    layer k + 1, layer 0 being x itself; `feedback`, an `ErrorFeedback` or `TargetFeedback`; `cost`,
    read at the output h_L (softmax and logistic outputs belong to the cost: leave the output
    linear then); `strength`, by which the gradient at the top is scaled: μ of [000 Sec 5], which
    multiplies every error signal alike, as a learning rate would, or β of [002 Eq 5]; the
    `activation` of hidden layers and `output_activation`.

    `sequential` has each layer driven by the *settled* signal above it, as [000 Eq 16, 18] print:
    the layers are relaxed one after the other, each in its own time. Eq 14, 16 and 18 are then the
    same law dδ_l/dt = −δ_l + δ_l*, whose drive already holds the answer. Otherwise all layers run
    at once, each driven by what the one above says now.

    The state is the signals of (first hidden, …, output). Raises `ValueError` where shapes do not
    fit, naming the argument, and `TypeError` for an activation whose derivative is not known.

    >>> import jax, jax.numpy as jnp, neurodyn as nd
    >>> from neurodyn.systems.pathway import Pathway
    >>> path = Pathway.init((4, 3, 2), key=jax.random.key(0))
    >>> settled = nd.settle(path, (jnp.ones(4), jnp.array([1.0, 0.0])), tol=1e-5)
    >>> settled.counts(), [signal.shape for signal in settled.state]
    ({'settled': 1}, [(3,), (2,)])
    """

    weights: Weights = eqx.field(converter=floats("weights", 2))
    biases: Layers = eqx.field(converter=floats("biases", 1))
    feedback: AbstractFeedback = ErrorFeedback()
    cost: AbstractCost = SquaredError()
    strength: Scalar = eqx.field(converter=concrete_array, default=1.0)
    activation: Activation = eqx.field(default=tanh, static=True)
    output_activation: Activation = eqx.field(default=identity, static=True)
    sequential: bool = eqx.field(default=False, static=True)

    def __check_init__(self):
        if not self.weights:
            raise ValueError("weights is empty: give at least one matrix.")
        if not all(w.size for w in self.weights):
            raise ValueError("a layer has no units: every weight matrix must have some entries.")
        require_shapes("weights", self.weights, list(zip(self.sizes[1:], self.sizes, strict=False)))
        require_shapes("biases", self.biases, [(n,) for n in self.sizes[1:]])
        arrays = jax.tree.leaves((self.weights, self.biases, self.feedback))
        if len({a.dtype for a in filter(eqx.is_array, arrays)}) > 1:
            raise ValueError("weights, biases and feedback must all have one dtype: cast them.")
        for name, kind in _KINDS.items():
            if not isinstance(getattr(self, name), kind):
                raise TypeError(f"{name} is {getattr(self, name)!r}: give an {kind.__name__}.")
        if self.strength.ndim or (
            is_concrete(self.strength) and not (np.isfinite(self.strength) and self.strength)
        ):
            raise ValueError(f"strength is {self.strength}: give one finite number, not zero.")
        self.feedback.require_fit(self.shapes()[0])

    @staticmethod
    def init(
        sizes: Sequence[int],
        *,
        feedback: Literal["exact", "random", "skipped", "target", "difference"] = "exact",
        activation: Activation = tanh,
        key: PRNGKeyArray,
        dtype=None,
        **fields: Any,
    ) -> "Pathway":
        """Glorot-uniform weights both ways [Glorot & Bengio 2010] and zero biases.

        `sizes` is (inputs, first hidden, …, outputs); targets come down through `Decoder`s with
        the same `activation`, untrained; `fields` are further fields of the class. `dtype` is
        JAX's default float unless given. Raises `ValueError` unless there are two or more positive
        sizes, and for an unknown `feedback`.
        """
        sizes = tuple(map(operator.index, sizes))
        require_feedback(feedback, (*ERRORS, *TARGETS))
        if len(sizes) < 2 or min(sizes) < 1:
            raise ValueError(f"sizes is {sizes}: give two or more positive whole numbers.")
        dtype = dtype or jnp.result_type(float)
        glorot = jax.nn.initializers.glorot_uniform(in_axis=1, out_axis=0)

        def draw(key, shapes):
            keys = jax.random.split(key, len(shapes)) if shapes else ()
            return tuple(glorot(k, shape, dtype) for k, shape in zip(keys, shapes, strict=True))

        up, down = jax.random.split(key)
        weights = draw(up, list(zip(sizes[1:], sizes, strict=False)))
        matrices = draw(down, channel_shapes(feedback, sizes[1:]))
        if feedback in TARGETS:
            zeros = [jnp.zeros(len(b), dtype) for b in matrices]
            decoders = map(lambda b, c: Decoder(b, c, activation), matrices, zeros)
            way = TargetFeedback(tuple(decoders), difference=feedback == "difference")
        else:
            way = ErrorFeedback(feedback, matrices)
        biases = tuple(jnp.zeros(n, dtype) for n in sizes[1:])
        return Pathway(weights, biases, way, activation=activation, **fields)

    @property
    def sizes(self) -> tuple[int, ...]:
        """(inputs, first hidden, …, outputs)."""
        return (self.weights[0].shape[1], *(w.shape[0] for w in self.weights))

    def shapes(self) -> tuple[PyTree, PyTree]:
        dtype = self.weights[0].dtype
        x, *layers = (jax.ShapeDtypeStruct((n,), dtype) for n in self.sizes)
        return tuple(layers), (x, jax.eval_shape(self.cost.output, layers[-1]))

    def nudged(self, cost: AbstractCost, beta: Any) -> AbstractField:
        raise TypeError("a Pathway is given its target already: its inputs are (x, target).")

    def forward(self, x: Float[Array, " n"]) -> ForwardPass:
        """The forward pass; its `activities` are where [000 Eq 14] starts the signals."""
        activities, slopes = [x], []
        last = len(self.weights) - 1
        for k, (w, b) in enumerate(zip(self.weights, self.biases, strict=True)):
            sigma = self.output_activation if k == last else self.activation
            y = w @ activities[-1] + b
            activities.append(sigma(y))  # [000 Eq 4]
            slopes.append(sigma.derivative(y))
        return ForwardPass(tuple(activities[1:]), tuple(slopes))

    def discrete(self, inputs: Sample) -> Layers:
        """The algorithm that the flow settles to: one sweep from the top down."""
        top, prepared = self._driven(inputs)
        signals = (top,)
        for k in reversed(range(len(prepared))):
            signals = (self.feedback.signal(k, signals, prepared[k]), *signals)
        return signals

    def errors(self, state: Layers, inputs: Sample) -> Layers:
        """B_l, the estimates of −∂C/∂Y_l that the signals carry, (n_l,) each, first hidden first.

        They are divided by `strength`. Descent changes W_l along B_l h_{l−1}ᵗ, by any of the
        schemes: [000 Eq 19], [004 Eq 3, 6], and the gradient of [002 Eq 6].
        """
        done = self.forward(inputs[0])
        ways = self.feedback.descent(state, done.activities)
        scale = self.strength.astype(ways[0].dtype)
        return tuple(slope * way / scale for slope, way in zip(done.slopes, ways, strict=True))

    def drive(self, inputs: Sample, /) -> Drive:
        return self.discrete(inputs) if self.sequential else self._driven(inputs)

    def leak(self) -> State:
        return unit_leak(self)

    def flow(self, t: Time, state: State, drive: Drive, /) -> State:
        if self.sequential:
            return tuple(end - now for end, now in zip(drive, state, strict=True))  # [000 Eq 14]
        top, prepared = drive
        fed = [self.feedback.signal(k, state[k + 1 :], p) for k, p in enumerate(prepared)]
        return tuple(a - now for a, now in zip((*fed, top), state, strict=True))  # [000 Eq 18]

    def _driven(self, inputs: Sample) -> tuple[Array, tuple[PyTree, ...]]:
        x, target = inputs
        done = self.forward(x)
        output = done.activities[-1]
        gradient = self.strength.astype(output.dtype) * jax.grad(self.cost)(output, target)
        return self.feedback.top(output, gradient), self.feedback.prepare(self.weights, done)
