"""Times on one device, each beside its peer of torch: the Monarch product, the FFT convolution, M2-BERT.

Every candidate of a size runs in the same minute, after three calls that are not counted; the median of the calls that
fit into its seconds counts, by the device's own events where it has them. A candidate that cannot run says which error.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from statistics import median
from typing import Any

import torch

from benchmarks.bert_throughput import config_of
from monarch_gpu.bert import BertForMaskedLM
from monarch_gpu.ops import torch as torch_ops
from monarch_theory.digits import balanced_radices

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
Candidates = dict[str, Callable[[], object]]
Row = dict[str, Any]


def calls(device: str, run: Callable[[], object], seconds: float) -> Iterator[float]:
    """Seconds of one call after another, for about `seconds`."""
    end = time.perf_counter() + seconds
    while True:
        if device == "cuda":
            start, stop = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            start.record()
            run()
            stop.record()
            stop.synchronize()
            yield start.elapsed_time(stop) / 1e3
        else:
            began = time.perf_counter()
            run()
            yield time.perf_counter() - began
        if time.perf_counter() > end:
            return


def milliseconds(device: str, run: Callable[[], object], seconds: float) -> float | str:
    """The median time of a call, or the name of the error that it raised."""
    try:
        for _ in range(3):
            run()
        return 1e3 * median(calls(device, run, seconds))
    except Exception as error:  # a kernel that does not exist for a size is a finding, not the end of the table
        return type(error).__name__


def triton_ops() -> Any:
    """The operators of Triton, or None where it is not installed."""
    try:
        from monarch_gpu.ops import triton
    except ImportError:
        return None
    return triton


def multiply_candidates(device: str, n: int, batch: int, dtype: torch.dtype) -> Candidates:
    """y = M x of order 2 beside the dense product of the same size."""
    n0, n1 = balanced_radices(n)
    x = torch.randn(batch, n, device=device).to(dtype)
    right, left = torch.randn(n1, n0, n0, device=device).to(dtype), torch.randn(n0, n1, n1, device=device).to(dtype)
    dense = torch.randn(n, n, device=device).to(dtype)
    found: Candidates = {
        "torch dense": lambda: x @ dense,
        "Monarch, torch": lambda: torch_ops.monarch_multiply(x, right, left),
    }
    triton = triton_ops() if device == "cuda" else None
    if triton is not None:
        found["Monarch, Triton"] = lambda: triton.monarch_multiply(x, right, left)
    return found


def convolution_candidates(device: str, n: int, batch: int, dtype: torch.dtype) -> Candidates:
    """The causal convolution of 64 channels beside that by torch.fft, which computes in float32."""
    channels = 64
    u = torch.randn(max(1, batch // channels), channels, n, device=device).to(dtype)
    k = torch.randn(channels, n, device=device).to(dtype) / n

    def fft() -> torch.Tensor:
        spectrum = torch.fft.rfft(u.float(), n=2 * n) * torch.fft.rfft(k.float(), n=2 * n)
        return torch.fft.irfft(spectrum, n=2 * n)[..., :n].to(dtype)

    found: Candidates = {"torch.fft": fft, "Monarch, torch": lambda: torch_ops.long_convolution(u, k)}
    triton = triton_ops() if device == "cuda" else None
    if triton is not None:
        found["Monarch, Triton"] = lambda: triton.long_convolution(u, k)
    return found


TABLES: dict[str, Callable[[str, int, int, torch.dtype], Candidates]] = {
    "multiply": multiply_candidates,
    "convolution": convolution_candidates,
}


MODELS = {"BERT, SDPA": "bert", "M2-BERT, torch.fft": "m2-bert fft"}
"""The models of a table, as `bert_throughput` names them."""


def bert_row(
    device: str, n: int, tokens: int, layers: int, width: int, training: bool, seconds: float, compiled: bool = False
) -> Row:
    """Milliseconds of a call on about `tokens` tokens under bf16 autocast, and the peak of the device's memory."""
    row: Row = {"n": n, "mode": "training" if training else "forward"}
    for name, model in MODELS.items():
        torch.manual_seed(0)
        network = BertForMaskedLM(config_of(model, n, layers, width)).bert.to(device).train(training)
        run: torch.nn.Module = torch.compile(network) if compiled else network
        ids = torch.randint(1000, (max(1, tokens // n), n), device=device)

        def call(run: torch.nn.Module = run, ids: torch.Tensor = ids) -> None:
            with torch.autocast(device, torch.bfloat16), torch.set_grad_enabled(training):
                y = run(ids)
            if training:
                y.float().square().mean().backward()
                run.zero_grad()

        forget_peak(device)
        row[name] = milliseconds(device, call, seconds)
        if device == "cuda":
            row[f"{name}, peak GiB"] = peak(device)
    return row


def forget_peak(device: str) -> None:
    """Count the most of the device's memory from here on."""
    if device == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()


def peak(device: str) -> float | None:
    """GiB of the device's memory at most since that was forgotten; None of a processor."""
    return torch.cuda.max_memory_allocated() / 2**30 if device == "cuda" else None


def limits(device: str, size: int) -> Row:
    """TFLOP/s of one large matrix product in each dtype, and GB/s of a copy, read and write counted."""
    found: Row = {}
    for name, dtype in DTYPES.items():
        a = torch.randn(size, size, device=device).to(dtype)
        taken = milliseconds(device, lambda a=a: a @ a, 0.3)  # type: ignore[misc]
        found[f"TFLOP/s, {name}"] = taken if isinstance(taken, str) else 2 * size**3 / taken / 1e9
    source = torch.empty(size * size * 4, device=device)
    target = torch.empty_like(source)
    taken = milliseconds(device, lambda: target.copy_(source), 0.3)
    found["GB/s"] = taken if isinstance(taken, str) else 2 * 4 * source.numel() / taken / 1e6
    return found
