"""What a page says about an output is asserted while it is built: the option `expect` of a code cell.

    ```{code-cell} ipython3
    :expect: ["causal", "evidence: measured"]
    print(decide(operator))
    ```

Each phrase must stand in what the cell printed or gave, white space and colours aside. A picture must be described for
those who cannot see it, and what is described must be there. Whatever fails is a warning, and so stops the build.

    :mystnb: {image: {alt: "Who sees whom for size 8: the lower triangle is blue, nothing is red"}}
"""

import re
from collections.abc import Iterator

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging

logger = logging.getLogger(__name__)
COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def plain(text: str) -> str:
    """The text without colours, each run of white space one space.

    >>> plain("a \\x1b[1mb\\x1b[0m\\n  c")
    'a b c'
    """
    return " ".join(COLOUR.sub("", text).split())


def phrases(metadata: dict) -> list[str]:
    """What a cell with these options is expected to say.

    >>> phrases({"expect": "True"}), phrases({"expect": [3, "b"]}), phrases({})
    (['True'], ['3', 'b'], [])
    """
    wanted = metadata.get("expect", [])
    return [str(phrase) for phrase in (wanted if isinstance(wanted, list) else [wanted])]


def missing(metadata: dict, output: str) -> list[str]:
    """The phrases that are expected of a cell and are not in its output."""
    said = plain(output)
    return [phrase for phrase in phrases(metadata) if plain(phrase) not in said]


def cells(doctree: nodes.document) -> Iterator[nodes.Element]:
    """The code cells of a page."""
    return (node for node in doctree.findall(nodes.container) if node.get("nb_element") == "cell_code")


def output_of(cell: nodes.Element) -> str:
    """Everything the cell printed or gave, as text."""
    outputs = (node for node in cell.findall(nodes.container) if node.get("nb_element") == "cell_code_output")
    return "\n".join(text.astext() for output in outputs for text in output.findall(nodes.Text))


def faults(cell: nodes.Element) -> Iterator[str]:
    """What a cell promises and does not keep."""
    output = output_of(cell)
    for phrase in missing(cell["cell_metadata"], output):
        yield f"expected {phrase!r} in the output, got: {plain(output)[:2000]}"
    described = "alt" in cell["cell_metadata"].get("mystnb", {}).get("image", {})
    shown = next(cell.findall(nodes.image), None) is not None
    if described != shown:
        yield (
            "expected a picture, as one is described, got none"
            if described
            else "expected a description of the picture"
        )


def check(app: Sphinx, doctree: nodes.document) -> None:
    """Warn of every fault, at the line of its cell."""
    if app.config.nb_execution_mode != "off":
        for cell in cells(doctree):
            for fault in faults(cell):
                logger.warning("%s", fault, location=cell)


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("doctree-read", check)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
