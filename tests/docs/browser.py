"""What a reader's browser says of a page: does it fit, can it be read, does it complain, does it ask the network?"""

import functools
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
WIDTHS, SCHEMES = (1280, 390), ("light", "dark")

TOO_WIDE = "document.documentElement.scrollWidth - document.documentElement.clientWidth"

SCROLLING = """
() => [...document.querySelectorAll("div.math")].filter((e) => e.scrollWidth > e.clientWidth + 1)
  .map((e) => `an equation of ${e.scrollWidth} px: ${e.textContent.trim().slice(0, 40)}`)
"""
"""Equations that have to be scrolled."""

UNFIT = """
async () => {
  await document.fonts.ready;
  const shipped = [...document.fonts].some((f) => f.family.includes("STIX Two Math") && f.status === "loaded");
  const split = [...document.querySelectorAll(".highlight pre, .cell_output pre")]
    .filter((e) => getComputedStyle(e).whiteSpace !== "pre");
  return [
    ...(document.querySelector("math") && !shipped ? ["equations in another font than the one shipped"] : []),
    ...split.map((e) => `rows may be split: ${e.textContent.trim().slice(0, 30)}`),
  ];
}
"""
"""Equations that are not in the font that is shipped, and code or tables whose rows a narrow page would split."""

UNREADABLE = """
() => {
  const parse = (text) => (text.match(/[\\d.]+/g) || [0, 0, 0, 0]).map(Number);
  const over = ([r, g, b, a = 1], below) => [r, g, b].map((c, i) => c * a + below[i] * (1 - a));
  const grounds = new Map([[null, [255, 255, 255]]]);
  const behind = (element) => {  // null over a picture, which is not decided here
    if (!grounds.has(element)) {
      const { backgroundImage, backgroundColor } = getComputedStyle(element), layer = parse(backgroundColor);
      const below = (layer[3] ?? 1) === 1 ? [0, 0, 0] : behind(element.parentElement);
      grounds.set(element, backgroundImage !== "none" || !below ? null : over(layer, below));
    }
    return grounds.get(element);
  };
  const light = (c) => { const s = c / 255; return s <= 0.03928 ? s / 12.92 : ((s + 0.055) / 1.055) ** 2.4; };
  const luminance = (c) => 0.2126 * light(c[0]) + 0.7152 * light(c[1]) + 0.0722 * light(c[2]);
  const found = new Map();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.textContent.trim() || !element.checkVisibility({ checkOpacity: true })) continue;
    const style = getComputedStyle(element);
    if (style.visibility === "hidden" || !element.getClientRects().length) continue;
    const ground = behind(element);
    if (!ground) continue;
    const colour = element instanceof SVGElement ? style.fill : style.color;
    const pair = [luminance(over(parse(colour), ground)), luminance(ground)].sort((a, b) => b - a);
    const ratio = (pair[0] + 0.05) / (pair[1] + 0.05);
    const size = parseFloat(style.fontSize), bold = Number(style.fontWeight) >= 700;
    if (ratio < (size >= 24 || (bold && size >= 18.66) ? 3 : 4.5)) {
      const name = `${element.tagName.toLowerCase()}.${element.className} ${colour} on ${ground.map(Math.round)}`;
      found.set(name, `${name} (${ratio.toFixed(2)}): ${walker.currentNode.textContent.trim().slice(0, 30)}`);
    }
  }
  return [...found.values()];
}
"""
"""Text whose contrast is below WCAG's AA: 4.5 to 1, or 3 to 1 where it is large."""

NAMELESS = """
() => [...document.querySelectorAll("img")]
  .filter((i) => !i.alt.trim() && !(i.alt === "" && i.closest("a, .sphx-glr-thumbcontainer")?.textContent.trim()))
  .map((i) => i.getAttribute("src"))
"""
"""Pictures without alternative text, other than those that adorn a link which has words."""


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address at which `folder` is served."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()


def listened(browser: Any, allowed: str, found: list[str], width: int = WIDTHS[0], height: int = 900) -> Any:
    """A new page; errors, and requests to addresses that do not begin with `allowed`, are put into `found`."""
    page = browser.new_page(viewport={"width": width, "height": height})
    page.on("console", lambda message: found.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: found.append(str(error)))
    page.on("request", lambda asked: asked.url.startswith((allowed, "data:")) or found.append(f"asks {asked.url}"))
    return page


def complaints(browser: Any, address: str, names: list[str]) -> list[str]:
    """Everything wrong with the pages `names` below `address`, at both widths and in both colour schemes."""
    found: list[str] = []
    told: list[str] = []
    page = listened(browser, address, found)
    for name in names:
        page.set_viewport_size({"width": WIDTHS[0], "height": 900})
        page.goto(f"{address}/{name}", wait_until="load")
        found += [f"no alternative text: {source}" for source in page.evaluate(NAMELESS)]
        found += page.evaluate(UNFIT)
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            found += [f"{scheme}: {text}" for text in page.evaluate(UNREADABLE)]
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            excess = page.evaluate(TOO_WIDE)
            if excess > 0:
                found.append(f"{excess} px too wide at {width}")
            found += [f"{equation} at {width}" for equation in page.evaluate(SCROLLING)]
        told += [f"{name}: {complaint}" for complaint in found]
        found.clear()
    page.close()
    return told


TOO_TALL = """
async () => {
  const found = [];
  for (const slide of Reveal.getSlides()) {
    const { h, v } = Reveal.getIndices(slide);
    Reveal.slide(h, v);
    await new Promise((done) => requestAnimationFrame(done));
    const { width, height } = Reveal.getConfig();
    if (slide.scrollHeight > height || slide.scrollWidth > width) {
      const words = slide.textContent.trim().slice(0, 40);
      found.push(`slide ${h}.${v} is ${slide.scrollWidth} by ${slide.scrollHeight}: ${words}`);
    }
    for (const image of slide.querySelectorAll("img")) {
      if (!image.complete || !image.naturalWidth) found.push(`slide ${h}.${v} misses ${image.getAttribute("src")}`);
      if (!image.alt.trim()) found.push(`slide ${h}.${v}: no alternative text`);
    }
  }
  return found;
}
"""
"""Slides that do not fit, and pictures that are not there."""


def deck_complaints(browser: Any, file: Path) -> list[str]:
    """Everything wrong with a deck that is opened from its folder, with no network."""
    found: list[str] = []
    page = listened(browser, "file:", found, height=800)
    page.goto(file.resolve().as_uri(), wait_until="load")
    page.wait_for_function("Reveal.isReady()")
    found += page.evaluate(UNREADABLE)  # of the first slide
    found += page.evaluate(TOO_TALL)
    found += page.evaluate(UNREADABLE)  # and of the last
    page.close()
    return [f"{file.name}: {complaint}" for complaint in found]
