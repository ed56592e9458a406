"""A running average that is causal, and one that is not because it normalises over the whole sequence."""

import numpy as np


def running_mean(x):
    return np.cumsum(x) / np.arange(1, len(x) + 1)


def normalised_mean(x):
    return running_mean((x - x.mean()) / x.std())
