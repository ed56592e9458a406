"""A process that has imported what children of the sandbox import, and forks for each: that takes longer than the rest.

One of a kind serves all processes that run tests: the first that needs it starts it, it ends with the last.

A test that uses the fixture `child_at_hand`, or `torch_at_hand` where user code needs torch, or `kernel_at_hand`, or
`torch_kernel_at_hand`, runs that code as before, in a process of its own with the limits and the loop of the sandbox;
only the start of the process differs. So do scripts that show a kernel to be wrong, which are forked from a process
that has imported NumPy alone. Tests whose subject that is do without it.
"""

from __future__ import annotations

import gc
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import IO, Any

__all__ = ["SCRIPT", "Forked", "Zygote"]

SCRIPT = "reproduce.py"
LARGEST = 1 << 17
"""Bytes of a message: an environment at most."""
READY = b"ready"
ALONE = 60.0
"""Seconds to wait for the first that needs the process, which was to come at once."""


class Zygote:
    """The process, from the side of tests."""

    def __init__(self, kind: str, environment: Mapping[str, str] = MappingProxyType({})) -> None:
        self.ours = connected(kind, environment)
        self.ended: dict[int, int] = {}
        self.started: list[int] = []

    def start(
        self, reads: int, writes: int, memory: float | None, environment: dict[str, str], folder: str | None = None
    ) -> Forked:
        """A child of the sandbox that takes requests from one descriptor and answers on the other, in a folder."""
        heard, says = os.pipe()
        asked = {"memory": memory or 0, "folder": folder or os.getcwd(), "environment": {**os.environ, **environment}}
        try:
            socket.send_fds(self.ours, [json.dumps(asked).encode()], [reads, writes, says])
        finally:
            os.close(says)
        while not self.started:
            self.listen(None)
        return Forked(self.started.pop(), self, os.fdopen(heard, "rb"))

    def listen(self, seconds: float | None) -> None:
        """Take in what the process tells within that time: which child it started, and how one ended."""
        if select.select([self.ours], [], [], seconds)[0]:
            told = json.loads(self.ours.recv(LARGEST) or b"{}")
            if not told:
                raise RuntimeError("the process that forks has ended")
            if "status" in told:
                self.ended[told["pid"]] = told["status"]
            else:
                self.started.append(told["pid"])

    def stop(self) -> None:
        self.ours.close()


class Forked:
    """One child, with what the sandbox asks of a `Popen`."""

    stderr = None

    def __init__(self, pid: int, zygote: Zygote, stdout: IO[bytes]) -> None:
        self.pid, self.zygote, self.stdout = pid, zygote, stdout

    def kill(self) -> None:
        os.killpg(self.pid, signal.SIGKILL)
        self.wait()

    def poll(self) -> int | None:
        self.zygote.listen(0)
        return self.zygote.ended.get(self.pid)

    def wait(self, timeout: float | None = None) -> int:
        end = None if timeout is None else time.monotonic() + timeout
        while self.pid not in self.zygote.ended:
            left = None if end is None else end - time.monotonic()
            if left is not None and left <= 0:
                raise subprocess.TimeoutExpired("a forked child", timeout or 0)
            self.zygote.listen(left)
        return self.zygote.ended[self.pid]


def connected(kind: str, environment: Mapping[str, str], attempts: int = 3) -> socket.socket:
    """A connection to the process of that kind; it is started where there is none.

    RuntimeError: it ends before it says that it is ready.
    """
    address = f"\0monarch zygote {os.environ.get('PYTEST_XDIST_TESTRUNUID', os.getpid())} {kind}"
    for _ in range(attempts):  # the one that was there may just be ending
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listens, suppress(OSError):
            listens.bind(address)  # which one process can
            listens.listen()
            command = [sys.executable, "-P", __file__, kind]
            given = [(os.POSIX_SPAWN_DUP2, listens.fileno(), 0)]
            os.posix_spawn(sys.executable, command, {**os.environ, **environment}, file_actions=given)
        ours = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with suppress(ConnectionError):
            ours.connect(address)
            if ours.recv(len(READY)) == READY:
                return ours
        ours.close()
    raise RuntimeError(f"the process that forks does not start: {kind}")


def main(listens: socket.socket, kind: str) -> None:
    """Import what children need, then fork one at each order, and tell how each ended, until nobody is left."""
    PRELOADS[kind]()
    gc.collect()
    gc.freeze()  # no child need look for garbage in what is imported, nor write to its pages by looking
    wakes, woken = os.pipe()
    os.set_blocking(woken, False)
    signal.set_wakeup_fd(woken)
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    clients: list[socket.socket] = []
    owners: dict[int, socket.socket] = {}
    while ready := select.select([listens, wakes, *clients], [], [], None if clients else ALONE)[0]:
        if wakes in ready:
            os.read(wakes, 64)
            for pid, status in ends():
                tell(owners.pop(pid), {"pid": pid, "status": status})
        if listens in ready:
            clients.append(listens.accept()[0])
            with suppress(ConnectionError):
                clients[-1].send(READY)
        for client in ready:
            if client in clients and (pid := ordered(client, kind, [listens.fileno(), wakes, woken, *clients])):
                owners[pid] = client
                tell(client, {"pid": pid})
            elif client in clients:
                clients.remove(client)
                client.close()
                for pid in [pid for pid, owner in owners.items() if owner is client]:
                    os.killpg(pid, signal.SIGKILL)
                if not clients:
                    return


def tell(client: socket.socket, what: dict[str, int]) -> None:
    """Whoever has left need not hear."""
    with suppress(OSError):
        client.send(json.dumps(what).encode())


def ordered(client: socket.socket, kind: str, ours: list[Any]) -> int:
    """The child that a client ordered, which has none of our descriptors; 0 where the client has left."""
    text, given = b"", list[int]()
    with suppress(ConnectionError):
        text, given, _, _ = socket.recv_fds(client, LARGEST, 3)
    if not text:
        return 0
    child = os.fork()
    if not child:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for descriptor in ours:
            os.close(descriptor if isinstance(descriptor, int) else descriptor.fileno())
        (perform if kind == "script" else become)(kind, json.loads(text), *given)
    os.setpgid(child, child)
    for descriptor in given:
        os.close(descriptor)
    return child


def preload() -> None:
    """What a child would import that reads a model or a matrix of NumPy's, or the package's own with symbols."""
    import sympy  # noqa: F401

    from monarch_theory.command import user_matrix, user_operator  # noqa: F401
    from monarch_theory.sandbox import child  # noqa: F401


def preload_kernel() -> None:
    """What a child would import that calls kernels, whose memory is filled with patterns from the start.

    Random numbers, which it seeds, and what a file imports that has a kernel beside an op of its own.
    """
    import numpy.random  # noqa: F401

    from monarch_theory.testing import kernel_server, op  # noqa: F401


def preload_torch_kernel() -> None:
    """The same, of kernels that are torch's."""
    import torch  # noqa: F401

    preload_kernel()


def preload_script() -> None:
    """What scripts import, and nothing of this package: some look."""
    import numpy.random  # noqa: F401


def preload_torch() -> None:
    """What a child would import: torch, and by one proof of next to nothing what torch itself imports late."""
    import torch

    find_operators_once(setattr)

    from monarch_gpu.dependence.asked import asked
    from monarch_theory.leaks.contracts import causal
    from monarch_theory.sandbox import child  # noqa: F401

    layer = torch.nn.Linear(2, 2).double().eval()
    x = torch.ones(1, 3, 2, dtype=torch.float64)
    asked(layer, [x], {}, [x], 1, causal(3).as_plain(), False)


PRELOADS = {
    "numpy": preload, "torch": preload_torch, "kernel": preload_kernel, "torch kernel": preload_torch_kernel,
    "script": preload_script,
}  # fmt: skip


def find_operators_once(assign: Callable[[Any, str, Any], None]) -> None:
    """Have torch look for operators of C++ at one export, not 54 times at each, which is a fifth of its time."""
    try:
        from torch._export import utils
    except ImportError:
        return
    if hasattr(utils, name := "_materialize_cpp_cia_ops"):
        assign(utils, name, cache(getattr(utils, name)))


def ends() -> list[tuple[int, int]]:
    """Children that ended, with their exit codes, minus the signal where one ended them."""
    found = []
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return found
        if not pid:
            return found
        found.append((pid, os.waitstatus_to_exitcode(status)))


def become(kind: str, asked: dict[str, Any], reads: int, writes: int, says: int) -> None:
    """Be a child of the sandbox from now on; what user code prints goes where it is heard."""
    from monarch_theory.sandbox.serving import serve

    os.dup2(says, 1)
    os.dup2(says, 2)
    os.close(says)
    os.environ.clear()
    os.environ.update(asked["environment"])
    os.chdir(asked["folder"])
    beside = [folder for folder in os.environ.get("PYTHONPATH", "").split(os.pathsep) if folder]
    sys.path[:0] = [folder for folder in beside if folder not in sys.path]
    try:
        server, what = served(kind)
        serve(server, what, [str(reads), str(writes), str(asked["memory"])])
    finally:
        os._exit(1)


def perform(kind: str, asked: dict[str, Any], reads: int, writes: int, says: int) -> None:
    """Be `python SCRIPT` from now on, of the one script in the folder; what it prints is lost."""
    for descriptor in (0, 1, 2):
        os.dup2(reads, descriptor)
    os.environ.clear()
    os.environ.update(asked["environment"])
    os.chdir(asked["folder"])
    sys.modules["numpy"].random.seed()  # as no two processes draw the same
    sys.argv, sys.path[0] = [SCRIPT], asked["folder"]
    code: Any = 0
    try:
        runpy.run_path(SCRIPT, run_name="__main__")
    except SystemExit as end:
        code = end.code or 0
    except BaseException:
        sys.excepthook(*sys.exc_info())
        code = 1
    finally:
        os._exit(code if isinstance(code, int) else 1)


def served(kind: str) -> tuple[Any, str]:
    """What a child of the kind holds between requests, and what messages call it."""
    if kind.endswith("kernel"):
        from monarch_theory.testing.kernel_server import KernelServer

        return KernelServer(), "the kernel"
    from monarch_theory.sandbox.child import Server

    return Server(), "the model"


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))
    ours = socket.socket(fileno=os.dup(0))
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    main(ours, sys.argv[1])
