"""The pictures of the lessons: a style that stays inside, ticks that are indices, Matplotlib only where it is used."""

import subprocess
import sys

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest

from monarch_theory import pictures
from monarch_theory.causality import CausalMonarch, MonarchOperator
from monarch_theory.causality.counterexamples import degree_too_high, pointwise
from monarch_theory.domains import FLOAT64, Cyclotomic, PrimeField, prime_with_root
from monarch_theory.monarch import random_monarch


def test_matplotlib_is_loaded_when_a_picture_is_drawn():
    code = "import sys, monarch_theory.pictures; print('matplotlib' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_the_style_stays_inside(monkeypatch):
    pictures.subplots()
    before = dict(matplotlib.rcParams)
    _, axis = pictures.subplots(figsize=(2, 2))
    assert dict(matplotlib.rcParams) == before and not axis.spines["right"].get_visible()
    with pytest.raises(ValueError):
        pictures.subplots(0, 0)
    assert dict(matplotlib.rcParams) == before
    plt.close("all")


@pytest.mark.parametrize("radices", [(2, 2), (3, 3), (2, 4, 3)])
def test_ticks_of_a_staircase_are_integers(radices):
    field = PrimeField(prime_with_root(int(np.prod(radices))))
    figure = pictures.staircase(CausalMonarch(radices).random(field, np.random.default_rng(0)))
    figure.canvas.draw()
    (axis,) = figure.axes
    for ticks in (axis.get_xticks(), axis.get_yticks()):
        assert all(float(tick).is_integer() for tick in ticks)
    plt.close(figure)


def test_red_is_a_leak_and_nothing_else():
    within = MonarchOperator(CausalMonarch((2, 2)).monomial(Cyclotomic(4)))
    figure = pictures.causality({"within": within, "leaky": degree_too_high(), "pointwise": pointwise()})
    drawn = [axis.images[0].get_array().tolist() for axis in figure.axes]
    assert drawn == [[[1, 0], [1, 1]], [[1, 2], [1, 1]], [[1, 0], [0, 1]]]
    plt.close(figure)


def test_matrices_of_any_domain_are_drawn():
    rng = np.random.default_rng(0)
    for domain in (FLOAT64, PrimeField(17), Cyclotomic(4)):
        figure = pictures.factors(random_monarch((2, 3), domain, rng))
        assert [axis.get_title() for axis in figure.axes] == ["factor 0", "factor 1", "dense"]
        plt.close(figure)
