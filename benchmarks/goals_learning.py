"""Rows of the goals about gradients and learning."""

import statistics
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import neurodyn as nd
from neurodyn.alignment import alignment

from . import gradient as gradients
from .children import clocked
from .goal import Found, Goal, Setup
from .learning import BETA, COST, RATES, Method, learnt, phases, pixels, prepared
from .measure import take_turns
from .problem import Problem, cast, problem
from .torch_peers import Torch

METHODS = (Method("Sweep", nd.Sweep()), Method("Follow", nd.Follow()))
STEPS = (0.5, 0.6, 0.7, 0.75, 0.8)
RECIPE = {"step": 0.5, "steps": (200, 100)}


def ways(given: Problem) -> dict[str, Callable[[], Any]]:
    """The ways to the gradient, and two to settle."""
    y, free = gradients.targets(len(given.inputs)), gradients.settled(given)

    def follow() -> nd.Settled:
        return nd.settle(given.field, given.inputs, tol=given.tol, method=nd.Follow())

    runs: dict[str, Callable[[], Any]] = {
        m.name: lambda m=m: m.run(given, y, free) for m in gradients.METHODS
    }
    runs |= {"settle by Follow": follow}
    return {n: lambda run=run: jax.block_until_ready(run()) for n, run in runs.items()}


def gradient(setup: Setup) -> Found:
    """The exact gradient beside backpropagation through the solver, and beside one settle."""
    goals, shown = [], []
    for activation in ("tanh",) if setup.quick else ("hard_sigmoid", "tanh"):
        given = problem(activation, "float64", 20, setup.sizes)
        runs = ways(given)
        found = {name: run() for name, run in runs.items()}
        calls = {name: lambda run=run: clocked(run) for name, run in runs.items()}
        seconds = take_turns(calls, setup.rounds)
        median = {name: statistics.median(times) for name, times in seconds.items()}
        work = f"exact gradient, {activation.replace('_', ' ')}, batch 20, float64"
        exact = median["equilibrium_gradient"]
        ahead = {"equilibrium_gradient": median["through the solver"] / exact}
        goals.append(Goal(work, "backprop through the checkpointed solver", "≥ 35", ahead))
        for name, by in (("settle", "Sweep"), ("settle by Follow", "Follow")):
            share = {"equilibrium_gradient": exact / median[name]}
            goals.append(Goal(f"{work}: share of the time", f"one settle by {by}", "≤ 1.0", share))
        wanted = gradients.reference(given, gradients.targets(20))
        for name, times in seconds.items():
            row = {"activation": activation, "method": name, "ms": 1e3 * median[name]}
            row |= {"least": 1e3 * min(times), "most": 1e3 * max(times), "relative error": ""}
            if not name.startswith("settle"):
                off = jax.tree.map(jnp.subtract, found[name], wanted)
                row["relative error"] = float(alignment(off, wanted).norm_ratio)
            shown.append(row)
    return Found(goals, shown)


class Entrant(NamedTuple):
    """A way to make one update: `call` makes it once more and tells its seconds."""

    name: str
    call: Callable[[], float]
    settled: float
    told: dict[str, Any]
    weights: list[np.ndarray]


def of_ours(method: Method, net: nd.LayeredLeakyIntegrator, batch: int) -> Entrant:
    """An update by `nd.advance`."""
    update = prepared(method, net, batch)
    after = update()[0].net.field
    told = phases(method, net, batch)
    weights = [np.asarray(w) for w in (*after.forward, *after.feedback)]
    return Entrant(
        f"neurodyn {method.name}", lambda: clocked(update), told["settled"], told, weights
    )


def of_torch(torch: Torch, given: Problem, y: Any, name: str, setting: dict[str, Any]) -> Entrant:
    """An update by PyTorch, judged as all others."""
    request = {"rates": RATES, "beta": BETA} | setting

    def update() -> tuple[list[np.ndarray], dict[str, Any]]:
        torch.load(given, y)
        return torch.run(do="learn", setting=request)

    found, told = update()  # which warms up as well
    off = residuals_of(given, y, found)
    settled = float(np.mean(off <= given.tol + 16 * float(jnp.finfo(given.inputs.dtype).eps)))
    told = {
        "evaluations": told["evaluations"],
        "residual": float(off.max()),
        "setting": ", ".join(f"{key} {value}" for key, value in setting.items()),
    }
    return Entrant(name, lambda: update()[1]["seconds"], settled, told, found[6:])


def residuals_of(given: Problem, y: Any, found: list[np.ndarray]) -> np.ndarray:
    """The largest true residual of each sample in either phase, in float64."""
    field, x, y = cast((nd.Projected(given.field), given.inputs, y), jnp.float64)
    state = [jnp.asarray(part, jnp.float64) for part in found]
    nudged = nd.residual(field.nudged(COST, BETA), tuple(state[3:6]), (x, y))
    return np.maximum(nd.residual(field, tuple(state[:3]), x), nudged)


def fastest(torch: Torch, given: Problem, y: Any) -> Entrant:
    """The fastest of those settings that settle the most samples."""
    settings = [{"step": step, "check": check} for step in STEPS for check in (1, 4)]
    tried = [of_torch(torch, given, y, "PyTorch Euler", setting) for setting in settings]
    most = max(entrant.settled for entrant in tried)
    return min((e for e in tried if e.settled == most), key=lambda entrant: entrant.call())


def apart(before: Sequence[Any], a: Sequence[np.ndarray], b: Sequence[np.ndarray]) -> float:
    """How far two changes of the same weights differ, as a share of the second."""
    off = sum(float(np.sum((x - y) ** 2)) for x, y in zip(a, b, strict=True))
    return (off / sum(float(np.sum((y - w) ** 2)) for y, w in zip(b, before, strict=True))) ** 0.5


def learning(setup: Setup) -> Found:
    """One update of VF-EP after another, both phases settled, in float32."""
    goals, shown = [], []
    for updates in (0,) if setup.quick else (0, 1000):
        net = learnt(updates, setup.sizes)
        x, y = pixels(setup.batch)
        given = Problem("hard_sigmoid", net, x, 1e-4)
        entrants = [of_ours(method, net, setup.batch) for method in METHODS]
        if setup.torch:
            entrants.append(of_torch(setup.torch, given, y, "PyTorch, 200 + 100 steps", RECIPE))
            entrants.append(fastest(setup.torch, given, y))
        seconds = take_turns({e.name: e.call for e in entrants}, setup.rounds)
        rate = {name: setup.batch / statistics.median(times) for name, times in seconds.items()}
        work = f"VF-EP, batch {setup.batch}, float32, weights after {updates} updates"
        ours = [e.name for e in entrants[: len(METHODS)] if e.settled == 1]
        for name, asked in (("PyTorch, 200 + 100 steps", "≥ 10"), ("PyTorch Euler", "≥ 3.3")):
            found = {
                n.removeprefix("neurodyn "): rate[n] / rate[name] for n in ours if name in rate
            }
            goals.append(Goal(work, name, asked, found))
        before = [np.asarray(w) for w in (*net.forward, *net.feedback)]
        for entrant in entrants:
            shown.append(
                {
                    "updates": updates,
                    "method": entrant.name,
                    "images/s": rate[entrant.name],
                    "settled": entrant.settled,
                    "evaluations": entrant.told["evaluations"],
                    "residual": entrant.told["residual"],
                    "change differs by": apart(before, entrant.weights, entrants[0].weights),
                    "setting": entrant.told.get("setting", ""),
                }
            )
    return Found(goals, shown)
