"""The command line as a user meets it: in a process of its own, and in this one for the errors."""

import json
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import xarray as xr

from neurodyn import cli

SHARED = pathlib.Path(__file__).parents[2] / "shared" / "data"


def run(capsys, *words: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as left:
        cli.main(list(words))
    out, err = capsys.readouterr()
    code = left.value.code
    return (code if isinstance(code, int) else 2), out, err


def test_json_of_the_readme_command(capsys):
    words = "settle --sizes 64,32,10 --data digits --samples 16 --json"
    code, out, _ = run(capsys, *words.split())
    result = json.loads(out)
    free = result["phases"]["free"]
    assert code == 0 and free["verdicts"] == {"settled": 16}
    assert len(free["residual"]) == 16 and max(free["residual"]) <= 1e-6
    assert np.shape(free["output"]) == (16, 10) and len(result["labels"]) == 16


def test_nudged_phase_with_picture_and_record(capsys, tmp_path):
    words = ["settle", "--beta", "0.5", "--samples", "5", "--sizes", "64,12,8,10"]
    picture, saved = tmp_path / "settle.png", tmp_path / "settle.nc"
    code, out, _ = run(capsys, *words, "--plot", str(picture), "--save", str(saved))
    assert code == 0 and "5 settled" in out and f"wrote {picture}" in out
    assert picture.read_bytes()[:4] == b"\x89PNG" and picture.stat().st_size > 50_000
    with xr.open_dataset(saved, engine="h5netcdf") as loaded:
        assert loaded.phase.values.tolist() == ["free", "nudged"]
        assert loaded.inputs.shape == (5, 64) and float(loaded.residual.max()) <= 1e-6
        pull = np.eye(10)[loaded.label.values] - loaded.layer_3.sel(phase="free").values
        moved = (loaded.layer_3.sel(phase="nudged") - loaded.layer_3.sel(phase="free")).values
        assert ((pull * moved).sum(axis=1) > 0).all()  # towards the target


def test_not_settled_is_exit_code_1_and_said(capsys):
    code, out, _ = run(capsys, "settle", "--max-time", "2", "--samples", "3", "--json")
    assert code == 1 and json.loads(out)["phases"]["free"]["verdicts"] == {"timed_out": 3}


def test_projected_and_float32(capsys):
    words = "settle --flow projected --dtype float32 --samples 3 --beta 1 --json"
    code, out, _ = run(capsys, *words.split())
    outputs = np.array(json.loads(out)["phases"]["nudged"]["output"])
    assert code == 0 and outputs.min() >= 0 and outputs.max() <= 1


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("--sizes 64,x,10", "sizes is '64,x,10': give two or more positive whole numbers"),
        ("--sizes 64", "sizes is '64'"),
        ("--sizes 64,0,10", "sizes is '64,0,10'"),
        ("--sizes 784,10", "starts with 784, but an image of digits has 64 pixels"),
        ("--sizes 64,9 --beta 0.5", "ends with 9, but digits has 10 classes"),
        ("--data digit", "unknown dataset 'digit': did you mean 'digits'?"),
        ("--data mnist --data-path /nowhere", "mnist was not found"),
        ("--activation tahn", "unknown activation 'tahn': did you mean 'tanh'?"),
        ("--beta 1e-5", "beta=1e-05 is too small for tol=1e-06"),
        ("--tol 1e-16", "tol=1e-16 is below what float64 can resolve"),
        ("--tol 1e-8 --dtype float32", "tol=1e-08 is below what float32 can resolve"),
        ("--samples 0", "samples is 0"),
        ("--seed 99999999999999999999", "int"),
        ("--tol inf", "tol is inf"),
        ("--max-time inf", "max_time is inf"),
        ("--max-time -1", "max_time is -1"),
        ("--plot /nowhere/a.png", "there is no folder /nowhere"),
        ("--plot a.bmp", "a.bmp must end in .png or .svg or .pdf"),
        ("--save a.txt", "a.txt must end in .nc"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(capsys, words, sentence):
    code, out, err = run(capsys, "settle", *words.split())
    assert code == 2 and not out
    assert err.startswith("neurodyn: ") and sentence in err and err.count("\n") == 1


def test_corrupt_data_at_the_command_line(capsys, tmp_path):
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(b"\x1f\x8b broken")
    code, _, err = run(capsys, "settle", "--data", "mnist", "--data-path", str(tmp_path))
    assert code == 2 and "truncated or corrupt" in err and err.count("\n") == 1


def test_unknown_options_and_commands_exit_with_2(capsys):
    for words in (["settle", "--speed", "9"], ["setle"], []):
        code, _, err = run(capsys, *words)
        assert code == 2 and err


def test_help_teaches(capsys):
    code, out, _ = run(capsys, "settle", "--help")
    assert code == 0 and "influence parameter" in out.lower() and "leak time constants" in out


@pytest.mark.slow
def test_demo_in_a_process_of_its_own(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "neurodyn.cli", "demo", "--out", str(tmp_path / "demo")],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    names = {p.name for p in (tmp_path / "demo").iterdir()}
    assert names == {"settle.png", "projected.png", "verdicts.png", "settle.nc", "summary.json"}
    summary = json.loads((tmp_path / "demo" / "summary.json").read_text("utf-8"))
    assert summary["settled"]["free"]["verdicts"] == {"settled": 64}
    assert summary["seconds"] < 120


@pytest.mark.skipif(not (SHARED / "mnist").is_dir(), reason="MNIST is not beside the project")
def test_mnist_by_the_environment_variable(capsys, monkeypatch):
    monkeypatch.setenv("NEURODYN_DATA", str(SHARED))
    words = "settle --sizes 784,512,512,10 --data mnist --samples 4 --json"
    code, out, _ = run(capsys, *words.split())
    assert code == 0 and json.loads(out)["phases"]["free"]["verdicts"] == {"settled": 4}
