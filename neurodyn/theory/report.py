"""Results of claims in words: rows for machines, a Markdown table, and the page of errata."""

import collections
from collections.abc import Iterable, Sequence
from typing import Any

from .claim import Evidence, Result, TheoryVerdict

PAPERS = {
    "000": "Learning by the F-adjoint",
    "001": "Local learning rules for deep nets with two-state neurons",
    "002": "Fixed-weight difference target propagation",
    "003": "Extending the framework of equilibrium propagation to general dynamics",
    "004": "Learning in the machine: random backpropagation and the deep learning channel",
}

AS_PRINTED = (TheoryVerdict.PROVED, TheoryVerdict.SUPPORTED)


def _evidence(found: Evidence | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {
        "holds": found.holds,
        "exact": found.exact,
        "method": found.method,
        "sizes": found.sizes,
        "values": {name: str(value) for name, value in found.values.items()},
    }


def to_rows(results: Iterable[Result]) -> list[dict[str, Any]]:
    """Each result as plain data, ready for JSON."""
    return [
        {
            "id": r.claim.id,
            "source": r.claim.source,
            "statement": r.claim.statement,
            "verdict": str(r.verdict),
            "method": r.method,
            "correction": r.claim.correction,
            "hypothesis": r.claim.hypothesis,
            "reason": r.claim.reason,
            "printed": _evidence(r.printed),
            "corrected": _evidence(r.corrected),
            "seconds": round(r.seconds, 3),
        }
        for r in results
    ]


def counts(results: Iterable[Result]) -> dict[str, int]:
    """How many claims got each verdict, in the order of `TheoryVerdict`."""
    found = collections.Counter(r.verdict for r in results)
    return {str(verdict): found[verdict] for verdict in TheoryVerdict if found[verdict]}


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def to_markdown(results: Sequence[Result]) -> str:
    """All results as one Markdown table, without the seconds, which change from run to run."""
    told = ", ".join(f"{n} {verdict}" for verdict, n in counts(results).items())
    lines = ["# Every claim, checked", "", f"{len(results)} claims: {told}.", ""]
    lines += ["| id | source | statement | verdict | method |", "|---|---|---|---|---|"]
    for r in results:
        cells = (r.claim.id, r.claim.source, r.claim.statement, str(r.verdict), r.method)
        lines.append("| " + " | ".join(map(_cell, cells)) + " |")
    return "\n".join(lines) + "\n"


def errata(results: Sequence[Result]) -> str:
    """A page for readers of the papers: what is printed, what is true, and why."""
    lines = [
        "# Errata",
        "",
        "Generated from the register of claims by `analyses/theorems.py`. In each entry the",
        "printed form failed its check, and the form given as true passed one.",
    ]
    for paper, title in PAPERS.items():
        wrong = [r for r in results if r.claim.paper == paper and r.verdict not in AS_PRINTED]
        if wrong:
            lines += ["", f"## {paper} *{title}*"]
        for r in wrong:
            lines += ["", f"### {r.claim.source} ({r.verdict})", ""]
            lines += [f"- **Printed:** {r.claim.statement}"]
            lines += [f"- **True:** {r.claim.correction}"] if r.claim.correction else []
            lines += [f"- **Add:** {r.claim.hypothesis}"] if r.claim.hypothesis else []
            lines += [f"- **Why:** {r.claim.reason}"] if r.claim.reason else []
            lines += [f"- **Found by:** {told_in_words(r.printed)}"]
            if r.corrected is not None:
                lines += [f"- **Shown by:** {told_in_words(r.corrected)}"]
    return "\n".join(lines) + "\n"


def told_in_words(found: Evidence) -> str:
    """A piece of evidence in one line, with its values."""
    values = "; ".join(f"{name} = {value}" for name, value in found.values.items())
    return f"{found.method} ({found.sizes}){': ' if values else ''}{values}"
