"""Many short files judged by one Coq, which loads its libraries once: that takes as long as several hundred of them.

Each file is a module of its own. What fails in one is left, and Coq goes on behind it.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from monarch_theory import proving

__all__ = ["compiled", "proved"]

CLOSED = "Closed under the global context"


def compiled(folder: Path, name: str) -> Path:
    """A copy of the proofs below `folder`, where the theorem of that name, and all that it needs, is compiled."""
    copy, wanted = folder / "proofs", f"{name}/theorem.v"
    shutil.copytree(proving.proofs_folder(), copy)
    graph = proving._with_dependencies(proving._dependencies(copy), [wanted])
    outputs = dict(proving._compile(copy, graph, 2, lambda done, total: None))
    assert outputs[wanted][0], outputs
    return copy


def proved(folder: Path, sources: Mapping[str, str]) -> set[str]:
    """Whose theorem `verdict` Coq proves from nothing but definitions, by name, which is one of Coq's too."""
    asked = "".join(
        f'Module {name}.\n{source}\nAbort All.\nEnd {name}.\nRedirect "{name}" Print Assumptions {name}.verdict.\n'
        for name, source in sources.items()
    )
    command = ["coqtop", "-q", "-w", "none", "-Q", ".", proving.COQ_PREFIX]
    subprocess.run(command, cwd=folder, input=asked, capture_output=True, text=True, check=True)
    answers = {name: folder / f"{name}.out" for name in sources}
    return {name for name, file in answers.items() if file.exists() and file.read_text().strip() == CLOSED}
