"""Batch normalisation over time: with statistics of the input itself, every output sees every input.

monarch causal examples/time_batchnorm.py:own_statistics --shape 2,4,n
monarch causal examples/time_batchnorm.py:running_statistics --shape 2,4,n
monarch causal examples/time_batchnorm.py:training --shape 2,4,n
"""

from torch import nn


def own_statistics():
    """Without running statistics the mean and variance are taken over batch and time, in eval mode too."""
    return nn.BatchNorm1d(4, track_running_stats=False).eval()


def running_statistics():
    """With running statistics, in eval mode, it is a map of each token alone."""
    return nn.BatchNorm1d(4).eval()


def training():
    """In training mode it mixes batch and time: refused, with advice."""
    return nn.BatchNorm1d(4)
