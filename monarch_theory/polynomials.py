"""Two polynomial views of a Monarch matrix (THEORY §3), for any order, mixed radix and domain.

Write the digits of the input j as (a_0, …, a_{p-1}) and those of the output i as (i_{p-1}, …, i_0), most significant
first. Factor k of the entry formula depends on the input digits a_k … a_{p-1} and on the output digits i_0 … i_k. So
for each (a_k, …, a_{p-1}) it holds the values of one polynomial f_k, and column j of M those of q_j = f_0 ⋯ f_{p-1}:

* **multivariate**: f_k is a polynomial in X_0 … X_k, X_l evaluated at ω_{m_l}^{i_l}, and products are taken modulo
  (X_0^{m_0} − 1, …, X_{p-1}^{m_{p-1}} − 1). For order 2, Y = X_0 and X = X_1; f_0 is r_j and f_1 is ℓ_{a_1}.
* **univariate**: with M_k = m_0 ⋯ m_k and N = M_{p-1}, f_k is a polynomial of degree below M_k in Y_k = Z^(N/M_k), Z
  evaluated at ω_N^i, and products are taken modulo Z^N − 1; Y_k at i is ω_{M_k}^(i mod M_k): i_0 … i_k alone.

M u evaluates u(X) = Σ_j u_j q_j(X); M⁻¹ interpolates in the basis q_j; M₀⁻¹(M₁k ⊙ M₂u) multiplies two polynomials.
The routes below go through coefficients and never through the factors' product, so agreement with `Monarch` is a check.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from monarch_theory.digits import balanced_radices, reversal
from monarch_theory.domains import Domain
from monarch_theory.fourier_matrix import fourier, vandermonde
from monarch_theory.monarch import Convention, Monarch

if TYPE_CHECKING:
    import sympy

__all__ = ["BasisPolynomials", "View", "basis_polynomials", "multiply_modulo"]


class View(Enum):
    """Which ring the columns of M are read in."""

    MULTIVARIATE = "multivariate"
    UNIVARIATE = "univariate"


@dataclass(frozen=True, eq=False)
class BasisPolynomials:
    """The polynomials f_k behind a Monarch matrix, by their coefficients.

    Theorem: `proofs/univariate_view`.

    Args:
        coefficients: p arrays. Multivariate: `coefficients[k]` has shape (n_k, …, n_{p-1}, m_0, …, m_k), the last k + 1
            axes exponents of X_0 … X_k. Univariate: shape (n_k, …, n_{p-1}, M_k), the last axis the exponent of Y_k.
        output_radices: (m_0, …, m_{p-1}).
        domain: scalars; it must have the roots of unity of the view.
        view: which ring.
        convention: how the digits of j and i are ordered, as for `Monarch`.
    """

    coefficients: tuple[np.ndarray, ...]
    output_radices: tuple[int, ...]
    domain: Domain
    view: View
    convention: Convention = Convention.M2

    def __post_init__(self) -> None:
        arrays = tuple(self.domain.array(c, name=f"coefficients[{k}]") for k, c in enumerate(self.coefficients))
        if len(arrays) != len(self.output_radices):
            raise ValueError(f"coefficients: expected {len(self.output_radices)} arrays, got {len(arrays)}")
        inputs = arrays[0].shape[: len(arrays)]
        for k, array in enumerate(arrays):
            expected = inputs[k:] + self._exponents(k)
            if array.shape != expected:
                raise ValueError(f"coefficients[{k}]: expected shape {expected}, got {array.shape}")
            array.setflags(write=False)
        object.__setattr__(self, "coefficients", arrays)

    @property
    def order(self) -> int:
        return len(self.coefficients)

    @property
    def input_radices(self) -> tuple[int, ...]:
        return self.coefficients[0].shape[: self.order]

    @property
    def moduli(self) -> tuple[int, ...]:
        """Exponents of the relations: (m_0, …, m_{p-1}) for X_l^{m_l} = 1, or (N,) for Z^N = 1."""
        return self.output_radices if self.view is View.MULTIVARIATE else (prod(self.output_radices),)

    def _exponents(self, k: int) -> tuple[int, ...]:
        known = self.output_radices[: k + 1]
        return known if self.view is View.MULTIVARIATE else (prod(known),)

    def to_monarch(self) -> Monarch:
        """The factors back: every f_k evaluated at its points."""
        factors = []
        for k, array in enumerate(self.coefficients):
            values = array
            for axis in range(self.order - k, array.ndim):
                values = _transform(values, axis, self.domain)
            factors.append(self._values_to_blocks(k, values))
        return Monarch(tuple(factors), self.domain, self.convention)

    def _values_to_blocks(self, k: int, values: np.ndarray) -> np.ndarray:
        inputs, known = self.input_radices[k:], self.output_radices[: k + 1]
        if self.view is View.UNIVARIATE:
            # i mod M_k has i_0 as its least significant digit
            values = values.reshape(inputs + known[::-1])
            order = [*range(len(inputs)), *range(values.ndim)[: len(inputs) - 1 : -1]]
            values = values.transpose(order)
        front = len(inputs)
        axes = [*range(front, front + k), *range(1, front), front + k, 0]
        return values.transpose(axes).reshape(-1, known[-1], inputs[0])

    def coefficient_matrix(self) -> np.ndarray:
        """Q, shape (∏ moduli, number of inputs): column j holds the coefficients of q_j, exponents in C order.

        Products are formed by `multiply_modulo`, digit by digit, never by evaluating.
        """
        total = self._embedded(self.order - 1)
        for k in range(self.order - 2, -1, -1):
            total = multiply_modulo(self._embedded(k), total[None], self.domain, len(self.moduli))
        columns = total.reshape(prod(self.input_radices), -1).T
        return columns[:, reversal(self.input_radices)] if self.convention is Convention.DAO else columns

    def _embedded(self, k: int) -> np.ndarray:
        """f_k as elements of the whole ring, shape (n_k, …, n_{p-1}, *moduli)."""
        array, inputs = self.coefficients[k], self.input_radices[k:]
        result = self.domain.zeros(inputs + self.moduli)
        if self.view is View.MULTIVARIATE:
            later = self.order - k - 1
            result[(...,) + (slice(None),) * (k + 1) + (0,) * later] = array
        else:
            result[..., :: prod(self.output_radices[k + 1 :])] = array
        return result

    def evaluate(self, u: Any) -> np.ndarray:
        """Values of Σ_j u_j q_j at all points, for u of shape (N,): M u, by coefficients and Vandermonde matrices.

        Theorem: `proofs/multivariate_evaluation`.
        """
        u = self.domain.array(u, name="u")
        if u.shape != (prod(self.input_radices),):
            raise ValueError(f"u: expected shape ({prod(self.input_radices)},), got {u.shape}")
        coefficients = self.domain.matmul(self.coefficient_matrix(), u[:, None])[:, 0]
        return self._values(coefficients)

    def _values(self, coefficients: np.ndarray) -> np.ndarray:
        values = coefficients.reshape(self.moduli)
        for axis, m in enumerate(self.moduli):
            moved = np.moveaxis(values, axis, 0).reshape(m, -1)
            image = self.domain.matmul(vandermonde(m, self.domain), moved)
            others = self.moduli[:axis] + self.moduli[axis + 1 :]
            values = np.moveaxis(image.reshape((m, *others)), 0, axis)
        # multivariate axes run i_0 first; univariate exponents already give i in natural order
        natural = values.T.reshape(-1)
        return natural[reversal(self.output_radices[::-1])] if self.convention is Convention.DAO_TRANSPOSED else natural

    def interpolate(self, values: Any) -> np.ndarray:
        """Coordinates u with Σ_j u_j q_j = `values` at the points: M⁻¹ values, by solving with Vandermonde and Q.

        Theorem: `proofs/interpolation`.

        Raises:
            ValueError: `values` has another shape than (N,), or the matrix is not square.
            SingularBlockError: the q_j do not span all functions on the points.
        """
        values = self.domain.array(values, name="values")
        size = prod(self.input_radices)
        if prod(self.moduli) != size:
            raise ValueError(f"values: expected as many points as inputs, got {prod(self.moduli)} and {size}")
        if values.shape != (size,):
            raise ValueError(f"values: expected shape ({size},), got {values.shape}")
        evaluation = np.stack([self._values(column) for column in self.domain.eye(size)], axis=1)
        matrix = self.domain.matmul(evaluation, self.coefficient_matrix())
        return self.domain.matmul(self.domain.inverse(matrix[None])[0], values[:, None])[:, 0]

    def product(self, k: Any, u: Any) -> np.ndarray:
        """Coefficients, shape `moduli`, of (Σ k_j q_j)·(Σ u_j q_j) in the ring: what M k ⊙ M u are the values of.

        Theorem: `proofs/product_modulo`.
        """
        matrix = self.coefficient_matrix()
        left, right = (
            self.domain.matmul(matrix, self.domain.array(v, name=name)[:, None]).reshape(self.moduli)
            for name, v in (("k", k), ("u", u))
        )
        return multiply_modulo(left, right, self.domain, len(self.moduli))

    @property
    def generators(self) -> tuple[sympy.Symbol, ...]:
        """Z for the univariate ring; Y, X for order 2 (Y = X_0 first); X0, X1, … otherwise."""
        import sympy

        if self.view is View.UNIVARIATE:
            return (sympy.Symbol("Z"),)
        names = {1: "X", 2: "Y X"}.get(self.order, " ".join(f"X{k}" for k in range(self.order)))
        return tuple(sympy.symbols(names, seq=True))

    def stage_polynomial(self, k: int, digits: Sequence[int]) -> sympy.Poly:
        """f_k for the input digits (a_k, …, a_{p-1}), as a SymPy `Poly`; univariate ones are in Y_k.

        >>> from monarch_theory.domains import Cyclotomic
        >>> view = basis_polynomials(fourier((2, 2), Cyclotomic(4)), View.UNIVARIATE)
        >>> view.stage_polynomial(0, (1, 0)), view.stage_polynomial(1, (1,)), view.basis_polynomial(3)
        (Poly(Y, Y, domain='QQ[ζ4]'), Poly(Z, Z, domain='QQ[ζ4]'), Poly(Z**3, Z, domain='QQ[ζ4]'))
        """
        return _poly(self.coefficients[k][tuple(digits)], self._stage_generators(k), self.domain)

    def _stage_generators(self, k: int) -> tuple[sympy.Symbol, ...]:
        import sympy

        if self.view is View.MULTIVARIATE:
            return self.generators[: k + 1]
        if k == self.order - 1:
            return self.generators
        return (sympy.Symbol("Y" if self.order == 2 else f"Y{k}"),)

    def stage_polynomials(self, k: int) -> np.ndarray:
        """All f_k, an object array of `Poly` with shape (n_k, …, n_{p-1})."""
        result = np.empty(self.input_radices[k:], dtype=object)
        for digits in np.ndindex(result.shape):
            result[digits] = self.stage_polynomial(k, digits)
        return result

    def basis_polynomial(self, j: int) -> sympy.Poly:
        """q_j in the whole ring, as a SymPy `Poly`."""
        return _poly(self.coefficient_matrix()[:, j].reshape(self.moduli), self.generators, self.domain)

    @staticmethod
    def from_sympy(
        stages: Sequence[np.ndarray],
        output_radices: Sequence[int],
        domain: Domain,
        view: View,
        convention: Convention = Convention.M2,
    ) -> BasisPolynomials:
        """The polynomials back from SymPy: `stages[k]` is an object array of `Poly`, shape (n_k, …, n_{p-1}).

        Raises:
            ValueError: a polynomial has an exponent at or above its modulus.
        """
        arrays = []
        for k, stage in enumerate(stages):
            known = tuple(output_radices[: k + 1])
            exponents = known if view is View.MULTIVARIATE else (prod(known),)
            array = domain.zeros(stage.shape + exponents)
            for digits in np.ndindex(stage.shape):
                polynomial: Any = stage[digits]
                for monomial, coefficient in polynomial.terms():
                    if any(e >= bound for e, bound in zip(monomial, exponents, strict=True)):
                        raise ValueError(f"stages[{k}]: expected exponents below {exponents}, got {monomial}")
                    array[digits + monomial] = domain.from_sympy(coefficient)
            arrays.append(array)
        return BasisPolynomials(tuple(arrays), tuple(output_radices), domain, view, convention)


def basis_polynomials(matrix: Monarch, view: View) -> BasisPolynomials:
    """Interpolate the factors of `matrix`: its polynomials f_k in the given view.

    Theorems: `proofs/multivariate_evaluation`, `proofs/univariate_view`.

    Raises:
        NoRootOfUnityError: the domain lacks a root of unity of the view (m_k-th ones, or an N-th one).
    """
    rows, columns, domain = matrix.output_radices, matrix.input_radices, matrix.domain
    arrays = []
    for k, factor in enumerate(matrix.factors):
        known, inputs = rows[: k + 1], columns[k:]
        blocks = factor.reshape(known[:-1] + inputs[1:] + (known[-1], inputs[0]))
        axes = [blocks.ndim - 1, *range(k, blocks.ndim - 2), *range(k), blocks.ndim - 2]
        values = blocks.transpose(axes)  # (a_k, …, a_{p-1}, i_0, …, i_k)
        if view is View.UNIVARIATE:
            front = len(inputs)
            values = values.transpose([*range(front), *range(values.ndim)[: front - 1 : -1]])
            values = values.reshape((*inputs, prod(known)))
        for axis in range(len(inputs), values.ndim):
            values = _transform(values, axis, domain, inverse=True)
        arrays.append(values)
    return BasisPolynomials(tuple(arrays), rows, domain, view, matrix.convention)


def multiply_modulo(a: np.ndarray, b: np.ndarray, domain: Domain, variables: int = 1) -> np.ndarray:
    """Product of polynomials modulo X_l^{m_l} − 1: the last `variables` axes are exponents, the others broadcast.

    Theorem: `proofs/product_modulo`.

    >>> from monarch_theory.domains import INTEGERS
    >>> multiply_modulo(INTEGERS.array([1, 2, 0]), INTEGERS.array([0, 0, 1]), INTEGERS)
    array([2, 0, 1], dtype=object)
    """
    moduli = a.shape[a.ndim - variables :]
    total = domain.zeros((*np.broadcast_shapes(a.shape[: a.ndim - variables], b.shape[: b.ndim - variables]), *moduli))
    axes = tuple(range(-variables, 0))
    for exponent in np.ndindex(moduli):
        scalar = a[(..., *exponent)]
        if domain.is_zero(scalar).all():
            continue
        shifted = np.roll(b, exponent, axis=axes)
        total = domain.normal(total + domain.normal(scalar.reshape(scalar.shape + (1,) * variables) * shifted))
    return total


def _transform(a: np.ndarray, axis: int, domain: Domain, *, inverse: bool = False) -> np.ndarray:
    """DFT along one axis, by the Monarch DFT of balanced radices."""
    n = a.shape[axis]
    image = fourier(balanced_radices(n), domain).multiply(a, axis=axis)
    if not inverse:
        return image
    scaled = domain.normal(image * domain.array([domain.reciprocal(domain.scalar(n))])[0])
    return np.take(scaled, -np.arange(n) % n, axis=axis)


def _poly(coefficients: np.ndarray, generators: tuple[sympy.Symbol, ...], domain: Domain) -> sympy.Poly:
    import sympy

    terms = {
        exponent: domain.to_sympy(coefficients[exponent])
        for exponent in np.ndindex(coefficients.shape)
        if not domain.is_zero(coefficients[exponent])
    }
    return sympy.Poly.from_dict(terms, *generators, **domain.sympy_options)
