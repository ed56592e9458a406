"""The extensions of the documentation, and what its tests share, can be imported by name."""

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[2] / "docs" / "_extensions")]
