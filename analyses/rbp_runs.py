"""Nets of paper 004 that learn by the rules of its Table 1.

    run = learn(variant, images, seeds=(0, 1), epochs=100)

A run is plain data: for each seed the error on the training images during each epoch, and that on
the test images after it.
"""

import dataclasses
import math
import time
from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from kept import Images, Run, say

import neurodyn as nd
from neurodyn import data
from neurodyn.learning.learner import AbstractLearner, FeedbackLearner
from neurodyn.learning.matrices import channel_of, redrawn_channel
from neurodyn.learning.updates import advance, advance_all, begin, by_layer, error_rate, shuffled

RATE, DECAY = 0.1, 1e-6  # of the rate, after each update
BARE = FeedbackLearner()


@dataclasses.dataclass(frozen=True)
class Variant:
    """A rule and its net: one entry of the table.

    `prepare` changes the net that was drawn, for instance its channel; `shares` are what the rate
    is multiplied by, layer by layer.
    """

    feedback: Any
    learner: AbstractLearner = BARE
    prepare: Callable[[nd.Pathway, jax.Array], nd.Pathway] | None = None
    rate: float = RATE
    decay: float = DECAY
    shares: tuple[float, ...] | None = None
    activation: nd.Activation = nd.tanh

    def optimiser(self) -> optax.GradientTransformation:
        """Plain steps, at the rate r (1 − decay)^updates."""

        def rate(updates: Any) -> jax.Array:
            kept = math.log1p(-self.decay)
            return self.rate * jnp.exp(kept * updates.astype(jnp.float32))

        steps = optax.sgd(rate)
        return optax.chain(steps, by_layer(self.shares)) if self.shares else steps


def mnist(held_out: int = 0) -> Images:
    """MNIST for 784-100-100-100-100-10, batches of 100 [004 Sec 4.1].

    The last `held_out` training images take the place of the test images, to choose settings on.
    """
    train, test = data.load("mnist"), data.load("mnist", split="test")
    x, y = train.images, train.targets()
    tested = (x[-held_out:], y[-held_out:]) if held_out else (test.images, test.targets())
    rest = len(x) - held_out
    return _images(x[:rest], y[:rest], *tested, hidden=100, batch=100)


def digits() -> Images:
    """The digits of scikit-learn, for a net with four hidden layers of 32 units."""
    train, test = data.load("digits"), data.load("digits", split="test")
    given = train.images, train.targets(), test.images, test.targets()
    return _images(*given, hidden=32, batch=20)


def _images(*arrays: np.ndarray, hidden: int, batch: int) -> Images:
    x, y, x_test, y_test = (jnp.asarray(a, jnp.float32) for a in arrays)
    return Images(x, y, x_test, y_test, (x.shape[1], *[hidden] * 4, y.shape[1]), batch)


def drawn(variant: Variant, sizes: Sequence[int], key: jax.Array) -> nd.Pathway:
    """A net with Gaussian weights of Glorot's width both ways, the forward ones for all rules."""
    up, down, more = jax.random.split(key, 3)
    path = nd.Pathway.init(
        sizes,
        feedback=variant.feedback,
        activation=variant.activation,
        cost=nd.SoftmaxCrossEntropy(),
        key=key,
        dtype=jnp.float32,
    )
    keys = jax.random.split(up, len(path.weights))
    weights = tuple(
        (2 / sum(w.shape)) ** 0.5 * jax.random.normal(k, w.shape, w.dtype)
        for k, w in zip(keys, path.weights, strict=True)
    )
    path = dataclasses.replace(path, weights=weights)
    path = redrawn_channel(path, down) if channel_of(path) else path
    return path if variant.prepare is None else variant.prepare(path, more)


def learn(
    variant: Variant, images: Images, *, seeds: Sequence[int], epochs: int, name: str = ""
) -> Run:
    """All seeds side by side, each with weights and an order of its own; progress on stderr."""
    started = time.perf_counter()
    keys = jnp.stack([jax.random.key(seed) for seed in seeds])
    learner, optimiser = variant.learner, variant.optimiser()
    first = images.x[: images.batch], images.y[: images.batch]

    def start(key):
        net = drawn(variant, images.sizes, key)
        return begin(net, learner, optimiser, *first)

    progress = eqx.filter_vmap(start)(keys)
    errors: dict[str, list[np.ndarray]] = {"train": [], "test": []}
    for epoch in range(epochs):
        order = _orders(keys, epoch, len(images.x), images.batch)
        progress, tally = advance_all(progress, learner, optimiser, images.x, images.y, order, keys)
        errors["train"].append(np.asarray(tally.wrong.mean(axis=1)))
        errors["test"].append(np.asarray(_tested(progress.net, images)))
        say(f"{name} epoch {epoch + 1}: test error {errors['test'][-1]}")
    found = {
        which: np.round(np.stack(e, axis=1, dtype=float), 6).tolist() for which, e in errors.items()
    }
    seconds = round(time.perf_counter() - started, 1)
    return {"name": name, "seeds": list(seeds), "epochs": epochs, **found, "seconds": seconds}


def taught(variant: Variant, images: Images, *, seed: int, updates: int) -> nd.Pathway:
    """A net of `variant` after so many updates, in one or more epochs."""
    key = jax.random.key(seed)
    net, learner, optimiser = (
        drawn(variant, images.sizes, key),
        variant.learner,
        variant.optimiser(),
    )
    epochs = range(1 + updates * images.batch // len(images.x))
    order = jnp.concatenate([_orders(key[None], e, len(images.x), images.batch)[0] for e in epochs])
    progress = begin(net, learner, optimiser, images.x[:1], images.y[:1])
    done, _ = advance(progress, learner, optimiser, images.x, images.y, order[:updates], key)
    assert isinstance(done.net, nd.Pathway)
    return done.net


@eqx.filter_jit
def _orders(keys: jax.Array, epoch: int, samples: int, batch: int) -> jax.Array:
    return jax.vmap(lambda key: shuffled(jax.random.fold_in(key, epoch), samples, batch))(keys)


def _tested(nets: nd.Pathway, images: Images) -> jax.Array:
    """The test error of each net: without their feedback, so that this is compiled but once."""
    bare = eqx.tree_at(lambda net: net.feedback, nets, nd.ErrorFeedback("exact"))
    return _test_errors(bare, images)


@eqx.filter_jit
def _test_errors(nets: nd.Pathway, images: Images) -> jax.Array:
    tested = images.x_test, images.y_test
    return eqx.filter_vmap(lambda net: error_rate(BARE, net, *tested))(nets)


def accuracy(run: Run, which: str = "test", epochs: int | None = None) -> tuple[float, float]:
    """Mean and deviation over seeds of the accuracy, in per cent, at the end or earlier."""
    last = 100 * (1 - np.array(run[which], float)[:, :epochs][:, -1])
    return float(last.mean()), float(last.std(ddof=1)) if len(last) > 1 else 0.0


def done(found: dict[str, Run], name: str, epochs: int) -> bool:
    """Whether there is such a run already, and it was not a shorter one."""
    return name in found and found[name]["epochs"] >= epochs
