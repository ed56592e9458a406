"""A cause that is named is the right one, whatever hardware makes of a NaN: rather none than another."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from monarch_theory.rounding import default_model
from monarch_theory.testing.cases import make_case
from monarch_theory.testing.check import check, explain, observe
from monarch_theory.testing.diagnose import STATE, Observation, diagnose
from monarch_theory.testing.judge import Verdict, judge, reference
from monarch_theory.testing.kernel import Kernel, Run
from monarch_theory.testing.mutants import MUTANTS
from monarch_theory.testing.mutants import run as corpus
from monarch_theory.testing.ops import op_named

BLOCK = "block-diagonal-multiply"
MODEL = default_model("float32")


class OnDevice(Kernel):
    """Every NaN comes out with the bits that hardware gives it, so that they do not tell where it is from."""

    def run(self, case, **options):
        run = super().run(case, **options)
        return replace(run, **{name: tuple(map(one_nan, getattr(run, name))) for name in ("outputs", "again", "other")})


def one_nan(values):
    return values if values.dtype.kind not in "fc" else np.where(np.isnan(values), values.dtype.type(np.nan), values)


QUICK = ("odd-last-row-unwritten", "blocks-transposed")


@pytest.mark.parametrize(
    "mutants",
    [
        pytest.param(tuple(replace(m, cases=30, most_entries=1 << 10) for m in MUTANTS if m.name in QUICK), id="some"),
        *(
            pytest.param(tuple(m for m in MUTANTS if m.library == library), id=library, marks=pytest.mark.long)
            for library in ("numpy", "torch")
        ),
    ],
)
def test_no_cause_is_wrong_where_every_nan_is_the_same(monkeypatch, mutants):
    if corpus.missing_library(mutants[0].library):
        pytest.skip(f"needs {mutants[0].library}")
    monkeypatch.setattr(corpus, "Kernel", OnDevice)
    found = corpus.run_mutants(mutants)
    assert len(found) == len(mutants) and all(c.verdict is not Verdict.RIGHT for c in found)
    assert not [(c.mutant.name, c.cause) for c in found if c.cause_is_wrong]


KERNELS = """
import numpy as np

def right(x, blocks):
    k, rows, columns = blocks.shape
    y = np.einsum("krc,bkc->bkr", blocks, x.reshape(len(x), k, columns)).reshape(len(x), k * rows)
    return np.where(np.isnan(y), np.float32(np.nan), y)

def start(array):
    return array.__array_interface__["data"][0]

def read_from(array, offset):
    owner = array
    while getattr(owner, "base", None) is not None:
        owner = owner.base
    whole = owner.reshape(-1)
    first = (start(array) - start(whole)) // array.itemsize + offset
    part = whole[max(first, 0):][: array.size]
    return np.concatenate([part, np.zeros(array.size - part.size, array.dtype)]).reshape(array.shape)

def strides_of_all_ignored(x, blocks):
    return right(read_from(x, 0), read_from(blocks, 0))

CALLS = []

def nan_beyond(x, blocks, beyond=lambda size: np.full(size, np.nan)):
    def read(array):
        if array.flags.c_contiguous or not array.size:
            return array
        place = start(array)
        while array.base is not None and type(array.base) is np.ndarray:
            array = array.base
        held = memory_of(array)
        first = (place - start(held)) // held.itemsize
        return held[first:]

    def taken(array):
        found = read(array).reshape(-1)[: array.size]
        return np.concatenate([found, beyond(array.size - found.size)]).astype(np.float32).reshape(array.shape)

    return right(taken(x), taken(blocks))

def memory_of(array):
    low, high = np.lib.array_utils.byte_bounds(array)
    size = (high - low) // array.itemsize
    back = tuple(slice(None, None, -1) if s < 0 else slice(None) for s in array.strides)
    return np.lib.stride_tricks.as_strided(array[back], (size,), (array.itemsize,))

def numbers_beyond(x, blocks):
    return nan_beyond(x, blocks, lambda size: np.full(size, 1.5))

def anything_beyond(x, blocks):
    CALLS.append(1)
    rng = np.random.default_rng(len(CALLS))
    return nan_beyond(x, blocks, lambda size: np.where(rng.random(size) < 0.5, np.nan, rng.standard_normal(size)))

def rows_taken_for_adjacent(x, blocks):
    if x.strides[-1] == x.itemsize and x.size and x.strides[0] >= x.itemsize * x.shape[-1]:
        x = np.lib.stride_tricks.as_strided(x, x.shape, (x.itemsize * x.shape[-1], x.itemsize))
    return right(x, blocks)

def strides_of_blocks_ignored(x, blocks):
    return right(x, read_from(blocks, 0))

def one_beyond_the_end(x, blocks):
    x = np.ascontiguousarray(x)
    after = np.lib.stride_tricks.as_strided(x.reshape(-1), (x.size + 1,), (x.itemsize,))[-1]
    return right(x, blocks) + (0 * after if x.size else 0)

def nan_where_not_contiguous(x, blocks):
    both = x.flags.c_contiguous and blocks.flags.c_contiguous
    return right(x, blocks) * np.float32(1 if both else np.nan)
"""


@pytest.mark.usefixtures("kernel_at_hand")
@pytest.mark.parametrize(
    ("name", "cause"),
    [
        ("strides_of_all_ignored", "strides ignored"),
        pytest.param("strides_of_blocks_ignored", "strides ignored", marks=pytest.mark.long),
        ("nan_where_not_contiguous", "NaN"),
        ("rows_taken_for_adjacent", "strides ignored"),
    ],
)
def test_a_cause_needs_evidence(tmp_path, name, cause):
    path = tmp_path / "kernels.py"
    path.write_text(KERNELS)
    report = check(path, name, BLOCK, cases_wanted=40)
    assert report.exit_code == 1
    assert report.failure.cause.name == cause


FALLS_SHORT = {"batch": 3, "blocks": 2, "rows": 3, "columns": 3}
ALL = ("strided", "transposed", "reversed", "expanded")


@pytest.mark.usefixtures("kernel_at_hand")
@pytest.mark.parametrize(
    ("name", "layouts", "seeds"),
    [
        ("nan_beyond", ("expanded",), (0,)),
        *(
            pytest.param(name, ALL, range(4), marks=pytest.mark.long)
            for name in ("nan_beyond", "numbers_beyond", "anything_beyond")
        ),
    ],
)
def test_whatever_lies_beyond_an_argument_strides_are_seen_to_be_ignored(tmp_path, name, layouts, seeds):
    """What a kernel reads beyond one that is expanded is memory of nobody, which tells nothing; between elements it is
    ours."""
    path = tmp_path / "kernels.py"
    path.write_text(KERNELS)
    with Kernel(path, name) as kernel:
        for layout, seed in product(layouts, seeds):
            found = observe(
                kernel, make_case(op_named(BLOCK), "float32", FALLS_SHORT, "normal", layout, (seed,)), MODEL
            )
            assert found.judgement.failed
            assert explain(kernel, found, MODEL, [], {}).cause.name == "strides ignored", (layout, seed)


@pytest.mark.usefixtures("kernel_at_hand")
def test_what_lies_behind_the_one_element_of_an_argument_is_beyond_it(tmp_path):
    """Such an array is contiguous whatever its stride, and what follows it no gap."""
    path = tmp_path / "kernels.py"
    path.write_text(KERNELS)
    for name, shape, cause in (
        ("one_beyond_the_end", dict.fromkeys(FALLS_SHORT, 1), "access out of bounds"),
        ("strides_of_all_ignored", FALLS_SHORT, "strides ignored"),
    ):
        case = make_case(op_named(BLOCK), "float32", shape, "normal", "strided", (0,))
        with Kernel(path, name) as kernel:
            found = observe(kernel, case, MODEL)
            assert found.judgement.failed
            assert explain(kernel, found, MODEL, [], {}).cause.name == cause


@pytest.mark.usefixtures("kernel_at_hand")
def test_what_layout_it_depends_on_is_said_where_no_cause_is(tmp_path):
    path = tmp_path / "kernels.py"
    path.write_text(KERNELS)
    case = make_case(op_named(BLOCK), "float32", FALLS_SHORT, "normal", "strided", (0,))
    with Kernel(path, "nan_where_not_contiguous") as kernel:
        cause = explain(kernel, observe(kernel, case, MODEL), MODEL, [], {}).cause
    assert cause.name == "NaN" and "right where arguments are contiguous" in cause.detail


def seen(case, output):
    expected = reference(case, MODEL)
    run = Run(outputs=(output.astype(np.float32),), dtypes=("float32",))
    return Observation(case, run, expected, judge(case, run, expected))


def test_an_earlier_answer_explains_numbers_and_not_that_there_are_none():
    op, shape = op_named(BLOCK), {"batch": 4, "blocks": 2, "rows": 3, "columns": 3}
    poisoned = make_case(op, "float32", shape, "nonfinite", "contiguous", (0, 1))
    first, second = (make_case(op, "float32", shape, "normal", "contiguous", (0, k)) for k in (2, 3))
    history = [reference(poisoned, MODEL), reference(first, MODEL)]
    answer = history[1][0].truth.high

    def cause(output):
        failure = seen(second, output)
        return diagnose([failure], [*history, failure.references], MODEL).name

    assert cause(answer) == STATE
    assert cause(np.full_like(answer, np.nan)) == "NaN"
    half = np.where(np.arange(4)[:, None] < 2, seen(second, answer).expected.truth.high, np.nan)
    assert cause(half) == "NaN"


@pytest.mark.parametrize(("left", "cause"), [(0.0, "dropped tail"), (2.0, "not recognised")])
def test_a_tail_that_was_computed_wrongly_was_not_dropped(left, cause):
    """It may have been read from a wrong place. What was dropped is zero, or was never written."""
    op, shape = op_named(BLOCK), {"batch": 7, "blocks": 2, "rows": 3, "columns": 3}
    failures = []
    for k in range(3):
        case = make_case(op, "float32", shape, "normal", "contiguous", (0, k))
        output = reference(case, MODEL)[0].truth.high.copy()
        output[4:] = left * output[:3] * output[1:4]
        failures.append(seen(case, output))
    assert diagnose(failures, [], MODEL).name == cause


CONJUGATES = """
import torch

def memory_taken(x, blocks):
    x, blocks = (a.conj() if a.is_conj() else a for a in (x, blocks))
    k, rows, columns = blocks.shape
    return torch.einsum("krc,bkc->bkr", blocks, x.reshape(len(x), k, columns)).reshape(len(x), k * rows)

def refused(x, blocks):
    if x.is_conj() or blocks.is_conj():
        raise TypeError("expected no tensors of conjugates")
    # the result is one
    return memory_taken(x.conj().resolve_conj(), blocks.conj().resolve_conj()).conj()
"""


FEW = {"cases_wanted": 60, "max_size": 64}


@pytest.mark.usefixtures("torch_kernel_at_hand")
@pytest.mark.parametrize(("name", "exit_code"), [("memory_taken", 1), ("refused", 0)])
def test_a_kernel_reads_what_tensors_of_conjugates_stand_for_or_refuses_them(tmp_path, name, exit_code):
    path = tmp_path / "kernels.py"
    path.write_text(CONJUGATES)
    report = check(path, name, BLOCK, "complex64", explained=False, **FEW)
    assert report.exit_code == exit_code, report.message
    assert report.refused or exit_code


@pytest.mark.long  # the script imports torch
@pytest.mark.usefixtures("torch_kernel_at_hand")
def test_the_memory_of_conjugates_is_named_and_its_script_shows_it(tmp_path):
    path = tmp_path / "kernels.py"
    path.write_text(CONJUGATES)
    report = check(path, "memory_taken", BLOCK, "complex64", **FEW)
    assert (report.exit_code, report.failure.cause.name, report.failure.reproduced) == (1, "conjugate", True)
