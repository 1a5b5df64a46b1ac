"""Jacobians against finite differences, spectra against NumPy, kinds on textbook systems."""

import jax.numpy as jnp
import numpy as np
import pytest
from problems import GOLDEN, SETTLING, UNSTABLE, dense, random_net

import neurodyn as nd


def matrix_field(matrix) -> nd.AbstractField:
    a = jnp.asarray(matrix, float)
    return nd.Field(lambda t, s, x: a @ s, state=jnp.zeros(len(a)))


@pytest.mark.parametrize(
    ("matrix", "kind", "neutral"),
    [
        ([[-1, 0], [0, -2]], "stable_node", 0),
        ([[-1, 3], [-3, -1]], "stable_focus", 0),
        ([[1, 0], [0, -2]], "saddle", 0),
        ([[1, 0], [0, 2]], "unstable_node", 0),
        ([[1, 3], [-3, 1]], "unstable_focus", 0),
        ([[0, 3], [-3, 0]], "centre", 0),
        ([[0, 0], [0, 0]], "neutral", 2),
        ([[0, 0], [0, -2]], "stable_node", 1),
        ([[0, 0, 0], [0, 1, 0], [0, 0, -1]], "saddle", 1),
    ],
)
def test_kinds(matrix, kind, neutral):
    lin = nd.linearise(matrix_field(matrix), jnp.zeros(len(matrix)), None)
    assert str(nd.kind_names(lin.kind)) == kind
    assert int(lin.neutral) == neutral
    np.testing.assert_allclose(lin.jacobian, matrix)
    np.testing.assert_allclose(lin.abscissa, np.linalg.eigvals(np.array(matrix)).real.max())


def test_transverse_eigenvalue_on_the_curve_of_the_chain():
    """[004 Eq 23], α = β = c = 1: fixed points a1 a2 = 1, transverse eigenvalue −(a1² + a2)."""
    flow = nd.Field(
        lambda t, a, x: (1 - a[0] * a[1]) * jnp.stack([jnp.ones(()), a[0]]), state=jnp.zeros(2)
    )
    for a1 in (2.0, 0.5, -0.5, -3.0):
        lin = nd.linearise(flow, jnp.array([a1, 1 / a1]), None)
        assert int(lin.neutral) == 1
        assert float(lin.transverse) == pytest.approx(-(a1**2 + 1 / a1), rel=1e-10)
        stable = a1**2 + 1 / a1 > 0
        assert str(nd.kind_names(lin.kind)) == ("stable_node" if stable else "unstable_node")


@pytest.mark.parametrize("case", ["prop4_counterexample"])
def test_stable_but_not_contracting(case):
    golden = GOLDEN[case]
    lin = nd.linearise(matrix_field(golden["inputs"]["J"]), jnp.zeros(2), None)
    np.testing.assert_allclose(np.sort(lin.eigenvalues.real), golden["expected"]["eigs"])
    assert float(lin.symmetric_bound) == pytest.approx(golden["expected"]["sym_part_eigs"][1])
    assert float(lin.abscissa) < 0 < float(lin.symmetric_bound)


def test_prop_5_network_has_all_its_eigenvalues_at_minus_one():
    w = {
        k: jnp.array([[float(v)]])
        for k, v in GOLDEN["prop5_counterexample_layered"]["inputs"].items()
    }
    net = nd.LayeredLeakyIntegrator(
        forward=(jnp.ones((1, 1)), w["W12"], w["W01"]),
        feedback=(w["W21"], w["W10"]),
        activation=nd.identity,
    )
    lin = nd.linearise(net, (jnp.zeros(1),) * 3, jnp.zeros(1))
    np.testing.assert_allclose(lin.eigenvalues.real, -1, atol=1e-4)  # triple: rounding is ∛ε
    inverse = np.linalg.inv(np.asarray(lin.jacobian))
    assert inverse[-1, -1] == pytest.approx(1.0)  # the output is the last unit


def test_golden_abscissa_and_instability():
    problem = SETTLING[0]
    lin = nd.linearise(problem.field, problem.fixed_point, problem.inputs)
    expected = GOLDEN["vfep_asym"]["expected"]["max_real_eig"]
    assert float(lin.abscissa) == pytest.approx(expected, rel=1e-9)
    assert float(nd.linearise(UNSTABLE.field, UNSTABLE.fixed_point, UNSTABLE.inputs).abscissa) > 0


def test_batched_jacobian_of_a_layered_net_against_its_matrix():
    net = random_net(activation=nd.tanh)
    rng = np.random.default_rng(0)
    states = tuple(jnp.asarray(rng.standard_normal((3, n))) for n in net.sizes[1:])
    lin = nd.linearise(net, states, jnp.zeros((3, net.sizes[0])))
    weights, _ = dense(net)
    for i in range(3):
        s = np.concatenate([layer[i] for layer in states])
        expected = weights * (1 - np.tanh(s) ** 2) - np.eye(len(s))
        np.testing.assert_allclose(lin.jacobian[i], expected, atol=1e-12)
        gaps = np.abs(np.linalg.eigvals(expected)[:, None] - np.asarray(lin.eigenvalues[i]))
        assert max(gaps.min(axis=0).max(), gaps.min(axis=1).max()) < 1e-7
    assert (np.diff(lin.eigenvalues.real, axis=-1) <= 0).all()


def test_zero_band_is_the_users_to_widen():
    field = matrix_field([[-1e-5, 0], [0, -1]])
    assert int(nd.linearise(field, jnp.zeros(2), None).neutral) == 0
    assert int(nd.linearise(field, jnp.zeros(2), None, zero=1e-4).neutral) == 1


def test_scaled_field_has_a_scaled_spectrum():
    field = nd.Scaled(matrix_field([[-1, 0], [0, -2]]), rate=jnp.array([10.0, 1.0]))
    lin = nd.linearise(field, jnp.zeros(2), None)
    np.testing.assert_allclose(np.sort(lin.eigenvalues.real), [-10, -2])


def test_the_zero_band_follows_the_largest_eigenvalue():
    field = matrix_field([[-1e4, 0], [0, -1e-5]])
    assert int(nd.linearise(field, jnp.zeros(2), None).neutral) == 1
    assert int(nd.linearise(field, jnp.zeros(2), None, zero=1e-6).neutral) == 0


def test_every_kind_has_a_name():
    from neurodyn.linearise import KINDS

    assert len(KINDS) == len(nd.Kind)
