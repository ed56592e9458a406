"""The pictures to project: twenty or more, each with a title, a text and a description, as SVG and as PDF."""

import matplotlib.pyplot as plt
import pytest
from daily import but_long

from monarch_theory.gallery import GALLERY, write


def test_there_are_twenty_and_each_says_what_it_is():
    assert len(GALLERY) >= 20
    titles = [row.title for row in GALLERY.values()]
    assert len(set(titles)) == len(titles)
    for row in GALLERY.values():
        assert row.title and row.text.endswith(".") and len(row.shows) > 30


DEAR = ("layers", "costs", "contracts", "parameters", "padding", "rounding", "structure")
EACH = [(name, kind) for kind in ("svg", "pdf") for name in GALLERY]


@pytest.mark.parametrize(
    ("name", "kind"),
    but_long(EACH, [(name, kind) for name, kind in EACH if name != "digits" and (kind == "pdf" or name in DEAR)]),
)
def test_each_is_drawn_and_written(name, kind, tmp_path):
    before = plt.get_fignums()
    write(name, tmp_path / f"{name}.{kind}")
    assert (tmp_path / f"{name}.{kind}").read_bytes().startswith({"svg": b"<?xml", "pdf": b"%PDF"}[kind])
    assert plt.get_fignums() == before


@pytest.mark.parametrize("kind", ["svg", "pdf", "png"])
def test_the_same_bytes_every_time(kind, tmp_path):
    first, second = tmp_path / f"one.{kind}", tmp_path / f"two.{kind}"
    for file in (first, second):
        write("digits", file)
    assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize("name", ["staircase", "one-degree-too-high", "other-radices", "padding", "leaks", "layers"])
def test_indices_have_integer_ticks(name):
    figure = GALLERY[name].draw()
    figure.canvas.draw()
    for axis in figure.axes:
        assert all(float(tick).is_integer() for tick in [*axis.get_xticks(), *axis.get_yticks()])
    plt.close(figure)


def test_what_cannot_be_written_is_refused_by_name(tmp_path):
    with pytest.raises(ValueError, match="name: expected one of two-factors"):
        write("unknown", tmp_path / "one.svg")
    with pytest.raises(ValueError, match=r"file: expected a name that ends in \.svg, \.pdf or \.png, got"):
        write("digits", tmp_path / "one.jpeg")
