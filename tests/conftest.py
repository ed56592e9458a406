"""What the tests share can be imported by name; a busy machine is no fault of what is tested on it; torch at hand."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

sys.path.insert(0, str(Path(__file__).parent))

from zygote import Zygote

from monarch_theory.sandbox.process import Sandbox

for forced in ("FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
    os.environ.pop(forced, None)  # which some machines set for all they run, and which make a file look like a terminal

BUSY = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("busy", max_examples=40, **BUSY)
settings.register_profile("thorough", max_examples=200, **BUSY)
settings.load_profile("busy")


@pytest.fixture(scope="session")
def zygote() -> Iterator[Zygote]:
    process = Zygote(torch=False)
    yield process
    process.stop()


@pytest.fixture(scope="session")
def torch_zygote() -> Iterator[Zygote]:
    pytest.importorskip("torch", reason="the extra `torch` is not installed")
    process = Zygote(torch=True)
    yield process
    process.stop()


@pytest.fixture
def child_at_hand(zygote: Zygote, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Children of the sandbox are forked from a process that has imported NumPy and no torch; see `zygote`."""
    if "torch_at_hand" not in request.fixturenames:
        fork_from(zygote, monkeypatch)


@pytest.fixture
def torch_at_hand(torch_zygote: Zygote, monkeypatch: pytest.MonkeyPatch) -> None:
    """Children of the sandbox are forked from a process that has imported torch."""
    fork_from(torch_zygote, monkeypatch)


def fork_from(zygote: Zygote, monkeypatch: pytest.MonkeyPatch) -> None:
    start = Sandbox._start

    def forked(sandbox: Sandbox, reads: int, writes: int) -> Any:
        if type(sandbox) is not Sandbox:  # kernels, which need the memory of their process as it was
            return start(sandbox, reads, writes)
        return zygote.start(reads, writes, sandbox.memory)

    monkeypatch.setattr(Sandbox, "_start", forked)
