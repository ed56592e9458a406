"""The `monarch` command: parsing and printing only; one file per subcommand, named as the subcommand."""

import signal
import sys

__all__ = ["main"]

STOPPED = (
    '{"verdict": "undecided", "evidence": "none", "coverage": "nothing", "exit_code": 130, "outcome": "stopped", '
    '"reason": "stopped"}\n'
)
"""What `door.told` says, before the door stands."""


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
        if "--json" in sys.argv:
            sys.stdout.write(STOPPED)
        code = 130
    sys.exit(code)
