"""An ensemble on disk: a zarr folder that is written block by block, and gone on with.

state, layer_1 …, residual, time, steps, evaluations, verdict    one chunk for each block of starts
done                                                             1 for each block that is whole

A block counts only once its mark in `done` is there, which is written last: one that was cut short
is settled again, to the same numbers.
"""

import datetime
import hashlib
import json
import os
import pathlib
import re
import shutil
from collections.abc import Iterable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
import zarr
from jaxtyping import PyTree

from .following import Follower
from .integrate import VERDICTS
from .record import verdict_codes, versions
from .resting import Settled
from .starts import Rows, Starts, settle_blocks


def stream(
    out: str | os.PathLike,
    rules: Follower,
    starts: Starts,
    inputs: PyTree,
    blocks: list[Rows],
    how: dict[str, Any],
) -> xr.Dataset:
    """Settle `blocks` of `starts` into the folder `out`, those not done yet; opened as a dataset.

    `how` goes to `settle_blocks`. Raises `ValueError` where `out` is anything but this ensemble.
    """
    folder = pathlib.Path(out)
    plan = _plan(rules, starts, inputs, blocks)
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        _create(folder, plan, starts, blocks[0][1])
    group, arrays = _opened(folder, plan)
    whole = np.asarray(arrays["done"])
    left = [rows for rows, done in zip(blocks, whole, strict=True) if not done]
    for (first, last), run in settle_blocks(rules, starts, left, **how):
        for name, column in zip(_schema(starts.shapes), _columns(run), strict=True):
            arrays[name][first:last] = column
        arrays["done"][blocks.index((first, last))] = 1
    if "verdict_counts" not in group.attrs:
        codes, counts = np.unique(np.asarray(arrays["verdict"]), return_counts=True)
        found = {VERDICTS[code]: int(n) for code, n in zip(codes, counts, strict=True)}
        group.attrs["verdict_counts"] = json.dumps(found)
    return xr.open_zarr(folder, chunks=None, consolidated=False).drop_vars("done")


def _plan(rules: Follower, starts: Starts, inputs: PyTree, blocks: list[Rows]) -> dict[str, Any]:
    """What was asked, in words and digests: to be gone on with, an ensemble must be the same.

    Lanes and devices are left out, since the numbers do not depend on them.
    """
    few = _probe(starts)
    flow = jax.vmap(lambda state: rules.field.flow(jnp.zeros_like(rules.tol), state, rules.drive))
    return {
        "flow": _described(rules.field),
        "weights": _digest([rules.field]),
        "flow at some starts": [f"{v:.6g}" for v in _numbers(flow(few))],  # of closures, all we see
        "inputs": _digest([inputs]),
        "starts": _digest([few] if starts.made else (starts.rows(*rows) for rows in blocks)),
        "count": starts.count,
        "tol": float(rules.tol),
        "max_time": float(rules.max_time),
        "method": _described(rules.method),
        "block": blocks[0][1],
    }


def _probe(starts: Starts) -> PyTree:
    """The first start, one in the middle and the last."""
    rows = [starts.rows(k, k + 1) for k in (0, starts.count // 2, starts.count - 1)]
    return jax.tree.map(lambda *leaves: np.concatenate(leaves), *rows)


def _numbers(tree: PyTree) -> list[float]:
    return np.concatenate([np.asarray(leaf).ravel() for leaf in jax.tree.leaves(tree)]).tolist()


def _described(tree: PyTree) -> str:
    """Structure and plain values of `tree`, shapes and dtypes of its arrays."""
    text = eqx.tree_pformat(tree, width=1000, short_arrays=True)
    return re.sub(r" at 0x[0-9a-f]+", "", text)  # where a function lies is another in each process


def _digest(trees: Iterable[PyTree]) -> str:
    found = hashlib.sha256()
    for tree in trees:
        for leaf in jax.tree.leaves(eqx.filter(tree, eqx.is_array)):
            found.update(np.ascontiguousarray(leaf).data)
    return found.hexdigest()[:16]


def _create(folder: pathlib.Path, plan: dict[str, Any], starts: Starts, block: int) -> None:
    """Make the folder with its arrays, still empty: it is there whole or not at all."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    part = folder.with_name(f".{folder.name}-{os.getpid()}")
    shutil.rmtree(part, ignore_errors=True)  # of a process of that number that was killed
    attributes = {
        "kind": "Settled",  # for `record.from_dataset`
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "versions": json.dumps(versions() | {"zarr": zarr.__version__}),
        "config": json.dumps(plan),
        "time_unit": "leak time constant",
    }
    group = zarr.create_group(part, attributes=attributes)
    for name, (dims, shape, dtype) in _schema(starts.shapes).items():
        group.create_array(
            name,
            shape=(starts.count, *shape),
            chunks=(block, *shape),
            dtype=dtype,
            fill_value=np.nan if np.issubdtype(dtype, np.floating) else -1,
            dimension_names=("sample", *dims),
        )
    codes = {"flag_values": list(range(len(VERDICTS))), "flag_meanings": " ".join(VERDICTS)}
    group["verdict"].attrs.update(codes)
    blocks = -(-starts.count // block)
    group.create_array(
        "done", shape=(blocks,), chunks=(1,), dtype=np.int8, dimension_names=["block"]
    )
    if folder.exists():
        folder.rmdir()
    part.rename(folder)


def _schema(shapes: PyTree) -> dict[str, tuple[tuple[str, ...], tuple[int, ...], Any]]:
    """Name, dimensions, shape and dtype of each array for one start, as in `record.to_dataset`."""
    layers, schema = jax.tree.leaves(shapes), {}
    several = not isinstance(shapes, jax.ShapeDtypeStruct)
    for k, layer in enumerate(layers, start=1):
        unit = f"unit_{k}" if several else "unit"
        dims = tuple(unit if axis == 0 else f"{unit}_{axis}" for axis in range(len(layer.shape)))
        schema[f"layer_{k}" if several else "state"] = (dims, layer.shape, layer.dtype)
    number = np.result_type(*(layer.dtype for layer in layers))
    schema |= dict.fromkeys(("residual", "time"), ((), (), number))
    schema |= dict.fromkeys(("steps", "evaluations"), ((), (), np.dtype(np.int32)))
    return schema | {"verdict": ((), (), np.dtype(np.int8))}


def _columns(run: Settled) -> list[np.ndarray]:
    """The arrays of `run` in the order of `_schema`, verdicts as codes."""
    numbers = map(np.asarray, (run.residual, run.time, run.steps, run.evaluations))
    return [*jax.tree.leaves(run.state), *numbers, verdict_codes(run.verdict)]


def _opened(folder: pathlib.Path, plan: dict[str, Any]) -> tuple[zarr.Group, dict[str, zarr.Array]]:
    """The arrays in `folder`, once it is known that they are of the ensemble of `plan`."""
    try:
        group = zarr.open_group(folder, mode="r+", zarr_format=3)
        found = dict(json.loads(str(group.attrs["config"])))
        arrays = dict(group.arrays())
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{folder} is not a whole ensemble of neurodyn's ({type(error).__name__}): name "
            "another folder."
        ) from error
    for name, value in plan.items():
        if found.get(name) != value:
            raise ValueError(
                f"{folder} holds another ensemble: its {name} is {found.get(name)}, not {value}; "
                "name another folder."
            )
    return group, arrays
