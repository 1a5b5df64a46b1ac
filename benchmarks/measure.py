"""Time the methods on one problem: choose settings, then run them in turn, then judge."""

import math
import resource
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .peers import PEERS, Peer
from .problem import Problem, Run, is_settled, residuals

Good = Callable[[Problem, tuple], np.ndarray]
"""Which samples of a state are as they should be."""


class Row(NamedTuple):
    """What one method did on one problem; the fields are the columns of the table.

    `milliseconds` are per sample, the median of `rounds`; `evaluations` of μ are those of the
    slowest sample; `residual` is the largest true one; `settled` and `samples` count samples;
    `compiling` is in seconds, and no part of the milliseconds; `least` and `most` are the
    milliseconds of the quickest and of the slowest round.
    """

    activation: str
    dtype: str
    batch: int
    tol: float
    method: str
    milliseconds: float
    evaluations: int
    residual: float
    settled: int
    samples: int
    compiling: float
    setting: str
    rounds: int
    least: float
    most: float


class Tuned(NamedTuple):
    """A method with the setting chosen for one problem, warm."""

    peer: Peer
    setting: dict[str, Any]
    run: Run
    seconds: float
    compiling: float


def peak_megabytes() -> float:
    """The most memory that this process has had so far.

    Linux counts it from the start of the program; elsewhere that of a child begins at its parent's.
    """
    status = Path("/proc/self/status")
    lines = status.read_text("utf-8").splitlines() if status.is_file() else []
    peaks = [float(line.split()[1]) for line in lines if line.startswith("VmHWM:")]
    return (peaks[0] if peaks else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss) / 1024


def take_turns(calls: dict[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """The seconds that each call tells, round after round.

    A round runs every call once, so that a busy moment of the machine falls on all of them.
    """
    seconds = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            seconds[name].append(call())
    return seconds


def timed(peer: Peer, problem: Problem, setting: dict[str, Any]) -> tuple[Run, float]:
    start = time.perf_counter()
    run = peer.run(problem, **setting)
    wall = time.perf_counter() - start
    return run, wall if run.seconds is None else run.seconds


def tune(peer: Peer, problem: Problem, good: Good = is_settled, enough: float = 1.0) -> Tuned:
    """Compile, then try every setting once: the fastest of those with the most good samples.

    A share of `enough` good ones is as good as all.
    """
    _, first = timed(peer, problem, peer.settings[0])
    trials = [(setting, *timed(peer, problem, setting)) for setting in peer.settings]
    compiling = max(0.0, first - trials[0][2])
    ranked = [
        (-min(float(good(problem, run.state).mean()), enough), seconds, k)
        for k, (_, run, seconds) in enumerate(trials)
    ]
    return Tuned(peer, *trials[min(ranked)[2]], compiling)


def measure(
    problem: Problem,
    budget: float = 5,
    peers: Sequence[Peer] = PEERS,
    rounds: int | None = None,
    tuned: Sequence[Tuned] | None = None,
) -> list[Row]:
    """One row per method: `rounds`, or 3 to 15 of them, as many as fit into `budget` seconds."""
    tuned = tuned or [tune(peer, problem) for peer in peers]
    fitting = min(15, max(3, math.floor(budget / sum(t.seconds for t in tuned))))
    calls = {t.peer.name: lambda t=t: timed(t.peer, problem, t.setting)[1] for t in tuned}
    seconds = take_turns(calls, rounds or fitting)
    return [row(problem, t, seconds[t.peer.name]) for t in tuned]


def row(problem: Problem, tuned: Tuned, seconds: list[float]) -> Row:
    settled = is_settled(problem, tuned.run.state)
    each = 1e3 / len(settled)
    return Row(
        activation=problem.activation,
        dtype=str(problem.inputs.dtype),
        batch=len(problem.inputs),
        tol=problem.tol,
        method=tuned.peer.name,
        milliseconds=each * statistics.median(seconds),
        evaluations=tuned.run.evaluations,
        residual=float(residuals(problem, tuned.run.state).max()),
        settled=int(settled.sum()),
        samples=len(settled),
        compiling=tuned.compiling,
        setting=", ".join(f"{name} {told(value)}" for name, value in tuned.setting.items()),
        rounds=len(seconds),
        least=each * min(seconds),
        most=each * max(seconds),
    )


def told(value: Any) -> str:
    return value if isinstance(value, str) else f"{value:g}"
