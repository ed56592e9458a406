"""Members as they are stored: as many scalars as the cost says, and the multiply is that of the fit."""

from dataclasses import replace
from itertools import islice

import numpy as np
import pytest

from monarch_theory.expressivity.examination import examine_family
from monarch_theory.expressivity.families import families_for
from monarch_theory.expressivity.matrices import read_matrix
from monarch_theory.expressivity.parts import Blocks, Member, Train, low_rank_train, read_members, write_members

RNG = np.random.default_rng(0)
SHAPES = [(16, 16), (12, 18), (8, 6), (5, 7), (1, 4)]
CASES = [(shape, family) for shape in SHAPES for family in families_for(shape) if family.parts is not None]


def spread(family, shape, count):
    """Some settings, from the first to the last of the first few hundred."""
    chosen = list(islice(family.settings(shape), 400))
    return chosen[:: max(1, len(chosen) // count)]


@pytest.mark.parametrize(("shape", "family"), CASES, ids=[f"{f.name}-{s[0]}x{s[1]}" for s, f in CASES])
def test_what_is_stored_is_the_fit(shape, family):
    matrix = np.exp(RNG.standard_normal(shape))
    x = RNG.standard_normal((shape[1], 3))
    for setting in spread(family, shape, 9):
        member = family.member(matrix, setting)
        near = family.fit(matrix, setting)
        assert member.parameters == setting.parameters, setting
        assert np.allclose(member.dense(), near, atol=1e-9 * np.linalg.norm(matrix)), setting
        assert np.allclose(member.multiply(x), near @ x, atol=1e-8 * np.linalg.norm(matrix)), setting


def test_which_families_write_their_members():
    """Those whose multiply is by several transforms, by a recurrence or by four stages, or shared, are not written."""
    unwritten = {family.name for family in families_for((16, 16)) if family.parts is None}
    recurrences = {"semiseparable", "quasiseparable"}
    shared = {"strassen-tile", "mixer"}
    assert unwritten == recurrences | shared | {"displacement", "monarch-product"}


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16])
def test_saved_and_read_again(tmp_path, dtype):
    pytest.importorskip("safetensors")
    matrix = np.exp(RNG.standard_normal((12, 18)))
    families = [family for family in families_for(matrix.shape) if family.parts is not None]
    members = {f"layer.{f.name}": f.member(matrix, next(iter(f.settings(matrix.shape)))).cast(dtype) for f in families}
    write_members(tmp_path / "factors.safetensors", members)
    found = read_members(tmp_path / "factors.safetensors")
    assert list(found) == list(members)
    for name, member in members.items():
        assert np.array_equal(found[name].dense(), member.dense())
        assert (found[name].family, found[name].setting) == (member.family, member.setting)
        assert {array.dtype for part in found[name].parts for array in part.arrays.values()} == {np.dtype(dtype)}


def test_bad_files_and_arguments_are_named(tmp_path):
    pytest.importorskip("safetensors")
    member = Member((4, 4), "low-rank", "rank 1", (low_rank_train(np.ones((4, 4)), 1),))
    with pytest.raises(ValueError, match=r"x: expected shape \(4, batch\), got \(3, 2\)"):
        member.multiply(np.ones((3, 2)))
    with pytest.raises(ValueError, match="layer: expected real factors"):
        write_members(tmp_path / "a.safetensors", {"layer": member.cast(complex)})
    (tmp_path / "b.safetensors").write_bytes(b"hello")
    with pytest.raises(ValueError, match=r"b\.safetensors: expected factors that `monarch express --write` saved"):
        read_members(tmp_path / "b.safetensors")


def test_a_wrong_multiply_is_caught():
    """The comparison with the fit sees each of: no digit reversal, regrouped outputs, blocks transposed."""
    gs = next(f for f in families_for((12, 18)) if f.name == "gs")
    matrix = RNG.standard_normal((12, 18))
    setting = next(s for s in gs.settings(matrix.shape) if s.label == "k_L = 2, k_R = 3, s = 12")
    (train,) = gs.parts(matrix, setting)
    near = gs.fit(matrix, setting)
    right = Train(train.arrays, train.input_radices, train.output_radices, train.convention, train.regroup)
    assert np.allclose(right.multiply(np.eye(18)), near)
    for convention in set(type(train.convention)) - {train.convention}:
        wrong = Train(train.arrays, train.input_radices, train.output_radices, convention, train.regroup)
        assert not np.allclose(wrong.multiply(np.eye(18)), near)
    wrong = Train(train.arrays, train.input_radices, train.output_radices, train.convention, 6)
    assert not np.allclose(wrong.multiply(np.eye(18)), near)
    blocks = RNG.standard_normal((2, 3, 3))
    assert not np.allclose(Blocks({"blocks": blocks.swapaxes(1, 2)}).multiply(np.eye(6))[:3, :3], blocks[0])


@pytest.mark.parametrize("complex_numbers", [False, True])
@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("toeplitz", (5, 7)),
        ("toeplitz", (7, 2)),
        ("toeplitz", (1, 1)),
        ("circulant", (7, 7)),
        ("causal-toeplitz", (7, 7)),
    ],
)
def test_a_convolution_that_begins_elsewhere_or_comes_round_is_caught(name, shape, complex_numbers):
    family = next(family for family in families_for(shape) if family.name == name)
    matrix = RNG.standard_normal(shape) * (1 + 1j if complex_numbers else 1)
    (setting,) = family.settings(shape)
    (part,) = family.parts(matrix, setting)
    near, every = family.fit(matrix, setting), np.eye(shape[1])
    assert np.allclose(part.multiply(every), near)
    if shape != (1, 1):
        shorter = {"toeplitz": part.length - 1, "circulant": part.length + 1, "causal-toeplitz": len(matrix)}[name]
        for wrong in (replace(part, shift=(part.shift + 1) % part.length), replace(part, length=shorter)):
            found = wrong.multiply(every)
            assert found.shape != near.shape or not np.allclose(found, near)
    with pytest.raises(ValueError, match="expected stages or blocks, whose columns scale, got a convolution"):
        Member(shape, name, setting.label, (part,)).scaled(np.ones(shape[1]))


@pytest.mark.parametrize("shape", [(16, 16), (12, 18)])
def test_columns_scale(shape):
    """Where a family says so, the scaled member is one of the same size, and where it does not, it is refused."""
    weights = np.exp(RNG.standard_normal(shape[1]))
    for family in families_for(shape):
        if not family.scales_columns or family.parts is None:
            continue
        setting = spread(family, shape, 3)[0]
        member = family.member(np.exp(RNG.standard_normal(shape)), setting)
        scaled = member.scaled(weights)
        assert scaled.parameters == member.parameters
        assert np.allclose(scaled.dense(), member.dense() * weights), family.name
    kronecker = next(f for f in families_for(shape) if f.name == "kronecker")
    with pytest.raises(ValueError, match="expected stages or blocks"):
        kronecker.member(np.ones(shape), next(kronecker.settings(shape))).scaled(weights)


ENDS = [(float, 1e300), (float, 1e-300), (np.float32, 1e37), (np.float32, 1e-37)]


@pytest.mark.parametrize(("dtype", "size"), ENDS)
def test_factors_of_what_lies_at_the_ends_of_the_range_are_those_of_the_distance_told(dtype, size):
    """Squares of such entries overflow or vanish: a fit of the matrix as it is would be another one, or none."""
    matrix = ((RNG.random((12, 12)) + 0.1) * size).astype(dtype)
    ordinary = matrix.astype(float) / size
    for family in [f for f in families_for((12, 12)) if f.parts is not None]:
        found = examine_family(read_matrix(matrix), family, 84)
        assert found.fitted is not None
        near = found.fitted.member().cast(dtype).cast(float).dense() / size
        far = float(np.linalg.norm(ordinary - near) / np.linalg.norm(ordinary))
        assert abs(far - found.distance) <= 64 * float(np.finfo(dtype).eps), family.name


def test_a_fit_of_the_matrix_as_it_is_is_caught():
    """As factors were made before: of other numbers than the distance was told of."""
    matrix = np.random.default_rng(0).random((12, 12)) + 0.1
    family = next(f for f in families_for((12, 12)) if f.name == "diagonal-plus-low-rank")
    found = examine_family(read_matrix(matrix * 1e300), family, 84)
    with np.errstate(over="ignore", invalid="ignore"):
        near = family.member(matrix * 1e300, found.fitted.setting).dense() / 1e300
    assert not np.linalg.norm(matrix - near) / np.linalg.norm(matrix) <= found.distance + 0.1


def test_a_core_takes_some_of_the_size_of_another_that_a_format_cannot_hold():
    """Rounded each by itself, one is zero or infinite, though their product is neither."""
    for small in (-145, 140):
        train = low_rank_train(np.outer(np.arange(1.0, 5), np.arange(1.0, 4)), 1)
        arrays = {key: array * 2.0 ** (small, -small)[int(key)] for key, array in train.arrays.items()}
        member = Member((4, 3), "low-rank", "rank 1", (replace(train, arrays=arrays),))
        assert np.allclose(member.cast(np.float32).dense(), member.dense(), rtol=1e-6)
        with np.errstate(over="ignore"):
            alone = {key: array.astype(np.float32) for key, array in arrays.items()}
        assert not np.isfinite(alone["0"]).all() or not alone["0"].any() or not np.isfinite(alone["1"]).all()
