"""Recover the factors of a product M₁ M₂* of two Monarch matrices (after Dao et al. 2022, §3.4).

A product M₁ M₂* of order 2 and radices (b₀, b₁) acts on an outer digit x₁ < b₁, on an inner digit x₀ < b₀, and on the
outer one again:

    A[(y₁, y₀), (x₁, x₀)] = Σ_z L_{y₀}[y₁, z] · d_{y₀x₀}[z] · R_{x₀}[z, x₁],

so block (y₀, x₀), a b₁ × b₁ matrix over (y₁, x₁), is L_{y₀} diag(d_{y₀x₀}) R_{x₀}. The inner digit is the least
significant one in the M2 and DAO conventions, whose classes M M* are the same, and the most significant one in
DAO_TRANSPOSED. For equal radices a plain product M₁ M₂ in M2 is in the class too, because the P between them cancels;
in DAO it is not: it has four stages, and no recovery is offered though its dimension (`dimension.chain_dimension`) says
that generic factors are locally unique.

**Theorem** (genericity). Let some row y* and column x* of blocks be invertible. Then A is in the class over the field
iff the matrices F_{yx} = A_{yx*}⁻¹ A_{yx} A_{y*x}⁻¹ A_{y*x*} are simultaneously diagonalisable over it. The
eigenvectors are R_{x*}⁻¹, and every factor follows. *Proof.* With d_{yx*} = d_{y*x} = 1, which rescaling L and R
allows, F_{yx} = R_{x*}⁻¹ diag(d_{yx}) R_{x*}; conversely put L_y = A_{yx*}V, R_x = (A_{y*x*}V)⁻¹A_{y*x}. ∎ Dao et al.
assume that A is invertible and that the middle factor has no zero entries; one row and one column of invertible blocks
are enough here.

**Identifiable** iff no two values z ≠ z′ have d_{yx}[z] = d_{yx}[z′] for all y, x (so normalised): then the factors are
unique up to reordering z and rescaling. Otherwise L and R may be mixed within the eigenspace, and no data can tell how.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import flint
import numpy as np

from monarch_theory.digits import check_radices
from monarch_theory.domains import (
    COMPLEX64,
    COMPLEX128,
    FLOAT32,
    INTEGERS,
    RATIONALS,
    Domain,
    Floating,
    PrimeField,
    Rationals,
)
from monarch_theory.expressivity.constructions.product import MonarchProduct
from monarch_theory.expressivity.matrices import power_of_two, read_matrix
from monarch_theory.monarch import Convention, Monarch

__all__ = ["NotRecoverableError", "Recovery", "recover"]


ATTEMPTS = 8


class NotRecoverableError(ValueError):
    """The matrix is outside the class, or outside the genericity that recovery needs; the message says which."""


@dataclass(frozen=True, eq=False)
class Recovery:
    """Factors of A = M₁ M₂*.

    Attributes:
        left: L, shape (b₀, b₁, b₁).
        middle: d, shape (b₁, b₀, b₀), indexed [z][y₀, x₀]; one row and one column of it are ones.
        right: R, shape (b₀, b₁, b₁).
        domain: of the factors; complex where the matrix was floating point.
        identifiable: whether the factors are unique up to reordering and rescaling; measured, False also where the
            precision does not tell.
        clashes: pairs (z, z′) that cannot be told apart.
        convention: DAO, or DAO_TRANSPOSED where the outer digit is the least significant one.
        evidence: "exact", or "measured" to `residual`.
        residual: ‖A − product‖_F / ‖A‖_F; 0 where exact.
        reference: (y*, x*), the row and column of invertible blocks that were used.
    """

    left: np.ndarray
    middle: np.ndarray
    right: np.ndarray
    domain: Domain
    identifiable: bool
    clashes: tuple[tuple[int, int], ...]
    evidence: Literal["exact", "measured"]
    residual: float
    reference: tuple[int, int]
    convention: Convention

    def product(self) -> MonarchProduct:
        """A as M₁ · M₂ᵀ, M₁ and M₂ in `convention`; M₂ᵀ stands for M₂* in every domain."""
        b0, b1, _ = self.left.shape
        identity = np.broadcast_to(self.domain.eye(b0), (b1, b0, b0))
        first = Monarch((self.middle, self.left), self.domain, self.convention)
        second = Monarch((identity, self.right.swapaxes(1, 2)), self.domain, self.convention)
        return MonarchProduct((first, second.T))


def recover(
    matrix: Any,
    radices: tuple[int, int],
    rng: np.random.Generator,
    *,
    domain: Domain | None = None,
    convention: Convention = Convention.DAO,
    tolerance: float | None = None,
) -> Recovery:
    """Factors of a product M₁ M₂* (or M₁ M₂ in M2 with equal radices), exactly in ℚ and F_q, measured in floats.

    Args:
        matrix: shape (b₀b₁, b₀b₁); a `Monarch`, an array, or what else `read_matrix` reads.
        radices: (b₀, b₁) of the Monarch matrices.
        rng: for the combination whose eigenvectors are taken.
        domain: of the entries; a prime field must be given.
        convention: of the Monarch matrices; M2 and DAO have the same products.
        tolerance: most the relative residual may be, floating point only. Unless given, N·κ·u with κ the product of the
            condition numbers met: of the reference blocks and of the eigenvectors.

    Raises:
        NotRecoverableError: no row and column of blocks is invertible, or the matrix is not such a product over the
            field.
        ValueError: bad shape, scalars, radices or tolerance.
        TypeError: a convention that is none.

    >>> rng = np.random.default_rng(0)
    >>> field = PrimeField(10007)
    >>> from monarch_theory.monarch import random_monarch
    >>> M1, M2 = (random_monarch((3, 3), field, rng, convention=Convention.DAO) for _ in range(2))
    >>> A = field.matmul(M1.dense(), M2.T.dense())
    >>> found = recover(A, (3, 3), rng, domain=field)
    >>> found.identifiable, found.evidence, bool((found.product().dense() == A).all())
    (True, 'exact', True)
    """
    read = read_matrix(matrix, domain)
    array, domain = read.entries, read.domain
    checked = check_radices(radices)
    if len(checked) != 2:
        raise ValueError(f"radices: expected two of them, (b₀, b₁), got {checked}")
    if not isinstance(convention, Convention):
        raise TypeError(f"convention: expected a Convention such as Convention.DAO, got {convention!r}")
    if tolerance is not None and not 0 <= tolerance < 1:
        raise ValueError(f"tolerance: expected a number in [0, 1), got {tolerance}")
    b0, b1 = checked
    if array.shape != (b0 * b1, b0 * b1):
        raise ValueError(f"matrix: expected shape {(b0 * b1, b0 * b1)} for radices {(b0, b1)}, got {array.shape}")
    if domain is INTEGERS:
        array, domain = RATIONALS.array(array), RATIONALS
    if isinstance(domain, Floating) and not domain.is_complex:
        wide = COMPLEX64 if domain is FLOAT32 else COMPLEX128
        array, domain = wide.array(array), wide
    if not isinstance(domain, Floating | PrimeField | Rationals):
        raise ValueError(f"domain: expected rationals, a prime field or floating point, got {domain}")
    scale = power_of_two(array) if isinstance(domain, Floating) else 1
    if scale != 1:
        array = array / domain.dtype.type(scale)
    if convention is Convention.DAO_TRANSPOSED:
        blocks = array.reshape(b0, b1, b0, b1).transpose(0, 2, 1, 3)
    else:
        blocks, convention = array.reshape(b1, b0, b1, b0).transpose(1, 3, 0, 2), Convention.DAO
    y, x, column, row = _reference(blocks, domain)
    corner = blocks[y, x]
    # F[y', x'] for all blocks at once
    left_inverse, right_inverse = domain.inverse(column), domain.inverse(row)
    ratios = domain.matmul(domain.matmul(left_inverse[:, None], blocks), domain.matmul(right_inverse, corner)[None])
    for attempt in range(ATTEMPTS):
        weights = domain.random(rng, (b0, b0, 1, 1))
        combination = domain.normal(domain.normal(weights * ratios).sum((0, 1)))
        vectors = _eigenvectors(combination, domain)
        back = domain.inverse(vectors[None])[0]
        diagonalised = domain.matmul(domain.matmul(back, ratios), vectors)
        # eigenvalues of a combination may meet where those of its terms do not; another combination parts them
        if isinstance(domain, Floating) or _is_diagonal(diagonalised, domain) or attempt == ATTEMPTS - 1:
            break
    left = domain.matmul(column, vectors[None])
    right = domain.matmul(domain.inverse(domain.matmul(corner, vectors)[None]), row)
    middle = np.einsum("yxzz->zyx", diagonalised).copy()
    found = Recovery(left, middle, right, domain, True, (), "exact", 0.0, (y, x), convention)
    found = _checked(blocks, found, vectors, tolerance)
    return replace(found, left=found.left * domain.dtype.type(scale)) if scale != 1 else found


def _reference(blocks: np.ndarray, domain: Domain) -> tuple[int, int, np.ndarray, np.ndarray]:
    """A row and a column of invertible blocks; in floating point the best conditioned ones."""
    b0 = len(blocks)
    flat = blocks.reshape(b0 * b0, *blocks.shape[2:])
    if isinstance(domain, Floating):
        values = np.linalg.svd(flat, compute_uv=False)
        quality = (values[:, -1] / np.where(values[:, 0] > 0, values[:, 0], 1)).reshape(b0, b0)
        usable = quality > np.finfo(domain.dtype).eps * blocks.shape[-1]
    else:
        quality = np.array([_rank(block, domain) == len(block) for block in flat], dtype=float).reshape(b0, b0)
        usable = quality > 0
    y, x = int(quality.min(1).argmax()), int(quality.min(0).argmax())
    if not usable[y].all() or not usable[:, x].all():
        raise NotRecoverableError(
            "matrix: expected a row and a column of invertible blocks, which recovery starts from; found none"
        )
    return y, x, blocks[:, x], blocks[y]


def _is_diagonal(matrices: np.ndarray, domain: Domain) -> bool:
    return bool(domain.is_zero(matrices[..., ~np.eye(matrices.shape[-1], dtype=bool)]).all())


def _rank(block: np.ndarray, domain: Domain) -> int:
    return int(_flint(block, domain).rank())


def _flint(block: np.ndarray, domain: Domain) -> Any:
    entries = [entry if isinstance(domain, Rationals) else int(entry) for entry in block.reshape(-1)]
    rows, columns = block.shape
    if isinstance(domain, PrimeField):
        return flint.nmod_mat(rows, columns, entries, domain.q)
    return flint.fmpq_mat(rows, columns, entries)


def _eigenvectors(matrix: np.ndarray, domain: Domain) -> np.ndarray:
    """Columns that diagonalise `matrix` over the domain."""
    if isinstance(domain, Floating):
        return np.asarray(np.linalg.eig(matrix)[1], dtype=domain.dtype)
    size = len(matrix)
    polynomial = _flint(matrix, domain).charpoly()
    columns = []
    for factor, _ in polynomial.factor()[1]:
        if factor.degree() > 1:
            raise NotRecoverableError(
                f"matrix: expected eigenvalues in {domain}, found the irreducible factor {factor} of degree "
                f"{factor.degree()}: not a product of two Monarch matrices over {domain}"
            )
        root = domain.scalar(-factor[0] / factor[1]) if isinstance(domain, Rationals) else int(-factor[0] / factor[1])
        shifted = matrix.copy()
        shifted[np.arange(size), np.arange(size)] = domain.normal(matrix.diagonal() - root)
        columns += _kernel(shifted, domain)
    if len(columns) != size:
        raise NotRecoverableError(
            f"matrix: expected blocks diagonalisable together over {domain}, found {len(columns)} eigenvectors of "
            f"{size}: not a product of two Monarch matrices"
        )
    return np.stack(columns, axis=1)


def _kernel(matrix: np.ndarray, domain: Domain) -> list[np.ndarray]:
    """A basis of the null space, from the reduced row echelon form."""
    reduced, rank = _flint(matrix, domain).rref()
    table = [[reduced[i, j] for j in range(len(matrix))] for i in range(int(rank))]
    leading = [next(j for j, entry in enumerate(row) if entry != 0) for row in table]
    basis = []
    for free in (j for j in range(len(matrix)) if j not in leading):
        vector = domain.zeros(len(matrix))
        vector[free] = domain.scalar(1)
        for row, column in zip(table, leading, strict=True):
            entry = -row[free]
            vector[column] = entry if isinstance(domain, Rationals) else int(entry)
        basis.append(vector)
    return basis


def _checked(blocks: np.ndarray, found: Recovery, vectors: np.ndarray, tolerance: float | None) -> Recovery:
    """The recovery with its evidence, once the factors multiply back."""
    domain, (y, x) = found.domain, found.reference
    weighted = domain.normal(found.left[:, None] * found.middle.transpose(1, 2, 0)[:, :, None, :])
    rebuilt = domain.matmul(weighted, found.right[None])
    profiles = found.middle.reshape(len(found.middle), -1)
    pairs = [(a, b) for a in range(len(profiles)) for b in range(a)]
    if not isinstance(domain, Floating):
        if not domain.equal(rebuilt, blocks):
            raise NotRecoverableError(
                "matrix: its blocks are not diagonal together: not a product of two Monarch matrices"
            )
        clashes = tuple((a, b) for a, b in pairs if domain.equal(profiles[a], profiles[b]))
        return replace(found, identifiable=not clashes, clashes=clashes)
    residual = float(np.linalg.norm(rebuilt - blocks) / (np.linalg.norm(blocks) or 1))
    conditions = [np.linalg.cond(vectors), np.linalg.cond(blocks[:, x]).max(), np.linalg.cond(blocks[y]).max()]
    reach = blocks.shape[0] * blocks.shape[2] * float(np.prod(conditions)) * float(np.finfo(domain.dtype).eps) / 2
    allowed = reach if tolerance is None else tolerance
    if not residual <= allowed:
        raise NotRecoverableError(
            f"matrix: the best product of this form leaves {residual:.1e} of the norm, more than rounding explains "
            f"({allowed:.1e}): not a product of two Monarch matrices"
        )
    near = np.abs(profiles).max() * max(reach, residual)
    clashes = tuple((a, b) for a, b in pairs if np.abs(profiles[a] - profiles[b]).max() <= near)
    return replace(found, identifiable=not clashes, clashes=clashes, evidence="measured", residual=residual)
