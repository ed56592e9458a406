"""Sizes reach every tile together, and kernels that go wrong only there are caught."""

import pytest
from daily import DEAR_OPS, but_long

from monarch_theory.testing.cases import BLIND, TOGETHER, _is_along, _tells, met_by, plan_of
from monarch_theory.testing.check import check
from monarch_theory.testing.coverage import Told
from monarch_theory.testing.judge import Verdict
from monarch_theory.testing.ops import NAMES, op_named
from monarch_theory.testing.sizes import (
    MOST_ENTRIES,
    MOST_WORK,
    TILES,
    entries,
    larger_and_smaller,
    selected_shapes,
    sizes_of,
    tiles_not_met,
    with_sizes,
)

pytestmark = pytest.mark.usefixtures("kernel_at_hand")

BLOCK = "block-diagonal-multiply"


def largest_tile(op):
    """At which all sizes of an op are within the budget, and all sizes past it."""
    template = next(iter(op.shapes()))

    def fits(tile):
        shape = with_sizes(template, dict.fromkeys(sizes_of(template), tile))
        return op.accepts(shape) and entries(op, shape) <= MOST_ENTRIES and tile * entries(op, shape) <= MOST_WORK

    return max(tile for tile in TILES if fits(tile) and fits(tile + 2))


def test_tiles_of_all_sizes_reach_sixty_four_in_every_op_whose_states_fit_in_memory():
    largest = {name: largest_tile(op_named(name)) for name in NAMES}
    large_states = {"monarch-attention", "selective-scan", "selective-scan-backward"}
    assert {name for name, tile in largest.items() if tile < 64} == large_states
    assert sum(tile == 256 for tile in largest.values()) >= 8


@pytest.mark.parametrize("name", but_long(NAMES, DEAR_OPS))
def test_all_sizes_reach_every_tile_that_the_budget_has_room_for(name):
    op = op_named(name)
    planned = [sizes_of(shape) for shape, *_ in plan_of(op)]
    for tile in TILES:
        together = [s for s in planned if min(s.values()) >= tile]
        if tile <= largest_tile(op):
            assert any(all(v % tile == 0 for v in s.values()) for s in together), f"{tile} divides no large shape"
            assert any(all(v % tile for v in s.values()) for s in together), f"{tile} divides every large shape"
        axes = {axis for s in planned for axis in s}
        if tile <= 64:
            missing = [a for a in axes if len(planned[0]) <= 5 and a[1] in (None, 0, 1) and
                       not any(s.get(a, 0) >= tile for s in planned)]  # fmt: skip
            assert not missing
    batches = {s["batch", None] for s in planned}
    assert batches >= {0, 1, 2, 3, 4, 8, 12, 16, 32, 33, 64}


@pytest.mark.parametrize("name", but_long(NAMES, DEAR_OPS))
def test_every_size_is_met_where_a_wrong_value_shows(name):
    """Where no batch row is, or a parameter holds NaN, nothing is compared; beside zeros little."""
    plan = plan_of(op_named(name))
    met = {size for shape, *_ in plan for size in met_by(shape)}
    telling = [shape for shape, family, *_ in plan if family not in BLIND and 0 not in sizes_of(shape).values()]
    assert met - {size for shape in telling for size in met_by(shape)} <= {("batch", 0)}
    # and yet all of these have their share
    families = [family for _, family, *_ in plan]
    assert families.count("nonfinite") >= 5 and min(map(families.count, BLIND)) >= 2


NEVER_APART = {("short-convolution-step", "width"): "no state", ("rms-norm-backward", "n"): "a gradient of zero"}
"""What a size of one leaves nothing to see of."""


@pytest.mark.parametrize("name", [name for name in NAMES if op_named(name).accepts is not None])
def test_every_size_is_one_where_all_others_are_not(name):
    told = [
        sizes_of(shape)
        for shape, family, *_ in plan_of(op_named(name))
        if family not in BLIND and 0 not in sizes_of(shape).values()
    ]
    for axis in told[0]:
        apart = any(all((size == 1) == (other == axis) for other, size in sizes.items()) for sizes in told)
        assert axis[1] is not None or apart or (name, axis[0]) in NEVER_APART, axis


ONE_ROW = """
import numpy as np

def causal(u, k):
    n = u.shape[-1]
    return np.fft.irfft(np.fft.rfft(u, 2 * n) * np.fft.rfft(k, 2 * n), 2 * n)[..., :n]

def kernel(u, k, pregate, postgate):
    if len(u) == 1 and u.shape[1] > 1:
        pregate, postgate = postgate, pregate
    return (postgate * causal(pregate * u, k)).astype(u.dtype)
"""


def test_one_row_of_many_channels_is_tried(tmp_path):
    path = tmp_path / "kernels.py"
    path.write_text(ONE_ROW)
    assert check(path, "kernel", "gated-convolution", explained=False).verdict is Verdict.WRONG


def test_sizes_are_chosen_and_added_by_the_user():
    op = op_named("long-convolution")
    assert all(s["batch"] == 8 and s["n"] == 2048 for s in selected_shapes(op, shape={"batch": 8, "n": 2048}))
    assert any(s["n"] == 16384 for s in selected_shapes(op, max_size=16384))
    for shape, message in (
        ({"m": 8}, "shape: expected sizes among batch, channels, n, got m"),
        ({"n": 0}, "shape: expected sizes of at least one"),
    ):
        with pytest.raises(ValueError, match=message):
            selected_shapes(op, shape=shape)
    multiply = op_named("monarch-multiply")
    chosen = selected_shapes(multiply, shape={"input_radices": (5, 7)})
    assert chosen and all(s["input_radices"] == (5, 7) and len(s["output_radices"]) == 2 for s in chosen)


@pytest.mark.parametrize("name", [name for name in NAMES if "radices" in str(next(iter(op_named(name).shapes())))])
def test_some_matrix_has_more_than_three_factors(name):
    told = [shape for shape, family, *_ in plan_of(op_named(name)) if _tells(shape, family)]
    assert max(len(v) for shape in told for v in shape.values() if isinstance(v, tuple)) > 3


@pytest.mark.parametrize(("name", "axes"), [(BLOCK, ("batch", "blocks", "rows")), ("rms-norm", ("batch", "n"))])
def test_sizes_are_whole_tiles_of_every_length_where_there_are_cases_to_spare(name, axes):
    """Where there are not, the report says of which no size is."""
    told = [sizes_of(shape) for shape, family, *_ in plan_of(op_named(name)) if _tells(shape, family)]
    assert not [axis for axis in axes if tiles_not_met({sizes[axis, None] for sizes in told})]


@pytest.mark.parametrize("name", but_long(NAMES, DEAR_OPS))
def test_every_size_has_whole_tiles_and_others_or_the_report_says_of_which_it_has_not(name):
    shapes = [shape for shape, family, *_ in plan_of(op_named(name)) if family != "ones" and _tells(shape, family)]
    told = Told()
    told.shown = {("y", size) for shape in shapes for size in met_by(shape)}
    not_met, sizes = tuple(map(told.tiles_not_met, (0, 1))), [sizes_of(shape) for shape in shapes]
    for axis in {axis for one in sizes for axis in one}:
        named = axis[0] if axis[1] is None else f"{axis[0]}[{axis[1]}]"
        said, of_one_more = (found.get(named, ()) for found in not_met)
        for tile in (16, 32, 64, 128, 256):
            reached = [one[axis] for one in sizes if one.get(axis, 0) >= tile]
            assert (tile in said) == (not any(size % tile == 0 for size in reached)), (axis, tile)
            assert any(size % tile for size in reached) or tile in of_one_more, (axis, tile)
    for tile in TILES:
        together = any(all(size >= tile and size % tile == 0 for size in one.values()) for one in sizes)
        assert together or len(sizes[0]) < 2 or tile in not_met[0][TOGETHER], tile


WRONG = {
    "whole tiles of 112 rows": "if len(x) and len(x) % 112 == 0: y[-1] *= 0.5",
    "what is below 1e-30": "y[np.abs(y) < 1e-30] = 0",
    "zeros where batch and blocks reach 8": "if len(x) >= 8 and len(blocks) >= 8: y[:] = 0",
    "all sizes past a tile": "if min(len(x), *blocks.shape) > 32: y[-1, -1] = 0",
    "batch twelve": "if len(x) == 12: y[3] = 0",
    "a multiple of four": "if len(x) and len(x) % 4 == 0: y[-1] += 1",
    "past sixty-seven rows": "y[67:] = 0",
    "more than 512 rows in a block": "if blocks.shape[1] > 512: y[:, 512:] = 0",
    "odd columns past a tile": "if blocks.shape[2] > 64 and blocks.shape[2] % 2: y[..., -1] *= 0.5",
    "the last row of many": "if len(x) > 100: y[-1] = y[-2]",
    "negative strides": "if x.strides[-1] < 0: y[:] = y[:, ::-1]",
    "misaligned": "if x.size and x.__array_interface__['data'][0] % 16: y += 1",
    "one row repeated": "if len(x) > 1 and x.strides[0] == 0: y[1:] = 0",
    "blocks that are not contiguous beside data that is": (
        "if x.flags.c_contiguous and not blocks.flags.c_contiguous and blocks.size > 1: y += 1"
    ),
    "an infinity of the other sign": "y[np.isinf(y)] *= -1",
    "NaN in many rows": "y = right(np.nan_to_num(x, posinf=np.inf, neginf=-np.inf), blocks) if len(x) > 40 else y",
    "NaN in the blocks": "y = right(x, np.nan_to_num(blocks, posinf=0, neginf=0))",
}


QUICK = ("zeros where batch and blocks reach 8", "negative strides", "NaN in the blocks")


@pytest.mark.parametrize(
    "fault", [pytest.param(fault, marks=() if fault in QUICK else pytest.mark.long) for fault in WRONG]
)
def test_kernels_that_are_wrong_in_a_corner_are_caught(tmp_path, fault):
    path = tmp_path / "kernel.py"
    path.write_text(f"""
import numpy as np

def right(x, blocks):
    k, rows, columns = blocks.shape
    return np.einsum("krc,bkc->bkr", blocks, x.reshape(len(x), k, columns)).reshape(len(x), k * rows)

def kernel(x, blocks):
    y = right(x, blocks)
    with np.errstate(all="ignore"):
        {WRONG[fault]}
    return y
""")
    report = check(path, "kernel", BLOCK)
    assert report.exit_code == 1 and report.failure.reproduced


@pytest.mark.parametrize("name", but_long(NAMES, DEAR_OPS))
def test_no_size_is_met_with_ones_alone(name):
    plan = plan_of(op_named(name))
    found = {family: set() for family in (True, False)}
    for shape, family, *_ in plan:
        if _tells(shape, family):
            found[family == "ones"] |= met_by(shape)
    assert found[True] and found[True] <= found[False]


@pytest.mark.parametrize("name", NAMES)
def test_along_every_axis_a_long_case_is_uneven_and_one_rises(name):
    """Whatever other axes have: one took the uneven case of another. Two axes that are as long may share one."""
    plan = plan_of(op_named(name))
    for axis in {axis for shape, *_ in plan for axis in sizes_of(shape) if axis[0] != "batch"}:
        along = [(sizes_of(s)[axis], family) for s, family, *_ in plan if _tells(s, family) and _is_along(s, axis)]
        if len(along) > 1:
            second = sorted(size for size, _ in along)[-2]
            for due in ("uneven", "rising"):
                assert 2 * max((size for size, family in along if family == due), default=0) > second, (axis, due)


@pytest.mark.parametrize("name", NAMES)
def test_of_every_size_a_smaller_case_follows_a_larger_one(name):
    op = op_named(name)
    pairs = list(larger_and_smaller(op))
    axes = {axis for shape in op.shapes() for axis in sizes_of(shape)}
    differing = [{a for a, n in sizes_of(one).items() if sizes_of(other)[a] != n} for one, other in pairs]
    assert all(len(axis) == 1 for axis in differing)
    # of what a kernel chooses, and of orders above two, none
    missed = axes - {axis for one in differing for axis in one}
    assert all(name == "steps" or (place or 0) > 1 for name, place in missed), missed
    for one, other in larger_and_smaller(op, max_size=64, powers_of_two=True):
        assert all(n & (n - 1) == 0 for shape in (one, other) for a in op.arguments(shape).values() for n in a[1:])
