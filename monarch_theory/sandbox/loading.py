"""From FILE.py or package.module, and NAME, to a callable: an instance, a class, a factory or a function."""

from __future__ import annotations

import functools
import importlib.machinery
import importlib.util
import inspect
import linecache
import os
import random
import sys
import sysconfig
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from monarch_theory.extras import advice, extra_of
from monarch_theory.sandbox import pretrained
from monarch_theory.sandbox.bridge import torch_or_none
from monarch_theory.sandbox.outcome import Outcome, SandboxError
from monarch_theory.sandbox.shortage import forget_errors, ran_short

__all__ = [
    "faces",
    "file_of",
    "load",
    "modules_beside",
    "quoted",
    "random_submodules",
    "seed_everything",
    "to_double",
    "torch_modules",
]


OWN = ("monarch_theory", "monarch_gpu")
"""Packages that register operators with libraries, which can be done only once."""


def load(path: str, name: str, seed: int, init: Any = None) -> Callable[..., Any]:
    """Run the file afresh, with every random generator seeded, and resolve NAME to something to call with arrays.

    A class is instantiated and a factory called, without arguments, until something callable on arrays is left. A part
    of the name that ends in () is made so before its attribute is read: Model().generate.

    Args:
        path: a file, a package's module with dots, or the folder of a pretrained model's configuration.
        init: arguments of the first class or factory, a mapping or a list.

    Raises:
        SandboxError: the file or the name is missing, importing it raised, or the result is not callable.
    """
    seed_everything(seed)
    if pretrained.is_folder(path):
        return pretrained.of_folder(path)
    value: Any = run(path)
    for part in name.split("."):
        try:
            value = getattr(value, part.removesuffix("()"))
        except AttributeError as error:
            raise SandboxError(Outcome.NAME_MISSING, f"{path} has no {name!r}; {offered(value)}") from error
        if part.endswith("()"):
            value, init = resolve(value, f"{path}:{name}", init), None
    return resolve(value, f"{path}:{name}", init)


def run(path: str) -> ModuleType:
    """The module of a file or of a name with dots, run afresh; a file inside a package is run as its module."""
    if os.path.isfile(path):
        root, module_name = in_package(path)
        return imported(module_name, root) if root else run_file(path)
    if all(part.isidentifier() for part in path.split(".")):
        return imported(path, os.getcwd())
    raise SandboxError(Outcome.FILE_MISSING, f"{path}: no such file")


def file_of(path: str) -> str:
    """The file a target is of, as far as that can be told without running it."""
    if os.path.exists(path):
        return path
    return os.path.join(os.getcwd(), *path.split(".")) + ".py"


def in_package(path: str) -> tuple[str, str]:
    """The folder that holds the outermost package of a file, and the file's module; empty where it is in none."""
    folder, stem = os.path.split(os.path.abspath(path))
    parts = [Path(stem).stem]
    while os.path.isfile(os.path.join(folder, "__init__.py")) and os.path.basename(folder).isidentifier():
        folder, package = os.path.split(folder)
        parts.insert(0, package)
    if parts[-1] == "__init__":
        parts.pop()
    return (folder, ".".join(parts)) if len(parts) > 1 or stem == "__init__.py" else ("", "")


def imported(module_name: str, root: str) -> ModuleType:
    """A module by its name; packages that are not installed are imported afresh, so that their state is, too."""
    if root not in sys.path:
        sys.path.insert(0, root)
    package = module_name.partition(".")[0]
    top = sys.modules.get(package)
    if top is not None and not is_library(top):
        for name in [n for n in sys.modules if n == package or n.startswith(f"{package}.")]:
            del sys.modules[name]
    importlib.invalidate_caches()
    forget_errors()
    try:
        return importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name and (module_name == error.name or module_name.startswith(f"{error.name}.")):
            raise SandboxError(Outcome.FILE_MISSING, f"{module_name}: no such file or module") from error
        raise SandboxError(Outcome.IMPORT_ERROR, quoted(error)) from error
    except Exception as error:
        outcome = Outcome.OUT_OF_MEMORY if ran_short(error) else Outcome.IMPORT_ERROR
        raise SandboxError(outcome, quoted(error)) from error


def is_library(module: ModuleType) -> bool:
    """Whether a module is installed, or Python's own."""
    file = os.path.abspath(getattr(module, "__file__", None) or os.sep)
    homes = {sysconfig.get_path(kind) for kind in ("stdlib", "platstdlib", "purelib", "platlib")} | set(site_folders())
    return module.__name__ in OWN or any(file.startswith(home + os.sep) for home in homes)


def site_folders() -> list[str]:
    """Where packages are installed, for an environment over another one as well."""
    return [entry for entry in sys.path if os.path.basename(entry) in ("site-packages", "dist-packages")]


def run_file(path: str) -> ModuleType:
    folder, stem = os.path.split(os.path.abspath(path))
    forget(folder)
    module_name = Path(stem).stem
    shadows = module_name in sys.modules or is_installed(module_name, folder)
    if folder not in sys.path:
        # a file torch.py is to find the library of that name, not itself
        sys.path.insert(len(sys.path) if shadows else 0, folder)
    if shadows:
        module_name = f"user_{module_name}"
    spec = importlib.util.spec_from_file_location(module_name, path)
    if spec is None or spec.loader is None:
        raise SandboxError(Outcome.IMPORT_ERROR, f"{path}: expected a Python file, named *.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module
    forget_errors()
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        outcome = Outcome.OUT_OF_MEMORY if ran_short(error) else Outcome.IMPORT_ERROR
        raise SandboxError(outcome, quoted(error, path)) from error
    return module


def is_installed(module_name: str, folder: str) -> bool:
    """Whether a module of this name can be imported from elsewhere than the folder."""
    if not module_name.isidentifier():
        return False
    elsewhere = [entry for entry in sys.path if os.path.abspath(entry) != folder]
    return importlib.machinery.PathFinder.find_spec(module_name, elsewhere) is not None


def forget(folder: str) -> None:
    """Drop the modules of the user's folder, so that state they keep starts afresh."""
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if file and os.path.dirname(os.path.abspath(file)) == folder and not name.startswith("monarch_theory"):
            del sys.modules[name]


def modules_beside(path: str) -> tuple[ModuleType, ...]:
    """The loaded modules of the user's folder."""
    folder = os.path.dirname(os.path.abspath(path))
    return tuple(
        module
        for module in list(sys.modules.values())
        if os.path.dirname(os.path.abspath(getattr(module, "__file__", None) or os.sep)) == folder
    )


def offered(value: Any) -> str:
    """The callables the file does define."""
    names = [k for k, v in vars(value).items() if callable(v) and not k.startswith("_")] if value is not None else []
    return f"it defines {', '.join(names[:12])}" if names else "it defines no callable"


def resolve(value: Any, where: str, init: Any = None) -> Callable[..., Any]:
    """Something to call with arrays, from a class or a factory by as many calls as it takes."""
    if init is not None:
        value = built(value, where, init)
    for _ in range(4):
        if not callable(value):
            raise SandboxError(Outcome.NOT_CALLABLE, f"{where} is a {type(value).__name__}, expected a callable")
        if pretrained.is_class(value):
            return pretrained.tiny(value)
        if not is_factory(value):
            return value
        try:
            made = value()
        except TypeError as error:
            if isinstance(value, type):
                message = f"{where} could not be built without arguments: {quoted(error)}"
                raise SandboxError(Outcome.EXCEPTION, message) from error
            raise
        if not callable(made) and not takes_nothing(value):
            return value
        value = made
    raise SandboxError(Outcome.NOT_CALLABLE, f"{where}: expected a factory of a model, got factories of factories")


def built(value: Any, where: str, init: Any) -> Any:
    """What a class or a factory makes of given arguments.

    Raises:
        SandboxError: it takes others; or it is neither, or a function without names to be told.
    """
    if pretrained.is_class(value):
        return pretrained.tiny(value, init)
    positional, keywords = ((), init) if isinstance(init, dict) else (init, {})
    if not inspect.isclass(value) and not inspect.isroutine(value):
        raise SandboxError(
            Outcome.EXCEPTION, f"init: expected {where} to be a class or a factory, got {type(value).__name__}"
        )
    try:
        signature = inspect.signature(value)
        signature.bind(*positional, **keywords)
    except TypeError as error:
        raise SandboxError(Outcome.EXCEPTION, f"init: expected arguments of {where}{signature}, {error}") from error
    except ValueError:
        pass  # it has no signature to be held to
    return value(*positional, **keywords)


def is_factory(value: Any) -> bool:
    """A class, or a plain function that can be called with nothing and then gives something callable."""
    if isinstance(value, type):
        return True
    torch = torch_or_none()
    if torch is not None and isinstance(value, torch.nn.Module):
        return False
    if not inspect.isfunction(value):
        return False
    if takes_nothing(value):
        return True
    parameters = inspect.signature(value).parameters.values()
    if any(p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in parameters):
        return False
    try:
        return callable(value())
    except Exception:
        return False


def takes_nothing(value: Any) -> bool:
    try:
        return not inspect.signature(value).parameters
    except (TypeError, ValueError):
        return False


def seed_everything(seed: int) -> None:
    """Python's, NumPy's and, where imported, torch's generators."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch = torch_or_none()
    if torch is not None:
        torch.manual_seed(seed)


def quoted(error: BaseException, path: str = "") -> str:
    """The error in one line, with the last line of the user's file that led to it."""
    try:
        said = str(error)
    except Exception:
        said = "(its message could not be read)"
    text = " ".join(f"{type(error).__name__}: {said}{_brought(error)}".split()).encode(errors="replace").decode()
    text = text if len(text) <= 500 else text[:500] + " …"
    if isinstance(error, SyntaxError):
        return text
    frames = [f for f in traceback.extract_tb(error.__traceback__) if path and same_file(f.filename, path)]
    if not frames:
        return text
    line = (frames[-1].line or linecache.getline(path, frames[-1].lineno or 0)).strip()
    return f"{text} (line {frames[-1].lineno} of {os.path.basename(path)}: {line})"


def _brought(error: BaseException) -> str:
    """What installs a package that is missing, where an extra brings it; of another, its name may be anybody's."""
    module = error.name if type(error) is ModuleNotFoundError else None
    return f"; {advice(module)}" if isinstance(module, str) and extra_of(module) else ""


def same_file(a: str, b: str) -> bool:
    return os.path.abspath(a) == os.path.abspath(b)


def faces(model: Any) -> list[str]:
    """Which arrays to try, best first: torch for its modules and for functions that speak of it."""
    torch = torch_or_none()
    if torch is None:
        return ["numpy"]
    if isinstance(model, torch.nn.Module | torch.jit.ScriptFunction):
        return ["torch"]
    if next(torch_modules(model), None) is not None or speaks_torch(model):
        return ["torch", "numpy"]
    return ["numpy", "torch"]


def speaks_torch(model: Any) -> bool:
    if hasattr(model, "_torchdynamo_orig_callable"):
        return True
    code = inspect.unwrap(model) if inspect.isfunction(model) else vars(type(model)).get("__call__")
    if not inspect.isfunction(code):
        return False
    if any("Tensor" in str(a) for a in getattr(code, "__annotations__", {}).values()):
        return True
    known = {**code.__globals__}
    named = [known[n] for n in code.__code__.co_names if n in known]
    return any((getattr(v, "__module__", None) or getattr(v, "__name__", "") or "").split(".")[0] == "torch"
               for v in named)  # fmt: skip


def torch_modules(model: Any) -> Iterator[tuple[str, Any]]:
    """The torch modules in `model`: itself, or what a function closes over or names, or an object holds."""
    torch = torch_or_none()
    if torch is None:
        return
    if isinstance(model, torch.nn.Module):
        yield "", model
        return
    for name, value in held_by(model).items():
        yield from modules_in(value, name, 3)


def held_by(model: Any) -> dict[str, Any]:
    """What a function closes over or names, or an object holds."""
    held: dict[str, Any] = {}
    if isinstance(model, functools.partial):
        held.update({"": model.func} | model.keywords | {str(k): a for k, a in enumerate(model.args)})
    if inspect.ismethod(model):
        held["self"] = model.__self__
    function = inspect.unwrap(model) if inspect.isfunction(model) else None
    if function is not None:
        known = inspect.getclosurevars(function)
        held.update(known.globals)
        held.update(known.nonlocals)
    elif hasattr(model, "__dict__"):
        held.update(vars(model))
    return held


def modules_in(value: Any, name: str, depth: int) -> Iterator[tuple[str, Any]]:
    """The torch modules in a value that a function holds: itself, in containers, in other functions and objects."""
    torch = torch_or_none()
    if isinstance(value, torch.nn.Module):
        yield name, value
    elif isinstance(value, ModuleType | type) or depth == 0:
        return
    elif isinstance(value, dict):
        for key, inner in list(value.items()):
            yield from modules_in(inner, f"{name}.{key}", depth - 1)
    elif isinstance(value, list | tuple):
        for k, inner in enumerate(value):
            yield from modules_in(inner, f"{name}.{k}", depth - 1)
    elif inspect.isfunction(value) or inspect.ismethod(value) or isinstance(value, functools.partial):
        if getattr(value, "__module__", "").split(".")[0] not in ("torch", "numpy", "scipy"):
            for inner_name, inner in held_by(value).items():
                yield from modules_in(inner, f"{name}.{inner_name}", depth - 1)
    elif hasattr(value, "__dict__") and type(value).__module__.split(".")[0] not in ("torch", "numpy", "scipy"):
        for key, inner in list(vars(value).items()):
            yield from modules_in(inner, f"{name}.{key}", depth - 1)


def random_submodules(model: Any) -> list[str]:
    """Submodules whose training mode is random or mixes the batch, as "name (class)"; those now in that mode only."""
    torch = torch_or_none()
    if torch is None:
        return []
    nn = torch.nn
    dropouts = tuple(
        getattr(nn, n)
        for n in ("Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "AlphaDropout", "FeatureAlphaDropout")
    )
    found = []
    for prefix, root in torch_modules(model):
        for name, module in root.named_modules():
            if not getattr(module, "training", False):
                continue
            random_now = (
                (isinstance(module, dropouts) and module.p > 0)
                or isinstance(module, nn.modules.batchnorm._BatchNorm | nn.RReLU)
                or (isinstance(module, nn.MultiheadAttention) and module.dropout > 0)
                or (isinstance(module, nn.RNNBase) and module.dropout > 0 and module.num_layers > 1)
                or (isinstance(module, torch.jit.ScriptModule) and scripted_random(module))
            )
            if random_now:
                path = ".".join(p for p in (prefix, name) if p) or "the model"
                found.append(f"{path} ({getattr(module, 'original_name', type(module).__name__)})")
    return found


def scripted_random(module: Any) -> bool:
    name = getattr(module, "original_name", "")
    return name.startswith("BatchNorm") or (name.endswith("Dropout") and getattr(module, "p", 1.0) > 0)


def to_double(model: Any) -> str | None:
    """Hold parameters and buffers of the torch modules in `model` in double precision, which changes none of them.

    Returns the dtype they had, or None where there was nothing to do.
    """
    torch = torch_or_none()
    if torch is None:
        return None
    double = (torch.float64, torch.complex128)
    had = []

    def widen(t: Any) -> Any:
        if (t.is_floating_point() or t.is_complex()) and t.dtype not in double:
            had.append(str(t.dtype).removeprefix("torch."))
            return t.to(torch.complex128) if t.is_complex() else t.double()
        return t

    for _, module in torch_modules(model):
        module._apply(widen)
    return had[0] if had else None
