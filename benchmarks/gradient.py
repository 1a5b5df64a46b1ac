"""`python -m benchmarks.gradient`: the gradient of a settled objective, its cost and its error.

A 784-512-512-10 network of leaky integrators with untied weights, clamped to images, settles to
max |μ| ≤ 1e-6 by `Sweep`; the objective is the mean of ½‖y − output‖² at rest. Each method runs
in a process of its own, whose peak memory is its own. All are compared with the gradient that NumPy
finds by one LU per sample, at states settled to 1e-12.
"""

import argparse
import itertools
import json
import os
import statistics
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree

import neurodyn as nd
from neurodyn.alignment import alignment
from neurodyn.learning.gradient import equilibrium_gradient, recurrent_backprop

from .conditions import PACKAGES, in_its_own_process, markdown_table, processor
from .measure import peak_megabytes
from .problem import SIZES, Problem, images, problem

COST = nd.SquaredError()


class Method(NamedTuple):
    """A way to the gradient, given the problem, its targets and free phase, and a word on it."""

    name: str
    run: Callable[[Problem, jax.Array, nd.Settled], PyTree]
    note: str


def targets(samples: int) -> jax.Array:
    return jnp.eye(SIZES[-1])[np.random.default_rng(0).integers(0, SIZES[-1], samples)]


def settled(given: Problem) -> nd.Settled:
    return nd.settle(given.field, given.inputs, tol=given.tol, method=nd.Sweep()).require()


def only_settle(given: Problem, y: jax.Array, free: nd.Settled) -> PyTree:
    return settled(given).state


def exact(given: Problem, y: jax.Array, free: nd.Settled) -> PyTree:
    return equilibrium_gradient(given.field, COST, free, given.inputs, y)


def recurrent(given: Problem, y: jax.Array, free: nd.Settled) -> PyTree:
    options = {"tol": given.tol, "method": nd.Sweep()}
    return recurrent_backprop(given.field, COST, free, given.inputs, y, **options)


@eqx.filter_jit
@eqx.filter_grad
def _through(field, inputs, y, tol):
    state = nd.settle(field, inputs, tol=tol, method=nd.Relax()).state
    return jnp.mean(jax.vmap(COST)(state, y))


def through_solver(given: Problem, y: jax.Array, free: nd.Settled) -> PyTree:
    return _through(given.field, given.inputs, y, jnp.asarray(given.tol))


METHODS = (
    Method("settle", only_settle, "the free phase alone, which the next two take as given"),
    Method("equilibrium_gradient", exact, "its default here: sweeps to 1.5e-8, which also judge"),
    Method("recurrent_backprop", recurrent, "the adjoint flow, settled by sweeps to max 1e-6"),
    Method(
        "through the solver",
        through_solver,
        "jax.grad of settle by Relax, diffrax's checkpointed adjoint; settling is part of it",
    ),
)


RATES: dict[str, tuple[Callable, Callable]] = {
    "tanh": (np.tanh, lambda s: 1 - np.tanh(s) ** 2),
    "hard_sigmoid": (lambda s: np.clip(s, 0, 1), lambda s: (s > 0) & (s < 1)),
}
"""ρ and ρ′ in NumPy."""


def reference(given: Problem, y: jax.Array) -> nd.LayeredLeakyIntegrator:
    """The gradient by NumPy alone: λ = (1 − W D)⁻ᵀ ∂C/∂s, D = diag ρ′(s), one LU per sample."""
    net, sizes = given.field, given.field.sizes[1:]
    rate, rate_slope = RATES[given.activation]
    tight = nd.settle(net, given.inputs, tol=1e-12, method=nd.Sweep()).require().state
    ends = np.cumsum((0, *sizes))
    parts = [slice(*pair) for pair in itertools.pairwise(ends)]
    weights = np.zeros((ends[-1], ends[-1]))
    for k in range(len(sizes) - 1):
        weights[parts[k + 1], parts[k]] = net.forward[k + 1]
        weights[parts[k], parts[k + 1]] = net.feedback[k]
    sums = jax.tree.map(np.zeros_like, net)
    for x, target, *layers in zip(given.inputs, y, *tight, strict=True):
        rates = [rate(np.asarray(layer)) for layer in layers]
        slope = np.zeros(ends[-1])
        slope[parts[-1]] = layers[-1] - target
        damped = np.eye(ends[-1]) - weights * rate_slope(np.concatenate(layers))
        costate = [np.linalg.solve(damped.T, slope)[part] for part in parts]
        below = [rate(np.asarray(x)), *rates]
        for k, total in enumerate(sums.forward):
            total += np.outer(costate[k], below[k])
        for k, total in enumerate(sums.feedback):
            total += np.outer(costate[k], rates[k + 1])
    return jax.tree.map(lambda total: jnp.asarray(total) / len(y), sums)


def one(name: str, activation: str, samples: int, rounds: int) -> dict:
    """One method, timed `rounds` times after compiling, in a process whose memory is its own."""
    method = next(m for m in METHODS if m.name == name)
    given, y = problem(activation, "float64", samples), targets(samples)
    free = settled(given)

    def timed() -> tuple[PyTree, float]:
        begin = time.perf_counter()
        found = jax.block_until_ready(method.run(given, y, free))
        return found, time.perf_counter() - begin

    found, first = timed()
    seconds = [timed()[1] for _ in range(rounds)]
    row = {
        "method": name,
        "seconds": statistics.median(seconds),
        "least": min(seconds),
        "most": max(seconds),
        "compile": first - statistics.median(seconds),
        "megabytes": peak_megabytes(),
    }
    if name != "settle":
        wanted = reference(given, y)
        row["cosine"] = -float(alignment(found, wanted).cosine)
        off = jax.tree.map(jnp.subtract, found, wanted)
        row["error"] = float(alignment(off, wanted).norm_ratio)
    return row


COLUMNS: dict[str, Callable[[dict], str]] = {
    "method": lambda row: row["method"],
    "seconds (least–most)": lambda row: (
        f"{row['seconds']:.3g} ({row['least']:.3g}–{row['most']:.3g})"
    ),
    "times exact": lambda row: f"{row['ratio']:.3g}",
    "peak MB": lambda row: f"{row['megabytes']:,.0f}",
    "compile": lambda row: f"{row['compile']:.1f}",
    "1 − cosine": lambda row: f"{1 - row['cosine']:.1e}" if "cosine" in row else "",
    "relative error": lambda row: f"{row['error']:.1e}" if "error" in row else "",
}


def table(rows: list[dict]) -> str:
    exact_seconds = next(row["seconds"] for row in rows if row["method"] == "equilibrium_gradient")
    rows = [row | {"ratio": row["seconds"] / exact_seconds} for row in rows]
    return "\n".join(markdown_table(COLUMNS, rows, "|---|" + "---:|" * (len(COLUMNS) - 1)))


def report(rows: list[dict], activation: str, samples: int, rounds: int) -> str:
    about = {
        "network": f"{'-'.join(map(str, SIZES))}, {activation}, untied Glorot weights, from rest",
        "images": f"{samples} of {images(samples)[1]}, float64, random one-hot targets",
        "machine": f"{processor()}, {os.cpu_count()} cores, JAX on {jax.default_backend()}",
        "versions": ", ".join(f"{name} {version(name)}" for name in PACKAGES),
        "columns": f"median seconds of {rounds} runs of the whole batch; the same over those of "
        "equilibrium_gradient; peak memory of a process of its own, JAX, the network and the free "
        "phase included; seconds of compiling, not in the others; one minus the cosine to, and the "
        "distance from, the gradient by NumPy's LU, as a share of its length",
    } | {method.name: method.note for method in METHODS}
    lines = [f"- **{name}**: {text}" for name, text in about.items()]
    return "\n".join(
        ["# The gradient of a settled objective: results", "", *lines, "", table(rows), ""]
    )


def measured(activation: str, samples: int, rounds: int) -> list[dict]:
    options = ("--samples", str(samples), "--rounds", str(rounds), "--activation", activation)
    start = ("benchmarks.gradient", *options, "--one")
    return [in_its_own_process(*start, m.name) for m in METHODS]


def main() -> None:
    jax.config.update("jax_enable_x64", True)
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.gradient",
        description="Time, memory and accuracy of the gradient of a settled objective.",
    )
    parser.add_argument("--samples", type=int, default=64, help="images in the batch (default 64)")
    parser.add_argument("--activation", choices=RATES, default="tanh", help="(default tanh)")
    parser.add_argument("--rounds", type=int, default=5, help="how often each is run (default 5)")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the table there too")
    parser.add_argument("--one", metavar="METHOD", help="one row, as JSON")
    given = parser.parse_args()
    if min(given.samples, given.rounds) < 1:
        parser.error("--samples and --rounds must be positive.")
    if given.markdown and not given.markdown.parent.is_dir():
        parser.error(f"there is no folder {given.markdown.parent}: make it first.")
    if given.one:
        print(json.dumps(one(given.one, given.activation, given.samples, given.rounds)))
        return
    problem_and_rounds = given.activation, given.samples, given.rounds
    rows = measured(*problem_and_rounds)
    print("\n" + table(rows))
    if given.markdown:
        given.markdown.write_text(report(rows, *problem_and_rounds), encoding="utf-8")


if __name__ == "__main__":
    main()
