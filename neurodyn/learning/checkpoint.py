"""Checkpoints of a run in a folder: each whole or not there, each checked when it is read.

A file is one line of JSON, then the leaves as `equinox.tree_serialise_leaves` writes them. The line
holds what the run says of itself, and the length and the SHA-256 of the rest. Two are kept, so that
a damaged one costs no more than what was done since the one before.
"""

import hashlib
import io
import json
import os
import pathlib
from typing import Any, NamedTuple

import equinox as eqx
from jaxtyping import PyTree

from ..files import write_whole

KEPT = 2
_PATTERN = "checkpoint-*.eqx"


class Found(NamedTuple):
    """A checkpoint that was read: its `file`, the `tree`, what was told with it, and which newer
    ones were `damaged`, with the reason."""

    file: pathlib.Path
    tree: PyTree
    told: dict[str, Any]
    damaged: list[str]


class DamagedError(ValueError):
    """Raised where a checkpoint cannot be trusted."""


def save(folder: pathlib.Path, number: int, tree: PyTree, told: dict[str, Any]) -> pathlib.Path:
    """Write checkpoint `number`, a count that grows, and remove all but the newest two.

    Raises `OSError`, naming the last one that is whole, where it cannot be written.
    """
    body = io.BytesIO()
    eqx.tree_serialise_leaves(body, tree)
    content = body.getvalue()
    head = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest(), "told": told}
    file = folder / f"checkpoint-{number:010d}.eqx"
    try:
        write_whole(file, lambda part: _write(part, json.dumps(head).encode() + b"\n", content))
    except OSError as error:
        last = newest(folder)
        kept = f"{last[0].name} is whole" if last else "there is none yet"
        raise OSError(
            f"cannot write {file} ({error.strerror or error}): {kept}; make room, then resume."
        ) from error
    for old in newest(folder)[KEPT:]:
        old.unlink(missing_ok=True)
    return file


def newest(folder: pathlib.Path) -> list[pathlib.Path]:
    """The checkpoints in `folder`, the newest first."""
    return sorted(folder.glob(_PATTERN), reverse=True)


def latest(folder: pathlib.Path, like: PyTree) -> Found:
    """The newest checkpoint in `folder` that is whole, read into a tree `like` the one saved.

    Raises `FileNotFoundError` where there is none, and `ValueError` where none is whole, or the
    whole one is of another network.
    """
    files = newest(folder)
    if not files:
        raise FileNotFoundError(f"there is no checkpoint in {folder}: nothing to resume.")
    damaged: list[str] = []
    for file in files:
        try:
            head, content = _read(file)
        except DamagedError as error:
            damaged.append(str(error))
            continue
        try:
            tree = eqx.tree_deserialise_leaves(io.BytesIO(content), like)
        except (RuntimeError, ValueError, EOFError) as error:
            raise ValueError(
                f"{file} is of another network or optimiser than the one that resumes ({error})."
            ) from error
        return Found(file, tree, head["told"], damaged)
    raise ValueError(f"no checkpoint in {folder} is whole: {' '.join(damaged)}")


def _write(file: pathlib.Path, *parts: bytes) -> None:
    with file.open("wb") as stream:
        stream.writelines(parts)
        stream.flush()
        os.fsync(stream.fileno())  # a rename may reach the disk before the content does


def _read(file: pathlib.Path) -> tuple[dict[str, Any], bytes]:
    line, _, content = file.read_bytes().partition(b"\n")
    try:
        head = json.loads(line)
        length, digest = head["bytes"], head["sha256"]
    except (ValueError, KeyError, TypeError) as error:
        raise DamagedError(f"{file.name} is damaged: its first line is unreadable.") from error
    if len(content) != length:
        raise DamagedError(f"{file.name} is damaged: {len(content)} bytes of {length} are there.")
    if hashlib.sha256(content).hexdigest() != digest:
        raise DamagedError(f"{file.name} is damaged: its checksum is another.")
    return head, content
