"""Ways to settle a batch, each as its own documentation would have it and tuned in good faith.

Every function takes a `Problem` and its settings, starts at rest, computes the clamped drive once,
and returns when the answer is there. Where a method has several `settings`, the fastest that
settles every sample is the one reported.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import diffrax as dfx
import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array

import neurodyn as nd
from neurodyn.field import largest

from .problem import Problem, Run
from .with_scipy import SAMPLES, rk45


class Peer(NamedTuple):
    """A way to settle: `run(problem, **setting)`, the settings to choose from, a word on it."""

    name: str
    run: Callable[..., Run]
    note: str
    settings: tuple[dict[str, Any], ...] = ({},)


def settle(problem: Problem, method: nd.AbstractMethod) -> Run:
    settled = nd.settle(problem.field, problem.inputs, tol=problem.tol, method=method)
    return Run(jax.block_until_ready(settled.state), int(settled.evaluations.max()))


def relax(problem: Problem) -> Run:
    return settle(problem, nd.Relax())


def follow(problem: Problem) -> Run:
    return settle(problem, nd.Follow())


def sweep(problem: Problem) -> Run:
    return settle(problem, nd.Sweep())


def at_rest(field: nd.LayeredLeakyIntegrator, dtype) -> tuple[Array, ...]:
    return tuple(jnp.zeros(n, dtype) for n in field.sizes[1:])


@eqx.filter_jit
def _euler(field, inputs, tol, step):
    drive = jax.vmap(field.drive)(inputs)
    batched = jax.vmap(field.flow, in_axes=(None, 0, 0))

    def mu(state):
        return batched(jnp.zeros(()), state, drive)

    def moving(carry):
        _, slope, evaluations = carry
        return (largest(slope) > tol) & (evaluations < 2000)

    def advance(carry):
        state, slope, evaluations = carry
        state = jax.tree.map(lambda s, d: s + step * d, state, slope)
        return state, mu(state), evaluations + 1

    start = jax.vmap(lambda _: at_rest(field, inputs.dtype))(inputs)
    return jax.lax.while_loop(moving, advance, (start, mu(start), 1))


def euler(problem: Problem, step: float) -> Run:
    tol, length = jnp.asarray((problem.tol, step), problem.inputs.dtype)
    state, _, evaluations = jax.block_until_ready(
        _euler(problem.field, problem.inputs, tol, length)
    )
    return Run(state, int(evaluations))


@eqx.filter_jit
def _diffrax(field, inputs, control, tol):
    if tol is None:  # the event takes over the controller's tolerances and norm
        controller, rest = dfx.PIDController(**control), dfx.steady_state_event()
    else:
        controller = dfx.PIDController(norm=largest, **control)
        rest = dfx.steady_state_event(rtol=0.0, atol=tol)

    def one(x):
        return dfx.diffeqsolve(
            dfx.ODETerm(field.flow),
            dfx.Tsit5(),
            t0=jnp.zeros((), inputs.dtype),  # time in the dtype of the state: else it promotes
            t1=jnp.asarray(jnp.inf, inputs.dtype),
            dt0=None,
            y0=at_rest(field, inputs.dtype),
            args=field.drive(x),
            stepsize_controller=controller,
            event=dfx.Event(rest),
            max_steps=1000,
            throw=False,
        )

    solution = jax.vmap(one)(inputs)
    return jax.tree.map(lambda y: y[:, -1], solution.ys), solution.stats["num_steps"].max()


def _diffrax_run(problem: Problem, control: dict[str, float], tol: float | None) -> Run:
    arrays = jax.tree.map(  # arrays, so that another setting compiles nothing anew
        lambda number: jnp.asarray(number, problem.inputs.dtype), (control, tol)
    )
    state, steps = jax.block_until_ready(_diffrax(problem.field, problem.inputs, *arrays))
    # six stages and the event in each step; before the first, three and the event
    return Run(state, 7 * int(steps) + 4)


def diffrax_example(problem: Problem) -> Run:
    return _diffrax_run(problem, {"rtol": 1e-3, "atol": 1e-6}, None)


def diffrax_tuned(problem: Problem, rtol: float, dtmax: float) -> Run:
    control = {"rtol": rtol, "atol": problem.tol / 10, "dtmax": dtmax}
    return _diffrax_run(problem, control, problem.tol)


PEERS = (
    Peer(
        "neurodyn Relax",
        relax,
        "Relax(): the flow, by Tsit5 whose error per step is a share of the way it covers, untuned",
    ),
    Peer("neurodyn Follow", follow, "Follow(): the flow until it is near, then sweeps, untuned"),
    Peer("neurodyn Sweep", sweep, "Sweep(): block Gauss–Seidel from the start, untuned"),
    Peer(
        "SciPy RK45",
        rk45,
        "solve_ivp with a terminal event on max |μ|, one sample after another, μ in plain NumPy "
        f"(its own state is always float64); only the first {SAMPLES} samples are run and judged",
        ({"rtol": 1e-2, "max_step": 1.5}, {"rtol": 1e-3, "max_step": 1.5}),
    ),
    Peer(
        "Euler loop",
        euler,
        "jitted while_loop over the batch with a fixed step, until every sample's max |μ| ≤ tol",
        tuple({"step": step} for step in (0.5, 0.7, 0.8, 0.9, 1.0)),
    ),
    Peer(
        "diffrax example",
        diffrax_example,
        "Tsit5 under vmap, PIDController(rtol=1e-3, atol=1e-6) and steady_state_event() as in the "
        "steady-state example of its manual; the event tests rms(μ) < atol + rtol rms(state)",
    ),
    Peer(
        "diffrax tuned",
        diffrax_tuned,
        "Tsit5 under vmap, steady_state_event(rtol=0, atol=tol) and PIDController(atol=tol/10), "
        "both with the largest entry as their norm",
        ({"rtol": 1e-2, "dtmax": 1.5}, {"rtol": 1e-3, "dtmax": 1.5}),
    ),
)
