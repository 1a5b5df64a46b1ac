"""The variations of random feedback that paper 004 tries on the side [004 Sec 4.2].

redrawn            fresh random matrices before each change
sign-concordant    fresh random sizes, the signs of the forward weights
sign alone         one bit of the errors, or of the changes; `Channel` knows both
size alone         the absolute values of the errors, or of the changes
each synapse       a random vector of its own for every weight, not every unit
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray, PyTree
from rbp_runs import RATE, Variant

import neurodyn as nd
from neurodyn.learning.channel import Channel
from neurodyn.learning.learner import AbstractLearner, FeedbackLearner, Step
from neurodyn.learning.matrices import channel_of, concordant_channel, redrawn_channel
from neurodyn.systems.feedback import AbstractFeedback

Change = Callable[[nd.Pathway, Any, Array, Array], Any]
Prepare = Callable[[nd.Pathway, Array], nd.Pathway]


class Varied(AbstractLearner):
    """Another learner, with something done to the net before, or to the change after."""

    learner: FeedbackLearner = FeedbackLearner()
    before: Prepare | None = eqx.field(static=True, default=None)
    after: Change | None = eqx.field(static=True, default=None)

    def step(self, net: Any, x: Array, y: Array, key: PRNGKeyArray) -> tuple[nd.Pathway, Step]:
        own, rest = jax.random.split(key)
        net = net if self.before is None else self.before(net, own)
        net, told = self.learner.step(net, x, y, rest)
        if self.after is not None:
            told = told._replace(change=self.after(net, told.change, x, y))
        return net, told

    def outputs(self, net: Any, x: Array):
        return self.learner.outputs(net, x)

    def gradient(self, net: Any, x: Array, y: Array) -> PyTree:
        return self.learner.gradient(net, x, y)


class OtherFeedback(AbstractFeedback):
    """Another feedback whose signals to hidden layers are bent, and which may carry vectors.

    `vectors[k]`, (outputs, n_{k+1}, n_k + 1), holds one for each synapse of a hidden layer, the
    last column for the biases; `each_its_own` reads them.
    """

    way: AbstractFeedback
    bend: Callable[[Array], Array] = eqx.field(static=True, default=lambda signal: signal)
    vectors: tuple[Float[Array, "out _ _"], ...] = ()

    def require_fit(self, layers) -> None:
        self.way.require_fit(layers)

    def top(self, output: Array, gradient: Array) -> Array:
        return self.way.top(output, gradient)

    def prepare(self, weights, done):
        return self.way.prepare(weights, done)

    def signal(self, k: int, above, prepared) -> Array:
        return self.bend(self.way.signal(k, above, prepared))

    def descent(self, signals, activities):
        return self.way.descent(signals, activities)


def with_vectors(path: nd.Pathway, key: Array) -> nd.Pathway:
    """`path` with a vector for each hidden synapse, drawn as those of skipped feedback are."""
    outputs, hidden = len(path.weights[-1]), path.weights[:-1]

    def draw(key, w):
        sigma = (2 / (len(w) + outputs)) ** 0.5
        return sigma * jax.random.normal(key, (outputs, len(w), w.shape[1] + 1), w.dtype)

    keys = jax.random.split(key, len(hidden))
    vectors = tuple(draw(k, w) for k, w in zip(keys, hidden, strict=True))
    return dataclasses.replace(path, feedback=OtherFeedback(path.feedback, vectors=vectors))


def each_its_own(path: nd.Pathway, change: Any, x: Array, y: Array) -> Any:
    """ΔW_ij = Σ_k c_ijk (T − O)_k f′_i h_j in hidden layers, the mean over the batch."""
    assert isinstance(path.feedback, OtherFeedback)
    done = jax.vmap(path.forward)(x)
    error = y - jax.nn.softmax(done.activities[-1])
    weights, biases, below = list(change.weights), list(change.biases), x
    for k, vectors in enumerate(path.feedback.vectors):
        with_one = jnp.concatenate([below, jnp.ones((len(below), 1), below.dtype)], axis=1)
        each = jnp.einsum("bk,bi,bj->kij", error, done.slopes[k], with_one) / len(x)
        moved = jnp.sum(vectors * each, axis=0)
        weights[k], biases[k], below = moved[:, :-1], moved[:, -1], done.activities[k]
    return eqx.tree_at(_synapses, change, (tuple(weights), tuple(biases)))


def without_signs(path: nd.Pathway, change: Any, x: Array, y: Array) -> Any:
    """The change with the absolute values in hidden layers."""
    bare = jax.tree.map(jnp.abs, _synapses(change))
    kept = [part[-1] for part in _synapses(change)]
    parts = tuple((*part[:-1], top) for part, top in zip(bare, kept, strict=True))
    return eqx.tree_at(_synapses, change, parts)


def _synapses(change: Any) -> tuple[Any, Any]:
    return change.weights, change.biases


def absolute(path: nd.Pathway, key: Array) -> nd.Pathway:
    """`path` whose errors reach hidden layers without their signs: B_l = |J_l| ⊙ f′."""
    bent = OtherFeedback(path.feedback, bend=lambda signal: -jnp.abs(signal))  # B = −δ ⊙ f′
    return dataclasses.replace(path, feedback=bent)


def redrawn_concordant(path: nd.Pathway, key: Array) -> nd.Pathway:
    """Fresh sizes, with the signs that the forward weights have now."""
    return concordant_channel(redrawn_channel(path, key))


def shifted(mean: float, uniform: bool = False) -> Prepare:
    """Channels of Glorot's standard deviation σ and the mean `mean` · σ, drawn once."""

    def prepare(path: nd.Pathway, key: Array) -> nd.Pathway:
        if not uniform:
            return redrawn_channel(path, key, mean=mean)
        matrices = channel_of(path)
        keys = jax.random.split(key, len(matrices))

        def draw(key, old):
            sigma, width = (2 / sum(old.shape)) ** 0.5, 3**0.5
            unit = jax.random.uniform(key, old.shape, old.dtype, -width, width)
            return sigma * (unit + mean)

        return eqx.tree_at(
            channel_of, path, tuple(draw(k, c) for k, c in zip(keys, matrices, strict=True))
        )

    return prepare


def frozen(*layers: int) -> Variant:
    """Skipped random feedback with some layers of weights fixed, the first being 1."""
    return Variant("skipped", shares=tuple(float(k not in layers) for k in range(1, 6)))


ONE_BIT = Channel(bits=1, scale=2.0**-3)
ONE_BIT_CHANGES = Channel(update_bits=1, update_scale=2.0**-6 / RATE)

VARIANTS: dict[str, Variant] = {
    "BP": Variant("exact"),
    "RBP": Variant("random"),
    "SRBP": Variant("skipped"),
    "top layer only": frozen(1, 2, 3, 4),
    "RBP, redrawn": Variant("random", FeedbackLearner(matrices="redrawn")),
    "SRBP, redrawn": Variant("skipped", FeedbackLearner(matrices="redrawn")),
    "RBP, sign-concordant": Variant("random", Varied(before=redrawn_concordant)),
    "RBP, mean σ": Variant("random", prepare=shifted(1.0)),
    "SRBP, mean σ": Variant("skipped", prepare=shifted(1.0)),
    "RBP, uniform, mean σ": Variant("random", prepare=shifted(1.0, uniform=True)),
    "SRBP, uniform, mean σ": Variant("skipped", prepare=shifted(1.0, uniform=True)),
    "layer 1 fixed": frozen(1),
    "layer 2 fixed": frozen(2),
    "layers 1–2 fixed": frozen(1, 2),
    "layer 3 fixed": frozen(3),
    "layers 1–3 fixed": frozen(1, 2, 3),
    "layer 4 fixed": frozen(4),
    "SRBP, sign of errors": Variant("skipped", FeedbackLearner(ONE_BIT)),
    "SRBP, sign of changes": Variant("skipped", FeedbackLearner(ONE_BIT_CHANGES)),
    "SRBP, size of errors": Variant("skipped", prepare=absolute),
    "SRBP, size of changes": Variant("skipped", Varied(after=without_signs)),
    "SRBP, each synapse": Variant("skipped", Varied(after=each_its_own), prepare=with_vectors),
    "SRBP, no f′": Variant("skipped", FeedbackLearner(Channel(derivative=False))),
    "RBP, redrawn, rate 0.01": Variant("random", FeedbackLearner(matrices="redrawn"), rate=0.01),
    "RBP, congruent at first": Variant("random", prepare=lambda p, key: concordant_channel(p)),
}
