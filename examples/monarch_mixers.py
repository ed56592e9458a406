"""A sequence mixer M⁻¹(M[k; 0] ⊙ M[u; 0]) with a Monarch matrix M, causal and naïve.

monarch causal examples/monarch_mixers.py:causal --n 32
monarch causal examples/monarch_mixers.py:naive --n 32
"""

import numpy as np

from monarch_theory.causality import CausalMonarch, MonarchOperator
from monarch_theory.domains import COMPLEX128
from monarch_theory.monarch import Monarch

RADICES = (8, 8)
LENGTH = 32


def mixer(M):
    operator = MonarchOperator(M, n=LENGTH)
    k = np.random.default_rng(1).standard_normal(LENGTH)
    return lambda u: operator.apply(k, u)


def causal():
    """M from the causal parameterisation: basis polynomials with bounded degrees."""
    family = CausalMonarch(RADICES, LENGTH)
    parameters = np.random.default_rng(0).standard_normal(family.coefficient_count)
    return mixer(family.well_conditioned(parameters))


def naive():
    """M with free blocks near those of the DFT: nothing keeps products from wrapping around."""
    rng = np.random.default_rng(0)
    dft = CausalMonarch(RADICES, LENGTH).monomial()
    blocks = tuple(f + 0.1 * rng.standard_normal(f.shape) for f in dft.factors)
    return mixer(Monarch(blocks, COMPLEX128, dft.convention))
