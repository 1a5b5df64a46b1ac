"""Time the methods on one problem: choose settings, then run them in turn, then judge."""

import math
import statistics
import time
from typing import NamedTuple

from .peers import PEERS, Peer
from .problem import Problem, Run, is_settled, residuals


class Row(NamedTuple):
    """What one method did on one problem; the fields are the columns of the table.

    `milliseconds` are per sample, the median of `rounds`; `evaluations` of μ are those of the
    slowest sample; `residual` is the largest true one; `settled` and `samples` count samples;
    `compiling` is in seconds, and no part of the milliseconds.
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


class Tuned(NamedTuple):
    """A method with the setting chosen for one problem, warm."""

    peer: Peer
    setting: dict[str, float]
    run: Run
    seconds: float
    compiling: float


def timed(peer: Peer, problem: Problem, setting: dict[str, float]) -> tuple[Run, float]:
    start = time.perf_counter()
    run = peer.run(problem, **setting)
    return run, time.perf_counter() - start


def tune(peer: Peer, problem: Problem) -> Tuned:
    """Compile, then try every setting once: the fastest of those that settle the most samples."""
    _, first = timed(peer, problem, peer.settings[0])
    trials = [(setting, *timed(peer, problem, setting)) for setting in peer.settings]
    compiling = max(0.0, first - trials[0][2])
    ranked = [(-is_settled(problem, run.state).sum(), s, k) for k, (_, run, s) in enumerate(trials)]
    return Tuned(peer, *trials[min(ranked)[2]], compiling)


def measure(problem: Problem, budget: float) -> list[Row]:
    """One row per method: 3 to 15 rounds, as many as fit into `budget` seconds.

    A round runs every method once, so that a busy moment of the machine falls on all of them.
    """
    tuned = [tune(peer, problem) for peer in PEERS]
    rounds = min(15, max(3, math.floor(budget / sum(t.seconds for t in tuned))))
    seconds = [[timed(t.peer, problem, t.setting)[1] for t in tuned] for _ in range(rounds)]
    medians = [statistics.median(times) for times in zip(*seconds, strict=True)]
    return [row(problem, t, s, rounds) for t, s in zip(tuned, medians, strict=True)]


def row(problem: Problem, tuned: Tuned, seconds: float, rounds: int) -> Row:
    settled = is_settled(problem, tuned.run.state)
    return Row(
        activation=problem.activation,
        dtype=str(problem.inputs.dtype),
        batch=len(problem.inputs),
        tol=problem.tol,
        method=tuned.peer.name,
        milliseconds=1e3 * seconds / len(settled),
        evaluations=tuned.run.evaluations,
        residual=float(residuals(problem, tuned.run.state).max()),
        settled=int(settled.sum()),
        samples=len(settled),
        compiling=tuned.compiling,
        setting=", ".join(f"{name} {value:g}" for name, value in tuned.setting.items()),
        rounds=rounds,
    )
