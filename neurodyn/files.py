"""Files that are there whole or not at all."""

import os
import pathlib
import tempfile
from collections.abc import Callable
from typing import Any


def writable(path: str | os.PathLike, suffixes: tuple[str, ...]) -> pathlib.Path:
    """`path`, once it is known that a file of one of `suffixes` can be written there.

    Raises `ValueError` for another ending and `OSError` for a folder that is missing or closed:
    better before the work than after it.
    """
    file = pathlib.Path(path)
    if file.suffix.lower() not in suffixes:
        raise ValueError(f"{file} must end in {' or '.join(suffixes)}.")
    if not file.parent.is_dir():
        raise FileNotFoundError(f"cannot write {file}: there is no folder {file.parent}.")
    if file.is_dir() or not os.access(file.parent, os.W_OK):
        raise PermissionError(f"cannot write {file}: it is a folder, or its folder is read-only.")
    return file


def write_whole(path: str | os.PathLike, write: Callable[[pathlib.Path], Any]) -> None:
    """Call `write(temporary)` beside `path`, then rename: the file is there whole or not at all."""
    file = pathlib.Path(path)
    handle, name = tempfile.mkstemp(suffix=file.suffix, prefix=f".{file.stem}-", dir=file.parent)
    os.close(handle)
    temporary = pathlib.Path(name)
    try:
        write(temporary)
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(file)
    finally:
        temporary.unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
