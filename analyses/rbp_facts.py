"""What paper 004 says of any one change of the weights [004 Sec 6, Facts 1–4 and 6], measured.

Facts 1 to 4 in float64; Facts 1 to 3 on weights that have learnt a little, by RBP.
"""

import dataclasses
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from rbp_runs import Images, Variant, drawn, taught

import neurodyn as nd
from neurodyn.learning.channel import Channel
from neurodyn.learning.feedback import feedback_change
from neurodyn.learning.learner import path_gradient
from neurodyn.learning.matrices import concordant_channel, transposed_channel

RULES = {
    "RBP": (Variant("random"), Channel()),
    "SRBP": (Variant("skipped"), Channel()),
    "RBP, no f′": (Variant("random"), Channel(derivative=False)),
    "ASRBP": (Variant("skipped"), Channel(adaptive=True)),
    "SRBP, 3 bits": (Variant("skipped"), Channel(bits=3)),
}


def doubled(tree: Any) -> Any:
    """The same in float64."""

    def cast(leaf):
        floating = eqx.is_array(leaf) and jnp.issubdtype(leaf.dtype, jnp.floating)
        return leaf.astype(jnp.float64) if floating else leaf

    return jax.tree.map(cast, tree)


def gaps(images: Images, updates: int, samples: int = 100) -> dict[str, dict[str, float]]:
    """By rule, how far a change is from what Facts 1–3 say, relative to its largest entry."""
    x, y = doubled((images.x[:samples], images.y[:samples]))
    learnt = taught(Variant("random"), images, seed=0, updates=updates)
    outputs, top = _shares(doubled(learnt), x), path_gradient(doubled(learnt), x, y)
    found = {}
    for name, (variant, channel) in RULES.items():
        net = drawn(variant, images.sizes, jax.random.key(0))
        net = doubled(dataclasses.replace(net, weights=learnt.weights, biases=learnt.biases))
        told = feedback_change(net, x, y, channel=channel)
        turned = feedback_change(net, x, 2 * outputs - y, channel=channel)
        silent = feedback_change(net, x, outputs, channel=channel)
        found[name] = {
            "top layer": _apart(told.weights[-1:], top.weights[-1:]),
            "turned": _apart(told, turned),
            "silent": _largest(silent) / _largest(told),
        }
    return found


def _apart(change: Any, opposite: Any) -> float:
    """The largest entry of the sum, relative to that of the change."""
    return _largest(jax.tree.map(jnp.add, change, opposite)) / _largest(change)


def _largest(tree: Any) -> float:
    return max(float(jnp.abs(leaf).max()) for leaf in jax.tree.leaves(tree))


def same_signs(images: Images, samples: int = 100, nets: int = 20) -> dict[str, float]:
    """The share of the entries of single changes of [N0, N1, 1] that have the gradient's sign."""
    sizes = (images.sizes[0], images.sizes[1], 1)
    x, y = doubled((images.x[:samples], images.y[:samples, :1]))

    @jax.jit
    @jax.vmap
    def shares(key):
        path = dataclasses.replace(
            nd.Pathway.init(sizes, feedback="random", key=key, dtype=jnp.float64),
            cost=nd.LogisticCrossEntropy(),
        )

        def agree(net):
            def one(x, y):
                change, exact = (feedback_change(n, x, y) for n in (net, transposed_channel(net)))
                both = change.weights[0] * exact.weights[0]
                return jnp.sum(both > 0) / jnp.sum(exact.weights[0] != 0)

            return jnp.mean(jax.vmap(one)(x, y))

        return agree(concordant_channel(path)), agree(path)

    concordant, random = shares(jax.random.split(jax.random.key(0), nets))
    return {"concordant, least": float(concordant.min()), "random, mean": float(random.mean())}


def classes(images: Images, seeds: int = 5, samples: int = 1000) -> dict[str, float]:
    """How error signals of untrained nets point, within a class, across, and against BP's [Fact 6].

    Cosines of the signals J_k of skipped feedback, the mean over hidden layers, pairs and nets;
    `agreed`, the share of classes whose mean signal points to BP's side.
    """
    x, y = images.x[:samples], images.y[:samples]
    labels = np.argmax(np.asarray(y), axis=1)
    same = labels[:, None] == labels[None, :]
    within, across, agreed, outputs = [], [], [], []
    for seed in range(seeds):
        net = drawn(Variant("skipped"), images.sizes, jax.random.key(seed))
        exact = dataclasses.replace(net, feedback=nd.ErrorFeedback("exact"))
        skipped, true = (_signals(n, x, y) for n in (net, exact))
        outputs.append(np.asarray(_shares(net, x)).std())
        for ours, theirs in zip(skipped, true, strict=True):
            cosines = _unit(ours) @ _unit(ours).T
            off = ~np.eye(len(x), dtype=bool)
            within.append(cosines[same & off].mean())
            across.append(cosines[~same].mean())
            means = [[s[labels == c].mean(axis=0) for c in range(10)] for s in (ours, theirs)]
            agreed.append(np.mean(np.sum(np.array(means[0]) * means[1], axis=1) > 0))
    return {
        "within a class": float(np.mean(within)),
        "across classes": float(np.mean(across)),
        "agreed": float(np.mean(agreed)),
        "spread of outputs": float(np.mean(outputs)),
    }


def _signals(net: nd.Pathway, x: jax.Array, y: jax.Array) -> list[np.ndarray]:
    return [np.asarray(s) for s in jax.vmap(lambda x, y: net.discrete((x, y)))(x, y)[:-1]]


def _shares(net: nd.Pathway, x: jax.Array) -> jax.Array:
    return jax.nn.softmax(jax.vmap(lambda x: net.forward(x).activities[-1])(x))


def _unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)
