"""Exercises: every published answer is right, every common mistake is wrong by a small input, the rest is undecided."""

import json
import re
from pathlib import Path

import pytest
from command_line import Answer, asked
from daily import but_long

from monarch_theory.exercises import EXERCISES, grade

pytestmark = pytest.mark.usefixtures("child_at_hand", "kernel_at_hand")

LESSONS = Path(__file__).parents[2] / "docs" / "lessons"
SOLUTIONS = LESSONS / "solutions.py"

MISTAKES = {
    "1.4": "def dense(R, L): return np.einsum('xzy,yxw->zxyw', L, R).reshape(L.shape[1] * L.shape[0], -1)",
    "1.5": "def multiply(R, L, x): return np.einsum('xzy,yxw,wy->xz', L, R, x.reshape(R.shape[2], -1)).reshape(-1)",
    "1.6": "def reverse_digits(radices): return np.arange(np.prod(radices)).reshape(radices[::-1]).T.reshape(-1)",
    "2.3": "def twiddles(b, q, omega):\n    i0, i1, a1 = np.indices((int(b),) * 3)\n    return omega ** (i0 * a1) % q",
    "3.3": "def column(ell, r):\n    return sum(c * np.roll(ell, e) for e, c in enumerate(r))",
    "4.3": "def padding(n, m): return n + m",
    "4.4": "def structure(N):\n    i, j, k = np.indices((int(N),) * 3)\n    return (i == j + k).astype(int)",
    "5.3": "def first_leak(T): return next((p for p in np.argwhere(T) if p[1] >= p[0]), np.array([-1, -1, -1]))",
    "5.4": "def caps(b): return np.full((b, b), b // 2 - 1)",
    "6.3": "def is_monarch(A, b): return np.array(int(np.linalg.matrix_rank(A) <= 1))",
    "7.3": "def weights(d, blocks): return 8 * d * d // blocks",
    "8.3": "def kernel(x, R, L):\n"
    "    y = np.einsum('xzy,yxw,nwy->nxz', L, R, x.reshape(len(x), R.shape[2], -1))\n    return y.reshape(len(x), -1)",
    "10.3": "def rebased(C, k):\n"
    "    n, c = len(C), C @ k\n    return sum(c[i] * np.eye(n, k=-i, dtype=int) for i in range(n))",
    "11.3": "def profile(signal, kernel): return np.maximum.accumulate(signal)",
    "12.3": "def distinct(n, bits): return np.minimum(n, 2**bits)",
    "13.3": "def short_convolution(weight, u):\n"
    "    later = [np.concatenate([0 * u[:t], u])[: len(u)] for t in range(weight.shape[2])]\n"
    "    return sum(weight[:, 0, t] * u_t for t, u_t in enumerate(later))",
    "14.3": "def pattern(lengths, w):\n"
    "    i, j = np.indices((lengths.sum(),) * 2)\n    return ((j <= i) & (i - j < w)).astype(int)",
    "16.3": "def fewest(N): return np.array(2 * N * int(np.sqrt(N)))",
    "15.3": "def samples(d, miss): return d * np.log2(miss).astype(int)",
}


def test_each_exercise_has_a_mistake_here():
    assert set(MISTAKES) == set(EXERCISES)


@pytest.mark.parametrize("number", but_long(EXERCISES, ["8.3"]))
def test_published_answers_are_right_and_common_mistakes_are_not(number, tmp_path):
    right = grade(EXERCISES[number], SOLUTIONS)
    assert right.verdict == "right" and right.tried > 1, right.reason
    mistake = tmp_path / "mistake.py"
    mistake.write_text(f"import numpy as np\n{MISTAKES[number]}\n")
    wrong = grade(EXERCISES[number], mistake)
    assert wrong.verdict == "wrong" and wrong.exit_code == 1, wrong.reason


@pytest.mark.parametrize(
    ("source", "verdict", "reason"),
    [
        ("def structure(N): return None", "wrong", "expected [[[1]]]"),
        ("def structure(N): raise KeyError(N)", "wrong", "KeyError"),
        ("def structure(N): return np.ones((1, 1))", "wrong", "expected shape (1, 1, 1), got (1, 1)"),
        ("def structure(N): return np.full((N, N, N), np.nan)", "wrong", "got [[[nan]]]"),
        ("def something(N): return N", "undecided", "structure"),
        ("import sys; sys.exit(1)", "undecided", ""),
        ("def structure(N):\n    while True: pass", "undecided", "no answer within"),
    ],
)
def test_what_cannot_be_right_is_wrong_and_what_cannot_be_asked_is_undecided(source, verdict, reason, tmp_path):
    file = tmp_path / "answer.py"
    file.write_text(f"import numpy as np\n{source}\n")
    found = grade(EXERCISES["4.4"], file, timeout=1.0 if "while True" in source else 10.0)
    assert found.verdict == verdict and reason in found.reason, found
    assert found.exit_code == {"wrong": 1, "undecided": 2}[verdict]


def test_the_smallest_input_is_named(tmp_path):
    file = tmp_path / "answer.py"
    file.write_text("import numpy as np\ndef structure(N): return np.ones((N, N, N), dtype=int)\n")
    found = grade(EXERCISES["4.4"], file)
    assert found.smallest == {"N": 2} and found.tried == 2


def test_lessons_and_exercises_agree():
    asked = {}
    for page in set(LESSONS.glob("*.md")) - {LESSONS / "index.md"}:
        text = page.read_text(encoding="utf-8")
        asked |= {number: text for number in re.findall(r"monarch exercise (\d+\.\d) my_answer.py", text)}
    assert set(asked) == set(EXERCISES)
    for number, row in EXERCISES.items():
        _, place = number.split(".")
        called = f"Write `{row.name}({', '.join(row.arguments)})`"
        assert re.search(rf"Exercise {place}, to program\n:class: exercise\n{re.escape(called)}", asked[number]), number
        assert f":pyobject: {row.name}\n" in asked[number]


@pytest.mark.parametrize("page", sorted(set(LESSONS.glob("*.md")) - {LESSONS / "index.md"}), ids=lambda page: page.stem)
def test_what_an_answer_by_hand_says_is_checked_below_it(page):
    """A hidden cell stands below each, and the build asserts what it is expected to print."""
    exercises = re.split(r"(?=^:{3,}\{admonition\} Exercise)", page.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    by_hand = [text for text in exercises if re.match(r":+\{admonition\} Exercise \d+$", text, flags=re.MULTILINE)]
    assert by_hand
    for text in by_hand:
        assert re.search(r"^```\{code-cell\} ipython3\n:tags: \[hide-cell\]\n:expect: ", text, flags=re.MULTILINE), text


def test_there_are_forty_exercises_of_three_kinds():
    text = "\n".join(page.read_text(encoding="utf-8") for page in LESSONS.glob("*.md"))
    kinds = re.findall(r"^:+\{admonition\} Exercise \d+(, to program|, open|)$", text, flags=re.MULTILINE)
    assert len(kinds) >= 40 and all(kinds.count(kind) >= 9 for kind in ("", ", to program", ", open"))


def test_the_command(tmp_path, monkeypatch):
    def run(*arguments: str) -> Answer:
        return asked("exercise", *arguments)

    monkeypatch.chdir(tmp_path)
    listed = run()
    assert listed.exit_code == 0 and all(number in listed.stdout for number in EXERCISES)
    right = run("4.3", str(SOLUTIONS), "--json")
    assert right.exit_code == 0 and json.loads(right.stdout)["verdict"] == "right"
    (tmp_path / "wrong.py").write_text(MISTAKES["4.3"])
    wrong = run("4.3", "wrong.py")
    assert wrong.exit_code == 1 and "given n = [1], m = [1]: expected [1], got [2]" in wrong.stdout
    for arguments in (["9.9", "wrong.py"], ["4.3"], ["4.3", "absent.py"]):
        assert run(*arguments).exit_code == 2, arguments
