"""Files of tokenizers, `tokenizer.json`, read by the package `tokenizers`; without one, a text is its bytes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from monarch_theory.extras import needed

__all__ = ["BYTES", "MASKS", "Tokenizer", "read_tokenizer", "tokenizer_of"]

FILE = "tokenizer.json"
MASKS = ("[MASK]", "<mask>")
"""What tokenizers call the token that stands for a masked one."""


@dataclass(frozen=True)
class Tokenizer:
    """How a text becomes tokens.

    Attributes:
        tokens: token ids of a text; special tokens are put around it if the second argument is true.
        text: of token ids, special ones left out.
        vocabulary: all ids are below it.
        mask: the token that stands for a masked one, or None.
        pad: the token of padding.
    """

    tokens: Callable[[str, bool], list[int]]
    text: Callable[[list[int]], str]
    vocabulary: int
    mask: int | None
    pad: int = 0


BYTES = Tokenizer(lambda text, special: list(text.encode()), lambda ids: bytes(ids).decode(errors="replace"), 256, None)
"""UTF-8, and the mask is the model's last token."""


def read_tokenizer(path: Path) -> Tokenizer:
    """The tokenizer at a path or in a directory; whatever truncation and padding it asks for is left out.

    Raises:
        ValueError: there is none, or it is no tokenizer.
        ModuleNotFoundError: the package `tokenizers` is not installed.
    """
    file = path / FILE if path.is_dir() else path
    if not file.is_file():
        raise ValueError(f"{file}: expected a tokenizer's file, got none; lines with input_ids need no tokenizer")
    found = loaded(file)
    found.no_truncation()
    found.no_padding()
    named = (found.token_to_id(name) for name in MASKS)
    pads = (found.token_to_id(name) for name in ("[PAD]", "<pad>"))
    return Tokenizer(
        lambda text, special: list(found.encode(text, add_special_tokens=special).ids),
        found.decode,
        vocabulary=max(found.get_vocab(with_added_tokens=True).values(), default=-1) + 1,
        mask=next((token for token in named if token is not None), None),
        pad=next((token for token in pads if token is not None), 0),
    )


def loaded(file: Path) -> Any:
    """What the package makes of a file."""
    with needed():
        from tokenizers import Tokenizer as Package

    try:
        return Package.from_file(str(file))
    except Exception as error:  # what the package raises has no type of its own
        raise ValueError(f"{file}: expected a tokenizer's file, got another ({error})") from None


def tokenizer_of(path: Path) -> Callable[[str], list[int]]:
    """Token ids of a text, special tokens included; see `read_tokenizer`."""
    tokenizer = read_tokenizer(path)
    return lambda text: tokenizer.tokens(text, True)
