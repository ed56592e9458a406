"""What to install for a package that is not there: the extra that brings it, as the distribution declares it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata

__all__ = ["DISTRIBUTION", "advice", "extra_of", "is_declared", "named", "needed"]

DISTRIBUTION = "monarch-mixer-toolkit"

OWN = ("monarch_theory", "monarch_gpu")

DISTRIBUTED_AS = {
    "cuda": "cuda-bindings",
    "cupy": "cupy-cuda13x",
    "cupyx": "cupy-cuda13x",
    "dask": "distributed",
    "flint": "python-flint",
    "sklearn": "scikit-learn",
    **dict.fromkeys(OWN, DISTRIBUTION),
}
"""Packages that are installed under another name than they are imported by."""

EXTRA = re.compile(r"""extra\s*==\s*['"]([\w-]+)""")


def named(module: str | None) -> str:
    """The distribution that a module is of.

    >>> named("sklearn.datasets"), named("torch")
    ('scikit-learn', 'torch')
    """
    imported = (module or "a module").partition(".")[0]
    return DISTRIBUTED_AS.get(imported, imported)


def extra_of(module: str | None) -> str:
    """The extra that brings a module, or nothing where none does.

    >>> extra_of("distributed.client"), extra_of("nobody"), extra_of("tor")
    ('dask', '', '')
    """
    return next((found[1] for line in _declared_of(module) if (found := EXTRA.search(line))), "")


def is_declared(module: str | None) -> bool:
    """Whether the distribution says that it needs what a module is of, always or for an extra.

    >>> is_declared("flint"), is_declared("torch.nn"), is_declared("nobody")
    (True, True, False)
    """
    return bool(_declared_of(module))


def _declared_of(module: str | None) -> list[str]:
    """The requirements, as the distribution declares them, that name what a module is of."""
    try:
        declared = metadata.requires(DISTRIBUTION) or []
    except (metadata.PackageNotFoundError, OSError):
        return []
    return [line for line in declared if re.split(r"[^\w.-]", line)[0] == named(module)]


def advice(module: str | None) -> str:
    """The command that installs what a module is of.

    >>> advice("transformers"), advice("scipy.linalg")
    ("pip install 'monarch-mixer-toolkit[transformers]'", 'pip install scipy')
    """
    extra = extra_of(module)
    return f"pip install '{DISTRIBUTION}[{extra}]'" if extra else f"pip install {named(module)}"


@contextmanager
def needed() -> Iterator[None]:
    """What is imported within says what installs it, where it is not there.

    Raises:
        ModuleNotFoundError: as the import does, with a note.

    >>> with needed():
    ...     raise ModuleNotFoundError("No module named 'onnx'", name="onnx")
    Traceback (most recent call last):
    ModuleNotFoundError: No module named 'onnx'
    pip install 'monarch-mixer-toolkit[onnx]'
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if (advised := advice(error.name)) not in getattr(error, "__notes__", ()):  # of modules that import one another
            error.add_note(advised)
        raise
