"""Every family on one matrix: weights of columns, sizes that do not factor, and what is worth trying."""

import json

import numpy as np
import pytest
from command_line import asked
from scipy.linalg import toeplitz

from monarch_theory.domains import FLOAT64
from monarch_theory.expressivity.classes import MonarchClass, balanced_radices
from monarch_theory.expressivity.comparison import column_weights, compare
from monarch_theory.expressivity.families import families_for
from monarch_theory.expressivity.matrices import read_matrix
from monarch_theory.expressivity.padding import is_awkward, next_size
from monarch_theory.expressivity.parts import read_members
from monarch_theory.expressivity.projection import project
from monarch_theory.monarch import random_monarch

RNG = np.random.default_rng(0)


def run(*arguments):
    return asked("express", *arguments)


def test_weights_bring_the_outputs_nearer():
    """Where a few inputs are large, the columns they meet matter more; the factors are those of the matrix itself."""
    weight = RNG.standard_normal((16, 16))
    inputs = RNG.standard_normal((200, 16)) * np.where(np.arange(16) % 4, 0.01, 1.0)
    plain, weighted = compare(read_matrix(weight)), compare(read_matrix(weight), activations=inputs)
    for family in ("low-rank", "monarch-2", "gs", "block-diagonal"):
        off = [
            np.linalg.norm((weight - found.member(found.of(family)).dense()) @ inputs.T) for found in (plain, weighted)
        ]
        assert off[1] < (0.7 if family != "block-diagonal" else 1 + 1e-9) * off[0], family
    scale = column_weights(inputs, 16)
    assert all(place.fitted for place in weighted.places if place.family.endswith("sparse"))
    for place in weighted.places:
        near = weighted.member(place).dense()
        away = np.linalg.norm((weight - near) * scale) / np.linalg.norm(weight * scale)
        assert away == pytest.approx(place.distance, abs=1e-7), place
    assert "kronecker" in weighted.refused and "kronecker" not in plain.refused


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        (np.ones((3, 5)), r"shape \(samples, 4\), got \(3, 5\)"),
        (np.ones((0, 4)), r"got \(0, 4\)"),
        (np.full((2, 4), np.nan), "expected finite activations, got NaN"),
        (np.ones((2, 4), complex), "real numbers, got complex128"),
        (np.zeros((2, 4)), "not all zero"),
    ],
)
def test_bad_activations_are_named(inputs, message):
    with pytest.raises(ValueError, match=message):
        compare(read_matrix(np.eye(4)), activations=inputs)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("factor", [1e-310, 1e-200, 1e200, 1e307])
def test_weights_are_those_of_activations_of_any_size(factor):
    """Their squares overflowed, and weights were NaN, or vanished, and it was said that all were zero."""
    inputs = np.random.default_rng(0).standard_normal((20, 6)) * 10.0 ** -np.arange(6)
    assert np.allclose(column_weights(inputs * factor, 6), column_weights(inputs, 6), rtol=1e-6)


def test_an_awkward_size_is_cut_from_a_larger_one():
    """A corner of a Monarch matrix of the next size is found again; its factors multiply as the corner does."""
    assert [is_awkward(n) for n in (1, 2, 13, 22, 16, 24)] == [False, False, True, True, False, False]
    assert all(not is_awkward(next_size(n)) and next_size(n) >= n for n in range(1, 400))
    whole = random_monarch((4, 4), FLOAT64, RNG).dense()
    assert next_size(13) == 15
    corner = random_monarch((3, 5), FLOAT64, RNG).dense()[:13, :13]
    assert not np.allclose(whole[:13, :13], corner)
    found = compare(read_matrix(corner))
    place = next(p for p in found.places if p.family == "monarch-2-padded")
    svd = found.of("low-rank")
    assert place.padded == (15, 15) and place.distance < svd.distance and not place.optimal and place.floor == 0
    member = found.member(place)
    assert member.shape == (13, 13) and member.parameters == place.parameters
    assert np.linalg.norm(member.dense() - corner) / np.linalg.norm(corner) == pytest.approx(place.distance, abs=1e-9)
    assert all(p.padded is None for p in compare(read_matrix(whole)).places)


@pytest.mark.parametrize(("shape", "larger"), [((13, 13), (16, 16)), ((34, 16), (36, 16)), ((23, 46), (24, 48))])
def test_sizes_that_are_awkward_at_order_three_are_cut_as_well(shape, larger):
    """34 = 2·17 has no three factors and two that are far apart; a corner of a member of the next size comes near."""
    assert tuple(next_size(side, 3) for side in shape) == larger
    kind = MonarchClass(*(balanced_radices(side, 3) for side in larger[::-1]))
    corner = project(RNG.standard_normal(larger), kind).dense()[: shape[0], : shape[1]]
    found = compare(read_matrix(corner))
    place = next(p for p in found.places if p.family == "monarch-3-padded")
    assert place.padded == larger and place.floor == 0 and not place.optimal
    assert place.distance < found.of("low-rank").distance and place.parameters <= found.budget
    member = found.member(place)
    assert member.shape == shape and member.parameters == place.parameters
    assert np.linalg.norm(member.dense() - corner) / np.linalg.norm(corner) == pytest.approx(place.distance, abs=1e-9)


def test_what_is_worth_trying_is_nearest_across_families_and_not_at_noise():
    low = RNG.standard_normal((16, 2)) @ RNG.standard_normal((2, 16))
    assert compare(read_matrix(low)).worth_trying.family == "low-rank"
    kron = np.kron(RNG.standard_normal((4, 4)), RNG.standard_normal((4, 4)))
    found = compare(read_matrix(kron))
    assert found.worth_trying.distance < 1e-12 < found.of("low-rank").distance
    assert compare(read_matrix(np.zeros((8, 8)))).worth_trying.family == "low-rank"


def test_write_and_read_again(tmp_path):
    pytest.importorskip("safetensors")
    weights = {"a": RNG.standard_normal((16, 16)).astype(np.float32), "b": RNG.standard_normal((12, 8))}
    np.savez(tmp_path / "w.npz", **weights)
    np.save(tmp_path / "one.npy", weights["a"])
    answer = run(tmp_path / "w.npz", "--write", tmp_path / "f.safetensors", "--json")
    facts = {one["name"]: one for one in json.loads(answer.stdout)["matrices"]}
    found = read_members(tmp_path / "f.safetensors")
    assert answer.exit_code == 0 and set(found) == {"a", "b"}
    for name, member in found.items():
        distance = np.linalg.norm(weights[name] - member.dense()) / np.linalg.norm(weights[name])
        best = next(p for p in facts[name]["places"] if (p["family"], p["setting"]) == (member.family, member.setting))
        assert distance == pytest.approx(best["distance"], abs=1e-5)
        assert all(a.dtype == weights[name].dtype for part in member.parts for a in part.arrays.values())
    for options in ([], ["--order", 4], ["--rank", 2], ["--family", "gs"], ["--family", "kronecker"]):
        answer = run(tmp_path / "one.npy", *options, "--write", tmp_path / "g.safetensors", "--json")
        (member,) = read_members(tmp_path / "g.safetensors").values()
        off = np.linalg.norm(weights["a"] - member.dense()) / np.linalg.norm(weights["a"])
        assert off == pytest.approx(json.loads(answer.stdout)["distance"], abs=1e-5), options


def test_one_matrix_over_all_families_with_calibration(tmp_path):
    np.save(tmp_path / "one.npy", RNG.standard_normal((16, 16)))
    np.save(tmp_path / "x.npy", RNG.standard_normal((50, 16)))
    np.save(tmp_path / "bad.npy", RNG.standard_normal((50, 15)))
    answer = run(tmp_path / "one.npy", "--compare", "--calibration", tmp_path / "x.npy")
    assert answer.exit_code == 0 and "weighted by the root mean square" in answer.output
    assert "worth trying: " in answer.output
    for arguments, message in [
        (["--calibration", tmp_path / "x.npy"], "--calibration: expected --compare or a whole checkpoint"),
        (["--compare", "--calibration", tmp_path / "bad.npy"], "expected activations of shape (samples, 16)"),
        (["--compare", "--order", 3], "--order: expected one matrix and one family"),
        (["--write", tmp_path / "no" / "f.safetensors"], "--write: expected a file in a folder"),
    ]:
        answer = run(tmp_path / "one.npy", *arguments)
        assert answer.exit_code == 2 and message in answer.stderr and answer.stderr.count("\n") == 1


def test_the_torch_module_goes_beside_the_factors(tmp_path):
    pytest.importorskip("safetensors")
    weights = np.random.default_rng(0).standard_normal((8, 12)).astype(np.float32)
    np.savez(tmp_path / "w.npz", **{"a.weight": weights})
    files = ["--write", tmp_path / "f.safetensors", "--torch", tmp_path / "layers.py", "--json"]
    for source, options in ((tmp_path / "w.npz", []), (f"{tmp_path / 'w.npz'}:a.weight", ["--family", "gs"])):
        answer = run(source, *options, *files)
        assert json.loads(answer.stdout)["module"] == str(tmp_path / "layers.py")
        text = (tmp_path / "layers.py").read_text()
        compile(text, "layers.py", "exec")
        assert "'f.safetensors'" in text and "a.weight" in text
    for wrong in (["--torch", tmp_path / "layers.py"], [*files[:3], tmp_path / "layers.txt"]):
        answer = run(tmp_path / "w.npz", *wrong)
        assert answer.exit_code == 2 and "--torch: expected" in answer.stderr


@pytest.mark.parametrize("shape", [(6, 6), (12, 12), (24, 20), (12, 15), (32, 32), (48, 12)])
def test_the_class_that_sets_the_budget_is_within_it(shape):
    """A budget of N√M + M√N, whose roots are seldom whole, left the nearest Monarch matrix out of its own table."""
    rows, columns = (balanced_radices(side, 2) for side in shape)
    matrix = random_monarch(columns, FLOAT64, RNG, output_radices=rows).dense()
    found = compare(read_matrix(matrix))
    assert found.budget >= MonarchClass(columns, rows).parameters
    assert found.of("monarch-2").distance < 1e-14


def fitted_nothing(*_, **__):
    raise AssertionError("it was refused after the work")


FACTORLESS = [family.name for family in families_for((16, 16)) if family.parts is None]


@pytest.mark.parametrize("family", FACTORLESS)
def test_a_family_without_factors_is_refused_before_the_work(tmp_path, monkeypatch, family):
    pytest.importorskip("safetensors")
    np.save(tmp_path / "one.npy", np.eye(16))
    monkeypatch.setattr("monarch_theory.command.express.examine_family", fitted_nothing)
    answer = run(tmp_path / "one.npy", "--family", family, "--parameters", 999, "--write", tmp_path / "f.safetensors")
    assert answer.exit_code == 2 and answer.stdout == "" and answer.stderr.count("\n") == 1
    assert f"--write: expected a family that has factors to save, got {family}" in answer.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--write", "f.safetensors"], "--write: expected real entries, whose factors safetensors holds, got complex"),
        (["--certificate", "c.json"], "--certificate: expected an exact answer; add --exact"),
        (["--certificate", "c.json", "--exact", "--rank", "2"], "--certificate: expected --rank 1 and --convention m2"),
        (["--search", "5", "--order", "4"], "--search: expected order 2 for the permutation search, got 4"),
    ],
)
def test_what_cannot_be_done_with_the_answer_is_refused_before_the_work(tmp_path, monkeypatch, options, message):
    pytest.importorskip("safetensors")
    np.save(tmp_path / "one.npy", np.eye(16) * 1j)
    monkeypatch.chdir(tmp_path)
    for work in ("examine_monarch", "examine_family"):
        monkeypatch.setattr(f"monarch_theory.command.express.{work}", fitted_nothing)
    answer = run("one.npy", *options)
    assert answer.exit_code == 2 and message in answer.stderr and answer.stderr.count("\n") == 1


def test_certificates_are_of_one_class_only(tmp_path):
    np.save(tmp_path / "one.npy", np.eye(16, dtype=int))
    for options in (["--rank", 2], ["--convention", "dao"]):
        answer = run(tmp_path / "one.npy", *options, "--certificate", tmp_path / "c.json")
        assert answer.exit_code == 2 and "--certificate: expected --rank 1 and --convention m2" in answer.stderr


def test_a_file_that_fails_keeps_the_verdict(tmp_path, monkeypatch):
    """Found after the work, it is a warning: the verdict and its exit code stand."""
    pytest.importorskip("safetensors")

    def full(*_, **__):
        raise OSError("no space left")

    monkeypatch.setattr("monarch_theory.command.express.write_members", full)
    np.savez(tmp_path / "w.npz", a=np.eye(16))
    np.save(tmp_path / "one.npy", np.eye(16))
    for source, code in ((tmp_path / "one.npy", 1), (tmp_path / "w.npz", 0)):
        answer = run(source, "--write", tmp_path / "f.safetensors", "--json")
        assert answer.exit_code == code and "written" not in json.loads(answer.stdout)
        assert "was not written: no space left" in answer.stderr and answer.stderr.count("\n") == 1


def test_a_checkpoint_says_what_it_did_not_write(tmp_path):
    pytest.importorskip("safetensors")
    shifted = np.linalg.inv(toeplitz(RNG.standard_normal(12), RNG.standard_normal(12)) + 9 * np.eye(12))
    np.savez(tmp_path / "w.npz", real=RNG.standard_normal((8, 8)), imaginary=np.eye(8) * 1j, shifted=shifted)
    answer = run(tmp_path / "w.npz", "--write", tmp_path / "f.safetensors")
    assert answer.exit_code == 0 and set(read_members(tmp_path / "f.safetensors")) == {"real", "shifted"}
    assert "not written: imaginary: expected real entries" in answer.output
    assert "as low displacement rank has no factors to save" in answer.output
    np.savez(tmp_path / "w.npz", imaginary=np.eye(8) * 1j)
    answer = run(tmp_path / "w.npz", "--write", tmp_path / "f.safetensors")
    assert answer.exit_code == 2 and "--write: expected real entries" in answer.stderr
