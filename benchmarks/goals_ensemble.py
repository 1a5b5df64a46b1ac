"""The row of the goals about ensembles; and, as a program, their run on all cores, line by line."""

import os
import statistics
import sys
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from . import numba_loop
from .children import Child, clocked, serve
from .ensemble import FINE, TOL, judged, starts, with_diffrax, with_ensemble, with_scipy
from .goal import Found, Goal, Setup
from .measure import take_turns

FEW, MANY, ALONE = 10_000, 1_000_000, 1_000
"""Starts of the two sizes, and of those methods that run them one after another."""

ONE, ALL = "ensemble, one device", "ensemble, all cores"
NUMBA, PLAIN = "Numba, all cores", "Numba, plain control, all cores"


def with_numba(a: np.ndarray) -> np.ndarray:
    """In scalars, on all cores, by the step control of neurodyn."""
    cores = os.cpu_count() or 1
    return numba_loop.settle(a, tol=TOL, cores=cores, rtol=1e-6, atol=1e-6, fraction=1e-3)


def with_plain_numba(a: np.ndarray) -> np.ndarray:
    """The same as one would write it oneself."""
    cores = os.cpu_count() or 1
    return numba_loop.settle(a, tol=TOL, cores=cores, rtol=FINE, atol=TOL / 10)


class Entrant:
    """A method and a number of starts, warm; it knows where it ended."""

    def __init__(self, run: Callable[[np.ndarray], np.ndarray], count: int):
        self.run, self.starts = run, starts(count)
        self.run(np.ones((count, 2)))  # compiles, with as many starts, all of them at rest
        self.told = judged(self.starts, self.run(self.starts))

    def __call__(self) -> float:
        return clocked(lambda: self.run(self.starts))


class OnAllCores:
    """The ensemble in a process whose processor is divided into as many devices as it has cores."""

    def __init__(self, child: Child, count: int):
        self.child, self.count = child, count
        self.told = child.ask(count=count, judge=True)

    def __call__(self) -> float:
        return self.child.ask(count=self.count, judge=False)["seconds"]


def entrants(child: Child, quick: bool) -> dict[tuple[str, int], Any]:
    """Those that take turns. Numba only where it is installed, SciPy a few starts only."""
    few, many, alone = (1000, 4000, 50) if quick else (FEW, MANY, ALONE)
    found: dict[tuple[str, int], Any] = {}
    for count in (few, many):
        found[ONE, count] = Entrant(with_ensemble, count)
        found[ALL, count] = OnAllCores(child, count)
    found["diffrax vmap", few] = Entrant(with_diffrax, few)
    found["SciPy RK45", alone] = Entrant(with_scipy, alone)
    if numba_loop.installed():
        found[NUMBA, many] = Entrant(with_numba, many)
        found[PLAIN, many] = Entrant(with_plain_numba, many)
    return found


def ensembles(setup: Setup) -> Found:
    """Starts a second to the verdict, by one device and by all cores, beside others.

    diffrax and SciPy run fewer starts than a million, at which they are no faster for each.
    """
    child = Child(
        sys.executable, "-m", "benchmarks.goals_ensemble", JAX_NUM_CPU_DEVICES=str(os.cpu_count())
    )
    try:
        all_of_them = entrants(child, setup.quick)
        names = {f"{name}, {count:,}": (name, count) for name, count in all_of_them}
        calls = {label: all_of_them[key] for label, key in names.items()}
        seconds = take_turns(calls, setup.rounds)
    finally:
        child.close()
    rate = {names[n]: names[n][1] / statistics.median(times) for n, times in seconds.items()}
    shown = [
        {
            "method": name,
            "starts": count,
            "starts/s": rate[name, count],
            "least s": min(seconds[label]),
            "most s": max(seconds[label]),
        }
        | {key: all_of_them[name, count].told[key] for key in ("settled", "residual", "agree")}
        for label, (name, count) in names.items()
    ]
    return Found(goals_of(rate), shown)


def goals_of(rate: dict[tuple[str, int], float]) -> list[Goal]:
    """What is asked of both numbers of starts."""
    by_name = {name: value for (name, _), value in rate.items()}
    goals = []
    for count in sorted({count for name, count in rate if name == ONE}):
        ours = {name: rate[name, count] for name in (ONE, ALL)}
        work = f"ensemble of chains, {count:,} starts, to {TOL:g}"
        for name, asked in (("diffrax vmap", "≥ 20"), ("SciPy RK45", "≥ 1200")):
            goals.append(Goal(work, name, asked, {n: r / by_name[name] for n, r in ours.items()}))
        for name in (NUMBA, PLAIN):
            if (name, count) in rate:
                found = {ALL: ours[ALL] / rate[name, count]}
                goals.append(Goal(work, name, "≥ 2.5" if name == NUMBA else "", found))
    return goals


def answer(count: int, judge: bool) -> dict[str, Any]:
    """One run on all devices, or the judgement of one, compiled before."""
    a = starts(count)
    if judge:
        with_ensemble(np.ones((count, 2)))
        return judged(a, with_ensemble(a))
    return {"seconds": clocked(lambda: with_ensemble(a))}


if __name__ == "__main__":
    jax.config.update("jax_enable_x64", True)
    serve(answer)
