"""Certificates that somebody has tampered with: none is accepted, and each has one line of answer and its exit code."""

import json
import sys
from itertools import cycle

import pytest
from command_line import asked
from forged import changed, right_certificates

RIGHT = right_certificates()

OPERATOR, MATRIX = ("causal", "not causal"), ("Monarch", "not Monarch", "wrong")
NUMBERS = {"inverse": OPERATOR, "M0": OPERATOR, "matrix": MATRIX, "factors": ("Monarch", "wrong")}
"""The tables of numbers, and of which claims."""

HUGE = 10**5000 + 1
"""More digits than Python reads."""

NOT_A_NUMBER = {
    "a float": 1.0, "minus zero": -0.0, "an infinity": float("inf"), "NaN": float("nan"), "a fraction": "1/2",
    "digits": "1", "a pair": [[1, 2]], "true": True, "nothing": None, "an object": {"p": 1, "q": 2},
    "escapes": "\x1b[2J\x1b]0;right\x07", "half a character": "\udc80\ud800", "escapes in a list": ["\x1b[2J"],
    "a list without an end": [0] * 5000 + [1],
}  # fmt: skip
"""In place of an entry."""

WRONG_TABLE = {
    "no row": lambda rows: [], "a row less": lambda rows: rows[:-1], "a row more": lambda rows: [*rows, rows[0]],
    "ragged": lambda rows: [rows[0][:-1], *rows[1:]], "an object of rows": lambda rows: dict(enumerate(rows)),
    "one row": lambda rows: rows[0], "nested once more": lambda rows: [rows],
}  # fmt: skip
"""In place of a table."""

WRONG_VALUE = {
    "claim": ["", "CAUSAL", "causal\n", "\x1b[2Jcausal", "\ud800", ["causal"], None, "proved", 1],
    "format": ["monarch exact certificate 2", "\x1b[2J", None, ["monarch exact certificate 1"]],
    "characteristic": [1, -13, 12, 3215031751, 2**4423 + 1, 0.0, 13.0, False, "13", None, [13], HUGE],
    "N": [0, -4, 5, 4.0, True, "4", 10**30, None, HUGE],
    "n": [0, -1, 5, 2.0, True, "2", 10**40, None],
    "denominator": [0, 0.0, 1.0, True, "1", [1], None],
    "radices": [
        [], [[0, 0], [6, 6]], [[-2, -2], [-3, -3]], [2, 3], [[3, 3], [2, 2]], [[6, 1], [1, 6]], [[2, 3], [3, 2]],
        [[6, 6]], [[2.0, 2], [3, 3]], ["22", "33"], [[2, 2, 1], [3, 3]], [[10**3000] * 2, [3, 3]], None,
    ],
    "M1": ["M1", "M2", "inverse", ["M0"], "\x1b[2J", 0, None], "M2": ["M2", "M3", "inverse", {"M": 0}, None],
    "M0": ["M0", "M1", "inverse", None],
    "inverse": ["M0", None], "matrix": ["factors", None], "factors": ["matrix", {}, None],
    "leak": [[0, 1, 1], {}, None, "0 1 1"], "minor": [[0], {}, None, {"split": 0}],
    "signal": [[], [[1] * 6], [1.0] * 6, ["1"] * 6, [True] * 6, {}, None, 0],
    "row": [-1, 6, 0.0, False, "0", None, [0], HUGE], "output": [1.0, True, "1", None, [1], float("nan")],
    "scale": [[], [0], [0, 0, 0], [-1, 0], [0.0, 0], [True, 0], [10**6, 0], [0, HUGE], {}, None, 0, "00"],
    "roundings": [
        [], [[8, 6]], [[8]], [[8, 7, 0]], [8, 7], [[8.0, 7]], [[8, 7.0]], [[True, 7]], [[8, -7], [8, 14]], [[8, 10**6]],
        [[10**6, 7]], [[8, HUGE]], [[8, 2]] * 5, {}, None, "8", [[0, 7]],
    ],
    "root": [0, -1, 1.0, True, "4", 10**9, None, [4]],
}  # fmt: skip
"""In place of a part, if the certificate has that part; and `root` in those that have none."""

WRONG_PLACE = {
    "leak": {
        "output": [-4, 0.0, False, "0", None, 10**50], "input": [0, -1, 10**50, 1.0], "filter": [-1, 10**50, 0.0, None],
        "times": ["\x1b[2J", "\ud800", [[1]], [1.0], [0], [1] * 5000], "gives": [0, True, 1.0, "1"],
    },
    "minor": {
        "split": [-1, 1, 0.0, False, None], "rows": [[0], [0, 0], [-6, 0], [0, 6], [0.0, 1.0], "01", [0, 1, 2]],
        "columns": [[0], [0, 0], [-6, 0], [0, 6], [True, False]], "times": [[], [0], [[1]], "1"], "gives": [0, 1.0],
    },
}  # fmt: skip


def _tampered(claim, right):
    """(what was done, the file) of one certificate."""
    text = json.dumps(right)
    opposite = claim.removeprefix("not ") if claim.startswith("not") else f"not {claim}"
    yield "a claim twice", f'{{"claim": {json.dumps(opposite)}, {text[1:]}'
    yield "the same claim twice", f'{text[:-1]}, "claim": {json.dumps(claim)}}}'
    yield "a characteristic twice", f'{{"characteristic": 7, {text[1:]}'
    yield "a format twice", f'{{"format": "", {text[1:]}'
    yield "a part that nothing reads", f'{text[:-1]}, "is causal": true}}'
    yield "NaN in such a part", f'{text[:-1]}, "more": NaN}}'
    yield "two certificates", f"{text} {text}"
    yield "a list of one", f"[{text}]"
    yield "a zero byte at the end", f"{text}\0"
    yield "cut short", text[:-5]
    yield "ten thousand brackets", f'{{"format": {json.dumps(right["format"])}, "claim": {"[" * 10000}'
    for part, values in WRONG_VALUE.items():
        if part in right or part == "root":
            yield from ((f"{part}: {value!r:.40}", json.dumps(right | {part: value})) for value in values)
    for part, names in WRONG_PLACE.items():
        for name in names.keys() & right.get(part, {}).keys():
            for value in names[name]:
                yield f"{part}, {name}: {value!r:.40}", json.dumps(changed(right, (part, name), lambda _, v=value: v))
        if part in right:
            yield f"{part}: a part more", json.dumps(right | {part: right[part] | {"value": 1}})
    for table, claims in NUMBERS.items():
        if claim in claims:
            yield from _tampered_tables(right, table, (table, 0) if table == "factors" else (table,))


def _tampered_tables(right, table, where):
    for name, value in NOT_A_NUMBER.items():
        yield f"{table}: {name}", json.dumps(changed(right, (*where, 0, 0), lambda _, v=value: v))
    for name, wrong in WRONG_TABLE.items():
        yield f"{table}: {name}", json.dumps(changed(right, where, wrong))


def _kept():
    """Every way once, over one kind of field after the other."""
    ways = {}
    for (claim, where), right in RIGHT.items():
        for done, file in _tampered(claim, right):
            ways.setdefault((claim, done), []).append((where, file))
    turn = cycle(range(4))
    return [(*way, *files[next(turn) % len(files)]) for way, files in ways.items()]


def _every():
    return [
        (claim, done, where, file)
        for (claim, where), right in RIGHT.items()
        for done, file in _tampered(claim, right)
    ]  # fmt: skip


def _refused(tampered, tmp_path, *options):
    path = tmp_path / "certificate.json"
    for claim, done, where, text in tampered:
        path.write_bytes(text.encode("utf-8", "surrogatepass"))
        answer = asked("recheck", path, *options)
        at = (claim, done, where, answer.output)
        assert answer.exit_code in (1, 2), at
        assert not any(sign in answer.output for sign in ("Traceback", "a fault of monarch", "\x1b")), at
        answer.output.encode()


def test_nothing_that_was_tampered_with_is_accepted(tmp_path):
    """Numbers with more digits than Python reads stand in the file as they are."""
    kept = _with_long_numbers(_kept)
    assert len({done for _, done, _, _ in kept}) > 150
    _refused(kept[::6], tmp_path)
    _refused(kept[1::24], tmp_path, "--json")


@pytest.mark.long
def test_nothing_of_any_kind_of_field_that_was_tampered_with_is_accepted(tmp_path):
    every = _with_long_numbers(_every)
    assert len(every) > 1500
    _refused(every, tmp_path)


@pytest.mark.long
@pytest.mark.usefixtures("coq")
def test_nothing_that_was_tampered_with_is_accepted_with_coq(tmp_path):
    _refused(_with_long_numbers(_kept), tmp_path, "--coq")


def _with_long_numbers(made):
    before = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(0)
    try:
        return made()
    finally:
        sys.set_int_max_str_digits(before)


def test_what_is_not_changed_is_accepted(tmp_path):
    """So that what is refused above is refused for what was changed."""
    path = tmp_path / "certificate.json"
    for right in RIGHT.values():
        path.write_text(json.dumps(right, indent=1, sort_keys=True))
        assert asked("recheck", path).exit_code == 0
