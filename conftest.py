"""Modules whose whole subject is an optional package are collected only where that package is installed."""

from importlib.util import find_spec

MODULES = {"triton": "monarch_gpu/ops/triton.py", "transformers": "monarch_gpu/hugging_face.py"}

collect_ignore = [module for package, module in MODULES.items() if find_spec(package) is None]


def pytest_report_header() -> list[str]:
    """Say what is left out, and why."""
    return [
        f"not collected: {module}, since {p} is not installed"
        for p, module in MODULES.items()
        if module in collect_ignore
    ]
