"""How running user code can end, other than well."""

from __future__ import annotations

from enum import Enum

__all__ = ["Outcome", "SandboxError"]


class Outcome(Enum):
    """The value is the name a person reads."""

    FILE_MISSING = "file missing"
    NAME_MISSING = "name missing"
    NOT_CALLABLE = "not callable"
    IMPORT_ERROR = "import error"
    EXCEPTION = "exception"
    EXIT = "exit"
    CRASH = "crash"
    HANG = "hang"
    OUT_OF_MEMORY = "out of memory"
    NOT_AN_ARRAY = "not an array"
    IN_PLACE = "in-place write"
    TRAINING = "training mode"
    NOT_CONFINED = "not confined"
    NO_DEVICE = "no device"


class SandboxError(Exception):
    """User code did not return arrays; `types` names the classes of the exception it raised, most special first.

    >>> str(SandboxError(Outcome.HANG, "no answer in 5 s"))
    'hang: no answer in 5 s'
    """

    def __init__(self, outcome: Outcome, message: str, types: tuple[str, ...] = ()):
        super().__init__(f"{outcome.value}: {message}")
        self.outcome = outcome
        self.message = message
        self.types = types
