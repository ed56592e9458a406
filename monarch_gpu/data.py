"""What is learned: text, labelled texts and images of the user's, or data that is there without a network.

Without a file, text is the source of Python's standard library, and images are scikit-learn's digits. Every batch is a
function of (seed, step, microbatch) alone, so a run that resumes sees exactly what it would have seen.
"""

from __future__ import annotations

import gzip
import sysconfig
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from monarch_gpu.configs import BertConfig, Config, GPTConfig, ViTConfig
from monarch_gpu.lines import labels_of
from monarch_gpu.pretrained import IGNORED
from monarch_gpu.tokenizer import Tokenizer
from monarch_theory.extras import needed

__all__ = [
    "Batch", "Corpus", "Digits", "Images", "Labelled", "MaskedText", "Task", "Text", "corpus_of", "images_of",
    "labelled_of", "standard_library", "task_of", "text_of",
]  # fmt: skip

MASKED_FRACTION = 0.3
HELD_BACK = 10  # one part in so many is for validation

Batch = tuple[tuple[Tensor, ...], Tensor]
"""What a model is called with, and the targets, `IGNORED` where they do not count."""


@lru_cache(maxsize=2)
def standard_library(validation: bool) -> np.ndarray:
    """The standard library's modules one after another, uint8; every tenth file, chosen by its name, is for validation.

    Tests and installed packages are left out. About 10 MB of training text.
    """
    root = Path(sysconfig.get_paths()["stdlib"])
    left_out = {"site-packages", "dist-packages", "test", "tests", "idle_test", "__pycache__"}
    chosen = []
    for path in sorted(root.rglob("*.py")):
        name = path.relative_to(root)
        if left_out.isdisjoint(name.parts) and (zlib.crc32(name.as_posix().encode()) % HELD_BACK == 0) == validation:
            chosen.append(path.read_bytes())
    return np.frombuffer(b"\n".join(chosen), dtype=np.uint8)


def generator(seed: int, step: int, microbatch: int) -> np.random.Generator:
    """Independent randomness for every microbatch of every step."""
    return np.random.default_rng((seed, step, microbatch))


class Task:
    """Something to learn.

    Attributes:
        digest: of the data; a run with another is another run. Empty for what is always there.
    """

    digest: str = ""

    def batch(self, rng: np.random.Generator, size: int, validation: bool = False) -> Batch:
        raise NotImplementedError

    def validation(self, size: int, batches: int) -> Iterator[Batch]:
        """The same few batches every time."""
        for index in range(batches):
            yield self.batch(generator(0, 0, index), size, validation=True)

    def whole(self, size: int) -> Iterator[Batch]:
        """All that is held back for validation, once."""
        raise NotImplementedError


@dataclass(frozen=True, eq=False)
class Corpus:
    """Tokens of a text, uint8 or int64, and those that are held back for validation."""

    training: np.ndarray
    validation: np.ndarray
    digest: str = ""

    def part(self, validation: bool) -> np.ndarray:
        return self.validation if validation else self.training


def corpus_of(path: Path, tokenizer: Tokenizer, validation: Path | None = None, all_held_back: bool = False) -> Corpus:
    """The text of a file, or of all files below a directory but hidden ones, in the order of their names.

    The last tenth of every file is held back for validation, unless there is another path for that.

    Args:
        all_held_back: everything is for validation, as one evaluates.

    Raises:
        ValueError: there is no text, or it is not UTF-8; the message names the file.
    """
    pieces = [np.array(tokenizer.tokens(text, False), dtype=np.int64) for text in texts(path)]
    if all_held_back:
        held, rest = pieces, []
    elif validation is not None:
        held, rest = [np.array(tokenizer.tokens(text, False), dtype=np.int64) for text in texts(validation)], pieces
    else:
        cuts = [len(piece) - len(piece) // HELD_BACK for piece in pieces]
        held = [piece[cut:] for piece, cut in zip(pieces, cuts, strict=True)]
        rest = [piece[:cut] for piece, cut in zip(pieces, cuts, strict=True)]
    kept, out = (np.concatenate([np.empty(0, dtype=np.int64), *part]) for part in (rest, held))
    return Corpus(kept, out, sha256(sha256(kept.tobytes()).digest() + out.tobytes()).hexdigest())


def texts(path: Path) -> list[str]:
    """The text of a file, or of every file below a directory."""
    if not path.exists():
        raise ValueError(f"{path}: No such file or directory")
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    found = []
    for file in files:
        if not file.is_file() or any(part.startswith(".") for part in file.relative_to(path).parts):
            continue
        try:
            found.append(file.read_text(encoding="utf-8"))
        except OSError as error:
            raise ValueError(f"{file}: {error.strerror}") from None
        except UnicodeDecodeError:
            raise ValueError(f"{file}: expected text in UTF-8, got other bytes") from None
    if not any(found):
        raise ValueError(f"{path}: expected text, got none")
    return found


@dataclass(frozen=True, eq=False)
class Text(Task):
    """The next token of a text: inputs and targets (size, length), int64.

    Raises:
        ValueError: the text is too short.
    """

    length: int
    corpus: Corpus

    def __post_init__(self) -> None:
        for name, part in (
            ("for training", self.corpus.training),
            ("held back for validation", self.corpus.validation),
        ):
            if len(part) <= self.width and (len(part) or part is self.corpus.validation):
                raise ValueError(f"data: expected more than {self.width} tokens {name}, got {len(part)}")

    @property
    def digest(self) -> str:  # type: ignore[override]
        return self.corpus.digest

    def batch(self, rng: np.random.Generator, size: int, validation: bool = False) -> Batch:
        return self.targets(self.windows(rng, size, self.width, validation), rng)

    @property
    def width(self) -> int:
        """Tokens that one sequence is made of."""
        return self.length + 1

    def targets(self, windows: Tensor, rng: np.random.Generator) -> Batch:
        return (windows[:, :-1],), windows[:, 1:]

    def windows(self, rng: np.random.Generator, size: int, length: int, validation: bool) -> Tensor:
        text = self.corpus.part(validation)
        starts = rng.integers(len(text) - length, size=size)
        return torch.from_numpy(text[starts[:, None] + np.arange(length)].astype(np.int64))

    def whole(self, size: int) -> Iterator[Batch]:
        """Windows one after another; a rest that fills none is left out."""
        text, starts = self.corpus.validation, np.arange(0, len(self.corpus.validation) - self.width + 1, self.length)
        for index in range(0, len(starts), size):
            some = starts[index : index + size, None] + np.arange(self.width)
            yield self.targets(torch.from_numpy(text[some].astype(np.int64)), generator(0, 1, index))


@dataclass(frozen=True, eq=False)
class MaskedText(Text):
    """Text of which 30 % of the tokens are masked, and are the targets."""

    mask: int

    @property
    def width(self) -> int:
        return self.length

    def targets(self, windows: Tensor, rng: np.random.Generator) -> Batch:
        masked = torch.from_numpy(rng.random(windows.shape) < MASKED_FRACTION)
        return (torch.where(masked, self.mask, windows),), torch.where(masked, windows, IGNORED)


@dataclass(frozen=True, eq=False)
class Labelled(Task):
    """Texts with labels: inputs are ids and attention mask, (size, n) both, padded; targets (size,).

    Attributes:
        length: to pad to; 0 for the longest of a batch.
        pad: the token to pad with.
        training, validation_rows: (token ids, label).
    """

    length: int
    pad: int
    training: Sequence[tuple[list[int], int]]
    validation_rows: Sequence[tuple[list[int], int]]
    names: tuple[str, ...]
    digest: str

    def batch(self, rng: np.random.Generator, size: int, validation: bool = False) -> Batch:
        rows = self.validation_rows if validation else self.training
        return self.padded([rows[i] for i in rng.integers(len(rows), size=size)])

    def validation(self, size: int, batches: int) -> Iterator[Batch]:
        return self.whole(size)

    def whole(self, size: int) -> Iterator[Batch]:
        for start in range(0, len(self.validation_rows), size):
            yield self.padded(self.validation_rows[start : start + size])

    def padded(self, rows: Sequence[tuple[list[int], int]]) -> Batch:
        length = self.length or max(len(ids) for ids, _ in rows)
        ids = torch.tensor([[*ids, *[self.pad] * (length - len(ids))] for ids, _ in rows])
        mask = torch.arange(length) < torch.tensor([len(ids) for ids, _ in rows])[:, None]  # (size, n)
        return (ids, mask), torch.tensor([label for _, label in rows])


def labelled_of(
    config: BertConfig,
    entries: list[dict[str, Any]],
    tokenizer: Tokenizer | None,
    held_back: list[dict[str, Any]] | None = None,
    names: tuple[str, ...] = (),
    all_held_back: bool = False,
) -> Labelled:
    """Labelled lines as a task for a classifier; about a tenth of them, chosen by their tokens, is for validation.

    Args:
        tokenizer: for lines with a text.
        held_back: other lines for validation, and then all of `entries` are for training.
        names: what labels are called, where it is known.
        all_held_back: everything is for validation, as one evaluates.

    Raises:
        ValueError: a text is empty or too long, a token out of range, a label missing; the message says which.
    """
    labels, names = labels_of(entries, names)
    rows = [(ids, label) for ids, label in zip(ids_of(config, entries, tokenizer), labels, strict=True)]
    if held_back is not None:
        others, _ = labels_of(held_back, names)
        kept, held = rows, list(zip(ids_of(config, held_back, tokenizer), others, strict=True))
    elif all_held_back:
        kept, held = [], rows
    else:
        apart = [zlib.crc32(np.array(ids, dtype=np.int64).tobytes()) % HELD_BACK == 0 for ids, _ in rows]
        held = [row for row, out in zip(rows, apart, strict=True) if out]
        kept = [row for row, out in zip(rows, apart, strict=True) if not out]
    if not held or not (kept or all_held_back):
        raise ValueError(
            f"data: expected labelled lines for training and for validation, got {len(kept)} and {len(held)}"
        )
    unmasked = config.architecture == "monarch-mixer" and config.padding == "unmasked"
    length = config.max_position_embeddings if unmasked else 0
    digest = sha256(repr((kept, held, names)).encode()).hexdigest()
    return Labelled(length, 0 if tokenizer is None else tokenizer.pad, kept, held, names, digest)


def ids_of(config: BertConfig, entries: list[dict[str, Any]], tokenizer: Tokenizer | None) -> list[list[int]]:
    """The token ids of every entry."""
    longest, found = config.max_position_embeddings, []
    for number, entry in enumerate(entries, start=1):
        if "input_ids" not in entry and tokenizer is None:
            raise ValueError(f"text {number}: expected a tokenizer for its text, got none")
        ids = entry["input_ids"] if tokenizer is None or "input_ids" in entry else tokenizer.tokens(entry["text"], True)
        if not 1 <= len(ids) <= longest:
            raise ValueError(f"text {number}: expected 1 to {longest} tokens, got {len(ids)}")
        if not all(0 <= token < config.vocab_size for token in ids):
            raise ValueError(f"text {number}: expected tokens 0 to {config.vocab_size - 1}, got another")
        found.append(ids)
    return found


@dataclass(frozen=True)
class Digits(Task):
    """Handwritten digits, 8×8, values in [0, 1]: inputs (size, 1, 8, 8), targets (size,); 360 are for validation."""

    def batch(self, rng: np.random.Generator, size: int, validation: bool = False) -> Batch:
        images, labels = digits(validation)
        chosen = torch.from_numpy(rng.integers(len(labels), size=size))
        return (images[chosen],), labels[chosen]

    def validation(self, size: int, batches: int) -> Iterator[Batch]:
        return self.whole(size)

    def whole(self, size: int) -> Iterator[Batch]:
        images, labels = digits(True)
        yield (images,), labels


@lru_cache(maxsize=2)
def digits(validation: bool) -> tuple[Tensor, Tensor]:
    """Images (count, 1, 8, 8) in float32 and labels (count,), split once and for all."""
    with needed():
        from sklearn.datasets import load_digits

    bunch = load_digits()
    order = np.random.default_rng(0).permutation(len(bunch.target))
    chosen = order[:360] if validation else order[360:]
    images = torch.tensor(bunch.images[chosen] / 16, dtype=torch.float32)[:, None]
    return images, torch.tensor(bunch.target[chosen], dtype=torch.long)


@dataclass(frozen=True, eq=False)
class Images(Task):
    """Images with labels: inputs (size, 1, height, width), float32 in [0, 1], targets (size,).

    Attributes:
        training, held_back: images, uint8, and labels, each with its count first.
    """

    training: tuple[np.ndarray, np.ndarray]
    held_back: tuple[np.ndarray, np.ndarray]
    digest: str = ""

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        height, width = self.training[0].shape[1:]
        return height, width

    @property
    def labels(self) -> int:
        """How many labels there are: one more than the largest."""
        return 1 + max(int(labels.max(initial=0)) for _, labels in (self.training, self.held_back))

    def batch(self, rng: np.random.Generator, size: int, validation: bool = False) -> Batch:
        images, labels = self.held_back if validation else self.training
        return as_batch(images, labels, rng.integers(len(labels), size=size))

    def whole(self, size: int) -> Iterator[Batch]:
        images, labels = self.held_back
        for start in range(0, len(labels), size):
            yield as_batch(images, labels, np.arange(start, min(start + size, len(labels))))


def as_batch(images: np.ndarray, labels: np.ndarray, chosen: np.ndarray) -> Batch:
    """The chosen images (size, 1, height, width), as parts of one, and their labels."""
    pixels = torch.from_numpy(images[chosen]).float()[:, None] / 255
    return (pixels,), torch.from_numpy(labels[chosen].astype(np.int64))


def images_of(folder: Path) -> Images:
    """The images of a folder of IDX files, named and packed as those of MNIST and Fashion-MNIST are.

    Raises:
        ValueError: a file is missing, or is not what its name says; the message names it.
    """
    parts = []
    for part in ("train", "t10k"):
        images, labels = idx_of(folder, f"{part}-images-idx3-ubyte"), idx_of(folder, f"{part}-labels-idx1-ubyte")
        if images.ndim != 3 or labels.shape != images.shape[:1]:
            got = f"{images.shape} and {labels.shape}"
            raise ValueError(f"{folder}: expected images (count, height, width) and labels (count,), got {got}")
        if not images.size:
            raise ValueError(f"{folder}: expected images in {part}-images-idx3-ubyte, got none")
        parts.append((images, labels))
    training, held_back = parts
    if training[0].shape[1:] != held_back[0].shape[1:]:
        raise ValueError(
            f"{folder}: expected images of one size, got {training[0].shape[1:]}, {held_back[0].shape[1:]}"
        )
    digests = b"".join(sha256(array.tobytes()).digest() for part in parts for array in part)
    return Images(training, held_back, sha256(digests).hexdigest())


def idx_of(folder: Path, name: str) -> np.ndarray:
    """The bytes of an IDX file in their shape: two zeros, the type 8, the number of axes, each axis in four bytes."""
    plain, packed = folder / name, folder / f"{name}.gz"
    file = packed if packed.exists() else plain
    try:
        content = gzip.decompress(file.read_bytes()) if file is packed else file.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"{file}: {getattr(error, 'strerror', None) or error}") from None
    axes = content[3] if len(content) > 3 and content[:3] == b"\0\0\x08" else 0
    start = 4 + 4 * axes
    shape = tuple(int.from_bytes(content[i : i + 4], "big") for i in range(4, min(start, len(content)), 4))
    if not axes or prod(shape) != len(content) - start:
        raise ValueError(f"{file}: expected an IDX file of bytes, got {len(content)} bytes that are none")
    return np.frombuffer(content, dtype=np.uint8, offset=start).reshape(shape)


def task_of(config: Config) -> Task:
    """What a model learns where no data are given.

    Raises:
        ValueError: the data does not fit the configuration.
    """
    if isinstance(config, ViTConfig):
        if (config.image_size, config.num_channels, config.num_labels) == (8, 1, 10):
            return Digits()
        raise ValueError("config: expected a ViT for 8×8 images of one channel with 10 labels: the data are digits")
    return text_of(config, Corpus(standard_library(False), standard_library(True)), 256)


def text_of(config: Config, corpus: Corpus, vocabulary: int, mask: int | None = None) -> Text:
    """A text for a language model, masked for BERT.

    Args:
        vocabulary: tokens of the text are below it.
        mask: the token that stands for a masked one; None for the last of the model's vocabulary.

    Raises:
        ValueError: the model is for something else, or its vocabulary too small.
    """
    of = "bytes" if vocabulary == 256 else "the tokenizer"
    if isinstance(config, GPTConfig):
        if config.vocab_size < vocabulary:
            raise ValueError(f"vocab_size: expected at least {vocabulary} for {of}, got {config.vocab_size}")
        return Text(config.max_position_embeddings, corpus)
    if not isinstance(config, BertConfig) or config.head != "masked-lm":
        head = getattr(config, "head", config.model_type)
        raise ValueError(f"head: expected masked-lm, which the text teaches, got {head}")
    least = vocabulary + (mask is None)
    if config.vocab_size < least:
        raise ValueError(f"vocab_size: expected at least {least} for {of} and a mask, got {config.vocab_size}")
    return MaskedText(config.max_position_embeddings, corpus, config.vocab_size - 1 if mask is None else mask)
