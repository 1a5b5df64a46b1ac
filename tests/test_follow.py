"""Follow: where the flow goes, its verdicts, less work; and the derivative of what rests there."""

import dataclasses

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from test_sweep import BATCH, COST, SIZES, Pair, X, Y, flat, names, net_of

import neurodyn as nd
from neurodyn.batching import FEWEST, while_going
from neurodyn.field import AbstractWrapper


class Oscillator(nd.AbstractField):
    """Three layers in a ring, each held down by the one before: a cycle where the gain is above 2.

    Of smaller gains the origin attracts.
    """

    def shapes(self):
        one = jax.ShapeDtypeStruct((1,), jnp.float64)
        return (one, one, one), one

    def flow(self, t, state, gain):
        a, b, c = state
        return tuple(-jnp.tanh(gain * before) - s for s, before in ((a, c), (b, a), (c, b)))

    def leak(self):
        return (jnp.ones(()),) * 3


class Strays(AbstractWrapper):
    """A field with a leak that is not true, so that sweeps go astray."""

    field: nd.AbstractField

    def flow(self, t, state, drive):
        return self.field.flow(t, state, drive)

    def leak(self):
        return jax.tree.map(lambda one: 0.01 * one, self.field.leak())


TIED = jax.tree.map(lambda w: 2 * w, nd.LayeredHopfield.init(SIZES, key=jax.random.key(1)))


# Where the flow goes, with less work


def test_among_several_fixed_points_it_takes_the_one_of_the_flow():
    accurate = nd.settle(TIED, X, tol=1e-9, method=nd.Relax(accuracy=1e-7)).require()
    followed = nd.settle(TIED, X, tol=1e-9, method=nd.Follow()).require()
    np.testing.assert_allclose(flat(followed.state), flat(accurate.state), atol=1e-6)
    assert int(followed.evaluations.sum()) < int(accurate.evaluations.sum()) / 3
    swept = nd.settle(TIED, X, tol=1e-9, method=nd.Sweep())
    assert np.abs(flat(swept.state) - flat(accurate.state)).max() > 0.1  # that is what it is for


def test_over_relaxation_halves_the_sweeps_of_slow_tied_nets():
    pair = nd.LayeredHopfield(tuple(jnp.asarray(w)[None, None] for w in (1.0, 0.99)), nd.identity)
    sweeps = {
        most: int(nd.settle(pair, jnp.ones(1), tol=1e-9, method=method).require().steps)
        for most in (1.0, 1.7)
        for method in [nd.Sweep(most=most, patience=100, max_steps=5000)]
    }
    # the error shrinks by 0.99² in a sweep; over-relaxed by 2/(1 + √(1 − 0.99²)) − 1 at best
    assert sweeps[1.0] > 800 and sweeps[1.7] < sweeps[1.0] / 2
    assert TIED.has_energy() and TIED.nudged(COST, 0.5).has_energy()
    assert nd.Projected(TIED).has_energy() and not net_of(nd.tanh).has_energy()


@pytest.mark.parametrize("beta", [0.0, 0.5])
def test_untied_nets_free_and_nudged(beta):
    field = nd.Nudged(net_of(nd.tanh), COST, beta)
    relaxed = nd.settle(field, (X, Y), tol=1e-9, method=nd.Relax()).require()
    followed = nd.settle(field, (X, Y), tol=1e-9, method=nd.Follow()).require()
    np.testing.assert_allclose(flat(followed.state), flat(relaxed.state), atol=1e-7)
    assert (np.asarray(followed.residual) <= 1e-9).all()
    assert int(followed.evaluations.sum()) < 0.7 * int(relaxed.evaluations.sum())
    assert (np.asarray(followed.time) < np.asarray(relaxed.time)).all()


def test_it_is_the_flow_alone_where_there_is_no_leak():
    dense = nd.LeakyIntegrator(jnp.array([[0.0, -0.5], [0.5, 0.0]]))
    followed = nd.settle(dense, jnp.ones(2), tol=1e-6, method=nd.Follow())
    relaxed = nd.settle(dense, jnp.ones(2), tol=1e-6, method=nd.Relax())
    np.testing.assert_allclose(flat(followed.state), flat(relaxed.state), atol=1e-10)
    assert followed.counts() == relaxed.counts() and int(followed.steps) == int(relaxed.steps)


def test_nothing_is_swept_where_near_is_enough():
    field, method = net_of(nd.tanh), nd.Follow()
    followed = nd.settle(field, X, tol=0.05, method=method).require()
    approached = nd.settle(field, X, tol=0.05, method=method.approach).require()
    assert float(followed.residual.max()) <= 0.05 and float(followed.residual.max()) > 0.005
    assert (np.asarray(followed.time) > 0).all()
    fine = dataclasses.replace(method.flow, solver=method.approach.solver)  # near is all the way
    relaxed = nd.settle(field, X, tol=0.05, method=fine)
    np.testing.assert_array_equal(followed.steps, relaxed.steps)
    assert int(followed.steps.sum()) >= int(approached.steps.sum())


# The verdicts of the flow


def test_cycles_time_out_and_rest_settles_in_one_batch():
    gains, starts = jnp.array([[1.0], [3.0], [0.5]]), tuple(jnp.full((3, 1), v) for v in (1, 0, 2))
    starts = jax.tree.map(lambda s: s.astype(float), starts)
    run = nd.settle(Oscillator(), gains, starts, tol=1e-8, max_time=60.0, method=nd.Follow())
    assert names(run) == ["settled", "timed_out", "settled"]
    assert float(run.time[1]) == pytest.approx(60) and float(run.residual[1]) > 0.1
    assert np.abs(flat(run.state)[[0, 2]]).max() < 1e-7


def test_every_kind_of_sample_has_the_verdict_of_the_flow():
    x = jnp.asarray([(0.5, 0.5), (2.0, 2.0), (6.0, -6.0), (0.0, 0.0), (0.9, 0.9)])
    runs = [
        nd.settle(Pair(), x, tol=1e-9, max_time=400.0, method=m) for m in (nd.Follow(), nd.Relax())
    ]
    assert names(runs[0]) == ["settled", "diverged", "settled", "settled", "settled"]
    assert names(runs[1]) == names(runs[0])
    for k in (0, 2, 3, 4):
        a, b = np.asarray(x[k])
        h = 1 / (1 - a * b)
        np.testing.assert_allclose(flat(runs[0].state)[k], [h, b * h], atol=1e-6)
        alone = nd.settle(Pair(), x[k], tol=1e-9, max_time=400.0, method=nd.Follow())
        np.testing.assert_allclose(flat(alone.state), flat(runs[0].state)[k], atol=1e-12)


def test_where_sweeps_fail_the_flow_goes_on_from_where_it_was_left():
    field = net_of(nd.tanh, 0.6)
    plain = nd.settle(field, X, tol=1e-9, method=nd.Relax()).require()
    few = nd.Follow(sweep=nd.Sweep(max_steps=3))
    for method, net in ((few, field), (nd.Follow(sweep=nd.Sweep(max_steps=50)), Strays(field))):
        run = nd.settle(net, X, tol=1e-9, method=method).require()
        np.testing.assert_allclose(flat(run.state), flat(plain.state), atol=1e-7)
        np.testing.assert_allclose(run.time, plain.time, rtol=0.2)
        assert (np.asarray(run.evaluations) > np.asarray(plain.evaluations)).all()


def test_one_sample_in_float32():
    net = jax.tree.map(lambda w: w.astype(jnp.float32), net_of(nd.hard_sigmoid))
    one = nd.settle(net, X[3].astype(jnp.float32), tol=1e-4, method=nd.Follow()).require()
    assert {leaf.dtype for leaf in jax.tree.leaves(one.state)} == {jnp.dtype("float32")}
    fine = nd.settle(net_of(nd.hard_sigmoid), X[3], tol=1e-9, method=nd.Sweep()).require()
    np.testing.assert_allclose(flat(one.state), flat(fine.state), atol=1e-3)


def test_rates_that_spread_widely_by_an_implicit_solver():
    rates = jnp.array([1.0, 1e5])
    stiff = nd.Field(lambda t, s, x: rates * (x - s), state=jnp.zeros(2), inputs=jnp.zeros(2))
    flow = nd.Relax(solver=diffrax.Kvaerno5(), max_steps=200)
    run = nd.settle(stiff, jnp.array([1.0, 2.0]), tol=1e-6, method=nd.Follow(flow=flow)).require()
    np.testing.assert_allclose(run.state, [1, 2], atol=1e-6)
    assert float(run.time) == pytest.approx(np.log(1e6), rel=0.3)  # and not 1e5 steps of 1e-5


def test_fields_are_checked():
    with pytest.raises(ValueError, match=r"near is 0: it must be positive\."):
        nd.Follow(near=0)
    with pytest.raises(TypeError, match="approach has the solver Kvaerno5: give an explicit"):
        nd.Follow(approach=nd.Relax(solver=diffrax.Kvaerno5()))


# Batches that grow smaller


@pytest.mark.parametrize("size", [1, FEWEST, FEWEST + 1, 3 * FEWEST, 8 * FEWEST + 5])
def test_a_shrinking_batch_does_what_each_sample_does_alone(size):
    counts = np.random.default_rng(size).integers(0, 200, size)
    counts[0] = 500  # one straggler
    factors = np.linspace(0.5, 0.9, size)

    def one(count, factor, shift):
        def onward(run, constants):
            left, value = run
            return left - 1, constants[0] * value + constants[1]

        return while_going(lambda run: run[0] > 0, onward, (count, 1.0), (factor, shift))

    shift = jnp.asarray(0.25)  # the same for all
    left, value = jax.jit(jax.vmap(one, (0, 0, None)))(jnp.asarray(counts), factors, shift)
    rest = 0.25 / (1 - factors)
    np.testing.assert_allclose(value, rest + (1 - rest) * factors**counts, rtol=1e-12)
    assert not np.asarray(left).any()
    alone = jax.jit(one)(jnp.asarray(counts[-1]), factors[-1], shift)
    np.testing.assert_allclose(alone[1], value[-1], rtol=1e-14)


def test_a_shrinking_batch_inside_another_vmap():
    net = net_of(nd.tanh, 0.6)
    gains = jnp.array([0.5, 1.0, 1.5])
    x = jnp.tile(X, (4, 1)) * jnp.linspace(0, 2, 4 * BATCH)[:, None]

    def rest(gain):
        scaled = jax.tree.map(lambda w: gain * w, net)
        return nd.settle(scaled, x, tol=1e-9, method=nd.Sweep())

    together = jax.vmap(rest)(gains)
    for k, gain in enumerate(gains):
        alone = rest(gain)
        np.testing.assert_allclose(flat(together.state)[k], flat(alone.state), atol=1e-10)
        np.testing.assert_array_equal(np.asarray(together.steps)[k], alone.steps)
        few = nd.settle(
            jax.tree.map(lambda w, g=gain: g * w, net), x[:3], tol=1e-9, method=nd.Sweep()
        )
        np.testing.assert_array_equal(few.steps, alone.steps[:3])


# The derivative of a fixed point


def test_the_gradient_through_settle_is_that_of_the_fixed_point():
    net = net_of(nd.tanh, 0.6)
    start = tuple(jnp.full((BATCH, n), 0.1) for n in SIZES[1:])

    @jax.jit
    def objective(net, x, start):
        end = nd.settle(net, x, start, tol=1e-10, method=nd.Sweep()).state
        return jnp.mean(jax.vmap(COST)(end, Y))

    by_net, by_x, by_start = jax.jit(jax.grad(objective, (0, 1, 2)))(net, X, start)
    free = nd.settle(net, X, tol=1e-10)
    exact = nd.equilibrium_gradient(net, COST, free, X, Y)
    for a, b in zip(jax.tree.leaves(by_net), jax.tree.leaves(exact), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-8)
    assert all(not np.asarray(leaf).any() for leaf in jax.tree.leaves(by_start))
    step = 1e-4 * np.random.default_rng(0).standard_normal(X.shape)
    difference = (objective(net, X + step, start) - objective(net, X - step, start)) / 2
    assert float(np.vdot(by_x, step)) == pytest.approx(float(difference), rel=1e-5)


def test_it_goes_forward_too_and_through_projections():
    net = nd.Projected(nd.Nudged(net_of(nd.hard_sigmoid), COST, 0.5))

    def output(scale):
        settled = nd.settle(net, (scale * X, Y), tol=1e-11, method=nd.Sweep())
        return settled.state[-1].sum()

    _, slope = jax.jvp(output, (1.0,), (1.0,))
    assert float(slope) == pytest.approx(float(output(1.0001) - output(0.9999)) / 2e-4, rel=1e-4)
    assert float(jax.grad(output)(1.0)) == pytest.approx(float(slope), rel=1e-8)


def test_samples_that_do_not_rest_have_no_derivative():
    def rest(weight):
        one = nd.LeakyIntegrator(weight[None, None], activation=nd.identity)
        settled = nd.settle(one, jnp.ones(1), tol=1e-8, max_time=50.0, method=nd.Follow())
        return settled.state.sum()

    slopes = np.asarray(jax.vmap(jax.grad(rest))(jnp.array([0.5, 2.0, -3.0])))
    np.testing.assert_allclose(slopes[[0, 2]], [4, 1 / 16], rtol=1e-6)  # 1/(1 − w)²
    assert np.isnan(slopes[1])
    flat_out = nd.LeakyIntegrator(jnp.eye(1), activation=nd.identity)  # μ = x, whatever s

    def anywhere(x):
        return nd.settle(flat_out, x, tol=1e-8, method=nd.Follow()).state.sum()

    assert np.isnan(jax.grad(anywhere)(jnp.zeros(1))).all()
