"""The process a model runs in: it loads and evaluates. Started by `Sandbox`, not by people."""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Callable
from importlib.metadata import entry_points
from typing import Any

import numpy as np

from monarch_theory.sandbox import loading, tracing
from monarch_theory.sandbox.arithmetic import Watch, watched
from monarch_theory.sandbox.bridge import named_arrays, no_arrays, place_of, same_bits, to_face, torch_or_none
from monarch_theory.sandbox.calling import Asked, arguments, parameters
from monarch_theory.sandbox.constants import asks_for_nan, numbers_named
from monarch_theory.sandbox.outcome import Outcome, SandboxError
from monarch_theory.sandbox.parameters import (
    all_zero,
    fill_parameter,
    held_in_double,
    in_double,
    own_dtype,
    redraw_parameters,
    trainable,
)
from monarch_theory.sandbox.serving import Answer, serve

__all__ = ["Server"]

PROVERS = "monarch.provers"
"""Entry points by which a package proves from graphs: named after the library whose models they read."""


class Server:
    """Holds the model between requests."""

    def __init__(self) -> None:
        self.model: Callable[..., Any] | None = None
        self.path = ""
        self.zeros: dict[str, Any] = {}
        self.place: Any = None
        self.loaded: dict[str, Any] = {}

    def load(self, header: dict[str, Any], arrays: tuple[np.ndarray, ...]) -> Answer:
        """Run the file again and describe what NAME is; the model from before stays where that fails."""
        self.path = loading.file_of(header["path"])
        knew_torch = torch_or_none() is not None
        started = time.perf_counter()
        model = loading.load(header["path"], header["name"], header["seed"], header.get("init"))
        if torch_or_none() is not None and not knew_torch:
            # torch came with the file, unseeded: what a model draws when made must be the same at every load
            started = time.perf_counter()
            with contextlib.suppress(SandboxError):
                model = loading.load(header["path"], header["name"], header["seed"], header.get("init"))
        found = loading.random_submodules(model)
        if found:
            raise SandboxError(
                Outcome.TRAINING,
                f"{', '.join(found[:4])} in training mode is random or mixes the batch: call .eval() first",
            )
        if header.get("randomise"):
            redraw_parameters(model, header["randomise"], header["seed"])
        widened = loading.to_double(model) if header["double"] else None
        self.model, self.zeros, self.loaded = model, all_zero(model), header
        modules = [module for _, module in loading.torch_modules(model)]
        self.place = place_of(modules)
        return {
            "faces": loading.faces(model),
            "parameters": next(filter(None, map(own_dtype, modules)), None),
            "widened": widened,
            "training": any(m.training for m in modules),
            "seconds": time.perf_counter() - started,
            "takes": parameters(model),
            "zeros": list(self.zeros),
            "specials": special_tokens(modules),
            "numbers": list(numbers_named(model)),
            "asks_for_nan": asks_for_nan(model),
            "shapes": [(name, list(parameter.shape)) for name, parameter in trainable(model).items()],
        }, ()

    def evaluate(self, header: dict[str, Any], arrays: tuple[np.ndarray, ...]) -> Answer:
        """Call the model once; say if it wrote into what it was given, which has to be allowed.

        Where the header has a `watch`, its arithmetic is noted, and with a seed its rounding redrawn.
        """
        if self.model is None:
            raise SandboxError(Outcome.EXCEPTION, "the model was not loaded")
        given = self.faced(arrays, header)
        precise = bool(header.get("watch") and header["watch"]["arithmetic"])
        called_with = [in_double(g) for g in given] if precise else given
        positional, keywords = arguments(called_with, header.get("slots") or [["positional", ""]] * len(given))
        watch = Watch(tokens=arrays[0], **header["watch"]) if header.get("watch") else None
        started = time.perf_counter()
        with (
            held_in_double(self.model) if precise else contextlib.nullcontext(),
            watched(watch, loading.modules_beside(self.path)) if watch else contextlib.nullcontext(),
            self.mode(header),
        ):
            output = self.model(*positional, **keywords)
        seconds = time.perf_counter() - started
        writes = not all(same_bits(g, a) for g, a in zip(given, arrays, strict=True))
        if writes and not header.get("may_write"):
            raise SandboxError(Outcome.IN_PLACE, "the model writes into its own input: give it a copy to write to")
        outputs, dtypes, names = named_arrays(output)
        count = len(outputs) if header["all"] else 1
        answer = {"seconds": seconds, "dtypes": dtypes[:count], "names": names[:count], "count": len(outputs)}
        answer["others"], answer["writes"] = list(no_arrays(output)), writes
        if watch:
            answer |= {"transforms": sorted(watch.transforms), "coarsest": watch.coarsest, "rows": watch.rows}
            answer |= {"sizes": watch.sizes, "unstable": watch.unstable}
        return answer, tuple(outputs[:count])

    def mode(self, header: dict[str, Any]) -> contextlib.AbstractContextManager[Any]:
        """In inference mode, if the call asks for it; else with gradients or without, as the last load said."""
        torch = torch_or_none()
        if torch is not None and header.get("inference"):
            return torch.inference_mode()
        return contextlib.nullcontext() if torch is None or self.loaded.get("gradients", True) else torch.no_grad()

    def faced(self, arrays: tuple[np.ndarray, ...], header: dict[str, Any]) -> list[Any]:
        """The arrays as the model takes them, on the device where it lies."""
        return [to_face(a, header["face"], d, self.place) for a, d in zip(arrays, header["dtypes"], strict=True)]

    def keys(self, header: dict[str, Any], arrays: tuple[np.ndarray, ...]) -> Answer:
        """The keys the model takes from a mapping that holds, for each, the input, or ones where it names a mask."""
        if self.model is None:
            raise SandboxError(Outcome.EXCEPTION, "the model was not loaded")
        value, ones, *rest = self.faced(arrays, header)
        beside = dict(zip(header["beside"], rest, strict=True))
        mapping = Asked(lambda key: beside.get(key, ones if "mask" in str(key) else value))
        with self.mode(header):
            self.model(mapping)
        return {"keys": mapping.keys_asked}, ()

    def prove(self, header: dict[str, Any], arrays: tuple[np.ndarray, ...]) -> Answer:
        """What the prover another package declares says of the call; a certificate comes as the bytes of its JSON."""
        if self.model is None:
            raise SandboxError(Outcome.EXCEPTION, "the model was not loaded")
        provers = [entry for entry in entry_points(group=PROVERS) if entry.name == header["face"]]
        if not provers or header["face"] not in sys.modules:
            return {"proved": False, "reason": "no graph", "detail": "no library with graphs made the model"}, ()
        count = len(header["slots"])
        given = [self.faced(arrays[k : k + count], header) for k in range(0, len(arrays), count)]
        calls = [(*arguments(each, header["slots"]), each[:1]) for each in given]
        wanted = header["axis"], header["contract"], header["certificate"]
        more = {"others": calls[1:], "together": header["together"], "seconds": header["seconds"]} if calls[1:] else {}
        if header["beside"]:
            more["beside"] = self.beside(**header["beside"])
        facts = provers[0].load()(self.model, *calls[0], *wanted, **more)
        certificate = facts.pop("certificate", None)
        held = () if certificate is None else (np.frombuffer(json.dumps(certificate).encode(), np.uint8),)
        return facts, held

    def beside(self, name: str, init: Any) -> Callable[..., Any]:
        """Another callable, from the file run afresh as it was for the model, and held as that is."""
        model = loading.load(self.loaded["path"], name, self.loaded["seed"], init)
        if self.loaded["double"]:
            loading.to_double(model)
        return model

    def trace(self, header: dict[str, Any], arrays: tuple[np.ndarray, ...]) -> Answer:
        """The module in which a change reaches an output: the arrays are those of two calls, one after the other."""
        if self.model is None:
            raise SandboxError(Outcome.EXCEPTION, "the model was not loaded")
        half = len(arrays) // 2
        runs = [arguments(self.faced(call, header), header["slots"]) for call in (arrays[:half], arrays[half:])]
        with self.mode(header):
            return {"entry": tracing.entry(self.model, runs, header["place"], header["n"], header["size"])}, ()

    def fill(self, header: dict[str, Any], arrays: tuple[np.ndarray, ...]) -> Answer:
        """Give the parameters that were all zero random values, or their zeros back."""
        for k, parameter in enumerate(self.zeros.values()):
            fill_parameter(parameter, header["size"], header["seed"] + k)
        return {}, ()

    def reseed(self, header: dict[str, Any], arrays: tuple[np.ndarray, ...]) -> Answer:
        """Seed every random generator."""
        loading.seed_everything(header["seed"])
        return {}, ()


def special_tokens(modules: list[Any]) -> list[int]:
    """Tokens that a configuration held by a model names: beginning, end, padding."""
    found = []
    for module in modules:
        config = getattr(module, "config", None)
        for name in ("bos_token_id", "eos_token_id", "pad_token_id", "sep_token_id", "cls_token_id", "mask_token_id"):
            value = getattr(config, name, None)
            found += [v for v in (value if isinstance(value, list) else [value]) if type(v) is int]
    return found


if __name__ == "__main__":
    serve(Server(), "the model")
