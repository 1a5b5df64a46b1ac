"""Runs of the analyses as plain data: what they learn, and a file that keeps what they found.

A run is a dictionary with a `name`; `finished` and `keep` read and write one line of JSON for each.
"""

import argparse
import dataclasses
import json
import pathlib
import sys
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import published

Run = dict[str, Any]


class Images(NamedTuple):
    """What is learnt, what is tested, the sizes of the net and of a batch."""

    x: jax.Array
    y: jax.Array
    x_test: jax.Array
    y_test: jax.Array
    sizes: tuple[int, ...]
    batch: int


def finished(file: pathlib.Path | None) -> dict[str, Run]:
    """The runs in the file by their name, the last one of each; none if there is no file."""
    if file is None or not file.exists():
        return {}
    runs = map(json.loads, file.read_text("utf-8").splitlines())
    return {run["name"]: run for run in runs}


def keep(run: Run, file: pathlib.Path | None) -> None:
    """Add the run to the file at once, if there is one, so that a stopped analysis can go on."""
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(run) + "\n")


@dataclasses.dataclass(frozen=True)
class Options:
    """How an analysis was called: as all are, the file of its runs, and whether it may train."""

    plain: published.Options
    file: pathlib.Path | None
    train: bool


def options(name: str, description: str | None, argv: Sequence[str] | None) -> Options:
    """The options of every analysis, `--runs FOLDER` and `--report`; `--quick` keeps no runs."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--runs", type=pathlib.Path, default=published.ROOT / "analyses" / "runs")
    parser.add_argument("--report", action="store_true")
    own, rest = parser.parse_known_args(argv)
    plain = published.options(description, rest)
    return Options(plain, None if plain.quick else own.runs / f"{name}.jsonl", not own.report)


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
