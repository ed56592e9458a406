"""Images in IDX files, for the tests that read them."""

import gzip
from pathlib import Path

import numpy as np


def idx(array: np.ndarray) -> bytes:
    """An array of bytes as an IDX file."""
    axes = b"".join(size.to_bytes(4, "big") for size in array.shape)
    return bytes([0, 0, 8, array.ndim]) + axes + array.tobytes()


def write_images(folder: Path, height: int, width: int) -> None:
    """Seven images for training and three for validation, labelled by their numbers."""
    rng = np.random.default_rng(0)
    for part, count in (("train", 7), ("t10k", 3)):
        pixels = rng.integers(256, size=(count, height, width), dtype=np.uint8)
        (folder / f"{part}-images-idx3-ubyte").write_bytes(idx(pixels))
        (folder / f"{part}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(np.arange(count, dtype=np.uint8))))
