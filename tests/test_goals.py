"""The table of goals: what counts as reached, who is compared, and that a quick run writes it."""

import importlib
import inspect
import json
import pathlib
import subprocess
import sys
import textwrap
from types import SimpleNamespace

import jax.numpy as jnp
import numpy as np
import pytest

ROOT = pathlib.Path(__file__).parents[1]


@pytest.fixture(scope="module")
def bench():
    """The modules of `benchmarks/` that the tests look into."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT))
        names = ("children", "goal", "goals", "goals_settle", "growth", "measure", "peers")
        modules = {n: importlib.import_module(f"benchmarks.{n}") for n in (*names, "problem")}
        yield SimpleNamespace(**modules)


@pytest.fixture
def given(bench):
    """Four samples of a small net."""
    return bench.problem.problem("hard_sigmoid", "float64", 4, (784, 6, 5, 3))


@pytest.mark.parametrize(
    ("asked", "found", "met"),
    [
        ("≥ 4", {"a": 3.9, "b": 4.0}, "yes"),
        ("≥ 4", {"a": 3.9}, "no"),
        ("≥ 1,200", {"a": 1199.0}, "no"),
        ("≤ 1.0", {"a": 1.0}, "yes"),
        ("≤ 1.0", {"a": 1.1}, "no"),
        ("≤ 1.0", {}, "not run"),
        ("≥ 4", {"a": float("nan")}, "no"),
        ("", {"a": 1.0}, ""),
    ],
)
def test_a_goal_is_met_by_any_method_that_reaches_it(bench, asked, found, met):
    assert bench.goal.Goal("work", "peer", asked, found).met() == met


def test_only_methods_that_settled_every_sample_are_compared(bench, given):
    def row(method, milliseconds, settled):
        run = bench.problem.Run(tuple(jnp.zeros((4, n)) for n in (6, 5, 3)), 1)
        tuned = bench.measure.Tuned(bench.peers.Peer(method, None, ""), {}, run, 0.0, 0.0)
        made = bench.measure.row(given, tuned, [4e-3 * milliseconds])
        return made._replace(settled=settled)

    rows = [
        row("neurodyn Sweep", 2.0, 4),
        row("neurodyn Follow", 1.0, 3),
        row("Euler", 6.0, 4),
        row("early", 0.1, 3),
    ]
    goals = bench.goals_settle.compared("work", rows, {"absent": "≥ 2", "early": "≥ 2"})
    found = {goal.beside: goal.found for goal in goals}
    assert found == {"absent": {}, "early": {}, "Euler": {"Sweep": pytest.approx(3.0)}}
    assert [goal.met() for goal in goals] == ["not run", "not run", ""]


def test_the_fastest_setting_of_those_that_settle_most_is_chosen(bench, given):
    rest = bench.peers.sweep(given).state
    off = tuple(layer.at[:2].add(1.0) for layer in rest)  # two of four samples are not at rest

    def run(problem, right, seconds):
        return bench.problem.Run(rest if right else off, 7, seconds)

    settings = tuple(
        {"right": right, "seconds": seconds}
        for right, seconds in ((False, 0.001), (True, 0.004), (True, 0.002))
    )
    peer = bench.peers.Peer("peer", run, "", settings)
    tuned = bench.measure.tune(peer, given)
    assert tuned.setting == settings[2]
    assert bench.measure.tune(peer, given, enough=0.5).setting == settings[0]
    (row,) = bench.measure.measure(given, tuned=[tuned], rounds=5)
    assert (row.milliseconds, row.least, row.settled, row.rounds) == (0.5, 0.5, 4, 5)
    assert row.residual <= given.tol


def test_methods_take_turns(bench):
    told = []
    calls = {name: lambda name=name: float(not told.append(name)) for name in "ab"}
    assert bench.measure.take_turns(calls, 3) == {"a": [1.0] * 3, "b": [1.0] * 3}
    assert "".join(told) == "ababab"


def test_a_child_answers_until_it_ends(bench):
    code = "import json; print(json.dumps({'twice': 2 * json.loads(input())['n']}))"
    child = bench.children.Child(sys.executable, "-c", code)
    assert child.ask(n=21) == {"twice": 42}
    with pytest.raises(RuntimeError, match=r"was not answered: the process ended\."):
        child.ask(n=1)
    child.close()


def test_a_child_does_not_begin_at_its_parents_peak_of_memory(bench):
    if not pathlib.Path("/proc/self/status").is_file():
        pytest.skip("only Linux tells")
    function = textwrap.dedent(inspect.getsource(bench.measure.peak_megabytes))
    told = "print(peak_megabytes())"
    code = f"import resource; from pathlib import Path\n{function}\n{told}"
    code += f"\nblock = bytearray(458 * 2**20)\nblock[:: 2**12] = block[1 :: 2**12]\n{told}"
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, stdout=subprocess.PIPE, text=True
    )
    before, after = map(float, done.stdout.split())
    assert 1 < before < 200 and before + 400 < after < before + 600


def test_starts_by_number_fill_the_square_evenly_and_are_always_the_same(bench):
    rows = bench.growth.chain_starts(np.arange(10_000))
    np.testing.assert_array_equal(bench.growth.chain_starts(np.array([77, 5])), rows[[77, 5]])
    counts, _, _ = np.histogram2d(*rows.T, bins=10, range=[(-2, 2)] * 2)
    assert rows.shape == (10_000, 2) and counts.sum() == 10_000
    assert np.abs(counts - 100).max() <= 5


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (("--rounds", "0"), "below 1"),
        (("--json", "nowhere/a.json"), "there is no folder nowhere"),
        (("--torch", "no-such-python"), "--torch no-such-python does not run PyTorch"),
    ],
)
def test_bad_options_are_refused_before_anything_runs(bench, monkeypatch, capsys, options, why):
    monkeypatch.setattr(sys, "argv", ["goals", *options])
    with pytest.raises(SystemExit):
        bench.goals.main()
    assert why in capsys.readouterr().err


@pytest.mark.slow
def test_a_quick_run_writes_its_rows_and_keeps_the_others(tmp_path):
    table, kept = tmp_path / "goals.md", tmp_path / "goals.json"
    goal = {"work": "an old row", "beside": "x", "asked": "≥ 2", "found": {"a": 3.0}}
    old = {"date": "2020-02-02 02:02", "seconds": 1, "load": [0.0], "rounds": 7, "quick": False}
    old |= {"torch": "", "goals": [goal], "rows": [{"method": "a", "ms": 1.0}]}
    kept.write_text(json.dumps({"learning": old}))
    rows = ("tied", "gradient", "ensembles", "growth-ensembles")
    command = [sys.executable, "-m", "benchmarks.goals", "--quick", "--only", *rows]
    files = ["--json", str(kept), "--markdown", str(table)]
    subprocess.run([*command, *files], check=True, cwd=ROOT, stdout=subprocess.DEVNULL)
    found = json.loads(kept.read_text())
    assert set(found) == {*rows, "learning"} and found["learning"] == old
    text = table.read_text()
    assert "| an old row | x | ≥ 2 | a 3 | yes | 2020-02-02 02:02 |" in text
    assert "no PyTorch given (--torch)" in text and "quick: numbers mean nothing" in text
    by_method = {row["method"]: row for row in found["gradient"]["rows"]}
    assert by_method["equilibrium_gradient"]["relative error"] < 1e-4
    assert all(row["settled"] == 1 for row in found["ensembles"]["rows"])
    agreement = next(g for g in found["tied"]["goals"] if g["beside"] == "the flow")
    assert agreement["found"]["Follow"] >= 0.98 and agreement["met"] == "yes"
    torch = [g["met"] for row in rows for g in found[row]["goals"] if "PyTorch" in g["beside"]]
    assert torch == ["not run"] * 2  # both of its loops
