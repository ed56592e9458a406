"""Run the script that a report hands out, before it is handed out: it must fail while the kernel is wrong."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from monarch_theory.sandbox.confinement import Confined
from monarch_theory.testing.check import Report
from monarch_theory.testing.diagnose import STATE
from monarch_theory.testing.judge import Verdict
from monarch_theory.testing.report import script

__all__ = ["reproduced"]

STARTING = 60.0
"""Seconds that starting Python and importing what the kernel imports may take."""


def reproduced(report: Report) -> Report:
    """The report with the first script that fails: of the smallest case or the one found, in one of its ways."""
    failure = report.failure
    if failure is None:
        return report
    if report.verdict in (Verdict.HANG, Verdict.OUT_OF_MEMORY):
        # such a script ends as the kernel does, by a limit of its own
        return report
    ways: tuple[str, ...] = ("once", "after another call", "many times")
    if report.verdict is Verdict.UNSTABLE:
        ways = ("many times", "after another call")
    if failure.cause.name == "stale output":
        ways = ("after another call", "once", "many times")
    if failure.cause.name == STATE:
        ways = ("after another call", "once", "many times")
    if failure.before is not None:
        ways = ("after a larger call", *ways)
    for seen in dict.fromkeys((id(failure.smallest), id(failure.found))):
        shown = failure.smallest if seen == id(failure.smallest) else failure.found
        for way in ways:
            tried = replace(report, failure=replace(failure, smallest=shown, way=way, reproduced=True))
            if fails(script(tried), report.verdict, report.timeout, report.untrusted):
                return tried
    return replace(report, failure=replace(failure, reproduced=False))


EXCEPTION = 3
"""Exit code of a script that an exception ends, which is 1 otherwise, as of one that found the kernel wrong."""

TOLD_APART = f"""
import os, sys
def ended(*error):
    sys.__excepthook__(*error)
    os._exit({EXCEPTION})
sys.excepthook = ended
"""


def fails(text: str, verdict: Verdict, timeout: float, untrusted: bool = False) -> bool:
    """Whether a script shows what the verdict says; behind walls, where it calls what is not trusted.

    A script that an exception ends has shown nothing, unless that is what there was to show.
    """
    code = (exit_code_confined if untrusted else exit_code)(TOLD_APART + text, timeout)
    if verdict in (Verdict.EXCEPTION, Verdict.NOT_AN_ARRAY):
        # what is no array is nothing that numbers can be read from
        return code in (1, EXCEPTION)
    return code not in (0, EXCEPTION, None) if verdict is Verdict.CRASH else code == 1


def exit_code(text: str, timeout: float) -> int | None:
    """That of a script; None where it takes too long."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "reproduce.py")
        path.write_text(text)
        try:
            done = subprocess.run(
                [sys.executable, str(path)], capture_output=True, timeout=STARTING + timeout, check=False, cwd=folder
            )
        except subprocess.TimeoutExpired:
            return None
    return done.returncode


def exit_code_confined(text: str, timeout: float) -> int | None:
    confined = Confined(text)
    nothing = os.open(os.devnull, os.O_RDWR)
    try:
        process = confined.start(nothing, nothing)
        with open(os.devnull, "rb") as silent:
            confined.heard(silent, 1, STARTING + timeout)
    finally:
        os.close(nothing)
        confined.stop()
    return process.returncode
