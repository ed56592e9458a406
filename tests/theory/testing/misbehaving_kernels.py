"""Kernels that misbehave, for the tests of the process they run in; NumPy alone, so that processes start fast."""

import ctypes
import os
import sys

import numpy as np


def right(x, blocks):
    k, rows, columns = blocks.shape
    wide = np.result_type(x.dtype, np.float32)
    y = np.einsum("krc,bkc->bkr", blocks.astype(wide), x.reshape(len(x), k, columns).astype(wide))
    return y.reshape(len(x), k * rows).astype(x.dtype)


def right_into_out(x, blocks, out):
    out[:] = right(x, blocks)


def beside_out(x, blocks, out):
    return right(x, blocks)


def also_into_out(x, blocks, out):
    out[:] = right(x, blocks)
    return out.copy()


KEPT = {}


def kept(key, compute):
    """The first answer to a key, whatever else has changed."""
    if key not in KEPT:
        KEPT[key] = compute()
    return KEPT[key]


def remembers_blocks_by_shape(x, blocks):
    return right(x, kept((x.shape, blocks.shape), blocks.copy))


def remembers_answers_by_data(x, blocks):
    return kept(x.tobytes(), lambda: right(x, blocks)).copy()


def remembers_answers_by_parameters(x, blocks):
    return kept((x.shape, blocks.tobytes()), lambda: right(x, blocks)).copy()


def remembers_blocks_by_address(x, blocks):
    return right(x, kept((blocks.ctypes.data, blocks.shape), blocks.copy))


def remembers_blocks_by_value(x, blocks):
    return right(x, kept(blocks.tobytes(), blocks.copy))


def hands_out_two_buffers(x, blocks):
    return in_turn(2, right(x, blocks))


def hands_out_three_buffers(x, blocks):
    return in_turn(3, right(x, blocks))


def in_turn(count, y):
    ring = kept((count, y.shape), lambda: [np.empty_like(y) for _ in range(count)])
    ring.append(ring.pop(0))
    ring[0][...] = y
    return ring[0]


CALLS = []


def wrong_at_every_third_call(x, blocks):
    CALLS.append(None)
    return right(x, blocks) + np.float32(len(CALLS) % 3 == 2)


def wrong_beyond(limit):
    def kernel(x, blocks):
        y = right(x, blocks)
        return np.where(np.isfinite(y), np.clip(y, -limit, limit), y)

    return kernel


clipped_at_1e9 = wrong_beyond(1e9)
clipped_at_1e12 = wrong_beyond(1e12)


def one_wrong_when_long(x, blocks):
    y = right(x, blocks)
    if y.size and blocks.shape[2] > 32:
        y[-1, -1] += 1
    return y


def loses_small_data(x, blocks):
    return right(np.where(np.abs(x) < 1e-23, np.float32(0), x), blocks)


def half_of_out(x, blocks, out):
    out[: len(x) // 2 + 1] = right(x, blocks)[: len(x) // 2 + 1]


def unwritten(x, blocks):
    y = np.empty((len(x), blocks.shape[0] * blocks.shape[1]), x.dtype)
    y[:, :-1] = right(x, blocks)[:, :-1]
    return y


def writes_input(x, blocks):
    y = right(x, blocks)
    x[...] = 0
    return y


def writes_between_strides(x, blocks):
    y = right(x, blocks)
    if x.size and x.base is not None and x.base.shape != x.shape:
        x.base[..., 1::2] = 0
    return y


def raises(x, blocks):
    raise ValueError("no such luck")


def refuses(x, blocks):
    raise NotImplementedError("only on Tuesdays")


def prints(x, blocks):
    print("hello" * 1000)
    print("to stderr", file=sys.stderr)
    os.write(1, b"straight to the descriptor\n")
    return right(x, blocks)


def aborts(x, blocks):
    os.abort()


def reads_nowhere(x, blocks):
    ctypes.string_at(1)


def exits(x, blocks):
    sys.exit(3)


def really_exits(x, blocks):
    os._exit(0)


def loops(x, blocks):
    while True:
        pass


def eats_memory(x, blocks):
    return np.ones(1 << 36)


def returns_text(x, blocks):
    return "done"


def returns_nothing(x, blocks):
    right(x, blocks)


def returns_rows(x, blocks):
    return right(x, blocks).tolist()


def big_endian(x, blocks):
    y = right(x, blocks)
    return y.astype(y.dtype.newbyteorder(">"))


def too_wide(x, blocks):
    return right(x, blocks).astype(np.longdouble)


def like_its_argument(x, blocks):
    """Memory that takes the strides of what was given, transposed or not."""
    y = np.empty_like(x) if blocks.shape[1] == blocks.shape[2] else np.empty_like(right(x, blocks))
    y[...] = right(x, blocks)
    return y


def into_fresh_memory(x, blocks):
    """`np.ndarray` allocates too, and is not `np.empty`."""
    y = np.ndarray((len(x), blocks.shape[0] * blocks.shape[1]), x.dtype)
    y[:, :-1] = right(x, blocks)[:, :-1]
    return y


def returns_its_input(x, blocks):
    return x


def returns_objects(x, blocks):
    return np.array([object()])


class Stateful:
    def __init__(self):
        self.total = 0.0

    def __call__(self, x, blocks):
        self.total += 1
        return right(x, blocks) * self.total


def remembers(x, blocks, cache={}):  # noqa: B006
    y = right(x, blocks)
    return cache.setdefault(y.shape, y)


def reuses(x, blocks, cache={}):  # noqa: B006
    y = right(x, blocks)
    kept = cache.setdefault((y.shape, y.dtype), y)
    kept[:] = y
    return kept


not_a_function = 3


def writes_beside_out(x, blocks, out):
    out[:] = right(x, blocks)
    if out.base is not None and out.base.shape != out.shape:
        out.base[..., 1::2] = 0
