"""Where a run is kept: its folder, what was asked of it, its checkpoints, its metrics.

run.json        what was asked: to be resumed, a run must be the same one
checkpoint-*    the newest two (see `checkpoint.py`)
metrics.nc      a row for each epoch, with its provenance
"""

import contextlib
import json
import pathlib
import re
import signal
import threading
import warnings
from collections.abc import Iterator
from typing import Any

import equinox as eqx
import jax
import numpy as np
from jaxtyping import PyTree

from ..files import write_whole
from . import checkpoint
from .updates import Progress, Tally

Row = dict[str, float]

PLAN, METRICS = "run.json", "metrics.nc"


class StoppedError(RuntimeError):
    """Raised where a run was told to stop by the signal of number `signal`; it is saved."""

    signal: int = 0


class Position(eqx.Module):
    """How far a run is: all that is needed to go on.

    **Fields:** `progress`; `tally`, of the updates of the epoch under way, NaN for those to come;
    `history`, a row for each epoch that is over; `seconds` spent in the one under way.
    """

    progress: Progress
    tally: Tally
    history: list[Row]
    seconds: float

    @property
    def updates(self) -> int:
        """How many updates are done."""
        return int(self.progress.updates)


class RunFolder:
    """The folder of one run; `config` goes into its metrics."""

    def __init__(self, path: pathlib.Path, config: dict[str, Any]):
        self.path, self.config = path, config

    def begin(self, plan: dict[str, Any], start: Position) -> Position:
        """Make the folder, for a run from `start`; `FileExistsError` where it holds anything."""
        path = self.path
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise FileExistsError(
                f"{path} is there already: resume the run in it, or name another folder."
            )
        path.mkdir(parents=True, exist_ok=True)
        text = json.dumps({"plan": plan, "config": self.config}, indent=1)
        write_whole(path / PLAN, lambda part: part.write_text(text, "utf-8"))
        return start

    def resume(self, plan: dict[str, Any], start: Position) -> Position:
        """Where the run in the folder is; `start` where it was stopped in its first epoch.

        Warns of checkpoints that are damaged. Raises `ValueError` where it is another run, or no
        checkpoint is whole, and `FileNotFoundError` where there is none.
        """
        found = asked(self.path)["plan"]
        for name, value in plan.items():
            if found.get(name) != value:
                raise ValueError(
                    f"{self.path} holds another run: its {name} is {found.get(name)}, not {value}."
                )
        for part in self.path.glob(".*-*"):
            part.unlink(missing_ok=True)  # half a file, of a run that was killed as it wrote
        if not checkpoint.newest(self.path):
            return start
        read = checkpoint.latest(self.path, (start.progress, start.tally))
        for damage in read.damaged:
            warnings.warn(f"{damage} Going on from {read.file.name}.", stacklevel=2)
        progress, tally = read.tree
        return Position(progress, tally, read.told["history"], read.told["seconds"])

    def save(self, position: Position) -> pathlib.Path:
        """Write a checkpoint, and the metrics of the epochs so far."""
        from .. import record  # xarray takes a while to import

        told = {"history": position.history, "seconds": position.seconds}
        tree = position.progress, position.tally
        file = checkpoint.save(self.path, position.updates, tree, told)
        if position.history:
            rows = record.history_dataset(position.history, **self.config)
            record.save(rows, self.path / METRICS)
        return file

    def stop(self, position: Position, number: int) -> None:
        """Save the run, then raise `StoppedError`."""
        error = StoppedError(
            f"stopped by {signal.Signals(number).name} after {position.updates} updates; they are "
            f"in {self.save(position)}: resume to go on."
        )
        error.signal = number
        raise error


def asked(folder: pathlib.Path) -> dict[str, Any]:
    """The plan and the configuration of the run in `folder`.

    Raises `FileNotFoundError` where there is none and `ValueError` where it is unreadable.
    """
    file = folder / PLAN
    if not file.is_file():
        raise FileNotFoundError(f"{folder} holds no run: there is no {PLAN} in it.")
    try:
        content = json.loads(file.read_text("utf-8"))
        return {"plan": dict(content["plan"]), "config": dict(content["config"])}
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{file} does not say what was asked of a run ({error}).") from error


def described(tree: PyTree) -> str:
    """The structure of `tree`, its plain values, and the shapes and dtypes of its arrays."""
    leaves = jax.tree.map(lambda a: np.asarray(a) if eqx.is_array(a) and not a.ndim else a, tree)
    text = eqx.tree_pformat(leaves, width=1000, short_arrays=True)
    return re.sub(r" at 0x[0-9a-f]+", "", text)  # where a function lies is another in each process


@contextlib.contextmanager
def listening(wanted: bool) -> Iterator[list[int]]:
    """The signal to stop that came while this listens, which only the main thread can.

    A second one is not waited for: it raises `KeyboardInterrupt`.
    """
    told: list[int] = []
    if not wanted or threading.current_thread() is not threading.main_thread():
        yield told
        return

    def note(number: int, _: Any) -> None:
        if told:
            raise KeyboardInterrupt
        told.append(number)

    names = signal.SIGINT, signal.SIGTERM
    before = {n: signal.signal(n, note) for n in names}
    try:
        yield told
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
