"""Families are decided exactly where entries are exact: no entry changed by one part in 10¹⁵ is told that it rounded.

Also here: how far floating-point entries may be from a member that they are told to be.
"""

from fractions import Fraction

import numpy as np
import pytest
from scipy.linalg import block_diag, circulant, toeplitz

from monarch_theory.domains import INTEGERS
from monarch_theory.expressivity import exact_ranks
from monarch_theory.expressivity.classes import MonarchClass
from monarch_theory.expressivity.exact_ranks import decide_family, whole_numbers
from monarch_theory.expressivity.examination import examine_family
from monarch_theory.expressivity.families import FAMILIES, diagonal_plus_low_rank, families_for, semiseparable
from monarch_theory.expressivity.families.monarch_orders import monarch
from monarch_theory.expressivity.matrices import read_matrix
from monarch_theory.expressivity.spectra import Slicing
from monarch_theory.expressivity.tensor_train import BlockTensorTrain
from monarch_theory.monarch import Convention, block_counts

RNG = np.random.default_rng(7)


def whole(*shape):
    return RNG.integers(1, 10, shape).astype(object)


def train(kind):
    counts = block_counts(kind.output_radices, kind.input_radices)
    sizes = zip(counts, kind.output_radices, kind.ranks[1:], kind.ranks[:-1], kind.input_radices, strict=True)
    return BlockTensorTrain(tuple(whole(*size) for size in sizes), kind, INTEGERS).dense()


def causal(n, rank):
    return np.tril(whole(n, rank) @ whole(rank, n))


def rows_first(*blocks):
    """The rows of a block-diagonal matrix, every third one first."""
    member = block_diag(*blocks)
    return member[np.arange(len(member)).reshape(3, -1).T.reshape(-1)]


# family → (a member, the parameters of the setting it was made for)
MEMBERS = {
    "sparse": (np.diag(whole(7)), 14),
    "block-sparse": (block_diag(*(whole(2, 3) for _ in range(4))), 28),
    "mixer": (np.kron(whole(3, 3), np.eye(4, dtype=int)) + np.kron(np.eye(3, dtype=int), whole(4, 4)), 25),
    "kronecker-sparse-chain": (train(MonarchClass((4, 2, 3), (2, 3, 4), Convention.DAO, rank=2)), 0),
    "low-rank": (whole(7, 2) @ whole(2, 11), 36),
    "kronecker": (sum(np.kron(whole(2, 3), whole(5, 3)) for _ in range(2)), 42),
    "block-diagonal": (block_diag(*(whole(2, 3) for _ in range(4))), 24),
    "gs": (rows_first(*(np.outer(whole(4), whole(5)) for _ in range(3))), 57),
    "kronecker-sparse": (rows_first(*(np.outer(whole(4), whole(5)) for _ in range(3))), 57),
    "toeplitz": (toeplitz(whole(5), whole(8)), 12),
    "circulant": (circulant(whole(7)), 7),
    "causal-toeplitz": (np.tril(toeplitz(whole(7))), 7),
    "displacement": (toeplitz(whole(9), whole(9)), 36),
    "semiseparable": (causal(9, 2), 72),
    "quasiseparable": (causal(9, 2) + causal(9, 1).T, 9 + 2 * 8 * 8),
    "monarch-2": (train(MonarchClass((2, 8), (4, 6), Convention.DAO_TRANSPOSED)), 128 + 48),
    "monarch-3": (train(MonarchClass((4, 2, 3), (2, 3, 4), Convention.DAO)), 0),
    "butterfly": (train(MonarchClass((2,) * 4)), 128),
    "block-tensor-train": (train(MonarchClass((3, 4, 2), rank=2)), 0),
    "monarch-plus-low-rank": (train(MonarchClass((4, 4))), 128),
}
KINDS = {
    "kronecker-sparse-chain": MonarchClass((4, 2, 3), (2, 3, 4), rank=2),
    "monarch-2": MonarchClass((2, 8), (4, 6)),
    "monarch-3": MonarchClass((4, 2, 3), (2, 3, 4)),
    "block-tensor-train": MonarchClass((3, 4, 2), rank=2),
}


def asked(name):
    matrix, parameters = MEMBERS[name]
    parameters = KINDS[name].parameters if name in KINDS else parameters
    shape = matrix.shape
    orders = (monarch(int(name[-1])),) if name.startswith("monarch-") and name[-1].isdigit() else FAMILIES
    return matrix, next(f for f in (*orders, *families_for(shape)) if f.name == name), parameters


def entry_to_change(name, matrix):
    """One that the others determine."""
    if name.endswith("separable"):
        return -1, 0
    return (0, -1) if name in ("block-diagonal", "sparse", "block-sparse") else tuple(np.argwhere(matrix != 0)[-1])


@pytest.mark.parametrize("name", MEMBERS)
def test_members_are_members_exactly_and_one_part_in_a_quadrillion_is_none(name):
    matrix, family, parameters = asked(name)
    thirds = np.array([[Fraction(int(x), 3) for x in row] for row in matrix], dtype=object)
    for member in (matrix, thirds):
        found = examine_family(read_matrix(member), family, parameters)
        assert (found.member, found.evidence, found.distance) == (True, "exact", 0.0), found
        assert found.parameters <= parameters
    other = matrix * 10**15
    other[entry_to_change(name, matrix)] += 1
    found = examine_family(read_matrix(other), family, parameters)
    assert (found.member, found.evidence) == (False, "exact"), found
    assert found.lower_bound <= found.distance < 1e-12


def test_every_family_that_ranks_decide_is_here():
    by_ranks = {f.name for f in (*FAMILIES, monarch(2), monarch(3)) if f.by_ranks or f.vanishing}
    assert by_ranks - set(MEMBERS) == {
        "diagonal-plus-low-rank",
        "monarch-attention",
        "strassen-tile",
    }  # ranks only rule out


def test_where_ranks_are_not_enough_it_stays_open():
    tiles = np.kron(whole(4, 4), whole(2, 2)) + np.kron(whole(4, 4), whole(2, 2))
    family = next(f for f in FAMILIES if f.name == "strassen-tile")
    answers = {examine_family(read_matrix(tiles), family, budget).member for budget in range(20, 60, 8)}
    assert True not in answers and None in answers


@pytest.mark.parametrize(("n", "rank"), [(5, 2), (7, 1), (9, 4), (12, 2), (12, 5)])
@pytest.mark.parametrize("sparse", [False, True])
def test_blocks_leave_the_diagonal_no_choice(n, rank, sparse):
    """Members are told exactly, with fractions on the diagonal or not, and one entry off the diagonal makes it none."""
    family = next(f for f in FAMILIES if f.name == "diagonal-plus-low-rank")
    rng = np.random.default_rng(n + rank)
    left, right = rng.integers(-9, 10, (n, rank)), rng.integers(-9, 10, (rank, n))
    if sparse:
        left[rng.random(left.shape) < 0.2] = 0
    matrix = np.diag(rng.integers(-99, 100, n)) + left @ right
    budget = n + 2 * n * rank
    for factor in (1, Fraction(1, 7)):
        found = examine_family(read_matrix(matrix * factor), family, budget)
        assert (found.member, found.evidence) in (
            ((True, "exact"), (None, "measured")) if sparse else ((True, "exact"),)
        )
    assert examine_family(read_matrix(matrix), family, budget - 1).member is not True or sparse
    if n > 2 * rank + 2 and not sparse:
        matrix[0, n - 1] += 1
        assert examine_family(read_matrix(matrix), family, budget).member is False


def test_a_diagonal_is_told_by_what_it_must_be():
    """One block of full rank, and another diagonal than that is no member: of random ones near it, as well."""
    setting = diagonal_plus_low_rank.setting(3, 1)
    member = np.array([[5, 2, 4], [2, 7, 8], [3, 6, 8]], dtype=object)  # of (1, 2, 3) times (1, 2, 4)
    other = np.array([[5, 2, 4], [3, 7, 6], [9, 6, 8]], dtype=object)  # its corner would be 2·9/6 and 4·3/6
    assert diagonal_plus_low_rank.holds(member, setting) is True
    assert diagonal_plus_low_rank.holds(other, setting) is False
    larger = np.array([[0, 1, 1, 1], [1, 0, 1, 1], [1, 1, 0, 2], [1, 1, 1, 0]], dtype=object)
    assert diagonal_plus_low_rank.holds(larger, diagonal_plus_low_rank.setting(4, 1)) is False
    assert diagonal_plus_low_rank.holds(np.diag([1, 2, 3]).astype(object), diagonal_plus_low_rank.setting(3, 0)) is True
    assert diagonal_plus_low_rank.holds(larger, diagonal_plus_low_rank.setting(4, 0)) is False
    assert diagonal_plus_low_rank.holds(np.diag([1, 2, 3]).astype(object), setting) is True  # of rank none
    few = np.array([[1, 2, 0], [3, 4, 0], [0, 0, 5]], dtype=object)
    assert diagonal_plus_low_rank.holds(few, setting) is None  # some index sees zeros alone


@pytest.mark.parametrize("shape", [(4, 4), (6, 4), (9, 9), (2, 8)])
def test_zero_is_a_member_of_every_family_that_is_closed_under_scaling(shape):
    """Rows of attention are probabilities, and none of them is zero."""
    zeros = read_matrix(np.zeros(shape, int))
    for family in families_for(shape):
        if family.name == "monarch-attention":
            with pytest.raises(ValueError, match="family monarch-attention"):
                examine_family(zeros, family, 2 * zeros.values.size)
            continue
        found = examine_family(zeros, family, max(2 * zeros.values.size, family.smallest(shape)))
        assert (found.member, found.evidence, found.distance) == (True, "exact", 0.0), family.name


def test_floats_are_read_as_what_they_are_where_asked():
    family = next(f for f in FAMILIES if f.name == "low-rank")
    rounded = np.outer([0.1, 0.3, 0.7], [0.1, 0.3, 0.9])
    assert examine_family(read_matrix(rounded), family, 6).member is True
    assert examine_family(read_matrix(rounded), family, 6, exact=True).member is False
    powers = np.outer([0.5, 3.0, 4.0], [2.0**-300, 1.0, 2.0**300])
    assert examine_family(read_matrix(powers), family, 6, exact=True).member is True
    with pytest.raises(ValueError, match="--exact: expected integers, fractions or real floats"):
        examine_family(read_matrix(powers * 1j), family, 6, exact=True)


def test_ranks_modulo_the_prime_alone_are_caught(monkeypatch):
    """Multiples of the prime have rank 0 there, and any rank they like."""
    family = next(f for f in FAMILIES if f.name == "low-rank")
    matrix = exact_ranks.PRIME * np.eye(5, dtype=int).astype(object)
    assert decide_family(matrix, family, 10)[0] is False
    known = exact_ranks._rank
    monkeypatch.setattr(exact_ranks, "_rank", lambda block, prime=None: known(block, exact_ranks.PRIME))
    assert decide_family(matrix, family, 10)[0] is True


def slices_of(ranks, prime):
    """36 × 36 with every slice of (6, 6) of that rank, and of one less modulo the prime."""
    rng = np.random.default_rng(0)
    middle = np.diag([1] * (ranks - 1) + [prime] + [0] * (6 - ranks)).astype(object)
    blocks = [rng.integers(1, 10, (6, 6)).astype(object) @ middle @ rng.integers(1, 10, (6, 6)) for _ in range(36)]
    return Slicing(6, 6, (True, True)).unstack(np.array(blocks, dtype=object), (36, 36))


@pytest.mark.parametrize("name", ["monarch-2", "block-tensor-train"])
def test_ranks_modulo_the_prime_say_nothing_of_what_is_asked_later(name):
    """Families that ask of rank one, two, … in turn: what ruled out the first is no proof of the second."""
    matrix, budget = slices_of(3, exact_ranks.PRIME), 2 * MonarchClass((6, 6)).parameters
    family = next(f for f in families_for(matrix.shape) if f.name == name)
    assert decide_family(matrix, family, budget)[0] is False
    two = slices_of(2, exact_ranks.PRIME)
    assert decide_family(two, family, budget)[0] is True


@pytest.mark.parametrize("asks", [(1, 2, 3), (3, 2, 1), (2, 1, 3, 2), (6, 1, 2)])
def test_ranks_are_the_same_in_whatever_order_they_are_asked(asks):
    spectra, layout = exact_ranks.ExactSpectra.of([slices_of(3, exact_ranks.PRIME)]), Slicing(6, 6, (True, True))
    for rank in asks:
        (tails,) = spectra.tails([layout], [rank])
        assert tails.floor(rank) == tails.distance(rank) == (rank < 3)


def test_some_blocks_alone_are_caught(monkeypatch):
    """A recurrence whose state is too small at one place only, between the blocks whose tails make the floor."""
    n, family = 40, semiseparable.semiseparable
    sampled = set(np.unique(np.linspace(0, n - 1, semiseparable.BLOCKS).astype(int)).tolist())
    k = next(k for k in range(10, n) if k not in sampled)
    matrix = np.zeros((n, n), int)
    matrix[k, k - 1 : k + 1] = matrix[k + 1, k] = 1  # rank two in the block [k:, :k + 1] alone
    budget = n * 3
    assert decide_family(whole_numbers(matrix, INTEGERS), family, budget)[0] is False
    monkeypatch.setattr(semiseparable, "blocks", lambda n, spectra: np.array(sorted(sampled)))
    assert decide_family(whole_numbers(matrix, INTEGERS), family, budget)[0] is True


@pytest.mark.parametrize("n", [2, 3, 4, 5, 9])
def test_the_largest_state_holds_every_causal_matrix(n):
    """(n + 1)/2 numbers, and no fewer where n is odd."""
    matrix = np.tril(np.random.default_rng(n).standard_normal((n, n)))
    family = semiseparable.semiseparable
    most = max(setting.parameters for setting in family.settings((n, n)))
    assert examine_family(read_matrix(matrix), family, most).member is True


@pytest.mark.parametrize(("dtype", "noise"), [(np.float16, 0.02), (np.float32, 1e-5)])
@pytest.mark.parametrize("name", ["semiseparable", "displacement", "low-rank"])
def test_what_a_long_formula_may_lose_is_no_proof_of_membership(name, dtype, noise):
    """Worst-case bounds of many operations explain anything in half precision; so they never make a member."""
    rng = np.random.default_rng(0)
    n, family = 64, next(f for f in FAMILIES if f.name == name)
    member, parameters = {
        "semiseparable": (np.tril(rng.standard_normal((n, 4)) @ rng.standard_normal((4, n))), n * 24),
        "displacement": (toeplitz(rng.standard_normal(n), rng.standard_normal(n)), 4 * n),
        "low-rank": (rng.standard_normal((n, 16)) @ rng.standard_normal((16, n)), 32 * n),
    }[name]
    mask = np.tri(n) if name == "semiseparable" else 1
    other = member + noise * np.linalg.norm(member) / n * rng.standard_normal((n, n)) * mask
    assert examine_family(read_matrix(member.astype(dtype)), family, parameters).member is not False
    assert examine_family(read_matrix(other.astype(dtype)), family, parameters).member is not True
