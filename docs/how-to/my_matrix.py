"""A 64 × 64 Fourier matrix, written down without a thought about structure."""

import numpy as np

grid = np.outer(np.arange(64), np.arange(64)) % 64
FOURIER = np.exp(-2j * np.pi * grid / 64)
SMOOTH = np.exp(-np.abs(np.subtract.outer(np.arange(64), np.arange(64))) / 8)
