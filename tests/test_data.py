"""Loading real images, and refusing files that are not what they say."""

import gzip
import os
import pathlib
import struct

import numpy as np
import pytest

import neurodyn.data as data

SHARED = pathlib.Path(__file__).parents[2] / "shared" / "data"


def idx(array: np.ndarray) -> bytes:
    header = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.astype(np.uint8).tobytes()


@pytest.fixture
def folder(tmp_path):
    """Five small pictures in the four files of a dataset, half of them gzipped."""
    images = np.arange(5 * 6).reshape(5, 2, 3) * 8
    for prefix, pack, end in (("train", gzip.compress, ".gz"), ("t10k", bytes, "")):
        (tmp_path / f"{prefix}-images-idx3-ubyte{end}").write_bytes(pack(idx(images)))
        (tmp_path / f"{prefix}-labels-idx1-ubyte{end}").write_bytes(pack(idx(np.arange(5))))
    return tmp_path


def test_digits_are_there_and_split():
    train, test = data.load("digits"), data.load("digits", split="test")
    assert (len(train.images), len(test.images)) == (1500, 297)
    assert train.images.shape[1] == 64 and train.shape == (8, 8) and train.classes == 10
    assert train.images.min() == 0 and train.images.max() == 1
    np.testing.assert_array_equal(train.targets().argmax(axis=1), train.labels)
    assert (train.targets().sum(axis=1) == 1).all()


@pytest.mark.parametrize("split", ["train", "test"])
def test_idx_files_zipped_or_not(folder, split):
    loaded = data.load("mnist", split=split, samples=4, path=folder)
    np.testing.assert_array_equal(loaded.labels, [0, 1, 2, 3])
    np.testing.assert_allclose(loaded.images[1], np.arange(6, 12) * 8 / 255)
    assert loaded.shape == (2, 3)


def test_the_environment_variable_leads_to_a_folder_of_the_name(folder, monkeypatch, tmp_path):
    root = tmp_path / "root"
    root.mkdir()
    (root / "fashion-mnist").symlink_to(folder)
    monkeypatch.setenv("NEURODYN_DATA", str(root))
    assert data.load("fashion-mnist").images.shape == (5, 6)
    with pytest.raises(FileNotFoundError, match=r"mnist was not found.*set NEURODYN_DATA"):
        data.load("mnist")
    monkeypatch.delenv("NEURODYN_DATA")
    with pytest.raises(FileNotFoundError, match="set NEURODYN_DATA"):
        data.load("fashion-mnist")


@pytest.mark.parametrize("end", ["", ".gz"])
@pytest.mark.parametrize("keep", [0, 3, 10, 30])
def test_truncated_files(folder, end, keep):
    for old in folder.glob("train-images*"):
        old.unlink()
    whole = idx(np.zeros((5, 2, 3)))
    content = gzip.compress(whole)[:keep] if end else whole[:keep]
    (folder / f"train-images-idx3-ubyte{end}").write_bytes(content)
    with pytest.raises(ValueError, match=r"truncated or corrupt|first bytes differ"):
        data.load("mnist", path=folder)


def test_corrupt_files(folder):
    labels = folder / "train-labels-idx1-ubyte.gz"
    flipped = bytearray(labels.read_bytes())
    flipped[-6] ^= 1  # the checksum inside gzip
    labels.write_bytes(bytes(flipped))
    with pytest.raises(ValueError, match="corrupt"):
        data.load("mnist", path=folder)
    labels.write_bytes(gzip.compress(idx(np.arange(4))))
    with pytest.raises(ValueError, match=r"shape \(4,\)"):
        data.load("mnist", path=folder)
    labels.write_bytes(gzip.compress(idx(np.full(5, 11))))
    with pytest.raises(ValueError, match="go up to 11"):
        data.load("mnist", path=folder)
    labels.unlink()
    with pytest.raises(FileNotFoundError, match="has no train-labels"):
        data.load("mnist", path=folder)


def test_a_full_sized_file_that_is_not_mnist_is_refused(folder):
    images = folder / "t10k-images-idx3-ubyte"
    images.write_bytes(idx(np.zeros((10_000, 28, 28))))
    (folder / "t10k-labels-idx1-ubyte").write_bytes(idx(np.zeros(10_000)))
    with pytest.raises(ValueError, match="corrupt, or not MNIST"):
        data.load("mnist", split="test", path=folder)
    assert data.load("fashion-mnist", split="test", samples=1, path=folder).shape == (28, 28)


@pytest.mark.parametrize(
    ("words", "call"),
    [
        ("unknown dataset 'minst': did you mean 'mnist'", lambda: data.load("minst")),
        ("samples is 0", lambda: data.load("digits", samples=0)),
        ("samples is 9999.*1 to 1500", lambda: data.load("digits", samples=9999)),
        ("not an idx file", lambda: data.parse_idx(b"PK\3\4")),
    ],
)
def test_refusals(words, call):
    with pytest.raises(ValueError, match=words):
        call()


@pytest.mark.skipif(not (SHARED / "mnist").is_dir(), reason="MNIST is not beside the project")
def test_published_mnist():
    train, test = (data.load("mnist", split=s, path=SHARED) for s in ("train", "test"))
    assert train.images.shape == (60_000, 784) and test.images.shape == (10_000, 784)
    assert train.labels[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert np.bincount(test.labels).tolist() == [
        980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009,
    ]  # fmt: skip
    with pytest.raises(ValueError, match="MNIST's, not fashion-mnist's"):
        data.load("fashion-mnist", path=SHARED / "mnist")


def test_unreadable_file_is_an_os_error(folder):
    file = folder / "t10k-labels-idx1-ubyte"
    file.unlink()
    os.mkfifo(file)  # there, but not a file
    with pytest.raises(FileNotFoundError):
        data.load("mnist", split="test", path=folder)
