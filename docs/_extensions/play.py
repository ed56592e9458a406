"""Put the page to play with, plain web code as it stands, beside the pages Sphinx writes."""

import shutil
from pathlib import Path

from sphinx.application import Sphinx


def copy_page(app: Sphinx, exception: Exception | None) -> None:
    if exception is None and app.builder.format == "html":
        shutil.copytree(Path(app.srcdir) / "play", Path(app.outdir) / "play", dirs_exist_ok=True)


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("build-finished", copy_page)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
