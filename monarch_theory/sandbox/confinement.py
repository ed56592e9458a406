"""What user code that is not trusted was kept from, and by what; and how its process is started behind its walls."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from monarch_theory.sandbox import cell
from monarch_theory.sandbox.limits import PATIENT
from monarch_theory.sandbox.outcome import Outcome, SandboxError

__all__ = ["WALLS", "Confined", "Confinement", "Protected", "oracles", "walls_here"]

WALLS = ("cgroup", "namespaces", "mounts", "proc", "landlock", "filter")
"""Names of the walls, in the order in which they are put up."""

PACKAGES = ("monarch_theory", "monarch_gpu")
"""What holds the exact answers, and kernels that are right."""

STARTING = 60.0
"""Seconds that putting up the walls may take."""


@dataclass(frozen=True)
class Protected:
    """Something to keep user code from.

    Attributes:
        what: in words.
        needed: without it a verdict means nothing; otherwise the report says that it was missing.
        walls: each of which suffices, with the least version of it.
    """

    what: str
    needed: bool
    walls: Mapping[str, int]


PROTECTED = (
    Protected("the judge's memory and process", True, {"namespaces": 0, "landlock": 6}),
    Protected("the oracle", True, {"mounts": 0, "landlock": 1}),
    Protected("files that outlive it", True, {"mounts": 0, "landlock": 3}),
    Protected("processes that outlive it", False, {"namespaces": 0}),
    Protected("the network", False, {"namespaces": 0}),
    Protected("sight of other processes", False, {"proc": 0}),
    Protected("more memory than allowed, of all its processes", False, {"cgroup": 0}),
)


@dataclass(frozen=True)
class Confinement:
    """Which walls stood, with their versions where they have one, and why others did not.

    >>> found = Confinement({"landlock": "7"}, {"namespaces": "Operation not permitted", "mounts": "not tried"})
    >>> found.confined()["the oracle"], found.unconfined()["the network"], found.lacking()
    (('landlock',), 'namespaces: Operation not permitted', '')
    """

    stand: Mapping[str, str] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)

    def by(self, protected: Protected) -> tuple[str, ...]:
        """The walls that keep user code from it."""
        versions = {name: int(self.stand[name] or 0) for name in protected.walls if name in self.stand}
        return tuple(name for name, version in versions.items() if version >= protected.walls[name])

    def confined(self) -> dict[str, tuple[str, ...]]:
        """What user code was kept from, and by which walls."""
        return {p.what: self.by(p) for p in PROTECTED if self.by(p)}

    def unconfined(self) -> dict[str, str]:
        """What user code was not kept from, and why."""
        return {p.what: self._why(p) for p in PROTECTED if not self.by(p)}

    def lacking(self) -> str:
        """What a verdict on code that is not trusted needs and this system has not; empty where nothing is."""
        found = [f"{p.what} ({self._why(p)})" for p in PROTECTED if p.needed and not self.by(p)]
        return f"user code cannot be kept from {'; '.join(found)}" if found else ""

    def _why(self, protected: Protected) -> str:
        reasons = []
        for name, version in protected.walls.items():
            old = f"version {self.stand[name]}, it takes {version}" if name in self.stand else "not tried"
            reasons.append(f"{name}: {self.missing.get(name, old)}")
        return ", ".join(reasons)

    def as_dict(self) -> dict[str, Any]:
        """For machines."""
        return {"confined": {k: list(v) for k, v in self.confined().items()}, "not_confined": self.unconfined()}


class Confined:
    """A Python program behind the walls, as a context; requests go to its stdin, answers come on its stdout.

    Args:
        main: the program, source of its first file; what it prints to stderr can be read from `process.stderr`.
        files: other files of its folder, by name.
        memory: GiB, or None.
        walls: those to put up, of `WALLS`.

    Raises:
        SandboxError: on entering, NOT_CONFINED where a wall that is needed cannot be put up.
    """

    def __init__(
        self, main: str, files: Mapping[str, str] | None = None, *, memory: float | None = None,
        walls: tuple[str, ...] = WALLS,
    ):  # fmt: skip
        self.main, self.files, self.memory, self.walls = main, dict(files or {}), memory, walls
        self.confinement = Confinement()
        self.process: subprocess.Popen[bytes]

    def start(self, reads: int, writes: int) -> subprocess.Popen[bytes]:
        """Start it, with these descriptors as its stdin and its stdout, and wait until the walls stand."""
        if sys.platform != "linux":
            raise SandboxError(Outcome.NOT_CONFINED, f"walls around a process exist on Linux alone, not {sys.platform}")
        self.folder = os.path.realpath(tempfile.mkdtemp())
        self.group = memory_group(self.memory) if "cgroup" in self.walls else None
        given, gives = os.pipe()
        heard, tell = os.pipe()
        plan = {
            "program": [sys.executable, os.path.join(self.folder, "main.py")], "environment": self._environment(),
            "files": {"main.py": self.main, **self.files}, "folder": self.folder, "hidden": oracles(),
            "gibibytes": self.memory or 0, "cgroup": self.group, "walls": self.walls, "tell": tell,
        }  # fmt: skip
        first = f"import os;exec(os.fdopen({given}).read())"
        try:
            self.process = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", first], stdin=reads, stdout=writes, stderr=subprocess.PIPE,
                pass_fds=(given, tell), start_new_session=True, env=self._environment(), cwd=self.folder,
            )  # fmt: skip
        finally:
            os.close(given)
            os.close(tell)
        source = Path(cell.__file__).read_text().replace('if __name__ == "__main__":', "if False:")
        with contextlib.suppress(BrokenPipeError), os.fdopen(gives, "w") as text:
            text.write(f"{source}\nenter({plan!r})\n")
        with os.fdopen(heard) as lines:
            said = lines.read()
        try:
            told = json.loads(said)
        except ValueError:
            reason = (self.process.communicate()[1] or b"").decode(errors="replace").strip().splitlines()
            self.stop()
            last = reason[-1][:200] if reason else "it ended before its walls stood"
            raise SandboxError(Outcome.NOT_CONFINED, last) from None
        self.confinement = Confinement(told["stand"], told["missing"])
        if self.confinement.lacking():
            self.stop()
            raise SandboxError(Outcome.NOT_CONFINED, self.confinement.lacking())
        return self.process

    def heard(self, lines: IO[bytes], most: int, seconds: float) -> tuple[bytes, str]:
        """What it prints until its end, and the last it complained of; it is ended after so many bytes or seconds."""
        timer = threading.Timer(seconds, self._kill)
        complaints: list[bytes] = []
        listener = threading.Thread(target=lambda: complaints.append(last_of(self.process.stderr)), daemon=True)
        timer.start()
        listener.start()
        try:
            printed = lines.read(most)
            self._kill() if len(printed) == most else None
            self.process.wait()
            listener.join(timeout=1.0)
        finally:
            timer.cancel()
        said = b"".join(complaints).decode(errors="replace").strip().splitlines()
        return printed, said[-1][:200] if said else ""

    def _kill(self) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)

    def stop(self) -> None:
        """End it and everything it started, and remove what it wrote."""
        if hasattr(self, "process"):
            self._kill()
            self.process.wait()
            if self.process.stderr is not None:
                self.process.stderr.close()
        if hasattr(self, "folder"):
            shutil.rmtree(self.folder, ignore_errors=True)
        if getattr(self, "group", None) is not None:
            leave_group(str(self.group))
            self.group = None

    def _environment(self) -> dict[str, str]:
        """What a process of this user needs of the environment, and nothing that tells who started it."""
        kept = {k: v for k, v in os.environ.items() if k in KEPT or k.startswith(KEPT_FAMILIES)}
        own = {"HOME": self.folder, "TMPDIR": self.folder, "PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1"}
        return {**PATIENT, **kept, **own}


@functools.cache
def walls_here() -> Confinement:
    """The walls that this system has, found out by putting them up around a process that does nothing."""
    confined = Confined("pass")
    nothing = os.open(os.devnull, os.O_RDWR)
    try:
        with contextlib.suppress(SandboxError):
            confined.start(nothing, nothing)
    finally:
        os.close(nothing)
        confined.stop()
    return confined.confinement


KEPT = ("PATH", "LANG", "LANGUAGE", "LD_LIBRARY_PATH", "PYTHONPATH", "TZ", "USER", "LOGNAME", "TRITON_INTERPRET")
KEPT_FAMILIES = ("LC_", "OMP_", "MKL_", "OPENBLAS_", "NUMBA_", "CUDA_", "NVIDIA_", "JAX_", "XLA_", "TORCH_")


def last_of(stream: Any) -> bytes:
    """The end of what a stream gives until it ends."""
    kept = b""
    with contextlib.suppress(ValueError, OSError):
        while part := stream.read1(1 << 16):
            kept = (kept + part)[-4096:]
    return kept


def oracles() -> list[str]:
    """Folders that the packages of this toolkit lie in, wherever Python would find them."""
    places = [*sys.path, *os.environ.get("PYTHONPATH", "").split(os.pathsep), str(Path(__file__).parents[2])]
    found = (os.path.realpath(os.path.join(place or os.getcwd(), name)) for place in places for name in PACKAGES)
    return sorted({folder for folder in found if os.path.isdir(folder)})


def memory_group(gibibytes: float | None) -> str | None:
    """A new group of processes that together may have so much memory; None where this user may make none."""
    if gibibytes is None:
        return None
    for parent, limit in places_for_groups():
        folder = os.path.join(parent, f"kernel-{secrets.token_hex(6)}")
        try:
            os.mkdir(folder)
        except OSError:
            continue
        try:
            Path(folder, limit).write_text(str(int(gibibytes * 2**30)))
        except OSError:
            os.rmdir(folder)
            continue
        return folder
    return None


def places_for_groups() -> Iterator[tuple[str, str]]:
    """Folders in which a group may be made, with the name of the file that limits its memory."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/cgroup").read_text().splitlines():
            _, kinds, path = line.split(":", 2)
            if "memory" in kinds.split(","):
                yield f"/sys/fs/cgroup/memory{path}", "memory.limit_in_bytes"
            elif not kinds:
                # where processes are, no group below may have a limit
                yield os.path.dirname(f"/sys/fs/cgroup{path}"), "memory.max"


def leave_group(folder: str) -> None:
    """Remove a group, once the last of its processes is gone."""
    for _ in range(50):
        try:
            os.rmdir(folder)
        except FileNotFoundError:
            return
        except OSError:
            time.sleep(0.02)
        else:
            return
