"""Settling: right fixed points, honest verdicts, batches that do not mix, clear refusals."""

import diffrax as dfx
import equinox as eqx
import hypothesis
import hypothesis.strategies as st
import jax
import jax.flatten_util
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.optimize
from problems import (
    GOLDEN,
    SETTLING,
    UNSTABLE,
    array,
    bistable,
    blow_up,
    cycle,
    dense,
    newton,
    random_net,
)

import neurodyn as nd


def flat(tree) -> np.ndarray:
    return np.asarray(jax.flatten_util.ravel_pytree(tree)[0])


def names(settled) -> list[str]:
    return np.atleast_1d(nd.verdict_names(settled.verdict)).tolist()


# Right fixed points


@pytest.mark.parametrize("problem", SETTLING, ids=lambda p: p.name)
def test_known_fixed_points_to_1e_10(problem):
    relaxed = nd.settle(problem.field, problem.inputs, tol=1e-11).require()
    np.testing.assert_allclose(flat(relaxed.state), flat(problem.fixed_point), atol=1e-10)
    near = jax.tree.map(lambda s: s + 0.01, relaxed.state)
    polished = nd.settle(problem.field, problem.inputs, near, tol=1e-12, method=nd.Polish())
    np.testing.assert_allclose(flat(polished.require().state), flat(relaxed.state), atol=1e-10)
    assert int(polished.steps) < 10


@pytest.mark.parametrize(
    ("activation", "rho", "slope"),
    [
        (nd.tanh, np.tanh, lambda s: 1 - np.tanh(s) ** 2),
        (nd.hard_sigmoid, lambda s: np.clip(s, 0, 1), lambda s: 1.0 * ((s > 0) & (s < 1))),
    ],
)
def test_layered_net_against_newton_in_numpy(activation, rho, slope):
    net = random_net(activation=activation)
    x = np.random.default_rng(1).random(net.sizes[0])
    settled = nd.settle(net, jnp.asarray(x), tol=1e-11).require()
    weights, entry = dense(net)
    expected = newton(weights, entry @ rho(x), rho, slope, np.zeros(len(weights)))
    np.testing.assert_allclose(flat(settled.state), expected, atol=1e-10)


def test_residual_field_and_scipy_root_agree():
    net = random_net(activation=nd.tanh, seed=3)
    x = jnp.linspace(0, 1, net.sizes[0])
    settled = nd.settle(net, x, tol=1e-10)
    zeros, unravel = jax.flatten_util.ravel_pytree(jax.tree.map(jnp.zeros_like, settled.state))
    root = scipy.optimize.root(
        lambda s: flat(net(0.0, unravel(jnp.asarray(s)), x)), zeros, tol=1e-13
    )
    np.testing.assert_allclose(flat(settled.state), root.x, atol=1e-9)
    assert float(nd.residual(net, settled.state, x)) == pytest.approx(float(settled.residual))


def test_projected_flow_settles_where_the_corrected_eq_59_does():
    net = random_net(seed=5)
    x = jnp.linspace(0, 1, net.sizes[0])
    weights, entry = dense(net)
    h, drive = np.zeros(len(weights)), entry @ np.clip(x, 0, 1)
    for _ in range(4000):  # h ← 0 ∨ (h + ε μ) ∧ 1, with plus and with brackets
        h = np.clip(h + 0.05 * (weights @ np.clip(h, 0, 1) - h + drive), 0, 1)
    for epsilon in (1.0, 0.2):
        projected = nd.settle(nd.Projected(net, epsilon=epsilon), x, tol=1e-9).require()
        np.testing.assert_allclose(flat(projected.state), h, atol=1e-8)
    plain = nd.settle(net, x, tol=1e-9).require()
    assert flat(plain.state).min() < -0.1  # so the plain and the projected point differ
    np.testing.assert_allclose(np.clip(flat(plain.state), 0, 1), h, atol=1e-8)


def test_plain_flow_leaves_the_box_where_the_appendix_says_it_cannot():
    case = GOLDEN["appC_force_claim"]
    net = nd.LeakyIntegrator(weights=array(case["inputs"]["W"]), activation=nd.hard_sigmoid)
    mu = net(0.0, array(case["inputs"]["h"]), jnp.zeros(2))
    np.testing.assert_allclose(mu, case["expected"]["mu"], atol=case["tolerance"])
    assert float(mu[0]) < 0 < case["expected"]["claimed_mu0"]


def test_nudge_moves_a_linear_output_as_computed_by_hand():
    # one output unit h = w x + β(y − h): h = (w x + β y)/(1 + β)
    net = nd.LayeredLeakyIntegrator(
        forward=(jnp.array([[2.0]]),), feedback=(), activation=nd.identity
    )
    x, y = jnp.array([0.7]), jnp.array([-1.0])
    for beta in (-0.25, 0.0, 0.5, 4.0):
        field = nd.Nudged(net, nd.SquaredError(), beta=beta)
        (h,) = nd.settle(field, (x, y), tol=1e-10).require().state
        assert float(h[0]) == pytest.approx((1.4 - beta) / (1 + beta), abs=1e-9)


# Honest verdicts


def test_limit_cycle_is_timed_out():
    net, inputs, start = cycle()
    run = nd.settle(net, inputs, start, tol=1e-6, max_time=300.0)
    assert names(run) == ["timed_out"]
    assert float(run.time) == pytest.approx(300) and float(run.residual) > 0.1
    with pytest.raises(nd.NotSettledError, match=r"1 timed_out.*largest residual.*max_time"):
        run.require()


def test_too_short_a_time_and_too_few_steps():
    net = random_net()
    x = jnp.ones(net.sizes[0])
    assert names(nd.settle(net, x, tol=1e-8, max_time=2.0)) == ["timed_out"]
    assert names(nd.settle(net, x, tol=1e-8, method=nd.Relax(max_steps=5))) == ["out_of_steps"]


@pytest.mark.parametrize(
    ("field", "start"),
    [
        (blow_up(), 0.0),  # infinite at a finite time
        (nd.Field(lambda t, s, x: 2 * s, state=jnp.zeros(1)), 1.0),  # exponential growth
        (nd.Field(lambda t, s, x: -jnp.sqrt(s) - 0.1, state=jnp.zeros(1)), 1.0),  # NaN on the way
        (nd.Field(lambda t, s, x: s * jnp.nan, state=jnp.zeros(1)), 1.0),  # NaN at once
    ],
)
def test_blow_up_is_diverged(field, start):
    run = nd.settle(field, None, jnp.array([start]), tol=1e-6, max_time=100.0)
    assert names(run) == ["diverged"]
    assert int(run.steps) < 500


def test_blow_up_time_is_close_to_the_true_one():
    run = nd.settle(blow_up(), None, tol=1e-6, method=nd.Relax(accuracy=1e-8, fraction=1e-8))
    assert float(run.time) == pytest.approx(np.pi / 2, abs=1e-6)


def test_one_stuck_sample_in_128_changes_and_stops_nobody():
    net, _, start = cycle()
    rng = np.random.default_rng(0)
    inputs = 12 * np.sign(rng.standard_normal((128, 2))) + rng.standard_normal((128, 2))
    inputs[37] = 0.0  # only this one lies on the limit cycle
    run = nd.settle(net, jnp.asarray(inputs), start, tol=1e-8, max_time=200.0)
    stuck = np.arange(128) == 37
    assert (np.asarray(run.ok) == ~stuck).all() and names(run)[37] == "timed_out"
    assert np.asarray(run.residual)[~stuck].max() <= 1e-8
    assert np.asarray(run.time)[~stuck].max() < 60
    alone = nd.settle(net, jnp.asarray(inputs[~stuck]), start, tol=1e-8, max_time=200.0)
    np.testing.assert_allclose(np.asarray(run.state)[~stuck], alone.state, atol=1e-12)
    np.testing.assert_array_equal(np.asarray(run.steps)[~stuck], alone.steps)


def test_newton_onto_the_unstable_point_is_said_to_be_unstable():
    net, inputs, _ = bistable()
    start = jnp.array([0.02, 0.01])
    run = nd.settle(net, inputs, start, tol=1e-10, method=nd.Polish())
    assert names(run) == ["unstable"]
    np.testing.assert_allclose(run.state, 0, atol=1e-9)
    assert names(nd.settle(net, inputs, start, tol=1e-10)) == ["settled"]


def test_an_unstable_golden_point_is_found_and_not_called_settled():
    near = jax.tree.map(lambda s: s + 1e-3, UNSTABLE.fixed_point)
    run = nd.settle(UNSTABLE.field, UNSTABLE.inputs, near, tol=1e-12, method=nd.Polish())
    assert names(run) == ["unstable"]
    np.testing.assert_allclose(flat(run.state), flat(UNSTABLE.fixed_point), atol=1e-11)
    assert names(nd.settle(UNSTABLE.field, UNSTABLE.inputs, near, tol=1e-10)) == ["diverged"]


def test_newton_that_jumps_is_said_to_have_moved_away():
    # Near u = 0.66 the Jacobian is almost singular, so Newton leaps over the fixed points.
    net, inputs, u = bistable()
    start = jnp.array([0.75, 0.75])
    run = nd.settle(net, inputs, start, tol=1e-10, method=nd.Polish())
    assert names(run) == ["moved_away"]
    flow = nd.settle(net, inputs, start, tol=1e-10).require()
    np.testing.assert_allclose(flow.state, u, atol=1e-9)


def test_polish_never_calls_settled_what_the_flow_does_not_go_to():
    net, inputs, _ = bistable()
    starts = jnp.asarray(np.random.default_rng(0).uniform(-2, 2, (500, 2)))
    flow = nd.settle(net, inputs, starts, tol=1e-8).require()
    jump = nd.settle(net, inputs, starts, tol=1e-8, method=nd.Polish())
    same = np.abs(np.asarray(jump.state - flow.state)).max(axis=1) < 1e-6
    assert set(jump.counts()) == {"settled", "moved_away", "unstable"}
    assert same[np.asarray(jump.ok)].all() and np.mean(jump.ok) > 0.5


def test_polish_from_a_limit_cycle_is_not_settled():
    rng = np.random.default_rng(1)
    net = nd.LeakyIntegrator(weights=jnp.asarray(rng.standard_normal((10, 10))))
    starts = jnp.asarray(rng.uniform(-2, 2, (60, 10)))
    flow = nd.settle(net, jnp.zeros(10), starts, tol=1e-6, max_time=200.0)
    coarse = nd.settle(net, jnp.zeros(10), starts, tol=0.03, max_time=200.0)
    fine = nd.settle(net, jnp.zeros(10), coarse.state, tol=1e-6, method=nd.Polish(), max_time=200.0)
    assert not (np.asarray(fine.ok) & ~np.asarray(flow.ok)).any()


def test_polish_takes_a_slow_but_right_point():
    net = nd.LeakyIntegrator(weights=jnp.array([[0.95]]), activation=nd.identity)
    coarse = nd.settle(net, jnp.ones(1), tol=3e-2).require()
    fine = nd.settle(net, jnp.ones(1), coarse.state, tol=1e-10, method=nd.Polish()).require()
    assert float(fine.state[0]) == pytest.approx(20, abs=1e-8)


def test_polish_sees_a_small_unstable_eigenvalue_beside_a_stiff_one():
    field = nd.Field(lambda t, s, x: jnp.stack([-1e6 * s[0], 1e-3 * s[1]]), state=jnp.zeros(2))
    assert names(nd.settle(field, None, tol=1e-10, method=nd.Polish())) == ["unstable"]


def test_a_start_on_a_saddle_is_at_rest_for_relax_and_unstable_for_polish():
    net, inputs, _ = bistable()
    assert names(nd.settle(net, inputs, tol=1e-6)) == ["settled"]
    assert str(nd.kind_names(nd.linearise(net, jnp.zeros(2), inputs).kind)) == "saddle"
    assert names(nd.settle(net, inputs, tol=1e-6, method=nd.Polish())) == ["unstable"]


def test_polish_that_finds_no_root_does_not_claim_one():
    run = nd.settle(blow_up(), None, tol=1e-8, method=nd.Polish())
    assert names(run)[0] in {"out_of_steps", "diverged"}


def test_polish_on_a_line_of_fixed_points_by_least_squares():
    import lineax as lx

    line = nd.Field(lambda t, s, x: (1 - s[0] * s[1]) * jnp.ones(2), state=jnp.zeros(2))
    solver, start = lx.AutoLinearSolver(well_posed=False), jnp.array([1.2, 0.8])
    loose, strict = (nd.Polish(linear_solver=solver, closer=c) for c in (0.5, 0.01))
    run = nd.settle(line, None, start, tol=1e-12, method=loose).require()
    assert float(run.state[0] * run.state[1]) == pytest.approx(1, abs=1e-12)
    # least squares meets the curve beside the point that the flow goes to
    assert names(nd.settle(line, None, start, tol=1e-12, method=strict)) == ["moved_away"]


def test_large_constant_input_does_not_stop_the_settle_early():
    net = nd.LeakyIntegrator(weights=jnp.array([[0.0, 0.0], [0.0, 0.5]]), activation=nd.identity)
    inputs = jnp.array([1e4, 1.0])
    run = nd.settle(net, inputs, tol=1e-8).require()
    np.testing.assert_allclose(run.state, [1e4, 2.0], atol=1e-7)
    # the slow unit alone decides: e^{-t/2} = 1e-8 at about 37
    assert float(run.time) > 30


def test_start_on_the_fixed_point_takes_no_step():
    problem = SETTLING[0]
    first = nd.settle(problem.field, problem.inputs, tol=1e-10)
    for method in (nd.Relax(), nd.Polish()):
        again = nd.settle(problem.field, problem.inputs, first.state, tol=1e-10, method=method)
        assert int(again.steps) == 0 and float(again.time) == 0 and names(again) == ["settled"]
        np.testing.assert_array_equal(flat(again.state), flat(first.state))


def test_time_constants_over_two_decades():
    net = nd.LeakyIntegrator(weights=jnp.array([[0.0, 0.3], [-0.4, 0.0]]), activation=nd.tanh)
    inputs = jnp.array([0.5, -0.3])
    slow = nd.Scaled(net, rate=jnp.array([10.0, 0.1]))
    plain = nd.settle(net, inputs, tol=1e-9).require()
    run = nd.settle(slow, inputs, tol=1e-9).require()
    np.testing.assert_allclose(run.state, plain.state, atol=1e-8)
    assert float(run.time) > 5 * float(plain.time)
    # the residual is that of μ, not of the slowed-down motion
    assert float(nd.residual(slow, jnp.zeros(2), inputs)) == pytest.approx(0.5)
    assert float(nd.residual(nd.Scaled(net, rate=0.01), jnp.zeros(2), inputs)) == 0.5


def test_slow_units_are_not_settled_for_being_slow_in_any_wrapper():
    net, x = random_net(), jnp.ones(12)
    plain = nd.settle(nd.Projected(net), x, tol=1e-6).require()
    for slow in (
        nd.Projected(nd.Scaled(net, rate=0.01)),
        nd.Scaled(nd.Projected(net), rate=0.01),
        nd.Projected(net, epsilon=50.0),
    ):
        run = nd.settle(slow, x, tol=1e-6, max_time=1e5).require()
        np.testing.assert_allclose(flat(run.state), flat(plain.state), atol=1e-4)


def test_per_layer_rates_reach_the_same_point_and_each_its_layer():
    net, x = random_net(activation=nd.tanh), jnp.ones(12)
    rates = (jnp.full(16, 0.5), jnp.full(8, 2.0), jnp.asarray(3.0))
    slow = nd.Scaled(net, rate=rates)
    state = tuple(jnp.full(n, 0.3) for n in net.sizes[1:])
    for rate, mu, scaled in zip(rates, net(0.0, state, x), slow(0.0, state, x), strict=True):
        np.testing.assert_allclose(scaled, rate * mu)
    a, b = (nd.settle(f, x, tol=1e-9).require() for f in (net, slow))
    np.testing.assert_allclose(flat(a.state), flat(b.state), atol=1e-7)


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
@pytest.mark.parametrize("max_time", [1e3, 1e6, 1e12])
def test_a_long_limit_of_time_does_not_read_as_a_blow_up(dtype, max_time):
    net = nd.LeakyIntegrator(weights=jnp.array([[0.0, 0.3], [-0.4, 0.0]], dtype))
    fast = nd.Scaled(net, rate=jnp.array([300.0, 1.0], dtype))
    run = nd.settle(fast, jnp.ones(2, dtype), tol=1e-5, max_time=max_time)
    assert names(run) == ["settled"]


def test_float32_settles_to_1e_4_and_says_so():
    net = nd.LayeredLeakyIntegrator.init(
        (12, 16, 4), activation=nd.hard_sigmoid, key=jax.random.key(0), dtype=jnp.float32
    )
    x = jnp.ones((5, 12), jnp.float32)
    run = nd.settle(
        nd.Nudged(net, nd.SquaredError(), 0.5), (x, jnp.ones((5, 4), jnp.float32)), tol=1e-4
    )
    assert run.require().state[0].dtype == jnp.float32
    assert float(run.residual.max()) <= 1e-4


def test_an_implicit_solver_for_stiff_time_constants():
    net = nd.LeakyIntegrator(weights=jnp.array([[0.0, 0.3], [-0.4, 0.0]]), activation=nd.tanh)
    stiff = nd.Scaled(net, rate=jnp.array([1000.0, 1.0]))
    x = jnp.array([0.5, -0.3])
    explicit = nd.settle(stiff, x, tol=1e-8).require()
    implicit = nd.settle(stiff, x, tol=1e-8, method=nd.Relax(solver=dfx.Kvaerno5())).require()
    np.testing.assert_allclose(implicit.state, explicit.state, atol=1e-7)
    assert int(implicit.steps) * 20 < int(explicit.steps)
    assert int(implicit.evaluations) == -1  # it does not tell


def test_relax_ends_where_an_accurate_flow_ends_among_many_equilibria():
    rng = np.random.default_rng(4)
    half = rng.standard_normal((12, 12))
    net = nd.LeakyIntegrator(weights=jnp.asarray(0.8 * (half + half.T)), activation=nd.tanh)
    starts = jnp.asarray(rng.uniform(-1, 1, (300, 12)))
    none = jnp.zeros(12)
    quick = nd.settle(net, none, starts, tol=1e-6).require()
    slow = nd.settle(
        net, none, starts, tol=1e-6, method=nd.Relax(accuracy=1e-9, fraction=1e-4)
    ).require()
    assert len(np.unique(np.round(slow.state, 3), axis=0)) > 3
    same = np.abs(np.asarray(quick.state - slow.state)).max(axis=1) < 1e-3
    assert same.mean() >= 0.99
    assert int(quick.evaluations.max()) * 2 < int(slow.evaluations.max())


# Batches


@hypothesis.settings(max_examples=15)
@hypothesis.given(seed=st.integers(0, 10_000))
def test_batch_equals_one_by_one_and_does_not_mind_tiling_or_splitting(seed):
    net = random_net(activation=nd.tanh)
    x = jnp.asarray(np.random.default_rng(seed).uniform(-2, 2, (6, net.sizes[0])))
    together = nd.settle(net, x, tol=1e-8)
    tiled = nd.settle(net, jnp.tile(x, (2, 1)), tol=1e-8)
    halves = [nd.settle(net, part, tol=1e-8) for part in (x[:3], x[3:])]
    rejoined = jax.tree.map(lambda *parts: jnp.concatenate(parts), *halves)
    again = jax.tree.map(lambda leaf: leaf[6:], tiled)
    for other in (rejoined, again):
        np.testing.assert_array_equal(together.steps, other.steps)
        for mine, theirs in zip(together.state, other.state, strict=True):
            np.testing.assert_allclose(mine, theirs, atol=1e-9)
    for i in range(2):
        alone = nd.settle(net, x[i], tol=1e-8)
        assert alone.residual.shape == () and int(alone.steps) == int(together.steps[i])
        np.testing.assert_allclose(
            flat(alone.state), flat(jax.tree.map(lambda s, i=i: s[i], together.state)), atol=1e-9
        )


def test_shared_inputs_with_a_batch_of_starts():
    net, inputs, u = bistable()
    starts = jnp.array([[1.0, 0.5], [-1.0, -0.5], [0.3, -0.1]])
    run = nd.settle(net, inputs, starts, tol=1e-9).require()
    np.testing.assert_allclose(run.state, u * np.array([[1, 1], [-1, -1], [1, 1]]), atol=1e-7)


def test_changing_numbers_compiles_nothing_anew():
    traces = 0

    def flow(t, s, x):
        nonlocal traces
        traces += 1
        return x - s

    decay = nd.Field(flow, state=jnp.zeros(1), inputs=jnp.zeros(1))
    nudged = [nd.Nudged(decay, nd.SquaredError(), b) for b in (0.1, 0.2)]
    pair = jnp.ones(1), jnp.ones(1)
    nd.settle(nudged[0], pair, tol=1e-4)
    before = traces
    nd.settle(nudged[1], pair, jnp.ones(1), tol=1e-5, max_time=50.0)
    assert traces == before  # nor is its shape checked again


def test_settle_inside_jit_and_grad():
    net = random_net(activation=nd.tanh)
    x = jnp.ones((3, net.sizes[0]))
    inside = eqx.filter_jit(lambda net, x: nd.settle(net, x, tol=1e-8))(net, x)
    outside = nd.settle(net, x, tol=1e-8)
    np.testing.assert_allclose(inside.state[-1], outside.state[-1], atol=1e-12)

    def total(scale):
        grown = nd.LeakyIntegrator(weights=scale * jnp.eye(1), activation=nd.identity)
        return nd.settle(grown, jnp.ones(1), tol=1e-10).state.sum()

    # s* = 1/(1 − w), so ds*/dw = 1/(1 − w)² = 4 at w = ½
    assert float(jax.grad(total)(0.5)) == pytest.approx(4, abs=1e-6)


def test_settle_inside_jit_with_the_network_closed_over():
    net, x = random_net(), jnp.ones(12)

    @jax.jit
    def output(x):
        field = nd.Nudged(net, nd.SquaredError(), 0.5)
        end = nd.settle(field, (x, jnp.ones(4)), tol=1e-8).state
        nd.linearise(net, end, x)
        return nd.integrate(net, end, x, [0.0, 1.0], rtol=1e-6, atol=1e-6).states[-1][-1]

    assert np.isfinite(output(x)).all()

    @jax.jit
    def weak(x):
        return nd.settle(nd.Nudged(net, nd.SquaredError(), 1e-9), (x, jnp.ones(4)), tol=1e-6).time

    with pytest.raises(ValueError, match="too small"):
        weak(x)


def test_evaluations_count_what_was_evaluated():
    calls = 0

    def flow(t, s, x):
        def count(_):
            nonlocal calls
            calls += 1

        jax.debug.callback(count, s)
        return 1 - s * jnp.array([1.0, 3.0])

    # the loop of Follow asks twice where XLA, but for the callback, would see that it is the same
    field = nd.Field(flow, state=jnp.zeros(2))
    run = nd.settle(field, None, tol=1e-6, method=nd.Relax())
    jax.effects_barrier()
    assert 0 <= int(run.evaluations) - calls <= 3  # the choice of the first step hides its own


# Clear refusals

NET = random_net()
X = jnp.ones(12)


@pytest.mark.parametrize(
    ("kind", "words", "call"),
    [
        (ValueError, "tol=1e-17 is below what float64", lambda: nd.settle(NET, X, tol=1e-17)),
        (ValueError, "tol=nan", lambda: nd.settle(NET, X, tol=float("nan"))),
        (
            ValueError,
            r"beta=0.0005 is too small for tol=1e-05.*beta\| ≥ 0.001",
            lambda: nd.settle(
                nd.Projected(nd.Nudged(NET, nd.SquaredError(), 5e-4)), (X, jnp.ones(4)), tol=1e-5
            ),
        ),
        (
            ValueError,
            "inputs has shape .11,.*needs .12,. for one",
            lambda: nd.settle(NET, X[1:], tol=1e-6),
        ),
        (ValueError, "inputs holds NaN", lambda: nd.settle(NET, X.at[3].set(jnp.nan), tol=1e-6)),
        (TypeError, "inputs has dtype int", lambda: nd.settle(NET, np.ones(12, int), tol=1e-6)),
        (
            ValueError,
            r"inputs must be an array of shape \(12,\), but is a tuple of",
            lambda: nd.settle(NET, (X, X), tol=1e-6),
        ),
        (
            ValueError,
            r"state0 must be a tuple of \(an array of shape \(16,\).*is an array",
            lambda: nd.settle(NET, X, jnp.ones(28), tol=1e-6),
        ),
        (
            ValueError,
            r"inputs\[1\] has shape \(3,\)",
            lambda: nd.settle(nd.Nudged(NET, nd.SquaredError(), 0.5), (X, jnp.ones(3)), tol=1e-6),
        ),
        (
            ValueError,
            "different sizes",
            lambda: nd.settle(
                nd.Nudged(NET, nd.SquaredError(), 0.5),
                (jnp.ones((3, 12)), jnp.ones((2, 4))),
                tol=1e-6,
            ),
        ),
        (ValueError, "batch is empty", lambda: nd.settle(NET, jnp.ones((0, 12)), tol=1e-6)),
        (TypeError, "inputs is not an array of numbers", lambda: nd.settle(NET, "x", tol=1e-6)),
        (ValueError, "but is None", lambda: nd.settle(NET, None, tol=1e-6)),
        (ValueError, "closer is 0", lambda: nd.Polish(closer=0.0)),
        (TypeError, "solver is Euler", lambda: nd.Relax(solver=dfx.Euler())),
        (ValueError, "max_time is inf", lambda: nd.settle(NET, X, tol=1e-6, max_time=np.inf)),
        (ValueError, "tol is inf", lambda: nd.settle(NET, X, tol=np.inf)),
        (
            ValueError,
            r"beta=-0.0005 is too small.*\|beta\| ≥ 0.001",
            lambda: nd.settle(
                nd.Nudged(nd.Nudged(NET, nd.SquaredError(), -5e-4), nd.SquaredError(), 0.5),
                ((X, jnp.ones(4)), jnp.ones(4)),
                tol=1e-5,
            ),
        ),
        (
            ValueError,
            r"field returns an array of shape \(1,\), but must return an array of shape \(2,\)",
            lambda: nd.settle(nd.Field(lambda t, s, x: -s[:1], jnp.zeros(2)), None, tol=1e-6),
        ),
        (
            ValueError,
            "field has no units",
            lambda: nd.settle(nd.Field(lambda t, s, x: -s, jnp.zeros(0)), None, tol=1e-6),
        ),
        (
            ValueError,
            r"units is \(0, 99\), but the output has 4 units",
            lambda: nd.settle(
                nd.Nudged(NET, nd.SquaredError(units=(0, 99)), 0.5), (X, jnp.ones(2)), tol=1e-6
            ),
        ),
        (ValueError, "accuracy is -1", lambda: nd.Relax(accuracy=-1.0)),
        (ValueError, "beta is", lambda: nd.Nudged(NET, nd.SquaredError(), jnp.ones(2))),
        (ValueError, "beta is nan", lambda: nd.Nudged(NET, nd.SquaredError(), jnp.nan)),
        (TypeError, "the example has dtype int", lambda: nd.Field(lambda *a: 0, jnp.arange(2))),
        (ValueError, "max_time is 0", lambda: nd.settle(NET, X, tol=1e-6, max_time=0.0)),
        (
            ValueError,
            "field has weights that are NaN",
            lambda: nd.settle(
                nd.LeakyIntegrator(weights=jnp.full((2, 2), jnp.nan)), jnp.ones(2), tol=1e-6
            ),
        ),
    ],
)
def test_refusals_in_one_sentence(kind, words, call):
    with pytest.raises(kind, match=words) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_float32_refuses_float64_inputs_and_tolerances():
    net = nd.LeakyIntegrator(weights=jnp.zeros((2, 2), jnp.float32))
    with pytest.raises(TypeError, match="would lose digits"):
        nd.settle(net, jnp.ones(2), tol=1e-4)
    with pytest.raises(ValueError, match=r"float32 can resolve.*jax_enable_x64"):
        nd.settle(net, jnp.ones(2, jnp.float32), tol=1e-7)


def test_counts_of_a_batch():
    net, inputs, start = cycle()
    run = nd.settle(net, jnp.stack([inputs, inputs + 12.0]), start, tol=1e-6, max_time=50.0)
    assert run.counts() == {"timed_out": 1, "settled": 1}


@pytest.mark.parametrize("damping", [0.3, 0.1, 0.03])
def test_a_weakly_damped_oscillation_comes_to_rest_in_its_own_time(damping):
    """x″ = −x − damping x′ falls as exp(−damping t/2): step errors must not keep it going."""
    spring = nd.Field(lambda t, s, x: jnp.stack([s[1], -s[0] - damping * s[1]]), jnp.zeros(2))
    rest = nd.settle(spring, None, jnp.array([1.0, 0.0]), tol=1e-6).require()
    exact = 2 / damping * np.log(1e6)
    assert 0.9 * exact < float(rest.time) < 1.1 * exact


@pytest.mark.parametrize("rate", [1e2, 1e3, 1e5])
@pytest.mark.parametrize("tol", [1e-4, 1e-10])
def test_fast_units_do_not_hover_above_the_tolerance(rate, tol):
    """ds/dt = −rate (s − 1.7): a residual is rate times an error, however high the rate."""
    fast = nd.Field(lambda t, s, x: -x * (s - 1.7), jnp.zeros(2), jnp.zeros(()))
    rest = nd.settle(fast, jnp.asarray(rate), jnp.array([0.3, -2.0]), tol=tol).require()
    assert int(rest.steps) < 60
    assert np.abs(rest.state - 1.7).max() <= 1.01 * tol / rate + 1e-15
