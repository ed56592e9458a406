"""The browser's checks of a page can fail: each fault of a bad page is named, and a good page has none."""

import pytest
from browser import CHROMIUM, complaints, served

sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright: pip install '.[docs]'")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs the Debian package `chromium`, which is not installed")

GOOD = """<!doctype html><html lang="en"><title>good</title><link rel="icon" href="data:,"><body>
<p>Black on white.</p><svg><text y="20" style="fill: #000; color: #fff">Black, too</text></svg>
<img alt="a dot" src="data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAA=">
<pre style="overflow-x: auto">{wide}</pre></body></html>"""

BAD = """<!doctype html><html lang="en"><title>bad</title><link rel="icon" href="data:,"><body>
<p style="color: #999">Grey on white.</p><p style="color: #fff; background: rgba(0, 0, 0, .1)">White on light grey.</p>
<img src="data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAA="><div style="width: 600px">wide</div>
<div class="math" style="overflow-x: auto; width: 300px"><p style="width: 400px">x = 1</p></div>
<math><mi>x</mi></math><div class="highlight"><pre style="white-space: pre-wrap">a row</pre></div>
<svg><text y="20" style="fill: #aaa">Grey drawn</text></svg>
<img alt="elsewhere" src="http://127.0.0.1:9/x.png"><script>console.error("broken"); undefined.x</script></html>"""


def test_each_fault_is_named_and_a_good_page_has_none(tmp_path):
    (tmp_path / "good.html").write_text(GOOD.format(wide="x" * 900))
    (tmp_path / "bad.html").write_text(BAD)
    with served(tmp_path) as address, sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        bad = complaints(chromium, address, ["good.html", "bad.html"])
        chromium.close()
    assert {complaint.partition(": ")[0] for complaint in bad} == {"bad.html"}
    wanted = (
        "Grey on white",
        "White on light grey",
        "Grey drawn",
        "dark: p",
        "another font",
        "rows may be split: a row",
        "no alternative text",
        "px too wide at 390",
        "an equation of 400 px: x = 1 at 390",
        "broken",
        "asks http",
    )
    assert [part for part in wanted if not any(part in complaint for complaint in bad)] == []
    assert not any("too wide at 1280" in complaint for complaint in bad)
