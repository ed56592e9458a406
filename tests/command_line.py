"""The command line as a user has it, asked within this process."""

from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from typing import Any

import pytest

from monarch_theory.command.door import run
from monarch_theory.command.schema import json_schema

__all__ = ["Answer", "asked", "conforms"]


@dataclass(frozen=True)
class Answer:
    exit_code: int
    stdout: str
    stderr: str

    @property
    def output(self) -> str:
        """What is on both, as a terminal shows it but for the order."""
        return self.stdout + self.stderr


def asked(*arguments: object, stdin: str = "") -> Answer:
    """What `monarch ARGUMENTS` says."""
    with redirect_stdout(StringIO()) as out, redirect_stderr(StringIO()) as err, pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.stdin", StringIO(stdin))
        code = run([str(argument) for argument in arguments])
    return Answer(code, out.getvalue(), err.getvalue())


def conforms(command: str, answer: dict[str, Any]) -> None:
    """Hold what a command printed with --json to its schema."""
    validator = pytest.importorskip("jsonschema", reason="the documentation tools bring it").Draft202012Validator
    validator.check_schema(json_schema(command))
    problems = [str(e.message) for each in json_schema(command)["anyOf"] for e in validator(each).iter_errors(answer)]
    assert validator(json_schema(command)).is_valid(answer), problems
