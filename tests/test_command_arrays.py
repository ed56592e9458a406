"""Arrays in a user's file, of either order of bytes and with masks: what is judged is what they hold, or nothing is."""

from pathlib import Path

import numpy as np
import pytest
from command_line import asked
from scipy.sparse.linalg import LinearOperator

import monarch_theory as mt
from monarch_theory.expressivity.classes import MonarchClass
from monarch_theory.sandbox.wire import DTYPES, encode, receive

pytestmark = pytest.mark.usefixtures("child_at_hand", "kernel_at_hand")

FILE = """
import numpy as np
from scipy.sparse.linalg import LinearOperator

rng = np.random.default_rng(0)
noise = rng.standard_normal((4, 4))
member = np.fft.fft(np.eye(4)).astype("ORDERc16")
half = np.outer([1.0, 2, 3, 4], [1.0, 0.5, 2, 1]).astype("ORDERf2")
none = noise.astype("ORDERf8")
whole = (100 * noise).astype("ORDERi4")

def product(x): return (noise @ x).astype("ORDERf8")
def leak(x): return (1e3 * np.cumsum(x) + 1e-3 * x[::-1]).astype("ORDERf4")
def past(x): return np.cumsum(x).astype("ORDERf8")
def multiply(x, B):
    y = np.einsum("mij,bmj->bmi", B, x.reshape(len(x), B.shape[0], -1)).reshape(len(x), -1)
    return y.astype("ORDER" + y.dtype.str[1:])
def twice(x, B): return 2 * multiply(x, B)

def masked_leak(x): return np.ma.array(np.zeros(len(x)), mask=x[::-1] > 0)
def unmasked(x): return np.ma.array(np.cumsum(x))
def hidden_product(x): return np.ma.array(noise @ x, mask=True)
hidden_operator = LinearOperator((4, 4), matvec=hidden_product, matmat=hidden_product, dtype=float)
def hidden(x, B): return np.ma.array(multiply(x, B), mask=True)
"""

CHECK = "--op block-diagonal-multiply --cases 6 --max-size 16"

EITHER_ORDER = [
    ("express FILE:member", 0),
    ("express FILE:half", 0),
    ("express FILE:none", 1),
    ("express FILE:whole", 1),
    ("express FILE:product --size 4", 1),
    ("causal FILE:leak --n 4", 1),
    ("causal FILE:past --n 4", 0),
    (f"check FILE:multiply {CHECK}", 0),
    (f"check FILE:twice {CHECK}", 1),
]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "model.py"


@pytest.mark.parametrize(("line", "code"), EITHER_ORDER, ids=[line for line, _ in EITHER_ORDER])
def test_the_order_of_bytes_changes_no_verdict(line, code, file):
    said = []
    for order in "<>":
        file.write_text(FILE.replace("ORDER", order))
        answer = asked(*line.replace("FILE", str(file)).split())
        said.append([row for row in answer.stdout.splitlines() if "distance" in row or "leaking pair" in row])
        assert answer.exit_code == code, answer
    assert said[0] == said[1]


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("causal FILE:masked_leak --n 4", 2),
        ("causal FILE:unmasked --n 4", 0),
        ("express FILE:hidden_product --size 4", 2),
        ("express FILE:hidden_operator", 2),
        (f"check FILE:hidden {CHECK}", 1),
    ],
)
def test_what_is_masked_is_not_read_as_if_it_were_not(line, code, file):
    file.write_text(FILE.replace("ORDER", "<"))
    answer = asked(*line.replace("FILE", str(file)).split())
    assert answer.exit_code == code, answer
    assert code == 0 or "masked entries" in answer.output


@pytest.mark.parametrize("dtype", DTYPES)
def test_an_array_crosses_the_pipe_whatever_its_order_of_bytes_and_layout(dtype):
    array = np.arange(12).reshape(3, 4).astype(dtype)
    for given in (
        array,
        array.astype(array.dtype.newbyteorder()),
        np.asfortranarray(array),
        array[::-1, ::2],
        array[0, 1],
    ):
        message = encode({}, (given,))
        start = 0

        def read(size: int, message: bytes = message) -> bytes:
            nonlocal start
            start += size
            return message[start - size : start]

        (received,) = receive(read)[1]
        assert received.dtype == np.dtype(dtype) and np.array_equal(received, given)


def test_the_front_door_drops_no_mask():
    matrix = mt.fourier((2, 2))
    hidden = [np.ma.array(factor, mask=True) for factor in matrix.factors]
    for act in (
        lambda: mt.Monarch(hidden),
        lambda: matrix @ np.ma.array(np.ones(4), mask=[1, 0, 0, 0]),
        lambda: matrix.multiply(np.ma.array(np.ones(4), mask=[1, 0, 0, 0])),
        lambda: mt.is_member(
            LinearOperator((4, 4), matvec=None, matmat=lambda x: np.ma.array(x, mask=True), dtype=float),
            MonarchClass((2, 2)),
        ),
        lambda: encode({}, (np.ma.array(np.ones(2), mask=[1, 0]),)),
    ):
        with pytest.raises(ValueError, match="expected no masked entries, got"):
            act()
    assert np.array_equal(matrix @ np.ma.array(np.ones(4)), matrix @ np.ones(4))
    assert mt.check_callable(lambda x: np.ma.array(np.zeros(4), mask=x[::-1] > 0), 4).verdict == "undecided"
