"""Causality of Monarch operators, in exact arithmetic: the decision, the conditions, the parameterisation."""

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
from monarch_theory.causality.decision import Decision, Witness, decide
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
