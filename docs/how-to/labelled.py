"""Print labelled lines: pieces of the source of two packages of the standard library, each with its package's name."""

import json
import sysconfig
from pathlib import Path

SOURCE = Path(sysconfig.get_paths()["stdlib"])
LENGTH, COUNT = 96, 60

for package in ("email", "asyncio"):
    text = "".join(file.read_text() for file in sorted((SOURCE / package).glob("*.py")))
    text = text.encode("ascii", "ignore").decode()
    for start in range(0, COUNT * LENGTH, LENGTH):
        print(json.dumps({"text": text[start : start + LENGTH], "label": package}))
