"""The mutants are faults in what is decided, one each, and not in what is only said."""

import ast
from pathlib import Path

from mutate import SURVIVORS, TARGETS, known, mutants, place

SOURCE = '''
"""Not 1."""
@decorated(True)
def decide(x: Literal[3]) -> Literal[4]:
    """Nor 2."""
    if x < 5 and not x == 6:
        raise ValueError(7 + 8)
    return -x
'''


def test_every_mutant_is_one_change_of_what_is_decided():
    found = [(shown, ast.unparse(tree())) for _, shown, tree in mutants(SOURCE)]
    original = ast.unparse(ast.parse(SOURCE))
    assert len({text for _, text in found}) == len(found) >= 9 and original not in {text for _, text in found}
    for spared in ("Not 1", "Nor 2", "@decorated(True)", "Literal[3]", "Literal[4]", "ValueError(7 + 8)"):
        assert all(spared in text for _, text in found), spared
    for fault in (
        "x <= 5",
        "x > 5",
        "x < 5 or",
        "and x == 6",
        "x < 6",
        "x == 7",
        "x != 6",
        "return x",
        "if False:",
        "if True:",
    ):
        assert any(fault in text for _, text in found), fault


def test_places_are_told_apart():
    places = [place(node) for node in ast.walk(ast.parse(SOURCE)) if hasattr(node, "lineno")]
    assert len(places) == len(set(places))


def test_what_survives_is_a_fault_that_may_be_put_in_and_has_a_reason():
    listed = known(SURVIVORS.read_text())
    root = Path(__file__).parents[1]
    for module in {module for module, _ in listed}:
        faults = {shown for _, shown, _ in mutants((root / module).read_text())}
        assert {fault for where, fault in listed if where == module} <= faults
    assert all(reason.endswith(".") for reason in listed.values())


def test_what_is_mutated_is_there():
    root = Path(__file__).parents[1]
    for module, tests in TARGETS.items():
        assert (root / module).is_file() and all((root / test.split("::")[0]).exists() for test in tests)
