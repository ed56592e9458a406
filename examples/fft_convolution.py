"""A long convolution by the FFT, with and without the padding that keeps it causal.

monarch causal examples/fft_convolution.py:padded --n 1024
monarch causal examples/fft_convolution.py:unpadded --n 1024
"""

import numpy as np


def decaying_filter(n):
    return np.exp(-np.arange(n) / 20) * np.cos(np.arange(n))


def padded(x):
    """Zeros up to twice the length: what wraps around lands in the part that is cut off."""
    n = len(x)
    spectrum = np.fft.rfft(x, 2 * n) * np.fft.rfft(decaying_filter(n), 2 * n)
    return np.fft.irfft(spectrum, 2 * n)[:n]


def unpadded(x):
    """A circular convolution: the end of the sequence wraps around to its beginning."""
    n = len(x)
    return np.fft.irfft(np.fft.rfft(x) * np.fft.rfft(decaying_filter(n)), n)


def padded_single(x):
    """In single precision, inside: the transform leaks 1e-8 into the past, which is rounding and not a fault."""
    return padded(x.astype(np.float32)).astype(x.dtype)
