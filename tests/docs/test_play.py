"""The pages to play with, in a real headless Chromium: Python's own numbers, by keyboard, and on a phone."""

import functools
import itertools
import re
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser import complaints

from monarch_theory.causality import MonarchOperator, decide, degree_caps
from monarch_theory.causality.conditions import basis_degrees, degree_profile
from monarch_theory.domains import PrimeField, SingularBlockError, prime_with_root
from monarch_theory.polynomials import BasisPolynomials, View

PAGE = Path(__file__).parents[2] / "docs" / "play"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright: pip install '.[docs]'")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs the Debian package `chromium`, which is not installed")


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(PAGE)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def tab(browser: Any) -> Any:
    """One tab, which all that look at a page share: a new one takes longer than the page."""
    return browser.new_page()


@contextmanager
def opened(tab: Any, address: str, choice: str = "", width: int = 1000, file: str = "index.html") -> Iterator[Any]:
    """The page with no console message, no error, and no request to another host by the time it is left."""
    complaints: list[str] = []
    heard = {
        "console": lambda message: complaints.append(message.text),
        "pageerror": lambda error: complaints.append(str(error)),
        "requestfailed": lambda request: complaints.append(f"failed: {request.url}"),
        "request": lambda request: request.url.startswith((address, "data:")) or complaints.append(request.url),
    }
    tab.goto("about:blank")
    tab.set_viewport_size({"width": width, "height": 800})
    for event, hear in heard.items():
        tab.on(event, hear)
    try:
        tab.goto(f"{address}/{file}#{choice}")
        yield tab
    finally:
        for event, hear in heard.items():
            tab.remove_listener(event, hear)
    assert complaints == []


def operator_of(numbers: dict[str, Any]) -> MonarchOperator:
    """The same polynomials through monarch_theory."""
    b, p = numbers["b"], numbers["p"]
    assert numbers["q"] == prime_with_root(b**p, below=1000)
    stages = tuple(
        np.array(stage).reshape((b,) * (p - k) + (b ** (k + 1),)) for k, stage in enumerate(numbers["coefficients"])
    )
    polynomials = BasisPolynomials(stages, (b,) * p, PrimeField(numbers["q"]), View.UNIVARIATE)
    return MonarchOperator(polynomials.to_monarch(), n=numbers["n"])


SINGULAR = "b=2&p=2&terms=ends&bounds=0.1_1.2"
CHOICES = [
    "b=4&p=2",
    "b=4&p=2&terms=all&seed=3&filter=random",
    "b=4&p=2&terms=ends&bounds=2.1.2.3_0.1.2.3&filter=ramp",
    "b=2&p=2&terms=ends&bounds=1.1_0.1&filter=shift",
    "b=2&p=4&terms=all&seed=1&filter=own&own=3,-1,4,1",
    "b=3&p=3&terms=all&filter=ramp",
    SINGULAR,
]
MORE = [
    "b=4&p=2&terms=all&seed=5&bounds=2.3.3.3_3.3.3.3&filter=random",
    "b=2&p=6&terms=all&seed=2&bounds=1.1_1.1_1.1_1.1_1.1_1.1&filter=random",
    "b=3&p=2&terms=all&seed=9&filter=random",
    "b=5&p=2&terms=all&seed=4&bounds=4.4.4.4.4_4.4.4.4.4",
    "b=8&p=2&terms=all&filter=random",
]


@pytest.mark.parametrize("choice", [*CHOICES, *(pytest.param(c, marks=pytest.mark.long) for c in MORE)])
def test_every_number_is_the_one_python_gives(tab: Any, address: str, choice: str) -> None:
    with opened(tab, address, choice) as page:
        numbers = page.evaluate("numbers()")
    operator = operator_of(numbers)
    for ours, theirs in zip(operator.M0.factors, numbers["factors"], strict=True):
        np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_array_equal(operator.M0.dense(), numbers["matrix"])
    degrees = basis_degrees(degree_profile(operator.M0))
    np.testing.assert_array_equal(np.stack(degrees, axis=1), numbers["degrees"])
    try:
        inverse = operator.interpolation.dense()
    except SingularBlockError:
        assert choice == SINGULAR and numbers["interpolation"] is None
        assert numbers["sentence"].startswith("M is singular")
        return
    assert choice != SINGULAR
    np.testing.assert_array_equal(inverse, numbers["interpolation"])
    np.testing.assert_array_equal(operator.tensor(), numbers["T"])
    np.testing.assert_array_equal(operator.matrix(np.array(numbers["k"])), numbers["applied"])
    assert str(decide(operator, route="every filter")) == numbers["sentence"]


def test_caps_are_the_least_of_those_python_gives(tab: Any, address: str) -> None:
    with opened(tab, address) as page:
        for b, p in [(2, 2), (2, 5), (3, 2), (3, 3), (4, 3), (5, 2), (6, 2), (7, 2)]:
            n = b**p // 2
            ours = [cap.reshape(-1).tolist() for cap in degree_caps((b,) * p, n)]
            assert page.evaluate(f"arithmetic.degreeCaps({b}, {p}, {n})") == ours
            least = [cap.reshape(b, -1).min(axis=1).tolist() for cap in degree_caps((b,) * p, n)]
            assert page.evaluate(f"arithmetic.digitCaps({b}, {p}, {n})") == least


@pytest.mark.parametrize("choice", CHOICES[1:3])
def test_the_python_it_offers_prints_what_it_shows(
    tab: Any, address: str, choice: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with opened(tab, address, choice) as page:
        numbers = page.evaluate("numbers()")
    exec(compile(numbers["python"], "<page>", "exec"), {})
    printed = capsys.readouterr().out
    assert printed == f"{numbers['sentence']}\n{np.array(numbers['applied'])}\n"


def test_a_degree_dragged_past_its_bound_shows_the_leak(tab: Any, address: str) -> None:
    with opened(tab, address) as page:
        assert page.inner_text("#verdict").startswith("causal")
        box = page.locator("rect.grip").first.bounding_box()
        x = box["x"] + box["width"] / 2
        page.mouse.move(x, box["y"] + box["height"] - 3)
        page.mouse.down()
        page.mouse.move(x, box["y"] + 0.3 * box["height"], steps=5)
        page.mouse.up()
        assert page.evaluate("numbers().choice.bounds[0][0]") > 1
        assert page.inner_text("#verdict").startswith("not causal: output 0 sees input 1")
        assert page.locator("rect.over").count() == 4
        assert page.locator("#degree-0-0").get_attribute("aria-valuetext").endswith("past its bound 1")


def test_everything_works_by_keyboard(tab: Any, address: str) -> None:
    with opened(tab, address) as page:
        reached = []
        for _ in itertools.repeat(None, 40):
            page.keyboard.press("Tab")
            reached.append(page.evaluate("document.activeElement.id || document.activeElement.tagName"))
        wanted = {"b", "p", "terms", "seed", "filter", "own", "degree-0-0", "degree-1-3", "mask", "dense", "copy"}
        assert wanted <= set(reached)
        page.focus("#degree-0-0")
        page.keyboard.press("ArrowRight")
        assert page.inner_text("#verdict").startswith("causal")
        page.keyboard.press("ArrowRight")
        assert page.inner_text("#verdict").startswith("not causal")
        page.focus("#mask")
        page.keyboard.press("ArrowRight")
        assert page.inner_text("#mask-cell").startswith("output 0 sees input 1")
        assert page.inner_text("#mask-cell").endswith("a leak")
        page.focus("#dense")
        for key in ("ArrowDown", "ArrowRight", "ArrowRight"):
            page.keyboard.press(key)
        matrix = page.evaluate("numbers().matrix")
        assert page.inner_text("#dense-cell").startswith(f"M[1, 2] = {matrix[1][2]}")
        page.get_by_role("button", name="Fourier").focus()
        page.keyboard.press("Enter")
        assert page.inner_text("#verdict").startswith("causal")


def test_changing_the_size_keeps_the_page_whole(tab: Any, address: str) -> None:
    with opened(tab, address) as page:
        for b, p in [("2", "6"), ("3", "3"), ("8", "2"), ("5", "2")]:
            page.select_option("#b", b)
            page.select_option("#p", p)
            for button in ("One degree too many", "Random, within bounds"):
                page.get_by_role("button", name=button).click()
            assert page.inner_text("#verdict").startswith("causal")
            assert page.locator("#factors canvas").count() == int(p)
            assert page.locator("#sliders input").count() == int(b) * int(p)


@pytest.mark.parametrize("choice", ["", "b=2&p=6&terms=all", "b=8&p=2&terms=all"])
def test_a_phone_shows_it_without_scrolling_sideways(tab: Any, address: str, choice: str) -> None:
    with opened(tab, address, choice, width=320) as page:
        assert page.evaluate("document.documentElement.scrollWidth") <= 320
        heights = "[...document.querySelectorAll('#staircase text')].map((t) => t.getBoundingClientRect().height)"
        assert min(page.evaluate(heights)) > 10


def test_coefficients_of_any_size_are_exact_and_what_is_no_integer_is_refused(tab: Any, address: str) -> None:
    """2^53 + 1 is the first whole number that JavaScript's own numbers cannot hold."""
    with opened(tab, address, "b=4&p=2") as page:
        page.select_option("#filter", "own")
        for text in ("9007199254740993, -9007199254740993", f"{10**40 + 7} 1"):
            page.fill("#own", text)
            numbers = page.evaluate("numbers()")
            wanted = [int(word) % numbers["q"] for word in text.replace(",", " ").split()]
            assert numbers["k"][:2] == wanted and not any(numbers["k"][2:])
            assert page.inner_text("#own-refused") == ""
        for text in ("1.5", "2, x", "1e3", "--1"):
            page.fill("#own", text)
            assert page.evaluate("numbers()")["k"][:2] == wanted
            assert page.inner_text("#own-refused").startswith("expected whole numbers, got")
            assert page.get_attribute("#own", "aria-invalid") == "true"


def test_a_broken_address_falls_back(tab: Any, address: str) -> None:
    with opened(tab, address, "b=99&p=x&bounds=1.z_&terms=<b>&own=1;drop&filter=own") as page:
        assert page.evaluate("numbers().b") == 4
        assert page.inner_text("#verdict").startswith("causal")


def test_the_comparison_can_fail(tab: Any, address: str) -> None:
    """A page with one wrong factor entry is told apart from a right one."""
    with opened(tab, address, CHOICES[1]) as page:
        numbers = page.evaluate("numbers()")
    numbers["coefficients"][0][0][1] = (numbers["coefficients"][0][0][1] + 1) % numbers["q"]
    assert (operator_of(numbers).M0.dense() != np.array(numbers["matrix"])).any()


GRAPHS = [
    "",
    "n=8&contract=window&layers=window.0.-_window.1.-",
    "n=6&contract=causal&layers=causal.0.-_all.1.1",
    "n=8&contract=causal&layers=ahead.0.-_back.1.-_causal.2.0",
    "n=4&contract=strict&layers=own.0.-.7310_reversed.1.0_pointwise.0.2",
    "n=12&contract=blocks&layers=blocks.0.0_blocks.1.-_blocks.2.1",
    "n=16&contract=causal&layers=pointwise.0.-_back.0.1_back.2.2_window.1.3_causal.4.4_pointwise.5.-",
]


def reached(numbers: dict[str, Any]) -> np.ndarray:
    """What the last layer may depend on, from the masks and connections alone."""
    seen = [np.eye(numbers["n"], dtype=bool)]
    for layer, mask in zip(numbers["choice"]["layers"], numbers["masks"], strict=True):
        through = np.array(mask, dtype=int) @ seen[layer["reads"]] > 0
        seen.append(through if layer["adds"] is None else through | seen[layer["adds"]])
    return seen[-1]


@pytest.mark.parametrize("choice", GRAPHS)
def test_what_may_leak_is_what_the_masks_say(
    tab: Any, address: str, choice: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with opened(tab, address, choice, file="graph.html") as page:
        numbers = page.evaluate("numbers()")
        whole = np.array(numbers["whole"])
        np.testing.assert_array_equal(whole, reached(numbers))
        np.testing.assert_array_equal(numbers["leaks"], np.argwhere(whole & ~np.array(numbers["allowed"])).tolist())
        for i, j in np.argwhere(whole)[::3].tolist():  # every way it tells is one that the masks allow
            steps = page.evaluate(f"way(shown.seen.length - 1, {i}, {j})")
            assert steps[0] == [len(numbers["masks"]), i] and steps[-1] == [0, j]
            for (node, to), (before, start) in itertools.pairwise(steps):
                layer = numbers["choice"]["layers"][node - 1]
                read = before == layer["reads"] and numbers["masks"][node - 1][to][start]
                assert read or (before == layer["adds"] and start == to)
    exec(compile(numbers["python"], "<page>", "exec"), {})
    printed = capsys.readouterr().out.strip()
    assert printed.startswith("holds" if not numbers["leaks"] else "may leak")
    if numbers["leaks"]:
        i, j = numbers["leaks"][0]
        assert printed == f"may leak: output {i} may see input {j}, {len(numbers['leaks'])} in all"
        assert f"output {i} may see input {j}: a leak" in numbers["sentence"]


def test_a_graph_is_drawn_by_keyboard(tab: Any, address: str) -> None:
    with opened(tab, address, "n=4&contract=causal&layers=causal.0.-", file="graph.html") as page:
        assert page.inner_text("#verdict").startswith("holds")
        focused = set()
        for _ in itertools.repeat(None, 20):
            page.keyboard.press("Tab")
            focused.add(page.evaluate("document.activeElement.id || document.activeElement.tagName"))
        assert {"n", "contract", "kind-1", "reads-1", "adds-1", "mask-1", "add", "whole", "copy", "python"} <= focused
        page.focus("#mask-1")
        for key in ("ArrowRight", "ArrowRight", " "):
            page.keyboard.press(key)
        assert page.inner_text("#cell-1") == "output 0 reads position 2 of the input"
        assert page.inner_text("#verdict").startswith("may leak (causal: j ≤ i): output 0 may see input 2: a leak")
        assert page.locator("#paths").get_attribute("aria-label") == "The way layer 1 at 0 ← input 2"
        page.keyboard.press("Enter")
        assert page.inner_text("#verdict").startswith("holds")
        page.focus("#add")
        page.keyboard.press("Enter")
        assert page.evaluate("choice.layers.length") == 2
        page.select_option("#kind-2", "reversed")
        page.select_option("#adds-2", "0")
        assert page.inner_text("#verdict").startswith("may leak")
        page.get_by_role("button", name="Remove layer 1").click()
        assert page.evaluate("choice.layers.map(({ reads, adds }) => [reads, adds])") == [[0, 0]]
        page.focus("#whole")
        assert page.inner_text("#whole-cell").startswith("output 0 may see input 0")


def test_both_pages_fit_and_can_be_read(browser: Any, address: str) -> None:
    """At the width of a desk and of a phone, light and dark: contrast, overflow, errors, requests."""
    shown = "graph.html#n=8&contract=causal&layers=causal.0.-_all.1.1"  # with a leak, and so with its colours
    assert complaints(browser, address, ["index.html", "graph.html", shown]) == []


@pytest.mark.parametrize("file", ["index.html", "graph.html"])
def test_everything_that_can_be_reached_has_a_name(tab: Any, address: str, file: str) -> None:
    """What a screen reader says of each control and picture, from the browser's own accessibility tree."""
    with opened(tab, address, file=file) as page:
        names = page.evaluate("""() => [...document.querySelectorAll('select, input, button, canvas, svg, [tabindex]')]
            .map((e) => [e.id, e.getAttribute('aria-label') || (e.labels?.[0] ?? e).textContent.trim()])
            .filter(([, name]) => !name)""")
        assert names == []
        tree = page.locator("body").aria_snapshot()
        assert not [
            line for line in tree.splitlines() if re.search(r"- (combobox|button|slider|textbox|spinbutton)$", line)
        ]


@pytest.mark.parametrize(
    "choice", ["", "n=16&layers=all.0.-_all.1.-_all.2.-_all.3.-_all.4.-_all.5.-", "n=2&layers=own.0.-"]
)
def test_a_phone_shows_a_graph_without_scrolling_sideways(tab: Any, address: str, choice: str) -> None:
    with opened(tab, address, choice, width=320, file="graph.html") as page:
        assert page.evaluate("document.documentElement.scrollWidth") <= 320


@pytest.mark.parametrize(
    "broken", ["n=99&contract=x&layers=<b>", "layers=own.0.-.zz", "layers=causal.9.9_nothing.0.0", "n=4&layers="]
)
def test_a_broken_address_of_a_graph_falls_back(tab: Any, address: str, broken: str) -> None:
    with opened(tab, address, broken, file="graph.html") as page:
        assert page.inner_text("#verdict").startswith("holds (causal: j ≤ i)")
