"""The costate by sweeps of the transposed system, against NumPy's LU; the judgement is honest."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from problems import dense as as_one_matrix

import neurodyn as nd
from neurodyn.learning.adjoint import AdjointFlow, Sample
from neurodyn.learning.costate import by_sweeps, solve_adjoint, two_colours
from neurodyn.learning.gradient import equilibrium_gradient

COST = nd.SquaredError()
SIZES = (20, 150, 100, 20)  # more numbers in a state than are solved by LU
BATCH = 4
RNG = np.random.default_rng(0)
X, Y = (jnp.asarray(RNG.random((BATCH, n))) for n in (SIZES[0], SIZES[-1]))
FINE: Any = {"rtol": 1e-10}


def net_of(gain=0.7, activation=nd.tanh):
    net = nd.LayeredLeakyIntegrator.init(SIZES, activation=activation, key=jax.random.key(1))
    return jax.tree.map(lambda w: gain * w, net)


def whirling():
    """J = W D − 1 with Wᵀ = −W: the flow comes to rest, but sweeps run away."""
    net = net_of(3.0)
    return eqx.tree_at(lambda n: n.feedback, net, tuple(-w.T for w in net.forward[1:]))


def rest_of(net):
    return nd.settle(net, X, tol=1e-12, method=nd.Sweep()).require().state


def solved(field, cost, sample, batch: int | None = BATCH):
    return solve_adjoint(AdjointFlow(field, cost), sample, jnp.asarray(1e-10), False, batch)


def was_swept(found) -> bool:
    """Zero is what sweeps say of the rightmost eigenvalue, and no other way does."""
    return bool((found.abscissa == 0).all())


def flat(layers) -> np.ndarray:
    return np.concatenate([np.asarray(layer) for layer in layers], axis=-1)


def by_numpy(net, state):
    """(the gradient, the costates): λ = (1 − W D)⁻ᵀ ∂C/∂s, D = diag ρ′(s), one LU per sample."""
    weights, _ = as_one_matrix(net)
    slope = np.zeros((BATCH, len(weights)))
    slope[:, -SIZES[-1] :] = state[-1] - Y
    damped = np.eye(len(weights)) - weights * (1 - np.tanh(flat(state)) ** 2)[:, None, :]
    costate = np.linalg.solve(damped.transpose(0, 2, 1), slope[..., None])[..., 0]
    parts = np.split(costate, np.cumsum(SIZES[1:-1]), axis=1)
    rates = [np.tanh(layer) for layer in (X, *state)]
    forward = [p.T @ r / BATCH for p, r in zip(parts, rates[:-1], strict=True)]
    feedback = [p.T @ r / BATCH for p, r in zip(parts[:-1], rates[2:], strict=True)]
    return (*forward, *feedback), costate


@pytest.mark.parametrize(
    ("net", "swept"), [(net_of(0.2), True), (net_of(0.7), True), (whirling(), False)]
)
def test_gradients_of_nets_weak_and_strong_against_lu(net, swept):
    state = rest_of(net)
    found = equilibrium_gradient(net, COST, state, X, Y, **FINE)
    wanted, costate = by_numpy(net, state)
    for ours, theirs in zip((*found.forward, *found.feedback), wanted, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-9)
        assert np.abs(theirs).max() > 1e-4
    inside = solved(net, COST, Sample(state, X, Y))
    assert was_swept(inside) == swept
    assert not np.any([inside.singular, inside.unstable])
    np.testing.assert_allclose(flat(inside.costate), costate, atol=1e-9)
    assert (np.asarray(inside.missed) <= 1e-10).all()


def test_the_slope_of_the_objective_by_differences_through_settle():
    net = net_of()
    along = jax.tree.map(lambda w: jnp.asarray(RNG.standard_normal(w.shape)), net)

    def ends(step):
        moved = jax.tree.map(lambda w, d: w + step * d, net, along)
        return rest_of(moved)

    def objective(step):
        return np.mean(np.sum(np.asarray(ends(step)[-1] - Y) ** 2, axis=1) / 2)

    slope = (objective(1e-5) - objective(-1e-5)) / 2e-5
    found = equilibrium_gradient(net, COST, ends(0.0), X, Y, **FINE)
    pairs = zip(*map(jax.tree.leaves, (found, along)), strict=True)
    assert sum(float(jnp.vdot(g, d)) for g, d in pairs) == pytest.approx(slope, rel=1e-7)


def test_projected_units_at_a_wall():
    """Of a unit at the wall nothing is felt but −1: the others are a net of their own."""
    net = net_of(activation=nd.hard_sigmoid)
    state = rest_of(nd.Projected(net))
    inside = (flat(state) > 0) & (flat(state) < 1)
    assert 0.2 < inside.mean() < 0.8
    found = solved(nd.Projected(net), COST, Sample(state, X, Y))
    assert was_swept(found) and not np.any([found.singular, found.unstable])
    away = np.eye(sum(SIZES[1:])) - as_one_matrix(net)[0]
    for k, units in enumerate(inside):
        slope = np.zeros(len(units))
        slope[-SIZES[-1] :] = state[-1][k] - Y[k]
        wanted = np.linalg.solve(away[np.ix_(units, units)].T, slope[units])
        np.testing.assert_allclose(flat(found.costate)[k, units], wanted, atol=1e-9)


def test_float32_to_its_own_tolerance():
    state = rest_of(net_of())
    exact, _ = by_numpy(net_of(), state)
    given = (net_of(), state, X, Y)
    net, *rest = jax.tree.map(lambda leaf: leaf.astype(jnp.float32), given)
    found = equilibrium_gradient(net, COST, *rest)
    for ours, theirs in zip((*found.forward, *found.feedback), exact, strict=True):
        assert ours.dtype == jnp.float32
        assert np.linalg.norm(np.asarray(ours) - theirs) <= 1e-3 * np.linalg.norm(theirs)


def test_one_bad_sample_of_a_batch_is_refused_and_the_others_known():
    net, state = net_of(), rest_of(net_of())
    lost, stuck = (jax.tree.map(lambda s, v=v: s.at[1].set(v), state) for v in (jnp.nan, 0.5))
    with pytest.raises(ValueError, match=r"state.* holds NaN"):
        equilibrium_gradient(net, COST, lost, X, Y)
    with pytest.raises(ValueError, match="free is not at rest: its residual is"):
        equilibrium_gradient(net, COST, stuck, X, Y)
    found = solved(net, COST, Sample(lost, X, Y))
    assert not was_swept(found) and np.asarray(found.unstable).tolist() == [0, 1, 0, 0]
    wanted = by_numpy(net, state)[1][[0, 2, 3]]
    np.testing.assert_allclose(flat(found.costate)[[0, 2, 3]], wanted, atol=1e-9)


def test_a_cost_at_its_least_has_no_slope():
    state = rest_of(net_of())
    found = solved(net_of(), COST, Sample(state, X, state[-1]))
    assert was_swept(found) and (flat(found.costate) == 0).all() and (found.missed == 0).all()


# The judgement. Two layers at zero: J = [[−1, A], [B, −1]] with any A and B.

WIDTH = 16
LINE = nd.SquaredError(units=(0, 1))


def two_layers(modes, spread: bool):
    """A net at zero with B = 1 and these first ν, the others small; the cost may not touch them."""
    rng = np.random.default_rng(3)
    inner = 0.4 * rng.standard_normal((WIDTH, WIDTH)) / np.sqrt(WIDTH)
    k = len(modes)
    inner[-k:] = inner[:, -k:] = 0
    inner[-k:, -k:] = modes
    if spread:  # over all units, by a rotation
        turn = np.linalg.qr(rng.standard_normal((WIDTH, WIDTH)))[0]
        inner = turn @ inner @ turn.T
    zeros = nd.LayeredLeakyIntegrator.init((3, WIDTH, WIDTH), key=jax.random.key(0))
    ends = (jnp.zeros((WIDTH, 3)), jnp.eye(WIDTH)), (jnp.asarray(inner),)
    return eqx.tree_at(lambda n: (n.forward, n.feedback), zeros, ends)


def judged(net, **options):
    rest = (jnp.zeros(WIDTH), jnp.zeros(WIDTH))
    y = jnp.array([1.0, -1.0])
    return equilibrium_gradient(net, LINE, rest, jnp.zeros(3), y, dense=False, **options)


@pytest.mark.parametrize("spread", [False, True])
def test_what_does_not_attract_is_refused_though_the_cost_may_not_touch_it(spread):
    """Without spreading, ∂C/∂s lies in the other modes: sweeps from it alone would converge."""
    for nu in (1.0, 1 + 1e-9, 1 - 1e-9):
        with pytest.raises(ValueError, match="singular fixed point"):
            judged(two_layers([[nu]], spread))
    for modes, real in (([[1.21]], "0.1"), ([[3.0, 4.0], [-4.0, 3.0]], "1")):  # √(3 + 4i) = 2 + i
        with pytest.raises(
            ValueError, match=rf"not a stable .* an eigenvalue has real part {real}"
        ):
            judged(two_layers(modes, spread))


def test_what_attracts_is_not_refused_where_sweeps_run_away_or_are_slow():
    sample = Sample((jnp.zeros(WIDTH),) * 2, jnp.zeros(3), jnp.array([1.0, -1.0]))
    slope = np.zeros(2 * WIDTH)
    slope[WIDTH : WIDTH + 2] = -sample.y
    # ν = −4: the flow has −1 ± 2i; ν = 0.99: −0.005
    for nu, swept in ((0.5, True), (-0.8, True), (-4.0, False), (0.99, False)):
        net = two_layers([[nu]], spread=True)
        found = solved(net, LINE, sample, batch=None)
        assert was_swept(found) == swept
        assert not np.any([found.singular, found.unstable])
        wanted = np.linalg.solve(np.eye(2 * WIDTH) - as_one_matrix(net)[0].T, slope)
        np.testing.assert_allclose(flat(found.costate), wanted, atol=1e-8 * np.abs(wanted).max())
        judged(net)


def test_unstable_point_has_its_gradient_if_asked_for_and_nan_under_jit():
    net = two_layers([[1.21]], spread=True)
    assert np.isfinite(judged(net, allow_unstable=True).forward[1]).all()

    change = eqx.filter_jit(lambda net: judged(net).forward[1])
    assert np.isnan(change(net)).all()
    assert np.isfinite(change(two_layers([[0.5]], spread=True))).all()
    assert np.isfinite(change(two_layers([[-4.0]], spread=True))).all()


# Fields that sweeps may not judge


class Chain(nd.AbstractField):
    """Three layers of two units in a row, or in a ring; it may lie about its leak."""

    said: jax.Array
    ring: bool = eqx.field(default=False, static=True)

    def shapes(self):
        layer = jax.ShapeDtypeStruct((2,), jnp.float64)
        return (layer, layer, layer), layer

    def flow(self, t, state, x):
        a, b, c = state
        last = 0.4 * (a - b) if self.ring else -0.4 * b
        return x + 0.4 * b - a, 0.4 * (c - a) - b, last - c

    def leak(self):
        return (self.said,) * 3


def test_only_two_colours_and_the_true_rate_are_judged_by_sweeps():
    assert two_colours(Chain(jnp.ones(()), ring=True)) is None
    assert two_colours(nd.LeakyIntegrator(jnp.zeros((2, 2)))) is None
    assert two_colours(Chain(jnp.ones(()))) == ((0, 2), (1,))
    slope = np.array([0, 0, 0, 0, 0.5, -2])
    sample = Sample((jnp.zeros(2),) * 3, jnp.zeros(2), jnp.asarray(-slope[4:]))
    matrix = np.array([[-1, 0.4, 0], [-0.4, -1, 0.4], [0, -0.4, -1]])
    wanted = np.linalg.solve(np.kron(matrix, np.eye(2)).T, -slope)
    for said in (1.0, 1 + 1e-6, 2.0, -1.0):
        adjoint = AdjointFlow(Chain(jnp.array(said)), COST)
        swept, sound = by_sweeps(adjoint, sample, jnp.asarray(1e-10), None)
        assert bool(sound) == (said == 1)
        if sound:
            np.testing.assert_allclose(flat(swept.costate), wanted, rtol=0, atol=1e-9)
