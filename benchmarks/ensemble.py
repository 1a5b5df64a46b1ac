"""`python -m benchmarks.ensemble`: many starts of a small flow, each followed to its verdict.

The flow is the chain [1,1,1] of linear neurons that learns by random backpropagation, c = α = β =
1: two weights, a curve of fixed points, and two basins with an exact boundary. Starts are uniform
in [−2, 2]². Every method ends where the true residual max |μ| is at or below 1e-8; the same
function judges all ends, and compares the side on which they lie with the exact basin.
"""

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import diffrax as dfx
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float
from scipy.integrate import solve_ivp

import neurodyn as nd
from neurodyn.field import largest

from . import numba_loop
from .conditions import PACKAGES, in_its_own_process, markdown_table, processor
from .measure import peak_megabytes

TOL = 1e-8
FINE = 1e-8  # the largest power of ten, as rtol, at which a plain controller comes to rest at TOL
SCIPY_STARTS = 1000  # they do not share work, so a few tell the time of each

Weights = Float[np.ndarray, "n 2"]


class Method(NamedTuple):
    """A way to bring many starts to rest, the most starts that it is given, and a word on it.

    With `all_cores` it has as many devices, or threads, as the machine has cores.
    """

    name: str
    run: Callable[[Weights], Weights]
    most: int
    note: str
    all_cores: bool = False


def flow() -> nd.ChainFlow:
    return nd.chain_flow(c=(1.0,), alpha=1.0, beta=1.0)


def starts(count: int) -> Weights:
    return np.random.default_rng(0).uniform(-2, 2, (count, 2))


def goes_left(a: Weights) -> Bool[np.ndarray, " n"]:
    """The exact basin of the left branch of a1 a2 = 1."""
    x, y = a.T
    return ((x <= -1) & (y - x**2 / 2 <= -1.5)) | ((x > -1) & (x < 0) & (x * y > 1))


def with_ensemble(a: Weights) -> Weights:
    devices = jax.devices() if len(jax.devices()) > 1 else None
    return np.asarray(nd.ensemble(flow(), a, tol=TOL, devices=devices).state)


def with_basins(a: Weights) -> Weights:
    return nd.basins(flow(), a, tol=TOL).end


def with_fine_basins(a: Weights) -> Weights:
    return nd.basins(flow(), a, tol=TOL, method=nd.Relax(accuracy=FINE)).end


def with_settle(a: Weights) -> Weights:
    run = nd.settle(flow(), None, a, tol=TOL, method=nd.Relax(accuracy=1e-6))
    return np.asarray(run.state)


@eqx.filter_jit
def _diffrax(field: nd.AbstractField, a: Array) -> Array:
    def at_rest(t, state, args, **_):
        return largest(field.flow(t, state, args)) <= TOL

    def one(start):
        solution = dfx.diffeqsolve(
            dfx.ODETerm(field.flow),
            dfx.Tsit5(),
            t0=0.0,
            t1=1000.0,
            dt0=None,
            y0=start,
            args=field.drive(None),
            saveat=dfx.SaveAt(t1=True),
            stepsize_controller=dfx.PIDController(rtol=FINE, atol=TOL / 10, norm=largest),
            event=dfx.Event(at_rest),
            max_steps=20_000,
            throw=False,
        )
        assert solution.ys is not None
        return solution.ys[-1]

    return jax.vmap(one)(a)


def with_diffrax(a: Weights) -> Weights:
    return np.asarray(_diffrax(flow(), jnp.asarray(a)))


def with_scipy(a: Weights) -> Weights:
    def mu(t, s):
        error = 1 - s[0] * s[1]
        return np.array((error, s[0] * error))

    def above_tol(t, s):
        # the root finder stops to either side of the crossing: let it be safely below tol
        return np.abs(mu(t, s)).max() - 0.99 * TOL

    above_tol.terminal = True  # pyright: ignore[reportFunctionMemberAccess]
    options = {"method": "RK45", "events": above_tol, "rtol": FINE, "atol": TOL / 10}
    return np.array([solve_ivp(mu, (0, 1000), start, **options).y[:, -1] for start in a])


def with_numba(a: Weights) -> Weights:
    like_relax = {"rtol": 1e-6, "atol": 1e-6, "fraction": 1e-3}
    return numba_loop.settle(a, tol=TOL, cores=len(jax.devices()), **like_relax)


def with_plain_numba(a: Weights) -> Weights:
    return numba_loop.settle(a, tol=TOL, rtol=FINE, atol=TOL / 10, cores=len(jax.devices()))


METHODS = (
    Method(
        "neurodyn.ensemble",
        with_ensemble,
        10**7,
        "its default: 1,024 lanes, refilled as trajectories end, Relax(accuracy=1e-6); one device",
    ),
    Method(
        "neurodyn.ensemble, all cores",
        with_ensemble,
        10**7,
        "the same with JAX_NUM_CPU_DEVICES set to the number of cores, and devices=jax.devices()",
        all_cores=True,
    ),
    Method(
        "neurodyn.basins",
        with_basins,
        10**6,
        "its default: settled as by neurodyn.ensemble, then judged and labelled",
    ),
    Method(
        "neurodyn.basins, finer",
        with_fine_basins,
        10**6,
        "the same by Relax(accuracy=1e-8), the accuracy that diffrax and SciPy are run with",
    ),
    Method(
        "neurodyn.settle",
        with_settle,
        10**6,
        "Relax(accuracy=1e-6), all starts in one batch, without labels",
    ),
    Method(
        "diffrax vmap",
        with_diffrax,
        10**6,
        "Tsit5 under one vmap, PIDController(rtol=1e-8, atol=1e-9) and an event on max |μ|, both "
        "with the largest entry as norm: the fastest of nine settings tried, rtol from 1e-10 to "
        "1e-3, with and without a largest step; rtol=1e-6 alone never comes to rest",
    ),
    Method(
        "SciPy RK45",
        with_scipy,
        SCIPY_STARTS,
        "solve_ivp with rtol=1e-8, atol=1e-9 and a terminal event on max |μ|, μ in plain NumPy, "
        f"one start after another; {SCIPY_STARTS:,} of them tell what more would cost",
    ),
    Method(
        "Numba, all cores",
        with_numba,
        10**6,
        "an adaptive RK45 by hand in scalars, one start after another on each core, with "
        "neurodyn's step control and its accuracy of 1e-6; where Numba is installed",
        all_cores=True,
    ),
    Method("Numba", with_numba, 10**6, "the same on one core"),
    Method(
        "Numba, plain control",
        with_plain_numba,
        10**6,
        "the same on one core with rtol=1e-8, atol=1e-9 alone, the fastest of eight settings from "
        "1e-9 to 1e-4 of those that come to rest",
    ),
)


def judged(a: Weights, end: Weights) -> dict[str, float]:
    """The share at rest, the largest residual, and the share on the side that the rule says."""
    residual = np.asarray(nd.residual(flow(), end, None))
    side = (end[:, 0] < 0) == goes_left(a)
    return {
        "settled": float((residual <= TOL).mean()),
        "residual": float(residual.max()),
        "agree": float(side.mean()),
    }


def one(name: str, count: int) -> dict:
    """One timed run, in a process whose peak of memory is its own.

    What is compiled before it sees as many starts, all of them at rest.
    """
    method = next(m for m in METHODS if m.name == name)
    begin = time.perf_counter()
    method.run(np.ones((count, 2)))
    compiled = time.perf_counter()
    end = method.run(starts(count))
    done = time.perf_counter()
    return {
        "method": name,
        "starts": count,
        "seconds": done - compiled,
        "compile": compiled - begin,
        "megabytes": peak_megabytes(),
    } | judged(starts(count), end)


COLUMNS = {
    "starts": lambda row: f"{row['starts']:,}",
    "method": lambda row: row["method"],
    "seconds (least–most)": lambda row: (
        f"{row['seconds']:.3g} ({row['least']:.3g}–{row['most']:.3g})"
    ),
    "starts/s": lambda row: f"{row['starts'] / row['seconds']:,.0f}",
    "compile": lambda row: f"{row['compile']:.1f}",
    "peak MB": lambda row: f"{row['megabytes']:,.0f}",
    "settled": lambda row: f"{100 * row['settled']:.4g} %",
    "residual": lambda row: f"{row['residual']:.2e}",
    "exact basin": lambda row: f"{100 * row['agree']:.7g} %",
    "rounds": lambda row: str(row["rounds"]),
}


def table(rows: list[dict]) -> str:
    return "\n".join(markdown_table(COLUMNS, rows, "|---:|---|" + "---:|" * (len(COLUMNS) - 2)))


def report(rows: list[dict]) -> str:
    about = {
        "flow": "chain [1,1,1], c = α = β = 1; starts uniform in [−2, 2]², seed 0",
        "machine": f"{processor()}, {os.cpu_count()} cores, JAX on {jax.default_backend()}",
        "versions": ", ".join(f"{name} {version(name)}" for name in PACKAGES),
        "columns": "median seconds of the rounds, in which the methods take turns, each in a "
        "process of its own, compiling apart; peak memory of that process; ends with max |μ| ≤ "
        "1e-8; the largest max |μ|; ends on the side that the exact basin says (starts within the "
        "accuracy of its boundary may miss it)",
    } | {method.name: method.note for method in METHODS}
    lines = [f"- **{name}**: {text}" for name, text in about.items()]
    return "\n".join(["# Ensembles: results", "", *lines, "", table(rows), ""])


def methods(count: int) -> list[Method]:
    """Those that are given so many starts; Numba's only where it is installed."""
    there = numba_loop.installed()
    return [m for m in METHODS if count <= m.most and (there or not m.name.startswith("Numba"))]


def measured(count: int, rounds: int) -> list[dict]:
    """The rows of one number of starts: the methods by turns, `rounds` times."""
    trials: dict[str, list[dict]] = {}
    for _ in range(rounds):
        for method in methods(count):
            os.environ["JAX_NUM_CPU_DEVICES"] = str(os.cpu_count() if method.all_cores else 1)
            row = in_its_own_process("benchmarks.ensemble", "--one", method.name, str(count))
            trials.setdefault(method.name, []).append(row)
    return [merged(rows) for rows in trials.values()]


def merged(rows: list[dict]) -> dict:
    seconds = [row["seconds"] for row in rows]
    return rows[0] | {
        "seconds": statistics.median(seconds),
        "least": min(seconds),
        "most": max(seconds),
        "rounds": len(rows),
        "compile": statistics.median(row["compile"] for row in rows),
        "megabytes": max(row["megabytes"] for row in rows),
    }


def main() -> None:
    jax.config.update("jax_enable_x64", True)
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.ensemble",
        description="Starts per second to the verdict, by neurodyn, bare diffrax, SciPy and Numba.",
    )
    parser.add_argument("--quick", action="store_true", help="1,000 and 10,000 starts, one round")
    parser.add_argument("--rounds", type=int, default=3, help="how often each is run (default 3)")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the table there too")
    parser.add_argument("--one", nargs=2, metavar=("METHOD", "STARTS"), help="one row")
    given = parser.parse_args()
    if given.one:
        print(json.dumps(one(given.one[0], int(given.one[1]))))
        return
    if given.rounds < 1:
        parser.error("--rounds is below 1: give a positive number.")
    if given.markdown and not given.markdown.parent.is_dir():
        parser.error(f"there is no folder {given.markdown.parent}: make it first.")
    counts = [10**k for k in ((3, 4) if given.quick else (3, 4, 5, 6, 7))]
    rounds = 1 if given.quick else given.rounds
    rows = [row for count in counts for row in measured(count, rounds)]
    print("\n" + table(rows))
    if given.markdown:
        given.markdown.write_text(report(rows))


if __name__ == "__main__":
    main()
