"""The analyses of learning: what their fits and steps do, and what their quick form finds."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from problems import GOLDEN, layered

import neurodyn as nd
from neurodyn import data


def verdicts(content: dict) -> list[str]:
    return [s["verdict"] for s in content["statements"] if s["verdict"] != "measured"]


# Adjoints


def test_rates_are_fitted_where_errors_stand_clear_of_rounding(analyses):
    rate = analyses("adjoint_runs").rate
    ts = np.linspace(1, 60, 24)
    fast_then_slow = 3 * np.exp(-0.5 * ts) + 40 * np.exp(-2 * ts)
    assert rate(ts, fast_then_slow + 1e-10) == pytest.approx(-0.5, abs=1e-3)
    assert rate(ts, 0.1 * np.exp(0.2 * ts)) == pytest.approx(0.2)


def test_the_cases_of_the_adjoint_are_those_of_the_golden_file(analyses):
    adjoint = analyses("adjoint_runs")
    problem = layered("vfep_asym")
    net = adjoint.five_units(nd.tanh)
    for ours, theirs in zip(jax.tree.leaves(net), jax.tree.leaves(problem.field), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    away, golden = adjoint.repelling(), layered("vfep_symW_linear", nd.identity)
    for ours, theirs in zip(away.rest, golden.fixed_point, strict=True):
        np.testing.assert_allclose(ours[0], theirs, atol=1e-12)
    assert away.abscissa > 0.1
    wanted = GOLDEN["vfep_asym"]["expected"]["max_real_eig"]
    state = tuple(h[None] for h in problem.fixed_point)
    found = nd.linearise(net, state, problem.inputs[None]).abscissa
    assert float(found[0]) == pytest.approx(wanted, abs=1e-9)


@pytest.mark.slow
def test_adjoint_limits(quick):
    content = quick("adjoint_limits")
    assert verdicts(content) == ["reached"] * 3 and content["verdict"] == "reached"
    numbers = content["numbers"]
    assert max(numbers["differences"].values()) < 1e-6
    (five,) = numbers["nets"].values()
    assert five["abscissa"] == pytest.approx(GOLDEN["vfep_asym"]["expected"]["max_real_eig"])
    assert five["rates"] == pytest.approx([five["abscissa"]] * 2, rel=0.1)
    assert max(five["apart"]) < 1e-8 and five["recurrent"][-1] < 1e-8 < 0.1 < five["recurrent"][0]
    np.testing.assert_allclose(five["recurrent"], five["law"], atol=1e-9)
    away = numbers["repelling"]
    assert away["rate"] == pytest.approx(away["abscissa"], rel=0.02)
    assert away["recurrent"][-1] > 10 * away["recurrent"][0]


# Dyads


def test_the_order_is_that_of_the_smallest_nudges(analyses):
    order = analyses("dyadic_limits").order
    betas = np.array([0.4, 0.2, 0.1, 0.05, 0.025])
    assert order(betas, 3 * betas**2) == pytest.approx(2)
    assert order(betas, betas**2 + 10 * betas**4) == pytest.approx(2.05, abs=0.05)
    assert order(betas, betas) == pytest.approx(1)


def test_the_gain_is_that_of_the_weights_between_layers(analyses):
    dyadic = analyses("dyadic_limits")
    whole, half = dyadic.dyads(0.75, 1.0), dyadic.dyads(0.75, 0.5)
    np.testing.assert_array_equal(half.forward[0], whole.forward[0])
    np.testing.assert_array_equal(half.forward[1], whole.forward[1] / 2)
    assert float(half.lam) == 0.75 and half.sizes == dyadic.SIZES


@pytest.mark.slow
def test_dyadic_limits(quick):
    content = quick("dyadic_limits")
    assert verdicts(content) == ["reached"] * 4
    numbers = content["numbers"]
    for row in numbers["gradient"].values():
        assert row["order"] == pytest.approx(2, abs=0.02) and row["relative error"][-1] < 1e-3
    assert numbers["backpropagation"]["gap"] < 1e-9
    assert numbers["backpropagation"]["extrapolated"] < 1e-6
    assert max(numbers["equilibrium propagation"]["relative gaps"]) < 1e-8
    away = numbers["random order"]["λ = 0.5"]
    assert away[0] > 0.1 and away[-1] < 1e-10


# The angle of paper 003


def test_updates_are_counted_uphill_only_where_they_are_known(analyses):
    angle, runs = analyses("vfep_angle"), analyses("vfep_runs")
    looks = [
        runs.Look(k, {"nu": c}, 1.0, -1.0, [], 0.5, 0.5, 1.0)
        for k, c in ((0, 0.5), (10, float("nan")), (20, -0.1), (30, 0.3))
    ]
    found = angle.summary(looks, "nu")
    assert (found["measured"], found["uphill"]) == (3, [20])
    assert (found["least"], found["median"], found["most"]) == (-0.1, 0.3, 0.5)
    assert "1 of 3 uphill (updates 20)" in angle.uphill({"nu": found}, "nu")
    none = angle.summary(looks[1:2], "nu")
    assert (none["measured"], none["uphill"]) == (0, []) and np.isnan(none["least"])


def test_a_trace_that_ends_higher_is_not_said_to_grow_unless_it_always_does(analyses):
    course = analyses("vfep_angle").course
    assert course(np.array([1.0, 3.0, 2.0])) == (
        "1.00 → 2.00 (larger at the end, not monotone, between 1.00 and 3.00)"
    )
    assert "(larger at the end, growing all the way," in course(np.array([1.0, 2.0, 3.0]))
    assert "(not larger at the end, not monotone," in course(np.array([2.0, 1.0, 2.0]))


@pytest.mark.parametrize("clipped", [False, True])
def test_a_step_moves_both_directions_at_the_rate_of_their_layers(analyses, clipped):
    runs = analyses("vfep_runs")
    net = runs.drawn(0)
    net = nd.Projected(net) if clipped else net
    change = jax.tree.map(jnp.ones_like, eqx.filter(net, eqx.is_inexact_array))
    before, after = runs.plain_net(net), runs.plain_net(runs.stepped(net, change))
    first, second, third = runs.RATES
    for old, new, rate in zip(before.forward, after.forward, (first, second, third), strict=True):
        np.testing.assert_allclose(new - old, rate)
    for old, new, rate in zip(before.feedback, after.feedback, (second, third), strict=True):
        np.testing.assert_allclose(new - old, rate)


@pytest.mark.slow
def test_errors_are_the_share_of_wrong_digits(analyses):
    runs, few = analyses("vfep_runs"), data.load("digits", samples=4)
    net = jax.tree.map(jnp.zeros_like, runs.drawn(0))  # all is zero, and class 0 comes first
    assert runs.errors(net, few) == 0.75


@pytest.mark.slow
def test_vfep_angle(quick):
    content = quick("vfep_angle")
    assert verdicts(content) == ["reached", "reached"]
    (cosines,) = content["numbers"]["cosines"].values()
    assert all(cosines[rule]["measured"] == 2 for rule in ("ep", "nu", "exact-nudge-centred"))
    assert not any(row["uphill"] for row in cosines.values())
    assert cosines["exact-nudge-centred"]["least"] > 0.98 > 0.6 > cosines["nu"]["most"]
    assert len(content["numbers"]["random nets"]) == 3
    (run,) = content["numbers"]["training"].values()
    assert [look["update"] for look in run["looks"]] == [0, 10] and run["share settled, least"] == 1
