"""`neurodyn reproduce` and the page of all results."""

import json
import pathlib

import pytest
from test_cli import run

from neurodyn.cli import reproduce

ANALYSES = pathlib.Path(__file__).parents[1] / "analyses"


def test_the_list_names_each_analysis_with_what_its_last_run_found(capsys):
    told = json.loads(run(capsys, "reproduce", "--list", "--json")[1])
    by_id = {row["id"]: row for row in told}
    assert {"chain-portrait", "vfep-angle", "locality"} <= set(by_id) and "summary" not in by_id
    assert all(row["about"].endswith(".") for row in told)
    written = json.loads((ANALYSES / "results" / "locality.json").read_text("utf-8"))
    assert by_id["locality"]["verdict"] == written["verdict"]
    code, table, _ = run(capsys, "reproduce", "--list")
    assert code == 0 and all(name in table for name in by_id)


def test_a_quick_run_writes_into_its_folder_and_is_printed(capfd, tmp_path):
    out = tmp_path / "there"
    code, text, _ = run(
        capfd, "reproduce", "chain-portrait", "--quick", "--out", str(out), "--json"
    )
    told = json.loads(text)
    assert code == 0 and told["id"] == "chain-portrait" and told["settings"]["quick"]
    assert {file.name for file in out.iterdir()} == {"chain-portrait.json", "chain_portrait.png"}


@pytest.mark.parametrize(
    ("words", "named"),
    [("chain-portrat", "did you mean 'chain-portrait'"), ("", "id is missing")],
)
def test_an_unknown_id_is_refused_with_the_nearest(capsys, words, named):
    code, _, error = run(capsys, "reproduce", *words.split())
    assert code == 2 and named in error


def test_an_analysis_that_breaks_off_is_not_called_done(capfd, tmp_path, monkeypatch):
    folder = tmp_path / "analyses"
    folder.mkdir()
    (folder / "published.py").write_text("", "utf-8")
    script = '"""Breaks."""\n# published.analysis(\ndef main():\n    pass\nraise SystemExit(3)\n'
    (folder / "broken.py").write_text(script, "utf-8")
    monkeypatch.chdir(tmp_path)
    code, _, error = run(capfd, "reproduce", "broken")
    assert code == 2 and "broken broke off" in error


def test_without_the_repository_it_says_where_the_analyses_are(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(reproduce, "PACKAGE", tmp_path / "lib" / "neurodyn")
    code, _, error = run(capsys, "reproduce", "--list")
    assert code == 2 and "clone the repository" in error


# The page


def test_the_page_is_that_of_the_results(analyses):
    summary = analyses("summary")
    found = (ANALYSES / "results" / "README.md").read_text("utf-8")
    assert found == summary.page(summary.results()), "run python analyses/summary.py"


def test_the_page_holds_every_statement_with_its_difference(analyses):
    statement = {
        "published": "a | b",
        "ours": "2",
        "verdict": "not reached",
        "why": "since\nit is so",
        "difference": "+1",
    }
    result = {
        "id": "some",
        "source": "004 Fig 1",
        "published": "it is",
        "ours": "0 of 1 published statements reached",
        "verdict": "not reached",
        "statements": [statement],
        "date": "2026-01-01",
        "wall_seconds": 90.0,
    }
    text = analyses("summary").page([result])
    assert "| [some](#some) | 004 Fig 1 | 0 of 1 | not reached | 2026-01-01 | 1.5 |" in text
    assert "| a \\| b | 2<br>*since<br>it is so* | +1 | not reached |" in text
