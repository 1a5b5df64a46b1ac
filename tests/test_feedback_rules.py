"""Feedback rules against gradients of JAX, the algorithms in NumPy, golden numbers, statistics."""

import dataclasses
import itertools
import json
import pathlib

import diffrax as dfx
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import neurodyn as nd
from neurodyn import data
from neurodyn.alignment import arrays_by_name
from neurodyn.learning.channel import Channel, quantise
from neurodyn.learning.feedback import feedback_change
from neurodyn.learning.matrices import (
    CascadeFeedback,
    cascaded_channel,
    concordant_channel,
    redrawn_channel,
    routes,
    sparse_channel,
    transposed_channel,
)

FILE = pathlib.Path(__file__).parent / "theory" / "golden_002_000.json"
GOLDEN = json.loads(FILE.read_text("utf-8"))
SIZES = (64, 8, 6, 10)
WIDE = (64, 20, 16, 10)
DIGITS = data.load("digits", samples=5)
X, Y = jnp.asarray(DIGITS.images), jnp.asarray(DIGITS.targets())
KEY = jax.random.key(7)


def net(feedback="random", sizes=SIZES, seed=0, **fields) -> nd.Pathway:
    """A random net with biases that are not zero, as `init` makes them."""
    if feedback == "cascading":
        return cascaded_channel(net("exact", sizes, seed, **fields), jax.random.key(seed + 1))
    path = nd.Pathway.init(sizes, feedback=feedback, key=jax.random.key(seed), **fields)
    rng = np.random.default_rng(seed)
    biases = tuple(jnp.asarray(0.3 * rng.standard_normal(n)) for n in sizes[1:])
    return dataclasses.replace(path, biases=biases)


def arrays(change: nd.Pathway) -> list[np.ndarray]:
    return [np.asarray(a) for a in (*change.weights, *change.biases)]


def close(found, wanted, tol):
    assert len(found) == len(wanted)
    for a, b in zip(found, wanted, strict=True):
        np.testing.assert_allclose(a, b, atol=tol, rtol=0)


def minus_gradient(path: nd.Pathway, x=X, y=Y) -> list[np.ndarray]:
    """By reverse differentiation of the net written anew."""

    def loss(weights, biases):
        h = x
        for k, (w, b) in enumerate(zip(weights, biases, strict=True)):
            last = k == len(weights) - 1
            h = (path.output_activation if last else path.activation)(h @ w.T + b[None])
        return jnp.mean(jax.vmap(path.cost)(h, y))

    return [
        -np.asarray(g)
        for part in jax.jit(jax.grad(loss, (0, 1)))(path.weights, path.biases)
        for g in part
    ]


def by_hand(path, derivative=True, passed=lambda signal: signal) -> list[np.ndarray]:
    """The mean change in NumPy: tanh hidden layers, linear output, ½‖h_L − y‖²."""
    total = None
    for x, y in zip(np.asarray(X), np.asarray(Y), strict=True):
        h, slopes = [x], []
        for k, (w, b) in enumerate(zip(path.weights, path.biases, strict=True)):
            s = np.asarray(w) @ h[-1] + np.asarray(b)
            last = k == len(path.weights) - 1
            h.append(s if last else np.tanh(s))
            slopes.append(np.ones_like(s) if last or not derivative else 1 / np.cosh(s) ** 2)
        error = {len(path.weights) - 1: y - h[-1]}  # R^L = T − O
        matrices = list(zip(routes(path), path.feedback.channel, strict=True))
        for k in reversed(range(len(path.weights) - 1)):
            arrived = sum(np.asarray(c) @ error[j] for (to, j), c in matrices if to == k)
            error[k] = slopes[k] * passed(arrived)  # [004 Eq 7, 17]
        found = [np.outer(error[k], h[k]) for k in range(len(path.weights))]
        found += [error[k] for k in range(len(path.weights))]
        found += [np.outer(h[k + 1], error[j]) for (k, j), _ in matrices]  # what would adapt
        total = found if total is None else [a + b for a, b in zip(total, found, strict=True)]
    return [np.asarray(a) / len(X) for a in total]


def rounded(x, bits, scale):
    """[004 Eq 19] in NumPy, for numbers that are not zero."""
    exponent = np.round(np.clip(np.log2(np.abs(x) / scale), 1 - bits, 0))
    return scale * np.sign(x) * 2.0**exponent


# 1. Backpropagation


@pytest.mark.parametrize(
    ("sizes", "activation", "cost", "out"),
    [
        ((64, 10), nd.tanh, nd.SoftmaxCrossEntropy(), nd.identity),
        ((64, 8, 10), nd.relu, nd.SoftmaxCrossEntropy(), nd.identity),
        (SIZES, nd.tanh, nd.LogisticCrossEntropy(), nd.identity),
        ((64, 8, 6, 5, 10), nd.logistic, nd.SquaredError(), nd.logistic),
    ],
)
def test_exact_feedback_is_minus_the_gradient(sizes, activation, cost, out):
    path = net("exact", sizes, activation=activation, cost=cost, output_activation=out)
    close(arrays(feedback_change(path, X, Y)), minus_gradient(path), 1e-12)


def test_only_what_a_rule_changes_is_there():
    names = ["weights[0]", "weights[1]", "weights[2]", "biases[0]", "biases[1]", "biases[2]"]
    assert list(arrays_by_name(feedback_change(net(), X, Y))) == names
    adaptive = feedback_change(net(), X, Y, channel=Channel(adaptive=True))
    matrices = ["feedback.channel[0]", "feedback.channel[1]"]
    assert list(arrays_by_name(adaptive)) == names + matrices


def test_the_mean_is_over_samples_and_strength_drops_out():
    path = net(strength=0.3)
    singles = [arrays(feedback_change(path, x, y)) for x, y in zip(X, Y, strict=True)]
    means = [np.mean(a, axis=0) for a in zip(*singles, strict=True)]
    close(arrays(feedback_change(path, X, Y)), means, 1e-14)
    close(arrays(feedback_change(net(), X, Y)), means, 1e-14)


def test_golden_fadjoint():
    """[000 Eq 19] with biases as a last column, sequential or not."""
    golden = GOLDEN["fadjoint_quadratic"]
    w = [np.array(golden["inputs"][name], float) for name in ("W1", "W2")]
    x, y = (jnp.array([float(v) for v in golden["inputs"][name]]) for name in "xy")
    for sequential in (False, True):
        path = nd.Pathway(
            [jnp.asarray(a[:, :-1]) for a in w],
            [jnp.asarray(a[:, -1]) for a in w],
            activation=nd.logistic,
            output_activation=nd.logistic,
            sequential=sequential,
        )
        change = feedback_change(path, x, y)
        for k, name in enumerate(("grad_W1", "grad_W2")):
            found = np.column_stack([change.weights[k], change.biases[k]])
            np.testing.assert_allclose(-found, np.array(golden["expected"][name]), atol=1e-13)


# 2. Random, skipped, cascading


@pytest.mark.parametrize("derivative", [True, False])
@pytest.mark.parametrize("feedback", ["random", "skipped", "cascading"])
def test_random_feedback_by_numpy(feedback, derivative):
    path = net(feedback)
    change = feedback_change(path, X, Y, channel=Channel(derivative=derivative, adaptive=True))
    close([*arrays(change), *change.feedback.channel], by_hand(path, derivative), 1e-14)


def test_transposed_random_feedback_is_backpropagation():
    path = net()
    found = arrays(feedback_change(transposed_channel(path), X, Y))
    close(found, minus_gradient(path), 1e-14)
    assert np.abs(arrays(feedback_change(path, X, Y))[0] - found[0]).max() > 1e-2


def test_skipped_backpropagation_leaves_out_the_slopes_above():
    """SBP is backpropagation for linear hidden layers or a single one, and else is not."""
    for sizes, activation, same in (
        ((64, 8, 10), nd.tanh, True),
        (SIZES, nd.identity, True),
        (SIZES, nd.tanh, False),
    ):
        path = transposed_channel(net("skipped", sizes, activation=activation))
        away = np.abs(arrays(feedback_change(path, X, Y))[0] - minus_gradient(path)[0]).max()
        assert (away < 1e-14) == same
    products = [path.weights[1].T @ path.weights[2].T, path.weights[2].T]
    close(path.feedback.channel, products, 0)


def test_cascades_hold_random_and_skipped_feedback():
    path, skipped = net(), net("skipped")
    (near, top), (far, _) = path.feedback.channel, skipped.feedback.channel
    for matrices, other in (
        ((near, jnp.zeros((8, 10)), top), path),
        ((jnp.zeros((8, 6)), far, skipped.feedback.channel[1]), skipped),
    ):
        cascade = dataclasses.replace(path, feedback=CascadeFeedback(matrices))
        close(arrays(feedback_change(cascade, X, Y)), arrays(feedback_change(other, X, Y)), 1e-15)


@pytest.mark.parametrize("feedback", ["exact", "random", "skipped", "cascading"])
def test_the_facts_that_hold_for_all(feedback):
    """[004 Facts 1–3]: the top layer follows the gradient; T − O turned round, or zero."""
    path = net(feedback)
    change = arrays(feedback_change(path, X, Y))
    close(change[2::3], minus_gradient(path)[2::3], 1e-14)
    outputs = jax.vmap(lambda x: path.forward(x).activities[-1])(X)  # up to rounding
    close(arrays(feedback_change(path, X, 2 * outputs - Y)), [-a for a in change], 1e-14)
    assert max(np.abs(a).max() for a in arrays(feedback_change(path, X, outputs))) < 1e-15


def test_concordant_feedback_stays_in_the_orthant_of_the_gradient():
    """[004 Fact 4], for [N0, N1, 1] and each sample."""
    path, x = net(sizes=(64, 8, 1)), X[0]
    change = arrays(feedback_change(concordant_channel(path), x, jnp.ones(1)))
    gradient = arrays(feedback_change(transposed_channel(path), x, jnp.ones(1)))
    assert all((a * b >= 0).all() for a, b in zip(change, gradient, strict=True))
    without = arrays(feedback_change(path, x, jnp.ones(1)))
    assert not all((a * b >= 0).all() for a, b in zip(without, gradient, strict=True))


# 3. Adaptive channels


def test_adaptive_random_feedback_changes_as_the_transposes():
    change = feedback_change(net(), X, Y, channel=Channel(adaptive=True))
    close(change.feedback.channel, [w.T for w in change.weights[1:]], 1e-15)


def test_adaptive_chain_ends_where_its_invariants_say():
    """ARBP on [1, 1, 1] from (0.3, −1.2), c = 1, α = β = 1: c₁ − a₂ and a₁² − c₁² stay."""
    one = jnp.ones(1)
    path = nd.Pathway(
        [jnp.array([[0.3]]), jnp.array([[-1.2]])],
        [jnp.zeros(1), jnp.zeros(1)],
        nd.ErrorFeedback("random", [jnp.ones((1, 1))]),
        activation=nd.identity,
    )

    def parts(p):
        return (*p.weights, *p.feedback.channel)

    def rate(values):
        here = eqx.tree_at(parts, path, list(values))
        return jnp.stack(parts(feedback_change(here, one, one, channel=Channel(adaptive=True))))

    def step(v, _, h=0.02):  # Runge and Kutta's
        k1 = rate(v)
        k2 = rate(v + h / 2 * k1)
        k3 = rate(v + h / 2 * k2)
        return v + h / 6 * (k1 + 2 * k2 + 2 * k3 + rate(v + h * k3)), None

    start = jnp.stack(parts(path))
    close(rate(start).ravel(), [1.36, 0.408, 0.408], 1e-15)
    end, _ = jax.lax.scan(step, start, length=500)
    wanted = [2.4308965016711794, 0.4113708663912857, 2.6113708663912836]
    np.testing.assert_allclose(end.ravel(), wanted, rtol=1e-7)


# 4. Quantised


def test_quantised_golden_and_levels():
    golden = GOLDEN["eq19_quantize"]
    x = jnp.array(golden["inputs"]["x"])
    assert quantise(x, 3, 0.125).tolist() == golden["expected"]["q"]
    wide = jnp.asarray(np.random.default_rng(0).standard_normal(3000) * 10.0 ** -np.arange(3000))
    spread = jnp.concatenate(
        [jnp.asarray(2.0 ** np.arange(-20, 4)), jnp.asarray(-(2.0 ** np.arange(-20, 4))), wide]
    )
    for bits, count in golden["expected"]["levels"].items():
        found = quantise(spread, int(bits), 0.3)
        levels = {s * 0.3 * 2.0**-j for j in range(int(bits)) for s in (1, -1)}
        assert set(found[found != 0].tolist()) == levels and len(levels) == count
        assert (quantise(found, int(bits), 0.3) == found).all()


def test_quantised_by_numpy():
    x = np.random.default_rng(1).standard_normal(1000)
    np.testing.assert_allclose(quantise(jnp.asarray(x), 4, 0.7), rounded(x, 4, 0.7), rtol=1e-15)


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_quantised_without_a_logarithm(dtype):
    """As [004 Eq 19] prints it, but within rounding of √2 times a level, where either may be."""
    x = 10.0 ** np.random.default_rng(2).uniform(-6, 3, 20000) * (-1.0) ** np.arange(20000)
    x = np.asarray(x, dtype)
    for bits, scale in ((1, 0.125), (2, 0.3), (5, 2.0**-6), (12, 1.5)):
        found = quantise(jnp.asarray(x), bits, scale)
        assert found.dtype == dtype
        tied = np.abs(np.log2(np.abs(x) / scale) % 1 - 0.5) < 1e-5
        assert tied.sum() < 10
        wanted = rounded(x.astype(float), bits, scale)
        np.testing.assert_allclose(found[~tied], wanted[~tied], rtol=1e-6)
    edge = 0.125 * 2.0 ** np.array([-1.5 - 1e-6, -1.5 + 1e-6, -0.5 - 1e-6, -0.5 + 1e-6])
    found = quantise(jnp.asarray(edge, dtype), 3, 0.125)
    assert found.tolist() == [0.03125, 0.0625, 0.0625, 0.125]
    huge = quantise(jnp.asarray([np.inf, -np.inf, np.finfo(dtype).max, np.nan], dtype), 3, 0.125)
    np.testing.assert_array_equal(huge, [0.125, -0.125, 0.125, np.nan])


def test_quantised_errors_add_up_on_the_way():
    """[004 Sec 5.1]: quantised before they go further down, and before the slope [004 Eq 17]."""
    path = net()
    change = arrays(feedback_change(path, X, Y, channel=Channel(bits=2, scale=0.2)))
    wanted = by_hand(path, passed=lambda arrived: rounded(arrived, 2, 0.2))
    close(change, wanted[:6], 1e-14)
    signals = Channel(bits=2, scale=0.2).through(path).discrete((X[0], Y[0]))
    for signal in signals[:-1]:
        assert set(np.abs(signal).tolist()) <= {0.1, 0.2}


def test_quantised_updates_are_those_of_each_sample():
    """[004 Sec 5.2]: before the samples are added up, after the errors came down."""
    path = net("skipped")
    channel = Channel(update_bits=3, update_scale=2.0**-6, adaptive=True)
    change = feedback_change(path, X, Y, channel=channel)
    plain = [
        feedback_change(path, x, y, channel=Channel(adaptive=True))
        for x, y in zip(X, Y, strict=True)
    ]
    for found, *singles in zip(*map(jax.tree.leaves, (change, *plain)), strict=True):
        many = np.stack(singles)
        written = np.where(many == 0, 0, rounded(np.where(many == 0, 1, many), 3, 2.0**-6))
        np.testing.assert_allclose(found, written.mean(axis=0), atol=1e-16)
    assert len(jax.tree.leaves(change)) == 8
    grid = np.asarray(change.weights[0]) * 5 * 2**8  # a sum of five of ±1, ±2, ±4
    np.testing.assert_allclose(grid, np.round(grid), atol=1e-12)


def test_quantised_signals_are_those_of_each_unit_after_they_came_down():
    path = net("skipped")
    change = feedback_change(path, X, Y, channel=Channel(update_bits=2, update_of="signal"))
    wanted = []
    for x, y in zip(X, Y, strict=True):
        signals, done = path.discrete((x, y)), path.forward(x)
        errors = [
            -s * rounded(np.asarray(j), 2, 2.0**-6)  # signals go uphill
            for s, j in zip(done.slopes, signals, strict=True)
        ]
        below = (x, *done.activities[:-1])
        wanted.append([np.outer(e, h) for e, h in zip(errors, below, strict=True)] + errors)
    close(arrays(change), [np.mean(leaf, axis=0) for leaf in zip(*wanted, strict=True)], 1e-15)


def test_bits_can_be_mapped_over():
    path = net()
    several = jnp.array([1.0, 3.0, 10.0])
    found = jax.vmap(lambda b: feedback_change(path, X, Y, channel=Channel(bits=b)))(several)
    for k, bits in enumerate((1, 3, 10)):
        alone = feedback_change(path, X, Y, channel=Channel(bits=bits))
        close([a[k] for a in arrays(found)], arrays(alone), 1e-15)


# 5. Dropped


def test_dropout_is_unbiased_and_drops_whole_units():
    path, p = net(), 0.3
    keys = jax.random.split(KEY, 3000)

    def drawn(key):
        return feedback_change(path, X, Y, channel=Channel(dropout=p), key=key)

    found = arrays(jax.jit(jax.vmap(drawn))(keys))
    plain = arrays(feedback_change(path, X, Y))
    for many, mean in zip(found, plain, strict=True):
        deviation = many.std(axis=0) / np.sqrt(len(keys))
        assert (np.abs(many.mean(axis=0) - mean) <= 5.5 * deviation + 1e-12).all()
    close([found[2][0], found[5][0]], [plain[2], plain[5]], 1e-15)  # the output's own error

    @jax.jit
    @jax.vmap
    def masks(key):
        return Channel(dropout=p).through(path, key).feedback.kept

    for mask in masks(keys):
        np.testing.assert_allclose(np.unique(mask), [0, 1 / (1 - p)], rtol=1e-15)
        assert abs(float((mask == 0).mean()) - p) < 5 * np.sqrt(p * (1 - p) / mask.size)


def test_each_sample_drops_units_of_its_own():
    path = net(sizes=WIDE)
    twice = jnp.stack([X[0], X[0]]), jnp.stack([Y[0], Y[0]])

    @jax.jit
    @jax.vmap
    def errors(key):  # of the last hidden layer, whose signal comes from the top alone
        return feedback_change(path, *twice, channel=Channel(dropout=0.5), key=key).biases[1]

    plain = np.asarray(feedback_change(path, X[0], Y[0]).biases[1])
    shares = np.asarray(errors(jax.random.split(KEY, 50))) / plain
    found, counts = np.unique(np.round(shares, 10), return_counts=True)
    assert found.tolist() == [0, 1, 2]  # kept in none, one or both: a quarter, half, a quarter
    assert (np.abs(counts - 800 * np.array([0.25, 0.5, 0.25])) < 5 * np.sqrt(200)).all()
    path = net()
    none = feedback_change(path, X, Y, channel=Channel(dropout=0.0), key=KEY)
    close(arrays(none), arrays(feedback_change(path, X, Y)), 1e-16)


# 6. The matrices of the channel


def test_sparse_channels_send_to_n_units_on_average():
    path, n = net(sizes=WIDE), 3
    keys = jax.random.split(KEY, 400)

    @jax.jit
    @jax.vmap
    def many(key):
        return sparse_channel(path, n, key, weight=0.5).feedback.channel

    drawn = many(keys)
    for matrices in map(np.asarray, drawn):
        assert set(np.unique(matrices)) == {0, 0.5}
        sent = (matrices != 0).sum(axis=1)  # by each unit above
        p = n / matrices.shape[1]
        assert abs(sent.mean() - n) < 5 * np.sqrt(n * (1 - p) / sent.size)
        assert abs(sent.var() - n * (1 - p)) < 0.1 * n  # Bernoulli, not a fixed number
    assert all((c == 0).all() for c in sparse_channel(path, 0, KEY).feedback.channel)
    assert (sparse_channel(path, 16, KEY).feedback.channel[1] == 1).all()


def test_redrawn_channels():
    path = net(sizes=WIDE)
    keys = jax.random.split(KEY, 400)

    @jax.jit
    @jax.vmap
    def many(key):
        return redrawn_channel(path, key, mean=0.5).feedback.channel

    drawn = many(keys)
    for matrices, rows, columns in zip(drawn, (20, 16), (16, 10), strict=True):
        assert matrices.shape == (400, rows, columns)
        sigma = np.sqrt(2 / (rows + columns))
        assert float(matrices.std()) == pytest.approx(sigma, rel=0.02)
        assert float(matrices.mean()) == pytest.approx(sigma / 2, rel=0.04)
    other = redrawn_channel(path, KEY)
    close(other.weights, path.weights, 0)
    assert all(abs(np.mean(c)) < 5 * np.std(c) / np.sqrt(c.size) for c in other.feedback.channel)


def test_concordant_channels_keep_sizes_and_take_signs():
    for feedback, back in itertools.product(("random", "skipped"), (0, 1)):
        path = net(feedback)
        found = concordant_channel(path).feedback.channel[back]
        close([jnp.abs(found)], [jnp.abs(path.feedback.channel[back])], 0)
        close([jnp.sign(found)], [jnp.sign(transposed_channel(path).feedback.channel[back])], 0)


def test_seeds_can_be_mapped_over():
    def run(key):
        path = nd.Pathway.init(SIZES, feedback="random", key=key)
        return feedback_change(redrawn_channel(path, key), X, Y)

    keys = jax.random.split(KEY, 3)
    found = arrays(eqx.filter_jit(eqx.filter_vmap(run))(keys))
    close([a[1] for a in found], arrays(run(keys[1])), 1e-15)


# 7. Settled


@pytest.fixture(scope="module")
def settled():
    """Three pathways and the signals that they settled to, side by side so that one is compiled."""
    channel = Channel(derivative=False, dropout=0.3, bits=4)
    paths = [net("exact"), net("exact", sequential=True), channel.through(net("skipped"), KEY)]
    sample = X[0], Y[0]
    field = nd.Field(
        lambda t, s, x: tuple(path(t, own, x) for path, own in zip(paths, s, strict=True)),
        state=tuple(path.discrete(sample) for path in paths),
        inputs=sample,
    )
    phase = nd.settle(field, (X, Y), tol=1e-11, method=nd.Relax(solver=dfx.Bosh3())).require()
    return paths, [dataclasses.replace(phase, state=state) for state in phase.state]


def test_settled_signals_carry_the_same_change(settled):
    """The non-local and the local F-adjoint [000 Eq 14–19], and a channel with all options."""
    for path, phase in zip(*settled, strict=True):
        plain = feedback_change(path, X, Y)
        change = feedback_change(path, X, Y, signals=phase)
        close(arrays(change), arrays(plain), 1e-10)
        assert any((a != b).any() for a, b in zip(arrays(change), arrays(plain), strict=True))
    channel = Channel(derivative=False, dropout=0.3, bits=4)
    assert not np.allclose(plain.weights[0], feedback_change(net("skipped"), X, Y).weights[0])
    with pytest.raises(ValueError, match=r"settle channel.through"):
        feedback_change(path, X, Y, signals=phase, channel=channel)


def test_signals_of_something_else_are_refused(settled):
    paths, phases = settled
    with pytest.raises(ValueError, match="signals are not those of path, x and y"):
        feedback_change(paths[0], X, -Y, signals=phases[0])

    def late(sample):
        return nd.Verdict.where(sample, nd.Verdict.timed_out, nd.Verdict.settled)

    verdict = jax.vmap(late)(jnp.arange(5) == 3)
    with pytest.raises(nd.NotSettledError, match="1 timed_out"):
        feedback_change(paths[0], X, Y, signals=dataclasses.replace(phases[0], verdict=verdict))


# 8. Refusals, and dtypes


@pytest.mark.parametrize(
    ("make", "error", "match"),
    [
        (lambda: feedback_change(nd.LeakyIntegrator(jnp.eye(2)), X, Y), TypeError, "Pathway"),
        (lambda: feedback_change(net(), X, Y[:, :3]), ValueError, "inputs"),
        (
            lambda: feedback_change(net(), X, Y, channel=Channel(dropout=0.5)),
            ValueError,
            "key is missing",
        ),
        (
            lambda: feedback_change(net("exact"), X, Y, channel=Channel(adaptive=True)),
            ValueError,
            "no channel matrices",
        ),
        (
            lambda: feedback_change(net("difference"), X, Y, channel=Channel(bits=3)),
            ValueError,
            "path brings targets",
        ),
        (lambda: Channel(bits=2.5), ValueError, "bits is 2.5"),
        (lambda: Channel(bits=jnp.ones(3)), ValueError, r"bits has shape \(3,\)"),
        (lambda: Channel(update_bits=0), ValueError, "update_bits is 0"),
        (lambda: Channel(update_of="bias"), ValueError, "update_of is 'bias': choose 'product'"),
        (lambda: Channel(scale=0.0), ValueError, "scale is 0"),
        (lambda: Channel(dropout=1.0), ValueError, "dropout is 1"),
        (lambda: sparse_channel(net(), 7, KEY), ValueError, "n is 7"),
        (lambda: redrawn_channel(net("exact"), KEY), ValueError, "no channel matrices"),
        (lambda: CascadeFeedback([jnp.ones(3)]), ValueError, r"channel\[0\]"),
        (
            lambda: dataclasses.replace(net(), feedback=CascadeFeedback([jnp.ones((8, 6))])),
            ValueError,
            "channel holds 1 entries",
        ),
    ],
)
def test_what_does_not_fit_is_named(make, error, match):
    with pytest.raises(error, match=match):
        make()


def test_float32_stays_float32():
    def run(key):
        path = nd.Pathway.init(SIZES, feedback="skipped", key=key, dtype=jnp.float32)
        path = sparse_channel(redrawn_channel(path, key), 2, key)
        x, y = X.astype(jnp.float32), Y.astype(jnp.float32)
        channel = Channel(False, 0.2, 3, update_bits=2, adaptive=True)
        return feedback_change(path, x, y, channel=channel, key=key)

    found = jax.eval_shape(run, KEY)  # traced alone, which is where dtypes are decided
    assert [leaf.dtype for leaf in jax.tree.leaves(found)] == [jnp.float32] * 8
