"""Updates: the weights of a network stepped along what a learner says, batch after batch.

    progress = begin(net, learner, optimiser, x, y)
    progress, tally = advance(progress, learner, optimiser, images, targets, order, key)

`optimiser` is any optax transformation: the change is handed to it as minus a gradient. All is
compiled as one loop; nothing in it depends on how many batches are done at a time, so that a run
that is cut in two ends where the whole one does. `advance_all` runs several seeds at once.
"""

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Int, PRNGKeyArray, PyTree

from ..aliases import Scalar
from ..field import AbstractField
from .learner import AbstractLearner, Batch

Samples = Float[Array, "samples _"]
Order = Int[Array, "updates batch"]
Column = Float[Array | np.ndarray, "*runs updates"]


class Progress(eqx.Module):
    """What training carries on: the net, the moments of the optimiser, and the updates so far."""

    net: AbstractField
    moments: PyTree
    updates: Int[Array, "*runs"]


class Tally(NamedTuple):
    """What each update told: see `Step`; `size` is the largest entry of the change."""

    loss: Column
    wrong: Column
    settled: Column
    size: Column


def begin(
    net: AbstractField,
    learner: AbstractLearner,
    optimiser: optax.GradientTransformation,
    x: Batch,
    y: Batch,
) -> Progress:
    """The progress of a run that has yet to start; `x` and `y` are a batch of its data.

    Raises what `learner` does for a net or a batch that it is not for.
    """
    asked = eqx.filter_eval_shape(learner.step, net, x, y, jax.random.key(0))
    moments = optimiser.init(_learned(net, asked[1].change))
    return Progress(net, moments, jnp.zeros((), jnp.int32))


def advance(
    progress: Progress,
    learner: AbstractLearner,
    optimiser: optax.GradientTransformation,
    images: Samples,
    targets: Samples,
    order: Order,
    key: PRNGKeyArray,
) -> tuple[Progress, Tally]:
    """One update for each row of `order`, the numbers of the samples in a batch; compiled once.

    Each update draws from `key` and its own number alone. A change that is not finite is applied
    as any other: look at `loss` and `size`.
    """
    return _advance(progress, learner, optimiser, images, targets, order, key)


def _loop(progress, learner, optimiser, images, targets, order, key):
    carried, kept = eqx.partition(progress, eqx.is_array)

    def update(carried, rows):
        now = eqx.combine(carried, kept)
        drawn = jax.random.fold_in(key, now.updates)
        net, told = learner.step(now.net, images[rows], targets[rows], drawn)
        uphill = jax.tree.map(jnp.negative, told.change)
        moved, moments = optimiser.update(uphill, now.moments, _learned(net, told.change))
        after = Progress(eqx.apply_updates(net, moved), moments, now.updates + 1)
        leaves = jax.tree.leaves(told.change)
        size = jnp.max(jnp.stack([jnp.max(jnp.abs(c)) for c in leaves]))
        tally = Tally(told.loss, told.wrong, told.settled, size)
        return eqx.filter(after, eqx.is_array), tally

    carried, tally = jax.lax.scan(update, carried, order)
    return eqx.combine(carried, kept), tally


_advance = eqx.filter_jit(_loop)


@eqx.filter_jit
def advance_all(progress, learner, optimiser, images, targets, order, keys, *, mapped=False):
    """`advance` for several runs at once, all of them over the same images.

    `progress`, made by `jax.vmap` or `equinox.filter_vmap` of `begin`, `order`, (runs, updates,
    batch), and `keys` have a leading axis of runs; so have the arrays of `learner` if `mapped`.
    Returns what `advance` does, with that axis in front.
    """
    runs = eqx.if_array(0)

    def one(progress, learner, order, key):
        return _loop(progress, learner, optimiser, images, targets, order, key)

    axes = runs, runs if mapped else None, 0, 0
    return eqx.filter_vmap(one, in_axes=axes)(progress, learner, order, keys)


def shuffled(key: PRNGKeyArray, samples: int, batch: int) -> Order:
    """The order of one epoch: every sample once, but for those that fill no batch any more."""
    whole = samples // batch
    return jax.random.permutation(key, samples)[: whole * batch].reshape(whole, batch)


@eqx.filter_jit
def error_rate(
    learner: AbstractLearner, net: Any, images: Samples, targets: Samples, batch: int = 1000
) -> Scalar:
    """The share of the samples whose largest output is not that of the target.

    Those that do not settle count as wrong. `batch` bounds how many are worked on at a time.
    """

    def wrong(pair):
        x, y = pair
        outputs, ok = learner.outputs(net, x)
        return jnp.sum((jnp.argmax(outputs, axis=1) != jnp.argmax(y, axis=1)) | ~ok)

    whole = len(images) // batch * batch
    pairs = images[:whole], targets[:whole]
    stacked = jax.tree.map(lambda a: a.reshape(-1, batch, *a.shape[1:]), pairs)
    count = jnp.sum(jax.lax.map(wrong, stacked)) if whole else jnp.zeros((), int)
    if whole < len(images):
        count += wrong((images[whole:], targets[whole:]))
    return count.astype(images.dtype) / len(images)


def by_layer(rates: Sequence[float]) -> optax.GradientTransformation:
    """Rates of their own for the layers: an optimiser to chain behind another.

    `rates[k]` belongs to the weights from layer k to layer k + 1, to those that lead back between
    the same two layers, and to the biases of layer k + 1. Raises `ValueError` where a net has more
    or fewer layers.

    >>> import jax, jax.numpy as jnp, neurodyn as nd, optax
    >>> from neurodyn.learning.updates import by_layer
    >>> change = {"forward": (jnp.ones(1), jnp.ones(1)), "feedback": (jnp.ones(1),)}
    >>> by_layer((0.5, 0.25)).update(change, optax.EmptyState())[0]["feedback"][0].tolist()
    [0.25]
    """
    rates = tuple(float(rate) for rate in rates)

    def scaled(updates, _=None):
        flat = jax.tree_util.tree_flatten_with_path(updates)[0]
        layers = {jax.tree_util.keystr(path): layer_of(path) for path, _ in flat}
        if max(layers.values()) + 1 != len(rates):
            raise ValueError(
                f"rates holds {len(rates)} numbers: this net needs {max(layers.values()) + 1}."
            )
        return jax.tree_util.tree_map_with_path(
            lambda path, u: jnp.asarray(rates[layers[jax.tree_util.keystr(path)]], u.dtype) * u,
            updates,
        )

    return optax.stateless(scaled)


def layer_of(path: tuple[Any, ...]) -> int:
    """The pair of layers, 0 the lowest, that the array at `path` in a layered net connects.

    What leads back has no array for the lowest pair: its entry k belongs to the pair k + 1.
    """
    name = jax.tree_util.keystr(path)
    found = re.findall(r"\[(\d+)\]", name)
    return (int(found[0]) if found else 0) + ("feedback" in name)


def _learned(net: AbstractField, change: PyTree) -> PyTree:
    """The arrays of `net` that `change` has, and None elsewhere."""
    none = jax.tree.map(lambda c: c is not None, change, is_leaf=lambda c: c is None)
    return eqx.filter(net, none)
