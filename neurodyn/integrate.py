"""Trajectories of a field: the only file that hands an ODE to a solver.

`integrate` records a trajectory at given times; `solve` is the one call of
`diffrax.diffeqsolve`, shared with `settle`. SciPy's `solve_ivp` is kept beside it as an oracle.
"""

from typing import Any, Literal

import diffrax as dfx
import equinox as eqx
import jax
import jax.flatten_util
import jax.numpy as jnp
import numpy as np
import scipy  # whose parts are loaded when they are needed
from jaxtyping import Array, Float, Int, PyTree

from .aliases import Drive, Scalar, State
from .batching import over_batch, prepare
from .field import AbstractField, is_concrete
from .naming import member_names
from .stepping import step_control


class Verdict(eqx.Enumeration):
    """How a solve ended, for each sample. Reaching the end of time is never "settled"."""

    completed = "reached the last time asked for"
    settled = "the residual is at or below the tolerance"
    timed_out = "still moving at max_time: raise it, or expect a cycle"
    out_of_steps = "the step budget ran out: raise max_steps or ask for less accuracy"
    diverged = "the state left every bound, stopped being finite, or the step size collapsed"
    unstable = "the fixed point found is unstable: the flow does not go there"
    moved_away = "the flow from the start does not go to the fixed point found"


VERDICTS = (
    "completed",
    "settled",
    "timed_out",
    "out_of_steps",
    "diverged",
    "unstable",
    "moved_away",
)


def verdict_names(verdict: Verdict) -> np.ndarray:
    """The short name of each sample's verdict, as a NumPy array of strings.

    >>> import neurodyn as nd
    >>> str(nd.verdict_names(nd.Verdict.timed_out))
    'timed_out'
    """
    return member_names(verdict, Verdict, VERDICTS)


class Trajectory(eqx.Module):
    """A recorded trajectory.

    **Fields:** `ts`, the (T,) times asked for, in leak time constants; `states`, shaped like the
    state with axes (batch,) T in front, NaN where a time was not reached; `stats`, the accepted
    and rejected `steps` and the `evaluations` of μ (−1 where the solver does not tell), and
    `verdict` (`completed`, `out_of_steps` or `diverged`), one per sample.
    """

    ts: Float[Array, " T"]
    states: PyTree[Float[Array, "..."]]
    stats: dict[str, Int[Array, "..."]]
    verdict: Verdict


def solve(
    field: AbstractField,
    state: State,
    drive: Drive,
    t0: Scalar,
    t1: Scalar,
    *,
    solver: dfx.AbstractSolver,
    controller: dfx.AbstractStepSizeController,
    saveat: dfx.SaveAt,
    max_steps: int,
    event: dfx.Event | None = None,
) -> dfx.Solution:
    """Follow `field` from `t0` to `t1` for ONE sample, or until the event."""
    return dfx.diffeqsolve(
        dfx.ODETerm(field.flow),
        solver,
        t0=t0,
        t1=t1,
        dt0=None,
        y0=state,
        args=drive,
        saveat=saveat,
        stepsize_controller=controller,
        event=event,
        max_steps=max_steps,
        throw=False,  # our verdict says it, per sample
    )


def evaluations(solver: dfx.AbstractSolver, steps: Int[Array, ""]) -> Int[Array, ""]:
    """How often `steps` steps evaluated μ: exact for explicit Runge–Kutta, −1 for the rest.

    Three more go into the first slope and the choice of the first step.
    """
    tableau = solver.tableau if isinstance(solver, dfx.AbstractERK) else None
    if not isinstance(tableau, dfx.ButcherTableau):
        return jnp.full_like(steps, -1)
    return steps * (tableau.num_stages - tableau.fsal) + 2 + int(tableau.fsal)


def solver_for(rtol: float) -> dfx.AbstractSolver:
    """Bosh3 when loose, else Tsit5.

    Dopri8 takes fewer steps below 1e-8, but the states recorded *between* its steps were measured
    up to 60 times further off than the tolerance, those of Tsit5 never more than once.
    """
    return dfx.Bosh3() if rtol > 1e-4 else dfx.Tsit5()


@eqx.filter_jit
def _integrate(field, state, inputs, ts, rtol, atol, solver, max_steps, batch):
    def one(state, inputs):
        t0, t1 = ts[0], ts[-1]
        solution = solve(
            field,
            state,
            field.drive(inputs),
            t0,
            t1,
            solver=solver,
            controller=step_control(rtol, atol),
            saveat=dfx.SaveAt(ts=ts),
            max_steps=max_steps,
        )
        # diffrax fills what it did not reach with inf, even the start
        states = jax.tree.map(
            lambda y, s: jnp.where(jnp.isinf(y), jnp.nan, y).at[0].set(s), solution.ys, state
        )
        finite = jnp.stack([jnp.isfinite(y[-1]).all() for y in jax.tree.leaves(states)]).all()
        ran_out = solution.result == dfx.RESULTS.max_steps_reached
        verdict = Verdict.where(
            ran_out,
            Verdict.out_of_steps,
            Verdict.where(finite, Verdict.completed, Verdict.diverged),
        )
        steps = solution.stats["num_steps"]
        stats = {
            "steps": steps,
            "rejected": solution.stats["num_rejected_steps"],
            "evaluations": evaluations(solver, steps),
        }
        return states, stats, verdict

    return over_batch(one, batch)(state, inputs)


def integrate(
    field: AbstractField,
    state0: PyTree,
    inputs: PyTree,
    ts: Any,
    *,
    rtol: float,
    atol: float,
    solver: dfx.AbstractSolver | str | None = None,
    max_steps: int = 100_000,
    backend: Literal["diffrax", "scipy"] = "diffrax",
) -> Trajectory:
    """Follow `field` from `state0` and record it at the times `ts` (leak time constants).

    **Arguments:** `state0` and `inputs` as for one sample, or with a leading batch axis each;
    `state0=None` starts at zero. `ts` increases strictly; its first time is the start. `rtol` and
    `atol` bound the error of each step and have no default: say what you need. `solver` is a
    diffrax solver (by default chosen from `rtol`) or, with `backend="scipy"`, the name of a
    `scipy.integrate.solve_ivp` method (default `"RK45"`, one sample after another, with no
    limit of steps).

    For smooth fields the recorded states were measured to be about as accurate as asked. Where
    units cross the kinks of a clipped activation, every solver's error estimate fails: with
    `hard_sigmoid` expect errors of some hundred tolerances, from diffrax and SciPy alike.

    **Returns** a `Trajectory`. A blow-up or a spent step budget is a verdict, not an exception.

    **Raises** `ValueError` or `TypeError` for inputs that do not fit, naming the argument.

    >>> import jax.numpy as jnp, neurodyn as nd
    >>> decay = nd.Field(lambda t, s, x: -s, state=jnp.zeros(1))
    >>> run = nd.integrate(decay, jnp.ones(1), None, [0.0, 1.0], rtol=1e-6, atol=1e-6)
    >>> f"{run.states[-1, 0]:.4f}", str(nd.verdict_names(run.verdict))
    ('0.3679', 'completed')
    """
    state, inputs, batch = prepare(field, state0, inputs)
    dtype = jnp.result_type(*jax.tree.leaves(state))
    ts = _check_times(ts, dtype)
    for name, value in (("rtol", rtol), ("atol", atol)):
        if is_concrete(value) and not value > 0:
            raise ValueError(f"{name} is {value}: it must be positive.")
    if backend == "scipy":
        if not (solver is None or isinstance(solver, str)):
            raise TypeError("solver must be the name of a solve_ivp method, such as 'RK45'.")
        return _with_scipy(field, state, inputs, batch, ts, rtol, atol, solver or "RK45")
    if backend != "diffrax":
        raise ValueError(f"unknown backend {backend!r}: there are 'diffrax' and 'scipy'.")
    if isinstance(solver, str):
        raise TypeError(f"solver is {solver!r}: with diffrax give an object, as diffrax.Tsit5().")
    tolerances = jnp.asarray(rtol, dtype), jnp.asarray(atol, dtype)
    chosen = (solver_for(rtol) if is_concrete(rtol) else dfx.Tsit5()) if solver is None else solver
    states, stats, verdict = _integrate(
        field, state, inputs, ts, *tolerances, chosen, max_steps, batch
    )
    return Trajectory(ts, states, stats, verdict)


def _check_times(ts: Any, dtype: Any) -> Float[Array, " T"]:
    if not is_concrete(ts):
        return ts.astype(dtype)
    times = np.asarray(ts, dtype)  # a time too close to the one before is lost in the cast
    increasing = times.ndim == 1 and times.size > 1 and bool(np.all(np.diff(times) > 0))
    if not (increasing and np.isfinite(times).all()):
        raise ValueError(
            f"ts must hold two or more finite times that increase strictly in {jnp.dtype(dtype)}."
        )
    return jnp.asarray(times)


@eqx.filter_jit
def _flow(field, t, state, drive):
    return field.flow(t, state, drive)


def _with_scipy(field, state, inputs, batch, ts, rtol, atol, method) -> Trajectory:
    """The same trajectory by `scipy.integrate.solve_ivp`, one sample after another."""
    times = np.asarray(ts)

    def one(state, inputs):
        flat, unravel = jax.flatten_util.ravel_pytree(state)
        drive = field.drive(inputs)

        def rhs(t, y):
            mu = _flow(
                field, jnp.asarray(t, flat.dtype), unravel(jnp.asarray(y, flat.dtype)), drive
            )
            return np.asarray(jax.flatten_util.ravel_pytree(mu)[0])

        y = np.full((times.size, flat.size), np.nan)
        y[0] = flat
        verdict, evaluated = Verdict.diverged, 1
        if np.isfinite(rhs(times[0], y[0])).all():  # else solve_ivp never returns
            with np.errstate(all="ignore"):  # an overflow on the way to a blow-up is its verdict
                run = scipy.integrate.solve_ivp(
                    rhs,
                    (times[0], times[-1]),
                    y[0],
                    method=method,
                    t_eval=times,
                    rtol=rtol,
                    atol=atol,
                )
            y[: run.y.shape[1]] = run.y.T
            verdict = Verdict.completed if run.status == 0 else Verdict.diverged
            evaluated = run.nfev
        stats = {"steps": -1, "rejected": -1, "evaluations": evaluated}
        states = jax.vmap(unravel)(jnp.asarray(y, flat.dtype))
        return states, jax.tree.map(jnp.asarray, stats), verdict

    if batch is None:
        states, stats, verdict = one(state, inputs)
    else:
        rows = [jax.tree.map(lambda leaf, i=i: leaf[i], (state, inputs)) for i in range(batch)]
        runs = [one(*row) for row in rows]
        states, stats, verdict = jax.tree.map(lambda *leaves: jnp.stack(leaves), *runs)
    return Trajectory(ts, states, stats, verdict)
