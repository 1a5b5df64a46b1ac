"""Closed orbits: radius, period and multiplier against closed forms and SciPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.integrate

import neurodyn as nd

BOX = {"xlim": (-3.0, 3.0), "ylim": (-3.0, 3.0)}


def hopf(x, y, rate, speed=2.0):
    """r′ = rate r(1 − r²), θ′ = speed: a circle of multiplier exp(−2 rate · 2π/speed)."""
    pull = rate * (1 - x * x - y * y)
    return [pull * x - speed * y, pull * y + speed * x]


def nested(x, y, p):
    """r′ = r(1 − r²)(r² − 4)/4 < 0 below 1, > 0 from 1 to 2, < 0 above."""
    r2 = x * x + y * y
    pull = (1 - r2) * (r2 - 4) / 4
    return [pull * x - y, pull * y + x]


def units(x, y, p):
    """Van der Pol in units of a = 10^(p mod 100 − 50) and b = 10^(p div 100 − 50)."""
    a, b = 10.0 ** (p % 100 - 50), 10.0 ** (p // 100 - 50)
    return [a * y / b, b * (1 - (x / a) ** 2) * (y / b) - b * x / a]


FLOWS = {
    "hopf": hopf,
    "van-der-pol": lambda x, y, mu: [y, mu * (1 - x**2) * y - x],
    "backwards": lambda x, y, mu: [-y, x - mu * (1 - x**2) * y],
    "units": units,
    "nested": nested,
    "prey": lambda x, y, p: [x * (1 - y), y * (x - 1)],
    "slow": lambda x, y, p: [-(x**3), -y],
    "leaves": lambda x, y, p: [1 + x**2, x - y],
}


class Bank(nd.AbstractField):
    """All flows of this file in one field, so that one compiling serves them all."""

    which: jax.Array
    p: jax.Array

    def shapes(self):
        return jax.ShapeDtypeStruct((2,), jnp.float64), None

    def flow(self, t, state, drive, /):
        ways = [lambda s, f=f: jnp.stack(f(s[0], s[1], self.p)) for f in FLOWS.values()]
        return jax.lax.switch(self.which, ways, state)


def plane(name: str, p: float = 0.0) -> Bank:
    return Bank(jnp.asarray(list(FLOWS).index(name)), jnp.asarray(p))


@pytest.mark.parametrize("rate", [0.3, -0.3])
def test_a_circle_known_in_closed_form(rate):
    (cycle,) = nd.portrait(plane("hopf", rate), **BOX).cycles
    assert cycle.kind == ("stable" if rate > 0 else "unstable")
    assert cycle.period == pytest.approx(np.pi, abs=1e-8)
    assert cycle.multiplier == pytest.approx(np.exp(-2 * rate * np.pi), rel=1e-7)
    assert np.abs(np.hypot(*cycle.points.T) - 1).max() < 1e-8
    assert (cycle.points[0] == cycle.points[-1]).all()
    (x0, y0), (x1, y1) = cycle.points[:2]
    assert x0 * y1 - x1 * y0 > 0  # in the direction of the flow, for the unstable one too


def test_van_der_pol_against_scipy():
    (cycle,) = nd.portrait(plane("van-der-pol", 1.0), **BOX).cycles

    def crosses(t, s):
        return s[1]

    crosses.direction = -1
    run = scipy.integrate.solve_ivp(
        lambda t, s: FLOWS["van-der-pol"](*s, 1.0),
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
    found = nd.portrait(plane("nested"), **BOX)
    radii = {cycle.kind: np.hypot(*cycle.points.T) for cycle in found.cycles}
    assert set(radii) == {"stable", "unstable"} and len(found.cycles) == 2
    assert np.abs(radii["stable"] - 2).max() < 1e-7
    assert np.abs(radii["unstable"] - 1).max() < 1e-7
    assert [p.kind for p in found.points] == ["stable_focus"]


def test_the_orbits_around_a_centre_are_a_family_not_a_limit_cycle():
    found = nd.portrait(plane("prey"), xlim=(0.0, 3.0), ylim=(0.0, 3.0))
    assert found.cycles and {cycle.kind for cycle in found.cycles} == {"neutral"}
    for cycle in found.cycles:
        x, y = cycle.points.T
        conserved = x - np.log(x) + y - np.log(y)
        assert np.ptp(conserved) < 1e-7
    assert {p.kind for p in found.points} == {"centre", "saddle"}


def test_a_slow_approach_is_not_a_cycle():
    """Algebraic: x′ = −x³, y′ = −y never comes to rest in the time given, and never returns."""
    assert nd.portrait(plane("slow"), **BOX, max_time=20.0).cycles == ()


def test_a_flow_that_leaves_has_no_cycle():
    found = nd.portrait(plane("leaves"), **BOX)
    assert found.cycles == () and found.points == ()


@pytest.mark.parametrize(("a", "b"), [(-6, -6), (6, 6), (0, 6)])
def test_a_cycle_in_any_units_is_found(a, b):
    box = {"xlim": (-3 * 10.0**a, 3 * 10.0**a), "ylim": (-3 * 10.0**b, 3 * 10.0**b)}
    (cycle,) = nd.portrait(plane("units", 100.0 * (b + 50) + a + 50), **box).cycles
    assert cycle.kind == "stable" and cycle.period == pytest.approx(6.6632868593, abs=1e-7)


def test_a_cycle_that_repels_beyond_all_numbers():
    """Backwards a relaxation oscillation: exp(∮ div) is more than a float holds."""
    box = {"xlim": (-3.0, 3.0), "ylim": (-90.0, 90.0)}
    (cycle,) = nd.portrait(plane("backwards", 50.0), **box).cycles
    assert cycle.period == pytest.approx(82.508, abs=1e-2)  # once round, not twice
    assert cycle.kind == "unstable" and cycle.multiplier == np.inf


def test_a_relaxation_oscillation_is_one_cycle():
    """It jumps between recorded points, far out of this box, and starts end in several places."""
    (cycle,) = nd.portrait(plane("van-der-pol", 50.0), **BOX).cycles
    assert cycle.kind == "stable" and cycle.period == pytest.approx(82.508, abs=1e-2)
