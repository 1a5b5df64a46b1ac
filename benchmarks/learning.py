"""How many images a second the learning of paper 003 takes in, with both phases settled.

    python -m benchmarks.learning --markdown benchmarks/learning_results.md

One update is the free phase, the phase nudged by β = 1 from where that ended, the contrast and the
step, for 20 and for 256 images of MNIST (enlarged digits where there is none), on
784-512-512-10, clipped to [0, 1], float32, the printed rates. All methods settle every sample of
both phases to the same true residual, 1e-4, and are timed in one process, in turns, after a warm
up. The recipe of the paper takes clipped Euler steps of 0.001: 200 and 100 of them are far from
settled, so that it goes on until it is (20 images only: it is slow). Beside it the best of several
longer steps, and the adaptive solver. Settling gets slower as learning goes on: so also with the
weights after 100 updates.
"""

import argparse
import functools
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from rich.console import Console
from rich.markdown import Markdown

import neurodyn as nd
from neurodyn import data
from neurodyn.files import write_whole
from neurodyn.resting import AbstractMethod, Settled, residual_of

from .conditions import PACKAGES, markdown_table, processor
from .problem import SIZES, images

COST, BETA, TOL, RATES = nd.SquaredError(), 1.0, 1e-4, (0.4, 0.1, 0.01)
BATCHES, TRAINED = (20, 256), 100
STEPS = (0.1, 0.25, 0.5, 0.6, 0.75)  # nudged, the output leaks twice as fast: 1 is too long
PAPER = 0.001


class Euler(AbstractMethod):
    """Euler steps of one length until the sample is at rest.

    Of `Projected(net, epsilon=step)` they are the clipped steps of [003 Eq 59].
    """

    step: float

    def settle_one(self, field: Any, state: Any, drive: Any, tol: Any, max_time: Any) -> Settled:
        step = jnp.asarray(self.step, tol.dtype)

        def moving(run):
            _, residual, steps = run
            return ~(residual <= tol) & (steps.astype(tol.dtype) * step < max_time)

        def onward(run):
            state, _, steps = run
            mu = field.flow(jnp.zeros_like(tol), state, drive)
            state = jax.tree.map(lambda s, m: s + step * m, state, mu)
            return state, residual_of(field, state, drive), steps + 1

        start = state, residual_of(field, state, drive), jnp.zeros((), jnp.int32)
        state, residual, steps = jax.lax.while_loop(moving, onward, start)
        verdict = nd.Verdict.where(residual <= tol, nd.Verdict.settled, nd.Verdict.timed_out)
        elapsed = steps.astype(tol.dtype) * step
        return Settled(state, residual, elapsed, steps, steps + 1, verdict)


class Method(NamedTuple):
    """A way to settle, and the ε of the clipped flow that it is for."""

    name: str
    method: AbstractMethod
    epsilon: float = 1.0

    def learner(self) -> nd.ContrastLearner:
        return nd.ContrastLearner("ep", COST, TOL, BETA, method=self.method)


OURS = Method("neurodyn Sweep", nd.Sweep())
METHODS = (
    OURS,
    Method("neurodyn Relax", nd.Relax()),
    Method(f"Euler, ε = {PAPER:g}, the paper's", Euler(PAPER), PAPER),
    *(Method(f"Euler, ε = {step:g}", Euler(step), step) for step in STEPS),
)


def optimiser() -> Any:
    return optax.chain(optax.sgd(1.0), nd.by_layer(RATES))


def pixels(samples: int) -> tuple[Any, Any]:
    x, _ = images(samples)
    labels = data.load("mnist" if os.environ.get("NEURODYN_DATA") else "digits", samples=samples)
    return jnp.asarray(x, jnp.float32), jnp.asarray(labels.targets(), jnp.float32)


@functools.cache
def learnt(updates: int, sizes: tuple[int, ...] = SIZES) -> nd.LayeredLeakyIntegrator:
    """The net after so many updates of 20 images."""
    net = nd.LayeredLeakyIntegrator.init(
        sizes, activation=nd.hard_sigmoid, key=jax.random.key(0), dtype=jnp.float32
    )
    if not updates:
        return net
    x, y = pixels(1000)
    learner, sgd = OURS.learner(), optimiser()
    progress = nd.begin(nd.Projected(net), learner, sgd, x[:20], y[:20])
    order = jnp.arange(20 * updates).reshape(updates, 20) % len(x)
    progress, _ = nd.advance(progress, learner, sgd, x, y, order, jax.random.key(0))
    trained: Any = progress.net
    return trained.field


def prepared(method: Method, net: nd.LayeredLeakyIntegrator, batch: int) -> Callable[[], Any]:
    """One update of one batch by `method`: the progress and what it tells; compiled once."""
    x, y = pixels(batch)
    learner, sgd = method.learner(), optimiser()
    progress = nd.begin(nd.Projected(net, epsilon=method.epsilon), learner, sgd, x, y)
    order = jnp.arange(batch)[None]

    def update():
        return jax.block_until_ready(
            nd.advance(progress, learner, sgd, x, y, order, jax.random.key(0))
        )

    return update


def phases(method: Method, net: nd.LayeredLeakyIntegrator, batch: int) -> dict[str, Any]:
    """How the two phases of one batch settle."""
    x, y = pixels(batch)
    field = nd.Projected(net, epsilon=method.epsilon)
    found = nd.contrast(
        field, COST, None, x, y, rule="ep", beta=BETA, tol=TOL, method=method.method,
        unsettled="leave-out",
    )  # fmt: skip
    ends = found.phases.values()
    return {
        "settled": float(np.mean(found.used)),
        "evaluations": sum(int(p.evaluations.max()) for p in ends),
        "residual": max(float(p.residual.max()) for p in ends),
    }


def measured(batch: int, rounds: int, updates: int, quick: bool) -> list[dict[str, Any]]:
    """A row for each method: medians over rounds in which all take their turn."""
    net = learnt(updates)
    methods = [m for m in METHODS if m.epsilon > PAPER or (batch == BATCHES[0] and not quick)]
    rows, calls = [], {}
    for method in methods:
        began = time.perf_counter()
        calls[method.name] = prepared(method, net, batch)
        calls[method.name]()
        row = {"method": method.name, "batch": batch, "updates": updates}
        row["compile_seconds"] = time.perf_counter() - began
        rows.append(row | phases(method, net, batch))
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            began = time.perf_counter()
            call()
            times[name].append(time.perf_counter() - began)
        print(".", end="", file=sys.stderr, flush=True)
    for row in rows:
        row["milliseconds"] = 1e3 * statistics.median(times[row["method"]])
        row["images_per_second"] = 1e3 * batch / row["milliseconds"]
    ours = rows[0]["images_per_second"]
    return [row | {"behind": ours / row["images_per_second"]} for row in rows]


COLUMNS: dict[str, Callable[[dict[str, Any]], str]] = {
    "method": lambda r: r["method"],
    "images/s": lambda r: f"{r['images_per_second']:,.0f}",
    "ms per update": lambda r: f"{r['milliseconds']:.4g}",
    "times slower than Sweep": lambda r: f"{r['behind']:.2f}",
    "evaluations of μ, both phases": lambda r: f"{r['evaluations']:,}",
    "settled": lambda r: f"{r['settled']:.1%}",
    "largest residual": lambda r: f"{r['residual']:.1e}",
    "first call, s": lambda r: f"{r['compile_seconds']:.1f}",
}


def report(tables: list[list[dict[str, Any]]], rounds: int) -> str:
    """The tables in Markdown, with the conditions they were made under."""
    lines = ["# Learning of paper 003: images a second", ""]
    lines += [str(__doc__).strip(), ""]
    for rows in tables:
        lines += [
            f"## {rows[0]['batch']} images a batch, weights after {rows[0]['updates']} updates",
            "",
        ]
        lines += [*markdown_table(COLUMNS, rows, "|---|" + "---:|" * (len(COLUMNS) - 1)), ""]
    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    lines += [
        f"Medians of {rounds} rounds in which all took turns; {images(1)[1]}; {processor()}, "
    ]
    lines += [f"{os.cpu_count()} cores; {versions}."]
    return "\n".join(lines) + "\n"


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--batch", type=int, choices=BATCHES, help="one table of the two sizes")
    parser.add_argument("--quick", action="store_true", help="20 images, 2 rounds, no ε = 0.001")
    parser.add_argument("--markdown", type=Path, help="write the tables there")
    parser.add_argument("--json", type=Path, help="write the rows there")
    given = parser.parse_args()
    rounds = 2 if given.quick else given.rounds
    batches = (given.batch,) if given.batch else BATCHES[:1] if given.quick else BATCHES
    tables = [measured(b, rounds, u, given.quick) for b in batches for u in (0, TRAINED)]
    text = report(tables, rounds)
    Console().print(Markdown(text))
    if given.markdown:
        write_whole(given.markdown, lambda part: part.write_text(text, "utf-8"))
    if given.json:
        rows = json.dumps([row for table in tables for row in table], indent=1)
        write_whole(given.json, lambda part: part.write_text(rows, "utf-8"))


if __name__ == "__main__":
    main()
