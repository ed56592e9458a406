"""Equations are broken before relations, and nowhere inside a bracket; what is broken is whole together."""

import pytest

pytest.importorskip("sphinx", reason="needs the documentation tools: pip install '.[docs]'")
pytest.importorskip("latex2mathml", reason="needs the documentation tools: pip install '.[docs]'")

from mathml import broken, mathml, whole


@pytest.mark.parametrize(
    ("latex", "pieces"),
    [
        (r"y = M x", ["y ", "= M x"]),
        (r"= M x", ["= M x"]),
        (r"\sum_{j \le i} x_j \le [c = d] \ell", [r"\sum_{j \le i} x_j ", r"\le [c = d] \ell"]),
        (r"\left(a\right) + \lfloor x = y \rfloor", [r"\left(a\right) + \lfloor x = y \rfloor"]),
        (r"a \in \mathbb{Q} \lt b", ["a ", r"\in \mathbb{Q} ", r"\lt b"]),
        (r"f \text{ of the digits } a \dots", ["f ", r"\text{ of the digits }", r" a \dots"]),
        (r"f(x) \leqslant 1", [r"f(x) \leqslant 1"]),
    ],
)
def test_where_an_equation_is_broken(latex, pieces):
    assert list(broken(latex)) == pieces
    assert "".join(broken(latex)) == latex


def test_rows_stay_together_and_the_source_is_kept():
    assert whole(r"\begin{pmatrix}1&1\end{pmatrix}") and not whole("x = 1")
    made = mathml('a < "b"', "styled")
    assert 'displaystyle="true"' in made and 'alttext="a &lt; &quot;b&quot;"' in made and 'display="inline"' in made
