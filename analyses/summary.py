"""The page of all results: published, ours, difference, verdict.

    python analyses/summary.py

reads analyses/results/*.json and writes analyses/results/README.md. Every full run of an analysis
does the same.
"""

import json
import pathlib
from typing import Any

from neurodyn.files import write_whole

RESULTS = pathlib.Path(__file__).parent / "results"
HEAD = """# Published, and found here

What each paper publishes beside what this repository finds; made from the JSON files beside it by
`python analyses/summary.py`. `neurodyn reproduce ID` makes one of them again. "Measured" is a
finding of our own, which no paper states. A published value that is not reached stands here with
the reason.

| id | source | statements reached | verdict | date | minutes |
|---|---|---|---|---|---:|
"""


def results(folder: pathlib.Path = RESULTS) -> list[dict[str, Any]]:
    """The results of all analyses, by paper."""
    found = [json.loads(file.read_text("utf-8")) for file in sorted(folder.glob("*.json"))]
    found = [result for result in found if "statements" in result]
    return sorted(found, key=lambda result: result["source"])


def page(found: list[dict[str, Any]]) -> str:
    """The page in Markdown."""
    lines = [HEAD.rstrip("\n")]
    for r in found:
        link = f"[{r['id']}](#{r['id']})"
        reached = r["ours"].removesuffix(" published statements reached")
        minutes = f"{r['wall_seconds'] / 60:.1f}"
        cells = (link, cell(r["source"]), reached, r["verdict"], r["date"], minutes)
        lines.append(f"| {' | '.join(cells)} |")
    for r in found:
        lines += ["", f"## {r['id']}", "", f"{r['source']}: {r['published']}.", ""]
        picture = f"../../figures/{r['id'].replace('-', '_')}.png"
        if (RESULTS / picture).is_file():
            lines += [f"[picture]({picture})", ""]
        lines += ["| published | ours | difference | verdict |", "|---|---|---|---|"]
        for s in r["statements"]:
            ours = f"{s['ours']}<br>*{s['why']}*" if s["why"] else s["ours"]
            row = (s["published"], ours, s.get("difference", ""), s["verdict"])
            lines.append(f"| {' | '.join(map(cell, row))} |")
    return "\n".join(lines) + "\n"


def cell(text: str) -> str:
    """`text` as one cell of a table."""
    return text.replace("|", "\\|").replace("\n", "<br>")


def write(folder: pathlib.Path = RESULTS) -> None:
    """Write the page."""
    text = page(results(folder))
    write_whole(folder / "README.md", lambda part: part.write_text(text, "utf-8"))


if __name__ == "__main__":
    write()
