"""How user code wants to be called: what its signature asks for, and which keys it takes from a mapping."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from monarch_theory.sandbox.bridge import torch_or_none

__all__ = ["Asked", "arguments", "parameters"]

KINDS = {
    inspect.Parameter.POSITIONAL_ONLY: "positional",
    inspect.Parameter.POSITIONAL_OR_KEYWORD: "either",
    inspect.Parameter.KEYWORD_ONLY: "keyword",
}


def parameters(model: Any) -> list[tuple[str, str, bool]]:
    """Name, kind ("positional", "either" or "keyword") and whether it is required, of each parameter of `model`.

    Empty where nothing can be known.

    >>> parameters(lambda x, *, mask, scale=1.0: x)
    [('x', 'either', True), ('mask', 'keyword', True), ('scale', 'keyword', False)]
    """
    torch = torch_or_none()
    if torch is not None and isinstance(model, torch.nn.Module):
        model = model.forward
    try:
        signature = inspect.signature(model)
    except (TypeError, ValueError):
        return []
    return [(p.name, KINDS[p.kind], p.default is p.empty) for p in signature.parameters.values() if p.kind in KINDS]


class Asked(dict[str, Any]):
    """A mapping with a value for every key it is asked for; `keys_asked` are those, first to last."""

    def __init__(self, value_of: Callable[[str], Any]):
        super().__init__()
        self.value_of = value_of

    def __missing__(self, key: str) -> Any:
        self[key] = self.value_of(key)
        return self[key]

    @property
    def keys_asked(self) -> list[str]:
        return [key for key in self if isinstance(key, str)]


def arguments(values: list[Any], slots: list[list[str]]) -> tuple[list[Any], dict[str, Any]]:
    """Positional and keyword arguments from `values`, each in its slot.

    A slot is ["positional", ""], ["keyword", name] or ["key", name]; values with keys are one mapping, the first
    argument.

    >>> arguments([1, 2, 3], [["key", "ids"], ["key", "mask"], ["keyword", "scale"]])
    ([{'ids': 1, 'mask': 2}], {'scale': 3})
    """
    mapping = {name: v for v, (kind, name) in zip(values, slots, strict=True) if kind == "key"}
    positional = [v for v, (kind, _) in zip(values, slots, strict=True) if kind == "positional"]
    keywords = {name: v for v, (kind, name) in zip(values, slots, strict=True) if kind == "keyword"}
    return [mapping, *positional] if mapping else positional, keywords
