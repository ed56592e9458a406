"""Answers to the exercises to program. The tests grade every one of them."""

import numpy as np


def dense(R, L):
    a1, i0, a0 = R.shape
    _, i1, _ = L.shape
    return np.einsum("xzy,yxw->zxwy", L, R).reshape(i1 * i0, a0 * a1)


def multiply(R, L, x):
    a1, _, a0 = R.shape
    middle = np.einsum("yxw,wy->xy", R, x.reshape(a0, a1))  # (i0, a1)
    return np.einsum("xzy,xy->zx", L, middle).reshape(-1)


def reverse_digits(radices):
    return np.arange(np.prod(radices)).reshape(radices).T.reshape(-1)


def twiddles(b, q, omega):
    b, q, omega = int(b), int(q), int(omega)
    L = np.ones((b, b, b), dtype=np.int64)
    for i0, i1, a1 in np.ndindex(b, b, b):
        L[i0, i1, a1] = pow(omega, (i1 * b + i0) * a1, q)
    return L


def column(ell, r):
    N, b = len(ell), len(r)
    q = np.zeros(N, dtype=np.int64)
    for e, c in enumerate(ell):
        for f, d in enumerate(r):
            q[(e + b * f) % N] += c * d
    return q


def padding(n, m):
    return n + m - 1


def structure(N):
    T = np.zeros((int(N),) * 3, dtype=np.int64)
    for j, jp in np.ndindex(int(N), int(N)):
        T[(j + jp) % N, j, jp] = 1
    return T


def first_leak(T):
    for i, j, jp in np.argwhere(T):
        if j > i:
            return np.array([i, j, jp])
    return np.array([-1, -1, -1])


def caps(b):
    a0 = np.arange(b)[:, None]
    return np.where(a0 < b // 2, b // 2 - 1, b - 1) + np.zeros(b, dtype=np.int64)


def is_monarch(A, b):
    b = int(b)
    slices = A.reshape(b, b, b, b)  # i1, i0, a0, a1
    for i0, a1 in np.ndindex(b, b):
        block = slices[:, i0, :, a1].astype(object)
        minors = block[:, None, :, None] * block[None, :, None, :] - block[:, None, None, :] * block[None, :, :, None]
        if minors.any():  # some 2 × 2 minor is not zero: rank above one
            return np.array(0)
    return np.array(1)


def weights(d, blocks):
    return (d * 8 * d + 4 * d * d) // blocks


def kernel(x, R, L):
    a1, _, a0 = R.shape
    middle = np.einsum("yxw,nwy->nxy", R, x.reshape(len(x), a0, a1))
    return np.einsum("xzy,nxy->nzx", L, middle).reshape(len(x), -1)


def rebased(C, k):
    n, c = len(C), C @ k
    right = sum(c[i] * np.eye(n, k=-i, dtype=np.int64) for i in range(n)) @ C
    found = np.zeros_like(right)
    for i in range(n):  # forward substitution: the diagonal of C is one
        found[i] = right[i] - C[i, :i] @ found[:i]
    return found


def profile(signal, kernel):
    L = len(signal)
    found = np.full(L, -1)
    for shift in np.flatnonzero(kernel):
        found = np.maximum(found, np.roll(signal, shift))
    return found


def distinct(n, bits):
    x = np.arange(1, int(n)) / (n - 1)
    spacing = np.exp2(np.floor(np.log2(x)) + 1 - bits)
    return np.array(1 + len(np.unique(np.rint(x / spacing) * spacing)))


def short_convolution(weight, u):
    channels, _, taps = weight.shape
    late = np.concatenate([np.zeros((taps - 1, channels), dtype=u.dtype), u])  # (taps − 1 + n, channels)
    return sum(weight[:, 0, t] * late[t : t + len(u)] for t in range(taps))


def pattern(lengths, w):
    document = np.repeat(np.arange(len(lengths)), lengths)
    i, j = np.indices((len(document),) * 2)
    return ((document[i] == document[j]) & (j <= i) & (i - j < w)).astype(np.int64)


def samples(d, miss):
    m, missed, needed = 0, 1, 1  # the fault is missed with probability ((d − 1)/d)^m = missed/needed
    while missed * int(miss) > needed:
        m, missed, needed = m + 1, missed * (int(d) - 1), needed * int(d)
    return np.array(m)


def fewest(N):
    N = int(N)
    return np.array(min(N * (n0 + N // n0) for n0 in range(1, N + 1) if N % n0 == 0))
