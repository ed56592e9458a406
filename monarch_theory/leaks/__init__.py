"""Leaks: which inputs the outputs of any callable respond to, measured by perturbation."""

from monarch_theory.leaks.callables import Report, assert_causal, check_callable, check_model
from monarch_theory.leaks.cuts import Found
from monarch_theory.leaks.files import check_file
from monarch_theory.leaks.heatmap import HeatMap

__all__ = ["Found", "HeatMap", "Report", "assert_causal", "check_callable", "check_file", "check_model"]
