"""`monarch express` and `monarch atlas`: exit status, JSON, pictures, and one clear error for bad input."""

import json
import subprocess
import sys

import numpy as np
import pytest
from command_line import asked
from scipy import sparse

from monarch_theory.command import express
from monarch_theory.domains import FLOAT64
from monarch_theory.expressivity import matrices
from monarch_theory.expressivity.classes import MonarchClass
from monarch_theory.expressivity.examination import examine_monarch
from monarch_theory.expressivity.matrices import read_matrix
from monarch_theory.expressivity.report import draw
from monarch_theory.monarch import random_monarch

pytestmark = pytest.mark.usefixtures("child_at_hand")


def run(*arguments, command="express"):
    return asked(command, *arguments)


@pytest.fixture
def saved(tmp_path):
    def save(array, name="matrix.npy"):
        np.save(tmp_path / name, array)
        return tmp_path / name

    return save


def test_a_member(saved):
    answer = run(saved(np.fft.fft(np.eye(16))))
    assert answer.exit_code == 0
    assert "member (measured, to " in answer.output and "compression 2.00" in answer.output


def test_json_is_pure_and_has_the_promised_keys(saved):
    answer = run(saved(np.eye(16, dtype=int)), "--json")
    facts = json.loads(answer.stdout)
    assert answer.exit_code == 1 and answer.stderr == ""
    promised = {"member", "distance", "parameters", "compression", "evidence", "family", "order", "radices", "seed"}
    assert promised <= set(facts)
    assert facts["member"] is False and facts["evidence"] == "exact" and facts["seed"] == 0
    assert facts["distance_evidence"] == "measured"  # the refutation is exact, the distance is a floating-point number
    assert facts["distance"] == pytest.approx(np.sqrt(12 / 16))
    assert facts["refutation"]["rows"] == [0, 4] and facts["refutation"]["minor"] == "1"
    assert facts["next"]["convention"] == "dao" and facts["next"]["distance"] == 0


def test_order_three_shows_both_guarantees(saved):
    noise = np.random.default_rng(0).standard_normal((64, 64))
    answer = run(saved(noise), "--order", 3)
    assert answer.exit_code == 1
    assert "1.414 guaranteed" in answer.output and "worth trying next" in answer.output
    facts = json.loads(run(saved(noise), "--order", 3, "--json").stdout)
    assert facts["lower_bound"] < facts["distance"] <= facts["lower_bound"] * facts["guaranteed_ratio"]
    assert facts["achieved_ratio"] <= facts["guaranteed_ratio"] == pytest.approx(2**0.5)


def test_radices_convention_rank_and_rectangles(saved):
    member = random_monarch((4, 8), FLOAT64, np.random.default_rng(0), output_radices=(2, 4)).dense()
    assert run(saved(member), "--radices", "4,8", "--output-radices", "2,4").exit_code == 0
    assert run(saved(member), "--radices", "8,4", "--output-radices", "2,4").exit_code == 1
    assert run(saved(np.eye(6)), "--radices", "2,3", "--convention", "dao").exit_code == 0
    assert run(saved(np.eye(4)), "--rank", "2").exit_code == 0


def test_a_distance_within_rounding_is_undecided(saved):
    """Noise that lands between threshold and threshold + error bound: status 2 and no verdict."""
    noise = np.random.default_rng(1).standard_normal((64, 64))
    member = random_monarch((8, 8), FLOAT64, np.random.default_rng(0)).dense()
    path = saved(member + 1e-6 * noise)
    off = json.loads(run(path, "--json").stdout)["distance"]
    answer = run(path, "--accuracy", off - 2e-15, "--json")
    assert answer.exit_code == 2 and json.loads(answer.stdout)["member"] is None
    assert run(path, "--accuracy", off * 1.01).exit_code == 0
    assert run(path, "--accuracy", off * 0.99).exit_code == 1


def test_exact_reads_floats_as_dyadic_rationals(saved):
    outer = np.kron(np.outer([1, 1 / 3], [1, 1 / 7]), np.eye(2))[[0, 2, 1, 3]]
    assert run(saved(outer), "--order", 2).exit_code in (0, 1)
    rational = json.loads(run(saved(outer), "--exact", "--json").stdout)
    assert rational["evidence"] == "exact"


def test_the_search_is_called_a_heuristic_and_is_seeded(saved):
    member = random_monarch((4, 4), FLOAT64, np.random.default_rng(0)).dense()
    path = saved(member[:, np.random.default_rng(1).permutation(16)])
    first, second = (run(path, "--search", 200, "--seed", 7, "--json").stdout for _ in range(2))
    assert first == second
    found = json.loads(first)["search"]
    assert found["method"].startswith("heuristic") and found["distance"] < found["distance_before"]
    shown = run(path, "--search", 200, "--seed", 7).output
    assert "(heuristic)" in shown
    for side in ("rows", "columns"):
        order = json.loads(first)["search"][side]
        assert sorted(order) == list(range(16))
        listed = "given" if order == list(range(16)) else " ".join(map(str, order))
        assert f"  {side} in the order {listed}\n" in shown


@pytest.mark.parametrize(
    ("matrix", "exact"),
    [
        (np.zeros((4, 4)), False),
        (np.zeros((4, 4), int), True),
        (np.diag([1, 2, 3, 4]), False),
        (np.ones((4, 4), int), True),
    ],
)
def test_a_picture_says_what_is_known_of_the_distance(tmp_path, matrix, exact):
    """Not what is known of the verdict: and where nothing is left, nothing is drawn as if it were."""
    read = read_matrix(matrix)
    found = examine_monarch(read, MonarchClass((2, 2)))
    assert found.distance_evidence == ("exact" if exact else "measured")
    draw(read, found, tmp_path / "a.svg")
    text = (tmp_path / "a.svg").read_text()
    assert ("(exact)" in text) == exact and ("(measured)" in text) != exact
    assert f"{found.distance:.3e}, {found.distance_evidence}" in found._repr_html_()
    if found.distance == 0:
        assert "−0.1" not in text  # no colour stands for less than nothing


def test_png_and_heat_map(saved, tmp_path):
    matrix = random_monarch((4, 4), FLOAT64, np.random.default_rng(0)).dense()
    matrix[15, 0] += 9.0
    answer = run(saved(matrix), "--png", tmp_path / "map.png")
    assert (tmp_path / "map.png").read_bytes().startswith(b"\x89PNG")
    rows = [line for line in answer.output.splitlines() if line.startswith("  |")]
    assert len(rows) == 16 and max(rows[3] + rows[7] + rows[11] + rows[15], key=" .:-=+*#%@|".find) in "@|"


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("entry", [1.2e308, -1.2e308j, 1e-310, 3e38])
def test_pictures_of_numbers_at_the_ends_of_the_range(saved, tmp_path, entry):
    """Colours are computed from the entries, which must neither overflow nor vanish there."""
    matrix = np.zeros((4, 4), np.complex128 if isinstance(entry, complex) else np.float32 if entry == 3e38 else float)
    matrix[1, 2] = entry
    answer = run(saved(matrix), "--family", "low-rank", "--parameters", 8, "--png", tmp_path / "map.png", "--json")
    assert json.loads(answer.stdout)["member"] is True and not answer.stderr
    assert (tmp_path / "map.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("family", "least", "status"),
    [("low-rank", 16, 1), ("kronecker", 8, 1), ("gs", 16, 1), ("monarch-plus-low-rank", 64, 2), ("monarch-3", 96, 1)],
)
def test_other_families(saved, family, least, status):
    path = saved(np.random.default_rng(0).standard_normal((16, 16)))
    answer = run(path, "--family", family, "--parameters", 200, "--json")
    facts = json.loads(answer.stdout)
    assert answer.exit_code == status, facts
    assert facts["family"] == family and least <= facts["parameters"] <= 200 and 0 < facts["distance"] < 1
    assert 0 <= facts["lower_bound"] <= facts["distance"] and (status == 2 or facts["lower_bound"] > 0)


def test_a_family_that_comes_near_but_not_within_its_bound_is_undecided(saved):
    """A sum of more terms than its blocks have columns, fitted one by one: not found, and not refuted either."""
    rng = np.random.default_rng(0)
    path = saved(sum(random_monarch((2, 4, 4), FLOAT64, rng).dense() for _ in range(3)))
    facts = json.loads(run(path, "--family", "monarch-3", "--parameters", 960, "--json").stdout)
    assert facts["member"] is None and facts["lower_bound"] < 1e-14 < facts["distance"]
    output = run(path, "--family", "monarch-3", "--parameters", 960).output
    assert (
        "no member found, and none ruled out" in output and "no bound is known for members of any choice of" in output
    )


def test_factors_of_a_member_that_no_fit_found_are_not_written(saved, tmp_path, monkeypatch):
    """Exact arithmetic says that there is one; what a fit that ended elsewhere multiplies by is none."""
    pytest.importorskip("safetensors")
    member = np.diag(np.arange(12)) + np.outer(np.arange(12), np.arange(1, 13))
    options = ["--family", "diagonal-plus-low-rank", "--parameters", 36, "--write", tmp_path / "factors.safetensors"]
    assert run(saved(member), *options).exit_code == 0
    zeros = np.zeros(12), np.zeros((12, 12))
    monkeypatch.setattr("monarch_theory.expressivity.families.diagonal_plus_low_rank.fitted", lambda *_: zeros)
    answer = run(saved(member), *options)
    assert answer.exit_code == 2 and "--write: expected factors that were found" in answer.stderr


@pytest.mark.parametrize(
    ("place", "message"), [("no/such.png", "a file in a folder that exists"), ("a.xyz", "a suffix among")]
)
def test_a_picture_that_cannot_be_written_is_refused_before_the_work(saved, tmp_path, monkeypatch, place, message):
    monkeypatch.setattr("monarch_theory.command.express.examine_monarch", None)
    monkeypatch.setattr("monarch_theory.command.atlas.compare", None)
    for answer in (
        run(saved(np.eye(4)), "--png", tmp_path / place),
        run("--size", 4, "--png", tmp_path / place, command="atlas"),
    ):
        assert answer.exit_code == 2 and f"--png: expected {message}" in answer.stderr


def test_a_matrix_too_large_for_memory_is_undecided(saved, monkeypatch):
    def exhausted(*_, **__):
        raise MemoryError

    monkeypatch.setattr("monarch_theory.command.express.examine_monarch", exhausted)
    answer = run(saved(np.eye(4)))
    assert answer.exit_code == 2 and "expected a matrix that fits into memory" in answer.stderr


def test_a_crash_is_never_taken_for_not_a_member(saved, monkeypatch):
    monkeypatch.setattr("monarch_theory.command.express.examine_monarch", lambda *_, **__: 1 // 0)
    answer = run(saved(np.eye(4)))
    assert answer.exit_code == 2 and "ZeroDivisionError" in answer.stderr


def test_nor_is_a_crash_of_the_atlas(monkeypatch):
    monkeypatch.setattr("monarch_theory.command.atlas.compare", lambda *_, **__: 1 // 0)
    answer = run("--size", 4, command="atlas")
    assert answer.exit_code == 2 and "ZeroDivisionError" in answer.stderr


def test_what_is_left_open_says_why(saved):
    """Small numbers that rounding outweighs, and a distance that one rounding does not explain and N might."""
    rng = np.random.default_rng(0)
    answer = run(saved(rng.integers(-1, 2, (16, 16)) * 2.0**-1074))
    assert answer.exit_code == 2 and "as large as they are; --exact" in answer.output
    member = random_monarch((16, 16), FLOAT64, rng).dense()
    noise = rng.standard_normal(member.shape)
    answer = run(saved((member + 2e-6 * noise).astype(np.float32)))
    assert answer.exit_code == 2 and "for certain and" in answer.output and "--accuracy says" in answer.output


def test_subnormal_numbers_foreign_bytes_and_large_integers(saved):
    member = random_monarch((8, 8), FLOAT64, np.random.default_rng(0)).dense()
    noise = np.random.default_rng(1).standard_normal((64, 64))
    assert run(saved(member * 1e-310)).exit_code == 0
    assert run(saved(noise * 1e-310)).exit_code == 1
    assert run(saved(member.astype(">f8"))).exit_code == 0
    large = np.full((4, 4), 2**63, dtype=np.uint64)
    assert run(saved(large)).exit_code == 0
    large[0, 0] += 1  # which no float64 tells from 2**63
    facts = json.loads(run(saved(large), "--json").stdout)
    assert facts["member"] is False and facts["evidence"] == "exact" and facts["refutation"]["minor"] == str(2**63)


def test_primes_and_size_one(saved):
    assert run(saved(np.eye(7)), "--family", "low-rank", "--parameters", 14).exit_code == 1
    assert run(saved(np.eye(7)), "--order", 1).exit_code == run(saved(np.ones((1, 1))), "--order", 1).exit_code == 0
    assert run(saved(np.ones((1, 1)))).exit_code == 2
    assert run(saved(np.asfortranarray(np.fft.fft(np.eye(16)))[::-1])).exit_code == 0  # J F is Monarch


def test_a_lower_bound_is_never_above_the_distance(saved):
    """For a member of order three both are rounding, and the computed bound may be the larger."""
    for order in (3, 4):
        facts = json.loads(run(saved(np.fft.fft(np.eye(256))), "--order", order, "--json").stdout)
        assert facts["member"] is True and facts["lower_bound"] == 0 < facts["distance"]


def test_only_the_largest_rank_is_fitted(saved, monkeypatch):
    calls = []
    monkeypatch.setattr("numpy.linalg.svd", lambda *a, svd=np.linalg.svd, **k: calls.append(a) or svd(*a, **k))
    answer = run(saved(np.random.default_rng(0).standard_normal((16, 16))), "--family", "low-rank", "--parameters", 200)
    assert "rank 6" in answer.output and len(calls) == 1


def test_low_rank_members(saved):
    rng = np.random.default_rng(0)
    path = saved(np.outer(rng.standard_normal(7), rng.standard_normal(7)))
    assert run(path, "--family", "low-rank", "--parameters", 14).exit_code == 0


@pytest.mark.parametrize(
    ("options", "status"),
    [
        ((), 1),
        (("--family", "low-rank", "--parameters", 64), 1),
        (("--family", "monarch-plus-low-rank", "--parameters", 140), 1),
        (("--search", 20), 1),
        (("--compare", "--write", "{folder}/near.safetensors"), 0),
    ],
)
def test_a_matrix_is_read_once(options, status, tmp_path, monkeypatch):
    if "--write" in options:
        pytest.importorskip("safetensors")
    options = [str(option).format(folder=tmp_path) for option in options]
    np.save(tmp_path / "matrix.npy", np.random.default_rng(0).standard_normal((16, 16)))
    read, names = matrices._array, []
    monkeypatch.setattr(matrices, "_array", lambda source, name: (names.append(name), read(source, name))[1])
    answer = run(tmp_path / "matrix.npy", *options)
    assert answer.exit_code == status, answer.output
    assert names == [str(tmp_path / "matrix.npy")]


def test_python_source(tmp_path):
    file, sparse, symbols, modular = (tmp_path / f"{name}.py" for name in ("model", "sparse", "symbols", "modular"))
    sparse.write_text(  # what takes long to import stands apart, and is run for what is asked of it
        "import numpy as np\nimport scipy.sparse\nfrom scipy.sparse.linalg import LinearOperator, aslinearoperator\n"
        "operator = aslinearoperator(np.fft.fft(np.eye(16)))\nsparse = scipy.sparse.eye_array(9)\n"
        "conjugate = LinearOperator((16, 16), np.conj, dtype=complex)\n"
    )
    symbols.write_text("import sympy\nsymbols = sympy.Matrix(4, 4, lambda i, j: sympy.Symbol('a'))\n")
    modular.write_text(
        "from monarch_theory.domains import PrimeField\nfrom monarch_theory.monarch import identity_blocks\n"
        "modular = identity_blocks((2, 2), PrimeField(97))\n"
    )
    file.write_text(
        "import numpy as np\n"
        "from fractions import Fraction\n"
        "A = np.fft.fft(np.eye(16))\n"
        "def build(): return np.eye(9)\n"
        "def total(x): return np.cumsum(x, axis=0)\n"
        "def shifted(x): return x + 1\n"
        "def positive(x): return np.maximum(x, 0)\n"
        "def broken(): raise RuntimeError('no luck')\n"
        "def across(x): return np.cumsum(x, axis=-1)\n"
        "def summed(x): return x.sum(0)\n"
        "thirds = np.kron([[Fraction(1, 3), 2], [1, 6]], np.ones((2, 2), dtype=int))\n"
        "mixed = np.array([[1, 0.5], [2, 1]], dtype=object)\n"
        "masked = np.ma.array(np.eye(4), mask=np.eye(4))\n"
    )
    assert run(f"{file}:A").exit_code == 0
    assert run(f"{sparse}:operator").exit_code == 0
    assert run(f"{file}:build", "--convention", "dao").exit_code == 0
    assert run(f"{file}:total", "--size", 16).exit_code == 1
    assert run(f"{sparse}:sparse", "--convention", "dao").exit_code == 0
    facts = json.loads(run(f"{file}:thirds", "--convention", "dao", "--json").stdout)
    assert facts["member"] is True and facts["evidence"] == "exact"
    for name, message in [
        ("symbols", "symbols: expected scalars of rationals, got a (Symbol)"),
        ("modular", "modular: expected entries with a distance, got F_97"),
        ("mixed", "mixed: expected exact scalars in an array of objects, got float"),
        ("masked", "masked: expected no masked entries, got 4 of 16"),
    ]:
        answer = run(f"{dict(symbols=symbols, modular=modular).get(name, file)}:{name}")
        assert answer.exit_code == 2 and message in answer.stderr and answer.stderr.count("\n") == 1
    answer = run(f"{file}:A", "--size", 16)
    assert answer.exit_code == 2 and "--size: expected none, as A is a matrix" in answer.stderr
    for name, message in [("across", "wrong axis"), ("summed", "summed: expected shape (outputs, 2)")]:
        answer = run(f"{file}:{name}", "--size", 16)
        assert answer.exit_code == 2 and message in answer.stderr and answer.stderr.count("\n") == 1
    for name, message in [
        ("total", "total needs an argument; give --size N"),
        ("broken", "RuntimeError: no luck"),
        ("missing", "has no 'missing'; it defines A,"),
    ]:
        answer = run(f"{file}:{name}")
        assert answer.exit_code == 2 and message in answer.stderr and answer.stderr.count("\n") == 1
    answer = run(f"{sparse}:conjugate")
    assert answer.exit_code == 2 and "conjugate is not linear over the complex numbers" in answer.stderr
    for name in ("shifted", "positive"):
        answer = run(f"{file}:{name}", "--size", 16)
        assert answer.exit_code == 2 and f"{name} is not linear" in answer.stderr


@pytest.mark.usefixtures("torch_at_hand")
def test_layers_in_half_precision(tmp_path):
    """bfloat16, which NumPy lacks, is held to its own roundoff; what no format holds is named."""
    pytest.importorskip("torch")
    file = tmp_path / "layers.py"
    file.write_text(
        "import torch\nhalf = torch.nn.Linear(16, 16).bfloat16()\ntiny = torch.ones(4, 4).to(torch.float8_e4m3fn)\n"
    )
    answer = run(f"{file}:half", "--json")
    assert answer.exit_code == 1 and json.loads(answer.stdout)["threshold"] > 1e-3, answer
    answer = run(f"{file}:tiny")
    assert answer.exit_code == 2 and "tiny: expected a matrix of numbers, got" in answer.stderr


@pytest.mark.parametrize(
    ("array", "options", "message"),
    [
        (np.full((4, 4), np.nan), [], "expected finite entries, got nan at (0, 0)"),
        (np.full((4, 4), np.inf), [], "expected finite entries, got inf at (0, 0)"),
        (np.ones(4), [], "expected a matrix with rows and columns, got shape (4,)"),
        (np.ones((4, 0)), [], "expected a matrix with rows and columns, got shape (4, 0)"),
        (np.ones((4, 4), np.longdouble), [], f"exact scalars, got {np.dtype(np.longdouble)}"),
        (np.eye(7), [], "--order 2: 7 is not a product of 2 integers above one"),
        (np.eye(8), ["--order", "4"], "--order 4: 8 is not a product of 4 integers above one"),
        (np.eye(8), ["--radices", "4,4"], "--radices: expected a product of 8, got (4, 4)"),
        (np.eye(8), ["--radices", "a,b"], "--radices: expected integers such as 4,8, got 'a,b'"),
        (np.ones((4, 6)), ["--radices", "2,3", "--output-radices", "3,2"], "--output-radices: expected a product of 4"),
        (np.eye(8), ["--convention", "x"], "--convention: expected m2, dao, dao-transposed, got 'x'"),
        (np.eye(8), ["--rank", "0"], "'--rank': expected 1 to 2147483647, got 0"),
        (np.eye(8), ["--family", "x"], "--family: expected monarch, monarch-2,"),
        (np.eye(8), ["--family", "low-rank", "--parameters", "3"], "--parameters: expected at least 16"),
        (
            np.eye(8),
            ["--family", "kronecker", "--parameters", "3"],
            "--parameters: expected at least 16 for kronecker",
        ),
        (np.eye(8), ["--family", "gs", "--parameters", "0"], "--parameters: expected at least 16 for gs"),
        (np.eye(8) * 1j, ["--family", "low-rank", "--exact"], "--exact: expected integers, fractions or real floats"),
        (1j * np.eye(4), ["--family", "monarch-attention"], "expected positive real entries"),
        (np.eye(4), ["--accuracy", "1"], "accuracy: expected a number in [0, 1)"),
        (
            np.eye(4),
            ["--order", "3", "--radices", "2,1,2", "--search", "5"],
            "--search: expected order 2 for the permutation search",
        ),
        (np.eye(8), ["--order", "2", "--radices", "2,2,2"], "--order: expected 3, one stage for each of the radices"),
        (np.eye(7), ["--family", "low-rank"], "--parameters: expected a budget, as no Monarch class sets it"),
        (np.ones((2, 4, 4)), [], "expected a matrix with rows and columns, got shape (2, 4, 4)"),
        (np.full((4, 4), 1e308), [], "expected a Frobenius norm below 1.8e308, got entries up to 1.0e+308"),
        (np.eye(4), ["--parameters", "8"], "--parameters: expected --family other than monarch"),
        (np.eye(4), ["--size", "4"], "--size: expected none"),
        (np.eye(4, dtype=int), ["--accuracy", "0.1"], "accuracy: expected none where membership is decided exactly"),
        (np.eye(4), ["--family", "low-rank", "--accuracy", "nan"], "'--accuracy': expected 0 to 1, got nan"),
        (np.eye(4), ["--family", "gs", "--search", "9"], "--search: expected --family monarch, got gs"),
        (
            np.eye(4),
            ["--family", "gs", "--parameters", "16", "--rank", "2"],
            "--rank: expected none beside --parameters",
        ),
    ],
)
def test_bad_input_is_one_line_that_names_it(saved, array, options, message):
    answer = run(saved(array), *options)
    assert answer.exit_code == 2 and message in answer.stderr
    assert answer.stderr.startswith("monarch express: ") and answer.stderr.count("\n") == 1 and answer.stdout == ""


def test_bad_files_are_named(tmp_path):
    np.save(tmp_path / "pickled.npy", np.array([[None]]), allow_pickle=True)
    (tmp_path / "text.npy").write_text("hello")
    np.save(tmp_path / "good.npy", np.eye(4))
    np.savez(tmp_path / "vectors.npz", bias=np.zeros(4))
    whole = (tmp_path / "good.npy").read_bytes()
    (tmp_path / "two.npy").write_bytes(whole + whole)  # NumPy reads the first of several that were saved in turn
    headers = {"cut.npy": whole[:90], "short.npy": whole[:140], "version.npy": whole[:6] + b"\x09" + whole[7:]}
    headers |= {"shape.npy": whole.replace(b"(4, 4)", b"(4, 4("), "nul.npy": whole.replace(b"'shape'", b"'sh\x00pe'")}
    headers |= {"dtype.npy": whole.replace(b"<f8", b"<q\xff"), "archive.npy": b"PK\x03\x04" + whole}
    headers |= {"huge.npy": whole.replace(b"(4, 4), }", b"(9**99,)}")}
    for name, content in headers.items():
        (tmp_path / name).write_bytes(content)
    for name, message in [
        ("missing.npy", "no such file"),
        ("missing.py:A", "no such file"),
        ("pickled.npy", "not pickled objects"),
        ("text.npy", "expected an .npy file of numbers"),
        ("vectors.npz", "expected a matrix, got none among 1 arrays: bias: expected a matrix with rows and columns"),
        ("two.npy", "two.npy: expected one array, got one and more after it"),
        ("matrix.csv", "expected FILE.py:NAME or a FILE among .npy, .safetensors, .npz, .pt"),
        *((name, f"{name}: expected an .npy file of numbers") for name in headers),
    ]:
        answer = run(tmp_path / name)
        assert answer.stderr.startswith("monarch express: ") and answer.stderr.count("\n") == 1 and answer.stdout == ""
        assert answer.exit_code == 2 and message in answer.stderr and name.split(":")[0] in answer.stderr


@pytest.fixture
def weights():
    rng = np.random.default_rng(0)
    low = (rng.standard_normal((24, 2)) @ rng.standard_normal((2, 32))).astype(np.float32)
    return {
        "low": low + np.float32(0.05) * rng.standard_normal(low.shape).astype(np.float32),
        "half": random_monarch((4, 4), FLOAT64, rng).dense().astype(np.float16),
        "prime": rng.standard_normal((7, 11)),
        "mask": np.tri(8, dtype=bool),
        "bias": np.zeros(5, np.float32),
        "broken": np.full((4, 4), np.nan),
    }


def test_a_whole_archive_is_compared_over_all_families(tmp_path, weights):
    path = tmp_path / "weights.npz"
    np.savez(path, **weights, pickled=np.array([None]))
    facts = json.loads(run(path, "--json").stdout)
    found = {matrix["name"]: matrix for matrix in facts["matrices"]}
    assert list(found) == ["low", "half", "prime", "mask"] and set(facts["left_out"]) == {"bias", "broken", "pickled"}
    for matrix in found.values():
        distances = [place["distance"] for place in matrix["places"]]
        assert distances == sorted(distances)
        for place in matrix["places"]:
            assert place[place["equal"]] <= matrix["budget"] and 0 <= place["floor"] <= place["distance"]
    named = {place["family"]: place for place in found["half"]["places"]}
    assert named["monarch-2"]["distance"] < 2.0**-11 < 0.1 < named["low-rank"]["distance"]
    assert found["low"]["stable_rank"] < 2.1 and found["low"]["rank_for_nine_tenths"] <= 2
    answer = run(path)
    assert answer.exit_code == 0 and "no family is nearer than truncated SVD for 1 of 4 matrices" not in answer.stderr
    assert "left out: bias: expected a matrix with rows and columns, got shape (5,)" in answer.output
    assert "another family is nearer than truncated SVD for" in answer.output
    svd = {n: next(p["distance"] for p in m["places"] if p["family"] == "low-rank") for n, m in found.items()}
    nearest = {n: m["places"][0]["distance"] for n, m in found.items()}
    losses = sum(nearest[n] < svd[n] - 1e-12 for n in found)
    assert f"another family is nearer than truncated SVD for {losses} of 4" in answer.output


def test_one_matrix_of_an_archive_and_its_half_precision(tmp_path, weights):
    """A float16 is good to 2⁻¹¹: a member that was stored in it is one still, and in float64 it is none."""
    path = tmp_path / "weights.npz"
    np.savez(path, **weights)
    assert run(f"{path}:half").exit_code == 0
    np.save(tmp_path / "wide.npy", weights["half"].astype(float))
    assert run(tmp_path / "wide.npy").exit_code == 1
    assert run(f"{path}:mask").exit_code == 1
    for source, message in [
        (f"{path}:broken", "broken: expected finite entries, got nan at (0, 0)"),
        (f"{path}:nothing", "has no 'nothing'; it holds low, half"),
        (f"{path}:bias", "expected a matrix with rows and columns, got shape (5,)"),
    ]:
        answer = run(source)
        assert answer.exit_code == 2 and message in answer.stderr and answer.stderr.count("\n") == 1
    for option in (["--family", "gs"], ["--order", 3], ["--accuracy", 0.1], ["--search", 5], ["--exact"]):
        answer = run(path, *option)
        assert answer.exit_code == 2 and f"{option[0]}: expected" in answer.stderr


@pytest.mark.parametrize("name", ["conv/transpose_3:0", "a:b:c", "x.npz", "layer.pt:weight", "sparse.npz:x"])
def test_a_name_may_look_like_a_file_or_have_colons(tmp_path, name):
    np.savez(tmp_path / "weights.npz", **{name: np.ones((4, 4)), "other": np.eye(4)})
    answer = run(f"{tmp_path / 'weights.npz'}:{name}")
    assert answer.exit_code == 0 and "4×4  monarch: order 2" in answer.output
    assert run(f"{tmp_path / 'weights.npz'}:{name}x").exit_code == 2


def test_a_matrix_beyond_measure_is_left_out_of_a_comparison(tmp_path):
    np.savez(tmp_path / "weights.npz", huge=np.full((6, 6), 1.7e308), small=np.ones((6, 6)))
    answer = run(tmp_path / "weights.npz")
    assert answer.exit_code == 0
    assert "left out: huge: expected a Frobenius norm below 1.8e308" in answer.output
    np.savez(tmp_path / "alone.npz", huge=np.full((6, 6), 1.7e308))
    answer = run(tmp_path / "alone.npz")
    assert answer.exit_code == 2 and "calibration" not in answer.stderr and answer.stderr.count("\n") == 1


def saved_sparse(path, matrix):
    sparse.save_npz(path, matrix)
    return path


def test_a_sparse_file_is_one_matrix(tmp_path):
    """A small one is made dense: every family and option is for it, and it says what the same array as .npy says."""
    eye = saved_sparse(tmp_path / "eye.npz", sparse.eye_array(16, dtype=int))
    answer = run(eye)
    assert answer.exit_code == 1 and "not a member (exact)" in answer.output and "classes next to it" in answer.output
    assert run(eye, "--convention", "dao").exit_code == 0
    assert run(eye, "--family", "sparse", "--parameters", 32).exit_code == 0
    assert run(eye, "--compare").exit_code == 0
    (tmp_path / "broken.npz").write_bytes(eye.read_bytes()[:-30])
    answer = run(tmp_path / "broken.npz")
    assert answer.exit_code == 2 and answer.stderr.count("\n") == 1


def test_a_large_sparse_file_is_never_made_dense(tmp_path):
    """Half a terabyte otherwise."""
    n = 2**18
    wide = {"--radices": f"{n // 2},2", "--output-radices": f"2,{n // 2}", "--convention": "dao"}
    options = [part for pair in wide.items() for part in pair]
    places = np.arange(50) * 5_003
    member = sparse.coo_array((np.arange(1.0, 51.0), (places, places)), shape=(n, n))
    one = saved_sparse(tmp_path / "member.npz", member)
    facts = json.loads(run(one, *options, "--rank", 40, "--json").stdout)
    assert facts["member"] is True and facts["evidence"] == "measured" and facts["shape"] == [n, n]
    answer = run(one, *options)
    assert answer.exit_code == 1 and "distance" in answer.output and "where the error sits" not in answer.output
    whole = saved_sparse(tmp_path / "whole.npz", member.astype(int))
    facts = json.loads(run(whole, *options, "--json").stdout)
    assert facts["member"] is False and facts["evidence"] == "exact" and facts["refutation"]["minor"] != "0"
    for option in (["--family", "gs"], ["--order", 3], ["--compare"], ["--search", 3], ["--exact"]):
        answer = run(one, *option)
        assert answer.exit_code == 2 and f"{option[0]}: expected" in answer.stderr and answer.stderr.count("\n") == 1


def test_large_operators_and_sparse_matrices_in_a_file_are_never_made_dense(tmp_path, monkeypatch):
    """Small ones here, called large: what none of their products shows is not read."""
    monkeypatch.setattr(express, "DENSE", 100)
    file = tmp_path / "large.py"
    file.write_text(
        "import numpy as np\nimport scipy.sparse\nfrom scipy.sparse.linalg import LinearOperator\n"
        "n, fft = 64, np.fft.fft\n"
        "def few(x):\n"
        "    assert x.shape[1] < n\n"
        "    return fft(x, axis=0)\n"
        "def back(x):\n"
        "    assert x.shape[1] < n\n"
        "    return n * np.fft.ifft(x, axis=0)\n"
        "both = LinearOperator((n, n), dtype=complex, matvec=None, matmat=few, rmatmat=back)\n"
        "one = LinearOperator((n, n), dtype=complex, matvec=None, matmat=few)\n"
        "def made(): return both\n"
        "def bent(x): return abs(x)\n"
        "class Whole(scipy.sparse.coo_array):\n"
        "    def toarray(self, *_): raise AssertionError('dense')\n"
        "whole = Whole(scipy.sparse.eye_array(n, dtype=int))\n"
    )
    good = ["--accuracy", 1e-12]
    for options in (["both"], ["one"], ["made"], ["few", "--size", 64]):
        name, *rest = options
        facts = json.loads(run(f"{file}:{name}", *rest, *good, "--json").stdout)
        assert facts["member"] is True and facts["evidence"] == "measured" and facts["shape"] == [64, 64]
        assert "products" in facts["coverage"] and facts["radices"] == [8, 8]
        assert run(f"{file}:{name}", *rest, *good, "--convention", "dao").exit_code == 1
    assert run(f"{file}:whole", "--convention", "dao").exit_code == 0
    answer = run(f"{file}:whole")
    assert answer.exit_code == 1 and "not a member (exact)" in answer.output
    for refused, word in (
        (["both"], "--accuracy"),
        (["both", *good, "--order", 3], "--order"),
        (["both", *good, "--exact"], "--exact"),
        (["both", "--compare"], "--compare"),
        (["bent", "--size", 64, *good], "not linear"),
    ):
        answer = run(f"{file}:{refused[0]}", *refused[1:])
        assert answer.exit_code == 2 and word in answer.stderr and answer.stderr.count("\n") == 1


def test_safetensors_with_bfloat16(tmp_path):
    pytest.importorskip("safetensors")
    member = random_monarch((4, 4), FLOAT64, np.random.default_rng(0)).dense().astype(np.float32)
    upper = (member.view(np.uint32) >> 16).astype(np.uint16)  # cut, not rounded: off by less than two roundoffs
    header = {
        "brain": {"dtype": "BF16", "shape": [16, 16], "data_offsets": [0, 512]},
        "full": {"dtype": "F32", "shape": [16, 16], "data_offsets": [512, 1536]},
    }
    spelled = json.dumps(header).encode()
    path = tmp_path / "weights.safetensors"
    path.write_bytes(len(spelled).to_bytes(8, "little") + spelled + upper.tobytes() + member.tobytes())
    found = {matrix["name"]: matrix for matrix in json.loads(run(path, "--json").stdout)["matrices"]}
    for name, least in [("full", 1e-6), ("brain", 2.0**-7)]:
        places = {place["family"]: place for place in found[name]["places"]}
        assert places["monarch-2"]["distance"] <= least
    assert run(f"{path}:full").exit_code == 0 and run(f"{path}:brain").exit_code in (0, 2)


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
def test_a_broken_archive_is_one_line(tmp_path, suffix):
    path = tmp_path / f"broken{suffix}"
    for content in (b"", b"hello", b"PK\x03\x04" + bytes(80), b"\xff" * 40, (2**60).to_bytes(8, "little") + b"{}"):
        path.write_bytes(content)
        answer = run(path)
        assert answer.exit_code == 2 and answer.stdout == "" and answer.stderr.count("\n") == 1, content
        assert answer.stderr.startswith(f"monarch express: {path}: expected"), answer.stderr
    assert run(tmp_path / f"missing{suffix}").exit_code == 2


def test_a_long_run_shows_a_bar_on_standard_error_only(saved, monkeypatch):
    monkeypatch.setattr("monarch_theory.command.progress.PATIENCE", -1.0)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    answer = run(saved(np.random.default_rng(0).standard_normal((64, 64))), "--json")
    assert "fitting" in answer.stderr and json.loads(answer.stdout)["member"] is False


def test_the_installed_command_runs(saved):
    path = saved(np.eye(4, dtype=int))
    answer = subprocess.run(
        [sys.executable, "-m", "monarch_theory.command", "express", str(path), "--convention", "dao", "--json"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0 and json.loads(answer.stdout)["member"] is True


@pytest.mark.long
def test_atlas_command(tmp_path):
    answer = run("--size", 16, "--json", "--png", tmp_path / "atlas.png", command="atlas")
    facts = json.loads(answer.stdout)
    assert answer.exit_code == 0 and facts["budget"] == 128
    cells = {(c["equal"], c["family"], c["target"]): c["error"] for c in facts["cells"]}
    assert cells["parameters", "monarch-2", "DFT"] < 1e-14 < cells["parameters", "low-rank", "DFT"]
    assert cells["parameters", "monarch-attention", "DFT"] is None
    assert (tmp_path / "atlas.png").read_bytes().startswith(b"\x89PNG")
    table = run("--size", 16, command="atlas")
    words = " ".join(table.output.split())
    assert "at equal parameters and at equal FLOPs" in words
    # once in every table; a family has a second row only where its multiplications are not its parameters
    tables = words.count("Relative error")
    assert words.count("Monarch, order 2") == words.count("sum of Kroneckers") == tables == 2
    differ = {f for cost, f, t in cells if cells["parameters", f, t] != cells["multiplications", f, t]}
    assert "monarch-2" not in differ and len(differ) <= words.count("… at equal FLOPs") <= tables * len(differ)
    assert "only at N = 64" in " ".join(table.output.split())
    for size in (7, 1, 0, -4):
        answer = run("--size", size, command="atlas")
        assert answer.exit_code == 2 and answer.stderr.startswith("monarch atlas: ") and "--size" in answer.stderr
