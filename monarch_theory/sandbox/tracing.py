"""In which module does a change reach an output it should not? Two runs of a torch model, watched module by module."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

from monarch_theory.sandbox.loading import torch_modules

__all__ = ["entry"]


def entry(
    model: Callable[..., Any], runs: list[tuple[list[Any], dict[str, Any]]], place: int, n: int, size: float
) -> str:
    """The first module to finish whose outputs at a place differ between two runs while its inputs there do not.

    Args:
        runs: positional and keyword arguments of two calls.
        place: of the sequence of length n.
        size: of a difference, relative to the largest number of a tensor, that counts.

    Returns:
        Its path, its class and where its `forward` begins; empty where there is none.
    """
    modules = [(".".join(p for p in (prefix, name) if p), module)
               for prefix, root in torch_modules(model) for name, module in root.named_modules()]  # fmt: skip
    first, second = (seen(model, modules, *run) for run in runs)
    for (number, given, made), (other, given_then, made_then) in zip(first, second, strict=False):
        if number != other:
            return ""  # the second run takes another way
        if not moved(given, given_then, place, n, size) and moved(made, made_then, place, n, size):
            return described(*modules[number])
    return ""


def seen(
    model: Callable[..., Any], modules: list[tuple[str, Any]], positional: list[Any], keywords: dict[str, Any]
) -> list[tuple[int, list[Any], list[Any]]]:
    """Every call of a module in one run, as they finish: its number, the tensors it was given and those it made."""
    calls: list[tuple[int, list[Any], list[Any]]] = []
    with ExitStack() as hooks:
        for number, (_, module) in enumerate(modules):

            def note(_: Any, args: Any, kwargs: Any, made: Any, number: int = number) -> None:
                calls.append((number, [t.detach().clone() for t in tensors((args, kwargs))],
                              [t.detach().clone() for t in tensors(made)]))  # fmt: skip

            hooks.callback(module.register_forward_hook(note, with_kwargs=True).remove)
        model(*positional, **keywords)
    return calls


def tensors(value: Any) -> Iterator[Any]:
    """The tensors in nested containers."""
    if hasattr(value, "detach"):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from tensors(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from tensors(inner)


def moved(first: list[Any], second: list[Any], place: int, n: int, size: float) -> bool:
    """Whether tensors with a sequence axis differ at the place; of the others nothing is said."""
    for a, b in zip(first, second, strict=False):
        axes = [axis for axis, length in enumerate(a.shape) if length == n]
        if not axes or a.shape != b.shape:
            continue
        a, b = a.select(axes[0], place), b.select(axes[0], place)
        apart = (a != b) & ~((a != a) & (b != b))
        if a.is_floating_point() or a.is_complex():
            apart = apart & ~((a - b).abs() <= size * max(float(a.abs().max()), 1e-300))
        if bool(apart.any()):
            return True
    return False


def described(path: str, module: Any) -> str:
    """A module's path, class and the file and line of its `forward`."""
    name = f"{path} ({type(module).__name__})" if path else type(module).__name__
    try:
        code = inspect.unwrap(type(module).forward).__code__
    except AttributeError:
        return name
    return f"{name}, {code.co_filename}:{code.co_firstlineno}"
