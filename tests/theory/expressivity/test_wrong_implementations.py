"""The checks of membership, projection and recovery, given implementations that are wrong: each must be caught."""

from dataclasses import replace

import numpy as np
import pytest
import sympy

from monarch_theory.domains import FLOAT64, INTEGERS, PrimeField
from monarch_theory.expressivity.classes import MonarchClass
from monarch_theory.expressivity.dimension import multilinear_rank
from monarch_theory.expressivity.membership import membership_of
from monarch_theory.expressivity.projection import project
from monarch_theory.expressivity.recovery import recover
from monarch_theory.expressivity.tensor_train import BlockTensorTrain
from monarch_theory.monarch import Convention, Monarch, block_counts, random_monarch
from monarch_theory.rounding import gamma

KINDS = [
    MonarchClass((2, 2)),
    MonarchClass((3, 2), convention=Convention.DAO),
    MonarchClass((2, 3), (3, 2), Convention.DAO_TRANSPOSED),
    MonarchClass((3, 3), rank=2),
    MonarchClass((2, 2, 2)),
    MonarchClass((2, 3, 2), convention=Convention.DAO),
]


def members(kind, domain, rng):
    """A sum of as many Monarch matrices as the rank allows."""
    terms = [
        random_monarch(kind.input_radices, domain, rng, output_radices=kind.output_radices, convention=kind.convention)
        for _ in range(kind.rank)
    ]
    return domain.normal(sum(term.dense() for term in terms))


def check_membership(decision):
    """Members of finer and coarser classes, and members with one entry changed, against SymPy's rank of every slice."""
    rng = np.random.default_rng(0)
    for kind in KINDS:
        matrices = [members(kind, INTEGERS, rng), INTEGERS.random(rng, kind.shape)]
        matrices += [members(replace(kind, convention=other), INTEGERS, rng) for other in Convention]
        if kind.order == 3:  # merging stages gives members of one split and not of the other
            (a, b, c), convention = kind.input_radices, kind.convention
            for merged in ((a * b, c), (a, b * c)):
                matrices.append(members(MonarchClass(merged, convention=convention), INTEGERS, rng))
        for row, column in [(0, 0), (kind.shape[0] - 1, kind.shape[1] - 1)]:
            changed = members(kind, INTEGERS, rng)
            changed[row, column] += 1
            matrices.append(changed)
        for matrix in matrices:
            expected = all(
                sympy.Matrix(piece.tolist()).rank() <= kind.ranks[split + 1]
                for split in range(kind.order - 1)
                for piece in kind.slices(matrix, split)
            )
            assert decision(matrix, kind) == expected, (kind, matrix)


def ranks_of(pieces, rank):
    return all(np.linalg.matrix_rank(np.asarray(piece, dtype=float)) <= rank for piece in pieces)


WRONG_DECISIONS = {
    "only the first split": lambda a, kind: ranks_of(kind.slices(a), kind.ranks[1]),
    "only the last split": lambda a, kind: ranks_of(kind.slices(a, kind.order - 2), kind.ranks[-2]),
    "only the first slice": lambda a, kind: ranks_of(kind.slices(a)[:1], kind.ranks[1]),
    "all but the last slice": lambda a, kind: all(
        ranks_of(kind.slices(a, k)[:-1], kind.ranks[k + 1]) for k in range(kind.order - 1)
    ),
    "the leading minor only": lambda a, kind: all(
        ranks_of(kind.slices(a, k)[:, :2, :2], kind.ranks[k + 1]) for k in range(kind.order - 1)
    ),
    "rank one whatever the rank": lambda a, kind: membership_of(a, replace(kind, rank=1)).member,
    "one rank too many": lambda a, kind: membership_of(a, replace(kind, rank=kind.rank + 1)).member,
    "always M2": lambda a, kind: membership_of(a, replace(kind, convention=Convention.M2)).member,
    "radices the wrong way round": lambda a, kind: (
        membership_of(
            a, replace(kind, input_radices=kind.input_radices[::-1], output_radices=kind.output_radices[::-1])
        ).member
    ),
    "yes": lambda a, kind: True,
    "no": lambda a, kind: False,
}


def test_the_membership_check_passes_the_right_decision():
    check_membership(lambda matrix, kind: membership_of(matrix, kind).member)


@pytest.mark.parametrize("name", WRONG_DECISIONS)
def test_the_membership_check_catches(name):
    with pytest.raises(AssertionError):
        check_membership(WRONG_DECISIONS[name])


def alternating_minimum(matrix, kind, cores, rounds=40):
    """Distance after least squares over one core at a time, which never raises it: any member will do as a start."""
    cores = list(cores)
    for _ in range(rounds):
        for k, core in enumerate(cores):
            columns = []
            for position in np.ndindex(core.shape):
                unit = np.zeros_like(core)
                unit[position] = 1.0
                moved = (*cores[:k], unit, *cores[k + 1 :])
                columns.append(BlockTensorTrain(moved, kind, FLOAT64).dense().reshape(-1))
            design = np.stack(columns, axis=1)
            cores[k] = np.linalg.lstsq(design, matrix.reshape(-1), rcond=None)[0].reshape(core.shape)
    return float(np.linalg.norm(matrix - BlockTensorTrain(tuple(cores), kind, FLOAT64).dense()))


def random_cores(kind, rng):
    counts = block_counts(kind.output_radices, kind.input_radices)
    shapes = zip(counts, kind.output_radices, kind.ranks[1:], kind.ranks[:-1], kind.input_radices, strict=True)
    return [rng.standard_normal(shape) for shape in shapes]


def check_projection(projection):
    """A member, and no further than the best of alternating minimisation, times √(p−1) for order p."""
    rng = np.random.default_rng(1)
    for kind in KINDS:
        matrix = rng.standard_normal(kind.shape)
        near = projection(matrix, kind)
        best = min(alternating_minimum(matrix, kind, random_cores(kind, rng)) for _ in range(3))
        allowed = gamma(8 * matrix.size, 2.0**-53) * np.linalg.norm(matrix)
        assert membership_of(near, kind).member, kind
        assert np.linalg.norm(matrix - near) <= np.sqrt(max(kind.order - 1, 1)) * best + allowed, kind
        assert project(matrix, kind).lower_bound <= best + allowed, kind


def one_column(matrix, kind):
    """Every slice by its first column and a least-squares row, instead of singular vectors; order 2, rank 1."""
    if kind.order > 2 or kind.rank > 1:
        return project(matrix, kind).dense()
    slices = kind.slices(matrix)
    first = slices[:, :, :1]
    near = first @ (first.swapaxes(1, 2) @ slices) / (first**2).sum(1, keepdims=True)
    order = kind.slices(np.arange(matrix.size).reshape(matrix.shape)).reshape(-1)
    result = np.empty(matrix.size)
    result[order] = near.reshape(-1)
    return result.reshape(matrix.shape)


WRONG_PROJECTIONS = {
    "the matrix itself": lambda a, kind: a,
    "zero": lambda a, kind: np.zeros_like(a),
    "of another convention": lambda a, kind: project(a, replace(kind, convention=Convention.M2)).dense(),
    "of rank one": lambda a, kind: project(a, replace(kind, rank=1)).dense(),
    "of one rank more": lambda a, kind: project(a, replace(kind, rank=kind.rank + 1)).dense(),
    "shrunk by a tenth of a per cent": lambda a, kind: 0.999 * project(a, kind).dense(),
    "one column a slice": one_column,
}


def test_the_projection_check_passes_the_right_projection():
    check_projection(lambda matrix, kind: project(matrix, kind).dense())


@pytest.mark.parametrize("name", WRONG_PROJECTIONS)
def test_the_projection_check_catches(name):
    with pytest.raises(AssertionError):
        check_projection(WRONG_PROJECTIONS[name])


def check_recovery(recovery):
    """Factors multiply back, and L is the true one up to order and scale of its columns."""
    field, rng = PrimeField(2**31 - 1), np.random.default_rng(2)
    first, second = (random_monarch((3, 4), field, rng, convention=Convention.DAO) for _ in range(2))
    matrix = field.matmul(first.dense(), second.T.dense())
    found = recovery(matrix, (3, 4), rng, field)
    assert field.equal(found.product().dense(), matrix)
    for ours, true in zip(found.left, first.factors[1], strict=True):
        for z in range(4):
            scaled = [field.normal(ours[:, z] * int(t[0]) - t * int(ours[0, z])) for t in true.T]
            assert sum(not column.any() for column in scaled) == 1


def right_recovery(matrix, radices, rng, field):
    return recover(matrix, radices, rng, domain=field)


def mixed(matrix, radices, rng, field):
    """Eigenvectors replaced by sums of them: the product may still come out, the factors are others."""
    found = recover(matrix, radices, rng, domain=field)
    left = field.normal(found.left + np.roll(found.left, 1, axis=2))
    return replace(found, left=left)


WRONG_RECOVERIES = {
    "mixed eigenvectors": mixed,
    "middle forgotten": lambda *a: replace(right_recovery(*a), middle=np.ones_like(right_recovery(*a).middle)),
    "right factors swapped": lambda *a: replace(right_recovery(*a), right=right_recovery(*a).right[::-1]),
    "left factors transposed": lambda *a: replace(right_recovery(*a), left=right_recovery(*a).left.swapaxes(1, 2)),
}


def test_the_recovery_check_passes_the_right_recovery():
    check_recovery(right_recovery)


@pytest.mark.parametrize("name", WRONG_RECOVERIES)
def test_the_recovery_check_catches(name):
    with pytest.raises(AssertionError):
        check_recovery(WRONG_RECOVERIES[name])


def test_a_build_that_ignores_a_factor_has_another_dimension():
    field, rng = PrimeField(2**31 - 1), np.random.default_rng(3)
    factors = [field.random(rng, (3, 3, 3)) for _ in range(2)]
    right = multilinear_rank(lambda f: Monarch(tuple(f), field).dense(), factors)
    blind = multilinear_rank(lambda f: Monarch((f[0], field.ones((3, 3, 3))), field).dense(), factors)
    assert right == MonarchClass((3, 3)).dimension != blind
