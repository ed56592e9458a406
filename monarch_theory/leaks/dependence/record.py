"""Every application of a rule, in order, where somebody listens: what a certificate is made of."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import wraps
from inspect import signature
from typing import Any, TypeVar

__all__ = ["Application", "recording", "rule"]

_listening: ContextVar[list[Application] | None] = ContextVar("listening", default=None)
F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, eq=False)
class Application:
    """One rule, what it was given and what it claims."""

    rule: str
    arguments: dict[str, Any]
    result: Any


def rule(function: F) -> F:
    """Mark a rule: sound on its own, and recorded where somebody listens."""
    parameters = signature(function)

    @wraps(function)
    def recorded(*args: Any, **kwargs: Any) -> Any:
        applications = _listening.get()
        if applications is None:
            return function(*args, **kwargs)
        token = _listening.set(None)  # a rule's own rules are not recorded again
        try:
            result = function(*args, **kwargs)
        finally:
            _listening.reset(token)
        bound = parameters.bind(*args, **kwargs)
        bound.apply_defaults()
        applications.append(Application(function.__name__, dict(bound.arguments), result))
        return result

    return recorded  # type: ignore[return-value]


@contextmanager
def recording() -> Iterator[list[Application]]:
    """Listen to the rules applied inside."""
    applications: list[Application] = []
    token = _listening.set(applications)
    try:
        yield applications
    finally:
        _listening.reset(token)
