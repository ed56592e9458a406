"""Plain mathematics of the statements becomes LaTeX: nothing of it is left as text, no word becomes mathematics."""

import re
from pathlib import Path

import pytest

pytest.importorskip("latex2mathml", reason="needs the documentation tools: pip install '.[docs]'")

from latex2mathml.converter import convert
from written_math import GREEK, LOWERED, RAISED, SYMBOLS, converted, inline

PROOFS = Path(__file__).parents[2] / "proofs"
STATEMENTS = sorted(PROOFS.glob("*/statement.md"))
EQUATION = re.compile(r"\$\$(.+?)\$\$|\$([^$]+)\$", flags=re.DOTALL)
LEFT = re.compile(f"[{''.join({*SYMBOLS, *GREEK, *RAISED, *LOWERED} - set('=/+…'))}_^]")


@pytest.mark.parametrize("statement", STATEMENTS, ids=[statement.parent.name for statement in STATEMENTS])
def test_all_mathematics_of_a_statement_is_set(statement):
    page = converted(statement.read_text(encoding="utf-8"))
    equations = [(display or inlined).strip() for display, inlined in EQUATION.findall(page)]
    assert equations
    for equation in equations:
        assert "\\" not in convert(equation), equation
        assert not re.search(r"[_^]\{[-+]?\}|[_^](?!\{)", re.sub(r"\\[A-Za-z]+", "x", equation)), equation
        words = re.sub(r"\\(?:text|operatorname|mathbb|begin|end)\{[^}]*\}|\\[A-Za-z]+", " ", equation)
        assert not re.search(r"[a-z]{4,}", words), equation
    _, _, below = page.partition("\n")  # the title is also a name in lists and stays as it is
    assert LEFT.findall(EQUATION.sub(" ", re.sub(r"`[^`]*`", " ", below))) == []


@pytest.mark.parametrize(
    ("plain", "wanted"),
    [
        ("a matrix A, and A of order 2", "a matrix $A$, and $A$ of order 2"),
        ("for j0 < b − 1 and (a, b)", r"for $j_{0} \lt b - 1$ and $(a, b)$"),
        ("M[i, j] = Σ_{l ≤ k} x_l² is left", r"$M[i, j] = \sum _{l \le k} x_{l}^{2}$ is left"),
        ("the N-th root, M1's basis, a A^T", "the $N$-th root, $M_{1}$'s basis, a $A^{T}$"),
        ("`code_x` and *Only if* n ≥ 2:", r"`code_x` and *Only if* $n \ge 2$:"),
        ("(a polynomial of degree 3)", "(a polynomial of degree 3)"),
        ("(1 + u)^m' X' and δ_p'", r"$(1 + u)^{m'} X'$ and $\delta _{p'}$"),
        ("u = 2^−p and 2^(k + 1)", r"$u = 2^{-p}$ and $2^{k + 1}$"),
        ("rank n − 1 span Z^{n+1}", "rank $n - 1$ span $Z^{n+1}$"),
        ("GL(N, F_2) and deg f_k ≤ √(p − 1)", r"$\operatorname{GL}(N, F_{2})$ and $\deg \, f_{k} \le \sqrt{p - 1}$"),
    ],
)
def test_words_stay_words(plain, wanted):
    assert re.sub(r" {2,}", " ", inline(plain)) == wanted
