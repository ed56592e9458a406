"""One process forks for all that run tests at a time."""

import os
import subprocess
import time

import pytest
from zygote import Zygote


@pytest.fixture
def another_run(monkeypatch):
    monkeypatch.setenv("PYTEST_XDIST_TESTRUNUID", f"{os.getpid()} alone")


def sleeper(zygote, folder):
    (folder / "reproduce.py").write_text("import time\ntime.sleep(1000)\n")
    with open(os.devnull, "r+b") as nothing:
        return zygote.start(nothing.fileno(), nothing.fileno(), None, {}, str(folder))


def parent(child):
    with open(f"/proc/{child.pid}/stat") as file:
        return int(file.read().rpartition(")")[2].split()[1])


def gone(process):
    """Whether it ends, a zombie among them, in time."""
    for _ in range(3000):
        try:
            with open(f"/proc/{process}/stat") as file:
                if file.read().rpartition(")")[2].split()[0] == "Z":
                    return True
        except FileNotFoundError:
            return True
        time.sleep(0.01)
    return False


def test_it_is_one_and_ends_with_the_last_who_needs_it(another_run, tmp_path):
    first, second = Zygote("script"), Zygote("script")
    left, kept = sleeper(first, tmp_path), sleeper(second, tmp_path)
    shared = parent(left)
    assert shared == parent(kept) != os.getpid()
    first.stop()
    assert gone(left.pid)  # what the one that left had started
    with pytest.raises(subprocess.TimeoutExpired):
        kept.wait(0.05)
    kept.kill()
    assert kept.poll() == -9
    second.stop()
    assert gone(shared)


def test_there_is_another_after_it(another_run, tmp_path):
    for _ in range(2):
        zygote = Zygote("script")
        child = sleeper(zygote, tmp_path)
        child.kill()
        zygote.stop()


def test_one_that_does_not_start_is_told(another_run, capfd):
    with pytest.raises(RuntimeError, match="does not start: none such"):
        Zygote("none such")
