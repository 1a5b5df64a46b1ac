"""`python -m benchmarks.goals`: how many times sooner than others, and whether that is enough.

One row of the table is one function; its numbers are medians of rounds in which all methods take
turns. Every row is written as soon as it is there, and rows that are not run again stay, with the
day on which they were.
"""

import argparse
import datetime
import json
import os
import platform
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jax
from rich.console import Console
from rich.markdown import Markdown

from neurodyn.files import write_whole

from . import goals_ensemble, goals_learning, goals_settle, growth
from .conditions import PACKAGES, processor
from .goal import Goal, Setup, Work, shown
from .problem import images
from .torch_peers import Torch

ROWS: dict[str, Work] = {
    "settle-float64": goals_settle.settling(
        "hard_sigmoid",
        "float64",
        {"diffrax tuned": "≥ 100", "SciPy RK45": "≥ 800"} | goals_settle.both_loops("≥ 4"),
    ),
    "settle-float32": goals_settle.settling(
        "hard_sigmoid", "float32", {"diffrax tuned": "≥ 55"} | goals_settle.both_loops("≥ 3")
    ),
    "settle-tanh": goals_settle.settling("tanh", "float64", goals_settle.both_loops("≥ 8")),
    "trained": goals_settle.trained,
    "tied": goals_settle.tied,
    "gradient": goals_learning.gradient,
    "learning": goals_learning.learning,
    "ensembles": goals_ensemble.ensembles,
    "growth-ensembles": growth.ensembles,
    "growth-batch": growth.batches,
    "growth-width": growth.widths,
    "first-answer": growth.first_answer,
}

INTRODUCTION = """# Goals of speed

How many times less time neurodyn takes than what it stands beside, for the same work, to the same
true residual, every sample settled. Where two of its methods are given, a goal is met if one of
them meets it: `Follow` ends where the flow does, `Sweep` at a fixed point. Numbers are ratios of
medians of rounds in which all methods take turns. `PyTorch Euler` is the fastest of all settings
tried, on as many threads as there are cores, in an environment of its own (see README.md)."""


def measured(name: str, setup: Setup) -> dict[str, Any]:
    """A row as it is kept: what was found, when, and how busy the machine was."""
    begin = time.perf_counter()
    found = ROWS[name](setup)
    return {
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M"),
        "seconds": round(time.perf_counter() - begin),
        "load": [round(load, 1) for load in os.getloadavg()],
        "rounds": setup.rounds,
        "quick": setup.quick,
        "torch": setup.torch.version if setup.torch else "",
        "goals": [goal._asdict() | {"met": goal.met()} for goal in found.goals],
        "rows": found.rows,
    }


def line(cells: Sequence[Any]) -> str:
    return "| " + " | ".join(map(str, cells)) + " |"


def goal_lines(kept: dict[str, Any], asked: bool) -> list[str]:
    """The table of what is asked, or that of what else was compared."""
    last = ("asked", "found", "met") if asked else ("found",)
    lines = [line(("work", "beside", *last, "when")), "|---|---|" + "---|" * len(last) + "---|"]
    for entry in kept.values():
        goals = [Goal(*(told[field] for field in Goal._fields)) for told in entry["goals"]]
        for goal in goals:
            found = ", ".join(f"{name} {shown(value)}" for name, value in goal.found.items())
            cells = (goal.asked, found or "–", goal.met()) if asked else (found,)
            if bool(goal.asked) == asked:
                lines.append(line((goal.work, goal.beside, *cells, entry["date"])))
    return lines


def tables(kept: dict[str, Any]) -> str:
    """What is asked and what was found, in Markdown."""
    lines = [INTRODUCTION, "", *goal_lines(kept, asked=True)]
    lines += ["", "Besides, without a goal:", "", *goal_lines(kept, asked=False), ""]
    return "\n".join(lines)


def row_lines(name: str, entry: dict[str, Any]) -> list[str]:
    """One row in full."""
    load = "/".join(map(str, entry["load"]))
    torch = entry["torch"] or "no PyTorch given (--torch)"
    about = f"{entry['date']} UTC, {entry['rounds']} rounds, {entry['seconds']} s, load {load}"
    columns = list(entry["rows"][0])
    return [
        "",
        f"## {name}",
        "",
        f"{about}, {torch}{', quick: numbers mean nothing' if entry['quick'] else ''}.",
        "",
        line(columns),
        "|" + "---|" * len(columns),
        *(line([shown(row[column]) for column in columns]) for row in entry["rows"]),
    ]


def report(kept: dict[str, Any]) -> str:
    """The tables, and the rows behind them."""
    versions = ", ".join(f"{package} {version(package)}" for package in PACKAGES)
    machine = f"{processor()}, {os.cpu_count()} cores, JAX on {jax.default_backend()}"
    python = f"Python {platform.python_version()}"
    lines = [tables(kept), f"{machine}; {versions}, {python}; {images(1)[1]}."]
    for name, entry in kept.items():
        lines += row_lines(name, entry)
    return "\n".join(lines) + "\n"


def run(
    names: Sequence[str], setup: Setup, kept: dict[str, Any], files: dict[Path, Callable]
) -> list[str]:
    """Measure rows one by one; the files hold at any time what there is so far.

    A row that fails is told and left as it was. Returns the names of those.
    """
    failed = []
    for name in names:
        print(f"{name} …", end="", file=sys.stderr, flush=True)
        try:
            kept[name] = measured(name, setup)
        except Exception:
            traceback.print_exc()
            failed.append(name)
            continue
        print(f" {kept[name]['seconds']} s", file=sys.stderr, flush=True)
        for file, written in files.items():
            text = written(in_order(kept))
            write_whole(file, lambda part, text=text: part.write_text(text, "utf-8"))
    return failed


def in_order(kept: dict[str, Any]) -> dict[str, Any]:
    """The rows that there are, in the order of the table."""
    return {name: kept[name] for name in ROWS if name in kept}


def as_json(kept: dict[str, Any]) -> str:
    """The rows as they are kept."""
    return json.dumps(kept, indent=1, ensure_ascii=False) + "\n"


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.goals", description=str(__doc__).partition("\n")[0]
    )
    parser.add_argument("--torch", metavar="PYTHON", help="a Python that has PyTorch")
    parser.add_argument("--rounds", type=int, default=7, help="(default 7)")
    parser.add_argument("--only", nargs="+", choices=ROWS, metavar="ROW", help=", ".join(ROWS))
    parser.add_argument("--quick", action="store_true", help="small and few: does it run?")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the tables there")
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep the rows there")
    given = parser.parse_args()
    if given.rounds < 1:
        parser.error("--rounds is below 1: give a positive number.")
    for file in (given.markdown, given.json):
        if file and not file.parent.is_dir():
            parser.error(f"there is no folder {file.parent}: make it first.")
    kept = json.loads(given.json.read_text("utf-8")) if given.json and given.json.is_file() else {}
    jax.config.update("jax_enable_x64", True)
    try:
        torch = Torch(given.torch) if given.torch else None
    except (OSError, RuntimeError) as error:
        parser.error(f"--torch {given.torch} does not run PyTorch: {error}")
    setup = Setup(torch, 1 if given.quick else given.rounds, given.quick)
    writers = ((given.json, as_json), (given.markdown, report))
    files = {file: written for file, written in writers if file}
    try:
        failed = run(given.only or list(ROWS), setup, kept, files)
    finally:
        if torch:
            torch.close()
    Console().print(Markdown(tables(in_order(kept))))
    if failed:
        sys.exit(f"goals: {', '.join(failed)} failed, see above.")


if __name__ == "__main__":
    main()
