"""`monarch causal --exact`: a Monarch operator decided exactly, its certificate, and what is refused by name."""

import json

import pytest
from command_line import asked, conforms

pytestmark = pytest.mark.usefixtures("child_at_hand")

FILE = """
import numpy as np
from monarch_theory.causality import CausalMonarch, MonarchOperator
from monarch_theory.domains import COMPLEX128, FLOAT64, SYMBOLIC, Cyclotomic, PrimeField
from monarch_theory.fourier_matrix import fourier
from monarch_theory.monarch import Monarch, random_monarch

field, rng = PrimeField(97), np.random.default_rng(0)
family = CausalMonarch((2, 3)).random(field, rng)
three = MonarchOperator(*(CausalMonarch((2, 3)).random(field, rng) for _ in range(3)))
floats = random_monarch((2, 2), FLOAT64, rng)
roots = fourier((2, 2), Cyclotomic(4))
complexes = random_monarch((2, 2), COMPLEX128, rng)
singular = Monarch((np.ones((2, 2, 2)), np.ones((2, 2, 2))))
infinite = Monarch((np.full((2, 2, 2), np.inf), np.ones((2, 2, 2))))
not_finite = Monarch((np.full((2, 2, 2), complex(0, np.inf)),) * 2, COMPLEX128)
expressions = fourier((2, 2), SYMBOLIC)
seven = 7

def unpadded(): return MonarchOperator(fourier((2, 2), field), n=4)
def large(): return random_monarch((4, 4), FLOAT64, np.random.default_rng(1))
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "operators.py"
    path.write_text(FILE)
    return path


CASES = [
    ("family", "causal", 0), ("three", "causal", 0), ("floats", "not causal", 1), ("unpadded", "not causal", 1),
    ("roots", "causal", 0), ("complexes", "not causal", 1),
]  # fmt: skip


@pytest.mark.parametrize(("name", "verdict", "code"), CASES)
def test_an_operator_is_decided_and_its_certificate_is_right(file, tmp_path, name, verdict, code):
    written = tmp_path / "certificate.json"
    answer = asked("causal", f"{file}:{name}", "--exact", "--json", "--certificate", written)
    assert answer.exit_code == code, answer.output
    facts = json.loads(answer.stdout)
    conforms("causal", facts)
    assert (facts["verdict"], facts["evidence"]) == (verdict, "exact")
    checked = asked("recheck", written, "--json")
    assert checked.exit_code == 0 and json.loads(checked.stdout)["reason"].startswith(f"{verdict}:")


def test_wrong_certificates_are_refused(file, tmp_path):
    for name in ("family", "three", "roots", "floats", "complexes"):
        written = tmp_path / f"{name}.json"
        asked("causal", f"{file}:{name}", "--exact", "--certificate", written)
        right = json.loads(written.read_text())
        opposite = "causal" if right["claim"] == "not causal" else "not causal"
        changes = [{"claim": opposite}, {"denominator": right["denominator"] + 1}, {"n": 7}, {"N": 3}, {"root": 3}]
        for change in [*changes, *([{"leak": {}}] if right["claim"] == "not causal" else [])]:
            written.write_text(json.dumps(right | change))
            assert asked("recheck", written).exit_code == 1, change


def test_the_length_is_that_of_the_operator_unless_it_is_given(file):
    found = [
        json.loads(asked("causal", f"{file}:{name}", "--exact", "--json", *more).stdout)["n"]
        for name, more in (("unpadded", []), ("unpadded", ["--n", 1]), ("family", []), ("family", ["--n", 2]))
    ]
    assert found == [4, 1, 3, 2]


def test_long_numbers_are_not_shown_in_full(file):
    assert len(asked("causal", f"{file}:large", "--exact").stdout) < 400


@pytest.mark.parametrize(
    ("name", "more", "told"),
    [
        ("seven", [], "seven: expected a Monarch or a MonarchOperator, got int"),
        ("absent", [], "has no 'absent'"),
        ("infinite", [], "infinite: expected finite factors"),
        ("singular", [], "singular block"),
        ("family", ["--n", 7], "n: expected an integer between 1 and 6, got 7"),
        ("family", ["--map"], "--map: expected none beside --exact"),
        ("family", ["--lookahead", 1], "--lookahead: expected none beside --exact"),
        ("expressions", [], "expected floats, rationals, a prime field or a cyclotomic one, got"),
        ("not_finite", [], "not_finite: expected finite factors"),
    ],
)  # fmt: skip
def test_what_cannot_be_decided_is_one_line(file, tmp_path, monkeypatch, name, more, told):
    monkeypatch.chdir(tmp_path)
    answer = asked("causal", f"{file}:{name}", "--exact", *more)
    assert answer.exit_code == 2 and told in answer.stderr and answer.stderr.count("\n") == 1, answer.output
    assert not (tmp_path / "c.json").exists()
