"""What pages say about outputs is checked while they are built, and so are pictures; what changed runs again."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
pytest.importorskip("myst_nb", reason="needs the documentation tools: pip install '.[docs]'")

WRITTEN = ("_build", "generated", "proofs", "commands", "gallery")
PAGES = [page for page in sorted(DOCS.rglob("*.md")) if not set(WRITTEN) & set(page.relative_to(DOCS).parts)]

PAGE = """---
file_format: mystnb
kernelspec: {name: python3}
---
# A page

```{code-cell} ipython3
:expect: ["not causal: output 0", 41]
print("\\x1b[1mnot causal\\x1b[0m: output\\n  0 sees input 1")
print(42)
```

```{code-cell} ipython3
from IPython.display import SVG
SVG("<svg xmlns='http://www.w3.org/2000/svg'/>")
```

```{code-cell} ipython3
:mystnb: {image: {alt: "A picture"}}
"no picture"
```
"""


@pytest.mark.long
def test_a_page_that_says_what_is_not_so_does_not_build(tmp_path):
    (tmp_path / "conf.py").write_text(
        f"import sys\nsys.path.append({str(DOCS / '_extensions')!r})\n"
        "extensions = ['myst_nb', 'expected']\nnb_execution_mode = 'force'\n"
    )
    (tmp_path / "index.md").write_text(PAGE)
    command = [sys.executable, "-m", "sphinx", "-q", "--no-color", "-b", "dummy", str(tmp_path), str(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, text=True)
    said = [line.partition("WARNING: ")[2] for line in done.stderr.splitlines() if "WARNING: expected" in line]
    assert said == [
        "expected '41' in the output, got: not causal: output 0 sees input 1 42",
        "expected a description of the picture",
        "expected a picture, as one is described, got none",
    ]


def test_changed_code_and_changed_data_run_again_and_changed_prose_does_not(tmp_path):
    from executed import cache_folder

    for folder in ("monarch_theory", "docs/_build/gallery", "docs/reference/commands"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "monarch_theory" / "one.py").write_text("1")
    first = cache_folder(tmp_path)
    (tmp_path / "docs" / "page.md").write_text("prose")
    (tmp_path / "docs" / "_build" / "gallery" / "written.py").write_text("built")
    (tmp_path / "docs" / "reference" / "commands" / "causal.schema.json").write_text("{}")
    assert cache_folder(tmp_path) == first
    (tmp_path / "monarch_theory" / "one.py").write_text("2")
    os.utime(first, (0, 0))
    second = cache_folder(tmp_path)
    assert second != first and not Path(first).exists()
    (tmp_path / "docs" / "numbers.json").write_text("[]")
    assert cache_folder(tmp_path) != second and Path(second).exists()  # another build may use it still


def test_pages_that_read_prose_are_run_each_time():
    """Their outputs depend on more than the code that names the cache."""
    for page in DOCS.rglob("*.md"):
        text = page.read_text(encoding="utf-8")
        if page.parent.name not in ("generated", "proofs") and "```{code-cell}" in text:
            reads = '.md").read_text' in text
            assert not reads or "execution_mode: force" in text, page


CELL = re.compile(r"^```\{code-cell\} ipython3\n(.*?)^```$", flags=re.MULTILINE | re.DOTALL)
SILENT = {
    'shell("monarch train gpt --preset tiny --steps 2 --out $RUN")',  # it prints nothing but progress
    "test_square()",
    "folder.cleanup()",
}
"""Last lines that give nothing."""


def gives(cell: str) -> bool:
    """Whether a cell prints, or ends with a value, other than a picture that is described."""
    lines = cell.split("\n")
    options = [line for line in lines if re.match(r":\w+:", line)]
    source = "\n".join(lines[len(options) :]).rstrip()
    last = ast.parse(source).body[-1]
    value = isinstance(last, ast.Expr) and not source.endswith(";") and not any("image:" in line for line in options)
    printed = re.search(r"^ *(print|shell|told|on_a_gpu)\(", source, flags=re.MULTILINE)
    return (bool(printed) or value) and source.split("\n")[-1] not in SILENT


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(DOCS)))
def test_what_is_printed_is_expected_and_nothing_is_shown_that_was_not_run(page):
    text = page.read_text(encoding="utf-8")
    for cell in CELL.findall(text):
        assert not gives(cell) or ":expect:" in cell, cell
    assert "```console" not in text and "\n$ monarch" not in text, "expected shell(…), got output that was copied"
