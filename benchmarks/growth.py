"""How cost and memory grow, and how soon the first answer is there; each point in a new process.

    python -m benchmarks.growth {settle BATCH WIDTH | ensemble STARTS} --rounds N

prints one point as JSON. `settle` is a 784-WIDTH-WIDTH-10 net in float64; `ensemble` makes its
starts block by block and keeps its ends on disk, so that its memory is that of its lanes and one
block.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

import neurodyn as nd

from .children import clocked
from .conditions import in_its_own_process
from .ensemble import TOL, flow
from .goal import Found, Goal, Setup
from .measure import peak_megabytes
from .problem import SIZES, is_settled, problem

FIRST = """
import jax, numpy as np
jax.config.update("jax_enable_x64", True)
import neurodyn as nd
net = nd.LayeredLeakyIntegrator.init({sizes}, activation=nd.hard_sigmoid, key=jax.random.key(0))
x = np.random.default_rng(0).uniform(size=(20, {inputs}))
nd.settle(net, jax.numpy.asarray(x), tol=1e-6, method={method}).require()
"""


def settle_point(batch: int, width: int, rounds: int) -> dict[str, Any]:
    """Milliseconds a sample, and memory, of one size."""
    given = problem("hard_sigmoid", "float64", batch, (784, width, width, 10))
    point: dict[str, Any] = {"batch": batch, "width": width}
    for name, method in (("Follow", nd.Follow()), ("Sweep", nd.Sweep())):

        def run(method=method):
            return jax.block_until_ready(
                nd.settle(given.field, given.inputs, tol=given.tol, method=method)
            )

        end = run()
        seconds = [clocked(run) for _ in range(rounds)]
        point[f"{name}: ms per sample"] = 1e3 * statistics.median(seconds) / batch
        point[f"{name}: evaluations"] = float(end.evaluations.mean())
        point[f"{name}: settled"] = float(is_settled(given, end.state).mean())
    return point | {"MB": peak_megabytes()}


def chain_starts(rows: np.ndarray) -> np.ndarray:
    """Starts in [−2, 2]² of these numbers: a lattice that fills the plane evenly [Roberts 2018]."""
    plastic = 1.324717957244746
    return 4 * ((0.5 + rows[:, None] / plastic ** np.array([1.0, 2.0])) % 1) - 2


def ensemble_point(count: int, rounds: int) -> dict[str, Any]:
    """Seconds for a million starts, and memory, of so many."""

    def run() -> Any:
        with tempfile.TemporaryDirectory() as folder:
            found = nd.ensemble(flow(), chain_starts, count=count, tol=TOL, out=folder + "/ends")
            return float((np.asarray(found["residual"]) <= TOL).mean())

    settled = run()
    seconds = statistics.median(clocked(run) for _ in range(rounds))
    return {
        "starts": count,
        "seconds": seconds,
        "seconds per million": 1e6 * seconds / count,
        "settled": settled,
        "MB": peak_megabytes(),
    }


def answer_point(rounds: int, quick: bool = False) -> dict[str, Any]:
    """Seconds from starting Python to a settled batch of 20."""
    sizes = (784, 32, 32, 10) if quick else SIZES
    point = {}
    for name in ("Follow", "Sweep"):
        code = FIRST.format(sizes=sizes, inputs=sizes[0], method=f"nd.{name}()")
        command = [sys.executable, "-c", code]
        seconds = [clocked(lambda c=command: subprocess.run(c, check=True)) for _ in range(rounds)]
        point[name] = statistics.median(seconds)
    return point


def points(kind: str, sizes: list[tuple[int, ...]], rounds: int) -> list[dict[str, Any]]:
    """One point for each of the sizes, each in a process of its own."""
    return [
        in_its_own_process("benchmarks.growth", kind, *map(str, size), "--rounds", str(rounds))
        for size in sizes
    ]


def ends(rows: list[dict[str, Any]], of: Callable[[dict[str, Any]], float]) -> float:
    """The last over the first."""
    return of(rows[-1]) / of(rows[0])


def batches(setup: Setup) -> Found:
    """Time and memory of a sample as the batch grows."""
    sizes = [(16, 16), (64, 16)] if setup.quick else [(256, 512), (1024, 512), (8192, 512)]
    rows = points("settle", sizes, min(setup.rounds, 3))
    time = {n: ends(rows, lambda r, n=n: r[f"{n}: ms per sample"]) for n in ("Follow", "Sweep")}
    each = (rows[-1]["MB"] - rows[0]["MB"]) / (sizes[-1][0] - sizes[0][0])
    work = f"batch {sizes[0][0]:,} → {sizes[-1][0]:,}"
    return Found(
        [
            Goal(f"{work}: time of a sample", "that of the smallest batch", "≤ 1.25", time),
            Goal(f"{work}: kB for each further sample", "", "", {"both": 1e3 * each}),
        ],
        rows,
    )


def widths(setup: Setup) -> Found:
    """Time of one evaluation, over the number of weights, as layers grow wider."""
    sizes = [(16, 16), (16, 32)] if setup.quick else [(256, 512), (256, 1024), (256, 2048)]
    rows = points("settle", sizes, min(setup.rounds, 3))

    def weights(width: float) -> float:
        return 2 * width * width + 20 * width

    grown = {
        n: ends(rows, lambda r, n=n: r[f"{n}: ms per sample"] / weights(r["width"]))
        for n in ("Follow", "Sweep")
    }
    work = f"width {sizes[0][1]:,} → {sizes[-1][1]:,}: time over recurrent weights"
    return Found([Goal(work, "that of the narrowest", "≤ 1.25", grown)], rows)


def ensembles(setup: Setup) -> Found:
    """Time of a million starts, and memory, as their number grows."""
    counts = (1000, 4000) if setup.quick else (10**4, 10**5, 10**6, 10**7)
    rows = [
        point
        for count in counts
        for point in points("ensemble", [(count,)], 1 if count >= 10**7 else min(3, setup.rounds))
    ]
    time = {"ensemble": ends(rows, lambda r: r["seconds per million"])}
    memory = {"ensemble": ends(rows, lambda r: r["MB"])}
    work = f"{counts[0]:,} → {counts[-1]:,} trajectories, to disk"
    return Found(
        [
            Goal(f"{work}: time of a trajectory", "that of the fewest", "≤ 1.25", time),
            Goal(f"{work}: peak memory", "that of the fewest", "≤ 1.5", memory),
        ],
        rows,
    )


def first_answer(setup: Setup) -> Found:
    """A fresh process until its first batch of 20 has settled."""
    point = answer_point(1 if setup.quick else 3, setup.quick)
    work = "first answer, imports and compilation included, batch 20, float64: seconds"
    return Found([Goal(work, "", "≤ 4", point)], [{"method": n, "s": s} for n, s in point.items()])


def main() -> None:
    """One point, as JSON."""
    jax.config.update("jax_enable_x64", True)
    parser = argparse.ArgumentParser(prog="python -m benchmarks.growth")
    parser.add_argument("kind", choices=("settle", "ensemble"))
    parser.add_argument("size", type=int, nargs="*")
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    kinds = {"settle": settle_point, "ensemble": ensemble_point}
    print(json.dumps(kinds[given.kind](*given.size, rounds=given.rounds)))


if __name__ == "__main__":
    main()
