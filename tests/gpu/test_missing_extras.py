"""A package that is missing is named from Python too, with the extra that brings it; torch is named by Python alone."""

import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="the extra `torch` is not installed")

from monarch_gpu import data, tokenizer
from monarch_gpu.ops import cuda, cupy
from monarch_theory.testing.campaign import run_campaign

KERNEL = Path("kernel.py")
DOORS: dict[str, tuple[str, Callable[[], object]]] = {
    "transformers": ("transformers", lambda: import_module("monarch_gpu.hugging_face")),
    "triton": ("triton", lambda: import_module("monarch_gpu.ops.triton")),
    "cupy": ("cupy", lambda: cupy._library(object())),  # type: ignore[arg-type]
    "cuda.bindings": ("nvrtc", lambda: cuda.compile_ahead("monarch_multiply", 90)),
    "tokenizers": ("tokenizers", lambda: tokenizer.loaded(KERNEL)),
    "sklearn.datasets": ("digits", lambda: data.digits.__wrapped__(True)),
    "distributed": ("dask", lambda: run_campaign([task()], scheduler="tls://localhost:1")),
}
"""By what is missing: the extra that brings it, and a way in that needs it."""


def task():
    from monarch_theory.testing.campaign import Check

    return Check(str(KERNEL), "multiply", {}, "monarch-multiply", "float32", 8, 1, 0)


@pytest.mark.parametrize("package", DOORS)
def test_what_is_missing_says_what_brings_it(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    extra, enter = DOORS[package]
    for name in (package, "monarch_gpu.hugging_face", "monarch_gpu.ops.triton"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ModuleNotFoundError) as told:
        enter()
    assert told.value.__notes__ == [f"pip install 'monarch-mixer-toolkit[{extra}]'"]
