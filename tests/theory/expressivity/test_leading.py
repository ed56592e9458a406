"""A few singular vectors are those of the whole decomposition, and where squares cannot tell them it is taken."""

import numpy as np
import pytest

from monarch_theory.expressivity import leading
from monarch_theory.expressivity.examination import examine_family
from monarch_theory.expressivity.families import FAMILIES
from monarch_theory.expressivity.leading import few_vectors, leading_vectors, low_rank_factors
from monarch_theory.expressivity.matrices import read_matrix

RNG = np.random.default_rng(0)


def noise(*shape, dtype=float):
    found = RNG.standard_normal(shape)
    return (found + 1j * RNG.standard_normal(shape) if np.dtype(dtype).kind == "c" else found).astype(dtype)


def adjoint(stack):
    return stack.conj().swapaxes(-1, -2)


@pytest.mark.parametrize("dtype", [np.float32, float, np.complex64, complex])
@pytest.mark.parametrize("shape", [(6, 2, 9), (5, 32, 16), (2, 64, 70), (2, 150, 300)])
def test_leading_vectors_capture_nearly_what_can_be_captured(shape, dtype):
    stack = noise(*shape, dtype=dtype)
    stack[0] = 0
    gram = stack @ adjoint(stack)
    vectors = leading_vectors(gram)
    assert vectors.dtype == dtype and np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    captured = np.einsum("si,sij,sj->s", vectors.conj(), gram, vectors).real
    assert (captured >= 0.995 * np.linalg.eigvalsh(gram)[:, -1] - 1e-6).all()


@pytest.mark.parametrize("dtype", [np.float32, float, complex])
@pytest.mark.parametrize("side", [2, 3, 40, 100])
def test_leading_vectors_of_rank_one_are_exact(side, dtype):
    stack = noise(4, side, 1, dtype=dtype) @ noise(4, 1, 7, dtype=dtype)
    vectors = leading_vectors(stack @ adjoint(stack))[..., None]
    left = stack - vectors @ (adjoint(vectors) @ stack)
    assert np.linalg.norm(left) <= 200 * np.finfo(dtype).eps * np.linalg.norm(stack)


@pytest.mark.parametrize("dtype", [float, complex])
@pytest.mark.parametrize("shape", [(300, 210), (2, 200, 260), (7, 5)])
def test_low_rank_factors_leave_the_tail(shape, dtype):
    stack = noise(*shape, dtype=dtype)
    left, right = low_rank_factors(stack, 3)
    tail = np.linalg.norm(np.linalg.svd(stack, compute_uv=False)[..., 3:])
    assert left.shape == (*shape[:-1], 3) and right.shape == (*shape[:-2], 3, shape[-1])
    assert np.linalg.norm(stack - left @ right) == pytest.approx(tail, rel=1e-12)


def steep(n, rank):
    """Of that rank, and with singular values down to where squares are below rounding."""
    return (noise(n, rank) * np.geomspace(1, 1e-11, rank)) @ noise(rank, n)


def lost(n=256, rank=12):
    matrix = steep(n, rank)
    left, right = low_rank_factors(matrix, rank)
    return np.linalg.norm(matrix - left @ right) / np.linalg.norm(matrix)


def test_where_squares_cannot_tell_the_whole_decomposition_is_taken(monkeypatch):
    assert lost() < 1e-14
    monkeypatch.setattr(leading, "SHARP", 0.0)
    assert lost() > 1e-14, "squares alone lose the smallest, and this file must notice"


@pytest.mark.parametrize("name", ["low-rank", "gs", "kronecker-sparse"])
def test_steep_members_of_large_size_are_members(name):
    family = next(family for family in FAMILIES if family.name == name)
    found = examine_family(read_matrix(steep(256, 12)), family, 12 * 512)
    assert found.member is True, found
    other = steep(256, 12) + 1e-6 * noise(256, 256) / 256
    assert examine_family(read_matrix(other), family, 12 * 512).member is False


@pytest.mark.parametrize("side", [24, 200])
def test_few_vectors_span_what_the_whole_decomposition_does(side):
    """With every eigenvector and with those alone that are asked for, from `SIDE` on."""
    assert (side >= leading.SIDE) == (side == 200)
    stack = noise(2, side, side + 5, dtype=complex)
    gram = stack @ adjoint(stack)
    found, whole = few_vectors(gram, 3), np.linalg.svd(stack)[0][..., :3]
    np.testing.assert_allclose(found @ adjoint(found), whole @ adjoint(whole), atol=1e-10)
