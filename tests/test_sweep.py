"""Sweeps: the fixed points that the flow goes to, the same verdicts, and samples kept apart."""

import equinox as eqx
import jax
import jax.flatten_util
import jax.numpy as jnp
import numpy as np
import pytest
from problems import SETTLING, dense, random_net

import neurodyn as nd
from neurodyn.learning.phases import ExactNudge
from neurodyn.sweep import Sweep, colouring
from neurodyn.systems.clamped import Clamped
from neurodyn.systems.lifted import LiftedNet

SIZES = (24, 16, 16, 6)
BATCH = 16
RNG = np.random.default_rng(0)
X = jnp.asarray(RNG.random((BATCH, SIZES[0])))
Y = jax.nn.one_hot(jnp.arange(BATCH) % SIZES[-1], SIZES[-1], dtype=jnp.float64)
COST = nd.SquaredError()


class Pair(nd.AbstractField):
    """dh/dt = x₀ o + 1 − h, do/dt = x₁ h − o: at rest h = 1/(1 − x₀x₁), o = x₁ h."""

    said: float = 1.0  # the leak that it tells; the true one is 1

    def shapes(self):
        one = jax.ShapeDtypeStruct((1,), jnp.float64)
        return (one, one), jax.ShapeDtypeStruct((2,), jnp.float64)

    def flow(self, t, state, x):
        (h, o) = state
        return x[0] * o + 1 - h, x[1] * h - o

    def leak(self):
        return jnp.asarray(self.said), jnp.asarray(self.said)


class Ring(nd.AbstractField):
    """Three layers, each of which hears the other two."""

    def shapes(self):
        one = jax.ShapeDtypeStruct((1,), jnp.float64)
        return (one, one, one), one

    def flow(self, t, state, x):
        a, b, c = state
        return x - 0.2 * (b + c) - a, 0.3 * (a - c) - b, 0.1 * (a + b) - c

    def leak(self):
        return (jnp.ones(()),) * 3


def names(settled) -> list[str]:
    return np.atleast_1d(nd.verdict_names(settled.verdict)).tolist()


def flat(state) -> np.ndarray:
    """One row per sample."""
    return np.concatenate([np.asarray(layer) for layer in jax.tree.leaves(state)], axis=-1)


def net_of(activation, gain=1.0):
    net = nd.LayeredLeakyIntegrator.init(SIZES, activation=activation, key=jax.random.key(1))
    return jax.tree.map(lambda w: gain * w, net)


def both(field, inputs, start=None, tol=1e-9):
    swept = nd.settle(field, inputs, start, tol=tol, method=Sweep())
    return swept, nd.settle(field, inputs, start, tol=tol, method=nd.Relax())


def assert_same(swept, relaxed, atol=1e-6):
    """All settled, and where the flow goes."""
    for settled in (swept, relaxed):
        settled.require()
    np.testing.assert_allclose(flat(swept.state), flat(relaxed.state), atol=atol)


# Where the flow goes


@pytest.mark.parametrize("activation", [nd.hard_sigmoid, nd.tanh], ids=lambda a: a.name)
def test_untied_nets_free_and_nudged(activation):
    for gain in (0.3, 0.6, 1.0):
        start = None
        for beta in (0.0, 1.0, 0.1, -0.5):
            swept, relaxed = both(nd.Nudged(net_of(activation, gain), COST, beta), (X, Y), start)
            assert_same(swept, relaxed)
            assert int(swept.evaluations.sum()) < int(relaxed.evaluations.sum())
            start = swept.state if start is None else start


def test_a_strong_net_needs_a_share_of_the_way():
    field = nd.Nudged(net_of(nd.tanh, 1.5), COST, 0.0)
    swept, relaxed = both(field, (X, Y))
    full = nd.settle(field, (X, Y), tol=1e-9, method=Sweep(patience=10_000))
    assert np.mean(full.ok) < 0.5 < np.mean(swept.ok)
    same = np.abs(flat(swept.state) - flat(relaxed.state)).max(axis=1) < 1e-6
    assert np.mean(same[np.asarray(swept.ok)]) > 0.7


def test_projected_nudged():
    net = net_of(nd.hard_sigmoid)
    weights, entry = dense(net)
    output = np.arange(len(weights)) >= len(weights) - SIZES[-1]
    target = np.concatenate([np.zeros((BATCH, len(weights) - SIZES[-1])), Y], axis=1)
    for beta in (1.0, -0.5):
        field = nd.Projected(nd.Nudged(net, COST, beta), epsilon=0.5)
        swept = nd.settle(field, (X, Y), tol=1e-9, method=Sweep()).require()
        h = np.zeros((BATCH, len(weights)))
        for _ in range(4000):  # h ← 0 ∨ (h + ε μ) ∧ 1
            mu = h @ weights.T + X @ entry.T - h + beta * output * (target - h)
            h = np.clip(h + 0.1 * mu, 0, 1)
        np.testing.assert_allclose(flat(swept.state), h, atol=1e-6)
        assert h.min() == 0  # some at the wall


def test_exact_nudge():
    net = net_of(nd.tanh, 0.6)
    free = nd.settle(net, X, tol=1e-9, method=Sweep()).state
    for beta in (1.0, 0.1):
        assert_same(*both(ExactNudge(net, COST, beta), (X, Y, free), free))


@pytest.mark.parametrize(
    ("cost", "slope"),
    [
        (nd.SoftmaxCrossEntropy(), lambda o: np.exp(o) / np.exp(o).sum(axis=-1, keepdims=True)),
        (nd.LogisticCrossEntropy(), lambda o: 1 / (1 + np.exp(-o))),
    ],
)
def test_costs_that_bend(cost, slope):
    one_layer = nd.LayeredLeakyIntegrator((0.1 * jnp.asarray(RNG.random((6, 24))),), ())
    for beta in (1.0, -0.5):
        swept = nd.settle(nd.Nudged(one_layer, cost, beta), (X, Y), tol=1e-12, method=Sweep())
        output = np.asarray(swept.require().state[0])
        drive = np.tanh(X) @ one_layer.forward[0].T
        np.testing.assert_allclose(output, drive - beta * (slope(output) - Y), atol=1e-11)
        assert int(swept.steps.max()) < 20


@pytest.mark.parametrize(
    "problem", [p for p in SETTLING if isinstance(p.fixed_point, tuple)], ids=lambda p: p.name
)
def test_known_fixed_points_to_1e_10(problem):
    swept = nd.settle(problem.field, problem.inputs, tol=1e-12, method=Sweep()).require()
    np.testing.assert_allclose(flat(swept.state), flat(problem.fixed_point), atol=1e-10)


def test_wrappers_rest_where_their_field_does():
    net = net_of(nd.tanh, 0.6)
    plain = nd.settle(net, X, tol=1e-9, method=Sweep()).require()
    slow = nd.Scaled(net, tuple(jnp.full(n, 0.1 * n) for n in SIZES[1:]))
    scaled = nd.settle(slow, X, tol=1e-9, method=Sweep())
    np.testing.assert_array_equal(flat(scaled.state), flat(plain.state))
    held = nd.settle(Clamped(net, units=(0, 3)), (X, Y[:, :2]), tol=1e-9, method=Sweep()).require()
    np.testing.assert_allclose(held.state[-1][:, (0, 3)], Y[:, :2], atol=1e-9)
    np.testing.assert_allclose(nd.residual(net, plain.state, X), plain.residual, atol=1e-15)


def test_signals_of_a_pathway_come_down_in_a_sweep_or_two():
    path = nd.Pathway.init((5, 4, 3), key=jax.random.key(0))
    sample = jnp.ones(5), jnp.array([1.0, 0.0, 0.0])
    swept = nd.settle(path, sample, tol=1e-12, method=Sweep()).require()
    np.testing.assert_allclose(flat(swept.state), flat(path.discrete(sample)), atol=1e-12)
    assert int(swept.steps) <= 3


def test_dyads_rest_at_the_forward_pass():
    net = nd.LayeredDyadic.init(SIZES, lam=0.5, key=jax.random.key(0))
    swept = nd.settle(net, X, tol=1e-9, method=Sweep()).require()
    s = X
    for w, layer in zip(net.forward, swept.state, strict=True):  # where W_λ with λ = ½ rests
        s = np.tanh(s @ w.T)
        np.testing.assert_allclose(np.tanh(layer), np.concatenate([s, s], axis=1), atol=1e-8)


# Several fixed points


def test_tied_nets_may_rest_elsewhere_but_always_where_the_flow_stays():
    net = nd.LayeredHopfield.init(SIZES, key=jax.random.key(1))
    net = jax.tree.map(lambda w: 2 * w, net)
    swept, relaxed = (settled.require() for settled in both(net, X))
    same = np.abs(flat(swept.state) - flat(relaxed.state)).max(axis=1) < 1e-6
    assert 0.5 < same.mean() < 1
    assert (np.asarray(nd.linearise(net, swept.state, X).abscissa) < 0).all()
    nudged = nd.settle(net.nudged(COST, 0.5), (X, Y), swept.state, tol=1e-9, method=Sweep())
    assert np.mean(nudged.ok) > 0.9


# How a sweep goes


def test_one_sweep_by_hand():
    net, x = random_net((4, 3, 3, 2), activation=nd.tanh), jnp.linspace(-1, 1, 4)
    state = tuple(jnp.linspace(0, 1, n) for n in (3, 3, 2))
    swept = nd.settle(net, x, state, tol=1e-9, method=Sweep(max_steps=1))
    (w1, w2, w3), (b1, b2), rho = net.forward, net.feedback, np.tanh
    h2 = state[1]
    h1, o = w1 @ rho(x) + b1 @ rho(h2), w3 @ rho(h2)
    h2 = w2 @ rho(h1) + b2 @ rho(o)
    np.testing.assert_allclose(flat(swept.state), np.concatenate([h1, h2, o]), atol=1e-14)
    assert names(swept) == ["out_of_steps"] and float(swept.time) == 0
    assert (int(swept.steps), int(swept.evaluations)) == (1, 2)
    expected = np.abs(w1 @ rho(x) + b1 @ rho(h2) - h1).max(), np.abs(w3 @ rho(h2) - o).max()
    assert float(swept.residual) == pytest.approx(max(expected), rel=1e-12)


def colours(field):
    state, inputs = jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), field.shapes())
    return colouring(field, state, field.drive(inputs))


def test_layered_nets_have_two_colours_whatever_wraps_them():
    net = random_net((4, 3, 3, 3, 2))
    chain = ((0, 2), (1, 3))
    assert colours(net) == chain
    nudged = nd.Projected(nd.Nudged(net, COST, 0.5))
    assert colours(nudged) == chain
    assert colours(ExactNudge(net, COST, 0.5)) == chain
    assert colours(nd.LayeredDyadic.init((4, 3, 3, 3, 2), key=jax.random.key(0))) == chain
    assert colours(random_net((4, 2))) == ((0,),)
    assert colours(Ring()) == ((0,), (1,), (2,))


def test_a_net_of_three_colours_settles():
    swept = nd.settle(Ring(), jnp.ones(1), tol=1e-12, method=Sweep()).require()
    matrix = np.array([[1, 0.2, 0.2], [-0.3, 1, 0.3], [-0.1, -0.1, 1]])
    np.testing.assert_allclose(flat(swept.state), np.linalg.solve(matrix, [1, 0, 0]), atol=1e-11)


def test_a_sweep_multiplies_by_each_matrix_once():
    net = random_net((4, 3, 3, 2))

    @jax.jit
    def swept(x):
        return nd.settle(net, x, tol=1e-6, method=Sweep()).state

    program = str(swept.lower(jnp.ones((5, 4))).compile().as_text())
    # four matrices in a sweep, the same in the judging, and what drives the first layer
    assert program.count(" dot(") == 4 + 4 + 1


# Honest verdicts, and samples apart


def test_every_kind_of_sample_in_one_batch_and_each_as_if_alone():
    gains = [(0.5, 0.5), (2.0, 2.0), (6.0, -6.0), (1e200, 1e200), (1.0, 1.0), (0.0, 0.0)]
    x = jnp.asarray(gains)
    run = nd.settle(Pair(), x, tol=1e-10, method=Sweep(max_steps=600))
    kinds = ["settled", "diverged", "settled", "diverged", "out_of_steps", "settled"]
    assert names(run) == kinds
    for k in (0, 2, 5):
        a, b = gains[k]
        h = 1 / (1 - a * b)
        np.testing.assert_allclose(flat(run.state)[k], [h, b * h], atol=1e-9)
    rested = np.asarray(run.ok)
    assert (np.asarray(run.residual) <= 1e-10).tolist() == rested.tolist()
    assert int(run.steps[5]) == 2 and int(run.steps[4]) == 600 and int(run.steps[3]) < 10
    for k in range(len(gains)):
        alone = nd.settle(Pair(), x[k : k + 1], tol=1e-10, method=Sweep(max_steps=600))
        np.testing.assert_array_equal(flat(alone.state)[0], flat(run.state)[k])
        assert (int(alone.steps[0]), names(alone)[0]) == (int(run.steps[k]), kinds[k])


@pytest.mark.parametrize("said", [0.7, 3.0])
def test_the_verdict_rests_on_the_residual_and_not_on_what_a_field_says_of_its_leak(said):
    x = jnp.array([[0.5, 0.5], [0.5, -0.5]])
    run = nd.settle(Pair(said), x, tol=1e-9, method=Sweep()).require()
    assert (np.asarray(nd.residual(Pair(said), run.state, x)) <= 1e-9).all()
    np.testing.assert_allclose(run.state[0][:, 0], [4 / 3, 4 / 5], atol=1e-8)


def test_a_growing_residual_is_not_called_settled():
    # every change is 0.9 of the one before, and the residual at the end 1e6 times as large
    x = jnp.array([9e5, 1e-6])
    run = nd.settle(Pair(), x, tol=1e-6, method=Sweep()).require()
    assert float(run.residual) <= 1e-6 and int(run.evaluations) >= int(run.steps) + 1
    np.testing.assert_allclose(run.state[0], 10, atol=1e-4)


def test_a_nudge_that_undoes_the_leak_is_diverged():
    net = net_of(nd.tanh, 0.6)
    for beta, verdict in ((-0.5, "settled"), (-1.0, "diverged"), (-2.0, "diverged")):
        field = nd.Nudged(net, COST, beta)
        assert set(names(nd.settle(field, (X, Y), tol=1e-6, method=Sweep()))) == {verdict}
    few = nd.Nudged(net, nd.SquaredError(units=(0, 2)), -2.0)
    assert set(names(nd.settle(few, (X, Y[:, :2]), tol=1e-6, method=Sweep()))) == {"diverged"}


def test_float32_and_a_batch_of_one():
    net = jax.tree.map(lambda w: w.astype(jnp.float32), net_of(nd.hard_sigmoid))
    x = X.astype(jnp.float32)
    many = nd.settle(net, x, tol=1e-4, method=Sweep()).require()
    one = nd.settle(net, x[3:4], tol=1e-4, method=Sweep()).require()
    assert {leaf.dtype for leaf in jax.tree.leaves(many.state)} == {jnp.dtype("float32")}
    assert one.residual.shape == (1,) and one.residual.dtype == jnp.float32
    np.testing.assert_allclose(flat(one.state)[0], flat(many.state)[3], atol=1e-5)


def test_a_weight_change_by_sweeps_inside_jit():
    net = net_of(nd.tanh, 0.6)

    def change(method):
        found = nd.contrast(net, COST, None, X, Y, rule="ep", beta=1.0, tol=1e-9, method=method)
        return found.change.forward, found.used

    (swept, used), (relaxed, _) = eqx.filter_jit(change)(Sweep()), change(None)
    assert used.all()
    for a, b in zip(swept, relaxed, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-7)


# Clear refusals


@pytest.mark.parametrize(
    ("field", "inputs"),
    [
        (nd.LeakyIntegrator(jnp.zeros((2, 2))), jnp.ones(2)),
        (LiftedNet((jnp.ones((2, 2)),)), jnp.ones(2)),
        (nd.Field(lambda t, s, x: -s, jnp.zeros(2)), None),
        (nd.LayeredHopfield.init((2, 2), variables="rate", key=jax.random.key(0)), jnp.ones(2)),
        (
            random_net((2, 2)).nudged(nd.RateCost(COST, nd.tanh), 0.5),
            (jnp.ones(2), jnp.ones(2)),
        ),
    ],
    ids=lambda case: type(case).__name__,
)
def test_fields_that_are_not_known_to_leak_are_refused(field, inputs):
    words = rf"field is {type(field).__name__}, which is not known to leak.*Relax\(\)"
    with pytest.raises(TypeError, match=words) as caught:
        nd.settle(field, inputs, tol=1e-6, method=Sweep())
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["patience", "bound", "max_steps"])
def test_options_must_be_positive(name):
    with pytest.raises(ValueError, match=f"{name} is 0: it must be positive"):
        Sweep(**{name: 0})


# Fewer digits first


class Fine(nd.AbstractField):
    """Two layers whose weights are as many numbers of float64 in the code itself: no other dtype
    will do."""

    scale: jax.Array = eqx.field(default_factory=lambda: jnp.ones((130, 130)))

    def shapes(self):
        layer = jax.ShapeDtypeStruct((130,), jnp.float64)
        return (layer, layer), layer

    def flow(self, t, state, x):
        a, b = state
        return x - 0.3 * b - a, FINE @ (self.scale @ a) / 130 - b

    def leak(self):
        return jnp.ones(()), jnp.ones(())


FINE = np.eye(130)[::-1] * 0.5
WIDE = nd.LayeredLeakyIntegrator.init((24, 120, 100, 6), activation=nd.tanh, key=jax.random.key(2))


def test_sweeping_in_float32_first_changes_neither_ends_nor_verdicts():
    x = X * jnp.linspace(0.0, 3.0, BATCH)[:, None]
    start = tuple(jnp.zeros((BATCH, n)).at[3].set(1e200) for n in WIDE.sizes[1:])
    for first in (None, start):  # 1e200 is more than float32 holds
        runs = [
            nd.settle(WIDE, x, first, tol=1e-11, method=Sweep(coarse=coarse))
            for coarse in (True, False)
        ]
        assert names(runs[0]) == names(runs[1])
        np.testing.assert_allclose(flat(runs[0].state), flat(runs[1].state), atol=1e-8)
        assert np.abs(np.asarray(runs[0].steps) - np.asarray(runs[1].steps)).max() <= 2
    assert names(runs[0])[2] == "out_of_steps" and names(runs[0]).count("settled") == BATCH - 1


def test_float32_leaves_what_is_left_to_float64():
    for method in (Sweep(), nd.Follow()):
        few = nd.settle(WIDE, 0.5 * X[:3], tol=1e-13, method=method).require()
        assert float(few.residual.max()) <= 1e-13
    huge = jax.tree.map(lambda w: w.astype(jnp.float32), WIDE)
    assert nd.settle(huge, X[0].astype(jnp.float32), tol=1e-5, method=Sweep()).ok


def test_a_field_that_float32_does_not_fit_is_swept_as_it_is():
    x = jnp.asarray(RNG.random((3, 130)))
    swept, relaxed = both(Fine(), x)
    assert_same(swept, relaxed)
