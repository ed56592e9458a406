"""A kernel in a process of its own, and what came of one call."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from monarch_theory.sandbox import Outcome, Sandbox, SandboxError
from monarch_theory.sandbox.patterns import MALLOC_PERTURB
from monarch_theory.testing.cases import Case

__all__ = ["Kernel", "Run", "run_of"]


@dataclass(frozen=True)
class Run:
    """What one call gave.

    Attributes:
        outcome: None if the kernel returned arrays; otherwise how it ended.
        message: of the exception, or of the refusal.
        refused: the kernel raised NotImplementedError, or its signature has no room for so many arguments: it does not
            take this shape, dtype or layout.
        outputs: arrays it returned (bfloat16 as float32); dtypes: their names.
        again: what it returned for the same arguments a second time, if not the same bits.
        face: kind of arrays the kernel was given, "numpy" or "torch"; takes_out: it was given `out` to write into.
        modified: names of the arguments it wrote into.
        aliased: its result changed when it was called on other data.
        interpreted: Triton's interpreter ran a part of it.
        outside: it wrote between or around the elements of `out`.
        seconds: the whole request took.
    """

    outcome: Outcome | None = None
    message: str = ""
    refused: bool = False
    outputs: tuple[np.ndarray, ...] = field(default=(), repr=False)
    dtypes: tuple[str, ...] = ()
    again: tuple[np.ndarray, ...] = field(default=(), repr=False)
    modified: tuple[str, ...] = ()
    face: str = "numpy"
    takes_out: bool = False
    aliased: bool = False
    interpreted: bool = False
    outside: bool = False
    seconds: float = 0.0


class KernelProcess(Sandbox):
    """A sandbox whose child calls kernels."""

    child = "monarch_theory.testing.kernel_server"
    environment = {"MALLOC_PERTURB_": str(MALLOC_PERTURB)}  # noqa: RUF012

    def ask(self, header: dict, arrays: tuple[np.ndarray, ...] = (), *, seconds: float) -> tuple:  # type: ignore[type-arg]
        """One request, with `seconds` of its own to answer."""
        self.deadline, self.timeout = time.monotonic() + seconds, seconds
        return self._ask(header, arrays, doing="loading" if header["do"] == "load" else "calling the kernel")


class Kernel:
    """A user's kernel, restarted whenever it takes its process down.

    Args:
        path, name: the Python file and the function in it (dots reach into objects; a class is instantiated).
        timeout: seconds for one call (three runs of the kernel); loading may take `load_timeout`.
        memory: GiB of private memory, or None.
        face: "numpy", "torch", or "auto": torch if the file imports torch.

    Raises:
        SandboxError: on entering, if the kernel cannot be loaded.
    """

    def __init__(
        self, path: str | Path, name: str, *, timeout: float = 10.0, memory: float | None = 4.0, face: str = "auto",
        load_timeout: float = 120.0,
    ):  # fmt: skip
        self.path, self.name, self.face = str(Path(path).resolve()), name, face
        self.timeout, self.memory, self.load_timeout = timeout, memory, load_timeout
        self.calls = 0
        self._process: KernelProcess | None = None
        self._found: dict[str, Any] = {}

    def __enter__(self) -> Kernel:
        try:
            self._running()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.__exit__(None, None, None)
            self._process = None

    def load(self, path: str | Path, name: str) -> None:
        """Take another kernel, in the same process."""
        self.path, self.name = str(Path(path).resolve()), name
        if self._process is None:
            self._running()
        else:
            self._load(self._process)

    def _running(self) -> KernelProcess:
        if self._process is None:
            process = KernelProcess(self.path, self.name, memory=self.memory)
            process.__enter__()
            self._process = process
            self._load(process)
        return self._process

    def _load(self, process: KernelProcess) -> None:
        header = {"do": "load", "path": self.path, "name": self.name, "face": self.face}
        answer, _ = process.ask(header, seconds=self.load_timeout)
        if answer.get("face") not in ("numpy", "torch") or type(answer.get("takes_out")) is not bool:
            raise SandboxError(Outcome.CRASH, "loading: the child's answer was garbled")
        self._found = {"face": answer["face"], "takes_out": answer["takes_out"]}

    def run(self, case: Case, *, repeat: bool = True, out: tuple[tuple[int, ...], ...] = ()) -> Run:
        """Call the kernel on a case; `out` holds the shape of every output, for kernels that take `out`."""
        self.calls += 1
        header = {
            "do": "call", "dtypes": case.dtypes, "layouts": case.layouts, "repeat": repeat,
            "options": dict(case.op.options(case.shape)), "out": out, "returns": case.dtype,
            "updates": [list(case.arrays).index(name) for name in case.op.updates],
        }  # fmt: skip
        try:
            process = self._running()
            started = time.monotonic()
            answer, arrays = process.ask(header, tuple(case.arrays.values()), seconds=self.timeout)
        except SandboxError as error:
            if error.outcome is not Outcome.EXCEPTION:
                self.close()
            return Run(error.outcome, error.message, **self._found)
        try:
            run = run_of(answer, arrays, tuple(case.arrays))
        except ValueError as error:
            self.close()
            return Run(Outcome.CRASH, f"calling the kernel: the child's answer was garbled ({error})", **self._found)
        return replace(run, seconds=time.monotonic() - started, **self._found)


ANSWER: dict[str, type] = {
    "dtypes": list, "modified": list, "aliased": bool, "outside": bool, "count": int, "interpreted": bool,
}  # fmt: skip
"""What the answer to a call holds besides the arrays."""


def run_of(answer: dict[str, Any], arrays: tuple[np.ndarray, ...], names: tuple[str, ...]) -> Run:
    """The run that an answer tells of.

    Raises:
        ValueError: it is not what a call is answered with.
    """
    if "refused" in answer:
        if not isinstance(answer.get("message"), str):
            raise ValueError("message: expected text, got something else")
        return Run(message=answer["message"], refused=True)
    for key, kind in ANSWER.items():
        if type(answer.get(key)) is not kind:
            raise ValueError(f"{key}: expected {kind.__name__}, got {type(answer.get(key)).__name__}")
    count, modified, dtypes = answer["count"], answer["modified"], answer["dtypes"]
    if len(arrays) not in (count, 2 * count) or len(dtypes) != count or not all(isinstance(d, str) for d in dtypes):
        raise ValueError(f"count: expected one dtype for each array and each array once or twice, got {count}")
    if not all(type(i) is int and 0 <= i < len(names) for i in modified):
        raise ValueError(f"modified: expected positions of {len(names)} arguments, got {str(modified)[:40]}")
    return Run(
        outputs=arrays[:count],
        dtypes=tuple(dtypes),
        again=arrays[count:],
        modified=tuple(names[i] for i in modified),
        aliased=answer["aliased"],
        outside=answer["outside"],
        interpreted=answer["interpreted"],
    )
