"""Sphinx configuration: every page with code is executed while it is built, and a failure is a warning."""

import os
import sys
from importlib.util import find_spec
from pathlib import Path
from urllib.request import urlopen

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE / "_extensions")]

from executed import cache_folder  # noqa: E402

# executed pages run in a kernel of their own, which must find `terminal`, `measured` and `rooms` too
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [*sys.path[:2], os.environ.get("PYTHONPATH")]))

project = "Monarch Mixer toolkit"
copyright = "the authors of the Monarch Mixer toolkit"

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.doctest",
    "sphinx.ext.intersphinx",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinxcontrib.bibtex",
    "commands",
    "docstrings",
    "expected",
    "gallery",
    "mathml",
    "notebooks",
    "play",
    "printed",
    "proof_statements",
    "reference_pages",
    "slides",
]
exclude_patterns = ["_build", "_extensions", "play/*", "slides/*"]

html_theme = "furo"
html_title = "Monarch Mixer toolkit"
html_search_scorer = str(HERE / "_extensions" / "scorer.js")
html_favicon = "_static/icon.svg"
html_static_path = ["_static"]
html_css_files = ["docs.css"]
html_math_renderer = "mathml"
html_copy_source = False

myst_enable_extensions = ["amsmath", "attrs_inline", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
suppress_warnings = ["myst.header"]  # a copied statement may start its headings lower
nb_execution_mode = "cache"
nb_execution_cache_path = cache_folder(HERE.parent)
nb_execution_raise_on_error = False  # then a failure is a warning that has its traceback, whatever process it is in
nb_execution_show_tb = True
nb_execution_timeout = 1200  # a limit for what hangs; a busy machine may take its time
nb_merge_streams = True
nb_code_prompt_show = "Check it"
nb_code_prompt_hide = "Hide the check"
nb_ipywidgets_js = {}  # no page has widgets, and the default is fetched from outside

autodoc_typehints = "signature"
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True, "ignore-module-all": True}
OPTIONAL = ("triton", "cupy", "cupyx", "cuda", "dask", "distributed", "jax", "pytest", "sklearn")
OPTIONAL += ("transformers", "onnx")
autodoc_mock_imports = [name for name in OPTIONAL if find_spec(name) is None]
doctest_test_doctest_blocks = ""  # docstrings are run by pytest; the directive is for pages
bibtex_bibfiles = ["references.bib"]
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

INVENTORIES = {
    "python": "https://docs.python.org/3/",
    "numpy": "https://numpy.org/doc/stable/",
    "sympy": "https://docs.sympy.org/latest/",
}


def reachable(page: str) -> bool:
    """Whether the inventory under `page` answers: with no network, names of other projects are simply not links."""
    try:
        with urlopen(page + "objects.inv", timeout=2) as answer:
            return answer.status == 200
    except OSError:
        return False


intersphinx_mapping = {name: (page, None) for name, page in INVENTORIES.items() if reachable(page)}
