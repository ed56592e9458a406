"""The numbers that user code names."""

import functools

import numpy as np
import pytest

from monarch_theory.sandbox.constants import MOST, numbers_named

LIMIT = 12.5


class Base:
    level = 4.5

    def __call__(self, x):
        return self.deeper(x > self.level)

    def deeper(self, x):
        return x * LIMIT


class Held(Base):
    def __init__(self):
        self.own, self.table = 6.25, {"a": [7.75, "text"]}

    @property
    def never_read(self):
        raise RuntimeError("attributes of user code are not run")


def nested(x):
    return [y for y in (lambda z: z + 0.125)(x) if y not in (3, 5)]


def with_default(x, scale=9.5):
    return x * scale


def test_numbers_of_functions_their_globals_and_defaults():
    assert set(numbers_named(nested)) == {0.125, 3.0, 5.0}
    assert numbers_named(with_default) == (9.5,)
    assert set(numbers_named(functools.partial(with_default, scale=2.75))) == {2.75, 9.5}
    assert 12.5 in numbers_named(lambda x: Base().deeper(x))


def test_numbers_of_objects_and_their_classes():
    assert set(numbers_named(Held())) >= {4.5, 6.25, 7.75, 12.5}
    assert set(numbers_named(Held().deeper)) >= {6.25, 12.5}


def test_nothing_of_libraries_and_no_more_than_a_few():
    assert numbers_named(np.cumsum) == () and numbers_named(np.linalg.svd) == ()
    many = list(range(2, 1000))
    assert len(numbers_named(lambda x: x in many)) == MOST
    huge = 10**400
    assert numbers_named(lambda x: x * 1 + 0 - float("nan") + 1e400 + huge) == ()


def test_numbers_of_a_torch_module():
    torch = pytest.importorskip("torch")

    class Model(torch.nn.Module):
        padding = 3.25

        def __init__(self):
            super().__init__()
            self.layer, self.threshold = torch.nn.Linear(17, 23), 0.625

        def forward(self, x):
            return self.layer(x) + (x > self.threshold) + 1.75

    assert set(numbers_named(torch.nn.Sequential(Model()))) == {1.75, 3.25, 0.625}


def test_numbers_that_python_gives_a_class_are_not_its_own():
    """Since Python 3.13 a class holds the line it begins at."""

    class Held:
        __firstlineno__, __array_priority__, threshold = 77, 15.5, 0.375

        def __init__(self):
            self.padding = 2.5

        def __call__(self, x):
            return x + (x == self.padding) + 6.5

    assert set(numbers_named(Held())) == {0.375, 2.5, 6.5}
