"""SciPy's transforms as kernels: other people's right code."""

import numpy as np
import scipy.fft
import scipy.signal


def fft(x):
    return scipy.fft.fft(x) if x.size else x.copy()


def monarch_dft(x, radices):
    return scipy.fft.fft(x) if x.size else x.copy()


def inverse_monarch_dft(x, radices):
    return scipy.fft.ifft(x) if x.size else x.copy()


def circular_convolution(u, k):
    wide = np.float32 if u.dtype == np.float16 else u.dtype
    if not u.size:
        return u.copy()
    spectrum = scipy.fft.fft(u.astype(wide)) * scipy.fft.fft(k.astype(wide))
    return scipy.fft.ifft(spectrum).real.astype(u.dtype)


def long_convolution(u, k, gate, skip):
    """Summed directly, with no transform at all."""
    wide = np.float32 if u.dtype == np.float16 else u.dtype
    y = np.empty(u.shape, u.dtype)
    for index in np.ndindex(u.shape[:-1]):
        channel = index[1]
        row = u[index].astype(wide)
        full = scipy.signal.convolve(row, k[channel].astype(wide), method="direct")[: len(row)]
        y[index] = gate[index] * (full + skip[channel] * row)
    return y
