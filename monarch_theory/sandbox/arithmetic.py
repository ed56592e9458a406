"""What arithmetic user code does, seen while it runs: its transforms, its coarsest precision; and its rounding redrawn.

A run under `watched` notes facts. With a seed it adds to the result of every inexact operation an error of
the size of its own rounding, drawn at random (Monte Carlo arithmetic: Parker 1997; CESTAC: Vignes 1993): what then
varies in the outputs is their rounding noise, at the very input in question, whatever the model is made of. The draw
follows from the seed, the place and the number itself: as real rounding does, two runs with the same seed err alike
where they compute alike, and independently where they do not. What takes no more than half of its digits is taken for
exact, as counts and positions are, on which masks depend. A transform's error is relative to the norm of what it
returns, u·√log₂L·rms, any other's to each number it returns. What factors or solves is backward stable at best: its
result is that of matrices whose numbers err by u·√n of the norm, zeros among them, and may be ill-conditioned; so it is
those that are redrawn. An exponential errs so in its own norm, too.

The precision is changed, too: with `arithmetic` "double" torch computes in double precision what it was to compute in
less; with "single" every result is then rounded to the digits of single precision. Rounding follows the precision;
what a function depends on does not.

Of torch every operation is seen, by a dispatch mode. Of NumPy and SciPy only transforms and what factors matrices are,
by name: their functions are exchanged for watched ones, in their modules and wherever the user's modules hold them, and
put back afterwards.
"""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from math import log2, pi, prod, sqrt
from types import ModuleType
from typing import Any

import numpy as np

from monarch_theory.formats import FLOAT16, FLOAT64, FORMATS, numpy_lacks
from monarch_theory.sandbox.bridge import torch_or_none

__all__ = ["ROUNDOFF", "Watch", "drawn", "watched"]

ROUNDOFF = {name: f.unit_roundoff for f in FORMATS for name in (f.name, f.paired) if name}
ROUNDOFF["complex32"] = FLOAT16.unit_roundoff  # which torch has, and NumPy lacks

WATCHING: list[Watch] = []
LIBRARIES = ("numpy.fft", "scipy.fft", "scipy.fftpack", "numpy.linalg", "scipy.linalg")
TRANSFORMS = frozenset(
    f"{name}{suffix}"
    for name in ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft", "dct", "idct", "dst", "idst", "fht", "ifht")
    for suffix in ("", "2", "n")
)

# what factors and solves, in NumPy and SciPy
OF_MATRICES = frozenset((
    "cho_factor", "cho_solve", "cholesky", "det", "eig", "eigh", "eigvals", "eigvalsh", "hessenberg",
    "inv", "ldl", "lstsq", "lu", "lu_factor", "lu_solve", "pinv", "pinvh", "polar", "qr", "schur",
    "slogdet", "solve", "solve_banded", "solve_sylvester", "solveh_banded", "svd", "svdvals",
))  # fmt: skip

# functions of matrices whose error follows from no bound: in SciPy they are not backward stable
UNSTABLE = frozenset(("cosm", "coshm", "expm", "funm", "logm", "signm", "sinm", "sinhm", "sqrtm", "tanhm", "tanm"))

OWN_TRANSFORM = "monarch::fourier"

# torch operations that factor, solve or take functions of matrices: one of its own and of triangular ones, and the rest
STRUCTURED = frozenset(("linalg_solve_triangular", "triangular_solve"))
FACTORING = frozenset((
    "cholesky", "cholesky_inverse", "cholesky_solve", "geqrf", "inverse", "linalg_cholesky_ex", "linalg_eig",
    "linalg_eigvals", "linalg_householder_product", "linalg_inv_ex", "linalg_ldl_factor_ex", "linalg_ldl_solve",
    "linalg_lstsq", "linalg_lu", "linalg_lu_factor_ex", "linalg_lu_solve", "linalg_matrix_exp", "linalg_pinv",
    "linalg_qr", "lu_solve", "orgqr", "ormqr", "_cholesky_solve_helper", "_linalg_det", "_linalg_eigh",
    "_linalg_eigvals", "_linalg_slogdet", "_linalg_solve_ex", "_linalg_svd", *STRUCTURED,
))  # fmt: skip

# torch operations whose floating results are copies or selections of what they were given, or are no results at all
EXACT = frozenset((
    "abs", "arange", "argmax", "argmin", "bucketize", "cat", "ceil", "clamp", "clamp_max", "clamp_min", "clone",
    "complex", "constant_pad_nd", "copy", "copy_", "cummax", "cummin", "diag_embed", "embedding", "empty",
    "empty_like", "empty_strided", "eye", "fill", "fill_", "flip", "floor", "full", "full_like", "gather", "hardtanh",
    "index", "index_put", "index_put_", "index_select", "isfinite", "isinf", "isnan", "kthvalue", "leaky_relu",
    "masked_fill", "masked_fill_", "masked_scatter", "masked_select", "max", "maximum", "median", "min", "minimum",
    "minmax", "neg", "neg_", "new_empty", "new_full", "new_ones", "new_zeros", "nonzero", "ones", "ones_like",
    "reflection_pad1d", "relu", "relu_", "repeat", "repeat_interleave", "replication_pad1d", "roll", "round",
    "scalar_tensor", "scatter", "scatter_", "select_scatter", "sign", "slice_scatter", "sort", "split_with_sizes",
    "stack", "take", "topk", "tril", "tril_", "triu", "triu_", "trunc", "unfold_copy", "view_as_complex",
    "view_as_real", "where", "zero_", "zeros", "zeros_like", "amax", "amin", "max_pool1d_with_indices",
    "max_pool2d_with_indices", "_local_scalar_dense", "_unsafe_index", "lift_fresh", "lift_fresh_copy", "rand",
    "randn", "rand_like", "randn_like", "normal_", "uniform_", "randint", "randperm", "bernoulli_", "linspace",
))  # fmt: skip


@dataclass
class Watch:
    """What is noted of a run, and how its rounding is redrawn.

    seed: of the errors added, None to add none; amplitude: their size, in units of usual rounding; tokens: those given.
    transforms: dtype and length of each kind seen, and of what factors matrices, which spreads rounding, too; coarsest:
    the dtype of least precision in which torch computed; rows: of the table that the tokens were looked up in; sizes: a
    number that follows from the shapes of what torch computed, one after the other; arithmetic: "double", "single", or
    empty for that of the code; unstable: whether a function of `UNSTABLE` was seen.
    """

    seed: int | None = None
    amplitude: float = 1.0
    tokens: np.ndarray | None = None
    arithmetic: str = ""
    transforms: set[tuple[str, int]] = field(default_factory=set)
    coarsest: str | None = None
    rows: int | None = None
    sizes: int = 0
    unstable: bool = False

    def __post_init__(self) -> None:
        self.rng = np.random.default_rng(self.seed or 0)

    def transformed(self, y: Any, axes: Any) -> Any:
        """A NumPy transform's result, over `axes`, with its error redrawn."""
        if not isinstance(y, np.ndarray) or y.dtype.name not in ROUNDOFF:
            return y
        along = tuple(range(y.ndim)) if axes is None else tuple(np.atleast_1d(axes))
        length = prod(y.shape[a] for a in along)
        self.transforms.add((y.dtype.name, length))
        if self.seed is None or not y.size:
            return y
        rms = np.sqrt((np.abs(y) ** 2).mean(axis=along, keepdims=True))
        with np.errstate(all="ignore"):
            error = drawn(y.real, self.rng) * rms
            if np.iscomplexobj(y):
                error = error + 1j * drawn(y.imag, self.rng) * rms
            return (y + error * (self.amplitude * spread_of_transform(y.dtype.name, length))).astype(y.dtype)

    def redrawn(self, matrices: Any) -> Any:
        """An argument of a NumPy function of `OF_MATRICES`, with the errors of a backward stable algorithm."""
        if not isinstance(matrices, np.ndarray) or matrices.ndim < 2 or matrices.dtype.name not in ROUNDOFF:
            return matrices
        a, side = matrices, max(matrices.shape[-2:])
        self.transforms.add((a.dtype.name, side))
        if self.seed is None or not a.size:
            return a
        with np.errstate(all="ignore"):
            error = drawn(a.real + 0.0, self.rng)
            if np.iscomplexobj(a):
                error = error + 1j * drawn(a.imag + 0.0, self.rng)
            norm = np.sqrt((np.abs(a) ** 2).sum(axis=(-2, -1), keepdims=True))
            return (a + error * norm * (self.amplitude * ROUNDOFF[a.dtype.name] * sqrt(side))).astype(a.dtype)


FEW = 1 << 12
"""So many numbers at most are called few."""

MIXERS = (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53)
"""Multipliers of the finaliser of MurmurHash3, by Austin Appleby: each bit given changes half of those made."""


def drawn(y: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Standard normal numbers that follow from `rng` and, place by place, from the bits of y."""
    bits = np.ascontiguousarray(y).view(f"u{y.dtype.itemsize}").astype(np.uint64)
    keys = bits ^ rng.integers(0, 2**64, y.shape, np.uint64)
    for mixer in MIXERS:
        keys = (keys ^ (keys >> np.uint64(33))) * np.uint64(mixer)
    keys ^= keys >> np.uint64(33)
    first, second = (keys >> np.uint64(32)) + 0.5, (keys & np.uint64(2**32 - 1)) + 0.5
    found = np.sqrt(-2 * np.log(first / 2**32)) * np.cos(2 * np.pi * second / 2**32)
    return np.asarray(found).reshape(y.shape)  # a single number is made a row of one by what is contiguous


def spread_of_transform(dtype: str, length: int) -> float:
    """u·√log₂(2L): rounding error of a fast transform of length L, relative to the root mean square of its result."""
    return ROUNDOFF[dtype] * sqrt(log2(2 * max(length, 1)))


@contextmanager
def watched(watch: Watch, modules: tuple[ModuleType, ...] = ()) -> Iterator[Watch]:
    """Note, and with a seed redraw, what runs inside; `modules` are the user's, which may hold transforms by name."""
    with ExitStack() as stack:
        WATCHING.append(watch)
        stack.callback(WATCHING.pop)
        stack.callback(restore, exchange(modules))
        if torch_or_none() is not None:
            if "torch._dynamo" in sys.modules:  # what is compiled runs as it is written: compilers refuse to be watched
                stack.enter_context(torch_or_none().compiler.set_stance("force_eager"))
            stack.enter_context(dispatch_mode(watch))
        yield watch


def exchange(modules: tuple[ModuleType, ...]) -> list[tuple[ModuleType, str, Any]]:
    """Put watched functions in the place of all that are loaded; what was there."""
    libraries = [sys.modules[name] for name in LIBRARIES if name in sys.modules]
    watched_ones: dict[int, Callable[..., Any]] = {}
    for library in libraries:
        for name in TRANSFORMS & vars(library).keys():
            original = vars(library)[name]
            if callable(original):
                watched_ones[id(original)] = watched_transform(original)
        for name in OF_MATRICES & vars(library).keys():
            watched_ones[id(vars(library)[name])] = of_redrawn_matrices(vars(library)[name])
        for name in UNSTABLE & vars(library).keys():
            watched_ones[id(vars(library)[name])] = noted_as_unstable(vars(library)[name])
    there = []
    for module in (*libraries, *modules):
        for name, value in list(vars(module).items()):
            if id(value) in watched_ones:
                there.append((module, name, value))
                setattr(module, name, watched_ones[id(value)])
    return there


def restore(there: list[tuple[ModuleType, str, Any]]) -> None:
    for module, name, value in there:
        setattr(module, name, value)


@functools.cache
def watched_transform(original: Callable[..., Any]) -> Callable[..., Any]:
    """A transform that shows its results to the innermost watch."""
    signature = inspect.signature(original)

    @functools.wraps(original)
    def transform(*args: Any, **kwargs: Any) -> Any:
        y = original(*args, **kwargs)
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        several = "axes" in signature.parameters
        return WATCHING[-1].transformed(y, bound.arguments["axes"] if several else bound.arguments.get("axis", -1))

    return transform


@functools.cache
def of_redrawn_matrices(original: Callable[..., Any]) -> Callable[..., Any]:
    """A function of matrices that shows them to the innermost watch."""

    @functools.wraps(original)
    def function(*args: Any, **kwargs: Any) -> Any:
        return original(*(WATCHING[-1].redrawn(a) for a in args), **kwargs)

    return function


@functools.cache
def noted_as_unstable(original: Callable[..., Any]) -> Callable[..., Any]:
    """A function of a matrix that the innermost watch notes."""

    @functools.wraps(original)
    def function(*args: Any, **kwargs: Any) -> Any:
        WATCHING[-1].unstable = True
        return original(*args, **kwargs)

    return function


def dispatch_mode(watch: Watch) -> Any:
    """A torch dispatch mode that feeds `watch`."""
    tensors, torch = _Tensors(watch), torch_or_none()
    mode = import_module("torch.utils._python_dispatch").TorchDispatchMode

    class Mode(mode):  # type: ignore[misc, valid-type]
        supports_higher_order_operators = True

        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            kwargs = kwargs or {}
            if not isinstance(func, torch._ops.HigherOrderOperator):
                return tensors.result_of(func, args, kwargs)
            # what it is made of is looked at
            plain = func.py_kernels.get(torch._C.DispatchKey.CompositeExplicitAutograd)
            if plain is None:
                return func(*args, **kwargs)
            with self:
                return plain(*args, **kwargs)

    return Mode()


def name_of(tensor: Any) -> str:
    """Of a tensor's dtype, as NumPy has it."""
    return str(tensor.dtype).removeprefix("torch.")


def axes_of_transform(func: Any, args: Any) -> list[int]:
    """Over which axes an operator transforms, torch's or this project's; none where it is no transform."""
    if func._schema.name == OWN_TRANSFORM:
        return [0]
    return list(args[1]) if func._schema.name.startswith("aten::_fft_") else []


class _Tensors:
    """What a watch notes of operations on tensors, and how it changes what they give."""

    def __init__(self, watch: Watch) -> None:
        self.watch, self.torch = watch, torch_or_none()
        torch = self.torch
        self.generator = torch.Generator().manual_seed(watch.seed or 0)
        self.wider = {getattr(torch, f.name): torch.float64 for f in FORMATS if f is not FLOAT64}
        self.wider |= {torch.complex32: torch.complex128, torch.complex64: torch.complex128}

    def result_of(self, func: Any, args: Any, kwargs: Any) -> Any:
        """What an operator gives, in the arithmetic asked for; its rounding is redrawn where it rounds."""
        if self.watch.arithmetic:
            args, kwargs = self.widened(func, args, kwargs)
        name, returns = func._schema.name.split("::")[-1], func._schema.returns
        out = self.factored(func, name, args, kwargs) if name in FACTORING else func(*args, **kwargs)
        if name == "embedding" and self.watch.tokens is not None:
            self.note_table(args[0], args[1])
        if name in EXACT or name.endswith("_copy") or not returns:
            return out
        if name in ("_to_copy", "to") and ROUNDOFF.get(name_of(out), 0.0) <= ROUNDOFF.get(name_of(args[0]), 1.0):
            return out
        if not isinstance(out, tuple):
            return self.passed_on(out, returns[0], func, args)
        changed = [self.passed_on(y, kind, func, args) for y, kind in zip(out, returns, strict=False)]
        return (*changed, *out[len(changed) :])

    def note_table(self, table: Any, indices: Any) -> None:
        """Of how many rows the table is in which the tokens are looked up."""
        tokens = self.watch.tokens
        if tokens is None or indices.numel() != tokens.size:
            return
        if (indices.detach().cpu().numpy().reshape(-1) == tokens.reshape(-1)).all():
            self.watch.rows = int(table.shape[0])

    def passed_on(self, y: Any, kind: Any, func: Any, args: Any) -> Any:
        """One result of an operator that rounds: itself where it is a view or no numbers with a point."""
        writes = kind.alias_info is not None and kind.alias_info.is_write
        if kind.alias_info is not None and not writes:
            return y
        if not isinstance(y, self.torch.Tensor) or y.layout != self.torch.strided or name_of(y) not in ROUNDOFF:
            return y
        if writes and self.torch.Tag.inplace_view in func.tags:
            return y
        new = self.redrawn(y, axes_of_transform(func, args), writes)
        return y if writes else new

    def redrawn(self, y: Any, axes: list[int], in_place: bool) -> Any:
        """The same with other errors, or in single precision, where that is asked; what is seen of it is noted."""
        watch, dtype = self.watch, name_of(y)
        length = prod(y.shape[a] for a in axes) if axes else y.shape[-1] if y.dim() else 1
        watch.sizes = hash((watch.sizes, tuple(y.shape)))
        if axes:
            watch.transforms.add((dtype, length))
        elif ROUNDOFF[dtype] > ROUNDOFF.get(watch.coarsest or "", 0.0):
            watch.coarsest = dtype
        if watch.arithmetic == "single" and ROUNDOFF[dtype] < ROUNDOFF["float32"]:
            new = self.rounded_to_single(y)
        elif watch.seed is None or not y.numel():
            return y
        else:
            new = self.with_errors(y, axes, length)
        return y.copy_(new) if in_place else self.torch.empty_like(y).copy_(new)  # with the strides of y: models look

    def with_errors(self, y: Any, axes: list[int], length: int) -> Any:
        """The result with an error of the size of its rounding: of each number, or of a transform's norm."""
        torch, real = self.torch, self.parts(y)
        draws = self.normal(real)
        draws = draws if axes else draws.masked_fill(self.short(real), 0.0)
        size = y.abs().double()
        if axes:
            size = size.square().mean(dim=axes, keepdim=True).sqrt()
        size = size.unsqueeze(-1) if y.is_complex() else size
        new = real.double() + draws * (size * (self.watch.amplitude * spread_of_transform(name_of(y), length)))
        largest = torch.finfo(real.dtype).max  # of which masks are made: no rounding of a finite number is infinite
        new = torch.where(real.isfinite(), new.clamp(-largest, largest), real.double()).to(real.dtype)
        return self.whole(new, y)

    def parts(self, y: Any) -> Any:
        """Real and imaginary parts along a last axis; what is real itself."""
        return self.torch.view_as_real(y) if y.is_complex() else y

    def whole(self, parts: Any, like: Any) -> Any:
        """What `parts` were made of, complex as that was."""
        return self.torch.view_as_complex(parts.contiguous()) if like.is_complex() else parts

    def normal(self, y: Any) -> Any:
        """As `drawn`, of tensors; NumPy, where there is an array, is done with few numbers before torch has begun."""
        torch = self.torch
        if y.numel() <= FEW and y.device.type == "cpu" and not numpy_lacks(name_of(y)):
            return torch.from_numpy(drawn(y.detach().numpy(), self.watch.rng))
        bits = y.detach().view({2: torch.int16, 4: torch.int32, 8: torch.int64}[y.element_size()]).to(torch.int64)
        keys = bits ^ torch.randint(-(2**63), 2**63 - 1, y.shape, generator=self.generator).to(y.device)
        for mixer in MIXERS:
            keys = (keys ^ ((keys >> 33) & (2**31 - 1))) * (mixer - 2**64)
        keys = keys ^ ((keys >> 33) & (2**31 - 1))
        first, second = ((keys >> 32) & (2**32 - 1)).double() + 0.5, (keys & (2**32 - 1)).double() + 0.5
        return (-2 * (first / 2**32).log()).sqrt() * (second * (2 * pi / 2**32)).cos()

    def short(self, y: Any) -> Any:
        """Where a number takes no more than half of its digits: counts and positions, whose arithmetic is exact."""
        torch = self.torch
        held, low = {8: (torch.int64, 2**26 - 1), 4: (torch.int32, 2**12 - 1)}.get(y.element_size(), (None, 0))
        return torch.zeros_like(y, dtype=torch.bool) if held is None else (y.detach().view(held) & low) == 0

    def rounded_to_single(self, y: Any) -> Any:
        """In this dtype, the number of single precision next to it; on a grid that `amplitude` shifts."""
        torch, amplitude = self.torch, self.watch.amplitude
        if y.is_complex():
            return torch.view_as_complex(self.rounded_to_single(torch.view_as_real(y)).contiguous())
        single = (y * amplitude).float().to(y.dtype) / amplitude
        return torch.where(single.isfinite() & (single != 0), single, y)

    def widened(self, func: Any, args: Any, kwargs: Any) -> tuple[Any, Any]:
        """The arguments in double precision, save those that are written to, or only looked at in another way."""
        arguments, returns = func._schema.arguments, func._schema.returns
        if returns and all(r.alias_info is not None and not r.alias_info.is_write for r in returns):
            return args, kwargs
        named = {a.name: a for a in arguments}
        made = tuple(self.wide(a, described) for a, described in zip(args, arguments, strict=False))
        return made, {name: self.wide(value, named[name]) for name, value in kwargs.items()}

    def wide(self, value: Any, argument: Any) -> Any:
        """One argument in double precision: a tensor, those in a list, or the name of a dtype."""
        if argument.alias_info is not None and argument.alias_info.is_write:
            return value
        if isinstance(value, self.torch.Tensor):
            return value.to(self.wider[value.dtype]) if value.dtype in self.wider else value
        if isinstance(value, list | tuple):
            return type(value)(self.wide(v, argument) for v in value)
        return self.wider.get(value, value) if isinstance(value, self.torch.dtype) else value

    def factored(self, func: Any, name: str, args: Any, kwargs: Any) -> Any:
        """What an operation of `FACTORING` gives, of matrices that are redrawn where a seed is given."""
        watch = self.watch
        if name not in STRUCTURED:
            watch.transforms.update((name_of(a), max(a.shape[-2:])) for a in args if self.is_matrices(a))
        if watch.seed is not None:
            args = tuple(self.backward_error(a, name in STRUCTURED) if self.is_matrices(a) else a for a in args)
        out = func(*args, **kwargs)
        return self.backward_error(out, False) if watch.seed is not None and name == "linalg_matrix_exp" else out

    def is_matrices(self, value: Any) -> bool:
        """Whether an argument is matrices of numbers with a point."""
        return isinstance(value, self.torch.Tensor) and value.dim() > 1 and name_of(value) in ROUNDOFF

    def backward_error(self, matrices: Any, structured: bool) -> Any:
        """Matrices with the errors of a backward stable algorithm; where structured, of each number and no zero."""
        real = self.parts(matrices)
        norm = matrices.abs().square().sum(dim=(-2, -1), keepdim=True).sqrt()
        size = matrices.abs() if structured else norm.expand(matrices.shape)
        size = size.unsqueeze(-1) if matrices.is_complex() else size
        error = ROUNDOFF[name_of(matrices)] * sqrt(max(matrices.shape[-2:])) * self.watch.amplitude
        return self.whole((real + self.normal(real + 0.0) * size * error).to(real.dtype), matrices)
