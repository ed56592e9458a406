"""The `monarch` command: parsing and printing only; one file per subcommand, named as the subcommand."""

import signal
import sys
from collections.abc import Sequence

__all__ = ["main", "wants_json"]


def wants_json(arguments: Sequence[str]) -> bool:
    """Whether a command line asks for JSON, be it in words that are refused.

    >>> wants_json(["causal", "--json=true"]), wants_json(["causal", "--", "--json"])
    (True, False)
    """
    options = arguments[: arguments.index("--")] if "--" in arguments else arguments
    return any(word.partition("=")[0] == "--json" for word in options)


def refusal(outcome: str, reason: str, code: int) -> str:
    """What `door.told` says to a machine, before the door stands."""
    return (
        f'{{"verdict": "undecided", "evidence": "none", "coverage": "nothing", "exit_code": {code}, '
        f'"outcome": "{outcome}", "reason": "{reason}"}}\n'
    )


def main() -> None:
    """Console entry point: run what the command line asks for and exit with its answer."""
    try:
        from monarch_theory.command.streams import open_all

        open_all()
        from monarch_theory.command.door import on_terminate, run

        signal.signal(signal.SIGTERM, on_terminate)
        code = run(sys.argv[1:])
    except KeyboardInterrupt:
        # before the door stands, while Python still imports
        sys.stderr.write("monarch: stopped\n")
        if wants_json(sys.argv):
            sys.stdout.write(refusal("stopped", "stopped", 130))
        code = 130
    except Exception as error:
        # a package that the door itself needs is missing or broken: Python's status for a crash is 1, which says no
        needs = "; pip install monarch-mixer-toolkit" if isinstance(error, ImportError) else ""
        said = " ".join(f"{type(error).__name__}: {error}".split())
        sys.stderr.write(f"monarch: the command line did not start: {said}{needs}\n")
        if wants_json(sys.argv):
            sys.stdout.write(refusal("not installed" if needs else "crash", "see standard error", 2))
        code = 2
    sys.exit(code)
