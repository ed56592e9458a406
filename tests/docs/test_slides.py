"""Slides are made from a lesson's page: what is on them, what is left out, and that a bad deck is seen."""

import re
import shutil
from pathlib import Path

import pytest
from browser import CHROMIUM, deck_complaints

pytest.importorskip("bs4", reason="needs the documentation tools: pip install '.[docs]'")
pytest.importorskip("sphinx", reason="needs the documentation tools: pip install '.[docs]'")

from slides import deck

SLIDES = Path(__file__).parents[2] / "docs" / "slides"
PICTURE = "data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAA="
PAGE = """<html><article><section id="a"><h1>A lesson<a class="headerlink" href="#a">#</a></h1>
<p>Symbols · glossary</p><p>It opens with <math><mi>N</mi></math>. More.</p>
<section><h2>One</h2><p>First <a href="#a">(1)</a>? Second.</p><div class="math"><math><mi>x</mi></math></div>
<div class="admonition theorem"><p class="admonition-title">Theorem: it holds (proved)</p><p>So.</p></div>
<div class="cell"><div class="cell_input"><pre>draw()</pre></div>
<div class="cell_output"><img src="PICTURE" alt="a dot"></div></div>
<div class="cell"><div class="cell_input"><pre>1 + 1</pre></div><div class="cell_output"><pre>2</pre></div></div>
</section><section><h2>Exercises</h2><p>Answer: 42.</p></section></section></article></html>""".replace(
    "PICTURE", PICTURE
)


def test_a_deck_has_what_a_lecturer_shows():
    made = deck(PAGE, "lesson")
    assert made.count("<section") == 6  # a title; a stack of text, theorem, picture and code
    for shown in (
        "It opens with <math>",
        "<p>First (1)?</p>",
        "it holds (proved)",
        'alt="a dot"',
        "<pre>1 + 1</pre><pre>2</pre>",
    ):
        assert shown in made
    for left_out in ("More.", "Second.", "Symbols", "headerlink", "draw()", "42", 'id="a"'):
        assert left_out not in made
    with pytest.raises(ValueError, match="lesson: expected a page with an article"):
        deck("<p>nothing</p>", "lesson")


@pytest.mark.skipif(CHROMIUM is None, reason="needs the Debian package `chromium`, which is not installed")
def test_a_deck_opens_from_a_folder_and_a_bad_one_is_seen(tmp_path):
    sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright: pip install '.[docs]'")
    shutil.copytree(SLIDES, tmp_path / "slides")
    (tmp_path / "_static").symlink_to(SLIDES.parent / "_static")
    good = deck(PAGE, "lesson")
    bad = good.replace(PICTURE, "nowhere.png").replace("<p>First (1)?</p>", "<p>First?</p>" + "<p>long</p>" * 60)
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        found = {}
        for name, text in {"good": good, "bad": bad}.items():
            (tmp_path / "slides" / f"{name}.html").write_text(text)
            found[name] = deck_complaints(chromium, tmp_path / "slides" / f"{name}.html")
        chromium.close()
    assert found["good"] == []
    assert any("misses nowhere.png" in complaint for complaint in found["bad"])
    assert any(re.search(r"slide 1\.0 is \d+ by \d{4}", complaint) for complaint in found["bad"])


def test_what_is_not_ours_has_its_licence():
    assert (SLIDES / "reveal" / "LICENSE").read_text().startswith("Copyright (C) 2011-2024 Hakim El Hattab")
