"""The reference: Monarch matrices as polynomial evaluation and interpolation, causality, expressivity.

    import monarch_theory as mt

| name | question |
| --- | --- |
| `mt.Monarch`, `mt.fourier` | a Monarch matrix; the DFT as one |
| `mt.CausalMonarch`, `mt.MonarchOperator`, `mt.decide_causality` | a causal one; its operator; is it causal? |
| `mt.check_callable`, `mt.assert_causal` | is any function causal? a report, or an error where it is not |
| `mt.is_member`, `mt.project` | is a matrix Monarch, and the nearest one that is |
| `mt.check_kernel` | is a kernel right, to the bound its arithmetic allows? |

Each is loaded when it is first used, so that the import costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from monarch_theory.causality.decision import decide as decide_causality
    from monarch_theory.causality.operator import MonarchOperator
    from monarch_theory.causality.parameterise import CausalMonarch
    from monarch_theory.expressivity.membership import membership_of as is_member
    from monarch_theory.expressivity.projection import project
    from monarch_theory.fourier_matrix import fourier
    from monarch_theory.leaks.callables import assert_causal, check_callable
    from monarch_theory.monarch import Monarch
    from monarch_theory.testing.check import check as check_kernel

HOMES = {
    "CausalMonarch": "causality.parameterise:CausalMonarch",
    "Monarch": "monarch:Monarch",
    "MonarchOperator": "causality.operator:MonarchOperator",
    "assert_causal": "leaks.callables:assert_causal",
    "check_callable": "leaks.callables:check_callable",
    "check_kernel": "testing.check:check",
    "decide_causality": "causality.decision:decide",
    "fourier": "fourier_matrix:fourier",
    "is_member": "expressivity.membership:membership_of",
    "project": "expressivity.projection:project",
}
"""Where each name of the front door lives: module and attribute."""

__all__ = [
    "CausalMonarch",
    "Monarch",
    "MonarchOperator",
    "__version__",
    "assert_causal",
    "check_callable",
    "check_kernel",
    "decide_causality",
    "fourier",
    "is_member",
    "project",
]


def __getattr__(name: str) -> Any:
    """A name of the front door, loaded now and kept."""
    if name == "__version__":
        from importlib.metadata import version

        value: Any = version("monarch-mixer-toolkit")
    elif name in HOMES:
        module, _, attribute = HOMES[name].partition(":")
        value = getattr(import_module(f"{__name__}.{module}"), attribute)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
