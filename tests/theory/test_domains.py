"""Every domain is a commutative ring with the roots of unity it promises, and refuses what it does not hold."""

from fractions import Fraction

import numpy as np
import pytest
import sympy
from hypothesis import given
from hypothesis import strategies as st

from monarch_theory.domains import (
    COMPLEX128,
    FLOAT32,
    FLOAT64,
    INTEGERS,
    RATIONALS,
    SYMBOLIC,
    Cyclotomic,
    NoRootOfUnityError,
    PrimeField,
    SingularBlockError,
    prime_with_root,
)
from monarch_theory.domains.cyclotomic import CyclotomicNumber

EXACT = [INTEGERS, RATIONALS, SYMBOLIC, Cyclotomic(5), Cyclotomic(12), PrimeField(2), PrimeField(97)]
FIELDS = [d for d in EXACT if d.is_field]


@pytest.mark.parametrize("domain", EXACT, ids=str)
@given(seed=st.integers(0, 1000))
def test_ring_axioms(domain, seed):
    rng = np.random.default_rng(seed)
    a, b, c = domain.random(rng, (3, 4))
    assert domain.equal(domain.normal(a * (b + c)), domain.normal(a * b + a * c))
    assert domain.equal(domain.normal(a * b), domain.normal(b * a))
    assert domain.equal(domain.normal(a * domain.ones(4)), a)
    assert domain.is_zero(domain.normal(a - a)).all()


@pytest.mark.parametrize("domain", EXACT, ids=str)
def test_matmul_agrees_with_sums(domain):
    rng = np.random.default_rng(0)
    a, b = domain.random(rng, (2, 3, 4)), domain.random(rng, (2, 4, 5))
    plain = domain.normal(sum((a[:, :, k, None] * b[:, None, k, :] for k in range(4)), domain.zeros((2, 3, 5))))
    assert domain.equal(domain.matmul(a, b), plain)


@pytest.mark.parametrize("q", [2, 3, 65537, 2147483647])
def test_prime_field_matmul_is_exact_at_its_largest_entries(q):
    field = PrimeField(q)
    a = np.full((3, 300), q - 1)
    assert field.matmul(a, a.T).tolist() == [[300 * (q - 1) ** 2 % q] * 3] * 3


@pytest.mark.parametrize("domain", FIELDS, ids=str)
def test_inverse(domain):
    blocks = domain.array([[[0, 1, 0], [1, 1, 0], [1, 0, 1]], [[1, 0, 1], [0, 1, 0], [0, 0, 1]]])
    eye = domain.array(np.broadcast_to(np.eye(3, dtype=int), (2, 3, 3)))
    assert domain.equal(domain.matmul(blocks, domain.inverse(blocks)), eye)


@pytest.mark.parametrize("domain", [*FIELDS, FLOAT64, COMPLEX128], ids=str)
def test_a_singular_block_is_named(domain):
    blocks = domain.array([[[1, 0], [0, 1]], [[1, 1], [1, 1]]])
    with pytest.raises(SingularBlockError, match=r"factors: expected invertible blocks, got a .*singular block 1"):
        domain.inverse(blocks)


def test_integers_do_not_divide():
    with pytest.raises(ValueError, match="domain: expected a field to invert in, got integers"):
        INTEGERS.inverse(INTEGERS.eye(2))


@pytest.mark.parametrize(
    ("domain", "orders"),
    [
        (Cyclotomic(12), [1, 2, 3, 4, 6, 12]),
        (Cyclotomic(9), [1, 2, 3, 6, 9, 18]),
        (PrimeField(97), [1, 2, 3, 4, 6, 8, 32, 96]),
        (PrimeField(2), [1]),
        (RATIONALS, [1, 2]),
        (SYMBOLIC, [1, 2, 3, 4, 8]),
    ],
    ids=str,
)
def test_roots_of_unity_are_primitive_and_compatible(domain, orders):
    for n in orders:
        powers = domain.roots_of_unity(n)
        ones = [k for k in range(n) if domain.is_zero(domain.normal(powers[k : k + 1] - domain.ones(1))).all()]
        assert ones == [0]
        assert domain.equal(domain.normal(powers[-1:] * powers[1 % n]), domain.ones(1))
        for d in (d for d in orders if n % d == 0):
            root = np.array([domain.root_of_unity(d)], dtype=domain.dtype)
            assert domain.equal(powers[n // d % n : n // d % n + 1], domain.normal(root))


@pytest.mark.parametrize(
    ("domain", "n"), [(RATIONALS, 3), (Cyclotomic(8), 16), (PrimeField(7), 4), (FLOAT64, 4), (INTEGERS, 5)], ids=str
)
def test_a_missing_root_of_unity_is_named(domain, n):
    with pytest.raises(NoRootOfUnityError, match=f"domain: expected .*{n}"):
        domain.root_of_unity(n)


@pytest.mark.parametrize(
    ("domain", "value"),
    [
        (INTEGERS, 0.5),
        (INTEGERS, True),
        (INTEGERS, Fraction(1, 2)),
        (RATIONALS, 1j),
        (RATIONALS, float("nan")),
        (RATIONALS, "1/2"),
        (Cyclotomic(4), CyclotomicNumber.power_of_zeta(8, 1)),
        (PrimeField(7), 0.5),
        (SYMBOLIC, object()),
        (FLOAT32, np.float64(0.1)),
        (FLOAT64, 1j),
        (FLOAT64, "x"),
        (FLOAT64, None),
    ],
    ids=lambda v: str(v)[:20],
)
def test_a_foreign_scalar_is_refused_by_name(domain, value):
    with pytest.raises(TypeError, match="x: expected"):
        domain.array(np.array([value]), name="x")


def test_exact_scalars_enter():
    assert RATIONALS.array([0.1])[0] == RATIONALS.scalar(Fraction(0.1))
    assert PrimeField(7).array(np.array([Fraction(1, 2)], dtype=object)).tolist() == [4]
    assert SYMBOLIC.array([sympy.Symbol("x")])[0] == sympy.Symbol("x")
    assert PrimeField(7).array([-1, 7, 8]).tolist() == [6, 0, 1]


@pytest.mark.parametrize("q", [1, 4, 2**31 + 11, 0, -3, 2.0])
def test_prime_field_wants_a_prime(q):
    with pytest.raises(ValueError, match="q: expected a prime below"):
        PrimeField(q)


def test_prime_with_root():
    q = prime_with_root(4096)
    assert (q - 1) % 4096 == 0 and sympy.isprime(q)
    assert pow(PrimeField(q).root_of_unity(4096), 2048, q) == q - 1


@given(
    a=st.lists(st.fractions(-9, 9, max_denominator=9), min_size=4, max_size=4),
    b=st.lists(st.fractions(-9, 9, max_denominator=9), min_size=4, max_size=4),
)
def test_cyclotomic_numbers_embed_in_the_complex_numbers(a, b):
    x, y = (CyclotomicNumber.of(5, [RATIONALS.scalar(c) for c in v]) for v in (a, b))
    assert abs(complex(x * y) - complex(x) * complex(y)) <= 1e-12 * (1 + abs(complex(x)) * abs(complex(y)) * 100)
    assert abs(complex(x.conjugate()) - complex(x).conjugate()) <= 1e-12 * 100
    if x:
        assert x * (1 / x) == 1


def test_sympy_round_trip():
    for domain in [*EXACT, FLOAT64, COMPLEX128]:
        value = domain.random(np.random.default_rng(1), (1,))[0]
        assert domain.from_sympy(domain.to_sympy(value)) == value
