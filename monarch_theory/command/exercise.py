"""`monarch exercise NUMBER FILE.py`: is my answer to an exercise right?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from monarch_theory.command.answer import Answer, say
from monarch_theory.command.idle import refuse_idle

__all__ = ["exercise"]


def exercise(
    context: typer.Context,
    number: Annotated[str | None, typer.Argument(help="Lesson and exercise, as 5.3; all are listed without.")] = None,
    answer: Annotated[
        Path | None, typer.Argument(metavar="FILE.py", help="A file that defines the function asked for.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the inputs.")] = 0,
    timeout: Annotated[float, typer.Option(help="Seconds the answer may take.")] = 60.0,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
) -> None:
    """Is an answer to an exercise of the lessons right? If not, the smallest input tried that shows it.

    Exit status: 0 right, 1 wrong, 2 could not decide. Without arguments the exercises are listed.
    """
    from monarch_theory.exercises import EXERCISES, grade

    if number is None:
        refuse_idle(context, "exercise the list of exercises")
        rows = [
            {"number": row.number, "function": f"{row.name}({', '.join(row.arguments)})", "returns": row.task}
            for row in EXERCISES.values()
        ]
        listing = "\n".join(f"{row['number']}  {row['function']}\n     {row['returns']}" for row in rows)
        listed = Answer("listed", "none", f"{len(rows)} exercises", 0, {"exercises": rows})
        say(listed, as_json, lambda: print(listing))
        return
    if number not in EXERCISES:
        raise typer.BadParameter(f"number: expected one of {', '.join(EXERCISES)}, got {number!r}")
    wanted = EXERCISES[number]
    if answer is None:
        raise typer.BadParameter(f"FILE.py: expected a file that defines {wanted.name}, got nothing")
    found = grade(wanted, answer, seed=seed, timeout=timeout)
    facts = {"reason": found.reason, "tried": found.tried, "smallest": found.smallest}
    facts |= {"exercise": number, "seed": seed}
    lines = [f"{found.verdict}  exercise {number}, {wanted.name}({', '.join(wanted.arguments)})", f"  {found.reason}"]
    if found.verdict != "undecided":
        lines.append(f"  evidence: {found.evidence}, seed {seed}")
    graded = Answer(found.verdict, found.evidence, f"{found.tried} inputs", found.exit_code, facts)
    say(graded, as_json, lambda: print("\n".join(lines)))
    raise typer.Exit(found.exit_code)
