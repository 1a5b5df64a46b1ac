"""The exact gradient against finite differences, closed forms and published cases; its refusals."""

import functools

import equinox as eqx
import jax
import jax.flatten_util
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg
from problems import GOLDEN, UNSTABLE, array, layered, linear, rates, w_lambda
from problems import dense as as_one_matrix

import neurodyn as nd
from neurodyn.learning.adjoint import AdjointFlow, Sample, ritz_values
from neurodyn.learning.gradient import equilibrium_gradient, recurrent_backprop
from neurodyn.learning.through_time import backprop_through_time
from neurodyn.linearise import dense_jacobian
from neurodyn.systems.catalogue import NETWORKS, phases

HALF_SQUARE = nd.SquaredError()


def at_rest(net, start, x):
    """The fixed point that 60 time units and then Newton lead to, of ONE sample."""
    drive, zero = net.drive(x), jnp.zeros(())
    flat, unravel = jax.flatten_util.ravel_pytree(start)

    def flow(s):
        return jax.flatten_util.ravel_pytree(net.flow(zero, unravel(s), drive))[0]

    def newton(_, s):
        return s - jnp.linalg.solve(dense_jacobian(net, unravel(s), drive), flow(s))

    near = jax.lax.fori_loop(0, 600, lambda _, s: s + 0.1 * flow(s), flat)
    return unravel(jax.lax.fori_loop(0, 4, newton, near))


def objective(net, cost, start, x, y):
    """The mean cost at the fixed points of a batch, found anew, and these."""
    states = jax.vmap(lambda s, x: at_rest(net, s, x))(start, x)
    costs = jax.vmap(lambda s, y: cost(net.read(s), y))(states, y)
    return costs.mean(), states


@eqx.filter_jit
def differences(net, cost, start, x, y, direction, h=1e-5):
    """The settled states, and the slope of the objective along `direction` by differences."""
    weights, fixed = eqx.partition(net, eqx.is_inexact_array)

    def along(step):
        moved = jax.tree.map(lambda w, d: w + step.astype(w.dtype) * d, weights, direction)
        return objective(eqx.combine(moved, fixed), cost, start, x, y)

    values, states = jax.lax.map(along, jnp.array([h, -h, 0.0]))
    return jax.tree.map(lambda s: s[2], states), (values[0] - values[1]) / (2 * h)


def random_like(tree, seed):
    rng = np.random.default_rng(seed)
    arrays = eqx.filter(tree, eqx.is_inexact_array)
    return jax.tree.map(lambda a: jnp.asarray(rng.standard_normal(a.shape)), arrays)


def dot(a, b):
    return sum(float(jnp.vdot(*pair)) for pair in zip(*map(jax.tree.leaves, (a, b)), strict=True))


class Bowl(eqx.Module):
    """½ sᵀAᵀAs + Σ s⁴/4 − sᵀb: an energy with weights."""

    root: jax.Array

    def __call__(self, state, inputs):
        return jnp.sum((self.root @ state) ** 2) / 2 + jnp.sum(state**4 / 4 - state * inputs)


class Oscillator(eqx.Module):
    """A function with weights, for a plain `Field`: a cubic spring that an input holds."""

    k: jax.Array

    def __call__(self, t, s, x):
        return jnp.stack([s[1], x[0] - self.k[0] * s[0] - self.k[1] * s[0] ** 3 - s[1]])


def others():
    """Systems that the catalogue does not hold: (net, inputs of three samples)."""
    draw = np.random.default_rng(5).standard_normal
    w = jnp.asarray(0.4 * draw((4, 4)))
    hollow = w - jnp.diag(jnp.diag(w))
    layers = functools.partial(nd.LayeredLeakyIntegrator.init, (3, 4, 2), key=jax.random.key(1))
    four, three = jnp.asarray(draw((3, 4))), jnp.asarray(0.3 + 0.4 * draw((3, 3)))
    rates = (jnp.full(4, 0.2), jnp.array([1.0, 5.0]))
    held = nd.Hopfield(hollow + hollow.T, clamped=(1,))
    return {
        "graph": (nd.LeakyIntegrator(w), four),
        "graph-clamped": (held, (four[:, :3], jnp.tanh(four[:, 3:]))),
        "dyads": (nd.Dyadic(hollow, alpha=0.3), four),
        "scaled": (nd.Scaled(layers(), rates), three),
        "projected-fast": (nd.Projected(layers(activation=nd.hard_sigmoid), epsilon=0.2), three),
        "energy": (nd.EnergyField(Bowl(jnp.eye(4) + w), four[0], four[0]), four),
        "function": (
            nd.Field(Oscillator(jnp.array([1.0, 0.5])), jnp.zeros(2), jnp.zeros(1)),
            four[:, :1],
        ),
        "nudged": (layers().nudged(HALF_SQUARE, 0.3), (three, four[:, :2])),
    }


def from_catalogue(name):
    network = NETWORKS[name]
    net = network.init((3, 4, 2), activation=network.activation, key=jax.random.key(1))
    x = jnp.array([[0.9, 0.1, 0.4], [0.2, 0.8, 0.6], [0.5, 0.3, 1.0]])
    ((net, inputs),) = phases(net, x, jnp.array([[0.8, 0.1], [0.1, 0.7], [0.6, 0.2]])).values()
    return net, inputs


QUICK = {"projected", "difference-target-propagation"}


@pytest.mark.parametrize(
    "name",
    [
        name if name in QUICK else pytest.param(name, marks=pytest.mark.slow)
        for name in (*NETWORKS, *others())
    ],
)
def test_exact_gradient_by_finite_differences_and_by_the_adjoint_flow(name):
    net, x = from_catalogue(name) if name in NETWORKS else others()[name]
    start = jax.tree.map(lambda s: jnp.full((3, *s.shape), 0.1), net.shapes()[0])
    y = jnp.array([[0.7, 0.2], [0.1, 0.9], [0.4, 0.4]])
    cost = nd.SquaredError(units=(-2, -1))
    direction = random_like(net, 0)
    states, slope = differences(net, cost, start, x, y, direction)
    gradient = equilibrium_gradient(net, cost, states, x, y, tol=1e-12)
    assert jax.tree.structure(gradient) == jax.tree.structure(direction)
    assert abs(float(slope)) > 1e-3
    assert dot(gradient, direction) == pytest.approx(float(slope), rel=1e-6)
    second = recurrent_backprop(net, cost, states, x, y, tol=1e-10)
    assert dot(second, direction) == pytest.approx(float(slope), rel=1e-6)


# tests/golden.json, case vfep_asym: ∂J/∂W worked to 40 digits, checked there by finite differences
ASYMMETRIC = nd.LayeredLeakyIntegrator(
    forward=(
        jnp.array(
            [
                [-0.008178108151113818, 0.003587732121297509],
                [0.022549185540617966, -0.009892316875529968],
            ]
        ),
        jnp.array(
            [
                [-0.031035379494631362, 0.011341198922737841],
                [0.04648250305432433, -0.016986011518146677],
            ]
        ),
        jnp.array([[-0.0765936005541012, 0.08990021465375928]]),
    ),
    feedback=(
        jnp.array(
            [
                [-0.007461973696599806, 0.008758343154154129],
                [0.020574615335812542, -0.024149045373595968],
            ]
        ),
        jnp.array([[-0.02488637924974263], [0.037272983875945215]]),
    ),
)


def assert_close(found, wanted, **tolerance):
    pairs = zip(jax.tree.leaves(found), jax.tree.leaves(wanted), strict=True)
    for a, b in pairs:
        np.testing.assert_allclose(a, b, **tolerance)


@pytest.fixture(scope="module")
def asymmetric():
    """(net, free phase, x, y) of the golden case vfep_asym."""
    problem = layered("vfep_asym")
    free = nd.settle(problem.field, problem.inputs, tol=1e-12).require()
    return problem.field, free, problem.inputs, array(GOLDEN["vfep_asym"]["inputs"]["y"])


@pytest.mark.parametrize("dense", [None, False])
def test_published_case_by_factors_and_by_products(asymmetric, dense):
    net, free, x, y = asymmetric
    found = equilibrium_gradient(net, HALF_SQUARE, free, x, y, rtol=1e-10, dense=dense)
    assert_close(found, ASYMMETRIC, atol=1e-10, rtol=0)


@pytest.mark.parametrize("clipped", [False, True])
def test_recurrent_backprop_by_sweeps_gives_the_same(clipped):
    net = nd.LayeredLeakyIntegrator.init(
        (6, 8, 5, 3), activation=nd.hard_sigmoid, key=jax.random.key(1)
    )
    net = nd.Projected(net) if clipped else net
    x, y = (jax.random.uniform(jax.random.key(n), (4, n)) for n in (6, 3))
    sweeps = {"tol": 1e-10, "method": nd.Sweep()}
    free = nd.settle(net, x, **sweeps).require()
    exact = equilibrium_gradient(net, HALF_SQUARE, free, x, y)
    found = recurrent_backprop(net, HALF_SQUARE, free, x, y, **sweeps)
    for ours, theirs in zip(*map(jax.tree.leaves, (found, exact)), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-9)
        assert np.abs(theirs).max() > 1e-2


def test_recurrent_backprop_gives_the_same_to_its_tolerance(asymmetric):
    net, free, x, y = asymmetric
    found = recurrent_backprop(net, HALF_SQUARE, free, x, y, tol=1e-8)
    assert_close(found, ASYMMETRIC, atol=1e-7, rtol=0)


def test_tied_weights_of_a_hopfield_net_in_pre_activations():
    """Golden case ep_bias_order: the gradient by a tied weight is that by both of its entries."""
    wanted = [
        -0.0847370488136477,
        -0.3331341824251845,
        -0.3693557184187329,
        0.09688874357806232,
        0.07876866852154507,
        -0.27967318087534626,
    ]
    golden = GOLDEN["ep_bias_order"]["inputs"]
    problem = rates("ep_bias_order", array(golden["W"]))
    cost = nd.SquaredError(units=(golden["output_unit"],))
    net = nd.Hopfield(problem.field.weights)
    found = equilibrium_gradient(
        net, cost, problem.fixed_point, problem.inputs, array(golden["y"]), tol=1e-10
    ).weights
    np.testing.assert_allclose((found + found.T)[np.triu_indices(4, 1)], wanted, atol=1e-10)


@pytest.mark.parametrize(
    ("case", "row"),
    [
        (
            "dyadic_lambda_0",
            [
                -0.11263201660553324,
                0.016694868354841547,
                -0.1070820536498941,
                -0.009831604523257638,
                -0.0389671069690717,
            ],
        ),
        (
            "dyadic_lambda_0_5",
            [
                -0.024513022986998714,
                0.015452689114095466,
                -0.03335545007768767,
                0.014905569188874649,
                -0.03260852516916874,
            ],
        ),
    ],
)
def test_cost_of_the_rates_for_weights_w_lambda(case, row):
    golden = GOLDEN[case]["inputs"]
    problem = rates(case, w_lambda(case))
    unit = golden["output_unit"]
    cost = nd.RateCost(nd.SquaredError(units=(unit,)), nd.tanh)
    found = equilibrium_gradient(
        problem.field, cost, problem.fixed_point, problem.inputs, array(golden["y"]), tol=1e-10
    )
    np.testing.assert_allclose(found.weights[unit], row, atol=1e-10)


LINEAR = linear(n=5)
TWO = jnp.stack([LINEAR.inputs, -LINEAR.inputs / 2])
AIM = jnp.array([[0.3], [1.0]])
LAST = nd.SquaredError(units=(4,))
FINE = {"rtol": 1e-10, "atol": 1e-12}


def linear_ends():
    """(fixed points, ∂C/∂s) of two samples of the linear net, in closed form."""
    away = np.eye(5) - np.asarray(LINEAR.field.weights)
    states = np.linalg.solve(away, np.asarray(TWO).T).T
    slopes = np.zeros((2, 5))
    slopes[:, 4] = states[:, 4] - np.asarray(AIM)[:, 0]
    return away, states, slopes


def test_linear_net_in_closed_form_is_the_mean_over_the_batch():
    away, states, slopes = linear_ends()
    found = equilibrium_gradient(LINEAR.field, LAST, jnp.asarray(states), TWO, AIM)
    wanted = np.linalg.solve(away.T, slopes.T) @ states / 2  # (I − W)⁻ᵀ ∂C/∂s sᵀ
    np.testing.assert_allclose(found.weights, wanted, rtol=1e-12)


def test_adjoint_flow_follows_the_law_of_corollary_7():
    """λ(t) = J⁻ᵀ (e^{Jᵀt} − 1) ∂C/∂s on the way to −J⁻ᵀ ∂C/∂s [003 Eq 46, 47]."""
    away, states, slopes = linear_ends()
    flow = AdjointFlow(LINEAR.field, LAST)
    sample = Sample(jnp.asarray(states), TWO, AIM)
    run = nd.integrate(flow, None, sample, [0.0, 1.5], rtol=1e-8, atol=1e-10)
    grown = scipy.linalg.expm(-1.5 * away.T) - np.eye(5)
    np.testing.assert_allclose(
        run.states[:, -1], -np.linalg.solve(away.T, grown @ slopes.T).T, atol=1e-8
    )


def test_through_time_in_closed_form():
    """p(t) = e^{Jᵀt} ∂C/∂s(T) and ∂L/∂W = ∫ p(t) s(T − t)ᵀ dt, by Gauss's rule [003 Eq 44, 45]."""
    time, start = 1.5, np.linspace(-1.0, 1.0, 10).reshape(2, 5)
    away, rest, slopes = linear_ends()
    run = backprop_through_time(LINEAR.field, LAST, jnp.asarray(start), TWO, AIM, time=time, **FINE)

    def state(t):
        return rest + (start - rest) @ scipy.linalg.expm(-away.T * t)

    slopes[:, 4] = (state(time)[:, 4] - np.asarray(AIM)[:, 0]) / 2  # their share of the mean
    np.testing.assert_allclose(run.start, slopes @ scipy.linalg.expm(-away * time), atol=1e-9)
    nodes, shares = np.polynomial.legendre.leggauss(20)
    by_weights = sum(
        share * time / 2 * (slopes @ scipy.linalg.expm(-away * t)).T @ state(time - t)
        for t, share in zip(time * (nodes + 1) / 2, shares, strict=True)
    )
    np.testing.assert_allclose(run.weights.weights, by_weights, atol=1e-9)


@pytest.mark.slow
def test_through_time_is_the_derivative_of_the_solution_computed(asymmetric):
    net, _, x, y = asymmetric

    def cost(net, start):
        end = nd.integrate(net, start, x, [0.0, 3.0], rtol=1e-9, atol=1e-12).states
        return HALF_SQUARE(jax.tree.map(lambda s: s[-1], end), y)

    start = (jnp.array([0.3, -0.2]), jnp.array([0.1, 0.5]), jnp.array([-0.4]))
    by_start = jax.grad(lambda start: cost(net, start))(start)
    fine = {"rtol": 1e-9, "atol": 1e-12}
    found = backprop_through_time(net, HALF_SQUARE, start, x, y, time=3.0, **fine)
    assert_close(found.start, by_start, atol=1e-8, rtol=0)
    assert_close(found.weights, eqx.filter_grad(cost)(net, start), atol=1e-8, rtol=0)
    settled = backprop_through_time(net, HALF_SQUARE, start, x, y, time=60.0, **fine)
    assert_close(settled.weights, ASYMMETRIC, atol=1e-8, rtol=0)


def test_through_time_tends_to_the_settled_gradient_and_forgets_its_start():
    _, states, _ = linear_ends()
    settled = equilibrium_gradient(LINEAR.field, LAST, jnp.asarray(states), TWO, AIM)
    start = jnp.ones((2, 5))
    run = backprop_through_time(LINEAR.field, LAST, start, TWO, AIM, time=80.0, **FINE)
    assert_close(run.weights, settled.weights, atol=1e-8, rtol=0)
    assert_close(run.start, np.zeros((2, 5)), atol=1e-6, rtol=0)


def test_through_time_says_when_it_did_not_get_there():
    with pytest.raises(RuntimeError, match="2 of 2 trajectories did not reach time=100000"):
        backprop_through_time(LINEAR.field, LAST, None, TWO, AIM, time=1e5, **FINE)
    with pytest.raises(ValueError, match="time is -1"):
        backprop_through_time(LINEAR.field, LAST, None, TWO, AIM, time=-1, **FINE)


def test_unstable_point_is_refused_unless_asked_for():
    """Golden case vfep_symW_linear: the flow leaves the point, whose gradient exists."""
    net, x, state = UNSTABLE.field, UNSTABLE.inputs, UNSTABLE.fixed_point
    y = array(GOLDEN["vfep_symW_linear"]["inputs"]["y"])
    with pytest.raises(ValueError, match="not a stable fixed point: an eigenvalue has real part 0"):
        equilibrium_gradient(net, HALF_SQUARE, state, x, y)
    found = equilibrium_gradient(net, HALF_SQUARE, state, x, y, allow_unstable=True)
    weights, _ = as_one_matrix(net)
    slope = np.zeros(5)
    slope[4] = state[-1][0] - y[0]
    costate = np.linalg.solve(np.eye(5) - weights.T, slope)
    np.testing.assert_allclose(found.forward[0], np.outer(costate[:2], x), atol=1e-10)
    np.testing.assert_allclose(found.feedback[1], np.outer(costate[2:4], state[2]), atol=1e-10)


def test_unstable_and_singular_points_are_refused_by_products_and_by_the_adjoint_flow(asymmetric):
    """At zero without an input, J = W − 1: with W₃₂ = W₂₃ = w between two units, −1 ± w and −1."""
    net, free, x, y = asymmetric
    zeros = jax.tree.map(jnp.zeros_like, net)
    zero, rest = jnp.zeros_like(x), jax.tree.map(jnp.zeros_like, free.state)

    def tied(w):
        ends = (zeros.forward[2].at[0, 0].set(w), zeros.feedback[1].at[0, 0].set(w))
        return eqx.tree_at(lambda n: (n.forward[2], n.feedback[1]), zeros, ends)

    with pytest.raises(ValueError, match=r"not a stable .* an eigenvalue has real part 0\.5"):
        equilibrium_gradient(tied(1.5), HALF_SQUARE, rest, zero, y, dense=False)
    with pytest.raises(ValueError, match="singular fixed point"):
        equilibrium_gradient(tied(1.0), HALF_SQUARE, rest, zero, y, dense=False)
    with pytest.raises(nd.NotSettledError, match="adjoint flow did not come to rest"):
        recurrent_backprop(tied(1.5), HALF_SQUARE, rest, zero, y, tol=1e-8)


def test_point_on_a_curve_of_fixed_points_is_refused():
    flow = nd.chain_flow(c=(1.0,), alpha=1.0, beta=1.0)
    with pytest.raises(ValueError, match="singular fixed point"):
        equilibrium_gradient(flow, HALF_SQUARE, jnp.array([2.0, 0.5]), None, jnp.zeros(2))


def test_one_unsettled_sample_of_a_batch_is_refused():
    _, states, _ = linear_ends()
    start = jnp.asarray(states + np.array([[0.0], [5.0]]))
    free = nd.settle(LINEAR.field, TWO, start, tol=1e-8, max_time=1.0)
    assert free.ok.tolist() == [True, False]
    with pytest.raises(nd.NotSettledError, match="1 settled, 1 timed_out"):
        equilibrium_gradient(LINEAR.field, LAST, free, TWO, AIM)
    with pytest.raises(ValueError, match="free is not at rest: its residual is"):
        equilibrium_gradient(LINEAR.field, LAST, free.state, TWO, AIM)


def test_free_phase_of_other_weights_is_refused(asymmetric):
    net, free, x, y = asymmetric
    other = eqx.tree_at(lambda n: n.feedback[1], net, net.feedback[1] + 1e-4)
    with pytest.raises(ValueError, match="settle it with these weights and inputs first"):
        equilibrium_gradient(other, HALF_SQUARE, free, x, y)
    with pytest.raises(ValueError, match="settle it with these weights and inputs first"):
        recurrent_backprop(other, HALF_SQUARE, free, x, y, tol=1e-8)
    equilibrium_gradient(other, HALF_SQUARE, free, x, y, tol=1e-3)  # unless asked to


def test_under_jit_nothing_is_refused_but_the_gradient_is_nan():
    _, states, _ = linear_ends()

    @eqx.filter_jit
    def gradient(net, state):
        return equilibrium_gradient(net, LAST, state, TWO, AIM).weights

    plain = equilibrium_gradient(LINEAR.field, LAST, jnp.asarray(states), TWO, AIM).weights
    np.testing.assert_allclose(gradient(LINEAR.field, jnp.asarray(states)), plain, rtol=1e-12)
    assert np.isnan(gradient(LINEAR.field, jnp.asarray(states + np.array([[0.0], [1.0]])))).all()


def test_float32_stays_float32_and_is_as_good_as_that():
    _, states, _ = linear_ends()
    plain = equilibrium_gradient(LINEAR.field, LAST, jnp.asarray(states), TWO, AIM).weights
    single = [jnp.asarray(a, jnp.float32) for a in (LINEAR.field.weights, states, TWO, AIM)]
    net = nd.LeakyIntegrator(single[0], nd.identity)
    found = equilibrium_gradient(net, LAST, *single[1:]).weights
    assert found.dtype == jnp.float32
    np.testing.assert_allclose(found, plain, rtol=1e-4, atol=1e-5)


def test_linear_solve_that_misses_its_tolerance_is_refused(asymmetric):
    net, free, x, y = asymmetric
    with pytest.raises(ValueError, match=r"the linear solve is off by .* above\s+rtol=1e-30"):
        equilibrium_gradient(net, HALF_SQUARE, free, x, y, rtol=1e-30)


def test_what_does_not_fit_is_named(asymmetric):
    net, free, x, y = asymmetric
    with pytest.raises(ValueError, match=r"inputs\.y has shape \(3,\), but the field needs \(1,\)"):
        equilibrium_gradient(net, HALF_SQUARE, free, x, jnp.zeros(3))
    with pytest.raises(ValueError, match=r"inputs\.x has shape \(5,\)"):
        recurrent_backprop(net, HALF_SQUARE, free, jnp.zeros(5), y, tol=1e-6)
    still = nd.Field(lambda t, s, x: x - s, state=jnp.zeros(2), inputs=jnp.zeros(2))
    with pytest.raises(ValueError, match="net has no floating arrays to differentiate by"):
        equilibrium_gradient(still, HALF_SQUARE, jnp.ones(2), jnp.ones(2), jnp.zeros(2))


@jax.jit
def _seen(matrix):
    return ritz_values(lambda v: (matrix.T @ v,), matrix[0])


def spectrum_seen(matrix):
    return tuple(map(np.asarray, _seen(jnp.asarray(matrix))))


def test_rightmost_eigenvalue_is_seen_from_a_few_products():
    rng = np.random.default_rng(0)
    root = rng.standard_normal((200, 200)) / np.sqrt(200)
    for matrix in (root + root.T - 1.5 * np.eye(200), 1.3 * root - np.eye(200)):
        values, doubt = spectrum_seen(matrix)
        wanted = np.linalg.eigvals(matrix).real.max()
        assert wanted - 0.2 < (values.real - doubt).max() <= wanted + 1e-9
        assert wanted - 0.1 < values.real.max() <= wanted + 0.02


def test_invariant_subspaces_leave_no_spurious_eigenvalues():
    values, _ = spectrum_seen(-np.eye(200))  # the first product is parallel to what it is of
    np.testing.assert_allclose(values, -1, atol=1e-12)
    shift = np.diag(np.ones(3), 1) - np.eye(4)  # one Jordan block: ε^¼ is what rounding makes of it
    np.testing.assert_allclose(spectrum_seen(np.kron(np.eye(50), shift))[0], -1, atol=1e-3)
