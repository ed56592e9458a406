"""Who goes round says so, after every turn, and only while somebody looks on."""

import numpy as np
import pytest

from monarch_theory.expressivity.convergence import courses, draw_courses, residuals, watch
from monarch_theory.expressivity.families import families_for

RNG = np.random.default_rng(0)
ITERATIVE = {
    "monarch-3", "butterfly", "diagonal-plus-low-rank", "displacement", "monarch-plus-low-rank", "monarch-attention",
    "monarch-product", "strassen-tile", "block-tensor-train", "kronecker-sparse-chain",
}  # fmt: skip


@pytest.mark.parametrize("family", families_for((16, 16)), ids=lambda family: family.name)
def test_every_iterative_fit_is_watched_and_its_best_residual_is_the_distance(family):
    matrix = np.exp(RNG.standard_normal((16, 16)))
    seen = False
    for setting in [s for s, _ in zip(family.settings(matrix.shape), range(150), strict=False)][::10]:
        with residuals() as runs:
            near = family.fit(matrix, setting)
        residual = np.linalg.norm(matrix - near) / np.linalg.norm(matrix)
        said = [value for run in runs for value in run]
        assert not said or min(said) == pytest.approx(residual, abs=1e-6) or residual < 1e-6
        seen = seen or any(len(run) > 1 for run in runs)
    assert not seen or family.name in ITERATIVE
    assert seen or family.name not in ITERATIVE - {"monarch-plus-low-rank", "monarch-product"}


def test_nobody_looks_on():
    watch()(0.5)
    with residuals() as runs:
        pass
    watch()(0.25)
    assert runs == []


def test_courses_are_drawn():
    found = courses(RNG.standard_normal((16, 16)), families_for((16, 16)), 160)
    assert {"Monarch, order 3", "diagonal + low rank", "Strassen tiles"} <= {course.title for course in found}
    assert all(min(course.residuals) < course.residuals[0] for course in found)
    assert len(draw_courses(found, "noise").axes) == 2
