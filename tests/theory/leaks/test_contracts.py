"""Contracts other than causality: what each allows, models that keep them and models that are a little wrong."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monarch_theory.command.contract import contract_of
from monarch_theory.leaks import contracts
from monarch_theory.leaks.callables import assert_causal, check_callable
from monarch_theory.leaks.contracts import Contract, alone, blocks, causal, documents, masked, prefix, window
from monarch_theory.leaks.inputs import UndecidedError

N = 20
PLACE = np.arange(N)
IDS = np.repeat([0, 1, 2], [7, 8, 5])
SCATTERED = PLACE // 4 % 2
PATTERN = np.random.default_rng(1).random((N, N)) < 0.4


def pattern(contract: Contract) -> np.ndarray:
    return contract.allowed(np.arange(contract.n)[:, None], np.arange(contract.n))


def attention(allowed, size=1.0):
    """Attention over the pairs of a pattern, asked by the place alone; what sees nothing gives 0."""

    def f(x):
        scores = np.where(allowed, np.outer(np.cos(PLACE), x / (1 + np.abs(x))), -np.inf)
        top = np.where(allowed.any(axis=1), scores.max(axis=1, initial=-1e3), 0.0)
        weights = np.exp(scores - top[:, None])
        y = weights / np.maximum(weights.sum(axis=1, keepdims=True), 1e-300) @ np.tanh(x)
        return np.where(allowed.any(axis=1), size * y, 0.0)

    return f


i, j = PLACE[:, None], PLACE
PATTERNS = {
    "causal": (causal(N), j <= i),
    "strict": (causal(N, -1), j < i),
    "lookahead": (causal(N, 2), j <= i + 2),
    "window": (window(N, 4), (j <= i) & (j > i - 4)),
    "window of 1": (window(N, 1), j == i),
    "strict window": (window(N, 3, causal(N, -1)), (j < i) & (j > i - 3)),
    "prefix": (prefix(N, 6), (j <= i) | (j < 6)),
    "blocks": (blocks(N, 6), j // 6 <= i // 6),
    "documents": (documents(N, IDS), (IDS[:, None] == IDS) & (j <= i)),
    "scattered documents": (documents(N, SCATTERED), (SCATTERED[:, None] == SCATTERED) & (j <= i)),
    "windows in documents": (documents(N, IDS, window(N, 4)), (IDS[:, None] == IDS) & (j <= i) & (j > i - 4)),
    "mask": (masked(N, PATTERN), PATTERN),
    "future alone": (masked(N, j >= i), j >= i),
    "nothing": (masked(N, np.zeros((N, N), bool)), np.zeros((N, N), bool)),
}


@pytest.mark.parametrize("name", PATTERNS)
def test_what_a_contract_allows(name):
    contract, expected = PATTERNS[name]
    assert (pattern(contract) == expected).all()
    assert (pattern(Contract.of_plain(contract.as_plain())) == expected).all()


@pytest.mark.parametrize("name", PATTERNS)
def test_the_cuts_hold_every_forbidden_pair_and_no_allowed_one(name):
    contract, expected = PATTERNS[name]
    covered = np.zeros((N, N), bool)
    for cut in contract.cuts:
        pairs = np.ix_(PLACE[cut.watched], PLACE[cut.changed])
        assert not expected[pairs].any()
        covered[pairs] = True
    assert (covered == ~expected).all()
    assert len(contract.cuts) <= len(np.unique(expected, axis=0))


@given(st.integers(1, 9).flatmap(lambda n: st.lists(st.booleans(), min_size=n * n, max_size=n * n)))
def test_any_mask_is_cut_so(pairs):
    n = int(len(pairs) ** 0.5)
    allowed = np.array(pairs).reshape(n, n)
    contract, covered = masked(n, allowed), np.zeros((n, n), bool)
    for cut in contract.cuts:
        covered[np.ix_(np.arange(n)[cut.watched], np.arange(n)[cut.changed])] = True
    assert (covered == ~allowed).all()


@pytest.mark.parametrize("name", PATTERNS)
def test_a_model_that_keeps_its_contract(name):
    contract, allowed = PATTERNS[name]
    report = check_callable(attention(allowed), N, contract=contract, budget=20)
    assert (report.verdict, report.exit_code) == (contract.yes, 0), report
    assert report.cuts_tested == report.cuts_total == len(contract.cuts)
    assert report.contract == contract.name


def opened(allowed, *pairs):
    allowed = allowed.copy()
    for pair in pairs:
        allowed[pair] = True
    return allowed


WRONG = {
    "a window off by one": ("window", (j <= i) & (j > i - 5), (4, 0)),
    "a window that looks ahead": ("window", (j <= i + 1) & (j > i - 4), (0, 1)),
    "a causal model with no window": ("window", j <= i, (4, 0)),
    "a prefix too long": ("prefix", (j <= i) | (j < 7), (0, 6)),
    "a prefix that sees all": ("prefix", (j <= i) | (i < 6), (0, 6)),
    "blocks off by one": ("blocks", (j + 5) // 6 <= (i + 5) // 6, (1, 6)),
    "blocks too large": ("blocks", j // 7 <= i // 7, (0, 6)),
    "packed without boundaries": ("documents", j <= i, (7, 6)),
    "a boundary one late": ("documents", (np.roll(IDS, 1)[:, None] == np.roll(IDS, 1)) & (j <= i) & (i > 0), (7, 6)),
    "documents seen whole": ("documents", IDS[:, None] == IDS, (0, 1)),
    "scattered pieces joined": ("scattered documents", j <= i, (4, 3)),
    "a mask transposed": ("mask", PATTERN.T, None),
    "one pair more": ("mask", opened(PATTERN, (11, int(np.flatnonzero(~PATTERN[11])[3]))), None),
    "a past": ("future alone", j >= i - 1, (1, 0)),
    "itself": ("nothing", j == i, (0, 0)),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_model_is_caught_at_its_first_pair(name):
    contract, pair = PATTERNS[WRONG[name][0]][0], WRONG[name][2]
    report = check_callable(attention(WRONG[name][1]), N, contract=contract)
    assert (report.verdict, report.exit_code) == (contract.no, 1), report
    found = (report.witness.output, report.witness.input)
    extra = WRONG[name][1] & ~pattern(contract)
    assert extra[found] and found[0] == int(np.argmax(extra.any(axis=1)))
    assert abs(found[1] - found[0]) == np.abs(np.flatnonzero(extra[found[0]]) - found[0]).min()
    assert pair is None or found == pair


@pytest.mark.parametrize("name", ["window", "documents", "mask", "future alone"])
@pytest.mark.parametrize("size", [1e-3, 1e-9])
def test_a_whisper_into_each_output_is_found(name, size):
    contract, allowed = PATTERNS[name]
    for row in (0, 9, N - 1):
        hidden = np.flatnonzero(~allowed[row])
        if not len(hidden):
            continue
        place = int(hidden[len(hidden) // 2])

        def f(x, row=row, place=place):
            y = attention(allowed)(x)
            y[row] += size * np.tanh(x[place])
            return y

        report = check_callable(f, N, contract=contract)
        assert (report.witness.output, report.witness.input) == (row, place), report


def filtered(x):
    n, k = len(x), np.r_[1.0, -0.5, 0.25, 0.125, np.zeros(len(x) - 4)]
    return np.fft.irfft(np.fft.rfft(x, 2 * n) * np.fft.rfft(k, 2 * n), 2 * n)[:n]


def test_a_transform_spreads_rounding_beyond_a_window_and_that_is_no_leak():
    assert check_callable(filtered, 32, contract=window(32, 4)).evidence == "measured: to rounding"
    report = check_callable(filtered, 32, contract=window(32, 3))
    assert (report.witness.output, report.witness.input) == (3, 0)


# --- the batch ----------------------------------------------------------------------------------------------------

BATCH = {
    "cumulative": (lambda x: np.cumsum(x, 1), True),
    "normalised over the batch": (lambda x: (x - x.mean(0)) / (1 + x.std(0)), False),
    "the next row": (lambda x: x + 1e-9 * np.roll(x, -1, 0), False),
    "the first row alone": (lambda x: np.cumsum(x, 1) + 1e-7 * np.maximum(x[:1], 0), False),
    "sorted over time": (lambda x: np.sort(x, 1), True),
    "sorted over the batch": (lambda x: np.sort(x, 0), False),
    "a maximum over the batch": (lambda x: np.exp(x - x.max()) / np.exp(x - x.max()).sum(1, keepdims=True), False),
    "a maximum over time": (lambda x: np.exp(x - x.max(1, keepdims=True)), True),
}


@pytest.mark.parametrize("name", BATCH)
def test_rows_of_a_batch(name):
    f, kept = BATCH[name]
    report = check_callable(f, 8, shape="4,n", contract=alone(4))
    assert report.holds is kept, report
    assert report.n == 8 and report.cuts_total == 4


def test_a_batch_of_tokens_and_of_channels():
    assert check_callable(lambda t: np.cumsum(t, 1), 8, shape="3,n", dtype="int64", contract=alone(3)).holds
    f = lambda x: x + np.where(x.sum((0, 2), keepdims=True) > 5, 1.0, 0.0)  # noqa: E731
    assert check_callable(f, 8, shape="3,n,2", contract=alone(3)).holds is False


# --- outputs of another length -----------------------------------------------------------------------------------

STRIDED = {
    "every other": (lambda x: np.cumsum(x)[::2], (2, 0), 0, None),
    "sums of pairs look ahead": (lambda x: np.cumsum(x)[1::2], (2, 0), 0, (0, 1)),
    "sums of pairs, ahead by one": (lambda x: np.cumsum(x)[1::2], (2, 0), 1, None),
    "sums of three, ahead by one": (lambda x: np.cumsum(x)[2::3], (3, 0), 1, (0, 2)),
    "a whisper between": (lambda x: np.cumsum(x)[::2] + 1e-9 * np.roll(x, -3)[::2], (2, 0), 0, (0, 3)),
    "a beginning": (lambda x: np.r_[0.5, np.cumsum(x)], (1, -1), 0, None),
    "a beginning that sees": (lambda x: np.r_[x[0], np.cumsum(x)], (1, -1), 0, (0, 0)),
    "differences": (lambda x: np.diff(x), (1, 1), 0, None),
    "differences of the next": (lambda x: np.diff(x), (1, 0), 0, "shape change"),
    "the first dropped, and looking ahead": (lambda x: np.roll(np.cumsum(x), -2)[:-1], (1, 1), 0, (0, 2)),
}


@pytest.mark.parametrize("name", STRIDED)
@pytest.mark.parametrize("n", [12, 15])
def test_outputs_of_another_length(name, n):
    f, stride, ahead, expected = STRIDED[name]
    report = check_callable(f, n, stride=stride, lookahead=ahead)
    if expected is None:
        assert report.verdict == "causal" and report.cuts_tested == report.cuts_total > 0, report
    elif isinstance(expected, str):
        assert report.outcome == expected
    else:
        assert report.verdict == "not causal", report
        assert (report.witness.output, report.witness.input) == expected


def test_the_axis_of_another_length_is_told():
    f = lambda x: np.cumsum(x, 1)[:, ::2]  # noqa: E731
    assert check_callable(f, 12, shape="2,n,3", stride=(2, 0)).verdict == "causal"
    assert check_callable(lambda x: f(x)[:, ::-1], 12, shape="2,n,3", stride=(2, 0)).verdict == "not causal"
    beside = lambda x: (f(x), x)  # noqa: E731
    report = check_callable(beside, 12, shape="2,n,6", stride=(2, 0))  # of which the second has 6 channels, no steps
    assert report.verdict == "causal" and len(report.outputs) == 1
    contract = window(12, 4)
    assert check_callable(
        lambda x: np.convolve(x, np.ones(4))[: len(x) : 2], 12, stride=(2, 0), contract=contract
    ).holds
    assert (
        check_callable(lambda x: np.convolve(x, np.ones(5))[: len(x) : 2], 12, stride=(2, 0), contract=contract).holds
        is False
    )


# --- evidence and bad input ---------------------------------------------------------------------------------------


@pytest.mark.long
def test_a_share_of_the_cuts_decides_nothing():
    import time

    def slow(x):
        time.sleep(0.01)
        return x.copy()

    report = check_callable(slow, 200, contract=window(200, 5), budget=0.5)
    assert (report.verdict, report.outcome, report.exit_code) == ("undecided", "partial", 2)
    accepted = check_callable(slow, 200, contract=window(200, 5), budget=0.5, accept_partial=True)
    assert (accepted.verdict, accepted.exit_code) == ("holds", 0)


def test_a_contract_that_forbids_nothing_holds():
    report = check_callable(np.flip, 6, contract=masked(6, np.ones((6, 6), bool)))
    assert (report.verdict, report.evidence) == ("holds", "proved")


def test_assert_causal_takes_a_contract():
    assert assert_causal(attention(PATTERNS["window"][1]), N, contract=window(N, 4)).holds
    with pytest.raises(AssertionError, match="output 4 changes"):
        assert_causal(np.cumsum, N, contract=window(N, 4))


BAD = {
    "window": lambda: window(8, 0),
    "prefix": lambda: prefix(8, 9),
    "blocks": lambda: blocks(8, 0),
    "lookahead": lambda: causal(8, -2),
    "documents: expected a number for each": lambda: documents(8, [0, 1]),
    "documents: expected numbers of places": lambda: contracts.document_numbers(3, [1, 1, 1]),
    "lengths with the sum 8": lambda: contracts.document_numbers(8, [3, 4]),
    "bool of shape": lambda: masked(8, np.ones((8, 7), bool)),
    "mask: expected bool": lambda: masked(8, np.ones((8, 8))),
    "one contract": lambda: contract_of(8, "n", strict=True, block=2),
    "--batch and --window": lambda: contract_of(8, "2,n", batch=True, within=2),
    "shape: expected a batch": lambda: contract_of(8, "n", batch=True),
    "mask: expected a .npy": lambda: contract_of(8, "n", mask=contracts_path()),
}


def contracts_path():
    from pathlib import Path

    return Path(contracts.__file__)


@pytest.mark.parametrize("words", BAD)
def test_what_is_no_contract_is_refused(words):
    with pytest.raises(UndecidedError, match=words.split(":")[0]) as refused:
        BAD[words]()
    assert refused.value.outcome == "bad input" and words in refused.value.message


def test_a_contract_of_another_length_is_refused():
    report = check_callable(np.cumsum, 8, contract=causal(9))
    assert report.outcome == "bad input" and "expected one for 8 places, got one for 9" in report.reason
    assert check_callable(np.cumsum, 8, shape="n,4", contract=alone(8)).outcome == "bad input"
