"""Commands in executed pages, printed as a reader would see them; a page fails to build when one ends otherwise."""

import os
import re
import subprocess
import sys
from pathlib import Path
from textwrap import wrap

WIDTH = 96


def shell(command: str, status: int = 0, until: str = "") -> None:
    """Run `command` in the root of the repository and print it with what it writes, up to the line that starts `until`.

    Raises:
        RuntimeError: it ended with another exit status than `status`.
    """
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    environment = {**os.environ, "PATH": path, "COLUMNS": "100", "NO_COLOR": "1"}
    environment.pop("FORCE_COLOR", None)  # with which a kernel asks for bold letters all the same
    root = Path(__file__).parent.parent
    done = subprocess.run(command, shell=True, cwd=root, env=environment, capture_output=True, encoding="utf-8")
    if done.returncode != status:
        raise RuntimeError(f"{command}: exit status {done.returncode}, expected {status}\n{done.stdout}{done.stderr}")
    lines = done.stdout.replace(str(root), ".").rstrip().split("\n")
    end = next((index for index, line in enumerate(lines) if until and line.startswith(until)), len(lines))
    print("\n".join(folded(line) for line in (f"$ {command}", *lines[:end])))


def folded(line: str) -> str:
    """A sentence too long for the page goes on below, indented; what is drawn or set in columns stays as it is."""
    start = len(line) - len(line.lstrip())
    columns = start > WIDTH // 2 or re.search(r"\S {3,}\S.* {3,}\S", line)
    if len(line) <= WIDTH or columns or any("\u2500" <= character <= "\u259f" for character in line):
        return line
    return "\n".join(wrap(line, WIDTH, initial_indent=" " * start, subsequent_indent=" " * (start + 4)))
