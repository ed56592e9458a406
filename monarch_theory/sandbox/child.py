"""The process user code runs in: a loop that loads, evaluates and answers. Started by `Sandbox`, not by people."""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from monarch_theory.sandbox import loading, wire
from monarch_theory.sandbox.bridge import as_numpy, same_bits, to_face, torch_or_none
from monarch_theory.sandbox.outcome import Outcome, SandboxError

__all__ = ["main"]

Answer = tuple[dict[str, Any], tuple[np.ndarray, ...]]


class Server:
    """Holds the model between requests."""

    def __init__(self) -> None:
        self.model: Callable[..., Any] | None = None
        self.path = ""

    def answer(self, header: dict[str, Any], arrays: tuple[np.ndarray, ...]) -> Answer:
        """What was asked, or the outcome of what went wrong."""
        try:
            return getattr(self, header["do"])(header, arrays)  # type: ignore[no-any-return]
        except SandboxError as error:
            return {"outcome": error.outcome.name, "message": error.message}, ()
        except SystemExit as error:
            return {"outcome": "EXIT", "message": f"the model called sys.exit({error.code!r})"}, ()
        except BaseException as error:
            outcome = "OUT_OF_MEMORY" if is_out_of_memory(error) else "EXCEPTION"
            return {"outcome": outcome, "message": loading.quoted(error, self.path)}, ()

    def load(self, header: dict[str, Any], arrays: tuple[np.ndarray, ...]) -> Answer:
        """Run the file again and describe what NAME is; the model from before stays where that fails."""
        self.path = header["path"]
        knew_torch = torch_or_none() is not None
        started = time.perf_counter()
        model = loading.load(self.path, header["name"], header["seed"])
        if torch_or_none() is not None and not knew_torch:
            # torch came with the file, unseeded: what a model draws when made must be the same at every load
            started = time.perf_counter()
            with contextlib.suppress(SandboxError):
                model = loading.load(self.path, header["name"], header["seed"])
        found = loading.random_submodules(model)
        if found:
            raise SandboxError(
                Outcome.TRAINING,
                f"{', '.join(found[:4])} in training mode is random or mixes the batch: call .eval() first",
            )
        widened = loading.to_double(model) if header["double"] else None
        self.model = model
        torch = torch_or_none()
        is_module = torch is not None and isinstance(model, torch.nn.Module)
        return {
            "faces": loading.faces(model),
            "parameters": own_dtype(model) if is_module else None,
            "widened": widened,
            "training": any(m.training for _, m in loading.torch_modules(model)),
            "seconds": time.perf_counter() - started,
        }, ()

    def evaluate(self, header: dict[str, Any], arrays: tuple[np.ndarray, ...]) -> Answer:
        """Call the model once; say if it wrote into what it was given."""
        if self.model is None:
            raise SandboxError(Outcome.EXCEPTION, "the model was not loaded")
        given = [to_face(a, header["face"], d) for a, d in zip(arrays, header["dtypes"], strict=True)]
        started = time.perf_counter()
        output = self.model(*given)
        seconds = time.perf_counter() - started
        if not all(same_bits(g, a) for g, a in zip(given, arrays, strict=True)):
            raise SandboxError(Outcome.IN_PLACE, "the model writes into its own input: give it a copy to write to")
        outputs, dtypes = as_numpy(output)
        wanted = outputs if header["all"] else outputs[:1]
        return {"seconds": seconds, "dtypes": dtypes[: len(wanted)], "count": len(outputs)}, tuple(wanted)

    def reseed(self, header: dict[str, Any], arrays: tuple[np.ndarray, ...]) -> Answer:
        """Seed every random generator."""
        loading.seed_everything(header["seed"])
        return {}, ()


def own_dtype(model: Any) -> str | None:
    """Dtype of the first floating or complex parameter of a torch module."""
    for tensor in model.parameters():
        if tensor.is_floating_point() or tensor.is_complex():
            return str(tensor.dtype).removeprefix("torch.")
    return None


def is_out_of_memory(error: BaseException) -> bool:
    """Python's, NumPy's and torch's ways of saying that an allocation failed."""
    words = ("can't allocate memory", "bad_alloc", "out of memory", "Cannot allocate memory", "bad allocation")
    return isinstance(error, MemoryError) or any(w in str(error) for w in words)


def die_with_parent() -> None:
    """Linux: this process is not to outlive the one that started it."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def limit_memory(gibibytes: float) -> None:
    """Private writable memory: file mappings, of which torch makes many, do not count."""
    size = int(gibibytes * 2**30)
    resource.setrlimit(resource.RLIMIT_DATA, (size, size))


def main() -> None:
    """Arguments: the descriptor to read requests from, the one to answer on, the memory limit in GiB (0: none)."""
    incoming, outgoing, gibibytes = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    sys.argv = ["model"]
    for descriptor in (incoming, outgoing):
        os.set_inheritable(descriptor, False)
    die_with_parent()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if gibibytes:
        limit_memory(gibibytes)
    requests, answers = os.fdopen(incoming, "rb"), os.fdopen(outgoing, "wb", buffering=0)
    server, own = Server(), os.getpid()

    def read(size: int) -> bytes:
        data = requests.read(size)
        if len(data) < size:
            os._exit(0)
        return data

    while True:
        answer = server.answer(*wire.receive(read))
        if os.getpid() != own:
            os._exit(0)  # user code forked, and this is the copy
        try:
            message = wire.encode(*answer)
        except MemoryError:
            message = wire.encode({"outcome": "OUT_OF_MEMORY", "message": "no memory left to return the output"})
        view = memoryview(message)
        while view:
            view = view[os.write(answers.fileno(), view) :]


if __name__ == "__main__":
    main()
