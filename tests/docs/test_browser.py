"""The browser's checks of a page can fail: each fault of a bad page is named, and a good page has none."""

import pytest
from browser import CHROMIUM, complaints, narrow_complaints, served

sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright: pip install '.[docs]'")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs the Debian package `chromium`, which is not installed")

GOOD = """<!doctype html><html lang="en"><title>good</title><link rel="icon" href="data:,"><body>
<p>Black on white.</p><img alt="a dot" src="data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAA=">
<pre style="overflow-x: auto">{wide}</pre></body></html>"""

BAD = """<!doctype html><html lang="en"><title>bad</title><link rel="icon" href="data:,"><body>
<p style="color: #999">Grey on white.</p><p style="color: #fff; background: rgba(0, 0, 0, .1)">White on light grey.</p>
<img src="data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAA="><div style="width: 600px">wide</div>
<div class="math" style="overflow-x: auto; width: 300px"><p style="width: 400px">x = 1</p></div>
<img alt="elsewhere" src="http://127.0.0.1:9/x.png"><script>console.error("broken"); undefined.x</script></html>"""


def test_each_fault_is_named_and_a_good_page_has_none(tmp_path):
    (tmp_path / "good.html").write_text(GOOD.format(wide="x" * 900))
    (tmp_path / "bad.html").write_text(BAD)
    with served(tmp_path) as address, sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        good, bad = (complaints(chromium, address, name) for name in ("good.html", "bad.html"))
        narrow = narrow_complaints(chromium, address, ["good.html", "bad.html"])
        chromium.close()
    assert good == []
    assert {complaint.partition(": ")[0] for complaint in narrow} == {"bad.html"}
    for part in ("px too wide at 390", "broken", "asks http", "no alternative text"):
        assert any(part in complaint for complaint in narrow)
    wanted = (
        "Grey on white",
        "White on light grey",
        "no alternative text",
        "px too wide at 390",
        "an equation of 400 px: x = 1 at 390",
        "broken",
        "asks http",
    )
    assert [part for part in wanted if not any(part in complaint for complaint in bad)] == []
    assert not any("too wide at 1280" in complaint for complaint in bad)
