"""Is the callable NAME of FILE.py causal? The model runs in a child process; what it is given is chosen here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from monarch_theory.leaks.callables import UNDECIDED, Report, check_model
from monarch_theory.leaks.inputs import Inputs, UndecidedError, parse_shape
from monarch_theory.sandbox import Described, Outcome, Sandbox, SandboxError

__all__ = ["check_file"]


@dataclass(frozen=True)
class Attempt:
    """One way of calling a model: the face of its array, its logical dtype, parameters widened to double or not."""

    face: str
    dtype: str
    double: bool


class FileModel:
    """A model in a sandbox, called in one way."""

    def __init__(self, sandbox: Sandbox, attempt: Attempt, described: Described, first_seconds: float):
        self.sandbox, self.attempt = sandbox, attempt
        self.restart_seconds = described.seconds + first_seconds
        self.dtypes: tuple[str, ...] = ()
        self.count = 0

    def __call__(self, x: np.ndarray) -> np.ndarray:
        attempt = self.attempt
        (y,) = self.sandbox.evaluate(x, face=attempt.face, dtypes=(attempt.dtype,))
        self.dtypes, self.count = self.sandbox.dtypes, self.sandbox.count
        return y

    def fresh(self, seed: int | None = None) -> bool:
        try:
            self.sandbox.reload()
        except SandboxError as error:
            if error.outcome in (Outcome.IMPORT_ERROR, Outcome.EXCEPTION):
                return False  # some files can be run only once: they register what may be registered once
            raise
        if seed is not None:
            self.sandbox.reseed(seed)
        return True


def check_file(
    path: str | Path,
    name: str,
    n: int,
    *,
    shape: str = "n",
    dtype: str | None = None,
    vocab: int = 16,
    seed: int = 0,
    budget: float = 12.0,
    timeout: float = 300.0,
    memory: float | None = 8.0,
    output_axis: int | None = None,
    map_size: int = 0,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Report:
    """Decide whether a callable of a file is causal. Never raises for what the file does: see `Report.outcome`.

    Args:
        path, name: the file and the callable in it: function, module, class, or factory without arguments.
        dtype: of the input. When not given, the first that the model accepts of float64, float32 (for a torch
            module, the dtype of its parameters) and int64. A torch module given float64 or tokens has its
            parameters held in double precision, which changes none of them.
        timeout: seconds for everything; memory: GiB of private memory, None for no limit.

    Other arguments as `check_callable`.
    """
    template: tuple[int, ...] = ()
    try:
        Inputs.of(shape, n, dtype or "float64", vocab, seed)
        template = tuple(n if s is None else s for s in parse_shape(shape))
        for argument, value in (("timeout", timeout), ("budget", budget), ("memory", memory)):
            if value is not None and not 0 < value < float("inf"):
                raise UndecidedError("bad input", f"{argument}: expected a positive number, got {value}")
        with Sandbox(path, name, timeout=timeout, memory=memory, seed=seed) as sandbox:
            described = sandbox.load(double=dtype is None or exact(dtype))
            model, inputs, notes = choose(sandbox, described, shape, n, dtype, vocab, seed)
            allowed = min(budget, 0.6 * max(sandbox.remaining, 0.0))
            report = check_model(
                model, inputs, budget=allowed, output_axis=output_axis, map_size=map_size, progress=progress
            )
    except (UndecidedError, SandboxError) as error:
        outcome = error.outcome if isinstance(error, UndecidedError) else error.outcome.value
        return Report(UNDECIDED, "none", error.message, outcome, n=n, shape=template, dtype=dtype or "", seed=seed)
    except MemoryError:
        reason = f"an input of shape {template} does not fit in memory here"
        return Report(UNDECIDED, "none", reason, "out of memory", n=n, shape=template, dtype=dtype or "", seed=seed)
    return replace(report, notes=(*notes, *report.notes))


def exact(dtype: str) -> bool:
    """Whether inputs of this dtype call for parameters in double precision."""
    return dtype in ("float64", "complex128") or dtype.startswith(("int", "uint", "bool"))


def attempts(described: Described, dtype: str | None) -> Iterator[Attempt]:
    """The ways to call a model, best first."""
    module = described.parameters is not None
    floating = ["float64", described.parameters or "float32"]
    for wanted in [dtype] if dtype else [*dict.fromkeys(floating), "int64"]:
        for face in described.faces:
            if module and exact(wanted):
                yield Attempt(face, wanted, True)
            if not (module and wanted == "float64" and described.parameters != "float64"):
                yield Attempt(face, wanted, False)


def choose(
    sandbox: Sandbox, described: Described, shape: str, n: int, dtype: str | None, vocab: int, seed: int
) -> tuple[FileModel, Inputs, list[str]]:
    """The first way of calling that the model accepts.

    Raises:
        SandboxError: none; with the model's own words for the first way, and what might help.
    """
    first: SandboxError | None = None
    loaded, holds_double = described, dtype is None or exact(dtype)
    for attempt in attempts(described, dtype):
        inputs = Inputs.of(shape, n, attempt.dtype, vocab, seed)
        if described.parameters is not None and attempt.double != holds_double:
            loaded, holds_double = sandbox.load(double=attempt.double), attempt.double
        x, _ = inputs.draw(0, np.random.default_rng(seed))
        try:
            sandbox.evaluate(x, face=attempt.face, dtypes=(attempt.dtype,))
        except SandboxError as error:
            if error.outcome is not Outcome.EXCEPTION:
                raise
            if inputs.integer and "index" in error.message.lower() and "range" in error.message.lower() + "range":
                hint = f"tokens were drawn from 0 … {inputs.vocab - 1}: --vocab sets their number, --n the length"
                if dtype or "out of" in error.message:
                    raise SandboxError(error.outcome, f"{error.message}; {hint}") from error
            first = first or error
            continue
        notes = []
        if loaded.widened:
            notes.append(f"parameters of {loaded.widened} were held in double precision, which changes none of them")
        if first is not None:
            notes.append(f"given {attempt.dtype} in a {attempt.face} array, since otherwise: {first.message}")
        if first is not None:
            sandbox.reload()
        return FileModel(sandbox, attempt, loaded, sandbox.seconds), inputs, notes
    assert first is not None
    size = ",".join("n" if s is None else str(s) for s in parse_shape(shape))
    given = f"it was given an array of shape ({size}) with n = {n}, {dtype or 'float64'}"
    raise SandboxError(
        first.outcome, f"{first.message}; {given}: --shape and --dtype name another, e.g. --shape 2,n,16"
    )
