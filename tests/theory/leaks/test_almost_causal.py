"""A convolution without padding that leaks ε^N (`proofs/border_rank`): found down to its noise, never believed."""

import numpy as np
import pytest

from monarch_theory.causality import decide
from monarch_theory.causality.counterexamples import almost_causal
from monarch_theory.domains import PrimeField, prime_with_root
from monarch_theory.leaks.callables import check_callable


def scaled(n, ratio):
    """M⁻¹(M k ⊙ M x) for M = DFT·diag(ε^j), by FFT."""
    powers, k = ratio ** np.arange(n), np.exp(-np.arange(n) / 5)
    return lambda x: (np.fft.ifft(np.fft.fft(k * powers) * np.fft.fft(x * powers)) / powers).real


@pytest.mark.parametrize(("n", "ratio"), [(16, 0.5), (16, 0.7), (32, 0.5), (64, 0.8)])
def test_the_leak_is_found_where_it_exceeds_the_noise(n, ratio):
    assert check_callable(scaled(n, ratio), n).verdict == "not causal"


@pytest.mark.parametrize("n", [64, pytest.param(96, marks=pytest.mark.long)])
def test_a_leak_at_the_edge_of_the_noise_is_not_called_causal(n):
    """ε^N = 5e-20 at condition number 9e18: large futures may show it. At n = 96 nothing can."""
    assert check_callable(scaled(n, 0.5), n).verdict in ("not causal", "undecided")


@pytest.mark.parametrize("size", [2, 3, 64, 128])
def test_exact_arithmetic_is_never_deceived(size):
    operator = almost_causal(size, 2, PrimeField(prime_with_root(size)))
    for route in ("every filter", "random filters"):
        decision = decide(operator, route=route)
        assert not decision.causal and decision.witness.output < decision.witness.input


@pytest.mark.parametrize(("arguments", "complaint"), [((1,), "size: expected"), ((4, 0), "ratio: expected")])
def test_what_has_no_leak_is_refused(arguments, complaint):
    with pytest.raises(ValueError, match=complaint):
        almost_causal(*arguments)
