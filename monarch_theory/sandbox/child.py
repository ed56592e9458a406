"""The process a model runs in: it loads and evaluates. Started by `Sandbox`, not by people."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from monarch_theory.sandbox import loading
from monarch_theory.sandbox.bridge import as_numpy, same_bits, to_face, torch_or_none
from monarch_theory.sandbox.outcome import Outcome, SandboxError
from monarch_theory.sandbox.serving import Answer, serve

__all__ = ["Server"]


class Server:
    """Holds the model between requests."""

    def __init__(self) -> None:
        self.model: Callable[..., Any] | None = None
        self.path = ""

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


if __name__ == "__main__":
    serve(Server(), "the model")
