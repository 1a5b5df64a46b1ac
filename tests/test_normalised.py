"""FW-DTP with batch normalisation: gradients through the batch, running statistics, the field."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import neurodyn as nd
from neurodyn import data
from neurodyn.learning.normalised import (
    EPSILON,
    NormalisedLearner,
    NormalisedPathway,
    measured,
    normalised,
)
from neurodyn.learning.updates import advance, begin

SIZES, BETA = (64, 6, 5, 10), 0.4
DIGITS = data.load("digits", samples=8)
X, Y = jnp.asarray(DIGITS.images), jnp.asarray(DIGITS.targets())
KEY = jax.random.key(0)


def net(seed=0, feedback="difference", dtype=None, **fields) -> NormalisedPathway:
    """A net none of whose numbers is zero or one."""
    fields = {"cost": nd.SoftmaxCrossEntropy(), "strength": BETA} | fields
    path = nd.Pathway.init(
        SIZES, feedback=feedback, key=jax.random.key(seed), dtype=dtype, **fields
    )
    plain, rng = normalised(path), np.random.default_rng(seed)

    def places(n):
        numbers = [leaf for u in (*n.up, *n.down) for leaf in jax.tree.leaves(u)]
        return (*n.path.biases, *numbers)

    values = [
        jnp.asarray(v + rng.uniform(0.2, 0.6, v.shape).astype(v.dtype)) for v in places(plain)
    ]
    return eqx.tree_at(places, plain, values)


@eqx.filter_jit
def stepped(of, x, y):
    return NormalisedLearner(momentum=0.1).step(of, x, y, KEY)


@eqx.filter_jit
def answers(of, x):
    return NormalisedLearner().outputs(of, x)


measured = eqx.filter_jit(measured)


def normal(z, n):
    """N(z) of a batch from the formula, with its own statistics."""
    away = z - z.mean(0, keepdims=True)
    variance = (away**2).mean(0, keepdims=True)
    return n.scale[None] * away / (variance + EPSILON) ** 0.5 + n.shift[None]


@jax.jit
def layers(weights, biases, up, x):
    """h_0 … h_L of a batch, written out."""
    h = [x]
    for k, (w, b) in enumerate(zip(weights, biases, strict=True)):
        y = h[-1] @ w.T + b[None]
        h.append(normal(jnp.tanh(y), up[k]) if k < len(up) else y)
    return h


@eqx.filter_jit
def targets(of, h):
    """τ_1 … τ_L of a batch, written out: decoders keep the statistics that they have at h."""
    found = [h[-1] - BETA * (jax.nn.softmax(h[-1], axis=1) - Y)]
    for k in reversed(range(len(of.down))):
        decoder = of.path.feedback.decoders[k]
        at_h, at_target = (
            jnp.tanh(a @ decoder.weights.T + decoder.bias[None]) for a in (h[k + 2], found[0])
        )
        gain = of.down[k].scale / (at_h.var(axis=0) + EPSILON) ** 0.5
        found = [h[k + 1] + gain[None] * (at_target - at_h), *found]
    return found


# 1. The change


def test_the_change_is_the_gradient_of_local_losses_through_the_batch():
    of = net()
    change = stepped(of, X, Y)[1].change
    h = layers(of.path.weights, of.path.biases, of.up, X)
    wanted = targets(of, h)

    def total(weights, biases, up):
        losses = []
        for k, (w, b) in enumerate(zip(weights, biases, strict=True)):
            y = h[k] @ w.T + b[None]
            reached = y if k == 2 else normal(jnp.tanh(y), up[k])
            losses.append(jnp.mean(jnp.sum((reached - wanted[k]) ** 2, axis=1)) / (2 * BETA))
        return sum(losses)

    own = of.path.weights, of.path.biases, of.up
    w, b, up = jax.jit(jax.grad(total, argnums=range(3)))(*own)
    for k in range(3):
        np.testing.assert_allclose(change.path.weights[k], -w[k], atol=1e-12)
        np.testing.assert_allclose(change.path.biases[k], -b[k], atol=1e-12)
        assert float(jnp.abs(w[k]).max()) > 1e-4
    for ours, theirs in zip(change.up, up, strict=True):
        np.testing.assert_allclose(ours.scale, -theirs.scale, atol=1e-12)
        np.testing.assert_allclose(ours.shift, -theirs.shift, atol=1e-12)
        assert ours.mean is None
    assert len(jax.tree.leaves(change)) == 10  # and nothing of the decoders, nor of statistics


def test_the_gradient_goes_through_all_layers_and_agrees_at_the_top():
    of = net()

    def loss(weights, biases, ups):
        output = layers(weights, biases, ups, X)[-1]
        return -jnp.mean(jnp.sum(Y * jax.nn.log_softmax(output), axis=1))

    own = of.path.weights, of.path.biases, of.up
    value, (w, b, up) = jax.jit(jax.value_and_grad(loss, argnums=range(3)))(*own)
    found = eqx.filter_jit(NormalisedLearner().gradient)(of, X, Y)
    told = stepped(of, X, Y)[1]
    assert float(told.loss) == pytest.approx(float(value), rel=1e-13)
    for k in range(3):
        np.testing.assert_allclose(found.path.weights[k], w[k], atol=1e-13)
        np.testing.assert_allclose(found.path.biases[k], b[k], atol=1e-13)
    for ours, theirs in zip(found.up, up, strict=True):
        np.testing.assert_allclose(ours.scale, theirs.scale, atol=1e-13)
        np.testing.assert_allclose(ours.shift, theirs.shift, atol=1e-13)
    np.testing.assert_allclose(told.change.path.weights[2], -w[2], atol=1e-13)
    assert not np.allclose(told.change.path.weights[0], -w[0], atol=1e-3)


# 2. Statistics


def test_running_statistics_move_towards_those_of_the_batch():
    of = net()
    h = layers(of.path.weights, of.path.biases, of.up, X)
    z = jnp.tanh(X @ of.path.weights[0].T + of.path.biases[0][None])
    decoder = of.path.feedback.decoders[1]
    back = jnp.tanh(h[3] @ decoder.weights.T + decoder.bias[None])
    moved = stepped(of, X, Y)[0]
    for old, new, batch in ((of.up[0], moved.up[0], z), (of.down[1], moved.down[1], back)):
        np.testing.assert_allclose(new.mean, 0.9 * old.mean + 0.1 * batch.mean(0))
        np.testing.assert_allclose(new.variance, 0.9 * old.variance + 0.1 * batch.var(0))
        np.testing.assert_array_equal(new.scale, old.scale)
    np.testing.assert_array_equal(moved.path.weights[0], of.path.weights[0])
    outputs, ok = answers(measured(of, X)[0], X)
    np.testing.assert_allclose(outputs, h[3], atol=1e-12)
    assert ok.all() and not np.allclose(answers(of, X)[0], h[3], atol=0.1)


def test_a_batch_of_one_has_no_variance_and_stays_finite():
    now, h = measured(net(), X[:1])
    for k in range(2):
        np.testing.assert_array_equal(h[k][0], now.up[k].shift)
    change = stepped(net(), X[:1], Y[:1])[1].change
    assert all(bool(jnp.isfinite(leaf).all()) for leaf in jax.tree.leaves(change))
    np.testing.assert_array_equal(change.path.weights[0], 0)  # the mean follows the one sample


# 3. The field


def test_it_settles_to_the_targets_of_the_algorithm():
    of = net()
    now, h = measured(of, X)
    settled = nd.settle(now, (X[:2], Y[:2]), tol=1e-9).require()
    wanted = targets(of, layers(of.path.weights, of.path.biases, of.up, X))
    for signal, target in zip(settled.state, wanted, strict=True):
        np.testing.assert_allclose(signal, target[:2], atol=1e-8)
    met = dataclasses.replace(now, path=dataclasses.replace(now.path, cost=nd.SquaredError()))
    for target, layer in zip(met.discrete((X[0], h[-1][0])), h, strict=True):
        np.testing.assert_allclose(target, layer[0], atol=1e-12)


def test_slopes_are_those_of_whole_layers():
    of = net()
    done = of.forward(X[0])
    first = jax.jacobian(lambda x: of.forward(x).activities[0])(X[0])
    np.testing.assert_allclose(first, done.slopes[0][:, None] * of.weights[0], atol=1e-13)
    blank = normalised(of.path)
    for ours, theirs in zip(
        blank.discrete((X[0], Y[0])), of.path.discrete((X[0], Y[0])), strict=True
    ):
        np.testing.assert_allclose(ours, theirs, atol=1e-7)  # but for ε


# 4. Training, and refusals


def test_it_learns_and_keeps_its_decoders_and_its_dtype():
    of = normalised(net(dtype=jnp.float32).path)
    x, y, learner = X.astype(jnp.float32), Y.astype(jnp.float32), NormalisedLearner()
    optimiser = optax.sgd(0.05)
    order = jnp.tile(jnp.arange(8), (300, 1))
    start = begin(of, learner, optimiser, x, y)
    end, tally = advance(start, learner, optimiser, x, y, order, KEY)
    assert tally.wrong[0] > 0.5 and tally.wrong[-1] < 0.2 and tally.loss[-1] < 0.4 * tally.loss[0]
    assert bool(eqx.tree_equal(end.net.path.feedback, of.path.feedback))
    assert {leaf.dtype for leaf in jax.tree.leaves(end.net)} == {
        leaf.dtype for leaf in jax.tree.leaves(of)
    }


@pytest.mark.parametrize(
    ("make", "error", "match"),
    [
        (lambda: normalised(nd.Pathway.init(SIZES, key=KEY)), TypeError, "path brings errors"),
        (
            lambda: normalised(nd.Pathway.init((4, 2), feedback="target", key=KEY)),
            ValueError,
            "no hidden layer",
        ),
        (lambda: dataclasses.replace(net(), up=net().up[:1]), ValueError, "up holds 1 entries"),
        (lambda: dataclasses.replace(net(), down=net().up[::-1]), ValueError, r"down\[0\]"),
        (lambda: net(sequential=True), ValueError, "sequential"),
        (lambda: net().nudged(nd.SquaredError(), 0.1), TypeError, "target already"),
    ],
)
def test_what_does_not_fit_is_named(make, error, match):
    with pytest.raises(error, match=match):
        make()
