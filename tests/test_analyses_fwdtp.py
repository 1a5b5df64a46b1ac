"""The analyses of paper 002's experiments: nets, the search, Jacobians, and their quick forms."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import neurodyn as nd
from neurodyn.learning.conditions import jacobian_conditions

SIZES = (64, 12, 12, 10)
X = jax.random.normal(jax.random.key(1), (3, 64), jnp.float32)


def test_nets_start_as_the_paper_says(analyses):
    runs = analyses("fwdtp_runs")
    nets = {rule: runs.drawn(rule, SIZES, 3) for rule in ("bp", "fa", "fw-dtp", "tp", "dtp")}
    weights = nets["bp"].weights
    for w in weights:
        short = w @ w.T if w.shape[0] <= w.shape[1] else w.T @ w
        np.testing.assert_allclose(short, np.eye(len(short)), atol=1e-5)
    for net in nets.values():
        assert all(bool((a == b).all()) for a, b in zip(net.weights, weights, strict=True))
    for rule in ("tp", "dtp", "fw-dtp"):
        path = nets[rule].path if rule == "fw-dtp" else nets[rule]
        assert path.feedback.difference == (rule != "tp")
        largest = [float(jnp.abs(d.weights).max()) for d in path.feedback.decoders]
        assert min(largest) > 0.008 and max(largest) <= 0.01
    for c, w in zip(nets["fa"].feedback.channel, weights[1:], strict=True):
        assert float(c.std() / w.std()) == pytest.approx(1, abs=0.3)
    assert not bool((runs.drawn("bp", SIZES, 4).weights[0] == weights[0]).any())


def test_pixels_are_standardised_and_some_held_out(analyses):
    runs = analyses("fwdtp_runs")
    given, held = runs.digits(), runs.digits(100)
    assert float(given.x.mean()) == pytest.approx(0, abs=1e-5)
    assert float(given.x.std()) == pytest.approx(1, abs=1e-5)
    assert given.x.shape == (1500, 64) and held.x.shape == (1400, 64)
    np.testing.assert_array_equal(held.x_test, given.x[1400:])
    np.testing.assert_array_equal(held.y_test, given.y[1400:])


# The search


def entry(name: str, rule: str, settings, *errors: float) -> dict:
    tested = {"test": [0.9, *errors], "train": [0.9, *errors], "epochs": 2, "seconds": 1.0}
    return {"name": name, "rule": rule, "seed": 0, "settings": settings._asdict(), **tested}


def test_the_search_counts_what_was_held_out_and_the_report_its_choice_alone(analyses, tmp_path):
    mnist, rbp = analyses("fwdtp_mnist"), analyses("kept")
    file = tmp_path / "fwdtp-mnist.jsonl"
    opts = rbp.options("fwdtp-mnist", "", ["--runs", str(tmp_path), "--report"])
    assert opts.file == file and mnist.kept(opts) == {}
    search = mnist.SEARCHES["bp"]
    low, best, high = search.settings()
    for settings, error in ((low, 0.05), (best, 0.02), (high, 0.9)):
        name = f"search bp: {settings.words('bp')}, {search.epochs} epochs"
        rbp.keep(entry(name, "bp", settings, error), file)
    assert mnist.chosen("bp", mnist.tried(opts, "bp", None)) == best
    assert mnist.chosen("dtp", mnist.tried(opts, "dtp", None)) is None
    rbp.keep(entry("a", "bp", best, 0.03), file)
    rbp.keep(entry("b", "bp", low, 0.01), file)  # better on the test images: of no interest
    found = mnist.kept(opts)
    assert [r["name"] for r in found["bp"]] == ["a"] and list(found) == ["bp"]
    assert mnist.error(found["bp"])[0] == pytest.approx(3.0)
    mean, deviation = mnist.error([entry("", "bp", best, e) for e in (0.02, 0.04)])
    assert (mean, deviation) == pytest.approx((3, 2**0.5))
    rbp.keep(entry("c", "bp", best, 0.03, 0.02), file)  # goes on for longer
    assert [r["name"] for r in mnist.kept(opts)["bp"]] == ["c"]


def test_a_stopped_run_goes_on_where_it_was(analyses, tmp_path):
    runs, rbp = analyses("fwdtp_runs"), analyses("kept")
    images, settings, file = runs.digits(), runs.Settings(0.1), tmp_path / "runs.jsonl"
    how = {"seed": 0, "name": "bp", "look": lambda net: float(net.weights[0][0, 0])}
    whole = runs.learn("bp", settings, images, epochs=3, **how)
    runs.learn("bp", settings, images, epochs=1, file=file, **how)
    cut = runs.learn("bp", settings, images, epochs=3, file=file, **how)
    assert [cut[k] for k in ("train", "test", "seen")] == [
        whole[k] for k in ("train", "test", "seen")
    ]
    assert len(cut["seen"]) == 4 and len(file.read_text("utf-8").splitlines()) == 3
    assert runs.learn("bp", settings, None, epochs=3, file=file, **how) == cut  # nothing is left
    longer = rbp.finished(file)["bp"]
    rbp.keep(longer | {"test": longer["test"][:2]}, file)  # not the epoch of the net beside it
    again = runs.learn("bp", settings, images, epochs=3, file=file, **how)
    assert again["test"] == whole["test"]


# Jacobians


def test_conditions_are_those_of_the_package(analyses):
    runs = analyses("fwdtp_runs")
    net = runs.drawn("dtp", SIZES, 0)
    wanted = jacobian_conditions(net, X)
    for k, m in enumerate(runs.products(net, X)):
        found = runs.conditions(m)
        assert found["trace"] == pytest.approx(float(wanted.trace[:, k].mean()), abs=1e-6)
        assert found["share"] == pytest.approx(float(wanted.nonnegative_share[:, k].mean()))
        least = float(wanted.symmetric_bound[:, k].min())
        assert found["symmetric least"] == pytest.approx(least, abs=1e-6)


def test_positive_eigenvalues_are_not_the_strict_condition(analyses):
    found = analyses("fwdtp_runs").conditions(jnp.array([[[1.0, 4.0], [0.0, 1.0]]]))
    assert found == {"trace": 2, "share": 1, "symmetric share": 0.5, "symmetric least": -1}


def test_products_of_normalised_layers_by_differentiation(analyses):
    """M = J_f J_g of the second layer, by jax.jacobian of the whole maps."""
    runs = analyses("fwdtp_runs")
    net = runs.drawn("fw-dtp", (64, 6, 5, 10), 0)
    up = dataclasses.replace(net.up[1], scale=jnp.arange(1, 6, dtype=jnp.float32))
    net = dataclasses.replace(net, up=(net.up[0], up))

    @jax.jit
    def wanted(x):
        h = net.forward(x).activities

        def second(h):  # f_2 = N(tanh(W h + b))
            return up(nd.tanh(net.weights[1] @ h + net.path.biases[1]))

        return jax.jacobian(second)(h[0]) @ jax.jacobian(net.feedback.decoders[0])(h[1])

    found = runs.products(net, X[:1])[0][0]
    np.testing.assert_allclose(found, wanted(X[0]), rtol=1e-4, atol=1e-8)


def test_one_image_normalised_over_its_units_has_two_flat_directions(analyses):
    z = X[0, :10]
    slope = jax.jit(jax.jacobian(analyses("fwdtp_jacobians").over_units))(z)
    np.testing.assert_allclose(slope.sum(axis=1), 0, atol=1e-6)
    np.testing.assert_allclose(slope @ (z - z.mean()), 0, atol=1e-6)
    assert np.linalg.matrix_rank(slope, tol=1e-4) == 8


# Quick forms


@pytest.mark.slow
def test_fwdtp_mnist(quick):
    content = quick("fwdtp_mnist")
    errors = {rule: content["numbers"][rule]["error"][0] for rule in ("BP", "FA", "FW-DTP", "DTP")}
    assert max(errors[rule] for rule in ("BP", "FW-DTP", "DTP")) < 15 and errors["FA"] < 25
    assert content["numbers"]["TP"]["error"][0] > 50
    verdicts = {s["published"].split()[2]: s["verdict"] for s in content["statements"]}
    assert verdicts["TP"] == "reached"


@pytest.mark.slow
def test_fwdtp_jacobians(quick):
    content = quick("fwdtp_jacobians")
    assert [s["verdict"] for s in content["statements"][:3]] == ["reached"] * 3
    ends = {rule: at[-1] for rule, at in content["numbers"]["epochs"].items()}
    starts = {rule: at[0] for rule, at in content["numbers"]["epochs"].items()}
    for rule in ("DTP", "FW-DTP"):
        for start, end in zip(starts[rule], ends[rule], strict=True):
            assert abs(start["trace"]) < 0.2 and end["trace"] > 1
    assert [layer["share"] for layer in ends["DTP"]] == [1, 1]
    second, last = ends["FW-DTP"]
    assert 0.5 < second["share"] < 0.75 and second["symmetric least"] < -0.1
    assert second["share"] < last["share"]


@pytest.mark.slow
def test_fwdtp_cost(quick):
    costs = quick("fwdtp_cost")["numbers"]["costs"]["small"]
    assert costs["fw-dtp"]["ratio"] == 1
    assert min(costs[rule]["ratio"] for rule in ("dtp", "drl")) > 1.5
    assert all(row["least ms"] <= row["ms"] <= row["largest ms"] for row in costs.values())
    assert all(row["compiling s"] > 0.1 for row in costs.values())
