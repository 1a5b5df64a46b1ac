"""The classic systems of the plane: their fixed points, closed forms, cycles and verdicts."""

import re

import jax.numpy as jnp
import numpy as np
import pytest
import scipy.integrate
import scipy.optimize

import neurodyn as nd
from neurodyn.expression import classic_field
from neurodyn.systems.classic import PLANAR, planar_named

SCIPY = {"backend": "scipy", "solver": "DOP853"}  # nothing to compile for every system


def follow(field, start, ts, accuracy=1e-10, **backend):
    start = jnp.asarray(start)
    run = nd.integrate(field, start, None, ts, rtol=accuracy, atol=accuracy, **backend)
    assert str(nd.verdict_names(run.verdict)) == "completed"
    return np.asarray(run.states)


def kind(field, point) -> str:
    assert float(nd.residual(field, jnp.asarray(point), None)) < 1e-9
    return str(nd.kind_names(nd.linearise(field, jnp.asarray(point), None).kind))


def verdict(field, start, **options) -> str:
    settled = nd.settle(field, None, jnp.asarray(start), tol=1e-8, max_time=300.0, **options)
    return str(nd.verdict_names(settled.verdict))


@pytest.mark.parametrize("name", PLANAR)
def test_each_is_a_field_of_the_plane_with_a_source(name):
    system = planar_named(name)
    assert system.name == name and re.search(r"[A-Z]\w+ (1[89]|20)\d\d", system.source)
    assert system.title and system.about.endswith(".")
    assert system.xlim[0] < system.xlim[1] and system.ylim[0] < system.ylim[1]
    field = classic_field(name)
    assert len(field.variables) == 2 and set(field.parameters) == set(system.parameters)
    centre = jnp.array([sum(system.xlim) / 2, sum(system.ylim) / 2])
    assert np.isfinite(field(0.0, centre, None)).all()


def test_unknown_names_are_refused():
    with pytest.raises(ValueError, match="unknown system 'hopfeld': did you mean 'hopfield'"):
        planar_named("hopfeld")


@pytest.mark.parametrize(
    "name",
    [
        "wilson-cowan",
        "lotka-volterra",
        *(
            pytest.param(n, marks=pytest.mark.slow)
            for n in ("van-der-pol", "fitzhugh-nagumo", "hopf")
        ),
    ],
)
def test_what_moves_for_ever_times_out(name):
    assert verdict(classic_field(name), [0.3, 0.2]) == "timed_out"


def test_van_der_pol():
    mu = 0.2
    field = classic_field("van-der-pol", mu=mu)
    assert kind(field, [0.0, 0.0]) == "unstable_focus"
    period = 2 * np.pi * (1 + mu**2 / 16)  # Poincaré–Lindstedt, with amplitude 2 + mu²/96
    x, y = follow(field, [1.0, 0.0], [0.0, *np.linspace(80, 80 + period, 2001)], **SCIPY)[1:].T
    assert x.max() == pytest.approx(2 + mu**2 / 96, abs=2e-5)
    assert x.min() == pytest.approx(-x.max(), abs=1e-5)
    assert (x[-1], y[-1]) == pytest.approx((x[0], y[0]), abs=1e-3)


def test_lotka_volterra_keeps_its_constant():
    field = classic_field("lotka-volterra")
    assert kind(field, [2.0, 2.0]) == "centre" and kind(field, [0.0, 0.0]) == "saddle"
    assert np.abs(nd.linearise(field, jnp.full(2, 2.0), None).eigenvalues) == pytest.approx(1)
    x, y = follow(field, [1.0, 0.5], np.linspace(0, 40, 200), 1e-9).T
    constant = 0.5 * x - np.log(x) + 0.5 * y - np.log(y)
    np.testing.assert_allclose(constant, constant[0], rtol=1e-7)
    assert np.ptp(x) > 3


def test_fitzhugh_nagumo():
    a, b, current = 0.7, 0.8, 0.5
    roots = np.roots([-1 / 3, 0, 1 - 1 / b, current - a / b])
    (v,) = roots[np.abs(roots.imag) < 1e-9].real
    assert kind(classic_field("fitzhugh-nagumo"), [v, (v + a) / b]) == "unstable_focus"
    start, ts = [v + 0.5, (v + a) / b], [0, *range(40, 100)]
    firing = follow(classic_field("fitzhugh-nagumo"), start, ts, **SCIPY)
    assert np.ptp(firing[1:, 0]) > 3


def test_fitzhugh_nagumo_without_a_current_is_excitable():
    quiet = classic_field("fitzhugh-nagumo", I=0.0)
    rest = nd.settle(quiet, None, jnp.array([-1.0, -0.5]), tol=1e-9).require().state
    assert kind(quiet, rest) == "stable_focus"
    ts = np.linspace(0, 100, 401)
    weak, strong = (follow(quiet, rest + jnp.array([p, 0]), ts, **SCIPY)[:, 0] for p in (0.3, 0.8))
    assert weak.max() < 0 and strong.max() > 1.5
    assert verdict(quiet, rest + jnp.array([0.8, 0.0])) == "settled"


def test_hopfield():
    field = classic_field("hopfield")
    s = scipy.optimize.brentq(lambda s: s - 2 * np.tanh(s), 1, 3, xtol=1e-14)
    assert kind(field, [0.0, 0.0]) == "saddle"
    assert kind(field, [s, s]) == kind(field, [-s, -s]) == "stable_node"
    for start, end in (([0.3, -0.2], s), ([-0.3, 0.2], -s)):
        settled = nd.settle(field, None, jnp.asarray(start), tol=1e-9).require()
        assert settled.state.tolist() == pytest.approx([end, end], abs=1e-8)
    assert kind(classic_field("hopfield", w=0.5), [0.0, 0.0]) == "stable_node"
    tilted = nd.settle(classic_field("hopfield", p=3.0, q=3.0), None, -jnp.ones(2), tol=1e-9)
    assert (tilted.require().state > 0).all()  # a strong input leaves one memory


def wilson_cowan(t, s):
    """The equations once more, by hand."""

    def gain(current, a, theta):
        return 1 / (1 + np.exp(-a * (current - theta))) - 1 / (1 + np.exp(a * theta))

    e, i = s
    return np.array(
        [
            -e + (1 - e) * gain(16 * e - 12 * i + 1.25, 1.3, 4),
            -i + (1 - i) * gain(15 * e - 3 * i, 2, 3.7),
        ]
    )


def test_wilson_cowan_has_a_limit_cycle_and_rests_without_input():
    field = classic_field("wilson-cowan")
    point = scipy.optimize.root(lambda s: wilson_cowan(0, s), [0.2, 0.1], tol=1e-13).x
    assert kind(field, point) == "unstable_focus"
    for state in ([0.4, 0.3], [0.1, 0.0]):
        found = field(0.0, jnp.asarray(state), None)
        np.testing.assert_allclose(found, wilson_cowan(0, state), rtol=1e-12)

    def upward(t, s):  # through the line E = E*
        return s[0] - point[0]

    upward.direction = 1
    for start in ([0.4, 0.4], point + 0.02):  # from outside and from inside
        run = scipy.integrate.solve_ivp(
            wilson_cowan, (0, 120), start, rtol=1e-9, atol=1e-11, events=upward
        )
        times, crossings = run.t_events[0][-4:], run.y_events[0][-4:]
        np.testing.assert_allclose(np.diff(times), np.diff(times)[0], rtol=1e-5)
        np.testing.assert_allclose(crossings[:, 1], crossings[0, 1], rtol=1e-5)
        assert np.ptp(run.y[0][run.t > 100]) == pytest.approx(0.17, abs=0.01)
    quiet = classic_field("wilson-cowan", P=0.0)
    assert kind(quiet, [0.0, 0.0]) == "stable_node"
    assert verdict(quiet, [0.1, 0.1]) == "settled"


@pytest.mark.parametrize("mu, omega, r0", [(1.0, 1.0, 0.1), (0.5, 3.0, 2.0), (-0.5, 1.0, 1.0)])
def test_the_hopf_normal_form_in_closed_form(mu, omega, r0):
    ts = np.linspace(0, 12, 25)
    x, y = follow(classic_field("hopf", mu=mu, omega=omega), [r0, 0.0], ts).T
    radius = np.sqrt(mu / (1 + (mu / r0**2 - 1) * np.exp(-2 * mu * ts)))
    np.testing.assert_allclose(x, radius * np.cos(omega * ts), atol=1e-8)
    np.testing.assert_allclose(y, radius * np.sin(omega * ts), atol=1e-8)
    wanted = "unstable_focus" if mu > 0 else "stable_focus"
    assert kind(classic_field("hopf", mu=mu, omega=omega), [0.0, 0.0]) == wanted


def test_duffing():
    field = classic_field("duffing")
    assert kind(field, [0.0, 0.0]) == "saddle"
    assert kind(field, [1.0, 0.0]) == kind(field, [-1.0, 0.0]) == "stable_focus"
    closely = nd.Relax(fraction=0.01)  # the foci are weakly damped
    assert verdict(field, [1.0, 0.2], method=closely) == "settled"
    x, y = follow(
        classic_field("duffing", damping=0.0), [0.5, 0.5], np.linspace(0, 50, 200), **SCIPY
    ).T
    energy = y**2 / 2 - x**2 / 2 + x**4 / 4
    np.testing.assert_allclose(energy, energy[0], atol=1e-8)


def test_toggle_switch():
    field = classic_field("toggle-switch")  # for n = 2, u v = 1 and u + v = a off the diagonal
    assert kind(field, [2.0, 0.5]) == kind(field, [0.5, 2.0]) == "stable_node"
    roots = np.roots([1, 0, 1, -2.5])
    middle = roots[np.abs(roots.imag) < 1e-9].real[0]
    assert kind(field, [middle, middle]) == "saddle"
    settled = nd.settle(field, None, jnp.array([1.0, 0.9]), tol=1e-9).require()
    assert settled.state.tolist() == pytest.approx([2.0, 0.5], abs=1e-8)
    assert kind(classic_field("toggle-switch", a=1.0), [0.6823278038280193] * 2) == "stable_node"
