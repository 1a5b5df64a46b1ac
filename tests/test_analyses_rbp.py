"""The analyses of random backpropagation: their variants, and what their quick form finds."""

import dataclasses
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import neurodyn as nd
from neurodyn.learning.feedback import feedback_change
from neurodyn.learning.matrices import channel_of

SIZES = (64, 12, 10)
KEY = jax.random.key(3)


@pytest.fixture
def images(analyses):
    return analyses("rbp_runs").digits()


def verdicts(content: dict) -> dict[str, str]:
    return {s["published"].split(":")[0]: s["verdict"] for s in content["statements"]}


# Nets and runs


def test_forward_weights_are_the_same_for_all_rules(analyses):
    runs = analyses("rbp_runs")
    big = (64, 100, 100, 10)
    nets = [runs.drawn(runs.Variant(f), big, KEY) for f in ("exact", "random", "skipped")]
    for net in nets[1:]:
        for ours, theirs in zip(net.weights, nets[0].weights, strict=True):
            np.testing.assert_array_equal(ours, theirs)
    for matrix in (*nets[0].weights, *channel_of(nets[1]), *channel_of(nets[2])):
        assert matrix.dtype == jnp.float32
        assert np.std(matrix) == pytest.approx(np.sqrt(2 / sum(matrix.shape)), rel=0.07)


def test_the_rate_decays_after_each_update(analyses):
    runs = analyses("rbp_runs")
    steps = runs.Variant("exact", decay=0.01).optimiser()
    moments = steps.init(jnp.ones(()))
    for k in range(3):
        moved, moments = steps.update(jnp.ones(()), moments)
        assert float(moved) == pytest.approx(-0.1 * 0.99**k, rel=1e-6)


def test_entries_of_the_table_are_what_they_say(analyses):
    table, runs = analyses("rbp_table"), analyses("rbp_runs")
    assert len(table.entries(quick=False)) == 42 + 15 + 1 and len(table.entries(quick=True)) == 6
    sparse = runs.drawn(table.variant("sparse 8", "RBP"), (64, 100, 100, 10), KEY)
    for matrix in channel_of(sparse):
        np.testing.assert_allclose(np.unique(matrix), [0, 8**-0.5], rtol=1e-6)
        assert float((matrix != 0).mean()) == pytest.approx(0.08, abs=0.03)
    skipped = runs.drawn(table.variant("sparse 8", "SRBP"), (64, 100, 100, 10), KEY)
    assert set(np.unique(channel_of(skipped)[0])) == {0, 1}
    assert table.variant("adaptive", "RBP").rate == pytest.approx(0.01)
    assert table.variant("top layer only", "BP").shares == (0, 0, 0, 0, 1)
    update, step = (table.variant(f"{what} 3 bit", "BP") for what in ("update", "step"))
    assert float(update.learner.channel.update_scale) == 2**-6 and update.decay == 0
    signal = table.variant("signal 3 bit", "BP").learner.channel
    assert signal.update_of == "signal" and update.learner.channel.update_of == "product"
    drawn = [
        channel_of(runs.drawn(table.variant(f"{row} 5 bit", "RBP"), (64, 100, 100, 10), KEY))[0]
        for row in ("wide", "error")
    ]
    np.testing.assert_array_equal(drawn[0], 2 * drawn[1])
    assert float(step.rate * step.learner.channel.update_scale) == pytest.approx(2**-6)


def test_runs_are_kept_and_found_again(analyses, tmp_path):
    runs, kept, file = analyses("rbp_runs"), analyses("kept"), tmp_path / "folder" / "some.jsonl"
    assert kept.finished(file) == {} == kept.finished(None)
    for error in (0.5, 0.25):
        kept.keep({"name": "BP", "test": [[0.9, error], [0.9, error]]}, file)
    kept.keep({"name": "RBP", "test": [[0.1], [0.2]]}, file)
    kept.keep({"name": "lost"}, None)
    found = kept.finished(file)
    assert list(found) == ["BP", "RBP"] and runs.accuracy(found["BP"]) == (75, 0)
    assert runs.accuracy(found["RBP"]) == pytest.approx((85, 100 * np.std([0.1, 0.2], ddof=1)))
    options = kept.options("rbp-mnist", "", ["--runs", str(tmp_path), "--report"])
    assert options.file == tmp_path / "rbp-mnist.jsonl" and not options.train
    assert kept.options("rbp-mnist", "", ["--quick"]).file is None


def test_near_is_within_twice_the_spread_of_both(analyses):
    near = analyses("rbp_mnist").near
    run = {"test": [[0.08], [0.10]]}  # 91 (1.41)
    assert near(run, (93.8, 0.1)) and not near(run, (93.9, 0.1))
    assert near({"test": [[0.09]]}, (92.0, None)) and not near({"test": [[0.09]]}, (92.1, None))


# Variations


def change(analyses, images, prepare, learner=None) -> tuple[nd.Pathway, nd.Pathway]:
    """The changes by skipped feedback, plain and varied, of one net and batch."""
    runs = analyses("rbp_runs")
    net = runs.drawn(runs.Variant("skipped"), SIZES, KEY)
    varied = net if prepare is None else prepare(net, KEY)
    batch = images.x[:20], images.y[:20]
    learner = runs.BARE if learner is None else learner
    return feedback_change(net, *batch), learner.step(varied, *batch, KEY)[1].change


def test_signs_are_left_out_of_errors_or_of_changes(analyses, images):
    rules = analyses("rbp_rules")
    plain, varied = change(analyses, images, None, rules.Varied(after=rules.without_signs))
    np.testing.assert_array_equal(varied.weights[0], jnp.abs(plain.weights[0]))
    np.testing.assert_array_equal(varied.weights[1], plain.weights[1])
    plain, varied = change(analyses, images, rules.absolute)
    assert bool((varied.weights[0] >= 0).all()) and bool((plain.weights[0] < 0).any())
    single = feedback_change(plain_net(analyses), images.x[0], images.y[0]).weights[0]
    bent = rules.absolute(plain_net(analyses), KEY)
    found = feedback_change(bent, images.x[0], images.y[0]).weights[0]
    np.testing.assert_allclose(found, jnp.abs(single), atol=1e-8)  # pixels are not negative


def plain_net(analyses) -> nd.Pathway:
    runs = analyses("rbp_runs")
    return runs.drawn(runs.Variant("skipped"), SIZES, KEY)


def test_a_vector_for_each_synapse(analyses, images):
    """Equal vectors at all synapses of a unit are skipped feedback; else NumPy says it."""
    rules = analyses("rbp_rules")
    learner = rules.Varied(after=rules.each_its_own)

    def shared(net, key):
        (matrix,) = channel_of(net)
        vectors = jnp.broadcast_to(matrix.T[:, :, None], (10, 12, 65))
        return dataclasses.replace(
            net, feedback=rules.OtherFeedback(net.feedback, vectors=(vectors,))
        )

    plain, varied = change(analyses, images, shared, learner)
    for ours, theirs in zip(jax.tree.leaves(varied), jax.tree.leaves(plain), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-7)
    plain, varied = change(analyses, images, rules.with_vectors, learner)
    net = rules.with_vectors(plain_net(analyses), KEY)
    x, y, (w, v) = np.asarray(images.x[:20]), np.asarray(images.y[:20]), net.weights
    h = np.tanh(x @ np.asarray(w).T)
    error = y - np.asarray(jax.nn.softmax(jnp.asarray(h @ np.asarray(v).T)))
    vectors = np.asarray(net.feedback.vectors[0])
    wanted = np.einsum("kij,bk,bi,bj->ij", vectors[:, :, :-1], error, 1 - h**2, x) / 20
    np.testing.assert_allclose(varied.weights[0], wanted, atol=1e-6)
    np.testing.assert_array_equal(varied.weights[1], plain.weights[1])


def test_shifted_and_concordant_channels(analyses):
    rules = analyses("rbp_rules")
    runs = analyses("rbp_runs")
    net = runs.drawn(runs.Variant("random"), (64, 200, 100, 50), KEY)
    for uniform in (False, True):
        for matrix in map(np.asarray, channel_of(rules.shifted(1.0, uniform)(net, KEY))):
            sigma = np.sqrt(2 / sum(matrix.shape))
            assert np.mean(matrix) == pytest.approx(sigma, rel=0.06)
            assert np.std(matrix) == pytest.approx(sigma, rel=0.05)
            assert not uniform or np.max(matrix) <= (1 + 3**0.5) * sigma + 1e-6
    redrawn = rules.redrawn_concordant(net, KEY)
    for matrix, weights in zip(channel_of(redrawn), net.weights[1:], strict=True):
        np.testing.assert_array_equal(jnp.sign(matrix), jnp.sign(weights.T))


# The quick forms


@pytest.mark.slow
def test_rbp_mnist(quick):
    content = quick("rbp_mnist")
    accuracy = {name: pair[0] for name, pair in content["numbers"]["accuracy"].items()}
    top = accuracy.pop("top layer only, BP")
    assert len(accuracy) == 5 and min(accuracy.values()) > 80 > 75 > top > 40
    assert accuracy["baseline, BP"] > 87 and accuracy["baseline, SRBP"] > 87
    assert content["settings"]["epochs"]["baseline, BP"] == 15


@pytest.mark.slow
def test_rbp_observations(quick):
    content = quick("rbp_observations")
    found = verdicts(content)
    assert found.pop("item 1") == "not reached" and len(found) == 7
    assert found == dict.fromkeys(found, "reached")
    accuracy = {name: pair[0] for name, pair in content["numbers"]["accuracy"].items()}
    assert accuracy["SRBP"] > 85 and accuracy["RBP"] > 80
    assert accuracy["SRBP, size of errors"] < 20 < accuracy["top layer only"]
    assert accuracy["RBP, redrawn"] < accuracy["top layer only"] < 75
    numbers = content["numbers"]
    assert numbers["signs"]["concordant, least"] == 1
    assert numbers["signs"]["random, mean"] == pytest.approx(0.5, abs=0.1)
    assert numbers["classes"]["across classes"] == pytest.approx(-1 / 9, abs=0.02)
    assert numbers["gaps"]["SRBP, 3 bits"]["silent"] > 1e-3  # rounding errors are lifted as well
    json.dumps(content, allow_nan=False)
