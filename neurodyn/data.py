"""Real data: the digits of scikit-learn, and MNIST or Fashion-MNIST from their idx files.

Nothing is downloaded. A dataset in files is looked for at an explicit path, then in a folder of
its name under the environment variable NEURODYN_DATA; else the error says how to get it.
"""

import gzip
import hashlib
import math
import operator
import os
import pathlib
import zlib
from typing import Any, Literal, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from .naming import closest

Split = Literal["train", "test"]

IN_FILES = ("mnist", "fashion-mnist")
DATASETS = ("digits", *IN_FILES)

_PREFIX = {"train": "train", "test": "t10k"}
_TRAINING_DIGITS = 1500  # of 1,797 in scikit-learn's order; the last 297 are the test split

# MD5 of the four published MNIST files, decompressed
_MNIST_MD5 = {
    "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
}
_MNIST_BYTES = {47_040_016, 60_008, 7_840_016, 10_008}


class Dataset(NamedTuple):
    """Images as rows in [0, 1], with their labels.

    **Fields:** `name`; `images`, (samples, pixels); `labels`, (samples,), from 0 to
    `classes` − 1; `shape` of one picture, (rows, columns).
    """

    name: str
    images: Float[np.ndarray, "samples pixels"]
    labels: Int[np.ndarray, " samples"]
    classes: int
    shape: tuple[int, int]

    def targets(self) -> Float[np.ndarray, "samples classes"]:
        """The labels as one-hot rows."""
        return np.eye(self.classes, dtype=self.images.dtype)[self.labels]


def load(
    name: str = "digits",
    *,
    split: Split = "train",
    samples: int | None = None,
    path: str | os.PathLike | None = None,
) -> Dataset:
    """The first `samples` images of a dataset (all of them unless given), in float64.

    `path` is a folder with the four idx files, as published or unzipped, or one that holds them
    in a folder called `name`. Raises `ValueError` for an unknown name or split, too few samples,
    and a truncated or corrupt file; `FileNotFoundError`, saying how to get them, where there are
    no files.

    >>> from neurodyn import data
    >>> digits = data.load("digits", samples=3)
    >>> digits.images.shape, digits.labels.tolist()
    ((3, 64), [0, 1, 2])
    """
    if name not in DATASETS:
        raise ValueError(f"unknown dataset {name!r}: {closest(name, DATASETS)}")
    if split not in _PREFIX:
        raise ValueError(f"unknown split {split!r}: {closest(split, _PREFIX)}")
    if name == "digits":
        pixels, labels, shape, brightest = _digits(split)
    else:
        pixels, labels, shape, brightest = _from_files(name, split, path)
    wanted = len(pixels) if samples is None else operator.index(samples)
    if not 0 < wanted <= len(pixels):
        raise ValueError(
            f"samples is {wanted}: the {split} split of {name} has 1 to {len(pixels)} of them."
        )
    images = pixels[:wanted].reshape(wanted, -1) / float(brightest)
    return Dataset(name, images, labels[:wanted].astype(np.int64), 10, shape)


def require_sound(dataset: Any, name: str = "dataset") -> None:
    """Refuse images or labels that cannot be learnt from, whoever made them.

    Raises `TypeError` for anything but a `Dataset` and labels that are not whole numbers, and
    `ValueError` for shapes that do not fit, NaN or infinite pixels and labels out of range.
    """
    if not isinstance(dataset, Dataset):
        raise TypeError(f"{name} is a {type(dataset).__name__}: give a neurodyn.data.Dataset.")
    images, labels = np.asarray(dataset.images), np.asarray(dataset.labels)
    if images.ndim != 2 or labels.shape != images.shape[:1] or not images.size:
        raise ValueError(
            f"{name} has images of shape {images.shape} and labels of shape {labels.shape}: they "
            "must be (samples, pixels) and (samples,)."
        )
    if not np.issubdtype(labels.dtype, np.integer):
        raise TypeError(f"{name} has labels of dtype {labels.dtype}: give whole numbers.")
    if labels.min() < 0 or labels.max() >= dataset.classes:
        raise ValueError(
            f"{name} has labels from {labels.min()} to {labels.max()}: with {dataset.classes} "
            f"classes they must be 0 to {dataset.classes - 1}."
        )
    if not np.isfinite(images).all():
        raise ValueError(f"{name} has images with NaN or infinite pixels: clean them first.")


def _digits(split: Split):
    from sklearn.datasets import load_digits  # more than a second to import, so only when asked

    bunch: Any = load_digits()
    rows = slice(_TRAINING_DIGITS) if split == "train" else slice(_TRAINING_DIGITS, None)
    return bunch.images[rows], bunch.target[rows], (8, 8), 16


def _from_files(name: str, split: Split, path: str | os.PathLike | None):
    folder = _folder(name, split, path)
    images = _read(folder, f"{_PREFIX[split]}-images-idx3-ubyte", name)
    labels = _read(folder, f"{_PREFIX[split]}-labels-idx1-ubyte", name)
    if images.ndim != 3 or labels.ndim != 1 or len(images) != len(labels):
        raise ValueError(
            f"{folder} holds images of shape {images.shape} and labels of shape {labels.shape}: "
            "they must be (n, rows, columns) and (n,)."
        )
    if labels.size and labels.max() > 9:
        raise ValueError(f"the labels in {folder} go up to {labels.max()}: they must be 0 to 9.")
    return images, labels, images.shape[1:], 255


def _folder(name: str, split: Split, path: str | os.PathLike | None) -> pathlib.Path:
    stem = f"{_PREFIX[split]}-images-idx3-ubyte"
    root = os.environ.get("NEURODYN_DATA")
    places = [pathlib.Path(path), pathlib.Path(path) / name] if path is not None else []
    if path is None and root:
        places = [pathlib.Path(root) / name]
    for folder in places:
        if _file(folder, stem) is not None:
            return folder
    looked = f"there is no {stem}[.gz] in " + " or ".join(map(str, places)) if places else ""
    raise FileNotFoundError(
        f"{name} was not found{': ' + looked if looked else ''}. Put its four idx files, gzipped "
        f"or not, in a folder called {name} and set NEURODYN_DATA to the folder above it, or give "
        "the path."
    )


def _file(folder: pathlib.Path, stem: str) -> pathlib.Path | None:
    names = (f"{stem}.gz", stem, stem.replace("-idx", ".idx"))
    return next((folder / name for name in names if (folder / name).is_file()), None)


def _read(folder: pathlib.Path, stem: str, name: str) -> np.ndarray:
    file = _file(folder, stem)
    if file is None:
        raise FileNotFoundError(f"{folder} has no {stem}, with or without .gz.")
    content = _bytes(file)
    array = parse_idx(content, str(file))
    if len(content) in _MNIST_BYTES:
        published = hashlib.md5(content, usedforsecurity=False).hexdigest() == _MNIST_MD5[stem]
        if published != (name == "mnist"):
            what = "corrupt, or not MNIST" if name == "mnist" else f"MNIST's, not {name}'s"
            raise ValueError(f"{file} is {what}: its checksum says so. Get the file again.")
    return array


def _bytes(file: pathlib.Path) -> bytes:
    try:
        raw = file.read_bytes()
        return gzip.decompress(raw) if file.suffix == ".gz" else raw
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ValueError(f"{file} is truncated or corrupt ({error}): get it again.") from error


def parse_idx(content: bytes, source: str = "the idx data") -> np.ndarray:
    """The array in `content`, the bytes of an idx file of unsigned bytes.

    Raises `ValueError`, naming `source`, where the header or the length is wrong.

    >>> from neurodyn.data import parse_idx
    >>> parse_idx(bytes([0, 0, 8, 1, 0, 0, 0, 2, 7, 9])).tolist()
    [7, 9]
    """
    if len(content) < 4 or content[:3] != b"\0\0\x08" or not 1 <= content[3] <= 3:
        raise ValueError(f"{source} is not an idx file of unsigned bytes: its first bytes differ.")
    header = 4 + 4 * content[3]
    if len(content) < header:
        raise ValueError(f"{source} is truncated or corrupt: it ends within its header.")
    shape = tuple(int(n) for n in np.frombuffer(content[4:header], ">u4"))
    expected = header + math.prod(shape)
    if len(content) != expected:
        raise ValueError(
            f"{source} is truncated or corrupt: {len(content)} bytes where its header "
            f"promises {expected}."
        )
    return np.frombuffer(content, np.uint8, offset=header).reshape(shape)
