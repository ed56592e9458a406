"""Every lesson is a notebook that stands by itself, and runs in an environment that has the wheel and no checkout."""

import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
for module in ("myst_nb", "nbclient", "ipykernel", "pybtex"):
    pytest.importorskip(module, reason="needs the documentation tools: pip install '.[docs]'")

import nbformat  # noqa: E402
from expected import missing  # noqa: E402
from nbclient import NotebookClient  # noqa: E402
from notebooks import FILE, MARKUP, citation, commands, lessons, markdown, notebook  # noqa: E402


def test_all_lessons_are_there():
    assert {"start", "errata"} | {f"lessons/{page.stem}" for page in (ROOT / "docs" / "lessons").glob("*.md")} == {
        *lessons(),
        "lessons/index",
    }


@pytest.mark.parametrize("name", lessons())
def test_a_notebook_stands_by_itself(name):
    made = notebook(name)
    nbformat.validate(made)
    assert made == notebook(name)
    for cell in made.cells:
        assert cell.cell_type == "code" or not MARKUP.search(cell.source), cell.source
        for theirs in ("terminal", "docs/", "examples/", "shell("):
            assert cell.cell_type != "code" or cell.source.startswith("%%writefile") or theirs not in cell.source


def test_markup_becomes_plain_markdown():
    numbers = {}
    page = """The mixer {cite}`fu2023monarch`, {py:func}`~monarch_theory.causality.decide`.

$$
y = x
$$ (mixer)

:::{admonition} Exercise 1
:class: exercise
Why {eq}`mixer`? See [lesson 5](causality.md) and [errata](../how-to/index.md).

```{dropdown} Answer
Because.
```
:::

verdict
: what it says,
  in two lines
"""
    assert (
        markdown(page, numbers)
        == """The mixer ([Fu et al. 2023](https://arxiv.org/abs/2310.12109)), `monarch_theory.causality.decide`.

$$
y = x \\tag{1}
$$

**Exercise 1.**
Why (1)? See [lesson 5](causality.ipynb) and errata.

<details><summary>Answer</summary>

Because.

</details>


**verdict**: what it says,
in two lines"""
    )
    assert citation.__doc__
    assert commands('from terminal import shell\nshell("monarch models", until="m2")') == "!monarch models"


def test_a_theorem_says_how_it_is_known():
    box = ":::{theorem} cost the cost of a product\nIt costs $N$.\n:::\n"
    known = "proved, machine-checked for every order"
    assert markdown(box, {}) == f"**Theorem: the cost of a product ({known}).**\n\nIt costs $N$."


@pytest.fixture(scope="module")
def fresh(wheel, tmp_path_factory) -> Path:
    """The `python` of a new environment with the wheel; what it depends on comes from the running environment."""
    folder = tmp_path_factory.mktemp("fresh")
    venv.create(folder / "env", with_pip=False)
    python = folder / "env" / "bin" / "python"
    install = [sys.executable, "-m", "pip", "--python", str(python), "install", "--no-deps", "--no-index", str(wheel)]
    subprocess.run(install, check=True, capture_output=True)
    # lines of a .pth file are searched, but their own .pth files, such as that of an editable install, are not read
    (site,) = (folder / "env" / "lib").glob("python*/site-packages")
    elsewhere = [path for path in sys.path if path.endswith(("site-packages", "dist-packages"))]
    (site / "running.pth").write_text("\n".join(elsewhere))
    return python


@pytest.mark.long
@pytest.mark.parametrize("name", lessons())
def test_a_notebook_runs_from_the_wheel(name, fresh, tmp_path, monkeypatch):
    from jupyter_client.manager import AsyncKernelManager

    if "torch" in "".join(cell.source for cell in notebook(name).cells if cell.cell_type == "code"):
        pytest.importorskip("torch", reason="the extra `torch` is not installed")
    monkeypatch.setenv("PATH", os.pathsep.join([str(fresh.parent), os.environ["PATH"]]))
    monkeypatch.delenv("PYTHONPATH", raising=False)
    made = notebook(name)
    made.cells.append(nbformat.v4.new_code_cell("import monarch_theory; print(monarch_theory.__file__)"))
    manager = AsyncKernelManager()
    manager.kernel_spec.argv[0] = str(fresh)
    client = NotebookClient(made, km=manager, timeout=1200, resources={"metadata": {"path": str(tmp_path)}})
    client.execute()
    assert str(fresh.parents[1]) in made.cells[-1].outputs[0].text
    pictures = 0
    for cell in made.cells:
        outputs = cell.get("outputs", [])
        said = "".join(output.get("text", "") or output.get("data", {}).get("text/plain", "") for output in outputs)
        assert not missing({"expect": renamed(cell.metadata.get("expect", []))}, said), said
        pictures += sum("image/png" in output.get("data", {}) for output in outputs)
    # of two cells at the start: a style must not make Jupyter show the first figure alone
    assert pictures >= (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8").count("image: {alt:")


def renamed(expected: list[str] | str) -> list[str]:
    """Notebooks name files without their folder."""
    return [
        FILE.sub(lambda path: Path(path[0]).name, str(phrase))
        for phrase in ([expected] if isinstance(expected, str) else expected)
    ]
