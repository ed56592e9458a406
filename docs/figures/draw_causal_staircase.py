"""
The degree staircase
====================

A causal Monarch matrix has basis polynomials whose least exponents climb one step per column, and whose degrees, for
the columns that carry signal, stay below half of N. Then no product wraps around.
"""

import numpy as np

from monarch_theory import pictures
from monarch_theory.causality import CausalMonarch
from monarch_theory.domains import PrimeField

causal = CausalMonarch((4, 4)).random(PrimeField(97), np.random.default_rng(0))
pictures.staircase(causal)
