"""The parent's side: start the child, ask, wait no longer than allowed, and name what went wrong."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar

import numpy as np

import monarch_theory
from monarch_theory.sandbox import wire
from monarch_theory.sandbox.limits import MEMORY, PATIENT, SECONDS
from monarch_theory.sandbox.outcome import Outcome, SandboxError
from monarch_theory.sandbox.shortage import ENDED
from monarch_theory.sandbox.waiting import kept_waiting

__all__ = ["Described", "Sandbox"]


@dataclass(frozen=True)
class Described:
    """What the child found NAME to be.

    faces: kinds of array to try, best first; parameters: dtype of a torch module's parameters; widened: the dtype
    they had before being held in double precision; training: a torch module in training mode; seconds to load; takes:
    name, kind and whether it is required of each parameter of the callable; zeros: names of trainable parameters that
    are all zero; specials: tokens its configuration names; numbers: some that its code names; asks_for_nan:
    whether it names functions that tell NaN or infinities from other numbers; shapes: of the trainable parameters, by
    name.
    """

    faces: tuple[str, ...]
    parameters: str | None
    widened: str | None
    training: bool
    seconds: float
    takes: tuple[tuple[str, str, bool], ...] = ()
    zeros: tuple[str, ...] = ()
    specials: tuple[int, ...] = ()
    numbers: tuple[float, ...] = ()
    asks_for_nan: bool = False
    shapes: tuple[tuple[str, tuple[int, ...]], ...] = ()


class Sandbox:
    """A callable of a user's file, in a process with limits. Arrays go in and come out as plain bytes.

    Args:
        path: the Python file.
        name: the callable in it; dots reach into objects.
        timeout: seconds for everything asked of this sandbox together.
        memory: GiB of private memory, or None.
        seed: of the random generators while the file is run.
        init: arguments of the class or factory, a mapping or a list; None for none.

    Raises (by every method): SandboxError, with its `outcome`.

    >>> import tempfile, pathlib
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder, "model.py")
    ...     _ = file.write_text("def double(x): return 2 * x")
    ...     with Sandbox(file, "double") as model:
    ...         _ = model.load()
    ...         model.evaluate(np.arange(3.0))[0]
    array([0., 2., 4.])
    """

    child: ClassVar[str] = "monarch_theory.sandbox.child"
    environment: ClassVar[dict[str, str]] = {}
    defaults: ClassVar[dict[str, str]] = PATIENT

    def __init__(
        self,
        path: str | Path,
        name: str,
        *,
        timeout: float = SECONDS,
        memory: float | None = MEMORY,
        seed: int = 0,
        init: Any = None,
    ):
        self.path, self.name, self.seed, self.init = str(path), name, seed, init
        self.timeout, self.memory = timeout, memory
        self.deadline = float("inf")
        self.seconds = 0.0
        self.count = 0
        self.dtypes: tuple[str, ...] = ()
        self.names: tuple[str, ...] = ()
        self.seen: dict[str, Any] = {}
        self._heard: deque[bytes] = deque(maxlen=16)

    def __enter__(self) -> Sandbox:
        self.deadline = time.monotonic() + self.timeout
        child_reads, self._out = os.pipe()
        self._in, child_writes = os.pipe()
        try:
            self._process = self._start(child_reads, child_writes)
        finally:
            os.close(child_reads)
            os.close(child_writes)
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()
        return self

    def _start(self, child_reads: int, child_writes: int) -> subprocess.Popen[bytes]:
        """The process, which is to take requests from one descriptor and to answer on the other."""
        root = str(Path(monarch_theory.__file__).parents[1])
        paths = os.pathsep.join(p for p in (root, os.environ.get("PYTHONPATH", "")) if p)
        arguments = [str(child_reads), str(child_writes), str(self.memory or 0)]
        return subprocess.Popen(
            [sys.executable, "-P", "-m", self.child, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=(child_reads, child_writes),
            start_new_session=True,
            env={**self.defaults, **os.environ, "PYTHONPATH": paths, "PYTHONUNBUFFERED": "1", **self.environment},
        )

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        for descriptor in (self._in, self._out):
            with contextlib.suppress(OSError):
                os.close(descriptor)
        self._listener.join(timeout=1.0)

    @property
    def remaining(self) -> float:
        """Seconds left."""
        return self.deadline - time.monotonic()

    @property
    def waited(self) -> float:
        """Seconds that the process was kept from a processor so far."""
        return kept_waiting(self._process.pid)

    def load(self, *, double: bool = False, randomise: float = 0.0, gradients: bool = True) -> Described:
        """Run the file, afresh each time it is asked; with `double`, a torch module's parameters become float64.

        With `randomise`, they are drawn anew, normal with that standard deviation. Without `gradients`, torch's are
        off in each call.
        """
        which = {"path": self.path, "name": self.name, "seed": self.seed, "init": self.init}
        self._load = {"do": "load", **which, "double": double, "randomise": randomise, "gradients": gradients}
        answer, _ = self._ask(self._load, doing="loading")
        return Described(
            tuple(answer["faces"]),
            answer["parameters"],
            answer["widened"],
            answer["training"],
            answer["seconds"],
            tuple((name, kind, required) for name, kind, required in answer["takes"]),
            tuple(answer["zeros"]),
            tuple(answer["specials"]),
            tuple(answer["numbers"]),
            answer["asks_for_nan"],
            tuple((name, tuple(shape)) for name, shape in answer["shapes"]),
        )

    def reload(self) -> None:
        """As the last `load`, discarding all state the model has gathered since."""
        self._ask(self._load, doing="loading")

    def evaluate(
        self,
        *arrays: np.ndarray,
        face: str = "numpy",
        dtypes: tuple[str, ...] | None = None,
        every: bool = False,
        slots: tuple[tuple[str, str], ...] | None = None,
        watch: bool = False,
        redraw: int | None = None,
        amplitude: float = 1.0,
        arithmetic: str = "",
        may_write: bool = False,
        inference: bool = False,
    ) -> tuple[np.ndarray, ...]:
        """Call the model with `arrays`; the arrays it returned, only the first unless `every`.

        slots: where each array goes, ("positional", ""), ("keyword", name) or ("key", name) of a mapping. watch: note
        its arithmetic in `seen`; redraw: a seed, to redraw its rounding as well, `amplitude` times its size;
        arithmetic: as of `Watch`; may_write: into the arrays it is given, which are copies made for the call;
        inference: in torch's inference mode.

        Sets `seconds` (of the call), `count` (arrays returned), `dtypes` (logical, bfloat16 comes as float32), `names`.
        """
        dtypes = dtypes or tuple(a.dtype.name for a in arrays)
        request = {"do": "evaluate", "face": face, "dtypes": dtypes, "all": every, "slots": slots}
        request |= {"may_write": may_write, "inference": inference}
        if watch or arithmetic or redraw is not None:
            request["watch"] = {"seed": redraw, "amplitude": amplitude, "arithmetic": arithmetic}
        answer, outputs = self._ask(request, arrays, doing="calling the model")
        self.seconds, self.count, self.dtypes = answer["seconds"], answer["count"], tuple(answer["dtypes"])
        self.names, self.seen = tuple(answer["names"]), answer
        return outputs

    def keys(
        self, x: np.ndarray, ones: tuple[np.ndarray, str], beside: dict[str, tuple[np.ndarray, str]], *, face: str,
        dtype: str,
    ) -> tuple[str, ...]:  # fmt: skip
        """The keys the model takes from a mapping.

        Args:
            ones: what a key that names a mask gets; beside: what some keys get; each an array and its logical dtype.
        """
        arrays, dtypes = zip((x, dtype), ones, *beside.values(), strict=True)
        header = {"do": "keys", "face": face, "dtypes": dtypes, "beside": list(beside)}
        answer, _ = self._ask(header, arrays, doing="calling the model")
        return tuple(answer["keys"])

    def prove(
        self, *arrays: np.ndarray, face: str, dtypes: tuple[str, ...], slots: tuple[tuple[str, str], ...], axis: int,
        contract: dict[str, Any] | None = None, certificate: bool = False,
        together: Sequence[tuple[int, int, int]] = (), seconds: float = 0.0, beside: str | None = None,
        init: Any = None,
    ) -> tuple[dict[str, Any], bytes]:  # fmt: skip
        """What is proved of the call from the model's graph, and the certificate, empty where there is none.

        Args:
            arrays: of one call, or of several one after the other.
            axis: of the sequence in the first array; the others are taken at their values.
            contract: what is to be proved, as plain values.
            together: pairs of calls, the longer one first, and the place where the shorter one's inputs begin: that
                they give the same there is to be proved instead; seconds: no pair is begun later.
            beside: another callable of the file, whose the further calls are; init: its arguments.
        """
        request = {
            "do": "prove", "face": face, "dtypes": dtypes, "slots": slots, "axis": axis, "contract": contract,
            "certificate": certificate, "together": together, "seconds": seconds,
            "beside": None if beside is None else {"name": beside, "init": init},
        }  # fmt: skip
        answer, held = self._ask(request, arrays, doing="reading the model's graph")
        return answer, b"".join(a.tobytes() for a in held)

    def trace(
        self, *arrays: np.ndarray, face: str, dtypes: tuple[str, ...], slots: tuple[tuple[str, str], ...], place: int,
        n: int, size: float,
    ) -> str:  # fmt: skip
        """The module in which a change reaches output `place` of n, empty where none does; arrays are of two calls."""
        request = {
            "do": "trace", "face": face, "dtypes": dtypes, "slots": slots, "place": place, "n": n, "size": size,
        }  # fmt: skip
        return str(self._ask(request, arrays, doing="calling the model")[0]["entry"])

    def fill(self, size: float, seed: int) -> None:
        """Give trainable parameters that were all zero random values of that size; 0 puts the zeros back."""
        self._ask({"do": "fill", "size": size, "seed": seed}, doing="filling parameters")

    def reseed(self, seed: int) -> None:
        """Set every random generator of the child."""
        self._ask({"do": "reseed", "seed": seed}, doing="seeding")

    def _ask(
        self, header: dict[str, Any], arrays: tuple[np.ndarray, ...] = (), *, doing: str
    ) -> tuple[dict[str, Any], tuple[np.ndarray, ...]]:
        try:
            self._write(wire.encode(header, arrays), doing)
            answer, outputs = wire.receive(lambda size: self._read(size, doing))
        except (EOFError, BrokenPipeError):
            raise self._ended(doing) from None
        except (ValueError, KeyError, TypeError, UnicodeDecodeError) as error:
            raise SandboxError(Outcome.CRASH, f"{doing}: the child's answer was garbled ({error})") from error
        if "outcome" in answer:
            raise SandboxError(Outcome[answer["outcome"]], answer["message"], tuple(answer.get("types", ())))
        return answer, outputs

    def _write(self, data: bytes, doing: str) -> None:
        os.set_blocking(self._out, False)
        view = memoryview(data)
        while view:
            self._wait([], [self._out], doing)
            with contextlib.suppress(BlockingIOError):
                view = view[os.write(self._out, view) :]

    def _read(self, size: int, doing: str) -> bytes:
        parts, missing = [], size
        while missing:
            self._wait([self._in], [], doing)
            part = os.read(self._in, min(missing, 1 << 20))
            if not part:
                raise EOFError
            parts.append(part)
            missing -= len(part)
        return b"".join(parts)

    def _wait(self, reading: list[int], writing: list[int], doing: str) -> None:
        ready = select.select(reading, writing, [], max(self.remaining, 0.0))
        if not (ready[0] or ready[1]):
            raise SandboxError(Outcome.HANG, f"{doing}: no answer within the {self.timeout:g} s allowed")

    def _ended(self, doing: str) -> SandboxError:
        """Name the end of a child that closed its pipe."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=2.0)
        status = self._process.poll()
        self._listener.join(timeout=1.0)
        said = b"".join(self._heard).decode(errors="replace").strip().splitlines()
        last = f"; it last said: {said[-1][:200]}" if said else ""
        if status == ENDED:
            return SandboxError(Outcome.OUT_OF_MEMORY, f"{doing}: the process ran out of memory{last}")
        if status is None:
            return SandboxError(Outcome.CRASH, f"{doing}: the process closed its connection{last}")
        if status == -signal.SIGKILL:
            return SandboxError(Outcome.OUT_OF_MEMORY, f"{doing}: the process was killed, as when memory runs out")
        if status < 0:
            return SandboxError(Outcome.CRASH, f"{doing}: {signal_name(-status)}{last}")
        return SandboxError(Outcome.EXIT, f"{doing}: its process ended with status {status}{last}")

    def _listen(self) -> None:
        """Drain what user code prints, and close it; its end may explain a crash."""
        said: Any = self._process.stdout or self._process.stderr
        with contextlib.suppress(ValueError, OSError), said:
            while part := said.read1(4096):
                self._heard.append(part)


def signal_name(number: int) -> str:
    """What a signal is called; those without a name, as the real-time ones, by number.

    >>> signal_name(11), signal_name(40)
    ('SIGSEGV', 'signal 40')
    """
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
