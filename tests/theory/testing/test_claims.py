"""Claims: each one that is printed is applied, holds for kernels that do what it says, and not for other ones."""

import numpy as np
import pytest
from daily import DEAR_OPS, but_long

from monarch_theory.formats import TF32, faithful, format_of
from monarch_theory.rounding import default_model, exactly, matmul, multiply, round_to, store, strassen_growth
from monarch_theory.testing.cases import make_case, selected_shapes
from monarch_theory.testing.check import check, claims_too_much
from monarch_theory.testing.coverage import Told
from monarch_theory.testing.judge import Verdict, reference
from monarch_theory.testing.ops import NAMES, op_named
from monarch_theory.testing.report import as_text

pytestmark = pytest.mark.usefixtures("kernel_at_hand")

CHANGES = {
    "accumulation": {"accumulation": "float16"},
    "intermediate": {"intermediate": "float16"},
    "stochastic": {"rounding": "stochastic"},
    "tf32": {"operands": "tf32"},
    "3xtf32": {"operands": "3xtf32"},
    "Strassen": {"algorithm": "normwise"},
    "packed": {"algorithm": "packed"},
    "unreduced": {"algorithm": "unreduced"},
}


SUMS_ALONE = {"gradient of bias": "layer-norm-backward", "gradient of skip": "bidirectional-convolution-backward"}
"""Outputs that are sums and no more, in an op of others that are products of steps."""


def depends(op, shape, position, claim):
    """Whether the bound of an output is to change with a claim that is printed for the op."""
    outputs = op.outputs(shape)
    return (
        claim in ("accumulation", "stochastic")
        or position >= len(outputs)
        or SUMS_ALONE.get(outputs[position].name) != op.name
    )


def bounds(op, case, model):
    norms = op.norm_bounds(case.values, case.shape, model)
    return [*op.bounds(case.values, case.shape, model), *(one.bound for one in norms if one is not None)]


@pytest.mark.parametrize("name", but_long(NAMES, DEAR_OPS))
def test_every_claim_that_is_printed_changes_the_bound_of_every_output(name):
    op = op_named(name)
    for dtype in {op.dtypes()[0], "bfloat16"} & set(op.dtypes()):
        # of a table, as many rows as tokens, so that some are read twice
        shapes = [s for s in selected_shapes(op, max_size=64) if s["batch"] == 2]
        shape = [s for s in shapes if s.get("vocabulary", 0) <= s.get("n", 0)][-1]
        case = make_case(op, dtype, shape, "normal", "contiguous", (3,))
        usual = op.usual_model(dtype)
        before, said = bounds(op, case, usual), usual.describe(op.claims)
        for claim, change in CHANGES.items():
            if "tf32" in claim and format_of(dtype).precision <= TF32.precision:
                continue
            model = op.usual_model(dtype, **change)
            printed = model.describe(op.claims) != said
            pairs = zip(before, bounds(op, case, model), strict=True)
            # what is copied has no bound to change
            changed = [
                bool((np.asarray(a) != np.asarray(b)).any())
                for position, (a, b) in enumerate(pairs)
                if np.asarray(a).any() and depends(op, shape, position, claim)
            ]
            # of an op with convolutions, some outputs are sums of products alone
            every = any if claim in ("packed", "unreduced") else all
            assert every(changed) if printed else not any(changed), (dtype, claim, changed)


def test_half_precision_convolutions_are_float32_inside_and_products_keep_their_format():
    convolution, product = op_named("long-convolution"), op_named("monarch-multiply")
    assert "float32 between stages" in convolution.usual_model("bfloat16").describe()
    assert "bfloat16 between stages" in product.usual_model("bfloat16").describe()
    assert "bfloat16 between stages" in convolution.usual_model("bfloat16", intermediate="bf16").describe()
    assert convolution.usual_model("float64").intermediate.name == "float64"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"operands": "fp8"}, "operands: expected one of exact, tf32, 3xtf32, got 'fp8'"),
        ({"rounding": "up"}, "rounding: expected one of nearest, stochastic, got 'up'"),
        ({"algorithm": "magic"}, "algorithm: expected one of conventional, packed, normwise, unreduced, got 'magic'"),
    ],
)
def test_claims_of_another_name_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        default_model("float32", **change)
    with pytest.raises(ValueError, match="operands: expected exact, as tf32 holds every bfloat16"):
        default_model("bf16", operands="tf32")


def single(a, b):
    return np.matmul(a.astype(np.float32), b.astype(np.float32))


def cut(a):
    """TF32 as tensor cores read it where nobody rounds first: the low 13 bits ignored."""
    bits = np.ascontiguousarray(a, np.float32).view(np.uint32) & np.uint32(0xFFFFE000)
    return bits.view(np.float32)


def rounded(a):
    return round_to(a, TF32).astype(np.float32)


def compensated(read):
    def product(a, b):
        high_a, high_b = read(a), read(b)
        low_a, low_b = read(a - high_a), read(b - high_b)
        return single(low_a, high_b) + single(high_a, low_b) + single(high_a, high_b)

    return product


def within(product, a, b, **claims):
    wide = np.clongdouble if a.dtype.kind == "c" else np.longdouble
    claimed = model(**claims)
    bound = store(matmul(a, exactly(b), claimed), claimed.storage).error
    return bool((np.abs(product(a, b) - a.astype(wide) @ b.astype(wide)) <= bound).all())


def model(**claims):
    return default_model("float32", **claims)


def operands(seed, n=48):
    rng = np.random.default_rng(seed)
    graded = rng.standard_normal((2, n, n)) * np.exp2(rng.uniform(-6, 6, (2, n, n)))
    return graded.astype(np.float32)


@pytest.mark.parametrize("read", [rounded, cut])
def test_tf32_products_are_within_their_claim_alone(read):
    a, b = operands(0)
    assert within(lambda a, b: single(read(a), read(b)), a, b, operands="tf32")
    assert not within(lambda a, b: single(read(a), read(b)), a, b, operands="3xtf32")
    assert not within(lambda a, b: single(read(a), read(b)), a, b)
    # fewer bits than that are not TF32
    coarse = lambda a: round_to(a, "bf16").astype(np.float32)  # noqa: E731
    assert not within(lambda a, b: single(coarse(a), coarse(b)), a, b, operands="tf32")


@pytest.mark.parametrize("read", [rounded, cut])
def test_compensated_tf32_products_are_within_their_claim_and_two_terms_of_three_are_not(read):
    for seed in range(3):
        a, b = operands(seed)
        assert within(compensated(read), a, b, operands="3xtf32")
        two = lambda a, b: single(read(a), read(b)) + single(read(a - read(a)), read(b))  # noqa: E731
        assert not within(two, a, b, operands="3xtf32")


def test_small_integers_are_exact_in_tf32_too():
    a = np.random.default_rng(0).integers(-3, 4, (8, 8)).astype(float)
    for claims in ({"operands": "tf32"}, {"operands": "3xtf32"}, {"algorithm": "normwise"}):
        assert not matmul(a, exactly(a), model(**claims)).error.any()
        assert not multiply(exactly(a), exactly(a), model(**claims)).error.any()


def strassen(a, b, multiply, wrong=False):
    h = len(a) // 2
    a11, a12, a21, a22 = a[:h, :h], a[:h, h:], a[h:, :h], a[h:, h:]
    b11, b12, b21, b22 = b[:h, :h], b[:h, h:], b[h:, :h], b[h:, h:]
    m1, m2, m3 = multiply(a11 + a22, b11 + b22), multiply(a21 + a22, b11), multiply(a11, b12 - b22)
    m4, m5 = multiply(a22, b21 - b11), multiply(a11 + a12, b22)
    m6, m7 = multiply(a21 - a11, b11 + b12), multiply(a12 - a22, b21 + b22)
    m7 = m7 * np.float32(1.001) if wrong else m7
    return np.block([[m1 + m4 - m5 + m7, m3 + m5], [m2 + m4, m1 - m2 + m3 + m6]])


def test_strassens_product_is_within_the_normwise_claim_alone():
    a, b = operands(0)
    assert within(lambda a, b: strassen(a, b, single), a, b, algorithm="normwise")
    assert not within(lambda a, b: strassen(a, b, single), a, b)
    assert not within(lambda a, b: strassen(a, b, single, wrong=True), a, b, algorithm="normwise")


ONE = np.float32(1)


def three_products(a, b, third=ONE):
    first, second = single(a.real, b.real), single(a.imag, b.imag)
    together = third * single(a.real + a.imag, b.real + b.imag)
    return (first - second) + 1j * (together - first - second)


def test_complex_products_of_three_real_ones_are_within_the_normwise_claim():
    rng = np.random.default_rng(0)
    a, b = (rng.standard_normal((2, 8, 8)) + 1j * rng.standard_normal((2, 8, 8))).astype(np.complex64)
    assert within(three_products, a, b, algorithm="normwise")
    assert not within(lambda a, b: three_products(a, b, np.float32(1.01)), a, b, algorithm="normwise")


def test_normwise_growth_covers_one_step_and_grows_with_the_steps():
    steps = [strassen_growth(n, model()) for n in (2, 64, 1024, 4096)]
    assert steps == sorted(steps) and strassen_growth(1, model()) == pytest.approx(2.0**-24)


def test_stochastic_rounding_is_within_its_claim_and_not_rounding_to_nearest_nor_beyond_a_neighbour():
    rng = np.random.default_rng(0)
    values = rng.standard_normal(2000)
    nearest = round_to(values, "bf16")
    spacing = format_of("bf16").ulp(values)
    other = np.where(nearest > values, nearest - spacing, nearest + spacing)
    either = np.where(rng.random(2000) < 0.5, nearest, other)
    bound = {
        r: store(exactly(values), default_model("bf16", rounding=r).storage).error for r in ("nearest", "stochastic")
    }
    assert (np.abs(either - values) <= bound["stochastic"]).all()
    assert (np.abs(either - values) > bound["nearest"]).any()
    assert (np.abs(either + 2 * spacing - values) > bound["stochastic"]).any()
    assert default_model("bf16", rounding="stochastic").storage == faithful(format_of("bf16"))


TENSOR_CORE = """
import numpy as np

def read(a):
    return (np.ascontiguousarray(a, np.float32).view(np.uint32) & np.uint32(0xFFFFE000)).view(np.float32)

def kernel(x, blocks):
    g, m, n = blocks.shape
    x = read(x).reshape(len(x), g, n)
    return np.einsum("bgn,gmn->bgm", x, read(blocks)).reshape(len(x), g * m)
"""


def test_tf32_is_named_as_the_cause_and_right_where_it_is_claimed(tmp_path):
    file = tmp_path / "tensor_core.py"
    file.write_text(TENSOR_CORE)
    op = "block-diagonal-multiply"
    report = check(file, "kernel", op, cases_wanted=30)
    assert report.failure is not None and report.failure.cause.name == "TF32 operands"
    claimed = check(file, "kernel", op, cases_wanted=30, operands="tf32")
    assert claimed.verdict is Verdict.RIGHT and "products of tf32 operands" in as_text(claimed)


LOST_WHEN_LONG = """
import numpy as np

def kernel(x, blocks):
    k, rows, columns = blocks.shape
    y = np.einsum("krc,bkc->bkr", blocks, x.reshape(len(x), k, columns)).reshape(len(x), k * rows)
    return y if columns < 2000 else 0 * y
"""


@pytest.mark.parametrize(
    ("columns", "told"), [(64, None), (4096, ("y at batch 3", 8192)), (12_288, ("y at batch 3", 24_576))]
)
def test_sums_of_which_a_claim_tells_nothing_are_known(columns, told):
    """Strassen's bound grows with the power log₂ 12 of the inner size: of 4096 terms anything is within it."""
    op, found = op_named("block-diagonal-multiply"), Told()
    shape = {"batch": 3, "blocks": 2, "rows": 3, "columns": columns}
    case = make_case(op, "float32", shape, "normal", "contiguous", (0, 0))
    found.add(case, reference(case, model(algorithm="normwise")))
    assert claims_too_much(found, model()) == told


@pytest.mark.long
def test_a_claim_that_tells_nothing_of_long_sums_leaves_them_undecided(tmp_path):
    path = tmp_path / "kernel.py"
    path.write_text(LOST_WHEN_LONG)
    verdicts = [
        check(path, "kernel", "block-diagonal-multiply", explained=False, **claims).verdict
        for claims in ({}, {"algorithm": "normwise"}, {"algorithm": "normwise", "max_size": 1500})
    ]
    # not right: whether it is wrong or undecided depends on the numbers that the long cases have
    assert verdicts[0] is Verdict.WRONG and verdicts[1] in (Verdict.WRONG, Verdict.UNDECIDED)
    assert verdicts[2] is Verdict.RIGHT
