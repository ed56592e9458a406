"""torch.nn.LSTM in one direction and in both. It returns a tuple, of which the first array is checked.

monarch causal examples/torch_lstm.py:forward --shape 2,n,8
monarch causal examples/torch_lstm.py:bidirectional --shape 2,n,8
"""

from torch import nn


def forward():
    return nn.LSTM(8, 8, num_layers=2, batch_first=True)


def bidirectional():
    return nn.LSTM(8, 8, batch_first=True, bidirectional=True)
