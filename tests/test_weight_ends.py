"""Where weights end: chains and linear networks against goldens and certified end points."""

import json
import pathlib

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from problems import array, exact

import neurodyn as nd
from neurodyn.theory import Chain, Compressive, Expansive, PowerChain

FOLDER = pathlib.Path(__file__).parent / "theory"
CHAINS = {c["id"]: c for c in json.loads((FOLDER / "golden_004_chain.json").read_text("utf-8"))}
LINEAR = json.loads((FOLDER / "golden_004_linear.json").read_text("utf-8"))["cases"]
TIGHT = nd.Relax(accuracy=1e-10, solver=diffrax.Dopri8())


def rest(flow, start, **options):
    return nd.settle(flow, None, start, tol=1e-11, method=TIGHT, **options)


SETTLING = [
    name
    for name, case in CHAINS.items()
    if name.startswith("chain") and "tau_star" in case["expected"]
]


@pytest.mark.parametrize("name", [name for name in SETTLING if "tangency" not in name])
def test_chain_goldens(name):
    given, wanted = CHAINS[name]["inputs"], CHAINS[name]["expected"]
    flow = nd.chain_flow(exact(given["c"]), exact(given["alpha"]), exact(given["beta"]))
    end = rest(flow, array(given["a0"])).require().state
    np.testing.assert_allclose(end, wanted["a_final"], atol=1e-10)
    lin = nd.linearise(flow, end, None)
    assert float(lin.transverse) == pytest.approx(wanted["stability_exponent"], rel=1e-8)
    assert int(lin.neutral) == len(given["c"])


def test_a_frozen_weight_and_a_chain_that_never_rests():
    given = CHAINS["chain2_trivial_c0"]
    flow = nd.chain_flow((0.0,), 1.4, 0.7)
    end = rest(flow, array(given["inputs"]["a0"])).require().state
    np.testing.assert_allclose(end, given["expected"]["a_final"], atol=1e-10)
    never = nd.chain_flow((1.0, 0.0), 1.0, 1.0)  # P stays 0, and a1 = 1/2 + t
    found = rest(never, array(CHAINS["chain3_trivial_c2_0_a2_0"]["inputs"]["a0"]), max_time=50.0)
    assert str(nd.verdict_names(found.verdict)) == "timed_out"
    np.testing.assert_allclose(found.state, [50.5, 0.0, 3.0], atol=1e-9)


def test_algebraic_approaches_are_never_called_settled():
    flow = nd.chain_flow((1.0,), 1.0, 1.0)
    slow = rest(flow, jnp.array([-2.0, 0.5]), max_time=1000.0)  # to the tangency (−1, −1)
    assert str(nd.verdict_names(slow.verdict)) == "timed_out"
    assert float(slow.state[0]) == pytest.approx(-1.0006651843423866, abs=1e-9)
    half = nd.integrate(
        flow, jnp.array([-2.0, 0.5]), None, [0.0, 10.0], rtol=1e-11, atol=1e-12
    ).states[-1, 0]
    assert float(half) == pytest.approx(-1.059339689726097, abs=1e-9)
    triple = CHAINS["chain2_alpha0_triple_root"]
    run = nd.integrate(
        nd.chain_flow((1.0,), 0.0, 1.0),
        array(triple["inputs"]["a0"]),
        None,
        [0.0, 200.0],
        rtol=1e-11,
        atol=1e-12,
    )
    wanted = [triple["expected"]["a1_at_t200"], triple["expected"]["a2_at_t200"]]
    np.testing.assert_allclose(run.states[-1], wanted, atol=1e-9)


def test_a_start_on_the_unstable_side_rests_there_until_it_is_pushed():
    wanted = CHAINS["chain2_start_on_unstable"]["expected"]
    flow, start = nd.chain_flow((1.0,), 1.0, 1.0), jnp.array([-0.5, -2.0])
    assert bool(rest(flow, start).ok)
    lin = nd.linearise(flow, start, None)
    assert str(nd.kind_names(lin.kind)) == "unstable_node"
    assert float(lin.transverse) == pytest.approx(wanted["growth_rate"], rel=1e-12)
    for push, end in ((-1e-9, "minus_eps_goes_to"), (1e-9, "plus_eps_goes_to")):
        found = rest(flow, start + jnp.array([push, 0.0])).require().state
        assert float(found[0]) == pytest.approx(wanted[end], abs=1e-8)


def test_a_negative_top_weight_blows_up_where_certified():
    flow = nd.chain_flow((1.0,), 1.0, 1.0, top=-1.0)
    found = rest(flow, jnp.array([[2.0, 1.0], [0.5, 0.5]]))
    kinds = [Chain((1,), 1, 1, -1).limit(a).kind for a in ((2, 1), ("1/2", "1/2"))]
    told = {"diverges": "diverged", "stable": "settled"}
    assert [told[kind] for kind in kinds] == nd.verdict_names(found.verdict).tolist()
    assert "diverges" in kinds


def against_certified(length, runs, seed):
    rng = np.random.default_rng(seed)
    c = rng.integers(2, 16, (runs, length - 1)) * rng.choice([-1, 1], (runs, length - 1))
    alpha, beta = rng.integers(2, 21, runs) * rng.choice([-1, 1], runs), rng.integers(2, 21, runs)
    start = rng.integers(-15, 16, (runs, length))

    def one(c, alpha, beta, a):
        return rest(nd.chain_flow(c, alpha, beta), a).state

    found = jax.jit(jax.vmap(one))(c / 10, alpha / 10, beta / 10, start / 10)
    for row in range(runs):
        tenths = (c[row], alpha[row], beta[row], start[row])
        numbers = [[f"{x}/10" for x in np.ravel(t)] for t in tenths]
        end = Chain(numbers[0], numbers[1][0], numbers[2][0]).limit(numbers[3])
        np.testing.assert_allclose(found[row], np.array(end.n(17), float), rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("length", [2, 3])
def test_random_chains_end_where_certified(length):
    against_certified(length, runs=24, seed=length)


@pytest.mark.slow
@pytest.mark.parametrize("length", [4, 5, 6])
def test_deep_chains_end_where_certified(length):
    against_certified(length, runs=60, seed=length)


@pytest.mark.parametrize("name", ["1N1_neg_all", "1N1_one_zero_c"])
def test_expansive_goldens(name):
    given, wanted = LINEAR[name]["inputs"], LINEAR[name]["expected"]
    flow = nd.expansive_flow(*(exact(given[key]) for key in ("c", "alpha", "beta")))
    end = rest(flow, (array(given["a0"])[:, None], array(given["b0"])[None, :])).require().state
    np.testing.assert_allclose(end[0][:, 0], wanted["a_final"], atol=1e-9)
    np.testing.assert_allclose(end[1][0], wanted["b_final"], atol=1e-9)
    certified = Expansive(given["c"], given["alpha"], given["beta"]).limit(given["a0"], given["b0"])
    np.testing.assert_allclose(end[0][:, 0], np.array(certified.n()[0], float), atol=1e-9)


@pytest.mark.parametrize("name", ["N1N_generic", "N1N_dependent_negative_beta"])
def test_compressive_goldens(name):
    given, wanted = LINEAR[name]["inputs"], LINEAR[name]["expected"]
    flow = nd.compressive_flow(exact(given["C"]))
    end = rest(flow, (array(given["A0"])[None, :], array(given["B0"])[:, None])).require().state
    np.testing.assert_allclose(end[0][0], wanted["A_final"], atol=1e-9)
    certified = Compressive(given["C"]).limit(given["A0"], given["B0"])
    np.testing.assert_allclose(end[1][:, 0], np.array(certified.n()[1], float), atol=1e-9)
    kind = str(nd.kind_names(nd.linearise(flow, end, None).kind))
    assert (kind == "saddle") == (certified.kind == "saddle")


def test_an_autoencoder_on_coloured_data_is_not_the_best():
    given, wanted = (LINEAR["N1N_diag_sigma_suboptimal"][key] for key in ("inputs", "expected"))
    sigma = jnp.diag(array(given["Sigma"]))
    flow = nd.compressive_flow(exact(given["C"]), sigma_ti=sigma, sigma_ii=sigma)
    end = rest(flow, (array(given["A0"])[None, :], array(given["B0"])[:, None])).require().state
    np.testing.assert_allclose(end[0][0], wanted["A_final"], atol=1e-9)
    np.testing.assert_allclose(end[1][:, 0], wanted["B_final"], atol=1e-9)
    error = float(flow.cost(end) + jnp.trace(sigma) / 2)
    assert error == pytest.approx(wanted["error_reached"], abs=1e-9)
    assert error > wanted["error_optimal_rank1"]


@pytest.mark.parametrize("name", ["nl_mu3", "nl_mu_third", "nl_mu1", "nl_mu3_a1_zero"])
def test_power_chain_goldens(name):
    given, wanted = LINEAR[name]["inputs"], LINEAR[name]["expected"]
    numbers = [exact(given[key]) for key in ("mu", "c1", "alpha", "beta")]
    flow = nd.power_chain_flow(*numbers)
    end = rest(flow, array(given["a0"])).require().state
    np.testing.assert_allclose(end, [wanted["a1_final"], wanted["a2_final"]], atol=1e-10)
    certified = PowerChain(*(given[key] for key in ("mu", "c1", "alpha", "beta")))
    np.testing.assert_allclose(end, np.array(certified.limit(given["a0"]).n(), float), atol=1e-10)
    if "rate" in wanted:
        found = float(nd.linearise(flow, end, None).transverse)
        assert found == pytest.approx(wanted["rate"], rel=1e-8)


def test_a_negative_start_of_a_cube_stalls():
    wanted = LINEAR["nl_mu3_negative_start_stalls"]["expected"]
    flow, start = nd.power_chain_flow(3, 1.0, 1.0, 1.0), jnp.array([-0.5, 0.25])
    a1, a2 = nd.integrate(flow, start, None, [0.0, 2000.0], rtol=1e-11, atol=1e-15).states[-1]
    assert float(a1) == pytest.approx(wanted["a1_at_t2000"], rel=1e-9)
    assert float(a2) == pytest.approx(wanted["a2_limit"], abs=1e-7)
    assert PowerChain(3, 1, 1, 1).limit(("-1/2", "1/4")).kind == "stalls"


# Networks of three layers


def three(name):
    given = {key: jnp.asarray(value) for key, value in LINEAR[name]["inputs"].items()}
    sizes = (given["A1"].shape[1], *given["C1"].shape)
    flow = nd.linear_flow(
        sizes, channel=[given["C1"]], sigma_ti=given["Sigma_TI"], sigma_ii=given["Sigma_II"]
    )
    return flow, (given["A1"], given["A2"]), LINEAR[name]["expected"]


def test_three_layer_golden_and_the_matrix_that_decreases():
    flow, start, wanted = three("three_222")
    np.testing.assert_allclose(flow.invariants(start)[0], np.array(wanted["K"]), atol=1e-12)
    run = nd.integrate(flow, start, None, np.linspace(0, 6, 25), rtol=1e-10, atol=1e-12)
    V = np.asarray(jax.vmap(flow.lyapunov)(run.states))
    assert np.linalg.eigvalsh(np.diff(V, axis=0)).max() <= 1e-9
    assert np.linalg.eigvalsh(V[-1] - V[0]).max() < -0.1
    end = rest(flow, start).require().state
    np.testing.assert_allclose(end[0], np.array(wanted["A1_final"]), atol=1e-8)
    np.testing.assert_allclose(end[1], np.array(wanted["A2_final"]), atol=1e-8)
    np.testing.assert_allclose(flow.lyapunov(end), np.array(wanted["V_limit"]), atol=1e-8)
    np.testing.assert_allclose(flow.product(end), np.array(wanted["target"]), atol=1e-9)


def test_full_row_rank_brings_only_the_part_seen_by_the_channel():
    flow, start, wanted = three("three_212_partial_only")
    end = rest(flow, start).require().state
    np.testing.assert_allclose(flow.product(end), np.array(wanted["A2A1"]), atol=1e-8)
    np.testing.assert_allclose(flow.channel[0] @ flow.error(end), np.zeros((1, 2)), atol=1e-9)
    assert float(jnp.max(jnp.abs(flow.product(end) - flow.sigma_ti))) == pytest.approx(
        0.704, abs=1e-3
    )


def test_two_by_two_golden():
    given, wanted = LINEAR["sys111_a"]["inputs"], LINEAR["sys111_a"]["expected"]
    flow = nd.linear_flow((2, 2, 2), channel=[jnp.eye(2)])
    end = rest(flow, (jnp.asarray(given["A0"]), jnp.asarray(given["B0"]))).require().state
    np.testing.assert_allclose(end[0], np.array(wanted["A_final"]), atol=1e-8)
    np.testing.assert_allclose(end[1], np.array(wanted["B_final"]), atol=1e-8)
    np.testing.assert_allclose(flow.invariants(end)[0], np.array(wanted["K"]), atol=1e-8)
    lin = nd.linearise(flow, end, None)
    assert int(lin.neutral) == 4 and float(lin.transverse) < 0
