"""Models with other contracts than causality, right and a little wrong."""

import numpy as np


def moving_average(x):
    """The mean of the last three."""
    return (x + np.r_[0, x[:-1]] + np.r_[0, 0, x[:-2]]) / 3


def packed(x):
    """The running sum of each of two documents of 5 and 3: but the second begins one place late."""
    return np.r_[np.cumsum(x[:6]), np.cumsum(x[6:])]


def normalised_batch(x):
    """Each row less the mean of all."""
    return np.cumsum(x - x.mean(0), 1)
