"""The checker catches every seeded fault of the corpus, and leaves right kernels alone."""

from collections import Counter

import pytest

from monarch_theory.testing.judge import Verdict
from monarch_theory.testing.mutants import MUTANTS, RIGHT
from monarch_theory.testing.mutants.run import missing_library, run_clean, run_mutants
from monarch_theory.testing.ops import NAMES

LIBRARIES = sorted({m.library for m in MUTANTS})
CLEAN = sorted({k.library for k in RIGHT})


def skip_without(library):
    missing = missing_library(library)
    if missing:
        pytest.skip(f"needs {missing}")


def test_the_corpus_is_broad():
    assert len(MUTANTS) >= 40 and len({m.name for m in MUTANTS}) == len(MUTANTS)
    assert {m.op for m in MUTANTS} == set(NAMES)
    assert {m.dtype for m in MUTANTS} == {"float64", "float32", "bfloat16", "float16", "complex64", "complex128"}
    assert len(LIBRARIES) >= 4 and len({m.cause for m in MUTANTS}) >= 12
    assert sum(m.missed_by_fixed_rtol for m in MUTANTS) >= 10


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: m.name)
def test_every_mutant_is_a_kernel_that_compiles(mutant):
    compile(mutant.source, mutant.name, "exec")


@pytest.mark.long
@pytest.mark.parametrize("library", LIBRARIES)
def test_every_mutant_is_caught_for_the_right_reason(library):
    skip_without(library)
    found = run_mutants(tuple(m for m in MUTANTS if m.library == library))
    assert not [c.mutant.name for c in found if c.verdict is Verdict.RIGHT]
    assert not [(c.mutant.name, c.cause) for c in found if c.cause != c.mutant.cause]
    decided = [c for c in found if c.passes_fixed_rtol is not None]
    assert not [c.mutant.name for c in decided if c.passes_fixed_rtol != c.mutant.missed_by_fixed_rtol]


def test_right_kernels_in_half_precision_raise_no_alarm(torch_kernel_at_hand):
    few = [k for k in RIGHT if k.library == "torch_algorithms" and k.op in ("rms-norm", "gelu-gate-backward")]
    found = run_clean(tuple(few), runs=24)
    assert len(found) == 4 and not [(c.kernel.function, c.dtype, c.alarms) for c in found if c.alarms]


@pytest.mark.long
@pytest.mark.parametrize("library", CLEAN)
def test_right_kernels_raise_no_alarm(library):
    skip_without(library)
    # every new shape is compiled by JAX, interpreted by Triton, and started anew under a sanitizer, which is slow
    runs = 60 if library in ("jax", "triton", "triton_layers", "cuda") else 200
    found = run_clean(tuple(k for k in RIGHT if k.library == library), runs=runs)
    assert not [(c.kernel.function, c.dtype, c.alarms) for c in found if c.alarms]
    assert sum(c.runs for c in found) >= runs
    for clean in found:
        if clean.dtype == "bfloat16":
            # right to the last rounding, and yet outside the tolerance people assert
            assert clean.kernel.fails_fixed_rtol == (clean.passes_fixed_rtol is False)
    assert Counter(c.kernel.library for c in found).keys() == {library}
