"""What the tests share can be imported by name; a busy machine is no fault of what is tested on it; torch at hand."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# One thread for each process, before any of them imports NumPy or torch: two tests at a time keep two cores busy, and
# threads of OpenMP that wait for one another spin, which was half of all processor time.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
from hypothesis import HealthCheck, settings

sys.path.insert(0, str(Path(__file__).parent))

from daily import longest_first, mark_dear
from one_coq import compiled
from zygote import SCRIPT, Zygote

from monarch_theory.proving import why_no_coq
from monarch_theory.sandbox.process import Sandbox
from monarch_theory.testing import reproduce
from monarch_theory.testing.kernel import KernelProcess

for forced in ("FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
    os.environ.pop(forced, None)  # which some machines set for all they run, and which make a file look like a terminal

ROOT = Path(__file__).parents[1]

BUSY = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("busy", max_examples=15, **BUSY)
settings.register_profile("thorough", max_examples=100, **BUSY)
settings.load_profile("busy")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> Iterator[None]:
    mark_dear(config, items)
    yield  # what is not asked for is left out
    longest_first(items)


@pytest.fixture(scope="session")
def coq() -> None:
    """Coq and its libraries: what needs them is skipped where they are not."""
    if (why := why_no_coq()) is not None:
        pytest.skip(why)


@pytest.fixture(scope="session")
def certificates_compiled(coq: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder where Coq can read what certificates rest on, which it takes twenty seconds to compile."""
    return compiled(tmp_path_factory.mktemp("certificates"), "certificates")


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built of this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="session")
def zygote() -> Iterator[Zygote]:
    process = Zygote("numpy")
    yield process
    process.stop()


@pytest.fixture(scope="session")
def torch_zygote() -> Iterator[Zygote]:
    pytest.importorskip("torch", reason="the extra `torch` is not installed")
    process = Zygote("torch")
    yield process
    process.stop()


@pytest.fixture(scope="session")
def kernel_zygote() -> Iterator[Zygote]:
    process = Zygote("kernel", KernelProcess.environment)
    yield process
    process.stop()


@pytest.fixture(scope="session")
def torch_kernel_zygote() -> Iterator[Zygote]:
    pytest.importorskip("torch", reason="the extra `torch` is not installed")
    process = Zygote("torch kernel", KernelProcess.environment)
    yield process
    process.stop()


@pytest.fixture(scope="session")
def script_zygote() -> Iterator[Zygote]:
    process = Zygote("script")
    yield process
    process.stop()


@pytest.fixture
def child_at_hand(zygote: Zygote, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Children of the sandbox are forked from a process that has imported NumPy and no torch; see `zygote`."""
    if "torch_at_hand" not in request.fixturenames:
        fork_from(zygote, Sandbox, monkeypatch)


@pytest.fixture
def kernel_at_hand(
    kernel_zygote: Zygote,
    script_zygote: Zygote,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Processes that call kernels, whose new memory holds patterns, are forked from one that has not called any.

    And scripts that show what is wrong with a kernel, from one that has imported NumPy.
    """
    fork_from(kernel_zygote, KernelProcess, monkeypatch)

    def exit_code(text: str, timeout: float) -> int | None:
        folder = tmp_path_factory.mktemp("script")
        (folder / SCRIPT).write_text(text)
        with open(os.devnull, "r+b") as nothing:
            script = script_zygote.start(nothing.fileno(), nothing.fileno(), None, {}, str(folder))
        try:
            return script.wait(reproduce.STARTING + timeout)
        except subprocess.TimeoutExpired:
            script.kill()
            return None
        finally:
            script.stdout.close()

    monkeypatch.setattr(reproduce, "exit_code", exit_code)


@pytest.fixture
def torch_kernel_at_hand(kernel_at_hand: None, torch_kernel_zygote: Zygote, monkeypatch: pytest.MonkeyPatch) -> None:
    """As `kernel_at_hand`, from one that has imported torch."""
    fork_from(torch_kernel_zygote, KernelProcess, monkeypatch)


@pytest.fixture
def torch_at_hand(torch_zygote: Zygote, monkeypatch: pytest.MonkeyPatch) -> None:
    """Children of the sandbox are forked from a process that has imported torch."""
    fork_from(torch_zygote, Sandbox, monkeypatch)


def fork_from(zygote: Zygote, kind: type[Sandbox], monkeypatch: pytest.MonkeyPatch) -> None:
    """Have processes of exactly this kind be forked; those of others, as behind walls, start as they do."""
    start = kind._start

    def forked(sandbox: Sandbox, reads: int, writes: int) -> Any:
        if type(sandbox) is not kind:
            return start(sandbox, reads, writes)
        return zygote.start(reads, writes, sandbox.memory, sandbox.environment)

    monkeypatch.setattr(kind, "_start", forked)
