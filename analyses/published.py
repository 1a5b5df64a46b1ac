"""What every analysis shares: its options, its statements, the table, the JSON file, the figure.

    options = published.options(__doc__, argv)
    with published.analysis("chain-endpoints", "004 Thm 2–4", "every run …", options) as report:
        report.settings["draws"] = 200
        report.state("every run converges", ours="500 of 500", reached=True)
        report.numbers["worst"] = 3e-11
        with report.figure((7, 3)) as figure:
            figure.subplots().plot([0, 1])

At the end the table is printed, and ID.json, the figure and the page of all results are written,
each whole or not at all.
Importing this file switches JAX to float64.
"""

import argparse
import contextlib
import dataclasses
import datetime
import importlib.metadata
import json
import pathlib
import platform
import time
from collections.abc import Iterator, Sequence
from typing import Any

import jax
import numpy as np
import summary
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from neurodyn import plot
from neurodyn.files import write_whole

jax.config.update("jax_enable_x64", True)

ROOT = pathlib.Path(__file__).parents[1]
PACKAGES = ("neurodyn", "jax", "diffrax", "equinox", "numpy", "scipy", "sympy")

REACHED, NOT_REACHED, MEASURED = "reached", "not reached", "measured"


@dataclasses.dataclass(frozen=True)
class Options:
    """How an analysis was called: `quick`, and the folder that everything goes to, if one."""

    quick: bool
    out: pathlib.Path | None


@dataclasses.dataclass(frozen=True)
class Statement:
    """One published statement, what we found, and whether that is what was published.

    A statement of our own, which no paper makes, is "measured". `why` is the reason where the
    published one is not reached, or what it needs; `difference`, ours minus the published number,
    where there is one.
    """

    published: str
    ours: str
    verdict: str
    why: str = ""
    difference: str = ""


@dataclasses.dataclass
class Report:
    """What an analysis collects; `settings`, `seeds` and `numbers` go to the JSON as they are."""

    name: str
    source: str
    published: str
    options: Options
    settings: dict[str, Any] = dataclasses.field(default_factory=dict)
    seeds: dict[str, int] = dataclasses.field(default_factory=dict)
    numbers: dict[str, Any] = dataclasses.field(default_factory=dict)
    statements: list[Statement] = dataclasses.field(default_factory=list)

    def state(
        self, published: str, *, ours: str, reached: bool, why: str = "", difference: str = ""
    ) -> None:
        """Add a published statement and what became of it."""
        verdict = REACHED if reached else NOT_REACHED
        self.statements.append(Statement(published, ours, verdict, why, difference))

    def measure(self, what: str, *, ours: str, why: str = "", difference: str = "") -> None:
        """Add a finding of our own."""
        self.statements.append(Statement(what, ours, MEASURED, why, difference))

    @property
    def verdict(self) -> str:
        """ "reached", "not reached" or "reached in part", over all published statements."""
        found = {s.verdict for s in self.statements if s.verdict != MEASURED}
        return found.pop() if len(found) == 1 else "reached in part" if found else MEASURED

    @contextlib.contextmanager
    def figure(self, size: tuple[float, float]) -> Iterator[Any]:
        """A figure of `size` inches in the house style, written when the block ends."""
        path = self._folder("figures") / f"{self.name.replace('-', '_')}.png"
        with plot.style(), plot.page(path, size) as figure:
            yield figure

    def write(self, seconds: float) -> None:
        """ID.json in the folder of results."""
        published = [s for s in self.statements if s.verdict != MEASURED]
        reached = sum(s.verdict == REACHED for s in published)
        content = {
            "id": self.name,
            "source": self.source,
            "published": self.published,
            "ours": f"{reached} of {len(published)} published statements reached",
            "verdict": self.verdict,
            "statements": [dataclasses.asdict(s) for s in self.statements],
            "numbers": plain(self.numbers),
            "settings": plain({"quick": self.options.quick, **self.settings}),
            "seeds": self.seeds,
            "versions": versions(),
            "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
            "wall_seconds": round(seconds, 1),
        }
        text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
        path = self._folder("analyses/results") / f"{self.name}.json"
        write_whole(path, lambda file: file.write_text(text, encoding="utf-8"))

    def table(self) -> Table:
        """published | ours | verdict."""
        table = Table("published", "ours", "verdict", title=f"{self.name}  [{self.source}]")
        for s in self.statements:
            ours = f"{s.ours}\n{s.why}".strip()
            table.add_row(escape(s.published), escape(ours), s.verdict, end_section=True)
        return table

    def _folder(self, usual: str) -> pathlib.Path:
        folder = self.options.out or ROOT / usual
        folder.mkdir(parents=True, exist_ok=True)
        return folder


def options(description: str | None, argv: Sequence[str] | None = None) -> Options:
    """The command line of every analysis: `[--quick] [--out FOLDER]`."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="a reduced run, at most a minute")
    parser.add_argument(
        "--out", type=pathlib.Path, help="write everything there, not into the repository"
    )
    found = parser.parse_args(argv)
    return Options(found.quick, found.out)


@contextlib.contextmanager
def analysis(name: str, source: str, published: str, options: Options) -> Iterator[Report]:
    """A report that is written and printed when the block ends without an error."""
    started = time.perf_counter()
    report = Report(name, source, published, options)
    yield report
    report.write(time.perf_counter() - started)
    if options.out is None:
        summary.write()
    Console().print(report.table())


def versions() -> dict[str, str]:
    """The versions of Python and of the packages that a result depends on."""
    found = {name: importlib.metadata.version(name) for name in PACKAGES}
    return {"python": platform.python_version(), **found}


def plain(value: Any) -> Any:
    """`value` as JSON knows it: arrays as lists, NaN and infinity as null."""
    if isinstance(value, dict):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [plain(entry) for entry in value]
    if isinstance(value, np.ndarray | jax.Array):
        return plain(np.asarray(value).tolist())
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value
