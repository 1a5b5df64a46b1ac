"""The README's Python is run as it stands, and so are its commands for a system of one's own."""

import json
import pathlib
import re
import shlex
import sys

import matplotlib as mpl
import pytest
from test_cli import run

import neurodyn as nd

ROOT = pathlib.Path(__file__).parents[1]
TEXT = (ROOT / "README.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", TEXT, flags=re.DOTALL)


def write_files(folder: pathlib.Path) -> None:
    """The blocks that begin with the name of a file are to be saved there."""
    for block in blocks("python"):
        named = re.match(r"# (\w+\.py)\n", block)
        if named:
            (folder / named[1]).write_text(block, "utf-8")


def test_readme_code_runs_and_prints_what_it_says(capsys, monkeypatch, tmp_path):
    mpl.use("Agg")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    write_files(tmp_path)
    names: dict = {}
    for block in blocks("python"):
        exec(compile(block, "README.md", "exec"), names)
    sys.modules.pop("my_net", None)
    printed = capsys.readouterr().out
    for promise in re.findall(r"# (\{'.*?\}|\['.*?\]|saddle \[.*?\])", TEXT):
        assert promise in printed
    assert "stable (1.88448827760183, 0.530648034209362)" in printed and "\n2\n" in printed
    assert "stable_focus" in printed and (tmp_path / "free.nc").is_file()
    assert names["run"].history[-1]["test_error"] < 0.2 and "\nTrue\n" in printed
    assert "59.3" in printed and "\n1.0\n" in printed  # angle of ep, cosine of the exact nudge
    for name in ("adjoint", "through_time"):
        gradient = getattr(names[name], "weights", names[name])
        downhill = nd.alignment(gradient, names["exact"]).cosine
        assert abs(downhill + 1) < 1e-6
    for ours, theirs in zip(names["traj"].states, names["same"].states, strict=True):
        assert abs(ours - theirs).max() < 1e-4


@pytest.mark.slow
def test_readme_commands_take_a_system_of_ones_own(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    write_files(tmp_path)
    lines = [line for block in blocks("sh") for line in block.splitlines() if "my_net.py" in line]
    settle, portrait = (shlex.split(line)[1:] for line in lines)
    code, out, _ = run(capsys, *settle)
    assert code == 0
    assert {name: phase["verdicts"] for name, phase in json.loads(out)["phases"].items()} == {
        "free": {"settled": 16},
        "nudged": {"settled": 16},
    }
    code, out, _ = run(capsys, *portrait, "--json")
    (start,) = json.loads(out)["starts"]
    assert code == 0 and start["end"] == pytest.approx([1, -1], abs=1e-6)  # the first one wins
    assert (tmp_path / "duel.png").read_bytes()[:4] == b"\x89PNG"


def test_readme_has_exactly_the_two_commands_that_ci_runs():
    assert sum(line.startswith("python3 -m venv ") for line in TEXT.splitlines()) == 2
