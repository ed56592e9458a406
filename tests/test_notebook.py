"""Every report shows itself in a notebook: its verdict, its evidence, and no markup of anybody else's."""

import numpy as np
import pytest

from monarch_theory.causality import MonarchOperator, decide
from monarch_theory.domains import Cyclotomic
from monarch_theory.expressivity.examination import examine_family, family_named
from monarch_theory.expressivity.matrices import read_matrix
from monarch_theory.fourier_matrix import fourier
from monarch_theory.leaks.callables import Report
from monarch_theory.testing.check import check

MARKUP = "<script>alert(1)</script>"
KERNEL = "import numpy as np\ndef wrong(x, B): raise RuntimeError('MARKUP')\n".replace("MARKUP", MARKUP)


def kernel_report(folder):
    (folder / "kernel.py").write_text(KERNEL)
    return check(folder / "kernel.py", "wrong", "block-diagonal-multiply", cases_wanted=2)


def examination():
    matrix = read_matrix(np.random.default_rng(0).standard_normal((4, 4)))
    return examine_family(matrix, family_named("low-rank", matrix.shape), 8)


REPORTS = {
    "an exact decision": (lambda _: decide(MonarchOperator(fourier((2, 2), Cyclotomic(4)), n=3)), "✗ not causal"),
    "a callable": (lambda _: Report("undecided", "none", MARKUP, "exception", n=4), "? undecided"),
    "a kernel": (kernel_report, "✗ exception"),
    "a matrix": (lambda _: examination(), "✗ not a member"),
}


@pytest.mark.parametrize("kind", REPORTS)
def test_a_report_shows_its_verdict_its_evidence_and_only_its_own_markup(kind, tmp_path):
    make, verdict = REPORTS[kind]
    shown = make(tmp_path)._repr_html_()
    assert f"<b>{verdict}</b>" in shown and "<th>evidence</th>" in shown and "<script" not in shown
