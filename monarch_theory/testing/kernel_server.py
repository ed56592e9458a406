"""The process a kernel runs in: it calls the kernel so that unwritten output, modified input and kept state show.

Started by `monarch_theory.testing.kernel`, not by people. Every call goes like this:

1. arguments, and the array passed as `out`, are laid out as asked: contiguous, every other element of a buffer padded
   with NaN, rows of a wider buffer, transposed, backwards, off the boundaries vector loads like, repeated with stride
   zero, recorded by autograd, side by side in one buffer, or one array in place of several;
2. memory the kernel may allocate for its output is poisoned: `numpy.empty` and `torch.empty` give NaN with a payload,
   and so is the array passed as `out` where the kernel takes one;
3. the kernel runs; its result is copied, and the whole of every argument's buffer compared with what it was; torch
   counts writes, so that what was written to a tensor and put back shows as well;
4. it runs on the negated data, and the first result is looked at again: a kernel that hands out a buffer it reuses has
   changed it;
5. it runs on the same data again: the result must be the same, bit for bit, or the report says that it is not;
6. where that is asked for, the data is negated where it lies, and the kernel runs on the very same arguments: what it
   remembers by address, by identity or by shape is no answer to that.

Where the call is to be searching, the kernel also runs before all this with other values where the arguments lie, first
of the parameters, then of the data: what it remembers by address, by shape or by some of the arguments is then wrong.
And it runs twice more on the negated data, before the first result is looked at once more: buffers may go round.
"""

from __future__ import annotations

import gc
import importlib
import inspect
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from monarch_theory.formats import carrier_of
from monarch_theory.sandbox import wire
from monarch_theory.sandbox.limits import THREADS_END
from monarch_theory.sandbox.loading import run_file, seed_everything
from monarch_theory.sandbox.outcome import Outcome, SandboxError
from monarch_theory.sandbox.patterns import PADDING, POISON, poisoned
from monarch_theory.sandbox.serving import Answer, UserCodeError, serve, user_code
from monarch_theory.testing import interpretation
from monarch_theory.testing.mirrors import Mirrors, within

__all__ = ["KernelServer"]


CLOCK = time.perf_counter

LOOKED_AT_AGAIN, LARGEST_KEPT = 8, 1 << 20
"""Results that are looked at once more at the end, and bytes of one at most."""

FEW_CALLS = 2
"""Calls on other data after the usual ones, beyond which the result is asked for once more: a state may take long."""

LINE = 64
"""Bytes of a cache line, the alignment that vector loads and allocators like."""


SIDE_BY_SIDE = {"packed": -1, "stacked": -2}
"""Layouts of several arguments in one buffer, and the axis that they are slices along."""

NOT_OF_RESULTS = ("expanded", "recorded", "conjugated")
"""Layouts that no array has which is written into."""

ZEROS = dict.fromkeys(PADDING, 0)
"""The pattern of zero, for every dtype."""

TORCH_STARTS_FROM = 67280421310721
"""`torch.initial_seed()` of a process that set none."""


IN_PLACE_OF = {
    ("torch", "reversed"): "sliced", ("numpy", "recorded"): "sliced", ("numpy", "conjugated"): "reversed",
}  # fmt: skip
"""torch has no negative strides, and NumPy no autograd: rows and matrices lie apart instead, as in a slice.

NumPy has no bit that says that memory holds the conjugates.
Whoever asks that the last axis be contiguous, and then takes rows for adjacent, is wrong there alone.
"""


def laid_out(values: np.ndarray, layout: str, between: dict[str, int] = PADDING) -> tuple[np.ndarray, np.ndarray]:
    """(the values in the layout, the whole buffer they lie in). An expanded array holds its first slice alone.

    One that is `followed` is contiguous, and as much again comes after it: no case has it, a cause is looked for so.
    Of one that is `conjugated` the memory holds the conjugates, which `to_face` gives torch with a bit that says so.

    `between`: the pattern, by dtype, of what lies between and around the values.
    """
    shape, dtype = values.shape, values.dtype
    if layout == "strided" and values.ndim:
        buffer = poisoned(np.empty((*shape[:-1], 2 * shape[-1]), dtype=dtype), between)
        view = buffer[..., ::2]
    elif layout == "sliced" and values.ndim:
        wider = (*shape[:1], *(size + 1 for size in shape[1:-1]), 2 * shape[-1])[-values.ndim :]
        buffer = poisoned(np.empty(wider, dtype=dtype), between)
        view = buffer[tuple(slice(size) for size in shape)]
    elif layout == "transposed" and values.ndim > 1:
        buffer = np.empty(shape[::-1], dtype=dtype)
        view = buffer.T
    elif layout == "reversed" and values.ndim:
        buffer = np.empty(shape, dtype=dtype)
        view = buffer[(slice(None, None, -1),) * values.ndim]
    elif layout == "misaligned":
        line = LINE // dtype.itemsize
        whole = np.empty(values.size + 2 * line, dtype=dtype)
        # it begins at a line, so that the start is as far from there in every process, and in a copy elsewhere
        first = -(whole.__array_interface__["data"][0] // dtype.itemsize) % line
        buffer = poisoned(whole[first : first + line + values.size], between)
        view = buffer[1 : 1 + values.size].reshape(shape)
    elif layout == "followed":
        buffer = poisoned(np.empty(2 * values.size + LINE, dtype=dtype), between)
        view = buffer[: values.size].reshape(shape)
    elif layout == "expanded" and expandable(values):
        buffer = np.empty((1, *shape[1:]), dtype=dtype)
        view = np.lib.stride_tricks.as_strided(buffer, shape, (0, *buffer.strides[1:]))
        buffer[...] = values[:1]
        return view, buffer
    else:
        buffer = view = np.empty(shape, dtype=dtype)
    view[...] = values.conj() if layout == "conjugated" else values
    return view, buffer


def side_by_side(arrays: list[np.ndarray], axis: int) -> tuple[list[np.ndarray], np.ndarray]:
    """(the arrays as parts of one buffer, that buffer): slices along an axis, as queries, keys and values that come of
    one product, where all other axes agree, and else one after another, as the parameters of a flat buffer."""
    whole = np.empty(sum(a.size for a in arrays), arrays[0].dtype)
    others = {(a.ndim, *(size for k, size in enumerate(a.shape) if k != a.ndim + axis)) for a in arrays}
    if len(others) == 1 and arrays[0].ndim >= -axis:
        ends = np.cumsum([a.shape[axis] for a in arrays])
        shape = [ends[-1] if k == arrays[0].ndim + axis else size for k, size in enumerate(arrays[0].shape)]
        views = np.split(whole.reshape(shape), ends[:-1], axis)
    else:
        parts = np.split(whole, np.cumsum([a.size for a in arrays])[:-1])
        views = [part.reshape(a.shape) for part, a in zip(parts, arrays, strict=True)]
    for view, a in zip(views, arrays, strict=True):
        view[...] = a
    return views, whole


def negate(buffer: np.ndarray) -> None:
    """Change the sign of everything in a buffer, which for int16 are the bits of bfloat16."""
    if buffer.dtype == np.int16:
        np.bitwise_xor(buffer, np.int16(-0x8000), out=buffer)
    else:
        np.negative(buffer, out=buffer)


def copied(value: Any) -> Any:
    """A copy where the value lies, so that all of it has been computed; as it came if it is no array that is known."""
    torch: Any = sys.modules.get("torch")
    if type(value) is np.ndarray:
        return value.copy()
    if torch is not None and hasattr(torch, "Tensor") and type(value) is torch.Tensor:
        return value.detach().clone()
    return value.block_until_ready() if hasattr(value, "block_until_ready") else value


def shares(one: Any, other: Any) -> bool:
    """Whether two arrays, or two tensors, lie in the same memory."""
    if type(one) is np.ndarray and type(other) is np.ndarray:
        return np.shares_memory(one, other)
    storages = [getattr(a, "untyped_storage", None) for a in (one, other)]
    return all(storages) and len({storage().data_ptr() for storage in storages if storage is not None}) == 1


def synchronize() -> None:
    """Wait for all streams of all GPUs that this process uses."""
    torch: Any = sys.modules.get("torch")
    if torch is not None and hasattr(torch, "cuda") and torch.cuda.is_initialized():
        for device in range(torch.cuda.device_count()):
            torch.cuda.synchronize(device)
    cupy: Any = sys.modules.get("cupy")
    if cupy is not None:
        cupy.cuda.runtime.deviceSynchronize()


def other_data(values: np.ndarray) -> np.ndarray:
    """Negated numbers; indices in the reverse order."""
    return -values if values.dtype.kind != "i" else np.ascontiguousarray(values[(slice(None, None, -1),) * values.ndim])


def reordered(values: np.ndarray) -> np.ndarray:
    """All but the first and the last entry in reverse order: what is known by its ends, or by its sum, is another."""
    flat = values.reshape(-1).copy()
    inner = flat[1:-1] if flat.size > 3 else flat
    inner[...] = inner[::-1].copy()
    return flat.reshape(values.shape)


def expandable(values: np.ndarray) -> bool:
    """Whether one slice along the first axis, repeated, is the whole."""
    return values.ndim > 0 and len(values) > 1 and all(v.tobytes() == values[0].tobytes() for v in values)


Buffer = tuple[np.ndarray, np.ndarray, np.ndarray]
"""An argument, the whole memory that it lies in, and a copy of what that was."""


def written_into(buffers: list[Buffer]) -> list[int]:
    """Positions of the arguments whose memory is no longer what it was."""
    return [i for i, (_, now, before) in enumerate(buffers) if now.tobytes() != before.tobytes()]


def wait_for_threads() -> None:
    """Wait until all other threads of Python have ended, and not long where they do not, as those of a pool."""
    until = CLOCK() + THREADS_END
    for thread in threading.enumerate():
        if thread is not threading.current_thread():
            thread.join(max(until - CLOCK(), 0.0))


class KernelServer:
    """Holds the kernel between requests."""

    def __init__(self) -> None:
        self.kernel: Callable[..., Any] = lambda *arguments: None
        self.path = ""
        self.face = "numpy"
        self.takes_out = False
        self.between = PADDING
        self.mirrors: Mirrors | None = None
        self.earlier: list[tuple[Any, list[bytes], list[Buffer]]] = []

    def load(self, header: dict[str, Any], arrays: tuple[np.ndarray, ...]) -> Answer:
        """Run the file and find the kernel; `face` "auto" is torch where the file or the kernel's own imports torch."""
        self.path, self.earlier = header["path"], []
        if not os.path.isfile(self.path):
            return {"outcome": "FILE_MISSING", "message": f"{self.path}: no such file"}, ()
        seed_everything(int.from_bytes(os.urandom(4), "big"))
        module: Any = run_file(self.path)
        seed_torch_by_chance()
        with user_code("the kernel", self.path):
            value, missing = named(module, header["name"])
            self.kernel = value() if isinstance(value, type) else value
            uses_torch = imports_torch(vars(module)) or imports_torch(globals_of(self.kernel))
            signature = signature_of(self.kernel)
            self.takes_out = signature is not None and "out" in signature.parameters
        if missing:
            return {"outcome": "NAME_MISSING", "message": f"{self.path} has no {header['name']!r}; {missing}"}, ()
        if not callable(self.kernel):
            return {"outcome": "NOT_CALLABLE", "message": f"{header['name']} is a {type(value).__name__}"}, ()
        self.face = header["face"]
        if self.face == "auto":
            self.face = "torch" if uses_torch else "numpy"
        if self.face == "torch":
            importlib.import_module("torch")
        self.mirrors = None
        if (device := header.get("device", "cpu")) != "cpu":
            if (reason := why_no_device(self.face, device)) is not None:
                return {"outcome": "NO_DEVICE", "message": reason}, ()
            self.mirrors = Mirrors(device)
        if header.get("patterns", True):
            poison_allocators()
        interpretation.repair()
        return {"face": self.face, "takes_out": self.takes_out}, ()

    def rest(self, header: dict[str, Any], arrays: tuple[np.ndarray, ...]) -> Answer:
        """Say whether results and arguments of the first calls are still what they were when they were returned.

        Threads that the kernel has left running have some time to end first: they may be about to write. And a result
        is to be what it was when nobody has the arguments any more.
        """
        wait_for_threads()
        modified = sorted({i for *_, buffers in self.earlier for i in written_into(buffers)})
        changed = self.earlier_changed()
        for *_, buffers in self.earlier:
            buffers.clear()
        self.forget()
        gc.collect()
        return {"changed": changed or self.earlier_changed(), "modified": modified}, ()

    def earlier_changed(self) -> bool:
        """Whether a result of the first calls is no longer what it was."""
        now = ([array.tobytes() for array, _ in self.arrays_of(returned)] for returned, *_ in self.earlier)
        pairs = zip(now, self.earlier, strict=True)
        return any(a != b[: len(a)] for a, (_, b, _) in pairs)

    def call(self, header: dict[str, Any], arrays: tuple[np.ndarray, ...]) -> Answer:
        """Call the kernel three times as the module's docstring says."""
        given: list[Any] = []
        buffers: list[Buffer] = []
        self.forget()
        self.between = PADDING if header["padded"] else ZEROS
        held = [self.carrier(values, dtype) for values, dtype in zip(arrays, header["dtypes"], strict=True)]
        neighbours = self.side_by_side(held, header["layouts"])
        for values, dtype, layout in zip(held, header["dtypes"], header["layouts"], strict=True):
            if layout in SIDE_BY_SIDE:
                view, buffer = next(neighbours)
                given.append(self.to_face(view, dtype, buffer))
                buffers.append((view, view, view.copy()))
                continue
            if layout == "shared" and given:
                # the first of those that share one array is the data
                given.append(given[0])
                buffers.append(buffers[0])
                continue
            view, buffer = self.laid_out(values, layout)
            given.append(self.to_face(view, dtype, buffer, layout))
            buffers.append((view, buffer, buffer.copy()))
        options = {k: tuple(v) if isinstance(v, list) else v for k, v in header["options"].items()}
        if not self.accepts(given, options):
            message = f"the kernel does not take {len(given)} arguments and {', '.join(options) or 'no options'}"
            return {"refused": "signature", "message": message}, ()
        for others in header["before"]:
            self.call_with_other_values(others, given, buffers, options, header)
        written = self.written(given)
        try:
            first = self.once(given, options, header)
        except UserCodeError as error:
            if isinstance(error.error, NotImplementedError):
                return {"refused": "NotImplementedError", "message": error.message}, ()
            raise
        kept = tuple(np.array(array, order="C") for array, _ in first.arrays)
        if not any(first.own) and len(self.earlier) < LOOKED_AT_AGAIN and sum(a.nbytes for a in kept) <= LARGEST_KEPT:
            self.earlier.append((first.returned, [a.tobytes() for a in kept], buffers))
        modified = written_into(buffers)
        # what an op updates was put back by us
        again_as_it_was = (i for i, (a, b) in enumerate(zip(written, self.written(given), strict=True)) if a != b)
        modified += [i for i in again_as_it_was if i not in modified and i not in header["updates"]]
        answer: dict[str, Any] = {
            "dtypes": [name for _, name in first.arrays], "modified": modified, "aliased": False,
            "outside": first.wrote_outside(), "unfilled": first.unfilled,
        }  # fmt: skip
        again: tuple[np.ndarray, ...] = ()
        if header["repeat"] and not modified:
            dtype = header["dtypes"][0]
            view, buffer = self.laid_out(self.carrier(other_data(arrays[0]), dtype), header["layouts"][0])
            # autograd records the first call alone
            layout = "conjugated" if header["layouts"][0] == "conjugated" else "contiguous"
            negated = [self.to_face(view, dtype, buffer, layout), *given[1:]]
            self.once(negated, options, header)
            answer["aliased"] = self.changed(first, kept)
            second = [a for a, _ in self.once(given, options, header).arrays]
            if [a.tobytes() for a in second] != [k.tobytes() for k in kept]:
                again = tuple(np.array(a, order="C") for a in second)
            for _ in range(header["after"]):
                self.once(negated, options, header)
                answer["aliased"] |= self.changed(first, kept)
            if header["after"] > FEW_CALLS and not again:
                last = [a for a, _ in self.once(given, options, header).arrays]
                if [a.tobytes() for a in last] != [k.tobytes() for k in kept]:
                    again = tuple(np.array(a, order="C") for a in last)
        other: tuple[np.ndarray, ...] = ()
        if header.get("other") and not modified:
            negate(buffers[0][1])
            self.note_change(given[0])
            other = tuple(np.array(a, order="C") for a, _ in self.once(given, options, header).arrays)
            negate(buffers[0][1])
            self.note_change(given[0])
        answer["count"] = len(kept)
        answer["repeated"] = bool(again)
        answer["interpreted"] = interpretation.take_used()
        return answer, kept + again + other

    def time(self, header: dict[str, Any], arrays: tuple[np.ndarray, ...]) -> Answer:
        """Call the kernel once, and say how long it took until a copy of all it returned lay there."""
        dtype = header["returns"]
        self.forget()
        held = [self.carrier(np.array(a), own) for a, own in zip(arrays, header["dtypes"], strict=True)]
        given = [self.to_face(one, own, one) for one, own in zip(held, header["dtypes"], strict=True)]
        options = {k: tuple(v) if isinstance(v, list) else v for k, v in header["options"].items()}
        shapes = header["out"][: len(header["out"]) - len(header["updates"])]
        if self.takes_out and shapes:
            zeros = (self.carrier(np.zeros(shape, carrier_of(dtype)), dtype) for shape in shapes)
            outs = tuple(self.to_face(array, dtype, array) for array in zeros)
            options["out"] = outs[0] if len(outs) == 1 else outs
        synchronize()
        with user_code("the kernel", self.path):
            began = CLOCK()
            returned = self.kernel(*given, **options)
            returned = options.get("out") if returned is None else returned
            copies = [copied(one) for one in (*listed(returned), *(given[i] for i in header["updates"]))]
            synchronize()
            seconds = CLOCK() - began
        found = self.arrays_of(copies)
        kept = tuple(np.array(array, order="C") for array, _ in found)
        return {"dtypes": [name for _, name in found], "seconds": seconds}, kept

    def call_with_other_values(
        self, others: list[int], given: list[Any], buffers: list[Buffer], options: dict[str, Any],
        header: dict[str, Any],
    ) -> None:  # fmt: skip
        """One call with the entries of some arguments in another order where they lie; they are put back afterwards."""
        for i in others:
            view, *_ = buffers[i]
            view[...] = reordered(view)
            self.note_change(given[i])
        # whether it may raise is asked where its answer is judged
        try:
            self.once(given, options, header)
        except UserCodeError as error:
            if error.outcome is Outcome.CRASH:
                raise
        for (_, buffer, before), argument in zip(buffers, given, strict=True):
            buffer[...] = before
            self.note_change(argument)

    def written(self, given: list[Any]) -> list[int]:
        """How often torch has written to each tensor; an array of NumPy does not tell."""
        return [argument._version if self.face == "torch" else 0 for argument in given]

    def note_change(self, argument: Any) -> None:
        """Tell torch that the memory of a tensor was written to, as it would know had it done so itself."""
        if self.mirrors is not None:
            self.mirrors.send()
        elif self.face == "torch":
            argument.detach().as_strided((0,), (1,)).zero_()

    def changed(self, first: Returned, kept: tuple[np.ndarray, ...]) -> bool:
        """Whether the first result is no longer what it was."""
        now = self.arrays_of(first.returned)
        own = first.own or (False,) * len(now)
        # what an op updates comes after what it returns, and may be what it returns
        trios = zip(now, kept, own, strict=False)
        return any(a.tobytes() != k.tobytes() for (a, _), k, mine in trios if not mine)

    def accepts(self, given: list[Any], options: dict[str, Any]) -> bool:
        """Whether the kernel's signature has room for so many arguments; a kernel that shows none is simply called."""
        with user_code("the kernel", self.path):
            signature = signature_of(self.kernel)
        try:
            if signature is not None:
                signature.bind(*given, **options, **({"out": None} if self.takes_out else {}))
        except TypeError:
            return False
        return True

    def once(self, given: list[Any], options: dict[str, Any], header: dict[str, Any]) -> Returned:
        """One call, made again where the first was what loaded Triton's interpreter."""
        found = self._once(given, options, header)
        return self._once(given, options, header) if interpretation.repair() else found

    def _once(self, given: list[Any], options: dict[str, Any], header: dict[str, Any]) -> Returned:
        """One call, and the arrays it gave."""
        dtype = header["returns"]
        held_in = carrier_of(dtype)
        shapes = header["out"][: len(header["out"]) - len(header["updates"])]
        poison_freed(shapes, held_in)
        if self.mirrors is not None:
            poison_freed_there(shapes, dtype, self.mirrors.device)
        out, views = None, []
        if self.takes_out and shapes:
            # what is written into has one element for each index
            layout = header["layouts"][0] if header["layouts"][0] not in NOT_OF_RESULTS else "contiguous"
            held = (np.empty(shape, dtype=held_in) for shape in shapes)
            views = [self.laid_out(self.carrier(array, dtype), layout) for array in held]
            outs = tuple(self.to_face(poisoned(view), dtype, buffer) for view, buffer in views)
            out = outs[0] if len(outs) == 1 else outs
        before = [self.copied(given[i]) for i in header["updates"]]
        with device_kept(self.mirrors), user_code("the kernel", self.path):
            returned = self.kernel(*given, **options, **({} if out is None else {"out": out}))
            returned = out if returned is None and out is not None else returned
            if self.mirrors is not None:
                synchronize()  # what went wrong on the device is told no sooner
                self.mirrors.fetch()
        arrays = self.arrays_of(returned)
        unfilled = out is not None and returned is not out and bits_of(self.arrays_of(out)) != bits_of(arrays)
        found = Returned(returned, arrays, views, unfilled)
        if not header["updates"]:
            return found
        updated = self.arrays_of([self.copied(given[i]) for i in header["updates"]])
        # a state that is returned is what the kernel wrote over the old one, until that is put back
        own = tuple(any(shares(one, given[i]) for i in header["updates"]) for one in listed(returned))
        arrays = [
            (np.array(a, order="C"), name) if mine else (a, name) for (a, name), mine in zip(arrays, own, strict=True)
        ]
        for i, kept in zip(header["updates"], before, strict=True):
            given[i][...] = kept
        if self.mirrors is not None:
            self.mirrors.fetch()
        return replace(found, arrays=arrays + updated, own=own)

    def forget(self) -> None:
        """Let go of what lay on the device for the last call."""
        if self.mirrors is not None:
            self.mirrors = Mirrors(self.mirrors.device)

    def copied(self, array: Any) -> Any:
        """An argument that the kernel overwrites, before or after."""
        return array.detach().clone() if self.face == "torch" else array.copy()

    def arrays_of(self, returned: Any) -> list[tuple[np.ndarray, str]]:
        """Every output as an array and the name of its dtype."""
        with user_code("the kernel", self.path):
            plain = [as_plain(one, os.path.dirname(self.path)) for one in listed(returned)]
        return [from_plain(*one) for one in plain]

    def laid_out(self, values: np.ndarray, layout: str) -> tuple[np.ndarray, np.ndarray]:
        """As `laid_out`, in the layout that stands for one that such arrays have not."""
        return laid_out(values, IN_PLACE_OF.get((self.face, layout), layout), self.between)

    def side_by_side(self, held: list[np.ndarray], layouts: list[str]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Those arguments that lie in one buffer, each with all of it."""
        there = [(a, layout) for a, layout in zip(held, layouts, strict=True) if layout in SIDE_BY_SIDE]
        if there:
            views, whole = side_by_side([a for a, _ in there], SIDE_BY_SIDE[there[0][1]])
            yield from ((view, whole) for view in views)

    def carrier(self, values: np.ndarray, dtype: str) -> np.ndarray:
        """What the memory holds: the values, or for a torch tensor of a dtype that NumPy lacks their bits as int16."""
        if carrier_of(dtype) == dtype or self.face != "torch":
            return values
        return (np.ascontiguousarray(values).view(np.uint32) >> 16).astype(np.uint16).view(np.int16)

    def to_face(self, held: np.ndarray, dtype: str, buffer: np.ndarray, layout: str = "contiguous") -> Any:
        """The array itself, or a torch tensor of the same strides on the same memory, as its layout has it: recorded
        by autograd, or of conjugates, with the bit that says so.

        Where the kernel is to be given what lies on a device, on a copy of `buffer`, the whole memory.
        """
        if self.face != "torch":
            return held
        torch = sys.modules["torch"]
        tensor = within(held, buffer) if self.mirrors is None else self.mirrors.of(held, buffer)
        tensor = tensor.view(getattr(torch, dtype)) if carrier_of(dtype) != dtype else tensor
        if layout == "conjugated":
            return tensor.conj()
        return tensor.requires_grad_() if layout == "recorded" and held.dtype.kind != "i" else tensor


@dataclass(frozen=True)
class Returned:
    """What one call gave: as it came, as arrays, and the (view, buffer) pairs it was given to write into.

    Attributes:
        unfilled: what it was given to write into holds something else than what it returned.
        own: of each array returned, whether it lies in an argument that the op updates.
    """

    returned: Any
    arrays: list[tuple[np.ndarray, str]]
    outs: list[tuple[np.ndarray, np.ndarray]]
    unfilled: bool = False
    own: tuple[bool, ...] = ()

    def wrote_outside(self) -> bool:
        """Whether the memory between and around the elements of `out` is no longer what it was."""
        for view, buffer in self.outs:
            if view.size < buffer.size:
                inside = view.copy()
                poisoned(view, PADDING)
                clean = buffer.tobytes() == poisoned(buffer.copy(), PADDING).tobytes()
                view[...] = inside
                if not clean:
                    return True
        return False


def bits_of(arrays: list[tuple[np.ndarray, str]]) -> list[bytes]:
    """The bytes of every array, in C order."""
    return [array.tobytes() for array, _ in arrays]


def named(module: Any, name: str) -> tuple[Any, str]:
    """(what the name stands for, what the file offers instead where there is no such name)."""
    value: Any = module
    for part in name.split("."):
        if not hasattr(value, part):
            names = [k for k, v in vars(value).items() if inspect.isfunction(v) and not k.startswith("_")]
            return None, f"it defines {', '.join(names[:12])}" if names else "it defines no function"
        value = getattr(value, part)
    return value, ""


def globals_of(kernel: Any) -> dict[str, Any]:
    """The names that a function's own file defines, whatever file it was imported by; of other objects, none."""
    kernel = getattr(kernel, "func", kernel)
    called = kernel if inspect.isfunction(kernel) else inspect.getattr_static(type(kernel), "__call__", None)
    own = inspect.unwrap(called) if inspect.isfunction(called) else called
    return dict(getattr(own, "__globals__", {}))


def imports_torch(names: dict[str, Any]) -> bool:
    """Whether any of the names stands for torch, for a part of it, or for something that it defines."""
    if "torch" not in sys.modules:
        return False
    return any(root_of(value) == "torch" for value in names.values())


def root_of(value: Any) -> str:
    """The package that a module is part of, or whose function, class or object something is."""
    if inspect.ismodule(value):
        return str(value.__name__).partition(".")[0]
    # functions of an extension tell the module they belong to by `__self__`, or by their class alone
    owners = (value, getattr(value, "__self__", None), type(value))
    found = (getattr(owner, "__module__", None) or getattr(owner, "__name__", None) for owner in owners)
    roots = [name.partition(".")[0] for name in found if isinstance(name, str)]
    return "torch" if "torch" in roots else roots[0] if roots else ""


def seed_torch_by_chance() -> None:
    """What draws random numbers is to differ between processes; torch starts from the same seed in each."""
    torch: Any = sys.modules.get("torch")
    if torch is not None and hasattr(torch, "default_generator") and torch.initial_seed() == TORCH_STARTS_FROM:
        torch.seed()


def signature_of(kernel: Any) -> inspect.Signature | None:
    try:
        return inspect.signature(kernel)
    except (TypeError, ValueError):
        return None


def listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, tuple | list) else [value]


def as_plain(value: Any, folder: str) -> tuple[Any, str]:
    """An output as a torch tensor or a NumPy array of no class of the user's, and the name of its type.

    An object of a class of the user's own, who keeps files in `folder`, is no array: what it computes when it is read
    was not returned.
    """
    torch: Any = sys.modules.get("torch")
    if type(value) is not np.ndarray and not isinstance(value, np.ndarray) and not is_of_a_library(type(value), folder):
        return None, f"{type(value).__name__}, a class of its own"
    if torch is not None and hasattr(torch, "Tensor") and isinstance(value, torch.Tensor):
        return value.detach(), type(value).__name__
    if isinstance(value, np.ma.MaskedArray) and np.ma.getmaskarray(value).any():
        return None, "an array with masked entries"
    if hasattr(value, "__array__") and hasattr(value, "dtype"):
        return np.asarray(value), type(value).__name__
    return None, type(value).__name__


def is_of_a_library(kind: type, folder: str) -> bool:
    """Whether a class is what a module from elsewhere than the user's folder calls by its name."""
    module: Any = sys.modules.get(kind.__module__)
    file = os.path.abspath(getattr(module, "__file__", None) or os.sep)
    if module is None or os.path.dirname(file) == folder:
        return False
    found: Any = module
    for part in kind.__qualname__.split("."):
        found = getattr(found, part, None)
    return found is kind


def from_plain(value: Any, kind: str) -> tuple[np.ndarray, str]:
    """An output as a NumPy array and the name of its dtype; what NumPy lacks comes in its carrier, value for value.

    Raises:
        SandboxError: it is no array of numbers.
    """
    if value is None:
        raise SandboxError(Outcome.NOT_AN_ARRAY, f"the kernel returned {kind}, expected an array")
    if type(value) is not np.ndarray:
        return from_tensor(value)
    array, name = value, value.dtype.name
    if carrier_of(name) != name:
        return array.astype(carrier_of(name)), name
    if name not in wire.DTYPES:
        if array.dtype.kind not in "fc":
            raise SandboxError(Outcome.NOT_AN_ARRAY, f"the kernel returned an array of dtype {name}, expected numbers")
        # a format too wide to cross, and wrong under its own name
        array = array.astype(np.float64 if array.dtype.kind == "f" else np.complex128)
    return array.astype(array.dtype.newbyteorder("="), copy=False), name


def from_tensor(value: Any) -> tuple[np.ndarray, str]:
    """As `from_plain`, of a torch tensor."""
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


def poison_freed_there(shapes: list[list[int]], dtype: str, device: str) -> None:
    """Leave poison in what torch keeps of a device's freed memory, too."""
    torch = sys.modules["torch"]
    blocks = [torch.empty(shape, dtype=getattr(torch, dtype), device=device) for shape in shapes]  # poisoned, if any is
    del blocks


@contextmanager
def device_kept(mirrors: Mirrors | None) -> Iterator[None]:
    """Around user code: an error after which nothing more can be computed on the device is a crash.

    Raises:
        UserCodeError: user code raised anything; CRASH where that is so, after which the process is of no more use.
    """
    try:
        yield
    except UserCodeError as error:
        try:
            if mirrors is not None:
                synchronize()
        except Exception:  # whatever torch or CuPy raise of a device that is lost
            lost = f"the device was lost: {error.message}"
            raise UserCodeError(Outcome.CRASH, lost, error.error) from None
        raise


def why_no_device(face: str, device: str) -> str | None:
    """What keeps a kernel from being given arguments on a device; None where nothing does."""
    if face != "torch":
        return f"device: expected cpu for a kernel of NumPy's arrays, got {device}"
    torch = sys.modules["torch"]
    if not torch.cuda.is_available():
        return f"device: expected cpu where torch sees no GPU, got {device}"
    return None


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
    if tensor.device.type not in ("cpu", "cuda") or not tensor.numel():
        return tensor.fill_(float("nan")) if tensor.is_floating_point() else tensor
    real = torch.view_as_real(tensor) if tensor.is_complex() else tensor
    name = str(real.dtype).removeprefix("torch.")
    if name in POISON:
        real.view(getattr(torch, f"int{8 * real.itemsize}")).fill_(POISON[name])
    return tensor


if __name__ == "__main__":
    serve(KernelServer(), "the kernel")
