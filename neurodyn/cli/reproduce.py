"""`neurodyn reproduce`: the published figures and tables made again, ours beside theirs."""

import ast
import dataclasses
import json
import pathlib
import subprocess
import sys
from typing import Annotated, Any

import tyro
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from ..naming import closest

PACKAGE = pathlib.Path(__file__).parents[1]


@dataclasses.dataclass(frozen=True)
class Reproduce:
    """Run the analysis of a published figure or table, and set what we find beside it.

    Each analysis prints the published statements, ours and a verdict, and writes ID.json and a
    picture: into analyses/results and figures, or all into --out. They come with the repository,
    in the folder analyses; those of MNIST need its files (NEURODYN_DATA), but for --quick. The exit
    code is 0 if the analysis ran, whatever it found, 2 if it could not.

    For example:

      neurodyn reproduce --list

      neurodyn reproduce chain-portrait

      neurodyn reproduce rbp-mnist --quick --out rbp
    """

    id: Annotated[str, tyro.conf.Positional] = ""
    """Which analysis: see --list."""
    quick: bool = False
    """A reduced run, of a minute or so, that needs no files."""
    out: pathlib.Path | None = None
    """Write everything into this folder, not into the repository."""
    list_ids: Annotated[bool, tyro.conf.arg(name="list")] = False
    """Name the analyses, with what their last full run found, and leave."""
    as_json: Annotated[bool, tyro.conf.arg(name="json")] = False
    """Print what was written (or, with --list, the list) as JSON instead of a table."""

    def run(self) -> int:
        """Do it; returns the exit code."""
        folder = analyses_folder()
        if self.list_ids:
            show(rows(folder), self.as_json)
            return 0
        known = scripts(folder)
        if self.id not in known:
            given = f"unknown id {self.id!r}" if self.id else "id is missing"
            raise ValueError(f"{given}: {closest(self.id, known)} See neurodyn reproduce --list.")
        options = ["--quick"] * self.quick
        if self.out is not None:
            self.out.mkdir(parents=True, exist_ok=True)
            options += ["--out", str(self.out.resolve())]
        command = [sys.executable, str(known[self.id]), *options]
        written = subprocess.DEVNULL if self.as_json else None
        done = subprocess.run(command, check=False, stdout=written)
        if done.returncode:
            print(f"neurodyn: {self.id} broke off: see above.", file=sys.stderr)
            return 2
        if self.as_json:
            place = folder / "results" if self.out is None else self.out
            print((place / f"{self.id}.json").read_text("utf-8"), end="")
        return 0


def analyses_folder() -> pathlib.Path:
    """The folder of the analyses: of the repository that we are in, or that is installed from."""
    for root in (pathlib.Path.cwd(), PACKAGE.parent):
        if (root / "analyses" / "published.py").is_file():
            return root / "analyses"
    raise FileNotFoundError(
        "there is no folder analyses here: clone the repository and call this inside it."
    )


def scripts(folder: pathlib.Path) -> dict[str, pathlib.Path]:
    """The analyses by their id; other files there are what they share."""
    found = {}
    for file in sorted(folder.glob("*.py")):
        text = file.read_text("utf-8")
        if "published.analysis(" in text and "\ndef main(" in text:
            found[file.stem.replace("_", "-")] = file
    return found


def rows(folder: pathlib.Path) -> list[dict[str, Any]]:
    """Each analysis: what it is about, and what its last full run found, None for those not run."""
    found = []
    for name, file in scripts(folder).items():
        told = ast.get_docstring(ast.parse(file.read_text("utf-8"))) or ""
        result = folder / "results" / f"{name}.json"
        last = json.loads(result.read_text("utf-8")) if result.is_file() else {}
        keys = ("source", "published", "ours", "verdict", "date", "wall_seconds")
        about = told.partition("\n")[0]
        found.append({"id": name, "about": about, **{key: last.get(key) for key in keys}})
    return found


def show(found: list[dict[str, Any]], as_json: bool) -> None:
    """Print the analyses, as a table or as JSON."""
    if as_json:
        print(json.dumps(found, ensure_ascii=False))
        return
    table = Table(title="Analyses", title_justify="left", box=SIMPLE_HEAD)
    for heading in ("id", "source", "what it is about", "last full run", "minutes"):
        table.add_column(heading, overflow="fold", no_wrap=heading == "id")
    for row in found:
        ran = row["verdict"] is not None
        told = f"{row['verdict']}, {row['date']}" if ran else "not run yet"
        minutes = f"{row['wall_seconds'] / 60:.1f}" if ran else ""
        table.add_row(row["id"], row["source"] or "", row["about"], told, minutes)
    (Console() if sys.stdout.isatty() else Console(width=140)).print(table)
