"""Check every claim, the slow ones too, and write the tables and the page of errata.

    python analyses/theorems.py

writes analyses/results/theorems.json, analyses/results/theorems.md and analyses/errata.md.
"""

import json
import pathlib

from rich.progress import track

from neurodyn.theory import check, claims
from neurodyn.theory.report import counts, errata, to_markdown, to_rows

HERE = pathlib.Path(__file__).parent


def main() -> None:
    results = [check(claim) for claim in track(claims(), "checking")]
    rows = json.dumps(to_rows(results), indent=1, ensure_ascii=False)
    (HERE / "results" / "theorems.json").write_text(rows + "\n", encoding="utf-8")
    (HERE / "results" / "theorems.md").write_text(to_markdown(results), encoding="utf-8")
    (HERE / "errata.md").write_text(errata(results), encoding="utf-8")
    print(f"{len(results)} claims: {counts(results)}")


if __name__ == "__main__":
    main()
