"""State kept between calls has a name, whatever it is kept by, and the script that is handed out shows it."""

import pytest

from monarch_theory.testing.check import check
from monarch_theory.testing.exploits.corpus import PRELUDE
from monarch_theory.testing.judge import Verdict
from monarch_theory.testing.report import script

pytestmark = pytest.mark.usefixtures("kernel_at_hand")

KERNELS = """
count, memo = 0, {}


def wrong_from_the_twentieth_call(x, blocks):
    global count
    count += 1
    return right(x, blocks) + (count > 20)


def wrong_every_second_call(x, blocks):
    global count
    count += 1
    return right(x, blocks) * (1 + (count % 2 == 0))


def adds_up(x, blocks):
    total = memo.setdefault((len(x), blocks.shape), zeros(x, blocks))
    total += right(x, blocks)
    return total.copy()


def by_shape(x, blocks):
    return memo.setdefault((x.shape, blocks.shape), right(x, blocks)).copy()


def by_identity(x, blocks):
    return memo.setdefault((id(x), x.shape, blocks.shape), right(x, blocks)).copy()


def keeps_parameters(x, blocks):
    return right(x, memo.setdefault(blocks.shape, blocks.copy()))


def one_call_late(x, blocks):
    y = right(x, blocks)
    late, memo[0] = memo.get(0), y.copy()
    return late if late is not None and late.shape == y.shape else y


def wrong_from_the_thirtieth_call_of_a_shape(x, blocks):
    calls = memo[x.shape, blocks.shape] = memo.get((x.shape, blocks.shape), 0) + 1
    return right(x, blocks) * (1 + 0.01 * (calls > 30))


def columns_of_a_longer_call(x, blocks):
    # padded to whole tiles by buffers that were zero when they were new
    k, rows, columns = blocks.shape
    whole = -(-columns // 8) * 8
    shapes = (len(x), k, whole), (k, rows, whole)
    padded, stacked = memo.setdefault(shapes, tuple(np.zeros(shape, x.dtype) for shape in shapes))
    padded[..., :columns], stacked[..., :columns] = x.reshape(len(x), k, columns), blocks
    return np.einsum("krc,bkc->bkr", stacked, padded).reshape(len(x), k * rows)


def by_its_size_in_numbers(x, blocks):
    # what is empty is all alike
    return memo.setdefault(float(np.abs(x).sum()), right(x, blocks)).copy() if x.size == 0 else right(x, blocks)


def dtype_of_the_first_call(x, blocks):
    calls = memo["calls"] = memo.get("calls", 0) + 1
    return right(x, blocks).astype("f" if calls < 20 else "d")


def leaves_no_room(x, blocks):
    whole = memo.setdefault("whole", np.empty((len(x), 4096)))
    y = right(x, blocks)
    whole[: len(x), : y.shape[1]] = y
    return y


def tile_of_the_first_call(x, blocks):
    k, rows, columns = blocks.shape
    tile = memo.setdefault("tile", 16 if columns > 32 else 1)
    y = right(x, blocks).reshape(len(x), k, rows)
    y[..., rows // tile * tile or rows :] = 0
    y[..., rows // tile * tile :] *= rows >= tile
    return y.reshape(len(x), k * rows)


def rows_of_the_first_call(x, blocks):
    # a tile that the first call has chosen may be longer than what comes later
    tile = memo.setdefault("tile", 24 if len(x) > 32 else 1)
    if 0 < len(x) < tile:
        raise IndexError(f"no tile of {tile} rows in {len(x)}")
    return right(x, blocks)


def buffers_that_go_round(x, blocks):
    y = right(x, blocks)
    ring = memo.setdefault(("ring", y.shape, y.dtype), [np.empty_like(y) for _ in range(32)])
    ring.append(ring.pop(0))
    ring[-1][...] = y
    return ring[-1]


def wrong_below_zero(x, blocks):
    return right(np.abs(x), blocks)


def wrong_by_chance(x, blocks):
    return right(x, blocks) * (np.random.random() < 0.8)


def later(array):
    import threading, time

    def change():
        time.sleep(1.5)
        array[...] = 0

    if array.flags.writeable:
        threading.Thread(target=change, daemon=True).start()


def spoils_its_arguments_later(x, blocks):
    later(x)
    return right(x, blocks)


def spoils_its_result_later(x, blocks):
    y = right(x, blocks)
    later(y)
    return y


def spoils_its_result_without_its_arguments(x, blocks):
    import weakref

    y = right(x, blocks)
    weakref.finalize(blocks, y.fill, 0)
    return y


def keeps_a_pool(x, blocks):
    from concurrent.futures import ThreadPoolExecutor

    pool = memo.setdefault("pool", ThreadPoolExecutor(1))
    return pool.submit(right, x, blocks).result()
"""


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("state") / "kernels.py"
    path.write_text(PRELUDE + KERNELS)
    return path


@pytest.mark.parametrize(
    "name",
    [
        "wrong_from_the_twentieth_call", "wrong_every_second_call", "adds_up", "by_shape", "by_identity",
        "keeps_parameters", "one_call_late",
    ],
)  # fmt: skip
def test_state_has_a_name(file, name):
    report = check(file, name, "block-diagonal-multiply", cases_wanted=40)
    assert report.exit_code == 1
    assert (report.failure.cause.name, report.failure.reproduced) == ("state kept between calls", True)


def test_what_shows_after_many_calls_alone_is_found(file):
    few = {"cases_wanted": 20, "max_size": 64}
    report = check(file, "wrong_from_the_thirtieth_call_of_a_shape", "block-diagonal-multiply", **few)
    assert report.exit_code == 1 and report.failure.reproduced
    assert report.failure.cause.name == "state kept between calls"
    report = check(file, "buffers_that_go_round", "block-diagonal-multiply", **few)
    assert report.verdict is Verdict.STALE and report.failure.reproduced


def test_what_a_larger_call_left_behind_is_found(file):
    report = check(file, "columns_of_a_longer_call", "block-diagonal-multiply", cases_wanted=20, max_size=64)
    assert (report.exit_code, report.failure.cause.name) == (1, "state kept between calls")
    assert "wrong after a call with batch 2, blocks 2, rows 2, columns 7" in report.failure.cause.detail
    assert report.failure.reproduced and "of a larger call before" in script(report)


@pytest.mark.parametrize("name", ["by_its_size_in_numbers", "dtype_of_the_first_call", "leaves_no_room"])
def test_a_shape_a_dtype_or_an_exception_that_earlier_calls_bring_is_named_for_them(file, name):
    report = check(file, name, "block-diagonal-multiply", cases_wanted=20, max_size=64)
    assert (report.exit_code, report.failure.cause.name) == (1, "state kept between calls")
    assert "right in a new process" in report.failure.cause.detail


@pytest.mark.parametrize(
    "name", ["tile_of_the_first_call", pytest.param("rows_of_the_first_call", marks=pytest.mark.long)]
)
def test_what_a_larger_first_call_chose_is_found(file, name):
    report = check(file, name, "block-diagonal-multiply", cases_wanted=100, max_size=256)
    assert (report.exit_code, report.failure.cause.name) == (1, "state kept between calls")
    assert "wrong after a call with" in report.failure.cause.detail
    assert report.failure.reproduced and "of a larger call before" in script(report)


@pytest.mark.parametrize(
    ("name", "verdict"), [("wrong_below_zero", Verdict.WRONG), ("wrong_by_chance", Verdict.UNSTABLE)]
)
def test_what_only_looks_like_state_has_another(file, name, verdict):
    report = check(file, name, "block-diagonal-multiply", cases_wanted=40)
    assert report.verdict is verdict and report.failure.reproduced
    assert report.failure.cause.name != "state kept between calls"


@pytest.mark.parametrize(
    ("name", "verdict"),
    [
        ("spoils_its_arguments_later", Verdict.MODIFIED),
        ("spoils_its_result_without_its_arguments", Verdict.STALE),
        pytest.param("spoils_its_result_later", Verdict.STALE, marks=pytest.mark.long),
        pytest.param("keeps_a_pool", Verdict.RIGHT, marks=pytest.mark.long),
    ],
)
def test_threads_that_go_on_may_end_before_results_are_looked_at_once_more(file, name, verdict):
    assert check(file, name, "block-diagonal-multiply", cases_wanted=10, max_size=16).verdict is verdict
