"""Dyadic neurons: the saddle flow, its three famous cases, and what fails without a hypothesis."""

import functools
import json
import pathlib

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.optimize
import sympy as sp
from problems import array, exact, newton

import neurodyn as nd
from neurodyn import data, record
from neurodyn.systems.asynchronous import random_updates
from neurodyn.systems.dyadic import Dyadic, DyadicNudged, LayeredDyadic
from neurodyn.systems.dyadic_weights import dyadic_block, independent_parts, w_lambda
from neurodyn.theory import dyadic as theory

FILE = pathlib.Path(__file__).parent / "theory" / "golden_001.json"
GOLDEN = json.loads(FILE.read_text("utf-8"))

LAMBDAS = (0.0, 0.25, 0.5, 0.8, 1.0)
SIZES = (64, 16, 10)


def zero_diagonal(rng, n, scale=1.0):
    return scale * rng.standard_normal((n, n)) * (1 - np.eye(n))


def skew(rng, n, scale=1.0):
    lower = np.tril(scale * rng.standard_normal((n, n)), -1)
    return lower - lower.T


@functools.cache
def digits():
    return data.load("digits", samples=4)


def layered(lam, gain=1.0, **options):
    net = LayeredDyadic.init(SIZES, lam=lam, key=jax.random.key(0), **options)
    return eqx.tree_at(lambda n: n.forward[1], net, gain * net.forward[1])


def settled(field, inputs, state0=None, tol=1e-11):
    return nd.settle(field, inputs, state0, tol=tol).require().state


# The sign of each half, against the objective itself


@jax.jit
@jax.grad
def objective_gradient(s, weights, drive, target, beta, alpha):
    """∂/∂(s⁺, s⁻) of [001 Eq 4.7] written out for tanh, with s̄ = α s⁺ + (1 − α) s⁻."""
    plus, minus = s
    mean = alpha * plus + (1 - alpha) * minus
    loss = [jnp.sum((part - target) ** 2) / 2 for part in (plus, minus)]
    potential = [jnp.sum(p * jnp.arctanh(p) + jnp.log(1 - p**2) / 2) for p in (plus, minus)]
    coupling = (plus - minus) @ (weights @ mean + drive)
    nudge = alpha * loss[0] + (1 - alpha) * loss[1]
    return nudge + (potential[0] - potential[1] - coupling) / beta


@pytest.mark.parametrize("alpha", [0.5, 0.2, 1.0])
def test_descends_in_s_plus_and_ascends_in_s_minus(alpha):
    rng = np.random.default_rng(0)
    weights = jnp.asarray(zero_diagonal(rng, 4))
    u, drive, target = (jnp.asarray(rng.standard_normal(k)) for k in (8, 4, 4))
    field = DyadicNudged(Dyadic(weights, alpha=alpha), nd.SquaredError(), beta=0.7)
    s = jnp.tanh(u).reshape(2, 4)
    up, down = objective_gradient(s, weights, drive, target, 0.7, alpha)
    expected = jnp.concatenate([-0.7 * up, 0.7 * down])
    found = eqx.filter_jit(field)(0.0, u, (drive, target))
    np.testing.assert_allclose(found, expected, atol=1e-13)


def test_flow_is_minus_the_symbolic_forces():
    rng = np.random.default_rng(1)
    weights, drive = zero_diagonal(rng, 2), rng.standard_normal(2)
    plus, minus = (sp.Matrix(sp.symbols(f"{name}:2")) for name in "pm")
    net = theory.Dyadic(
        sp.Matrix(weights),
        sp.Matrix(drive),
        plus,
        minus,
        sp.Rational(3, 10),
        lambda s: s * sp.atanh(s) + sp.log(1 - s**2) / 2,
        lambda *s: (s[1] - 0.4) ** 2 / 2,
    )
    u = rng.standard_normal(4)
    at = dict(zip([*plus, *minus], np.tanh(u), strict=True))
    expected = [-float(entry.subs(at)) for force in net.forces() for entry in force]
    field = DyadicNudged(Dyadic(jnp.asarray(weights)), nd.SquaredError(units=(1,)), beta=0.3)
    found = field(0.0, jnp.asarray(u), (jnp.asarray(drive), jnp.array([0.4])))
    np.testing.assert_allclose(found, expected, atol=1e-13)


def test_with_the_sign_of_the_lower_half_turned_round_it_runs_away():
    net = Dyadic(jnp.array([[0.0, -1.0], [1.0, 0.0]]), nd.identity)
    start, b = jnp.array([0.1, 0.2, 0.3, 0.4]), jnp.array([1.0, 0.5])
    right = np.asarray(jax.jacfwd(lambda u: net(0.0, u, b))(start))
    wrong = np.diag([1, 1, -1, -1]) @ right
    assert np.linalg.eigvals(right).real.max() == pytest.approx(-1)
    assert np.linalg.eigvals(wrong).real.max() > 0.9
    expected = np.linalg.solve(np.eye(2) - np.asarray(net.weights), b)
    np.testing.assert_allclose(settled(net, b, start).reshape(2, 2), [expected] * 2, atol=1e-10)


def test_golden_block_matrix_couples_the_states():
    case = GOLDEN["dyadic_block_matrix"]
    weights = array(case["inputs"]["W"])
    block = dyadic_block(weights)
    np.testing.assert_array_equal(block, case["expected"]["calW"])
    z = array([*case["inputs"]["s_plus"], *case["inputs"]["s_minus"]])
    assert float(-z @ block @ z / 4) == pytest.approx(case["expected"]["quadratic_value"])
    coupling = Dyadic(weights, nd.identity)(0.0, z, jnp.zeros(2)) + z
    np.testing.assert_allclose(coupling * jnp.array([1, 1, -1, -1.0]), block @ z / 2, atol=1e-15)


@eqx.filter_jit
def flows_and_means(net, dense, layers, x):
    """What a layered net and its dense twin make of one state, cut into the same layers."""
    drive = jnp.concatenate([net.forward[0] @ x, jnp.zeros(6)])
    joined = jnp.concatenate([u.reshape(2, -1) for u in layers], axis=1).ravel()
    flow = jnp.split(dense(0.0, joined, drive).reshape(2, -1), [5, 9], axis=1)
    twin = [part.ravel() for part in flow], jnp.split(dense.layers(joined)[0], [5, 9])
    return (net(0.0, layers, x), net.layers(layers)), twin


@pytest.mark.parametrize(("lam", "alpha", "lagrangian"), [(0.3, 0.2, True), (1.0, 0.9, False)])
def test_layers_are_blocks_of_one_matrix(lam, alpha, lagrangian):
    options = {"alpha": alpha, "lagrangian": lagrangian}
    net = LayeredDyadic.init((3, 5, 4, 2), lam=lam, key=jax.random.key(1), **options)
    rng = np.random.default_rng(2)
    x, *layers = (jnp.asarray(rng.standard_normal(n)) for n in (3, 10, 8, 4))
    found, expected = flows_and_means(net, Dyadic(net.weights, **options), tuple(layers), x)
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-14)


def test_golden_w_lambda_and_its_symbols():
    case = GOLDEN["w_lambda"]
    for lam in case["inputs"]["lambdas"]:
        found = w_lambda(array(case["inputs"]["theta"]), lam)
        np.testing.assert_array_equal(found, case["expected"][f"W_{lam}".replace(".", "_")])
    net = LayeredDyadic.init((2, 3, 2), lam=0.125, key=jax.random.key(0))
    theta = np.tril(np.asarray(net.weights), -1)
    symbols = theory.w_lambda(sp.Matrix(theta).applyfunc(sp.Rational), sp.Rational(1, 8))
    np.testing.assert_allclose(net.weights, np.array(symbols, float), atol=1e-15)
    assert not np.any(theta[:3, :3]) and not np.any(theta[3:, 3:]) and np.all(theta[3:, :3])


# The gradient that a dyad carries


def contrast(net, state, beta):
    """−(s⁺ − s⁻) s̄ᵀ/β, the change of W that [001 Eq 4.7] calls its gradient."""
    plus, minus = net.activities(state)
    return -np.outer(plus - minus, net.layers(state)[0]) / beta


@pytest.mark.parametrize("lam", LAMBDAS)
def test_contrast_goes_to_the_implicit_gradient_with_beta_squared(lam):
    inputs = GOLDEN["dyadic_lambda_0"]["inputs"]
    b, target, out = array(inputs["b"]), array(inputs["y"]), inputs["output_unit"]
    net = Dyadic(w_lambda(array(inputs["theta"]), lam))
    weights, free = np.asarray(net.weights), settled(net, b, tol=1e-13)
    s = np.asarray(net.layers(free)[0])
    np.testing.assert_allclose(s, np.tanh(weights @ s + b), atol=1e-12)  # [001 Eq 4.5]
    pull = np.zeros(5)
    pull[out] = s[out] - float(target[0])
    delta = np.linalg.solve(np.diag(1 / (1 - s**2)) - weights.T, pull)
    exact_gradient = np.outer(delta, s)
    errors = []
    for beta in inputs["betas"]:
        field = DyadicNudged(net, nd.SquaredError(units=(out,)), beta)
        update = contrast(net, settled(field, (b, target), free, tol=1e-13), beta)
        errors.append(np.linalg.norm(update - exact_gradient))
    assert np.log2(errors[-2] / errors[-1]) == pytest.approx(2, abs=0.01)
    case = GOLDEN.get(f"dyadic_lambda_{lam:g}".replace(".", "_"))
    if case is not None:
        expected, tolerance = case["expected"], case["tolerance"]
        np.testing.assert_allclose(s, expected["s_free"], atol=tolerance)
        np.testing.assert_allclose(exact_gradient[4], expected["grad_row4"], atol=tolerance)
        np.testing.assert_allclose(exact_gradient[2], expected["grad_row2"], atol=tolerance)
        np.testing.assert_allclose(errors, expected["estimate_error"], atol=tolerance)


def test_minus_beta_swaps_the_states():
    rng = np.random.default_rng(3)
    net = Dyadic(jnp.asarray(zero_diagonal(rng, 5, 0.4)))
    inputs, cost = (jnp.asarray(rng.standard_normal(5)), jnp.zeros(1)), nd.SquaredError(units=(4,))
    there, back = (settled(DyadicNudged(net, cost, beta), inputs) for beta in (0.5, -0.5))
    np.testing.assert_allclose(there, np.roll(back, 5), atol=1e-10)
    assert np.abs(there[:5] - there[5:]).max() > 0.01


# Real digits, from random starts, against solutions in NumPy


def stationarity(weights, drive, target, beta):
    """f⁻¹(s±) − W s̄ − θ₀x ∓ ½Wᵀ(s⁺ − s⁻) ± (β/2)∂ℓ/∂s± for tanh, over (u⁺, u⁻)."""
    n, outputs = len(weights), len(target)

    def rest(z):
        plus, minus = np.tanh(z).reshape(2, n)
        forward = weights @ (plus + minus) / 2 + drive
        back = weights.T @ (plus - minus) / 2
        pulls = np.zeros((2, n))
        pulls[:, -outputs:] = beta / 2 * (np.stack([plus, minus])[:, -outputs:] - target)
        return z - np.concatenate([forward + back - pulls[0], forward - back + pulls[1]])

    return rest


@pytest.mark.parametrize(("lam", "gain"), [(0.0, 1.0), (0.5, 1.0), (1.0, 0.5)])  # one fixed point
def test_digits_settle_from_a_random_start(lam, gain):
    net = layered(lam, gain)
    images, targets = digits().images, digits().targets()
    x, y = jnp.asarray(images), jnp.asarray(targets)
    rng = np.random.default_rng(4)
    start = tuple(jnp.asarray(0.3 * rng.standard_normal((4, 2 * n))) for n in SIZES[1:])
    free = settled(net, x, start)
    nudged = settled(DyadicNudged(net, nd.SquaredError(), 0.5), (x, y), free)
    free, nudged = (
        np.concatenate([np.asarray(u).reshape(4, 2, -1) for u in state], axis=2)
        for state in (free, nudged)
    )
    weights = np.asarray(net.weights)
    for k in range(4):
        drive = np.concatenate([np.asarray(net.forward[0]) @ images[k], np.zeros(10)])
        point = newton(weights, drive, np.tanh, lambda u: 1 - np.tanh(u) ** 2, np.zeros(26))
        np.testing.assert_allclose(free[k], np.tile(point, (2, 1)), atol=1e-9)
        rest = stationarity(weights, drive, targets[k], 0.5)
        root = scipy.optimize.root(rest, np.tile(point, 2), tol=1e-13).x
        np.testing.assert_allclose(nudged[k].ravel(), root, atol=1e-9)
        assert np.abs(root[:26] - root[26:]).max() > 1e-3


class LogCosh(nd.AbstractCost):
    """Σ log cosh u − y u, whose slope tanh u − y is that of ½‖s − y‖² by s = tanh u."""

    units: tuple[int, ...] | None = eqx.field(default=None, static=True)

    def __call__(self, state, target):
        u = self.output(state)
        return jnp.sum(jnp.log(jnp.cosh(u)) - target * u)


def test_symmetric_weights_are_the_two_centred_hopfield_phases():
    net, beta = layered(1.0), 0.5
    x, y = (jnp.asarray(a) for a in (digits().images, digits().targets()))
    dyads = settled(DyadicNudged(net, nd.SquaredError(), beta), (x, y))
    hopfield = nd.LeakyIntegrator(net.weights)
    drive = jnp.concatenate([x @ net.forward[0].T, jnp.zeros((4, 10))], axis=1)
    cost = LogCosh(units=tuple(range(16, 26)))
    for half, sign in enumerate((1, -1)):
        phase = nd.Nudged(hopfield, cost, sign * beta / 2)
        expected = settled(phase, (drive, y))
        found = [u.reshape(4, 2, -1)[:, half] for u in dyads]
        np.testing.assert_allclose(jnp.concatenate(found, axis=1), expected, atol=1e-9)


def test_golden_equilibrium_propagation_is_the_symmetric_dyad():
    case = GOLDEN["ep_bias_order"]
    units = np.array([0, 1, 2, 4])  # unit 3 of 5 idles
    weights = jnp.zeros((5, 5)).at[np.ix_(units, units)].set(array(case["inputs"]["W"]))
    b = jnp.zeros(5).at[units].set(array(case["inputs"]["b"]))
    net, y, pairs = Dyadic(weights), array(case["inputs"]["y"]), np.triu_indices(4, 1)
    errors = []
    for beta in case["inputs"]["betas"]:
        field = DyadicNudged(net, nd.SquaredError(units=(4,)), 2 * beta)  # phases of ±β
        state = settled(field, (b, y), tol=1e-13)
        plus, minus = (np.asarray(part)[units] for part in net.activities(state))
        estimate = -(np.outer(plus, plus) - np.outer(minus, minus))[pairs] / (2 * beta)
        errors.append(np.linalg.norm(estimate - case["expected"]["grad_upper_triangle"]))
    np.testing.assert_allclose(errors, case["expected"]["err_symmetric"], atol=case["tolerance"])


def backpropagation(net, x, y):
    """The activities and δ = ∂ℓ/∂a of all layers of the feed-forward tanh net, in NumPy."""
    s = [np.asarray(x)]
    for w in net.forward:
        s.append(np.tanh(s[-1] @ np.asarray(w).T))
    deltas = [(s[-1] - np.asarray(y)) * (1 - s[-1] ** 2)]
    for w, h in zip(net.forward[:0:-1], s[-2:0:-1], strict=True):
        deltas.insert(0, deltas[0] @ np.asarray(w) * (1 - h**2))
    return np.concatenate(s[1:], axis=1), np.concatenate(deltas, axis=1)


def orders(net, betas=(0.1, 0.05)):
    """The orders in β by which s̄ goes to the forward pass and (s⁺ − s⁻)/β to −δ, and the errors."""
    x, y = jnp.asarray(digits().images), jnp.asarray(digits().targets())
    s, delta = backpropagation(net, x, y)
    found = []
    for beta in betas:
        state = settled(DyadicNudged(net, nd.SquaredError(), beta), (x, y), tol=1e-12)
        plus, minus = (np.concatenate(part, axis=1) for part in jax.vmap(net.activities)(state))
        means = np.concatenate(jax.vmap(net.layers)(state), axis=1)
        away = means - s, (plus - minus) / beta + delta
        found.append([np.linalg.norm(part) for part in away])
    return np.log2(found[-2]) - np.log2(found[-1]), found[-1], np.linalg.norm(delta)


def test_feed_forward_weights_are_dual_propagation():
    (mean, error), (near, left), size = orders(layered(0.5))
    assert mean == pytest.approx(2, abs=0.01) and error == pytest.approx(2, abs=0.01)
    assert near < 2e-3 and left < 1e-3 * size


def test_asymmetric_nudging_moves_the_mean_unless_lagrangian():
    (mean, error), _, _ = orders(layered(0.5, alpha=0.25))
    assert mean == pytest.approx(1, abs=0.1) and error == pytest.approx(1, abs=0.1)
    (mean, error), _, _ = orders(layered(0.5, alpha=0.25, lagrangian=True))
    assert mean == pytest.approx(2, abs=0.1) and error == pytest.approx(1, abs=0.1)


def test_one_sided_lagrangian_nudging_stands_a_strong_teacher():
    x, y = jnp.asarray(digits().images), jnp.asarray(digits().targets())
    for alpha, counts in ((0.5, {"diverged": 4}), (0.0, {"settled": 4})):
        net = layered(0.5, alpha=alpha, lagrangian=True, activation=nd.relu)
        field = DyadicNudged(net, nd.SquaredError(), 10.0)
        run = nd.settle(field, (x, y), tol=1e-8)
        assert run.counts() == counts
    rates = [np.maximum(np.asarray(x) @ np.asarray(net.forward[0]).T, 0)]
    rates.append(np.maximum(rates[0] @ np.asarray(net.forward[1]).T, 0))
    means = jax.vmap(net.layers)(run.state)  # s̄ = s⁻ is the forward pass, whatever β
    for found, expected in zip(means, rates, strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-7)


# Skew weights: Lipschitz-1, and what breaks it


def tanh_or_relu(u):
    return jnp.where(jnp.arange(u.size) % 2 == 0, jnp.tanh(u), jnp.maximum(u, 0))


def test_skew_nets_are_lipschitz_1_on_1000_pairs():
    rng = np.random.default_rng(5)
    worst = []
    for _ in range(5):
        net = Dyadic(jnp.asarray(skew(rng, 6, 1.5)), tanh_or_relu)
        b = rng.standard_normal((2, 200, 6)) * np.array([2.0, 0.5])[:, None, None]
        b[1] += b[0]
        state = settled(net, jnp.asarray(b.reshape(400, 6)), tol=1e-9)
        s = np.asarray(jax.vmap(net.layers)(state)[0]).reshape(2, 200, 6)
        worst.append(np.linalg.norm(s[1] - s[0], axis=1) / np.linalg.norm(b[1] - b[0], axis=1))
    assert np.concatenate(worst).shape == (1000,)
    assert 0.5 < np.max(worst) <= 1 + 1e-7


def constant(weights, activation=nd.identity):
    """‖∂s/∂b‖ of a net that is linear in b, from settled states alone; a third unit may idle."""
    n = len(weights)
    padded = jnp.zeros((3, 3)).at[:n, :n].set(weights)
    net = Dyadic(padded, activation)
    state = settled(net, jnp.eye(3), tol=1e-12)
    response = np.asarray(jax.vmap(net.layers)(state)[0]).T
    return np.linalg.norm(response[:n, :n], 2)


@pytest.mark.parametrize(
    "case", ["skew_linear_lipschitz", "skew_linear_lipschitz_n3", "symmetric_not_lipschitz1"]
)
def test_golden_lipschitz_constants(case):
    weights = array(GOLDEN[case]["inputs"]["W"])
    assert constant(weights) == pytest.approx(exact(GOLDEN[case]["expected"]["L"]), rel=1e-8)


def twice(u):
    return 2 * u


def test_slope_two_doubles_the_constant_of_skew_nets():
    weights = array(GOLDEN["skew_linear_lipschitz_n3"]["inputs"]["W"])
    assert constant(weights, twice) == pytest.approx(2, rel=1e-9)


def test_an_activation_that_is_not_monotone_breaks_the_bound_ten_times():
    case = GOLDEN["skew_nonmonotone_counterexample"]
    weights = array(case["inputs"]["W"])
    net = Dyadic(weights, jnp.abs)
    u = jnp.array([1.0, -1.0])  # slopes +1 and −1
    slopes = np.diag(array(case["inputs"]["D"]))
    response = np.linalg.solve(np.eye(2) - slopes @ weights, slopes)
    step = 0.01 * np.linalg.svd(response)[2][0]
    b = jnp.stack([u - weights @ jnp.abs(u), u - weights @ jnp.abs(u) + step])
    state = settled(net, b, jnp.tile(u, (2, 2)), tol=1e-10)
    here, there = np.asarray(jax.vmap(net.layers)(state)[0])
    ratio = np.linalg.norm(there - here) / np.linalg.norm(step)
    assert ratio == pytest.approx(case["expected"]["L"], rel=1e-5)


def test_plain_iteration_diverges_where_the_flow_settles():
    case = GOLDEN["skew_damping"]
    weights, b = array(case["inputs"]["W"]), array(case["inputs"]["b"])
    s = np.array([0.01, 0.5])
    for _ in range(60):
        s = weights @ s + b
    assert np.linalg.norm(s) > 1e15
    net = Dyadic(weights, nd.identity)
    start = jnp.array([3.0, -2.0, 0.5, 4.0])
    fixed = case["expected"]["fixed_point"]
    np.testing.assert_allclose(settled(net, b, start).reshape(2, 2), [fixed, fixed], atol=1e-10)


def test_layered_skew_nets_split_into_two_parts():
    sizes = (3, 4, 5, 2)
    net = LayeredDyadic.init(sizes, lam=0.0, key=jax.random.key(2))
    odd = np.repeat([0, 1, 0], sizes[1:])  # first and third layer, against the second
    np.testing.assert_array_equal(independent_parts(net.weights), [odd, 1 - odd])
    count = [len(np.unique(independent_parts(layered(lam).weights))) for lam in LAMBDAS]
    assert count == [2, 1, 1, 1, 2]
    recurrent = independent_parts(skew(np.random.default_rng(0), 3))  # skew without layers
    assert len(np.unique(recurrent)) == 1

    rng = np.random.default_rng(6)
    inputs = jnp.array([1.0, -0.5, 0.3]), jnp.array([0.2, -0.4])
    parts = [np.concatenate([odd[a:b], 1 - odd[a:b]]) for a, b in ((0, 4), (4, 9), (9, 11))]
    here = tuple(jnp.asarray(rng.standard_normal(len(part))) for part in parts)
    there = tuple(u + jnp.asarray(1.0 * part) for u, part in zip(here, parts, strict=True))
    flow = eqx.filter_jit(DyadicNudged(net, nd.SquaredError(), 0.5))
    for a, b, part in zip(flow(0.0, here, inputs), flow(0.0, there, inputs), parts, strict=True):
        away = np.abs(np.asarray(a - b))
        assert away[part == 0].max() < 1e-14 and away[part == 1].min() > 1e-3


# Several solutions, none, and other ways there


def test_two_wells_let_the_states_part_without_a_signal():
    case = GOLDEN["dyadic_multistability"]
    net = Dyadic(array(case["inputs"]["W"]))
    star = case["expected"]["s_star"]
    apart = settled(net, jnp.zeros(2), jnp.array([0.5, 0.3, -0.2, -0.9]))
    np.testing.assert_allclose(jnp.tanh(apart), [star, star, -star, -star], atol=1e-10)
    together = settled(net, jnp.zeros(2), jnp.array([0.5, 0.3, 0.2, 0.9]))
    np.testing.assert_allclose(jnp.tanh(together), [star] * 4, atol=1e-10)
    # with s⁺ = s⁻ the linearised dyad is that of the net, twice: W for s̄ and Wᵀ for s⁺ − s⁻
    slopes = (1 - star**2) * np.asarray(net.weights) - np.eye(2)
    found = nd.linearise(net, together, jnp.zeros(2)).eigenvalues
    np.testing.assert_allclose(
        np.sort(found.real), np.sort(np.tile(np.linalg.eigvals(slopes), 2)), atol=1e-9
    )


def test_a_nudge_beyond_the_pole_diverges_and_says_so():
    one = Dyadic(jnp.zeros((1, 1)), nd.identity)
    inputs = jnp.array([[1.0], [1.0]]), jnp.array([[1.0], [0.0]])  # the first is on its target
    start = jnp.array([[1.0, 1.0], [1.0, 1.0]])
    run = nd.settle(DyadicNudged(one, nd.SquaredError(), 2.1), inputs, start, tol=1e-8)
    assert nd.verdict_names(run.verdict).tolist() == ["settled", "diverged"]
    below = nd.settle(DyadicNudged(one, nd.SquaredError(), 1.9), inputs, start, tol=1e-8)
    assert below.counts() == {"settled": 2}
    plus, minus = below.state[1]  # s⁺ = b − (β/2)(s⁺ − y), s⁻ = b + (β/2)(s⁻ − y)
    assert float(plus) == pytest.approx(1 / 1.95) and float(minus) == pytest.approx(1 / 0.05)


@pytest.mark.parametrize(("lam", "step"), [(0.0, 0.5), (0.5, 1.0), (1.0, 1.0)])
def test_random_updates_reach_the_same_point(lam, step):
    x, y = jnp.asarray(digits().images), jnp.asarray(digits().targets())
    field = DyadicNudged(layered(lam), nd.SquaredError(), 0.5)
    end = random_updates(field, (x[1], y[1]), sweeps=100, key=jax.random.key(7), step=step)
    assert float(nd.residual(field, end, (x[1], y[1]))) < 1e-10
    expected = [u[1] for u in settled(field, (x, y))]
    np.testing.assert_allclose(np.concatenate(end), np.concatenate(expected), atol=1e-9)


def test_random_updates_of_strong_skew_weights_need_a_smaller_step():
    case = GOLDEN["skew_damping"]
    net, b = Dyadic(array(case["inputs"]["W"]), nd.identity), array(case["inputs"]["b"])
    start, key = jnp.array([3.0, -2.0, 0.5, 4.0]), jax.random.key(0)
    wild = random_updates(net, b, start, sweeps=200, key=key)
    assert float(nd.residual(net, wild, b)) > 1e6
    calm = random_updates(net, b, start, sweeps=200, key=key, step=0.3)
    expected = np.tile(case["expected"]["fixed_point"], 2)
    np.testing.assert_allclose(calm, expected, atol=1e-10)


@pytest.mark.slow
def test_one_dyad_can_be_drawn():
    field = DyadicNudged(Dyadic(jnp.zeros((1, 1))), nd.SquaredError(), beta=1.0)
    inputs = jnp.array([0.5]), jnp.array([0.0])
    (point,) = nd.portrait(field, inputs, xlim=(-2, 2), ylim=(-2, 2), resolution=25).points
    np.testing.assert_allclose(point.position, settled(field, inputs), atol=1e-8)


def test_settled_layers_can_be_saved_and_followed():
    x = jnp.asarray(digits().images)
    run = nd.settle(layered(0.5), x, tol=1e-6)
    again = record.from_dataset(record.to_dataset(run))
    assert [u.shape for u in again.state] == [(4, 32), (4, 20)]
    path = nd.integrate(
        layered(0.5), None, x[0], [0.0, 40.0], rtol=1e-8, atol=1e-10, backend="scipy"
    )
    np.testing.assert_allclose(path.states[1][-1], run.state[1][0], atol=1e-5)


# Refusals


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Dyadic(jnp.ones((2, 3))), r"weights have shape \(2, 3\).*square"),
        (lambda: Dyadic(jnp.eye(2)), "weights have entries on the diagonal.*zero"),
        (lambda: Dyadic(jnp.zeros((2, 2)), alpha=1.5), "alpha is 1.5.*from 0 to 1"),
        (lambda: LayeredDyadic((), 0.5), "forward must hold one or more"),
        (lambda: LayeredDyadic((jnp.ones((3, 2)), jnp.ones((2, 4))), 0.5), r"forward\[1\].*3 col"),
        (
            lambda: LayeredDyadic((jnp.ones((3, 2)), jnp.ones((2, 3), jnp.float32)), 0.5),
            "one dtype",
        ),
        (lambda: layered(1.5), "lam is 1.5.*from 0 to 1"),
        (lambda: layered(jnp.ones(2)), "lam is .*one number"),
        (lambda: LayeredDyadic.init((3,), key=jax.random.key(0)), "two or more"),
        (lambda: w_lambda(jnp.eye(2), 0.5), "theta must be strictly lower triangular"),
        (lambda: w_lambda(jnp.ones((2, 3)), 0.5), "theta has shape.*square"),
        (lambda: w_lambda(jnp.zeros((2, 2)), -1), "lam is -1.*from 0 to 1"),
        (lambda: DyadicNudged(layered(0.5), nd.SquaredError(), jnp.inf), "beta is inf"),
        (
            lambda: random_updates(
                layered(0.5), jnp.zeros((2, 64)), sweeps=1, key=jax.random.key(0)
            ),
            "hold a batch.*one sample",
        ),
        (
            lambda: random_updates(layered(0.5), jnp.zeros(64), sweeps=0, key=jax.random.key(0)),
            "sweeps=0.*sweeps ≥ 1",
        ),
        (
            lambda: nd.settle(
                DyadicNudged(layered(0.5), nd.SquaredError(), 1e-5),
                (jnp.zeros(64), jnp.zeros(10)),
                tol=1e-6,
            ),
            "beta=1e-05 is too small for tol=1e-06",
        ),
        (lambda: nd.settle(layered(0.5), jnp.zeros(63), tol=1e-6), "inputs has shape"),
    ],
)
def test_refusals(make, message):
    with pytest.raises(ValueError, match=message):
        make()
