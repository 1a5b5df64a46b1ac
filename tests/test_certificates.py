"""Lipschitz constants against settled points, closed forms, and what their hypotheses exclude."""

import dataclasses
import json
import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from problems import UNSTABLE, array

import neurodyn as nd
from neurodyn.certificates import audit, lipschitz_bound
from neurodyn.linearise import lipschitz

FOLDER = pathlib.Path(__file__).parent / "theory"
GOLDEN = json.loads((FOLDER / "golden_001.json").read_text("utf-8"))


def constant(weights, activation, bias, start=None, readout=None) -> float:
    """That of the rates f(u) at the point where leaky integrators settle, u = W f(u) + b."""
    net = nd.LeakyIntegrator(jnp.asarray(weights, float), activation)
    bias = jnp.asarray(bias, float)
    settled = nd.settle(net, bias, start, tol=1e-12).require()
    return float(lipschitz(net, settled.state, bias, readout=readout or activation))


def skew(n: int, scale: float, seed: int = 0) -> np.ndarray:
    drawn = scale * np.random.default_rng(seed).standard_normal((n, n))
    return np.tril(drawn, -1) - np.tril(drawn, -1).T


def w_lambda(theta, lam) -> np.ndarray:
    return theta + (2 * lam - 1) * theta.T


def slope(factor: float) -> nd.Activation:
    return nd.Activation(
        f"slope {factor}",
        lambda s: factor * s,
        lambda s: jnp.full_like(s, factor),
        lambda r: r / factor,
        (-np.inf, np.inf),
        factor,
        True,
    )


# The constant at a fixed point


@pytest.mark.parametrize("of_rates", [False, True])
def test_against_finite_differences_of_settled_points(of_rates):
    n, h = 4, 1e-4
    weights = np.random.default_rng(5).standard_normal((n, n)) / 2
    net, bias = nd.LeakyIntegrator(jnp.asarray(weights), nd.tanh), np.array([0.5, -1.0, 0.2, 0.9])
    around = np.concatenate([[bias], bias + h * np.eye(n), bias - h * np.eye(n)])
    states = nd.settle(net, jnp.asarray(around), tol=1e-12).require().state
    read = nd.tanh if of_rates else (lambda s: s)
    ends = np.asarray(read(states))
    differences = (ends[1 : n + 1] - ends[n + 1 :]).T / (2 * h)
    found = lipschitz(net, states[0], jnp.asarray(bias), readout=read)
    assert float(found) == pytest.approx(np.linalg.norm(differences, 2), rel=1e-7)


def test_a_layered_batch_and_the_state_by_default():
    net = nd.LayeredLeakyIntegrator.init((3, 4, 2), key=jax.random.key(0))
    x = jnp.asarray(np.random.default_rng(0).random((2, 3)))
    state = nd.settle(net, x, tol=1e-10).require().state
    found = lipschitz(net, state, x)
    jacobians = nd.linearise(net, state, x).jacobian
    expected = [np.linalg.norm(np.linalg.inv(j), 2) for j in jacobians]
    np.testing.assert_allclose(found, expected, rtol=1e-10)
    rates = lipschitz(net, state, x, readout=lambda s: tuple(map(nd.tanh, s)))
    slopes = np.concatenate([1 - np.tanh(np.asarray(layer[0])) ** 2 for layer in state])
    first = np.linalg.norm(slopes[:, None] * np.linalg.inv(jacobians[0]), 2)
    assert float(rates[0]) == pytest.approx(first, rel=1e-10)


@pytest.mark.parametrize(
    ("case", "activation"),
    [
        ("skew_linear_lipschitz", nd.identity),  # 1/√5
        ("skew_linear_lipschitz_n3", nd.identity),  # odd size: 1
        ("symmetric_not_lipschitz1", nd.identity),  # 1/(1 − 0.9)
    ],
)
def test_golden_constants(case, activation):
    weights = array(GOLDEN[case]["inputs"]["W"])
    found = constant(weights, activation, np.arange(len(weights)))
    assert found == pytest.approx(GOLDEN[case]["expected"]["L"], rel=1e-9)


def test_slope_2_breaks_the_bound_of_1_and_meets_the_bound_of_2():
    weights = array(GOLDEN["skew_linear_lipschitz_n3"]["inputs"]["W"])
    # three units: ds/dt = −u + 2Wu + b still has the symmetric part −1
    assert constant(weights, slope(2.0), np.ones(3)) == pytest.approx(2.0, rel=1e-9)
    assert float(lipschitz_bound(weights, slope(2.0))) == pytest.approx(2.0)


def test_an_activation_that_is_not_monotone_breaks_the_bound():
    golden = GOLDEN["skew_nonmonotone_counterexample"]
    weights = array(golden["inputs"]["W"])
    bias = np.array([1.0, -1.0]) - np.asarray(weights @ jnp.array([1.0, 1.0]))
    found = constant(weights, jnp.abs, bias, jnp.array([1.2, -0.8]))  # rests at u = (1, −1)
    assert found == pytest.approx(golden["expected"]["L"], rel=1e-9)
    with pytest.raises(ValueError, match="slopes from -1 to 1"):
        lipschitz_bound(weights, jnp.abs)


def test_of_preactivations_the_theorem_does_not_speak():
    """The same skew net: at most 1 for the rates, more than 3 for the pre-activations."""
    weights, bias = [[0.0, -4.0], [4.0, 0.0]], [4.0, 6.0]  # rests near u = (0, 6)
    assert constant(weights, nd.tanh, bias) < 1
    assert constant(weights, nd.tanh, bias, readout=lambda s: s) > 3


@pytest.mark.parametrize(
    ("words", "state", "weights", "activation"),
    [
        ("not a fixed point.*residual is 1", [1.0, 0.0], [[0.0, 0.0], [0.0, 0.0]], nd.identity),
        ("singular", [3.0, 3.0], [[0.0, 1.0], [1.0, 0.0]], nd.identity),
        ("not a stable.*real part 1", [0.0, 0.0], [[0.0, 2.0], [2.0, 0.0]], nd.tanh),
    ],
)
def test_points_without_a_constant(words, state, weights, activation):
    net = nd.LeakyIntegrator(jnp.array(weights), activation)
    with pytest.raises(ValueError, match=words):
        lipschitz(net, jnp.array(state), jnp.zeros(2))


def test_an_unstable_sample_spoils_the_batch_and_is_nan_where_traced():
    net = nd.LeakyIntegrator(jnp.array([[0.0, 2.0], [2.0, 0.0]]), nd.tanh)
    well = nd.settle(net, jnp.zeros(2), jnp.ones(2), tol=1e-10).require().state
    states = jnp.stack([well, jnp.zeros(2)])
    with pytest.raises(ValueError, match="not a stable"):
        lipschitz(net, states, jnp.zeros(2))
    traced = jax.jit(lambda s: lipschitz(net, s, jnp.zeros(2)))(states)
    assert np.isfinite(traced[0]) and np.isnan(traced[1])
    layered = UNSTABLE
    with pytest.raises(ValueError, match="not a stable"):
        lipschitz(layered.field, layered.fixed_point, layered.inputs)


# The certificate


def test_certificate_is_met_by_the_symmetric_pair():
    theta = np.array([[0.0, 0.0], [0.9, 0.0]])
    bound = lipschitz_bound(jnp.asarray(w_lambda(theta, 1.0)), nd.identity)
    golden = GOLDEN["symmetric_not_lipschitz1"]["expected"]["L"]
    assert float(bound) == pytest.approx(golden, rel=1e-12)


@pytest.mark.parametrize("lam", [0.0, 0.25, 0.5, 1.0])
def test_certificate_of_w_lambda_covers_what_is_reached(lam):
    theta = np.tril(0.4 * np.random.default_rng(1).standard_normal((6, 6)), -1)
    largest = np.linalg.eigvalsh(theta + theta.T)[-1]
    weights = jnp.asarray(w_lambda(theta, lam))
    bound = float(lipschitz_bound(weights, nd.identity))
    spread = lam * largest
    expected = 1 / (1 - spread) if spread < 1 else np.inf
    assert bound == pytest.approx(expected, rel=1e-12)
    reached = np.linalg.norm(np.linalg.inv(np.eye(6) - weights), 2)
    assert reached <= bound * (1 + 1e-12)


def test_the_slope_stands_in_the_denominator_too():
    """m/(1 − mΛ); with m/(1 − Λ) the linear net of slope 2 would exceed its own certificate."""
    weights = np.array([[0.0, 0.4], [0.4, 0.0]])
    reached = constant(weights, slope(2.0), [0.0, 0.0])
    assert reached == pytest.approx(2 / (1 - 2 * 0.4), rel=1e-9)
    assert float(lipschitz_bound(jnp.asarray(weights), slope(2.0))) == pytest.approx(reached)
    assert reached > 2 / (1 - 0.4)


def test_skew_nets_are_lipschitz_1_on_a_thousand_random_pairs():
    net = nd.LeakyIntegrator(jnp.asarray(skew(5, 2.0)), nd.tanh)
    bias = 2 * np.random.default_rng(2).standard_normal((2, 1000, 5))
    bias[1, :500] = bias[0, :500] + 0.1 * bias[1, :500]  # near pairs and far ones
    states = nd.settle(net, jnp.asarray(bias.reshape(2000, 5)), tol=1e-8).require().state
    rates = np.tanh(np.asarray(states)).reshape(2, 1000, 5)
    ratio = np.linalg.norm(rates[0] - rates[1], axis=1) / np.linalg.norm(bias[0] - bias[1], axis=1)
    assert 0.3 < ratio.max() <= 1
    assert float(lipschitz_bound(net.weights, nd.tanh)) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("words", "build"),
    [
        ("must be square", lambda: lipschitz_bound(jnp.ones((2, 3)), nd.tanh)),
        ("never decreases", lambda: lipschitz_bound(jnp.eye(2), jax.nn.gelu)),
        ("slope bound inf", lambda: lipschitz_bound(jnp.eye(2), nd.power(3))),
        ("span > 0", lambda: audit(nd.tanh, span=0.0)),
        ("elementwise", lambda: audit(jnp.sum)),
        ("finite", lambda: audit(jnp.log)),
    ],
)
def test_refusals(words, build):
    with pytest.raises(ValueError, match=words):
        build()


def test_nothing_is_certified_above_the_threshold():
    bound = lipschitz_bound(jnp.array([[0.0, 1.0], [1.0, 0.0]]), nd.tanh)
    assert float(bound) == np.inf


# The audit


@pytest.mark.parametrize("activation", [nd.identity, nd.tanh, nd.logistic, nd.hard_sigmoid])
def test_stated_activations_are_as_they_state(activation):
    found = audit(activation)
    assert found.stated and found.monotone and found.slope_bound == activation.slope_bound
    assert found.greatest == pytest.approx(activation.slope_bound, rel=1e-6)
    assert found.least >= -1e-12


@pytest.mark.parametrize(
    ("function", "least", "greatest", "monotone"),
    [
        (jnp.abs, -1.0, 1.0, False),
        (jnp.sin, -1.0, 1.0, False),
        (jax.nn.silu, -0.09984, 1.09984, False),
        (lambda s: jax.nn.gelu(s, approximate=False), -0.12890, 1.12890, False),
        (lambda s: jnp.arctan(s), 0.0, 1.0, True),
        (lambda s: 3 * jnp.maximum(s, 0), 0.0, 3.0, True),
    ],
)
def test_measured_slopes(function, least, greatest, monotone):
    found = audit(function)
    assert not found.stated and found.monotone is monotone
    assert found.least == pytest.approx(least, abs=0.01)
    assert found.greatest == pytest.approx(greatest, abs=1e-5)
    assert found.slope_bound == pytest.approx(max(-least, greatest), abs=1e-5)


@pytest.mark.parametrize(
    "changed", [{"slope_bound": 0.5}, {"function": lambda s: jnp.cos(s), "name": "cosine"}]
)
def test_a_wrong_statement_is_refuted(changed):
    with pytest.raises(ValueError, match="correct the statement"):
        audit(dataclasses.replace(nd.tanh, **changed))


def test_rounding_is_not_taken_for_a_slope():
    assert audit(lambda s: 1e6 + jnp.tanh(s)).monotone  # flat to within 1e-10 at the ends
    assert not audit(lambda s: 1e6 - 1e-5 * s).monotone
