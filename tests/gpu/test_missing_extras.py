"""A package that is missing is named from Python too, with the extra that brings it."""

import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="the extra `torch` is not installed")

from monarch_gpu import data, tokenizer
from monarch_gpu.ops import cuda, cupy
from monarch_theory.testing.campaign import run_campaign

ROOT = Path(__file__).parents[2]
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


WITHOUT_TORCH = """
import importlib, sys
sys.modules["torch"] = None
for name in sys.argv[1:]:
    before = set(sys.modules)
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        print(name, error.name, *error.__notes__, sep="; ")
    for new in set(sys.modules) - before:  # each is imported by itself, and whatever it imports
        if new.startswith("monarch_gpu"):
            del sys.modules[new]
"""
NEED_NONE = {"command", "configs", "counts", "lines", "ops", "tokenizer"}
"""Modules and rooms, some of whose modules are imported without torch."""


def test_every_module_says_once_what_installs_torch_where_it_needs_it() -> None:
    files = sorted((ROOT / "monarch_gpu").rglob("*.py"))
    parts = (file.relative_to(ROOT).with_suffix("").parts for file in files)
    modules = [".".join(part for part in path if part != "__init__") for path in parts]
    command = [sys.executable, "-c", WITHOUT_TORCH, *modules]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    told = dict(line.split("; ", 1) for line in done.stdout.splitlines())
    assert set(told.values()) == {"torch; pip install 'monarch-mixer-toolkit[torch]'"}
    silent = {module.partition(".")[2].partition(".")[0] for module in modules if module not in told} - {""}
    assert silent == NEED_NONE
    public = (ROOT / "docs" / "reference" / "public.txt").read_text().split()
    assert {"monarch_gpu.bert", "monarch_gpu.layers", "monarch_gpu.ops.torch"} <= set(told) & set(public)
