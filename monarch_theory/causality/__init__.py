"""Causality: the exact decision for Monarch operators, the conditions, the parameterisation, and any callable."""

from monarch_theory.causality.callables import Report, check_callable, check_model
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
from monarch_theory.causality.cuts import Found
from monarch_theory.causality.decide import Decision, Witness, decide
from monarch_theory.causality.files import check_file
from monarch_theory.causality.heatmap import HeatMap
from monarch_theory.causality.operator import MonarchOperator
from monarch_theory.causality.parameterise import CausalMonarch

__all__ = [
    "CausalMonarch",
    "Condition",
    "Decision",
    "DegreeProfile",
    "Failure",
    "Found",
    "HeatMap",
    "MonarchOperator",
    "Report",
    "Witness",
    "check_callable",
    "check_file",
    "check_model",
    "decide",
    "degree_caps",
    "degree_profile",
    "paper_condition",
    "product_order_condition",
    "sufficient_condition",
    "triangular_condition",
]
