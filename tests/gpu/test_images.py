"""Images in IDX files, as MNIST and Fashion-MNIST come."""

import gzip
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from idx_files import idx, write_images  # noqa: E402

from monarch_gpu.data import images_of  # noqa: E402


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_images(tmp_path, 4, 5)
    return tmp_path


def test_images_and_labels_stay_together(folder: Path) -> None:
    task = images_of(folder)
    (pixels,), labels = task.batch(np.random.default_rng(1), 5)
    assert pixels.shape == (5, 1, 4, 5) and pixels.dtype == torch.float32
    np.testing.assert_array_equal(pixels[:, 0] * 255, task.training[0][labels].astype(np.float32))
    held = list(task.whole(2))
    assert torch.cat([label for _, label in held]).tolist() == [0, 1, 2]
    assert task.digest != images_of_changed(folder).digest


def images_of_changed(folder: Path):
    file = folder / "train-images-idx3-ubyte"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(bytes(content))
    return images_of(folder)


@pytest.mark.parametrize(
    "content", [b"", b"\0\0\x08", b"\0\0\x08\x03", b"\0\0\x0d\x03" + bytes(12), idx(np.zeros((7, 4, 5), np.uint8))[:-1]]
)
def test_a_damaged_file_is_named(folder: Path, content: bytes) -> None:
    (folder / "train-images-idx3-ubyte").write_bytes(content)
    with pytest.raises(ValueError, match="train-images-idx3-ubyte: expected an IDX file of bytes"):
        images_of(folder)


def test_what_is_missing_truncated_or_unpaired_is_named(folder: Path) -> None:
    packed = folder / "t10k-labels-idx1-ubyte.gz"
    whole = packed.read_bytes()
    for broken in (b"no gzip", whole[:-6]):
        packed.write_bytes(broken)
        with pytest.raises(ValueError, match=r"t10k-labels-idx1-ubyte\.gz"):
            images_of(folder)
    packed.write_bytes(gzip.compress(idx(np.zeros(2, np.uint8))))
    with pytest.raises(ValueError, match="expected images"):
        images_of(folder)
    packed.unlink()
    with pytest.raises(ValueError, match="No such file"):
        images_of(folder)
