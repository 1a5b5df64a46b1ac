"""Fields and their wrappers against formulas written out by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from problems import dense, random_net

import neurodyn as nd


def test_layered_field_is_the_leaky_integrator_on_its_graph():
    net = random_net(activation=nd.tanh)
    weights, entry = dense(net)
    rng = np.random.default_rng(0)
    state = tuple(jnp.asarray(rng.standard_normal(n)) for n in net.sizes[1:])
    x = jnp.asarray(rng.standard_normal(net.sizes[0]))
    graph = nd.LeakyIntegrator(weights=jnp.asarray(weights), activation=nd.tanh)
    expected = graph(0.0, jnp.concatenate(state), jnp.asarray(entry @ np.tanh(x)))
    np.testing.assert_allclose(jnp.concatenate(net(0.0, state, x)), expected, atol=1e-14)


@pytest.mark.parametrize(
    ("cost", "gradient"),
    [
        (nd.SquaredError(), lambda o, y: o - y),
        (nd.SoftmaxCrossEntropy(), lambda o, y: np.exp(o) / np.exp(o).sum() - y),
        (nd.LogisticCrossEntropy(), lambda o, y: 1 / (1 + np.exp(-o)) - y),
    ],
)
def test_nudge_is_minus_beta_times_the_gradient_of_the_cost(cost, gradient):
    net = random_net()
    rng = np.random.default_rng(1)
    state = tuple(jnp.asarray(rng.standard_normal(n)) for n in net.sizes[1:])
    x, y = jnp.ones(12), jnp.array([0.1, 0.2, 0.3, 0.4])
    free, pulled = net(0.0, state, x), nd.Nudged(net, cost, 0.7)(0.0, state, (x, y))
    for before, after in zip(free[:-1], pulled[:-1], strict=True):
        np.testing.assert_array_equal(before, after)
    expected = -0.7 * gradient(np.asarray(state[-1]), np.asarray(y))
    np.testing.assert_allclose(pulled[-1] - free[-1], expected, atol=1e-14)


def test_cost_of_chosen_units():
    cost = nd.SquaredError(units=(2, 0))
    assert float(cost(jnp.array([1.0, 5.0, 3.0]), jnp.array([3.0, 0.0]))) == 0.5


def test_cross_entropy_stays_finite_far_out():
    state, target = jnp.array([800.0, -800.0]), jnp.array([1.0, 0.0])
    assert float(nd.LogisticCrossEntropy()(state, target)) == 0
    assert float(nd.SoftmaxCrossEntropy()(-state, target)) == 1600


def test_projected_step_of_length_epsilon_is_eq_59():
    net = random_net()
    rng = np.random.default_rng(2)
    h = tuple(jnp.asarray(rng.random(n)) for n in net.sizes[1:])
    x, epsilon = jnp.ones(12), 0.3
    field = nd.Projected(net, epsilon=epsilon)
    for now, mu, slope in zip(h, net(0.0, h, x), field(0.0, h, x), strict=True):
        clipped = np.clip(now + epsilon * mu, 0, 1)
        np.testing.assert_allclose(now + epsilon * slope, clipped, atol=1e-15)


def test_projection_on_any_box():
    field = nd.Projected(
        nd.Field(lambda t, s, x: jnp.array([5.0, -5.0, 0.1]), state=jnp.zeros(3)), -2.0, 3.0
    )
    np.testing.assert_allclose(field(0.0, jnp.zeros(3), None), [3.0, -2.0, 0.1])


def test_drive_is_computed_once_and_not_in_the_flow():
    net = random_net()
    state = tuple(jnp.zeros(n) for n in net.sizes[1:])
    flow = jax.make_jaxpr(lambda s, d: net.flow(0.0, s, d))(state, net.drive(jnp.ones(12)))
    multiplied = [
        v.aval.shape for e in flow.eqns if e.primitive.name == "dot_general" for v in e.invars
    ]
    assert (16, 12) not in multiplied  # forward[0] is not multiplied at every step


@pytest.mark.parametrize(
    ("words", "build"),
    [
        (
            r"forward\[1\] has shape \(2, 5\), but layer 1 has 3 units",
            lambda: nd.LayeredLeakyIntegrator(
                forward=(jnp.ones((3, 4)), jnp.ones((2, 5))), feedback=(jnp.ones((3, 2)),)
            ),
        ),
        (
            r"feedback\[0\] has shape \(2, 3\).*needs \(3, 2\)",
            lambda: nd.LayeredLeakyIntegrator(
                forward=(jnp.ones((3, 4)), jnp.ones((2, 3))), feedback=(jnp.ones((2, 3)),)
            ),
        ),
        (
            "one feedback fewer",
            lambda: nd.LayeredLeakyIntegrator(
                forward=(jnp.ones((3, 4)),), feedback=(jnp.ones((3, 2)),)
            ),
        ),
        ("at least one forward", lambda: nd.LayeredLeakyIntegrator(forward=(), feedback=())),
        (
            "one dtype",
            lambda: nd.LayeredLeakyIntegrator(
                forward=(jnp.ones((3, 4)), jnp.ones((2, 3), jnp.float32)),
                feedback=(jnp.ones((3, 2)),),
            ),
        ),
        (
            "two or more positive",
            lambda: nd.LayeredLeakyIntegrator.init((4,), key=jax.random.key(0)),
        ),
        (
            "two or more positive",
            lambda: nd.LayeredLeakyIntegrator.init((4, 0, 2), key=jax.random.key(0)),
        ),
        ("dtype int", lambda: nd.LeakyIntegrator(weights=jnp.ones((2, 2), int))),
        ("not a matrix of numbers", lambda: nd.LeakyIntegrator(weights=[[0.0, 1.0], [1.0]])),
        (
            r"shape \(3,\) and dtype",
            lambda: nd.LayeredLeakyIntegrator(forward=(jnp.ones(3),), feedback=()),
        ),
        ("must be square", lambda: nd.LeakyIntegrator(weights=jnp.ones((2, 3)))),
        (
            "Projected.Nudged",
            lambda: nd.Nudged(nd.Projected(random_net()), nd.SquaredError(), 0.5),
        ),
        (
            r"Scaled\(Nudged",
            lambda: nd.Nudged(nd.Scaled(random_net(), rate=0.1), nd.SquaredError(), 0.5),
        ),
        ("rate has the shapes", lambda: nd.Scaled(random_net(), rate=(jnp.ones(16),))),
        ("rate has the shapes", lambda: nd.Scaled(random_net(), rate=jnp.ones(3))),
        (
            "a layer has no units",
            lambda: nd.LayeredLeakyIntegrator(forward=(jnp.ones((0, 3)),), feedback=()),
        ),
        ("lower < upper", lambda: nd.Projected(random_net(), lower=1.0, upper=0.0)),
        ("rate must be positive", lambda: nd.Scaled(random_net(), rate=0.0)),
        ("exponent > 0", lambda: nd.power(0.0)),
        ("did you mean 'tanh'", lambda: nd.activation_named("tahn")),
        ("write power", lambda: nd.activation_named("power(x)")),
    ],
)
def test_refusals(words, build):
    with pytest.raises(ValueError, match=words):
        build()
