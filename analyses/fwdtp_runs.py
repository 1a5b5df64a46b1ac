"""Nets of paper 002 that learn by its rules, and what their Jacobians are like.

    run = learn("dtp", Settings(0.1, 0.03), mnist(), seed=0, epochs=20)

The net is 784-256-256-256-256-256-10: "6 layers each with 256 units" are six encoders, as the sixth
is "the last" one, which is not invertible. Forward weights are orthogonal, biases zero, decoders
U(−0.01, 0.01) [002 Sec 5]; the fixed matrices of feedback alignment, for which the paper gives no
numbers, are Gaussian, as wide as the forward weights. Pixels are standardised, by one mean and one
deviation for all. Batches hold 256 images.
"""

import dataclasses
import functools
import pathlib
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from kept import Images, Run, finished, keep, say

import neurodyn as nd
from neurodyn import data
from neurodyn.files import write_whole
from neurodyn.learning.learner import AbstractLearner, FeedbackLearner, TargetLearner
from neurodyn.learning.normalised import NormalisedLearner, normalised
from neurodyn.learning.updates import Progress, advance, begin, error_rate, shuffled

HIDDEN, SPAN, STRENGTH, TIMES = (256,) * 5, 0.01, 0.04, 5
NAMES = {
    "bp": "BP",
    "fa": "FA",
    "fw-dtp": "FW-DTP",
    "dtp": "DTP",
    "tp": "TP",
    "l-drl": "L-DRL",
    "drl": "DRL",
    "fw-plain": "FW-DTP without normalisation",
}
TRAINED = ("tp", "dtp", "l-drl", "drl")  # the rules whose decoders learn
FEEDBACK = {"bp": "exact", "fa": "random", "tp": "target"}


class Settings(NamedTuple):
    """Learning rates of the forward weights and of the decoders, σ of the noise for these."""

    rate: float
    decoder_rate: float = 0.0
    noise: float = 0.1

    def words(self, rule: str) -> str:
        """What of it the rule uses."""
        both = f", decoders {self.decoder_rate:g}, σ {self.noise:g}" if rule in TRAINED else ""
        return f"rate {self.rate:g}{both}"


def mnist(held_out: int = 0) -> Images:
    """MNIST; the last `held_out` training images take the place of the test images."""
    return _images("mnist", held_out, HIDDEN, 256)


def digits(held_out: int = 0) -> Images:
    """The digits of scikit-learn, for a smaller net."""
    return _images("digits", held_out, (32, 32, 32), 20)


def _images(name: str, held_out: int, hidden: tuple[int, ...], batch: int) -> Images:
    train, test = data.load(name), data.load(name, split="test")
    mean, deviation = train.images.mean(), train.images.std()
    rest = len(train.images) - held_out
    x, y = train.images, train.targets()
    tested = (x[rest:], y[rest:]) if held_out else (test.images, test.targets())
    plain = [jnp.asarray((a - mean) / deviation, jnp.float32) for a in (x[:rest], tested[0])]
    answers = [jnp.asarray(a, jnp.float32) for a in (y[:rest], tested[1])]
    sizes = (x.shape[1], *hidden, y.shape[1])
    return Images(plain[0], answers[0], plain[1], answers[1], sizes, batch)


def drawn(rule: str, sizes: Sequence[int], seed: int) -> Any:
    """The net of a rule; for one seed the forward weights of all of them are the same."""
    up, down = jax.random.split(jax.random.key(seed))
    path = nd.Pathway.init(
        sizes,
        feedback=FEEDBACK.get(rule, "difference"),  # pyright: ignore[reportArgumentType]
        cost=nd.SoftmaxCrossEntropy(),
        strength=STRENGTH if rule not in ("bp", "fa") else 1.0,
        key=up,
        dtype=jnp.float32,
    )
    orthogonal = jax.nn.initializers.orthogonal()
    keys = jax.random.split(up, len(path.weights))
    weights = [orthogonal(k, w.shape, w.dtype) for k, w in zip(keys, path.weights, strict=True)]
    keys = jax.random.split(down, len(path.weights))
    feedback = path.feedback
    if isinstance(feedback, nd.TargetFeedback):
        decoders = [_uniform(d, k) for d, k in zip(feedback.decoders, keys, strict=False)]
        feedback = dataclasses.replace(feedback, decoders=decoders)
    elif rule == "fa":
        pairs = zip(weights[1:], keys, strict=False)
        channel = [w.std() * jax.random.normal(k, w.T.shape, w.dtype) for w, k in pairs]
        feedback = dataclasses.replace(feedback, channel=channel)
    path = dataclasses.replace(path, weights=weights, feedback=feedback)
    return normalised(path) if rule == "fw-dtp" else path


def _uniform(decoder: Any, key: jax.Array) -> nd.Decoder:
    shape, dtype = decoder.weights.shape, decoder.weights.dtype
    return dataclasses.replace(decoder, weights=jax.random.uniform(key, shape, dtype, -SPAN, SPAN))


def learner(rule: str, settings: Settings, times: int = TIMES) -> AbstractLearner:
    """What the rule says of a batch; its decoders are trained `times` times on each."""
    if rule in ("bp", "fa"):
        return FeedbackLearner()
    if rule == "fw-dtp":
        return NormalisedLearner()
    if rule == "fw-plain":
        return TargetLearner("fw-dtp")
    decoder_rate, noise = jnp.asarray(settings.decoder_rate), jnp.asarray(settings.noise)
    return TargetLearner(rule, noise, decoder_rate, times=times)


Look = Callable[[Any], Any]


def learn(
    rule: str,
    settings: Settings,
    images: Images,
    *,
    seed: int,
    epochs: int,
    name: str,
    times: int = TIMES,
    look: Look | None = None,
    file: pathlib.Path | None = None,
) -> Run:
    """A run as plain data: errors epoch by epoch, and what `look` sees of the net before each.

    `test` is the error on the test images after each epoch, `train` that of the batches during it.
    After each epoch the run is added to the `file` of runs, if there is one, and the net is written
    beside it: a stopped run goes on where it was. Told on stderr as it goes.
    """
    how = {"rule": rule, "seed": seed, "settings": settings._asdict()}
    fresh: Run = {"name": name, **how, "train": [], "test": [], "seen": [], "seconds": 0.0}
    run = finished(file).get(name, fresh)
    if len(run["test"]) >= epochs:
        return run
    key, teach = jax.random.key(seed), learner(rule, settings, times)
    optimiser, batches = optax.sgd(settings.rate), len(images.x) // images.batch
    first = images.x[: images.batch], images.y[: images.batch]
    begun = begin(drawn(rule, images.sizes, seed), teach, optimiser, *first)
    progress, run = resumed(begun, run, batches, file) or (begun, fresh)
    if look and not run["seen"]:
        run["seen"] = [look(progress.net)]
    for epoch in range(len(run["test"]), epochs):
        started = time.perf_counter()
        order = shuffled(jax.random.fold_in(key, epoch), len(images.x), images.batch)
        progress, tally = advance(progress, teach, optimiser, *images[:2], order, key)
        wrong = error_rate(teach, progress.net, images.x_test, images.y_test)
        run = run | {
            "train": [*run["train"], round(float(tally.wrong.mean()), 6)],
            "test": [*run["test"], round(float(wrong), 6)],
            "seen": [*run["seen"], look(progress.net)] if look else [],
            "seconds": round(run["seconds"] + time.perf_counter() - started, 1),
        }
        say(f"{name}, epoch {epoch + 1}: {run['test'][-1]:.2%}")
        if file is not None:
            keep(run, file)
            write = functools.partial(eqx.tree_serialise_leaves, pytree=progress)
            write_whole(beside(file, name), write)
    return run


def beside(file: pathlib.Path, name: str) -> pathlib.Path:
    """Where the net of a run is kept, next to the file of runs."""
    plain = "".join(c if c.isalnum() else "-" for c in name)
    return file.with_name(f"{plain}.eqx")


def resumed(
    begun: Progress, run: Run, batches: int, file: pathlib.Path | None
) -> tuple[Progress, Run] | None:
    """Where a run was when it stopped; None if it has not begun, or its net is of another time."""
    net = beside(file, run["name"]) if file else None
    if net is None or not net.exists():
        return None
    progress = eqx.tree_deserialise_leaves(net, begun)
    return (progress, run) if int(progress.updates) == batches * len(run["test"]) else None


@eqx.filter_jit
def products(net: Any, x: jax.Array) -> list[jax.Array]:
    """J_f J_g of layers 2 … L where each image leads, normalisers included: (images, n, n) each.

    J_{f_l} is taken at h_{l−1} and J_{g_l} at h_l, both with the running statistics.
    """

    def one(x):
        done = net.forward(x)
        layers = zip(net.weights[1:], done.slopes[1:], done.activities[1:], strict=True)
        return [
            (slope[:, None] * w) @ jax.jacobian(decoder)(h)
            for (w, slope, h), decoder in zip(layers, net.feedback.decoders, strict=True)
        ]

    return jax.vmap(one)(x)


def conditions(product: jax.Array) -> dict[str, float]:
    """Of matrices, (images, n, n), the means of: the trace, the share of eigenvalues whose real
    part is not negative, and that of the symmetric part; and the smallest one of this.

    What rounding makes of a zero counts as zero.
    """
    m = np.asarray(product, np.float64)
    zero = -m.shape[-1] * np.finfo(np.float32).eps * np.linalg.norm(m, axis=(1, 2))[:, None]
    real = np.linalg.eigvals(m).real
    symmetric = np.linalg.eigvalsh((m + m.transpose(0, 2, 1)) / 2)
    return {
        "trace": float(np.trace(m, axis1=1, axis2=2).mean()),
        "share": float((real >= zero).mean()),
        "symmetric share": float((symmetric >= zero).mean()),
        "symmetric least": float(symmetric.min()),
    }
