"""Modules whose whole subject is an optional package are collected only where that package is installed.

No garbage is looked for while tests are collected, where there is next to none and much to look at, nor later in what
was imported by then, which lives as long as the process: that was a third of the time of collection. While tests run it
is looked for less often than Python does, which was a twelfth of their time.

What is compiled is kept, the package and the tests, also where the environment has Python keep nothing: several hundred
processes that tests start import the package, and each would compile it, which is a fifth of the time of a command.
"""

import compileall
import gc
import sys
from collections.abc import Generator
from importlib.util import find_spec
from pathlib import Path

import pytest

MODULES = dict.fromkeys((f"monarch_gpu/ops/{name}.py" for name in ("triton", "mixer", "gated")), "triton")
MODULES |= {"monarch_gpu/hugging_face.py": "transformers", "monarch_theory/testing/mirrors.py": "torch"}

collect_ignore = [module for module, package in MODULES.items() if find_spec(package) is None]


def pytest_report_header() -> list[str]:
    """Say what is left out, and why."""
    return [
        f"not collected: {module}, since {p} is not installed"
        for module, p in MODULES.items()
        if module in collect_ignore
    ]


def pytest_configure(config: pytest.Config) -> None:
    """Compile the package, once, before workers start."""
    if not hasattr(config, "workerinput"):
        for package in ("monarch_theory", "monarch_gpu"):
            compileall.compile_dir(Path(__file__).parent / package, quiet=2)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Collect the tests; from then on garbage is looked for, among what is younger."""
    gc.disable()
    kept, sys.dont_write_bytecode = sys.dont_write_bytecode, False
    try:
        return (yield)
    finally:
        sys.dont_write_bytecode = kept
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 10, 10)
        gc.enable()
