"""A kernel in a process of its own, and what came of one call."""

from __future__ import annotations

import secrets
import select
import subprocess
import time
from dataclasses import dataclass, field, replace
from math import inf
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from monarch_theory.sandbox import Outcome, Sandbox, SandboxError
from monarch_theory.sandbox.bundle import program
from monarch_theory.sandbox.confinement import WALLS, Confined, Confinement, oracles
from monarch_theory.sandbox.limits import CASE_SECONDS, MEMORY, THREADS_END
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
        other: what it returned when the data was negated where it lay, if that was asked for.
        face: kind of arrays the kernel was given, "numpy" or "torch"; takes_out: it was given `out` to write into.
        modified: names of the arguments it wrote into.
        aliased: its result changed when it was called on other data.
        interpreted: Triton's interpreter ran a part of it.
        outside: it wrote between or around the elements of `out`; unfilled: it was given `out`, and returned another
            array that holds something else.
        seconds: the whole request took.
    """

    outcome: Outcome | None = None
    message: str = ""
    refused: bool = False
    outputs: tuple[np.ndarray, ...] = field(default=(), repr=False)
    dtypes: tuple[str, ...] = ()
    again: tuple[np.ndarray, ...] = field(default=(), repr=False)
    other: tuple[np.ndarray, ...] = field(default=(), repr=False)
    modified: tuple[str, ...] = ()
    face: str = "numpy"
    takes_out: bool = False
    aliased: bool = False
    interpreted: bool = False
    outside: bool = False
    unfilled: bool = False
    seconds: float = 0.0


class KernelProcess(Sandbox):
    """A sandbox whose child calls kernels."""

    child = "monarch_theory.testing.kernel_server"
    environment = {"MALLOC_PERTURB_": str(MALLOC_PERTURB)}  # noqa: RUF012

    def ask(self, header: dict, arrays: tuple[np.ndarray, ...] = (), *, seconds: float) -> tuple:  # type: ignore[type-arg]
        """One request, with `seconds` of its own to answer."""
        self.deadline, self.timeout = time.monotonic() + seconds, seconds
        return self._ask(header, arrays, doing="loading" if header["do"] == "load" else "calling the kernel")


class PlainProcess(KernelProcess):
    """As `KernelProcess`, with memory and threads as the system gives them: filling and waking would take time."""

    environment = defaults = {}  # noqa: RUF012


class UntrustedProcess(KernelProcess):
    """As `KernelProcess`, behind walls, without this package, and believed only where each answer has its ticket."""

    def __init__(
        self, path: str, name: str, *, memory: float | None, walls: tuple[str, ...] = WALLS, patterns: bool = True
    ):
        super().__init__(path, name, memory=memory)
        main, files = program(memory, patterns=patterns)
        self.confined = Confined(main, files, memory=memory, walls=walls)

    def _start(self, child_reads: int, child_writes: int) -> subprocess.Popen[bytes]:
        return self.confined.start(child_reads, child_writes)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, trace)
        self.confined.stop()

    def ask(self, header: dict, arrays: tuple[np.ndarray, ...] = (), *, seconds: float) -> tuple:  # type: ignore[type-arg]
        """As before; what the process said unasked, or without the ticket of this request, is forged.

        Raises:
            SandboxError: CRASH where it is.
        """
        doing = "loading" if header["do"] == "load" else "calling the kernel"
        if select.select([self._in], [], [], 0.0)[0]:
            # the end of the process is something to read as well
            self._read_unasked(doing)
        ticket = secrets.token_hex(16)
        answer, outputs = super().ask({**header, "ticket": ticket}, arrays, seconds=seconds)
        if answer.pop("ticket", None) != ticket:
            raise SandboxError(Outcome.CRASH, f"{doing}: an answer to something else came, which the kernel forged")
        return answer, outputs

    def _read_unasked(self, doing: str) -> None:
        self.deadline = time.monotonic() + 1.0
        try:
            self._read(1, doing)
        except EOFError:
            raise self._ended(doing) from None
        raise SandboxError(Outcome.CRASH, f"{doing}: an answer came that was not asked for, which the kernel forged")


class Kernel:
    """A user's kernel, restarted whenever it takes its process down.

    Args:
        path, name: the Python file and the function in it (dots reach into objects; a class is instantiated).
        timeout: seconds for one call (three runs of the kernel, and in proportion where there are more); loading may
            take `load_timeout`.
        memory: GiB of private memory, or None.
        face: "numpy", "torch", or "auto": torch if the file imports torch.
        untrusted: the process is kept behind walls (see `sandbox.confinement`); walls: those to put up.
        patterns: new memory is filled with patterns that tell what nobody wrote; False where time is measured.
        device: "cpu", or "cuda" for a torch kernel that is to be given what lies on the GPU. There is no limit of
            memory then: a driver maps far more addresses than it uses memory.

    Raises:
        SandboxError: on entering, if the kernel cannot be loaded, or not be confined as it is to be.
    """

    def __init__(
        self, path: str | Path, name: str, *, timeout: float = CASE_SECONDS, memory: float | None = MEMORY,
        face: str = "auto", load_timeout: float = 120.0, untrusted: bool = False, walls: tuple[str, ...] = WALLS,
        patterns: bool = True, device: str = "cpu",
    ):  # fmt: skip
        self.path, self.name, self.face = str(Path(path).resolve()), name, face
        self.timeout, self.load_timeout, self.device = timeout, load_timeout, device
        self.memory = memory if device == "cpu" else None
        self.untrusted, self.walls, self.patterns = untrusted, walls, patterns
        self.calls = 0
        self.confinement: Confinement | None = None
        self._process: KernelProcess | None = None
        self._used = False
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
            process = self._new()
            self._process, self._used = process, False
            self._load(process)
        return self._process

    def _new(self) -> KernelProcess:
        if not self.untrusted:
            kind = KernelProcess if self.patterns else PlainProcess
            process = kind(self.path, self.name, memory=self.memory)
            process.__enter__()
            return process
        if any(self.path.startswith(f"{folder}/") for folder in oracles()):
            raise SandboxError(
                Outcome.NOT_CONFINED, "expected a kernel outside of this package, which is hidden from it"
            )
        confined = UntrustedProcess(self.path, self.name, memory=self.memory, walls=self.walls, patterns=self.patterns)
        confined.__enter__()
        self.confinement = confined.confined.confinement
        return confined

    @property
    def found_face(self) -> str:
        """Kind of arrays it is given, "numpy" or "torch"."""
        return str(self._found.get("face", "numpy"))

    @property
    def takes_out(self) -> bool:
        """Whether it is given an array to write into."""
        return bool(self._found.get("takes_out"))

    def time(self, case: Case, *, out: tuple[tuple[int, ...], ...] = ()) -> tuple[Run, float, float]:
        """One plain call: what it gave, seconds by the clock of its process, and by ours for the whole request.

        Raises:
            SandboxError: it did not return arrays.
        """
        process = self._running()
        header = {
            "do": "time", "dtypes": case.dtypes, "options": dict(case.op.options(case.shape)), "out": out,
            "returns": case.dtype, "updates": [list(case.arrays).index(name) for name in case.op.updates],
        }  # fmt: skip
        began = time.perf_counter()
        answer, arrays = process.ask(header, tuple(case.arrays.values()), seconds=self.timeout)
        whole = time.perf_counter() - began
        try:
            return *timed_of(answer, arrays, self.found_face), whole
        except ValueError as error:
            raise SandboxError(Outcome.CRASH, f"timing: the child's answer was garbled ({error})") from error

    def farewell(self) -> tuple[str, bool, tuple[int, ...]]:
        """(why the process is not waiting for the next request, as it is where no answer was forged; or empty, whether
        a result changed some time after it was returned, positions of arguments that did)."""
        if self._process is None:
            return "", False, ()
        try:
            answer, _ = self._process.ask({"do": "rest"}, seconds=self.timeout + THREADS_END)
        except SandboxError as error:
            self.close()
            return error.message, False, ()
        modified = answer.get("modified")
        known = isinstance(modified, list) and all(type(i) is int and i >= 0 for i in modified)
        if type(answer.get("changed")) is not bool or not known:
            return "the last answer was garbled", False, ()
        return "", answer["changed"], tuple(modified)

    def _load(self, process: KernelProcess) -> None:
        header = {
            "do": "load", "path": self.path, "name": self.name, "face": self.face, "patterns": self.patterns,
            "device": self.device,
        }  # fmt: skip
        answer, _ = process.ask(header, seconds=self.load_timeout)
        if answer.get("face") not in ("numpy", "torch") or type(answer.get("takes_out")) is not bool:
            raise SandboxError(Outcome.CRASH, "loading: the child's answer was garbled")
        self._found = {"face": answer["face"], "takes_out": answer["takes_out"]}

    def run(
        self, case: Case, *, repeat: bool = True, out: tuple[tuple[int, ...], ...] = (), other: bool = False,
        searching: bool = True, often: int = 0, padded: bool = True,
    ) -> Run:  # fmt: skip
        """Call the kernel on a case; `out` holds the shape of every output, for kernels that take `out`.

        With `other`, also on the same arguments after the data was negated in place. Unless `searching`, nothing is
        done before and after the three calls of a case (see `Case.searching`), nor at the first one that a process is
        given data for: its first call is one to look at. `often`: so many calls on other data come before the last.
        Unless `padded`, what lies between and around the elements of arguments is zero, and not NaN.
        """
        searching = searching and case.searching and self._used
        longer = SEARCHING_CALLS / 3 if searching else 1.0
        longer = max(longer, (often + 4) / 3) if often else longer
        before = [list(range(1, len(case.arrays))), [0]] if searching else []
        self.calls += 1
        header = {
            "do": "call", "dtypes": case.dtypes, "layouts": case.layouts, "repeat": repeat,
            "before": [others for others in before if others], "after": often or (2 if searching else 0),
            "options": dict(case.op.options(case.shape)), "out": out, "other": other, "returns": case.dtype,
            "updates": [list(case.arrays).index(name) for name in case.op.updates], "padded": padded,
        }  # fmt: skip
        try:
            process = self._running()
            self._used |= all(a.size for a in case.arrays.values())
            started = time.monotonic()
            answer, arrays = process.ask(header, tuple(case.arrays.values()), seconds=self.timeout * longer)
        except SandboxError as error:
            if error.outcome is not Outcome.EXCEPTION:
                self.close()
            return Run(error.outcome, error.message, **self._found)
        try:
            run = run_of(answer, arrays, tuple(case.arrays))
        except ValueError as error:
            self.close()
            return Run(Outcome.CRASH, f"calling the kernel: the child's answer was garbled ({error})", **self._found)
        return replace(run, seconds=(time.monotonic() - started) / longer, **self._found)


def timed_of(answer: dict[str, Any], arrays: tuple[np.ndarray, ...], face: str) -> tuple[Run, float]:
    """The run that an answer to a request for its time tells of, and the time.

    Raises:
        ValueError: it is not what such a request is answered with.
    """
    dtypes, seconds = answer.get("dtypes"), answer.get("seconds")
    if not isinstance(dtypes, list) or len(dtypes) != len(arrays) or not all(isinstance(d, str) for d in dtypes):
        raise ValueError(f"dtypes: expected one for each of {len(arrays)} arrays, got {str(dtypes)[:40]}")
    if type(seconds) is not float or not 0 <= seconds < inf:
        raise ValueError(f"seconds: expected a number of at least zero, got {str(seconds)[:40]}")
    return Run(outputs=arrays, dtypes=tuple(dtypes), face=face), seconds


SEARCHING_CALLS = 7
"""Runs of the kernel on a case that searches for state: two more before, and two after, the usual three."""

ANSWER: dict[str, type] = {
    "dtypes": list, "modified": list, "aliased": bool, "outside": bool, "unfilled": bool, "count": int,
    "interpreted": bool, "repeated": bool,
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
    again = count * (1 + answer["repeated"])
    if (
        count < 0
        or len(arrays) not in (again, again + count)
        or len(dtypes) != count
        or not all(isinstance(d, str) for d in dtypes)
    ):
        raise ValueError(f"count: expected one dtype for each array and each array once or twice, got {count}")
    if not all(type(i) is int and 0 <= i < len(names) for i in modified):
        raise ValueError(f"modified: expected positions of {len(names)} arguments, got {str(modified)[:40]}")
    return Run(
        outputs=arrays[:count],
        dtypes=tuple(dtypes),
        again=arrays[count:again],
        other=arrays[again:],
        modified=tuple(names[i] for i in modified),
        aliased=answer["aliased"],
        outside=answer["outside"],
        unfilled=answer["unfilled"],
        interpreted=answer["interpreted"],
    )
