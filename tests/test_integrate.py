"""Trajectories against closed forms and SciPy, with the order of convergence measured."""

import diffrax as dfx
import jax.numpy as jnp
import numpy as np
import pytest
from problems import blow_up, linear, linear_path, random_net

import neurodyn as nd

TS = np.linspace(0, 8, 17)


def scaled_error(states, exact, rtol, atol) -> float:
    """The worst error in units of what was asked for."""
    return float(np.max(np.abs(np.asarray(states) - exact) / (atol + rtol * np.abs(exact))))


@pytest.mark.parametrize("backend", ["diffrax", "scipy"])
@pytest.mark.parametrize("tol", [1e-4, 1e-7, 1e-10])
def test_linear_system_to_the_tolerance_asked_for(backend, tol):
    problem = linear()
    start = np.linspace(-1, 1, 5)
    run = nd.integrate(
        problem.field, start, problem.inputs, TS, rtol=tol, atol=tol, backend=backend
    )
    assert str(nd.verdict_names(run.verdict)) == "completed"
    assert scaled_error(run.states, linear_path(problem, start, TS), tol, tol) < 3
    assert int(run.stats["evaluations"]) < 2000


def test_scipy_and_diffrax_agree_on_a_layered_batch():
    net = random_net(activation=nd.tanh)
    x = jnp.asarray(np.random.default_rng(0).uniform(-1, 1, (3, net.sizes[0])))
    runs = [
        nd.integrate(net, None, x, TS, rtol=1e-8, atol=1e-8, backend=backend)
        for backend in ("diffrax", "scipy")
    ]
    for ours, theirs in zip(*(run.states for run in runs), strict=True):
        assert ours.shape == theirs.shape == (3, len(TS), ours.shape[-1])
        assert scaled_error(ours, np.asarray(theirs), 1e-8, 1e-8) < 20


@pytest.mark.parametrize(
    ("solver", "order"), [(dfx.Heun(), 2), (dfx.Bosh3(), 3), (dfx.Tsit5(), 5), (dfx.Dopri8(), 8)]
)
def test_order_of_convergence_by_regression(solver, order):
    swell = nd.Field(lambda t, s, x: s * jnp.cos(t), state=jnp.zeros(1))  # s = e^{sin t}
    steps, errors = [], []
    for tol in np.geomspace(1e-3, 10.0 ** -(3 + order), 9):
        run = nd.integrate(swell, jnp.ones(1), None, [0, 20], rtol=tol, atol=tol, solver=solver)
        steps.append(int(run.stats["steps"] - run.stats["rejected"]))
        errors.append(float(abs(run.states[-1, 0] - np.exp(np.sin(20)))))
    slope = np.polyfit(np.log(steps), np.log(errors), 1)[0]
    assert -order - 1 < slope < -order + 0.35


def test_time_dependent_field():
    field = nd.Field(lambda t, s, x: jnp.cos(t) * jnp.ones(1), state=jnp.zeros(1))
    for backend in ("diffrax", "scipy"):
        run = nd.integrate(field, None, None, TS, rtol=1e-9, atol=1e-9, backend=backend)
        np.testing.assert_allclose(run.states[:, 0], np.sin(TS), atol=1e-7)


@pytest.mark.parametrize("backend", ["diffrax", "scipy"])
def test_blow_up_keeps_what_was_reached(backend):
    ts = [0.0, 1.0, 1.5, 2.0]
    run = nd.integrate(
        blow_up(), None, None, ts, rtol=1e-8, atol=1e-8, backend=backend, max_steps=5000
    )
    assert str(nd.verdict_names(run.verdict)) == "diverged"
    np.testing.assert_allclose(run.states[:3, 0], np.tan(ts[:3]), rtol=1e-5)
    assert np.isnan(run.states[3, 0])


def test_nan_at_the_start_is_diverged_by_both_backends():
    lost = nd.Field(lambda t, s, x: s * jnp.nan, state=jnp.zeros(1))
    for backend in ("diffrax", "scipy"):
        run = nd.integrate(lost, jnp.ones(1), None, [0, 1], rtol=1e-6, atol=1e-6, backend=backend)
        assert str(nd.verdict_names(run.verdict)) == "diverged"
        assert float(run.states[0, 0]) == 1 and np.isnan(run.states[1, 0])


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_a_long_time_does_not_read_as_a_blow_up(dtype):
    decay = nd.Field(lambda t, s, x: -s, state=jnp.zeros(1, dtype))
    run = nd.integrate(decay, jnp.ones(1, dtype), None, [0, 1e4], rtol=1e-3, atol=1e-3)
    assert str(nd.verdict_names(run.verdict)) == "completed"


def test_spent_step_budget_is_said():
    problem = linear()
    run = nd.integrate(problem.field, None, problem.inputs, TS, rtol=1e-8, atol=1e-8, max_steps=4)
    assert str(nd.verdict_names(run.verdict)) == "out_of_steps"
    assert np.isnan(run.states[-1]).all() and not np.isnan(run.states[0]).any()


def test_default_solver_follows_the_accuracy():
    from neurodyn.integrate import solver_for

    assert [type(solver_for(r)).__name__ for r in (1e-3, 1e-10)] == ["Bosh3", "Tsit5"]


@pytest.mark.parametrize(
    ("words", "change"),
    [
        ("ts must hold", {"ts": [0.0]}),
        ("ts must hold", {"ts": [0.0, 2.0, 1.0]}),
        ("ts must hold", {"ts": [0.0, np.inf]}),
        ("rtol is 0", {"rtol": 0.0}),
        ("atol is -1", {"atol": -1.0}),
        ("unknown backend 'euler'", {"backend": "euler"}),
        ("solver is 'RK45'", {"solver": "RK45"}),
        ("solver must be the name", {"solver": dfx.Tsit5(), "backend": "scipy"}),
    ],
)
def test_refusals(words, change):
    problem = linear()
    call = {"ts": TS, "rtol": 1e-6, "atol": 1e-6} | change
    untyped = getattr(nd.integrate, "__wrapped__", nd.integrate)
    with pytest.raises((ValueError, TypeError), match=words):
        untyped(problem.field, None, problem.inputs, call.pop("ts"), **call)


def test_every_verdict_has_a_name():
    from neurodyn.integrate import VERDICTS

    assert len(VERDICTS) == len(nd.Verdict)
    assert all(str(nd.verdict_names(getattr(nd.Verdict, name))) == name for name in VERDICTS)
