"""`monarch check-op FILE.py:OP`: does an op's own oracle stay within its bound, and does the bound tell anything?"""

from __future__ import annotations

from typing import Annotated

import typer

from monarch_theory.command.answer import Answer, say

__all__ = ["check_op"]


def check_op(
    op: Annotated[str, typer.Argument(help="FILE.py:NAME of an Op, or the name of one of this package.")],
    dtype: Annotated[str | None, typer.Option(help="Only this one [default: every dtype of the op].")] = None,
    cases: Annotated[int, typer.Option(help="Cases for each dtype.")] = 60,
    seed: Annotated[int, typer.Option(help="Determines every case.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
) -> None:
    """Compute an op's oracle in floating point, in several ways, and hold it to the op's own bound.

    Exit code 0: the bound holds. 1: a right computation exceeds it. 2: it tells too little, or the op is none.
    """
    from monarch_theory.testing.check import dtype_named, op_from
    from monarch_theory.testing.check_op import check_op as checked

    try:
        found = op_from(op)
        dtypes = found.dtypes() if dtype is None else (dtype_named(dtype, found),)
        reports = [checked(found, one, seed=seed, count=cases) for one in dtypes]
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    codes = {report.exit_code for report in reports}
    code = 1 if 1 in codes else max(codes)
    rows = [{"says": r.describe(), "worst": str(r.worst), "exit_code": r.exit_code} for r in reports]
    covered = f"{cases} cases in each of {', '.join(dtypes)}"
    answer = Answer(
        ("right", "wrong", "undecided")[code], "measured", covered, code, {"op": found.name, "dtypes": rows}
    )
    lines = [f"{r.describe()}\n    in {r.worst}" if r.exit_code == 1 else r.describe() for r in reports]
    say(answer, as_json, lambda: print("\n".join(lines)))
    raise typer.Exit(code)
