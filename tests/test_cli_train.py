"""`neurodyn train` as a user meets it: curves, folders, resumption, refusals."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from test_cli import SHARED, run

from neurodyn.cli import train
from neurodyn.learning.recipes import RECIPES
from neurodyn.learning.train import Moment
from neurodyn.plot.learning import angle_curve, error_curves, learning_page

SMALL = "train --rule srbp --sizes 64,12,10 --samples 200 --epochs 2"


def test_json_of_a_run_with_its_picture(capsys, tmp_path):
    picture = tmp_path / "curves.png"
    code, out, _ = run(
        capsys, *SMALL.split(), "--validation", "40", "--json", "--plot", str(picture)
    )
    told = json.loads(out)
    assert code == 0 and told["command"] == "train" and told["config"]["rule"] == "srbp"
    first, last = told["history"]
    assert last["loss"] < first["loss"] and 0 <= last["validation_error"] <= 1
    assert 0.1 < last["cosine"] < 1 and last["settled"] == 1
    assert picture.read_bytes()[:4] == b"\x89PNG"


def test_a_run_is_kept_resumed_and_never_written_over(capsys, tmp_path):
    out = str(tmp_path / "run")
    code, table, _ = run(capsys, *SMALL.split(), "--out", out)
    assert code == 0 and "srbp on digits" in table and "angle" in table
    code, _, error = run(capsys, *SMALL.split(), "--out", out)
    assert code == 2 and "is there already: resume the run in it" in error
    code, longer, _ = run(capsys, "train", "--resume", out, "--epochs", "3", "--json")
    whole = json.loads(run(capsys, *SMALL.split(), "--epochs", "3", "--json")[1])["history"]
    resumed = json.loads(longer)["history"]
    assert [{**row, "seconds": 0} for row in resumed] == [{**row, "seconds": 0} for row in whole]
    code, _, error = run(capsys, "train", "--resume", out, "--rate", "0.3")
    assert code == 2 and "only epochs can be changed" in error
    code, _, error = run(capsys, "train", "--resume", out, "--out", out)
    assert code == 2 and "a run goes on in its own folder" in error


def test_a_signal_stops_a_run_with_the_code_of_the_shell(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(train, "described", lambda _: os.kill(os.getpid(), signal.SIGTERM) or "")
    code, _, error = run(capsys, *SMALL.split(), "--out", str(tmp_path / "run"))
    assert code == 143 and "stopped by SIGTERM after 10 updates" in error and "resume" in error


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ("--rule srpb", "unknown rule 'srpb': did you mean"),
        ("--data minst", "unknown dataset 'minst'"),
        ("--sizes 64,12,11", "ends with 11, but digits has 64 pixels and 10 classes"),
        ("--sizes 64", "sizes is '64'"),
        ("--rate 0.1,0.2,0.3", "give one positive number, or 2"),
        ("--rate -1", "rate is -1"),
        ("--rate x", "rate has 'x'"),
        ("--epochs 0", "epochs is 0"),
        ("--seed -1", "seed is -1"),
        ("--rule ep --beta 0.001 --tol 0.01", "too small for tol"),
        ("--rule ep --activation sigmod", "sigmod"),
        ("--rule rbp --system leaky", "Pathway"),
        ("--rule bp --system nothing", "unknown network 'nothing'"),
        ("--resume nowhere", "nowhere holds no run"),
        ("--plot curves.txt", "must end in"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_sentence(capsys, words, named):
    code, out, error = run(capsys, "train", *words.split())
    assert code == 2 and named in error and not out
    assert "Traceback" not in error


def test_a_loss_that_is_lost_is_named(capsys):
    code, _, error = run(capsys, *SMALL.split(), "--rate", "1e38")
    assert code == 2 and "at update" in error and "lower the rates" in error


def test_the_list_names_every_rule_and_its_network(capsys):
    told = json.loads(run(capsys, "train", "--list", "--json")[1])
    assert [row["rule"] for row in told] == list(RECIPES)
    table = run(capsys, "train", "--list")[1]
    assert all(name in table for name in RECIPES)


def test_rates_of_layers_and_other_optimisers_are_taken(capsys):
    words = "train --rule bp --sizes 64,12,10 --samples 200 --epochs 8 --rate 0.1,0.05 --json"
    code, out, _ = run(capsys, *words.split(), "--optimiser", "momentum")
    assert code == 0 and json.loads(out)["history"][-1]["train_error"] < 0.3


# VmHWM is this program's own peak; ru_maxrss would start from the size of the one that started it.
MEASURED = """
import sys
from pathlib import Path
from neurodyn.cli import main
try:
    main(sys.argv[1:])
finally:
    print(*(line for line in open("/proc/self/status") if "VmHWM" in line), file=sys.stderr)
"""


@pytest.mark.slow
@pytest.mark.skipif(not (SHARED / "mnist").is_dir(), reason="needs the files of MNIST")
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads the memory from /proc")
def test_mnist_stays_under_two_gibibytes():
    words = "train --rule rbp --sizes 784,64,10 --data mnist --batch 100 --epochs 1 --json"
    command = [sys.executable, "-c", MEASURED, *words.split(), "--data-path", str(SHARED)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["history"][0]["test_error"] < 0.2
    (peak,) = (line.split()[1] for line in done.stderr.splitlines() if line.startswith("VmHWM"))
    assert int(peak) * 1024 < 2 * 2**30


# The pictures


ROWS = [
    {"epoch": k, "loss": 1 / k, "train_error": 0.5 / k, "test_error": 0.6 / k, "cosine": 0.5}
    for k in (1, 2, 3)
]


def test_curves_draw_what_the_rows_have():
    ax = Figure().subplots()
    lines = error_curves(ax, ROWS)
    assert [line.get_label() for line in lines] == ["training", "test"]
    np.testing.assert_allclose(lines[1].get_ydata(), [60, 30, 20])
    (angle,) = angle_curve(Figure().subplots(), ROWS)
    np.testing.assert_allclose(angle.get_ydata(), 60)
    assert len(learning_page(Figure(), ROWS)) == 3
    plain = [{k: v for k, v in row.items() if k != "cosine"} for row in ROWS]
    assert len(learning_page(Figure(), plain)) == 2


def test_a_moment_in_a_line():
    means = {"loss": 0.25, "train_error": 0.125, "settled": 0.99}
    last = {"test_error": 0.2, "cosine": 0.5}
    told = train.described(Moment(2, 5, 10, 75, means, last))
    assert told == "epoch 2 of 5, loss 0.25, errors 12.5%, settled 99.0%, test 20.0%, angle 60°"
