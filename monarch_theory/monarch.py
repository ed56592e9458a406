"""The Monarch matrix as a value: factors, multiply, dense, transpose, inverse, counts.

A Monarch matrix of order p acts on a mixed-radix index one digit at a time. The input index is read with shape
(n_0, …, n_{p-1}); its digits are (a_0, …, a_{p-1}), most significant first. Stage k multiplies along axis k, replacing
the digit a_k < n_k by i_k < m_k, with one m_k × n_k block for every value of the other axes. At the end the axes are
reversed: the digit i_0 produced first is the least significant digit of the output. Hence, with blocks B_k,

    M[i, j] = ∏_k B_k[i_0 … i_{k-1}, a_{k+1} … a_{p-1}][i_k, a_k]                              (entry formula)

For p = 2 and square blocks this is THEORY §1, M = P L P R P: the digits of j are (a_0, a_1), those of i are
(i_1, i_0), B_0 = R[a_1][i_0, a_0] and B_1 = L[i_0][i_1, a_1].
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from monarch_theory.digits import check_radices, reversal
from monarch_theory.domains import FLOAT64, Domain, Floating

if TYPE_CHECKING:
    from scipy.sparse.linalg import LinearOperator

__all__ = ["Convention", "Monarch", "Operations", "apply_stages", "block_counts", "identity_blocks", "random_monarch"]


class Convention(Enum):
    """Which digit reversals P stand at the ends of the product; the value spells it for order 2.

    `M2` is Fu et al. 2023, `DAO` is Dao et al. 2022, and the transpose of a `DAO` matrix is a `DAO_TRANSPOSED` one.
    """

    M2 = "PLPRP"
    DAO = "PLPR"
    DAO_TRANSPOSED = "LPRP"

    @property
    def transposed(self) -> Convention:
        """The convention of the transpose and of the inverse."""
        swapped = {Convention.DAO: Convention.DAO_TRANSPOSED, Convention.DAO_TRANSPOSED: Convention.DAO}
        return swapped.get(self, self)


@dataclass(frozen=True)
class Operations:
    """Exact scalar operation count of one matrix–vector product."""

    multiplications: int
    additions: int


@dataclass(frozen=True, eq=False)
class Monarch:
    """A Monarch matrix of any order, any mixed radix, square or rectangular blocks, over any domain.

    Theorems: `proofs/entry_formula`; `proofs/orthogonal_blocks`.

    Args:
        factors: p arrays; factor k has shape (∏_{l<k} m_l · ∏_{l>k} n_l, m_k, n_k), its blocks in C order of the digits
            (i_0, …, i_{k-1}, a_{k+1}, …, a_{p-1}).
        domain: where the scalars live.
        convention: which digit reversals stand at the ends.

    Raises:
        ValueError: no factors, or a factor whose shape does not fit the others.
        TypeError: a factor with scalars outside `domain`.

    >>> from monarch_theory.domains import INTEGERS
    >>> R = [[[1, 1], [1, -1]], [[1, 1], [1, -1]]]
    >>> L = [[[1, 1], [1, -1]], [[1, 1], [1, -1]]]
    >>> hadamard = Monarch((R, L), INTEGERS)
    >>> hadamard
    Monarch(4×4, order 2, radices (2, 2), PLPRP, integers)
    >>> hadamard.dense()
    array([[1, 1, 1, 1],
           [1, 1, -1, -1],
           [1, -1, 1, -1],
           [1, -1, -1, 1]], dtype=object)
    >>> hadamard @ [1, 2, 3, 4]
    array([10, -4, -2, 0], dtype=object)
    """

    factors: tuple[np.ndarray, ...]
    domain: Domain = FLOAT64
    convention: Convention = Convention.M2

    def __post_init__(self) -> None:
        if not isinstance(self.domain, Domain):
            raise TypeError(f"domain: expected a Domain such as FLOAT64, got {self.domain!r}")
        if not isinstance(self.convention, Convention):
            raise TypeError(f"convention: expected a Convention such as Convention.M2, got {self.convention!r}")
        if len(self.factors) == 0:
            raise ValueError("factors: expected at least one factor, got none")
        factors = tuple(self.domain.array(f, name=f"factors[{k}]") for k, f in enumerate(self.factors))
        for k, factor in enumerate(factors):
            if factor.ndim != 3 or 0 in factor.shape:
                raise ValueError(f"factors[{k}]: expected shape (blocks, rows, columns), none zero, got {factor.shape}")
        rows, columns = [f.shape[1] for f in factors], [f.shape[2] for f in factors]
        for k, factor in enumerate(factors):
            blocks = prod(rows[:k]) * prod(columns[k + 1 :])
            if factor.shape[0] != blocks:
                raise ValueError(
                    f"factors[{k}]: expected {blocks} blocks for rows {tuple(rows)} and columns {tuple(columns)}, "
                    f"got {factor.shape[0]}"
                )
            factor.setflags(write=False)
        object.__setattr__(self, "factors", factors)

    @property
    def order(self) -> int:
        """Number of factors p."""
        return len(self.factors)

    @property
    def input_radices(self) -> tuple[int, ...]:
        """(n_0, …, n_{p-1}): columns of the blocks of each stage."""
        return tuple(f.shape[2] for f in self.factors)

    @property
    def output_radices(self) -> tuple[int, ...]:
        """(m_0, …, m_{p-1}): rows of the blocks of each stage; the output index has them reversed."""
        return tuple(f.shape[1] for f in self.factors)

    @property
    def shape(self) -> tuple[int, int]:
        """(outputs, inputs)."""
        return prod(self.output_radices), prod(self.input_radices)

    @property
    def parameters(self) -> int:
        """Number of stored scalars: p·N^(1+1/p) for p equal square blocks (THEORY §2).

        Theorem: `proofs/cost`.
        """
        return sum(f.size for f in self.factors)

    @property
    def operations(self) -> Operations:
        """Scalar multiplications and additions of `multiply` on one vector, counted exactly.

        Theorem: `proofs/cost`.
        """
        others = [self._stage_sizes(k) for k in range(self.order)]
        return Operations(
            multiplications=sum(before * after * m * n for before, m, n, after in others),
            additions=sum(before * after * m * (n - 1) for before, m, n, after in others),
        )

    def _stage_sizes(self, k: int) -> tuple[int, int, int, int]:
        """(indices before axis k, rows, columns, indices after axis k) while stage k runs."""
        _, rows, columns = self.factors[k].shape
        return prod(self.output_radices[:k]), rows, columns, prod(self.input_radices[k + 1 :])

    def multiply(self, x: Any, axis: int = -1) -> np.ndarray:
        """M applied along `axis` of `x`; every other axis is a batch axis.

        Theorem: `proofs/entry_formula`.

        Args:
            x: array of scalars of the domain with `x.shape[axis] == M.shape[1]`, any number of other axes, any strides.
            axis: where the index j lives.

        Raises:
            ValueError: the axis does not exist or has the wrong length.
            TypeError: scalars outside the domain.

        >>> identity_blocks((2, 3)).multiply(np.arange(12.0).reshape(6, 2), axis=0).shape
        (6, 2)
        """
        x = self.domain.array(x, name="x")
        if not -x.ndim <= axis < x.ndim:
            raise ValueError(f"axis: expected an axis of an array with shape {x.shape}, got {axis}")
        if x.shape[axis] != self.shape[1]:
            raise ValueError(f"x: expected length {self.shape[1]} along axis {axis}, got shape {x.shape}")
        front = np.moveaxis(x, axis, 0)
        state = front.reshape(self.shape[1], -1) if x.size else self.domain.zeros((self.shape[1], 0))
        batch = state.shape[1]
        if self.convention is Convention.DAO:
            state = state[reversal(self.input_radices[::-1])]
        for k, factor in enumerate(self.factors):
            before, rows, columns, after = self._stage_sizes(k)
            blocks = factor.reshape(before, after, rows, columns)
            digit_last = state.reshape(before, columns, after, batch).swapaxes(1, 2)
            state = self.domain.matmul(blocks, digit_last).swapaxes(1, 2)
        state = state.reshape(self.shape[0], batch)
        if self.convention is not Convention.DAO_TRANSPOSED:
            state = state[reversal(self.output_radices)]
        return np.moveaxis(state.reshape(self.shape[0], *front.shape[1:]), 0, axis)

    def __matmul__(self, x: Any) -> np.ndarray:
        """M @ x for x of shape (N,) or (N, batch)."""
        return self.multiply(x, axis=0)

    def dense(self) -> np.ndarray:
        """The matrix itself, shape (outputs, inputs)."""
        return self.multiply(self.domain.eye(self.shape[1]), axis=0)

    @property
    def T(self) -> Monarch:
        """The transpose: again Monarch, stages in reverse order.

        Theorem: `proofs/transpose`.

        >>> from monarch_theory.domains import INTEGERS
        >>> M = random_monarch((2, 3), INTEGERS, np.random.default_rng(0))
        >>> bool((M.T.dense() == M.dense().T).all())
        True
        """
        return self._reversed([f.swapaxes(1, 2) for f in self.factors])

    @property
    def H(self) -> Monarch:
        """The adjoint (conjugate transpose).

        Theorem: `proofs/transpose`.
        """
        return self._reversed([self.domain.conjugate(f).swapaxes(1, 2) for f in self.factors])

    def inverse(self) -> Monarch:
        """M⁻¹: again Monarch, block by block (interpolation, THEORY §3).

        Theorem: `proofs/interpolation`.

        Raises:
            ValueError: a stage has blocks that are not square, or the domain is not a field.
            SingularBlockError: a block is singular, which for square blocks is when M is.
        """
        for k, factor in enumerate(self.factors):
            if factor.shape[1] != factor.shape[2]:
                _, rows, columns = factor.shape
                raise ValueError(f"factors[{k}]: expected square blocks to invert, got {rows}×{columns}")
        return self._reversed([self.domain.inverse(f) for f in self.factors])

    def _reversed(self, blocks: Sequence[np.ndarray]) -> Monarch:
        """Run the stages backwards with the given blocks, which map i_k to a_k."""
        flipped = []
        for k, stage in enumerate(blocks):
            others = self.output_radices[:k] + self.input_radices[k + 1 :]
            flipped.append(stage[reversal(others)] if others else stage)
        return Monarch(tuple(flipped[::-1]), self.domain, self.convention.transposed)

    def over(self, domain: Domain) -> Monarch:
        """The same factors in another domain, which must hold each scalar exactly."""
        return Monarch(self.factors, domain, self.convention)

    def as_linear_operator(self) -> LinearOperator:
        """The matrix as a `scipy.sparse.linalg.LinearOperator`; floating-point domains only.

        Raises:
            TypeError: the domain is not a floating-point one.
        """
        if not isinstance(self.domain, Floating):
            raise TypeError(f"domain: expected a floating-point domain, which SciPy works in, got {self.domain}")
        from scipy.sparse.linalg import LinearOperator

        adjoint = self.H
        return LinearOperator(
            self.shape,
            matvec=lambda x: self.multiply(x.reshape(-1)),
            matmat=lambda x: self.multiply(x, axis=0),
            rmatvec=lambda x: adjoint.multiply(x.reshape(-1)),
            rmatmat=lambda x: adjoint.multiply(x, axis=0),
            dtype=self.domain.dtype,
        )

    def __eq__(self, other: object) -> bool:
        """Same factors, scalar by scalar; two different factorisations of one matrix are not equal."""
        if not isinstance(other, Monarch):
            return NotImplemented
        return (
            (self.domain, self.convention, self.order) == (other.domain, other.convention, other.order)
            and all(self.domain.equal(a, b) for a, b in zip(self.factors, other.factors, strict=True))
        )  # fmt: skip

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        radices = f"radices {self.input_radices}"
        if self.input_radices != self.output_radices:
            radices += f" → {self.output_radices}"
        rows, columns = self.shape
        return f"Monarch({rows}×{columns}, order {self.order}, {radices}, {self.convention.value}, {self.domain})"


def block_counts(output_radices: Sequence[int], input_radices: Sequence[int]) -> tuple[int, ...]:
    """How many blocks each stage has.

    >>> block_counts((2, 3, 4), (2, 3, 4))
    (12, 8, 6)
    """
    return tuple(prod(output_radices[:k]) * prod(input_radices[k + 1 :]) for k in range(len(input_radices)))


def identity_blocks(
    radices: Sequence[int], domain: Domain = FLOAT64, convention: Convention = Convention.M2
) -> Monarch:
    """The Monarch matrix whose blocks are all identities: the digit reversal P under `M2`, the identity under `DAO`.

    The identity matrix itself is not in the `M2` class: its slices have rank b (THEORY §1, membership).

    >>> from monarch_theory.domains import INTEGERS
    >>> identity_blocks((2, 2), INTEGERS, Convention.DAO).dense()
    array([[1, 0, 0, 0],
           [0, 1, 0, 0],
           [0, 0, 1, 0],
           [0, 0, 0, 1]], dtype=object)
    """
    radices = check_radices(radices)
    blocks = (
        np.broadcast_to(domain.eye(b), (count, b, b))
        for count, b in zip(block_counts(radices, radices), radices, strict=True)
    )
    return Monarch(tuple(blocks), domain, convention)


def random_monarch(
    radices: Sequence[int],
    domain: Domain,
    rng: np.random.Generator,
    *,
    output_radices: Sequence[int] | None = None,
    convention: Convention = Convention.M2,
) -> Monarch:
    """A Monarch matrix with random factors: uniform over F_q, small integers in other exact domains, normal in floats.

    >>> random_monarch((4, 2, 3), FLOAT64, np.random.default_rng(0))
    Monarch(24×24, order 3, radices (4, 2, 3), PLPRP, float64)
    """
    columns = check_radices(radices)
    rows = check_radices(columns if output_radices is None else output_radices, name="output_radices")
    if len(rows) != len(columns):
        raise ValueError(f"output_radices: expected {len(columns)} of them, one for each input radix, got {rows}")
    shapes = zip(block_counts(rows, columns), rows, columns, strict=True)
    return Monarch(tuple(domain.random(rng, shape) for shape in shapes), domain, convention)


def apply_stages(
    factors: Sequence[np.ndarray],
    state: Any,
    product: Callable[[np.ndarray, Any, bool], Any],
    convention: Convention = Convention.M2,
) -> Any:
    """The stages of a Monarch product on any kind of state, (inputs, batch) → (outputs, batch).

    `state` is an array or anything with `apply`; `product(blocks, state, last)` multiplies (…, m, n) by (…, n, c). This
    is `Monarch.multiply` for states that are not arrays of scalars, such as running error bounds.
    """
    rearranged: Callable[..., Any] = (lambda s, f: s.apply(f)) if hasattr(state, "apply") else (lambda s, f: f(s))
    rows, columns = [f.shape[1] for f in factors], [f.shape[2] for f in factors]
    if convention is Convention.DAO:
        state = rearranged(state, lambda a: a[reversal(columns[::-1])])
    for k, factor in enumerate(factors):
        before, after = prod(rows[:k]), prod(columns[k + 1 :])
        m, n = rows[k], columns[k]
        state = rearranged(state, lambda a, s=(before, n, after): a.reshape(*s, a.shape[-1]).swapaxes(1, 2))
        state = product(factor.reshape(before, after, m, n), state, k == len(factors) - 1)
        state = rearranged(state, lambda a, s=before * m * after: a.swapaxes(1, 2).reshape(s, a.shape[-1]))
    if convention is not Convention.DAO_TRANSPOSED:
        state = rearranged(state, lambda a: a[reversal(rows)])
    return state
