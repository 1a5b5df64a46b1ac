"""The analysis of 001 Table 2.1: what it reads off a rule, and that it can tell the difference."""

import json

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import neurodyn as nd


@pytest.fixture
def runs(analyses):
    return analyses("locality_runs")


def test_equilibrium_propagation_needs_two_phases_and_no_derivative(runs):
    found = runs.inspect("hopfield", "ep")
    assert found.foreign == 0 and found.local
    assert not found.one_phase and found.alone > 1
    assert found.avoids_slope and found.transports


def test_predictive_coding_is_local_by_its_input_current_and_in_one_phase(runs):
    found = runs.inspect("predictive-coding", "ep")
    assert found.foreign > 0.1 and found.current < 1e-12
    assert found.alone < 1e-11
    assert found.slope_in_phases and not found.slope_in_change


def test_dyads_need_one_phase_and_neither_others_nor_derivatives(runs):
    found = runs.inspect("dual-propagation", "dyadic")
    assert found.foreign == 0 and found.alone < 1e-12 and found.avoids_slope
    assert found.transports


def test_the_transport_of_weights_is_backpropagations_and_not_random_feedbacks(runs):
    exact, random = runs.inspect("backprop", None), runs.inspect("random-feedback", None)
    assert exact.transports and not random.transports
    for found in (exact, random):
        assert found.local and found.foreign > 0.1
        assert found.slope_in_phases and found.slope_in_change and not found.one_phase


def test_the_change_of_a_pathway_is_the_one_that_its_errors_give(runs):
    path = runs.made("difference-target-propagation", 3)
    x, y = jnp.array([0.3, -0.8, 0.5]), jnp.array([0.2, -0.1])
    signals, done = path.discrete((x, y)), path.forward(x).activities
    below = (x, *done[:-1])
    found = runs.path_change(path, x, done, signals)
    for change, error, h in zip(found, path.errors(signals, (x, y)), below, strict=True):
        np.testing.assert_allclose(change, jnp.outer(error, h), atol=1e-15)


class Normalised(eqx.Module):
    """Couples a unit to all others of its layer: E = −sᵀW x / (1 + ‖s‖²) + ½‖s‖²."""

    weights: jax.Array

    def __call__(self, state, x):
        return -state @ self.weights @ x / (1 + state @ state) + state @ state / 2


def test_a_rule_that_looks_at_other_units_is_caught(runs):
    """∂E/∂W_ij = −s_i x_j / (1 + ‖s‖²) depends on all of the layer."""
    energy = Normalised(jnp.ones((3, 2)))
    block = jax.jacfwd(lambda s: jax.grad(lambda e: e(s, jnp.ones(2)))(energy).weights)
    slopes = np.asarray(block(jnp.array([0.3, -0.2, 0.5])))
    largest, foreign, left = runs._block(slopes, 0, 0, None)
    assert largest > 0.5 and foreign == left > 0.05


def test_a_derivative_that_is_used_comes_out(runs):
    assert bool(jnp.isnan(jax.grad(lambda s: runs.BLIND(s))(0.3)))
    assert float(runs.BLIND(0.3)) == pytest.approx(float(nd.tanh(0.3)))


@pytest.mark.slow
def test_the_published_table_is_found(analyses, tmp_path):
    analyses("locality").main(["--quick", "--out", str(tmp_path)])
    content = json.loads((tmp_path / "locality.json").read_text("utf-8"))
    assert content["verdict"] == "reached" and content["ours"].startswith("20 of 20")
    told = {s["published"]: s["ours"] for s in content["statements"]}
    assert "EP: local in space" in told and "DP: local in space" in told
    for name in ("BP", "MAC", "PC"):
        assert "input current" in told[f"{name}: local in space, or through its own input current"]
    assert "f′ is in the flow" in told["ν, untied feedback"]
