"""Every family: its fit is what its cost says, its guarantee holds, and its own members are fitted without error."""

import shutil
import sys
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from scipy.linalg import block_diag

from monarch_theory.domains import FLOAT64
from monarch_theory.expressivity import families
from monarch_theory.expressivity.atlas import COSTS, atlas
from monarch_theory.expressivity.atlas_picture import draw
from monarch_theory.expressivity.families import FAMILIES, families_for
from monarch_theory.expressivity.families.family import Family, Setting
from monarch_theory.expressivity.families.monarch_attention import monarch_attention
from monarch_theory.expressivity.families.monarch_plus_low_rank import monarch_plus_low_rank
from monarch_theory.expressivity.projection import project
from monarch_theory.expressivity.spectra import Rearrangement, Spectra
from monarch_theory.expressivity.targets import Target, attention_heads, targets
from monarch_theory.monarch import Convention, random_monarch

RNG = np.random.default_rng(0)
MEMBERS = {
    "monarch-2": random_monarch((4, 4), FLOAT64, RNG).dense(),
    "monarch-3": random_monarch((2, 2, 4), FLOAT64, RNG).dense(),
    "butterfly": random_monarch((2, 2, 2, 2), FLOAT64, RNG).dense(),
    "kronecker-sparse": np.kron(RNG.standard_normal((2, 2)), RNG.standard_normal((8, 8))),
    "gs": np.kron(np.ones((4, 4)), np.outer(RNG.standard_normal(4), RNG.standard_normal(4))),
    "block-tensor-train": random_monarch((2, 2, 4), FLOAT64, RNG).dense(),
    "kronecker": np.kron(RNG.standard_normal((4, 4)), RNG.standard_normal((4, 4))),
    "low-rank": RNG.standard_normal((16, 3)) @ RNG.standard_normal((3, 16)),
    "block-diagonal": block_diag(*RNG.standard_normal((4, 4, 4))),
}


def smallest_error(family, matrix, budget):
    found = family.nearest(Spectra.of([matrix]), budget)
    return np.linalg.norm(matrix - found.approximations[0])


def some_settings(family, shape, count):
    return list(islice(family.settings(shape), count))


@pytest.mark.parametrize("name", MEMBERS)
def test_members_are_fitted_without_error_and_random_matrices_are_not(name):
    family = next(f for f in families_for((16, 16)) if f.name == name)
    assert smallest_error(family, MEMBERS[name], 160) < 1e-12
    assert smallest_error(family, RNG.standard_normal((16, 16)), 160) > 0.1


@pytest.mark.parametrize("family", families_for((16, 16)), ids=lambda f: f.name)
def test_fits_keep_shape_and_dtype_and_never_lengthen(family):
    for dtype in (np.float32, float, complex):
        if family.name == "monarch-attention":
            matrix = np.exp(RNG.standard_normal((16, 16))).astype(float)
        else:
            matrix = RNG.standard_normal((16, 16)).astype(dtype)
        for setting in some_settings(family, matrix.shape, 12):
            near = family.fit(matrix, setting)
            assert near.shape == matrix.shape and near.dtype == matrix.dtype
            if setting.guarantee == "optimal":
                assert np.linalg.norm(near) <= np.linalg.norm(matrix) * (1 + 1e-5)


@pytest.mark.parametrize("family", families_for((16, 16)), ids=lambda f: f.name)
def test_no_setting_of_an_optimal_family_is_beaten_by_a_member_it_found_for_another_matrix(family):
    """Optimal means no member is nearer: fits of other matrices, best scaled, are members too."""
    matrix = np.exp(RNG.standard_normal((16, 16)))
    for setting in some_settings(family, matrix.shape, 8):
        if setting.guarantee != "optimal":
            continue
        own = np.linalg.norm(matrix - family.fit(matrix, setting))
        for noise in (0.01, 0.3):
            other = family.fit(matrix + noise * RNG.standard_normal(matrix.shape), setting)
            scaled = other * (np.vdot(other, matrix) / max(np.vdot(other, other), 1e-300))
            assert np.linalg.norm(matrix - scaled) >= own - 1e-9


def test_the_parameter_count_is_the_rank_of_the_tangent_space_or_more():
    """A family cannot have more local dimensions than it claims parameters: numerical rank of differences of fits."""
    for family in families_for((8, 8)):
        if family.name == "monarch-attention":
            continue
        setting = min(family.settings((8, 8)), key=lambda s: s.parameters)
        matrix = family.fit(RNG.standard_normal((8, 8)), setting)
        many = setting.parameters + 8  # as many directions as would show one too many
        moves = [family.fit(matrix + 1e-5 * RNG.standard_normal((8, 8)), setting) - matrix for _ in range(many)]
        values = np.linalg.svd(np.array(moves).reshape(many, -1) / 1e-5, compute_uv=False)
        assert (values > 1e-2).sum() <= setting.parameters, family.name


def test_rearrangement_turns_kronecker_products_into_rank_one():
    a, b = RNG.standard_normal((2, 3)), RNG.standard_normal((4, 5))
    stack = Rearrangement((2, 3)).stack(np.kron(a, b))
    assert np.array_equal(stack, np.outer(a.reshape(-1), b.reshape(-1))[None])


def balanced(shape):
    return min(monarch_attention.settings(shape), key=lambda setting: setting.parameters)


def test_monarch_attention_is_row_stochastic_and_no_nearer_than_the_projection():
    for head in attention_heads():
        setting = balanced(head.shape)
        near = monarch_attention.fit(head, setting)
        assert np.allclose(near.sum(1), head.sum(1)) and (near >= 0).all()
        assert np.linalg.norm(head - near) >= project(head, setting.choices["kind"]).distance - 1e-12


def test_monarch_attention_raises_the_softmax_objective_over_its_start():
    head = attention_heads()[0]

    def objective(a):
        return float((a * np.log(head)).sum() - (a * np.log(np.maximum(a, 1e-300))).sum())

    near = monarch_attention.fit(head, balanced(head.shape))
    uniform = np.full_like(head, 1 / 64)
    assert objective(uniform) < objective(near) <= objective(head)


def test_monarch_attention_is_exact_where_it_can_be():
    uniform = np.full((16, 16), 1 / 16)
    assert np.allclose(monarch_attention.fit(uniform, balanced((16, 16))), uniform)


@pytest.mark.long
def test_the_atlas_at_sixteen():
    found = atlas(16, seed=3)
    assert found == atlas(16, seed=3)
    assert found.best("DFT", "monarch-2", "parameters").error < 1e-14
    assert found.best("DFT", "butterfly", "parameters").error < 1e-14
    assert found.best("low rank", "low-rank", "parameters").error < 1e-14
    assert found.best("DFT", "low-rank", "parameters").error == pytest.approx(np.sqrt(12 / 16))
    for cost in COSTS:
        for name, _ in found.families:
            for target in found.targets:
                best = found.best(target, name, cost)
                assert best is None or getattr(best.setting, cost) <= found.budget
                errors = [error for _, error in found.frontier(target, name, cost)]
                assert errors == sorted(errors, reverse=True)


@pytest.mark.long
def test_every_family_stands_in_the_atlas_at_equal_parameters_and_at_equal_flops():
    """Monarch + low rank, which is slow to fit, only has to have settings that fit the budget: orders above two."""
    head = Target("attention", tuple(attention_heads()[:1]))
    others = [family for family in families_for((64, 64)) if family is not monarch_plus_low_rank]
    found = atlas(64, chosen=[head], families=others)
    for cost in COSTS:
        for name, _ in found.families:
            entry = found.best("attention", name, cost)
            # the two Monarch matrices of a product store half as much again as one
            fits = name != "monarch-product"
            assert (entry is not None and 0 < entry.error < 1) == fits, (name, cost)
        assert monarch_plus_low_rank.within((64, 64), found.budget, cost=cost)


def test_bands_are_those_of_atlases_of_single_seeds():
    """Fixed targets are fitted once, random ones by every seed."""
    chosen = [family for family in families_for((16, 16)) if family.name in ("low-rank", "circulant", "monarch-2")]
    found = atlas(16, seed=5, families=chosen, seeds=3)
    alone = [atlas(16, seed=5 + k, families=chosen) for k in range(3)]
    for target in targets(16):
        for family in chosen:
            errors = [each.best(target.name, family.name, "parameters").error for each in alone]
            kept = errors if target.random else errors[:1]
            assert found.errors(target.name, family.name, "parameters") == kept
            assert target.random or errors == errors[:1] * 3
    assert len(set(found.errors("random", "monarch-2", "parameters"))) == 3


def test_fits_beyond_the_budget_are_for_the_picture_only():
    narrow, wide = (atlas(8, reach=reach, chosen=targets(8)[:1]) for reach in (1.0, 2.0))
    assert len(narrow.entries) < len(wide.entries)
    for cost in COSTS:
        for name, _ in narrow.families:
            assert narrow.best("DFT", name, cost) == wide.best("DFT", name, cost)


def test_adding_a_family_is_one_object(tmp_path):
    zero = Family("zero", "zero", "none", lambda shape: [Setting("0", 0, 0, "optimal")], lambda a, s: np.zeros_like(a))
    found = atlas(4, families=[zero], chosen=[Target("one", (np.eye(4),))])
    assert found.best("one", "zero", "parameters").error == 1.0
    draw(found, str(tmp_path / "a.png"))


def test_adding_a_family_is_one_file_in_the_folder(tmp_path, monkeypatch):
    shutil.copy(Path(__file__).parents[3] / "docs" / "how-to" / "my_family.py", tmp_path / "newest.py")
    monkeypatch.setattr(families, "__path__", [*families.__path__, str(tmp_path)])
    assert [f.name for f in set(families.families_here()) - set(FAMILIES)] == ["circulant-plus-diagonal"]
    monkeypatch.delitem(sys.modules, f"{families.__name__}.newest")


def test_gs_matrices_hold_every_monarch_matrix_of_order_two():
    for convention in Convention:
        for radices in ((4, 4), (2, 8)):
            member = random_monarch(radices, FLOAT64, RNG, convention=convention).dense()
            assert smallest_error(next(f for f in FAMILIES if f.name == "gs"), member, 160) < 1e-12


@pytest.mark.parametrize(
    "family",
    [
        pytest.param(f, marks=pytest.mark.long if f is monarch_plus_low_rank else (), id=f.name)
        for f in families_for((16, 16))
    ],
)
def test_floors_are_below_every_member_met(family):
    """Fits of other matrices, best scaled, are members; and the floor of a member is zero, to rounding."""
    matrix = np.exp(RNG.standard_normal((16, 16)))
    for setting in some_settings(family, matrix.shape, 40)[::5]:
        floor = family.nearest(Spectra.of([matrix]), setting.parameters).floor * np.linalg.norm(matrix)
        near = family.fit(matrix, setting)
        assert floor <= np.linalg.norm(matrix - near) * (1 + 1e-12)
        other = family.fit(np.exp(RNG.standard_normal((16, 16))), setting)
        scaled = other * (np.vdot(other, matrix) / np.vdot(other, other))
        assert floor <= np.linalg.norm(matrix - scaled)
        assert family.nearest(Spectra.of([other]), setting.parameters).floor <= 1e-12


def test_attention_target_only_where_its_size_is():
    assert [t.name for t in targets(64)][3] == "attention" and len(targets(64)[3].matrices) == 8
    assert "attention" not in [t.name for t in targets(32)]


def test_names_are_unique():
    names = [family.name for family in families_for((64, 64))]
    assert len(set(names)) == len(names) >= 5 + len(FAMILIES) - 1


@pytest.mark.parametrize("family", [f for f in families_for((16, 16)) if f.one_cost], ids=lambda f: f.name)
def test_one_cost_is_one_cost(family):
    assert all(s.parameters == s.multiplications for s in some_settings(family, (16, 16), 200))


@pytest.mark.parametrize("family", [f for f in families_for((16, 16)) if f.holds_low_rank], ids=lambda f: f.name)
def test_a_family_that_holds_low_rank_is_never_farther(family):
    spectra = Spectra.of([RNG.standard_normal((12, 18))])
    svd = next(f for f in FAMILIES if f.name == "low-rank").nearest(spectra, 100)
    assert family.nearest(spectra, 100).distance <= svd.distance + spectra.rounding
