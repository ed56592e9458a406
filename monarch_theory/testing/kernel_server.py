"""The process a kernel runs in: it calls the kernel so that unwritten output, modified input and kept state show.

Started by `monarch_theory.testing.kernel`, not by people. Every call goes like this:

1. arguments are laid out as asked (contiguous, every other element of a buffer padded with NaN, or transposed);
2. memory the kernel may allocate for its output is poisoned: `numpy.empty` and `torch.empty` give NaN with a payload,
   and so is the array passed as `out` where the kernel takes one;
3. the kernel runs; its result is copied, and the whole of every argument's buffer compared with what it was;
4. it runs on the negated data, and the first result is looked at again: a kernel that hands out a buffer it reuses has
   changed it;
5. it runs on the same data again: the result must be the same, bit for bit, or the report says that it is not.
"""

from __future__ import annotations

import importlib
import inspect
import os
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from monarch_theory.formats import carrier_of
from monarch_theory.sandbox import wire
from monarch_theory.sandbox.loading import quoted, run_file
from monarch_theory.sandbox.outcome import Outcome, SandboxError
from monarch_theory.sandbox.patterns import PADDING, POISON, poisoned
from monarch_theory.sandbox.serving import Answer, serve
from monarch_theory.testing import interpretation

__all__ = ["KernelServer"]


def laid_out(values: np.ndarray, layout: str) -> tuple[np.ndarray, np.ndarray]:
    """(the values in the layout, the whole buffer they lie in)."""
    if layout == "strided" and values.ndim:
        buffer = poisoned(np.empty((*values.shape[:-1], 2 * values.shape[-1]), dtype=values.dtype), PADDING)
        view = buffer[..., ::2]
    elif layout == "transposed" and values.ndim > 1:
        buffer = np.empty(values.shape[::-1], dtype=values.dtype)
        view = buffer.T
    else:
        buffer = view = np.empty(values.shape, dtype=values.dtype)
    view[...] = values
    return view, buffer


class KernelServer:
    """Holds the kernel between requests."""

    def __init__(self) -> None:
        self.kernel: Callable[..., Any] = lambda *arguments: None
        self.path = ""
        self.face = "numpy"
        self.takes_out = False

    def load(self, header: dict[str, Any], arrays: tuple[np.ndarray, ...]) -> Answer:
        """Run the file and find the kernel; `face` "auto" is torch where the kernel's module imports torch."""
        self.path = header["path"]
        if not os.path.isfile(self.path):
            return {"outcome": "FILE_MISSING", "message": f"{self.path}: no such file"}, ()
        module: Any = run_file(self.path)
        value: Any = module
        for part in header["name"].split("."):
            if not hasattr(value, part):
                names = [k for k, v in vars(value).items() if inspect.isfunction(v) and not k.startswith("_")]
                offered = f"it defines {', '.join(names[:12])}" if names else "it defines no function"
                return {"outcome": "NAME_MISSING", "message": f"{self.path} has no {header['name']!r}; {offered}"}, ()
            value = getattr(value, part)
        self.kernel = value() if isinstance(value, type) else value
        if not callable(self.kernel):
            return {"outcome": "NOT_CALLABLE", "message": f"{header['name']} is a {type(value).__name__}"}, ()
        uses_torch = any(getattr(v, "__name__", "") == "torch" for v in vars(module).values())
        self.face = header["face"] if header["face"] != "auto" else ("torch" if uses_torch else "numpy")
        if self.face == "torch":
            importlib.import_module("torch")
        poison_allocators()
        interpretation.repair()
        try:
            self.takes_out = "out" in inspect.signature(self.kernel).parameters
        except (TypeError, ValueError):
            self.takes_out = False
        return {"face": self.face, "takes_out": self.takes_out}, ()

    def call(self, header: dict[str, Any], arrays: tuple[np.ndarray, ...]) -> Answer:
        """Call the kernel three times as the module's docstring says."""
        buffers = []
        given = []
        for values, dtype in zip(arrays, header["dtypes"], strict=True):
            view, buffer = laid_out(self.carrier(values, dtype), header["layout"])
            given.append(self.to_face(view, dtype))
            buffers.append((buffer, buffer.copy()))
        options = {k: tuple(v) if isinstance(v, list) else v for k, v in header["options"].items()}
        try:
            first = self.once(given, options, header)
        except NotImplementedError as error:
            return {"refused": quoted(error, self.path)}, ()
        found = [from_face(o) for o in listed(first)]
        kept = tuple(np.array(array, order="C") for array, _ in found)
        modified = [i for i, (now, before) in enumerate(buffers) if now.tobytes() != before.tobytes()]
        answer: dict[str, Any] = {"dtypes": [name for _, name in found], "modified": modified, "aliased": False}
        again: tuple[np.ndarray, ...] = ()
        if header["repeat"] and not modified:
            dtype = header["dtypes"][0]
            self.once([self.to_face(self.carrier(-arrays[0], dtype), dtype), *given[1:]], options, header)
            now = [from_face(o)[0] for o in listed(first)]
            answer["aliased"] = any(a.tobytes() != k.tobytes() for a, k in zip(now, kept, strict=True))
            second = [from_face(o)[0] for o in listed(self.once(given, options, header))]
            if [a.tobytes() for a in second] != [k.tobytes() for k in kept]:
                again = tuple(np.array(a, order="C") for a in second)
        answer["count"] = len(kept)
        answer["interpreted"] = interpretation.take_used()
        return answer, kept + again

    def once(self, given: list[Any], options: dict[str, Any], header: dict[str, Any]) -> Any:
        """One call, made again where the first was what loaded Triton's interpreter."""
        found = self._once(given, options, header)
        return self._once(given, options, header) if interpretation.repair() else found

    def _once(self, given: list[Any], options: dict[str, Any], header: dict[str, Any]) -> Any:
        dtype = header["dtypes"][0]
        held_in = carrier_of(dtype)
        poison_freed(header["out"], held_in)
        if not self.takes_out or not header["out"]:
            return self.kernel(*given, **options)
        held = [np.empty(shape, dtype=held_in) for shape in header["out"]]
        outs = tuple(self.to_face(self.carrier(poisoned(array), dtype), dtype) for array in held)
        out = outs[0] if len(outs) == 1 else outs
        returned = self.kernel(*given, **options, out=out)
        return out if returned is None else returned

    def carrier(self, values: np.ndarray, dtype: str) -> np.ndarray:
        """What the memory holds: the values, or for a torch tensor of a dtype that NumPy lacks their bits as int16."""
        if carrier_of(dtype) == dtype or self.face != "torch":
            return values
        return (np.ascontiguousarray(values).view(np.uint32) >> 16).astype(np.uint16).view(np.int16)

    def to_face(self, held: np.ndarray, dtype: str) -> Any:
        """The array itself, or a torch tensor of the same strides on the same memory."""
        if self.face != "torch":
            return held
        torch = sys.modules["torch"]
        tensor = torch.from_numpy(held)
        return tensor.view(getattr(torch, dtype)) if carrier_of(dtype) != dtype else tensor


def listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, tuple | list) else [value]


def from_face(value: Any) -> tuple[np.ndarray, str]:
    """An output as a NumPy array and the name of its dtype; what NumPy lacks comes in its carrier, value for value.

    Raises:
        SandboxError: it is no array of numbers.
    """
    torch: Any = sys.modules.get("torch")
    if torch is not None and hasattr(torch, "Tensor") and isinstance(value, torch.Tensor):
        return from_tensor(value)
    if hasattr(value, "__array__") and hasattr(value, "dtype"):
        array = np.asarray(value)
        if carrier_of(array.dtype.name) != array.dtype.name:
            return array.astype(carrier_of(array.dtype.name)), array.dtype.name
    else:
        raise SandboxError(Outcome.NOT_AN_ARRAY, f"the kernel returned {type(value).__name__}, expected an array")
    name = array.dtype.name
    if name not in wire.DTYPES:
        if array.dtype.kind not in "fc":
            raise SandboxError(Outcome.NOT_AN_ARRAY, f"the kernel returned an array of dtype {name}, expected numbers")
        # a format too wide to cross, and wrong under its own name
        array = array.astype(np.float64 if array.dtype.kind == "f" else np.complex128)
    return array.astype(array.dtype.newbyteorder("="), copy=False), name


def from_tensor(value: Any) -> tuple[np.ndarray, str]:
    """As `from_face`, of a torch tensor."""
    torch = sys.modules["torch"]
    if value.layout != torch.strided or value.is_meta:
        kind = "meta" if value.is_meta else str(value.layout).removeprefix("torch.")
        raise SandboxError(Outcome.NOT_AN_ARRAY, f"the kernel returned a {kind} tensor, expected a strided one")
    tensor, name = value.detach().cpu().resolve_conj().resolve_neg(), str(value.dtype).removeprefix("torch.")
    if carrier_of(name) != name:
        return tensor.to(getattr(torch, carrier_of(name))).numpy(), name
    if name not in wire.DTYPES:
        # a format that NumPy has not, and wrong under its own name
        tensor = tensor.to(torch.complex128 if tensor.is_complex() else torch.float64)
    return tensor.numpy(), name


def poison_freed(shapes: list[list[int]], dtype: str) -> None:
    """Leave poison in what NumPy keeps of freed memory, seven blocks of a size, for allocators that are not patched."""
    for shape in shapes:
        blocks = [poisoned(np.empty(shape, dtype)) for _ in range(8)]
        del blocks


def poison_allocators() -> None:
    """Make the usual allocators of uninitialised memory hand out poison."""
    for name in ("empty", "empty_like"):
        original = getattr(np, name)
        if not hasattr(original, "poisons"):
            setattr(np, name, poisoning(original, poisoned))
    torch = sys.modules.get("torch")
    if torch is None or not hasattr(torch, "empty"):
        return
    for owner, names in ((torch, ("empty", "empty_like", "empty_strided")), (torch.Tensor, ("new_empty",))):
        for name in names:
            original = getattr(owner, name)
            if not hasattr(original, "poisons"):
                setattr(owner, name, poisoning(original, poisoned_tensor))


def poisoning(original: Callable[..., Any], fill: Callable[[Any], Any]) -> Callable[..., Any]:
    def allocate(*arguments: Any, **keywords: Any) -> Any:
        return fill(original(*arguments, **keywords))

    allocate.poisons = True  # type: ignore[attr-defined]
    return allocate


def poisoned_tensor(tensor: Any) -> Any:
    torch = sys.modules["torch"]
    if tensor.device.type != "cpu" or not tensor.numel():
        return tensor.fill_(float("nan")) if tensor.is_floating_point() else tensor
    real = torch.view_as_real(tensor) if tensor.is_complex() else tensor
    if real.dtype == torch.bfloat16:
        real.view(torch.int16).fill_(POISON["bfloat16"])
    elif real.dtype in (torch.float16, torch.float32, torch.float64):
        width = {torch.float16: torch.int16, torch.float32: torch.int32, torch.float64: torch.int64}[real.dtype]
        real.view(width).fill_(POISON[str(real.dtype).removeprefix("torch.")])
    return tensor


if __name__ == "__main__":
    serve(KernelServer(), "the kernel")
