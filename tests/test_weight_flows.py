"""Weight flows of chains and of linear networks: formulas by hand, invariants, refusals."""

import json
import pathlib

import hypothesis
import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from problems import array

import neurodyn as nd
from neurodyn.systems.chain import require_feedback

FOLDER = pathlib.Path(__file__).parent / "theory"
CHAINS = {c["id"]: c for c in json.loads((FOLDER / "golden_004_chain.json").read_text("utf-8"))}
LINEAR = json.loads((FOLDER / "golden_004_linear.json").read_text("utf-8"))["cases"]
SEEDS = st.integers(0, 10**6)
FEW = hypothesis.settings(max_examples=8)


def drawn(seed, *shapes):
    rng = np.random.default_rng(seed)
    return [jnp.asarray(rng.uniform(-1.5, 1.5, shape)) for shape in shapes]


# The flows against formulas written out by hand


@FEW
@hypothesis.given(SEEDS)
def test_chain_of_three_is_eq_36(seed):
    (a1, a2, a3), (c1, c2), (alpha,) = (np.asarray(x) for x in drawn(seed, 3, 2, 1))
    flow = nd.chain_flow((c1, c2), alpha, 0.7)
    error = alpha - 0.7 * a1 * a2 * a3
    a = jnp.array([a1, a2, a3])
    expected = error * np.array([c1, c2 * a1, a1 * a2])
    np.testing.assert_allclose(flow(0.0, a, None), expected, atol=1e-14)
    slope = c1 * a2 * a3 + c2 * a1**2 * a3 + (a1 * a2) ** 2
    np.testing.assert_allclose(flow.product_rate(a), slope * error, atol=1e-13)  # [004 Eq 37]


def test_product_rate_of_two_is_eq_25_also_at_zero():
    flow = nd.chain_flow((-0.5,), 2.0, 0.5)
    for a1, a2 in ((0.0, 1.2), (0.7, 0.0), (-0.4, 0.9)):
        expected = (2 - 0.5 * a1 * a2) * (-0.5 * a2 + a1**2)  # [004 Eq 25]
        found = float(flow.product_rate(jnp.array([a1, a2])))
        assert found == pytest.approx(expected, abs=1e-14)


def test_the_top_factor_belongs_to_the_last_weight():
    a = jnp.array([0.5, 2.0])
    plain, other = (nd.chain_flow((0.3,), 1.0, 1.0, top=top)(0.0, a, None) for top in (1.0, -4.0))
    np.testing.assert_allclose(other, plain * jnp.array([1.0, -4.0]), atol=1e-15)


def test_all_derivatives_need_not_vanish_together():
    case = CHAINS["chain_derivative_zero_counterexample"]
    rates = nd.chain_flow((1.0,), 1.0, 1.0)(0.0, array(case["inputs"]["a"]), None)
    np.testing.assert_array_equal(rates, case["expected"]["derivative"])


@pytest.mark.parametrize("feedback", ["random", "exact"])
@pytest.mark.parametrize("length", [1, 2, 4])
def test_a_linear_network_of_width_one_is_a_chain(feedback, length):
    a, c, (alpha,) = drawn(length, length, length - 1, 1)
    chain = nd.chain_flow(c, alpha, 0.8, feedback=feedback)
    # the c_i of a chain multiply the error itself: as matrices, they are a skipped channel
    skips = feedback == "random"
    wide = nd.linear_flow(
        (1,) * (length + 1),
        feedback="skipped" if skips else "exact",
        channel=[[[x]] for x in c.tolist()] if skips else [],
        sigma_ti=[[float(alpha)]],
        sigma_ii=[[0.8]],
    )
    state = tuple(a[:, None, None])
    found = jnp.stack(wide(0.0, state, None)).ravel()
    np.testing.assert_allclose(found, chain(0.0, a, None), atol=1e-14)
    assert float(wide.product(state)[0, 0]) == pytest.approx(float(chain.product(a)))
    cost = wide.cost(state) + alpha**2 / 1.6  # of the chain it is counted from the minimum
    np.testing.assert_allclose(cost, chain.cost(a), atol=1e-14)


def test_three_layers_are_eq_88():
    A1, A2, C, M = (np.asarray(x) for x in drawn(0, (3, 2), (4, 3), (3, 4), (4, 2)))
    S = np.array([[1.5, 0.3], [0.3, 0.7]])
    flow = nd.linear_flow((2, 3, 4), channel=[C], sigma_ti=M, sigma_ii=S)
    lower, upper = flow(0.0, (jnp.asarray(A1), jnp.asarray(A2)), None)
    error = M - A2 @ A1 @ S
    np.testing.assert_allclose(lower, C @ error, atol=1e-13)
    np.testing.assert_allclose(upper, error @ A1.T, atol=1e-13)
    np.testing.assert_allclose(flow.error((jnp.asarray(A1), jnp.asarray(A2))), error, atol=1e-13)


def test_random_feedback_is_skipped_feedback_through_the_products():
    sizes, shapes = (2, 3, 4, 2, 3), ((3, 4), (4, 2), (2, 3))
    C1, C2, C3 = channel = drawn(1, *shapes)
    M, *state = drawn(2, (3, 2), (3, 2), (4, 3), (2, 4), (3, 2))
    random = nd.linear_flow(sizes, channel=channel, sigma_ti=M)
    skipped = nd.linear_flow(
        sizes, feedback="skipped", channel=[C1 @ C2 @ C3, C2 @ C3, C3], sigma_ti=M
    )
    pairs = zip(random(0.0, tuple(state), None), skipped(0.0, tuple(state), None), strict=True)
    for one, other in pairs:
        np.testing.assert_allclose(one, other, atol=1e-13)


@FEW
@hypothesis.given(SEEDS)
def test_exact_feedback_is_the_negative_gradient_of_the_cost(seed):
    a, M, *state = drawn(seed, 4, (2, 3), (4, 3), (2, 4), (2, 2))
    chain = nd.chain_flow((1.0,) * 3, -0.7, 1.3, feedback="exact")
    np.testing.assert_allclose(chain(0.0, a, None), -jax.grad(chain.cost)(a), atol=1e-12)
    S = jnp.array([[2.0, 0.5, 0.0], [0.5, 1.0, 0.2], [0.0, 0.2, 0.6]])
    wide = nd.linear_flow((3, 4, 2, 2), feedback="exact", sigma_ti=M, sigma_ii=S)
    down = jax.grad(wide.cost)(tuple(state))
    for rate, slope in zip(wide(0.0, tuple(state), None), down, strict=True):
        np.testing.assert_allclose(rate, -slope, atol=1e-12)


def power_by_hand(mu, x):
    return x**mu if float(mu).is_integer() else np.sign(x) * abs(x) ** mu


@pytest.mark.parametrize("mu", [1 / 3, 1, 2, 2.5, 3])
@pytest.mark.parametrize("a1", [0.8, -0.6])
def test_power_chain_is_eq_113_114_and_119(mu, a1):
    inputs, targets, c1, a2 = np.array([0.5, -1.0, 2.0]), np.array([0.3, 0.8, -1.1]), -0.7, 0.4
    f = power_by_hand(mu, a1 * inputs)
    slope = mu * (a1 * inputs) ** (mu - 1) if float(mu).is_integer() else mu * f / (a1 * inputs)
    error = targets - a2 * f  # example by example, as the network computes it
    expected = {
        "random": c1 * np.mean(error * slope * inputs),
        "exact": a2 * np.mean(error * slope * inputs),
        "no_derivative": c1 * np.mean(error * inputs),
    }
    given = nd.moments(inputs, targets, mu)
    for feedback, lower in expected.items():
        flow = nd.power_chain_flow(mu, c1, **given, feedback=feedback)
        found = flow(0.0, jnp.array([a1, a2]), None)
        np.testing.assert_allclose(found, [lower, np.mean(error * f)], atol=1e-13)
        w_rate = a2 * mu * power_by_hand(mu, a1) / a1 * found[0] + power_by_hand(mu, a1) * found[1]
        rate = flow.product_rate(jnp.array([a1, a2]))
        np.testing.assert_allclose(rate, w_rate, atol=1e-13)


def test_moments_and_a_fixed_point_without_the_derivative():
    case = LINEAR["eq113_realizable_has_fixed_points"]
    given, wanted = case["inputs"], case["expected"]
    found = nd.moments(given["I"], given["T"], 3)
    assert found == {name: wanted[name] for name in found}
    flow = nd.power_chain_flow(3, 1.0, **found, feedback="no_derivative")
    assert float(nd.residual(flow, jnp.ones(2), None)) == 0


# What stays constant, and what only decreases


FLOWS = {
    "chain": (nd.chain_flow((0.8, -0.5, 1.2), 1.1, 0.9), (4,)),
    "chain, a zero weight": (nd.chain_flow((0.8, 0.0, 1.2), 1.1, 0.9, top=0.5), (4,)),
    "chain, exact": (nd.chain_flow((1.0,) * 3, 1.1, 0.9, feedback="exact"), (4,)),
    "power": (nd.power_chain_flow(3, 0.7, 1.0, 1.0), (2,)),
    "power, exact": (nd.power_chain_flow(2, 0.7, 1.0, 1.0, feedback="exact"), (2,)),
}


@pytest.mark.parametrize("name", FLOWS)
@FEW
@hypothesis.given(SEEDS)
def test_invariants_of_chains_stay(name, seed):
    flow, shape = FLOWS[name]
    (start,) = drawn(seed, shape)
    run = nd.integrate(flow, start, None, [0.0, 0.3, 1.0, 3.0], rtol=1e-10, atol=1e-10)
    assert str(nd.verdict_names(run.verdict)) == "completed"
    kept = jax.vmap(flow.invariants)(run.states)
    np.testing.assert_allclose(kept, jnp.broadcast_to(kept[0], kept.shape), atol=1e-7)
    assert np.max(np.abs(run.states[-1] - start)) > 1e-3  # though the weights move


@pytest.mark.parametrize(("feedback", "count"), [("random", 2), ("skipped", 1), ("exact", 2)])
def test_invariants_of_linear_networks_stay(feedback, count):
    sizes, batch = (2, 3, 2, 2), 8
    shapes = {"random": ((3, 2), (2, 2)), "skipped": ((3, 2), (2, 2)), "exact": ()}[feedback]
    flow = nd.linear_flow(sizes, feedback=feedback, channel=drawn(3, *shapes))
    start = tuple(drawn(4, (batch, 3, 2), (batch, 2, 3), (batch, 2, 2)))
    run = nd.integrate(flow, start, None, [0.0, 0.5, 2.0], rtol=1e-10, atol=1e-10)
    kept = jax.vmap(jax.vmap(flow.invariants))(run.states)
    assert len(kept) == count
    for matrix in kept:
        np.testing.assert_allclose(matrix[:, -1], matrix[:, 0], atol=1e-7)
    assert np.max(np.abs(run.states[0][:, -1] - start[0])) > 0.1


# Refusals


def test_constants_may_stand_beside_traced_numbers():
    # the check of beta once asked a question of a traced value
    field = jax.jit(lambda a: nd.chain_flow((1.0,), a[0], 1.0)(0.0, a, None))
    np.testing.assert_allclose(field(jnp.array([2.0, 1.0])), [0.0, 0.0], atol=0)


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: nd.chain_flow((1.0,), 1.0, -1.0), "beta is -1"),
        (lambda: nd.chain_flow((1.0,), 1.0, jnp.nan), "beta is nan"),
        (lambda: nd.power_chain_flow(0, 1.0, 1.0, 1.0), "mu is 0"),
        (lambda: nd.power_chain_flow(3, 1.0, 1.0, -1.0), "beta is -1"),
        (lambda: nd.moments([1.0, 2.0], [1.0]), "give pairs"),
        (lambda: nd.moments([], []), "give pairs"),
        (lambda: nd.linear_flow((2,), feedback="exact"), "sizes is"),
        (lambda: nd.linear_flow((2, 0, 2), channel=[]), "sizes is"),
        (lambda: nd.linear_flow((2, 3, 2)), "channel is missing"),
        (lambda: nd.linear_flow((2, 3, 2), channel=[]), "channel holds 0"),
        (lambda: nd.linear_flow((2, 3, 2), channel=[jnp.eye(3)]), r"channel\[0\] has shape"),
        (lambda: nd.linear_flow((2, 2), channel=[], sigma_ti=jnp.eye(3)), "sigma_ti has shape"),
        (
            lambda: nd.linear_flow((2, 2), channel=[], sigma_ii=[[1.0, 2.0], [0.0, 1.0]]),
            "symmetric",
        ),
        (lambda: nd.linear_flow((2, 2, 2), channel=[jnp.ones(2)]), "write it as rows"),
        (lambda: require_feedback("tied", ("random", "exact")), "there are random, exact"),
        (lambda: nd.expansive_flow((), 1.0, 1.0), "c has shape"),
        (lambda: nd.compressive_flow([[1.0]]), "c has shape"),
    ],
)
def test_refusals(make, told):
    with pytest.raises(ValueError, match=told):
        make()


def test_a_lyapunov_matrix_is_known_for_three_layers_only():
    flow = nd.linear_flow((2, 2), channel=[])
    with pytest.raises(ValueError, match="three layers"):
        flow.lyapunov((jnp.eye(2),))


def test_drawn_channels_come_from_the_key():
    one, same, other = (
        nd.linear_flow((2, 3, 2, 4), key=jax.random.key(seed)).channel for seed in (0, 0, 1)
    )
    assert [c.shape for c in one] == [(3, 2), (2, 4)]
    assert all(bool(jnp.array_equal(a, b)) for a, b in zip(one, same, strict=True))
    assert not bool(jnp.array_equal(one[0], other[0]))
