"""SymPy expressions as scalars.

Whether an expression is zero, SymPy's `equals` does not settle: it takes (cos π/7 − cos 2π/7 + cos 3π/7 − ½)², which is
zero, for another number. Here an expression is not zero where it is a polynomial or quotient with rational coefficients
in normal form, or where its value at some point is known to a few digits at least, which takes an accuracy that
evaluating zero never has. It is zero where it simplifies to that. Of others nothing is said.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import flint
import numpy as np
import sympy
from sympy.core.evalf import PrecisionExhausted

from monarch_theory.domains.domain import CannotTellError, Domain, elementwise
from monarch_theory.domains.rational import RATIONALS

__all__ = ["SYMBOLIC", "Symbolic"]


class Symbolic(Domain):
    """SymPy expressions, kept expanded; division leaves quotients that `sympy.cancel` brings to normal form."""

    name = "symbolic"
    dtype = np.dtype(object)
    of_expressions = True

    def scalar(self, value: Any) -> sympy.Expr:
        if isinstance(value, flint.fmpq):
            return RATIONALS.to_sympy(value)
        if isinstance(value, np.generic):
            value = value.item()
        expression = sympy.sympify(value, strict=True)
        if not isinstance(expression, sympy.Expr):
            raise TypeError(f"not an expression: {value!r}")
        return sympy.expand(expression)

    def normal(self, a: np.ndarray) -> np.ndarray:
        return elementwise(_canonical, a)

    def is_zero(self, a: np.ndarray) -> np.ndarray:
        return elementwise(_vanishes, a).astype(bool)

    def reciprocal(self, value: Any) -> Any:
        return sympy.cancel(1 / value)

    def conjugate(self, a: np.ndarray) -> np.ndarray:
        return elementwise(lambda e: sympy.expand(sympy.conjugate(e)), a)

    def root_of_unity(self, n: int) -> sympy.Expr:
        return sympy.expand_complex(sympy.exp(2 * sympy.pi * sympy.I / n))


def _canonical(expression: sympy.Expr) -> sympy.Expr:
    expression = sympy.expand(expression)
    return expression if expression.is_polynomial() or not expression.free_symbols else sympy.cancel(expression)


def _vanishes(expression: sympy.Expr) -> bool:
    if expression.is_Rational:
        return bool(expression == 0)
    normal = sympy.cancel(sympy.expand_complex(expression)) if expression.has(sympy.I) else expression
    if normal == 0:
        return True
    if _has_normal_form(normal):
        return bool(_canonical(normal) == 0)
    if _is_nonzero_somewhere(normal):
        return False
    if sympy.simplify(normal) == 0 or normal.is_zero:
        return True
    raise CannotTellError(f"expression: expected one that is known to be zero or not, got {normal}")


def _has_normal_form(expression: sympy.Expr) -> bool:
    """Whether it is a quotient of polynomials with coefficients in Q or Q(i), which expanding and cancelling settle."""
    numbers = expression.atoms(sympy.Number, sympy.NumberSymbol)
    return (
        not expression.atoms(sympy.Function)
        and all(number.is_Rational for number in numbers)
        and all(power.exp.is_Integer for power in expression.atoms(sympy.Pow))
        and bool(expression.is_rational_function(*expression.free_symbols))
    )


POINTS = tuple(
    sympy.sympify(value)
    for value in ("7/5", "-11/3", "5/2 + 7*I/3", "3", "-4", "13/7", "2", "-5", "I*9/4", "8", "0", "1/3", "-1/9")
)
"""Values that are tried for a symbol, where what is assumed of it allows them."""


def _is_nonzero_somewhere(expression: sympy.Expr) -> bool:
    symbols = sorted(expression.free_symbols, key=str)
    allowed = [[value for value in POINTS if _meets(value, symbol.assumptions0)] for symbol in symbols]
    if not all(allowed):
        return False
    for trial in range(len(POINTS) if symbols else 1):
        chosen = [values[(trial + k) % len(values)] for k, values in enumerate(allowed)]
        try:
            value = expression.subs(dict(zip(symbols, chosen, strict=True))).evalf(15, strict=True, maxn=400)
        except PrecisionExhausted:
            continue
        if value.is_number and value.is_finite and value.is_zero is False:
            return True
    return False


def _meets(value: sympy.Expr, assumptions: Mapping[str, bool]) -> bool:
    return all(getattr(value, f"is_{name}") == wanted for name, wanted in assumptions.items())


SYMBOLIC = Symbolic()
