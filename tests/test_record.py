"""Results to labelled arrays, to disk, and back; nothing half-written."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr
from problems import bistable, cycle, random_net

import neurodyn as nd
from neurodyn import files, record


@pytest.fixture(scope="module")
def settled():
    net, inputs, start = cycle()
    batch = jnp.stack([inputs, inputs + 12.0, inputs + 9.0])
    return nd.settle(net, batch, start, tol=1e-6, max_time=40.0)


def same(a, b):
    for one, other in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        np.testing.assert_array_equal(one, other)


def test_round_trip_through_a_file(settled, tmp_path):
    dataset = record.to_dataset(settled, seed=3, sizes=[2])
    record.save(dataset, tmp_path / "a.nc")
    loaded = record.load(tmp_path / "a.nc")
    assert loaded.identical(dataset)
    same(record.from_dataset(loaded), settled)
    assert json.loads(loaded.attrs["config"]) == {"seed": 3, "sizes": [2]}
    assert json.loads(loaded.attrs["verdict_counts"]) == {"settled": 2, "timed_out": 1}
    assert json.loads(loaded.attrs["versions"])["neurodyn"] == nd.__version__
    names = loaded.verdict.attrs["flag_meanings"].split()
    assert [names[code] for code in loaded.verdict.values] == ["timed_out", "settled", "settled"]
    assert [p.name for p in tmp_path.iterdir()] == ["a.nc"]


def test_config_may_hold_numbers_of_numpy_and_jax(settled):
    dataset = record.to_dataset(settled, beta=np.float32(0.5), gain=jnp.ones(()))
    assert json.loads(dataset.attrs["config"]) == {"beta": 0.5, "gain": 1.0}


def test_layers_phases_and_trajectories():
    net = random_net()
    x = jnp.ones((2, net.sizes[0]))
    free = nd.settle(net, x, tol=1e-6)
    one = record.to_dataset(nd.settle(net, x[0], tol=1e-6))
    assert one.layer_2.dims == ("unit_2",) and one.residual.dims == ()
    both = record.phases(free=record.to_dataset(free), nudged=record.to_dataset(free))
    assert both.layer_3.dims == ("phase", "sample", "unit_3")
    same(record.from_dataset(both.sel(phase="nudged")), free)
    with pytest.raises(ValueError, match="several phases: choose one"):
        record.from_dataset(both)
    run = nd.integrate(net, None, x, [0, 1, 2], rtol=1e-6, atol=1e-6)
    dataset = record.to_dataset(run)
    assert dataset.layer_1.dims == ("sample", "time", "unit_1")
    same(record.from_dataset(dataset), run)


@pytest.mark.parametrize("broken", [b"", b"not a netCDF file", None])
def test_a_broken_file_is_said_to_be_one(settled, tmp_path, broken):
    file = tmp_path / "a.nc"
    record.save(record.to_dataset(settled), file)
    file.write_bytes(file.read_bytes()[:2000] if broken is None else broken)
    with pytest.raises(ValueError, match="truncated or not a netCDF file"):
        record.load(file)


def test_refusals(settled, tmp_path):
    dataset = record.to_dataset(settled)
    with pytest.raises(ValueError, match=r"must end in \.nc"):
        record.save(dataset, tmp_path / "a.csv")
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        record.save(dataset, tmp_path / "missing" / "a.nc")
    (tmp_path / "folder.nc").mkdir()
    with pytest.raises(PermissionError, match="it is a folder"):
        record.save(dataset, tmp_path / "folder.nc")
    with pytest.raises(FileNotFoundError, match="there is no file"):
        record.load(tmp_path / "none.nc")


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path):
    file = tmp_path / "a.txt"
    file.write_text("old")

    def half(temporary):
        temporary.write_text("half of the n")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        files.write_whole(file, half)
    assert file.read_text() == "old" and [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_arrays_of_a_flat_state():
    net, inputs, _ = bistable()
    dataset = record.to_dataset(nd.settle(net, inputs, jnp.ones(2), tol=1e-6))
    assert isinstance(dataset, xr.Dataset) and dataset.state.dims == ("unit",)
    assert record.from_dataset(dataset).state.shape == (2,)
