"""The README's Python is run as it stands."""

import pathlib
import re

import matplotlib as mpl

ROOT = pathlib.Path(__file__).parents[1]


def test_readme_code_runs_and_prints_what_it_says(capsys, monkeypatch, tmp_path):
    mpl.use("Agg")
    monkeypatch.chdir(tmp_path)
    text = (ROOT / "README.md").read_text("utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    names: dict = {}
    for block in blocks:
        exec(compile(block, "README.md", "exec"), names)
    printed = capsys.readouterr().out
    for promise in re.findall(r"# (\{'.*?\})", text):
        assert promise in printed
    assert "stable (1.88448827760183, 0.530648034209362)" in printed and "\n2\n" in printed
    assert "stable_focus" in printed and (tmp_path / "free.nc").is_file()
    for ours, theirs in zip(names["traj"].states, names["same"].states, strict=True):
        assert abs(ours - theirs).max() < 1e-4


def test_readme_has_exactly_the_two_commands_that_ci_runs():
    lines = (ROOT / "README.md").read_text("utf-8").splitlines()
    assert sum(line.startswith("python3 -m venv ") for line in lines) == 2
