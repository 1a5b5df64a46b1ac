"""`python -m benchmarks`: how fast the same network settles by neurodyn and by other means."""

import itertools
import json
import sys
import time
from pathlib import Path
from typing import Annotated, Literal

import jax
import tyro
from rich import box
from rich.console import Console
from rich.table import Table

from .conditions import conditions
from .measure import Row, measure
from .problem import problem

COLUMNS = {
    "method": lambda row: row.method,
    "ms/sample": lambda row: f"{row.milliseconds:.2f}",
    "evals": lambda row: str(row.evaluations),
    "residual": lambda row: f"{row.residual:.2e}",
    "settled": lambda row: f"{row.settled}/{row.samples}",
    "compile": lambda row: f"{row.compiling:.1f}",
    "setting": lambda row: row.setting or "–",
}


def title(row: Row) -> str:
    return (
        f"{row.activation}, {row.dtype}, batch {row.batch}, tolerance {row.tol:g} "
        f"({row.rounds} rounds)"
    )


def rich_table(rows: list[Row]) -> Table:
    table = Table(
        title=title(rows[0]),
        title_justify="left",
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),  # so that it fits a terminal of 80 columns
    )
    for name in COLUMNS:
        words = name in ("method", "setting")
        table.add_column(name, justify="left" if words else "right", no_wrap=name != "setting")
    for row in rows:
        table.add_row(*(cell(row) for cell in COLUMNS.values()))
    return table


def markdown(about: dict[str, str], tables: list[list[Row]]) -> str:
    lines = ["# Results", "", *(f"- **{name}**: {text}" for name, text in about.items())]
    for rows in tables:
        lines += ["", f"## {title(rows[0])}", "", "| " + " | ".join(COLUMNS) + " |"]
        lines += ["|---|" + "---:|" * (len(COLUMNS) - 2) + "---|"]
        lines += ["| " + " | ".join(cell(row) for cell in COLUMNS.values()) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def check(lists: tuple[tuple, ...], batch: tuple[int, ...], files: tuple[Path | None, ...]) -> None:
    """Refuse at once what would fail at the end; `ValueError` says what to change."""
    if not all(lists) or min(batch) < 1:
        raise ValueError("--batch, --dtype and --activation need a value each, batches 1 or more.")
    for file in files:
        if file and not file.parent.is_dir():
            raise ValueError(f"there is no folder {file.parent} for {file.name}: make it first.")


def main(
    batch: tuple[int, ...] = (1, 20, 256),
    dtype: tuple[Literal["float64", "float32"], ...] = ("float64", "float32"),
    activation: tuple[Literal["hard_sigmoid", "tanh"], ...] = ("hard_sigmoid", "tanh"),
    quick: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False,
    json_file: Annotated[Path | None, tyro.conf.arg(name="json", metavar="FILE")] = None,
    markdown_file: Annotated[Path | None, tyro.conf.arg(name="markdown", metavar="FILE")] = None,
) -> None:
    """Settle a 784-512-512-10 network on images by neurodyn, SciPy, Euler and diffrax.

    Prints one table for each activation, dtype and batch size: about four minutes on two cores.
    Set NEURODYN_DATA to use MNIST in place of scikit-learn's digits.

    Examples: --quick to see that it works (10 seconds); --batch 20 --activation tanh for two
    tables; --markdown results.md for all of them, in a file as well.

    Args:
        batch: Numbers of samples settled together.
        dtype: float64 settles to max |μ| ≤ 1e-6, float32 to 1e-4.
        activation: Hard sigmoid settles sooner than tanh.
        quick: Only the first of each of the three lists above, and 3 rounds.
        json_file: Write conditions and rows to this file too.
        markdown_file: Write conditions and tables to this file too.
    """
    jax.config.update("jax_enable_x64", True)
    console = Console()
    start = time.perf_counter()
    if quick:
        batch, dtype, activation = batch[:1], dtype[:1], activation[:1]
    try:
        check((batch, dtype, activation), batch, (json_file, markdown_file))
        about = conditions(max(batch))
    except (ValueError, OSError) as error:
        sys.exit(f"benchmarks: {error}")
    for name, text in about.items():
        console.print(f"[bold]{name}[/bold]: {text}", highlight=False)
    tables = []
    for a, d, b in itertools.product(activation, dtype, batch):
        with console.status(f"{a}, {d}, batch {b}"):
            tables.append(measure(problem(a, d, b), budget=0 if quick else 5))
        console.print(rich_table(tables[-1]))
    if json_file:
        rows = [row._asdict() for rows in tables for row in rows]
        json_file.write_text(json.dumps({"conditions": about, "rows": rows}, indent=2) + "\n")
    if markdown_file:
        markdown_file.write_text(markdown(about, tables))
    console.print(f"{time.perf_counter() - start:.0f} s in all.", highlight=False)


if __name__ == "__main__":
    tyro.cli(main, prog="python -m benchmarks")
