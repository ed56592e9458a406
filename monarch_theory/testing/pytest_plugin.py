"""Check kernels from a test suite: the fixture `monarch_check` and the marker `monarch_kernel`.

    def test_my_kernel(monarch_check):
        monarch_check("kernels.py:my_multiply", op="monarch-multiply", dtype="bf16")

    @pytest.mark.monarch_kernel(op="monarch-multiply", dtype="bf16", cases=100)
    def my_multiply(x, *factors): ...            # nothing else to write: the function itself is the kernel

A kernel that is wrong fails the test with the whole report, its cause and the script that reproduces it; one that could
not be decided (over the time or memory allowed, every shape refused) fails too, and says so. The options are those of
`monarch_theory.testing.check.check`. Nothing heavy is imported until a kernel is checked.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

__all__ = ["monarch_check", "pytest_configure", "pytest_pycollect_makeitem"]

MARKER = "monarch_kernel"


def pytest_configure(config: pytest.Config) -> None:
    """Describe the marker."""
    config.addinivalue_line(
        "markers", f"{MARKER}(op, dtype='float32', cases=200, seed=0, ...): check this function as a Monarch kernel"
    )


@pytest.fixture
def monarch_check(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """A function (kernel, op, dtype, **options) → Report that fails the test unless the kernel is right.

    `kernel` is "FILE.py:NAME", relative to the test's folder, or a function at the top level of a file.
    """

    def check(
        kernel: str | Callable[..., Any], op: Any = "monarch-multiply", dtype: str = "float32", **options: Any
    ) -> Any:
        path, name = located(kernel, Path(str(request.path)).parent)
        return require_right(path, name, op, dtype, options)

    return check


def located(kernel: str | Callable[..., Any], folder: Path) -> tuple[Path, str]:
    """The file and the name of a kernel.

    Raises:
        ValueError: it is not at the top level of a file, where a new process could find it.
    """
    if isinstance(kernel, str):
        path, _, name = kernel.rpartition(":")
        if not path:
            raise ValueError(f"kernel: expected FILE.py:NAME or a function, got {kernel!r}")
        return folder / path, name
    file, name = inspect.getsourcefile(kernel), kernel.__qualname__
    if file is None or "<" in name:
        raise ValueError(f"kernel: expected a function at the top level of a file, got {name}")
    return Path(file), name


def require_right(path: Path, name: str, op: Any, dtype: str, options: dict[str, Any]) -> Any:
    """The report, if the kernel is right; otherwise the test fails with it."""
    from monarch_theory.testing.check import check
    from monarch_theory.testing.report import as_text, script

    renamed = {"cases_wanted" if key == "cases" else key: value for key, value in options.items()}
    report = check(path, name, op, dtype, **renamed)
    if report.exit_code:
        pytest.fail(f"{as_text(report)}\n\n{script(report)}", pytrace=False)
    return report


class KernelItem(pytest.Item):
    """A marked function, as a test."""

    def __init__(self, *, function: Callable[..., Any], options: dict[str, Any], **keywords: Any):
        super().__init__(**keywords)
        self.function, self.options = function, options
        self.add_marker(MARKER)

    def runtest(self) -> None:
        """Check it."""
        options = dict(self.options)
        op, dtype = options.pop("op", "monarch-multiply"), options.pop("dtype", "float32")
        path, name = located(self.function, self.path.parent)
        require_right(path, name, op, dtype, options)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Where it is, for pytest's own report."""
        return self.path, inspect.getsourcelines(self.function)[1] - 1, self.name


def pytest_pycollect_makeitem(collector: Any, name: str, obj: object) -> list[pytest.Item] | None:
    """One test for every `monarch_kernel` mark on a function, whatever its name."""
    marks = [m for m in getattr(obj, "pytestmark", ()) if m.name == MARKER]
    if not marks or not inspect.isfunction(obj):
        return None
    items: list[pytest.Item] = []
    for mark in marks:
        options = dict(zip(("op", "dtype"), mark.args, strict=False)) | mark.kwargs
        label = f"{name}[{options.get('op', 'monarch-multiply')}-{options.get('dtype', 'float32')}]"
        items.append(KernelItem.from_parent(collector, name=label, function=obj, options=options))
    return items
