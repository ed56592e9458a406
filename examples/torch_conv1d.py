"""torch.nn.Conv1d over time, padded on the left only, and on both sides.

monarch causal examples/torch_conv1d.py:Causal --shape 2,4,n
monarch causal examples/torch_conv1d.py:Same --shape 2,4,n
"""

import torch
from torch import nn


class Causal(nn.Module):
    """Two zeros before the first token, none after the last."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv1d(4, 6, kernel_size=3)

    def forward(self, x):
        return self.conv(nn.functional.pad(x, (2, 0)))


class Same(nn.Module):
    """Padding "same" centres the kernel: token i sees token i + 1."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv1d(4, 6, kernel_size=3, padding="same")

    def forward(self, x):
        return self.conv(x)


class Untrimmed(nn.Module):
    """Padded by two on both sides and not trimmed: the output is longer than the input."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv1d(4, 6, kernel_size=3, padding=2)

    def forward(self, x):
        return torch.relu(self.conv(x))
