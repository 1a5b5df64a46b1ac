"""Results as labelled arrays, and back: xarray datasets that know where they came from.

A saved file holds, beside the numbers, the versions of the packages, the configuration and the
count of each verdict, so that it can be judged without the program that wrote it.
"""

import datetime
import importlib.metadata
import json
import os
import pathlib
import platform
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jaxtyping import Int

from .files import writable, write_whole
from .integrate import VERDICTS, Trajectory, Verdict, verdict_names
from .resting import Settled

_PACKAGES = ("neurodyn", "jax", "diffrax", "optimistix", "equinox", "numpy", "scipy")
PER_SAMPLE = ("residual", "time", "steps", "evaluations")


def versions() -> dict[str, str]:
    """The version of Python and of each package that results depend on."""
    return {"python": platform.python_version()} | {
        name: importlib.metadata.version(name) for name in _PACKAGES
    }


def verdict_codes(verdict: Verdict) -> Int[np.ndarray, "*batch"]:
    """The place of each sample's verdict in `VERDICTS`."""
    which = [np.asarray(verdict == getattr(Verdict, name)) for name in VERDICTS]
    return np.asarray(np.argmax(which, axis=0))


def _codes(verdict: Verdict, dims: tuple[str, ...]) -> xr.Variable:
    meanings = {"flag_values": np.arange(len(VERDICTS)), "flag_meanings": " ".join(VERDICTS)}
    return xr.Variable(dims, verdict_codes(verdict).astype(np.int64), meanings)


def _decode(code: jax.Array) -> Verdict:
    verdict = Verdict.completed
    for k, name in enumerate(VERDICTS):
        verdict = Verdict.where(code == k, getattr(Verdict, name), verdict)
    return verdict


def _layers(state: Any, dims: tuple[str, ...]) -> dict[str, xr.Variable]:
    if not isinstance(state, tuple):
        return {"state": xr.Variable((*dims, "unit"), np.asarray(state))}
    return {
        f"layer_{k}": xr.Variable((*dims, f"unit_{k}"), np.asarray(layer))
        for k, layer in enumerate(state, start=1)
    }


def _provenance(kind: str, config: dict[str, Any]) -> dict[str, str]:
    return {
        "kind": kind,
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "versions": json.dumps(versions()),
        "config": json.dumps(config, default=float),
    }


def history_dataset(rows: list[dict[str, float]], **config: Any) -> xr.Dataset:
    """The rows of a training run by epoch, with its provenance in the attributes.

    What a row does not have is NaN there. `config` is anything that JSON can hold.
    """
    names = [name for name in dict.fromkeys(n for row in rows for n in row) if name != "epoch"]
    data = {n: ("epoch", np.array([row.get(n, np.nan) for row in rows], float)) for n in names}
    epochs = np.array([row["epoch"] for row in rows], np.int64)
    return xr.Dataset(data, {"epoch": epochs}, _provenance("History", config))


def to_dataset(result: Settled | Trajectory, **config: Any) -> xr.Dataset:
    """`result` as an xarray dataset with its provenance in the attributes.

    Layers become `layer_1`, `layer_2`, … (or `state`), with the dimension `sample` in front if
    there is a batch, and `time` for a trajectory. `verdict` holds codes with the names in its
    CF attribute `flag_meanings`. `config` is anything that JSON can hold: seeds, sizes, β, …
    """
    names = verdict_names(result.verdict)
    dims = ("sample",) * names.ndim
    if isinstance(result, Settled):
        data = _layers(result.state, dims)
        data |= {k: xr.Variable(dims, np.asarray(getattr(result, k))) for k in PER_SAMPLE}
        coords = {}
    else:
        data = _layers(result.states, (*dims, "time"))
        data |= {k: xr.Variable(dims, np.asarray(v)) for k, v in result.stats.items()}
        coords = {"time": np.asarray(result.ts)}
    data["verdict"] = _codes(result.verdict, dims)
    labels, counts = np.unique(names, return_counts=True)
    attrs = {
        **_provenance(type(result).__name__, config),
        "verdict_counts": json.dumps(dict(zip(labels.tolist(), counts.tolist(), strict=True))),
        "time_unit": "leak time constant",
    }
    return xr.Dataset(data, coords, attrs)


def from_dataset(dataset: xr.Dataset) -> Settled | Trajectory:
    """The result that `to_dataset` made `dataset` from."""
    if "phase" in dataset.dims:
        raise ValueError("dataset holds several phases: choose one, dataset.sel(phase='free').")
    layers = sorted(
        (str(n) for n in dataset if str(n).startswith("layer_")), key=lambda n: int(n[6:])
    )
    arrays = {str(name): jnp.asarray(dataset[name].values) for name in dataset}
    state = tuple(arrays[name] for name in layers) if layers else arrays["state"]
    codes = arrays["verdict"]
    verdict = jax.vmap(_decode)(codes) if codes.ndim else _decode(codes)
    if dataset.attrs["kind"] == "Settled":
        return Settled(state=state, verdict=verdict, **{k: arrays[k] for k in PER_SAMPLE})
    stats = {k: arrays[k] for k in ("steps", "rejected", "evaluations")}
    return Trajectory(jnp.asarray(dataset["time"].values), state, stats, verdict)


def phases(**results: xr.Dataset) -> xr.Dataset:
    """Several datasets of one network, such as free and nudged, along a new dimension `phase`."""
    joined = xr.concat(
        list(results.values()), "phase", combine_attrs="drop_conflicts", join="exact"
    )
    counts = {k: json.loads(v.attrs["verdict_counts"]) for k, v in results.items()}
    return joined.assign_coords(phase=list(results)).assign_attrs(verdict_counts=json.dumps(counts))


def save(dataset: xr.Dataset, path: str | os.PathLike) -> None:
    """Write `dataset` to a netCDF file `path` (`.nc`), whole or not at all.

    Raises `ValueError` for another ending and `OSError` where it cannot be written.
    """
    file = writable(path, (".nc",))
    write_whole(file, lambda temporary: dataset.to_netcdf(temporary, engine="h5netcdf"))


def load(path: str | os.PathLike) -> xr.Dataset:
    """The dataset saved at `path`; `ValueError` where the file is not whole netCDF."""
    file = pathlib.Path(path)
    if not file.is_file():
        raise FileNotFoundError(f"there is no file {file}.")
    try:
        return xr.load_dataset(file, engine="h5netcdf")
    except (OSError, ValueError, KeyError) as error:
        raise ValueError(f"{file} is truncated or not a netCDF file ({error}).") from error
