"""Models that misbehave, for `test_callables`; none needs torch, and importing this file does no harm."""

import ctypes
import functools
import os
import random
import sys
import threading
import time

import numpy as np


def prints(x):
    print("hello from the model")
    os.write(1, b"hello from below\n")
    return np.cumsum(x)


def reads_stdin(x):
    return np.cumsum(x) + len(sys.stdin.read())


def raises(x):
    raise ValueError("this model is broken")


def raises_late(x, calls=[]):  # noqa: B006
    calls.append(1)
    if len(calls) > 20:
        raise ArithmeticError("tired")
    return np.cumsum(x)


def exits(x):
    sys.exit(0)


def exits_at_once(x):
    os._exit(0)


def segfaults(x):
    ctypes.string_at(0)


def hangs(x):
    while True:
        time.sleep(1)


def eats_memory(x):
    return np.ones(10**12) * x[0]


def eats_memory_in_python(x):
    kept = []
    while True:
        kept.append(bytearray(10**8))


def writes_input(x):
    x[1:] += x[:-1].copy()
    return x


def gives_none(x):
    return None


def gives_text(x):
    return "causal"


def gives_objects(x):
    return np.array([object()] * len(x))


def gives_scalar(x):
    return x.sum()


def gives_shorter(x):
    return x[:-1]


def gives_nan(x):
    return np.sqrt(x)


def gives_only_nan(x):
    return x * np.nan


def gives_infinity(x):
    y = np.cumsum(x)
    y[3] = np.inf
    return y


def draws_random(x):
    return np.cumsum(x) + np.random.standard_normal(len(x))


def draws_random_python(x):
    return np.cumsum(x) + random.random()


def draws_little(x):
    """Random, and small."""
    return np.cumsum(x) * (1 + 1e-10 * np.random.standard_normal())


def reads_clock(x):
    return np.cumsum(x) + time.time_ns() % 1000


class Streaming:
    """Carries its sum from call to call."""

    def __init__(self):
        self.sum = 0.0

    def __call__(self, x):
        y = np.cumsum(x) + self.sum
        self.sum = y[-1]
        return y


class StreamingLeak(Streaming):
    def __call__(self, x):
        return super().__call__(x) + 1e-6 * x[-1]


@functools.cache
def first_answer(n):
    return {}


def stale(x):
    """Keeps its first answer for ever, and its first answer is not causal."""
    kept = first_answer(len(x))
    return kept.setdefault("y", x[::-1].copy())


def awakens(x, calls=[]):  # noqa: B006
    """Behaves for a while."""
    calls.append(1)
    return x[::-1].copy() if len(calls) > 60 else np.cumsum(x)


def constant(x):
    return np.ones(len(x))


def starts_threads(x):
    threading.Thread(target=time.sleep, args=(1000,)).start()
    return np.cumsum(x)


def forks(x):
    os.fork()
    return np.cumsum(x)


def closes_everything(x):
    os.closerange(0, 100)
    return np.cumsum(x)


def needs_two(x, y):
    return x + y


def makes_model():
    return np.cumsum


def makes_with_default(width=3):
    return lambda x: np.cumsum(x) * width


def makes_nothing():
    return 3


class NeedsArgument:
    def __init__(self, width):
        self.width = width

    def __call__(self, x):
        return x


class Holder:
    class Inner:
        model = staticmethod(np.cumsum)


partial = functools.partial(np.cumsum, axis=0)
number = 3


def unpicklable(x):
    return (np.cumsum(x), lambda: 1)


def gives_dictionary(x):
    return {"output": np.cumsum(x), "state": x[-1:]}


def subclass(x):
    return np.cumsum(x).view(np.ma.MaskedArray)


def changes_shape(x, calls=[]):  # noqa: B006
    calls.append(1)
    return np.cumsum(x) if len(calls) % 7 else np.cumsum(x)[:, None]
