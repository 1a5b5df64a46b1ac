"""Closed orbits: radius, period and multiplier against closed forms and SciPy."""

import jax.numpy as jnp
import numpy as np
import pytest
import scipy.integrate

import neurodyn as nd

BOX = {"xlim": (-3.0, 3.0), "ylim": (-3.0, 3.0)}


def plane(function) -> nd.Field:
    return nd.Field(lambda t, s, x: jnp.stack(function(s[0], s[1])), state=jnp.zeros(2))


def hopf(rate: float, speed: float = 2.0):
    """r′ = rate r(1 − r²), θ′ = speed: a circle of multiplier exp(−2 rate · 2π/speed)."""

    def flow(x, y):
        pull = rate * (1 - x * x - y * y)
        return [pull * x - speed * y, pull * y + speed * x]

    return plane(flow)


@pytest.mark.parametrize("rate", [0.3, -0.3])
def test_a_circle_known_in_closed_form(rate):
    (cycle,) = nd.portrait(hopf(rate), **BOX).cycles
    assert cycle.kind == ("stable" if rate > 0 else "unstable")
    assert cycle.period == pytest.approx(np.pi, abs=1e-8)
    assert cycle.multiplier == pytest.approx(np.exp(-2 * rate * np.pi), rel=1e-7)
    assert np.abs(np.hypot(*cycle.points.T) - 1).max() < 1e-8
    assert (cycle.points[0] == cycle.points[-1]).all()
    (x0, y0), (x1, y1) = cycle.points[:2]
    assert x0 * y1 - x1 * y0 > 0  # in the direction of the flow, for the unstable one too


def test_van_der_pol_against_scipy():
    def flow(x, y):
        return [y, (1 - x**2) * y - x]

    (cycle,) = nd.portrait(plane(flow), **BOX).cycles

    def crosses(t, s):
        return s[1]

    crosses.direction = -1
    run = scipy.integrate.solve_ivp(
        lambda t, s: flow(*s),
        (0, 200),
        [2.0, 0.0],
        "DOP853",
        rtol=1e-12,
        atol=1e-12,
        events=crosses,
    )
    (times,), (states,) = run.t_events, run.y_events
    assert cycle.period == pytest.approx(times[-1] - times[-2], abs=1e-7)
    assert cycle.points[:, 0].max() == pytest.approx(states[-1][0], abs=1e-3)
    # ∮ div μ dt = ∮ (1 − x²) dt, here by the trapezoidal rule, exact for a period
    x = cycle.points[:-1, 0]
    assert np.log(cycle.multiplier) == pytest.approx(cycle.period * np.mean(1 - x**2), abs=1e-6)


def test_two_nested_cycles_are_told_apart():
    """r′ = r(1 − r²)(r² − 4)/4: r = 1 attracts from … r = 2 repels, by the sign of r′."""

    def flow(x, y):
        r2 = x * x + y * y
        pull = (1 - r2) * (r2 - 4) / 4
        return [pull * x - y, pull * y + x]

    found = nd.portrait(plane(flow), **BOX)
    radii = {cycle.kind: np.hypot(*cycle.points.T) for cycle in found.cycles}
    # r′ < 0 below 1, > 0 between, < 0 above 2
    assert set(radii) == {"stable", "unstable"} and len(found.cycles) == 2
    assert np.abs(radii["stable"] - 2).max() < 1e-7
    assert np.abs(radii["unstable"] - 1).max() < 1e-7
    assert [p.kind for p in found.points] == ["stable_focus"]


def test_the_orbits_around_a_centre_are_a_family_not_a_limit_cycle():
    prey = plane(lambda x, y: [x * (1 - y), y * (x - 1)])
    found = nd.portrait(prey, xlim=(0.0, 3.0), ylim=(0.0, 3.0))
    assert found.cycles and {cycle.kind for cycle in found.cycles} == {"neutral"}
    for cycle in found.cycles:
        x, y = cycle.points.T
        conserved = x - np.log(x) + y - np.log(y)
        assert np.ptp(conserved) < 1e-7
    assert {p.kind for p in found.points} == {"centre", "saddle"}


def test_a_slow_approach_is_not_a_cycle():
    """Algebraic: x′ = −x³, y′ = −y never comes to rest in the time given, and never returns."""
    assert nd.portrait(plane(lambda x, y: [-(x**3), -y]), **BOX, max_time=20.0).cycles == ()


def test_a_flow_that_leaves_has_no_cycle():
    found = nd.portrait(plane(lambda x, y: [1 + x**2, x - y]), **BOX)
    assert found.cycles == () and found.points == ()


@pytest.mark.parametrize("size", [1e-6, 1e6])
def test_a_cycle_of_any_size_is_found(size):
    found = nd.portrait(
        plane(lambda x, y: [y, (1 - (x / size) ** 2) * y - x]),
        xlim=(-3 * size, 3 * size),
        ylim=(-3 * size, 3 * size),
    )
    (cycle,) = found.cycles
    assert cycle.kind == "stable" and cycle.period == pytest.approx(6.66328686, abs=1e-6)


def test_a_cycle_that_repels_beyond_all_numbers():
    """Backwards a relaxation oscillation: exp(∮ div) is more than a float holds."""
    box = {"xlim": (-3.0, 3.0), "ylim": (-90.0, 90.0)}
    (cycle,) = nd.portrait(plane(lambda x, y: [-y, x - 50 * (1 - x**2) * y]), **box).cycles
    assert cycle.period == pytest.approx(82.508, abs=1e-2)  # once round, not twice
    assert cycle.kind == "unstable" and cycle.multiplier == np.inf


def test_a_relaxation_oscillation_is_one_cycle():
    """It jumps between recorded points, far out of this box, and starts end in several places."""
    (cycle,) = nd.portrait(plane(lambda x, y: [y, 50 * (1 - x**2) * y - x]), **BOX).cycles
    assert cycle.kind == "stable" and cycle.period == pytest.approx(82.508, abs=1e-2)
