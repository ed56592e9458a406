"""Modules whose whole subject is an optional package are collected only where that package is installed.

No garbage is looked for while tests are collected, where there is next to none and much to look at, nor later in what
was imported by then, which lives as long as the process: that was a third of the time of collection.
"""

import gc
from collections.abc import Generator
from importlib.util import find_spec

import pytest

MODULES = {"triton": "monarch_gpu/ops/triton.py", "transformers": "monarch_gpu/hugging_face.py"}

collect_ignore = [module for package, module in MODULES.items() if find_spec(package) is None]


def pytest_report_header() -> list[str]:
    """Say what is left out, and why."""
    return [
        f"not collected: {module}, since {p} is not installed"
        for p, module in MODULES.items()
        if module in collect_ignore
    ]


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Collect the tests; from then on garbage is looked for, among what is younger."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.collect()
        gc.freeze()
        gc.enable()
