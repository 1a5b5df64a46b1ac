"""`neurodyn check`: prove, repair or refute the statements of the papers."""

import dataclasses
import json
from typing import Annotated, Any

import tyro
from rich.console import Console
from rich.progress import track
from rich.table import Table


@dataclasses.dataclass(frozen=True)
class Check:
    """Prove, repair or refute the statements of the papers, by exact algebra.

    Each claim is what its paper prints. The check tries just that; where it fails, it tries the
    corrected form. Verdicts: proved, proved with added hypothesis, corrected, refuted, and
    supported where the evidence is numerical. The exit code is 1 if a check itself failed.

    For example:

      neurodyn check

      neurodyn check 004 --verbose

      neurodyn check chain-limit --json
    """

    which: Annotated[str | None, tyro.conf.Positional] = None
    """A paper (000 to 004) or the id of one claim; everything if left out."""
    verbose: bool = False
    """Add hypotheses, the right form of each erratum, and counter-examples."""
    slow: bool = False
    """Check the slow claims too; one claim by its id is always checked."""
    as_json: Annotated[bool, tyro.conf.arg(name="json")] = False
    """Print the results as JSON instead of a table."""

    def run(self) -> int:
        """Do it; returns the exit code."""
        from ..theory import check, claims
        from ..theory.report import to_rows

        found = claims(self.which)
        chosen = [c for c in found if self.slow or not c.slow or c.id == self.which]
        console = Console(stderr=True)
        results = [check(c) for c in track(chosen, "checking", console=console, transient=True)]
        if self.as_json:
            print(json.dumps(to_rows(results), ensure_ascii=False))
        else:
            self._show(results, len(found) - len(chosen))
        return 1 if any(r.verdict == "check failed" for r in results) else 0

    def _show(self, results: list[Any], left_out: int) -> None:
        from ..theory.report import counts, told_in_words

        table = Table(title="Statements of the papers", title_justify="left")
        for heading in ("id", "source", "statement", "verdict", "method"):
            table.add_column(heading, overflow="fold")
        table.add_column("s", justify="right")
        for r in results:
            c = r.claim
            told = [c.statement]
            if self.verbose:
                told += [f"true: {c.correction}"] * bool(c.correction)
                told += [f"add: {c.hypothesis}"] * bool(c.hypothesis)
                told += [f"why: {c.reason}"] * bool(c.reason)
                told += [f"printed: {told_in_words(r.printed)}"]
            table.add_row(
                c.id, c.source, "\n".join(told), str(r.verdict), r.method, f"{r.seconds:.2f}"
            )
        Console().print(table)
        told = ", ".join(f"{n} {verdict}" for verdict, n in counts(results).items())
        slow = f" ({left_out} slow ones left out: --slow)" if left_out else ""
        print(f"{len(results)} claims in {sum(r.seconds for r in results):.1f} s: {told}{slow}")
