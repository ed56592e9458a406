"""Causality: the exact decision for Monarch operators, the conditions, the parameterisation, and any callable."""

from monarch_theory.causality.conditions import (
    Condition,
    DegreeProfile,
    Failure,
    degree_caps,
    degree_profile,
    paper_condition,
    product_order_condition,
    sufficient_condition,
    triangular_condition,
)
from monarch_theory.causality.decide import Decision, Witness, decide
from monarch_theory.causality.operator import MonarchOperator
from monarch_theory.causality.parameterise import CausalMonarch

__all__ = [
    "CausalMonarch",
    "Condition",
    "Decision",
    "DegreeProfile",
    "Failure",
    "MonarchOperator",
    "Witness",
    "decide",
    "degree_caps",
    "degree_profile",
    "paper_condition",
    "product_order_condition",
    "sufficient_condition",
    "triangular_condition",
]
