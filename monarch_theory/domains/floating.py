"""Floating-point reals and complex numbers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from monarch_theory.domains.domain import Domain, NoRootOfUnityError, SingularBlockError, plain

if TYPE_CHECKING:
    import sympy

__all__ = ["COMPLEX64", "COMPLEX128", "FLOAT32", "FLOAT64", "Floating"]


@dataclass(frozen=True)
class Floating(Domain):
    """Floating-point reals or complex numbers: measured, not exact."""

    kind: str
    exact: ClassVar[bool] = False

    @cached_property
    def dtype(self) -> np.dtype:  # type: ignore[override]
        return np.dtype(self.kind)

    @cached_property
    def name(self) -> str:  # type: ignore[override]
        return self.kind

    @property
    def is_complex(self) -> bool:
        return self.dtype.kind == "c"

    def scalar(self, value: Any) -> Any:
        return self.dtype.type(value)

    def array(self, values: Any, *, name: str = "values") -> np.ndarray:
        source = plain(values, name)
        if source.dtype.kind not in "iufc" or not np.can_cast(source.dtype, self.dtype, "same_kind"):
            raise TypeError(f"{name}: expected scalars of {self.name}, got dtype {source.dtype}")
        if source.dtype.kind in "fc" and not np.can_cast(source.dtype, self.dtype, "safe"):
            raise TypeError(f"{name}: expected {self.name} or narrower, got {source.dtype}")
        return source.astype(self.dtype)

    def reciprocal(self, value: Any) -> Any:
        return self.dtype.type(1) / value

    def to_sympy(self, value: Any) -> sympy.Expr:
        import sympy

        if not self.is_complex:
            return sympy.Float(float(value))
        return sympy.Float(float(value.real)) + sympy.I * sympy.Float(float(value.imag))

    def from_sympy(self, expression: sympy.Expr) -> Any:
        return self.dtype.type(complex(expression) if self.is_complex else float(expression))

    @property
    def sympy_options(self) -> dict[str, Any]:
        return {"domain": "CC" if self.is_complex else "RR"}

    def random(self, rng: np.random.Generator, shape: int | tuple[int, ...]) -> np.ndarray:
        real = rng.standard_normal(shape)
        return np.asarray(real + 1j * rng.standard_normal(shape) if self.is_complex else real, dtype=self.dtype)

    def conjugate(self, a: np.ndarray) -> np.ndarray:
        return a.conj()

    def matmul(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return a @ b

    def inverse(self, blocks: np.ndarray) -> np.ndarray:
        """Inverse of every block by LAPACK; a block with condition number above 1/u counts as singular."""
        n = blocks.shape[-1]
        flat = blocks.reshape(-1, n, n)
        if not np.isfinite(flat).all():
            raise ValueError("factors: expected finite entries to invert, got NaN or infinity")
        smallest = np.linalg.svd(flat, compute_uv=False) if n else np.ones((len(flat), 1))
        singular = smallest[:, -1] <= smallest[:, 0] * n * np.finfo(self.dtype).eps
        if singular.any():
            block = int(np.flatnonzero(singular)[0])
            raise SingularBlockError(
                f"factors: expected invertible blocks, got a numerically singular block {block} in {self.name}"
            )
        return np.linalg.inv(flat).reshape(blocks.shape)

    def root_of_unity(self, n: int) -> Any:
        if n in (1, 2):
            return self.dtype.type(1 if n == 1 else -1)
        if not self.is_complex:
            raise NoRootOfUnityError(f"domain: expected one with a primitive {n}-th root of unity, got {self.name}")
        return self.dtype.type(np.exp(2j * np.pi / n))

    def roots_of_unity(self, n: int) -> np.ndarray:
        if n <= 2:
            return super().roots_of_unity(n)
        self.root_of_unity(n)  # refuses a real domain
        # each from its own angle: repeated multiplication would lose accuracy in proportion to the exponent
        return np.exp(2j * np.pi * (np.arange(n) / n)).astype(self.dtype)


FLOAT32, FLOAT64 = Floating("float32"), Floating("float64")
COMPLEX64, COMPLEX128 = Floating("complex64"), Floating("complex128")
