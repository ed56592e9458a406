"""The walls around code that is not trusted: what each keeps it from, and that a missing one is named."""

import os
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest

from monarch_theory.sandbox import Outcome, SandboxError
from monarch_theory.sandbox.bundle import bundle, modules
from monarch_theory.sandbox.confinement import PROTECTED, WALLS, Confinement, oracles, walls_here
from monarch_theory.testing.cases import make_case
from monarch_theory.testing.kernel import Kernel
from monarch_theory.testing.ops import op_named

PROBE = """
import ctypes, importlib, os, signal, socket, sys
import numpy as np

JUDGE, HIDDEN, LASTING, MARKED, IPC = {judge}, {hidden!r}, {lasting!r}, {marked!r}, {ipc!r}


def signals():
    os.kill(JUDGE, 0)


def reads_memory():
    with open(f"/proc/{{JUDGE}}/mem", "rb") as memory, open(f"/proc/{{JUDGE}}/maps") as maps:
        memory.seek(int(maps.readline().split("-")[0], 16))
        memory.read(8)


def attaches():
    assert ctypes.CDLL(None).ptrace(0x4206, JUDGE, 0, 0) == 0


def imports():
    importlib.import_module("monarch_theory.testing.oracle")


def reads_the_oracle():
    for folder in HIDDEN:
        if os.path.exists(os.path.join(folder, "__init__.py")):
            with open(os.path.join(folder, "__init__.py")) as file:
                return file.read()
    raise FileNotFoundError


def writes():
    with open(LASTING, "w") as file:
        file.write("memo")


def marks():
    for mark in (lambda: os.chmod(MARKED, 0o600), lambda: os.utime(MARKED, (1, 1)),
                 lambda: os.setxattr(MARKED, "user.memo", b"memo")):
        try:
            mark()
        except OSError:
            pass
    if (os.stat(MARKED).st_mode & 0o777, os.stat(MARKED).st_mtime) == (0o644, 2) and not os.listxattr(MARKED):
        raise PermissionError


def keeps():
    libc = ctypes.CDLL(None)
    assert (memory := libc.shmget(0x6D656D6F, 4096, 0o1600)) >= 0
    libc.shmctl(memory, 0, None)
    if os.readlink("/proc/self/ns/ipc") != IPC:
        raise PermissionError("in a namespace that ends with it")


def connects():
    with socket.create_server(("127.0.0.1", 0)) as server:
        with socket.create_connection(server.getsockname()):
            pass


def unshares():
    assert ctypes.CDLL(None).unshare(0x10000000) == 0


def uncovers():
    for folder in HIDDEN:
        assert ctypes.CDLL(None).umount2(folder.encode(), 2) == 0


ALL = (signals, reads_memory, attaches, imports, reads_the_oracle, writes, marks, keeps, connects, unshares, uncovers)


def kernel(x, blocks):
    could = []
    for attempt in ALL:
        try:
            attempt()
        except BaseException:
            continue
        could.append(attempt.__name__)
    raise NotImplementedError("could " + " ".join(could))
"""


def probe(lasting: Path) -> str:
    """The kernel that tries, with a file beside the lasting one that it may read."""
    marked = lasting.with_name("marked")
    marked.write_text("of the user")
    marked.chmod(0o644)
    os.utime(marked, (2, 2))
    ipc = os.readlink("/proc/self/ns/ipc") if os.path.exists("/proc/self/ns/ipc") else ""
    return PROBE.format(judge=os.getpid(), hidden=oracles(), lasting=str(lasting), marked=str(marked), ipc=ipc)


needs_walls = pytest.mark.skipif(bool(walls_here().lacking()), reason=walls_here().lacking())


@pytest.fixture(scope="module")
def case():
    shape = {"batch": 2, "blocks": 2, "rows": 2, "columns": 2}
    return make_case(op_named("block-diagonal-multiply"), "float32", shape, "normal", "contiguous", (0, 0))


@pytest.fixture(scope="module")
def standing():
    """The walls that this system has."""
    return set(walls_here().stand)


@pytest.mark.parametrize(
    "walls", [WALLS, ("landlock", "filter"), ("namespaces", "mounts", "proc", "filter"), ("namespaces", "mounts")]
)
def test_nothing_gets_past_the_walls(tmp_path, case, standing, walls):
    if not set(walls) - {"cgroup"} <= standing:
        pytest.skip(f"this system has only {', '.join(sorted(standing))}")
    lasting = tmp_path / "memo"
    path = tmp_path / "probe.py"
    path.write_text(probe(lasting))
    with Kernel(path, "kernel", untrusted=True, walls=walls) as kernel:
        message = kernel.run(case).message
    could = message.split("could", 1)[1].split("(")[0].split()
    if "filter" not in walls:
        # nothing else; and not even these where there are threads, which keep a process from unsharing
        assert set(could) <= {"connects", "unshares"}
    else:
        assert could == []
    assert not lasting.exists()


def test_without_walls_the_probe_finds_all_of_it(tmp_path, case):
    path = tmp_path / "probe.py"
    path.write_text(probe(tmp_path / "memo"))
    with Kernel(path, "kernel") as kernel:
        could = kernel.run(case).message
    assert all(
        attempt in could for attempt in ("signals", "imports", "reads_the_oracle", "writes", "marks", "connects")
    )


def test_a_system_without_walls_is_refused_by_name(tmp_path):
    path = tmp_path / "kernel.py"
    path.write_text("def kernel(x, blocks): return x")
    with pytest.raises(SandboxError) as refused, Kernel(path, "kernel", untrusted=True, walls=("cgroup", "filter")):
        pass
    assert refused.value.outcome is Outcome.NOT_CONFINED
    assert all(protected.what in refused.value.message for protected in PROTECTED if protected.needed)


def test_no_process_outlives_the_check(tmp_path, case, standing):
    if "namespaces" not in standing:
        pytest.skip("this system has no namespaces")
    path = tmp_path / "daemon.py"
    path.write_text(
        "import os, subprocess\n"
        "def kernel(x, blocks):\n"
        "    if os.fork() == 0:\n"
        "        os.setsid()\n"
        "        os.execvp('sleep', ['sleep', '86397'])\n"
        "    raise NotImplementedError\n"
    )

    def there():
        return subprocess.run(["pgrep", "-f", "^sleep 86397"], capture_output=True).returncode == 0

    with Kernel(path, "kernel", untrusted=True) as kernel:
        kernel.run(case)
        began = time.monotonic()
        while not there() and time.monotonic() < began + 5:
            time.sleep(0.02)
        assert there()
    assert not there()


def test_what_calls_user_code_knows_no_answer():
    assert not [path for path in modules() if path.startswith("testing/ops") or "oracle" in path or "judge" in path]
    assert not [name for name, text in bundle("other").items() if "monarch_theory" in name + text]


def test_old_walls_do_not_count():
    old = Confinement({"landlock": "2", "filter": ""}, {"namespaces": "Operation not permitted"})
    assert "the oracle" in old.confined() and "files that outlive it" in old.unconfined()
    assert "version 2, it takes 3" in old.lacking() and "Operation not permitted" in old.lacking()
    assert Confinement({"landlock": "6"}).lacking() == ""


def test_a_kernel_of_this_package_is_hidden_from_itself():
    path = os.path.join(oracles()[0], "monarch.py")
    with pytest.raises(SandboxError, match="outside of this package"), Kernel(path, "apply", untrusted=True):
        pass


@needs_walls
def test_arrays_cross_the_walls_unchanged(tmp_path, case):
    path = tmp_path / "kernel.py"
    path.write_text("def kernel(x, blocks): return x + 0")
    with Kernel(path, "kernel", untrusted=True) as kernel:
        run = kernel.run(case, other=True)
        assert kernel.farewell() == ("", False, ())
    np.testing.assert_array_equal(run.outputs[0], case.arrays["x"])
    np.testing.assert_array_equal(run.other[0], -case.arrays["x"])
