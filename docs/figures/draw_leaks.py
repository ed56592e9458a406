"""
Causal, leaking, and causal by accident
=======================================

Who sees whom in three operators with N = 4: one within its degrees, one a single degree too high, and one whose
wrap-around cancels.
"""

from monarch_theory import pictures
from monarch_theory.causality import CausalMonarch, MonarchOperator
from monarch_theory.causality.counterexamples import degree_too_high, tuned_wrap_around
from monarch_theory.domains import Cyclotomic

pictures.causality(
    {
        "within its degrees": MonarchOperator(CausalMonarch((2, 2)).monomial(Cyclotomic(4))),
        "one degree too high": degree_too_high(),
        "cancels by accident": tuned_wrap_around(),
    },
    height=3,
)
