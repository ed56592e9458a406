"""SymPy expressions as scalars."""

from __future__ import annotations

from typing import Any

import flint
import numpy as np
import sympy

from monarch_theory.domains.domain import Domain, elementwise
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
    return bool(sympy.cancel(sympy.expand_complex(expression)) == 0 if expression.has(sympy.I) else expression == 0)


SYMBOLIC = Symbolic()
