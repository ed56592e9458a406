"""torch.nn.TransformerEncoderLayer with its mask, without it, and left in training mode.

monarch causal examples/torch_transformer.py:Masked --shape 2,n,16
monarch causal examples/torch_transformer.py:unmasked --shape 2,n,16
monarch causal examples/torch_transformer.py:training --shape 2,n,16
"""

from torch import nn


class Masked(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.TransformerEncoderLayer(16, nhead=4, dim_feedforward=32, batch_first=True)
        self.eval()

    def forward(self, x):
        mask = nn.Transformer.generate_square_subsequent_mask(x.shape[1], dtype=x.dtype)
        return self.layer(x, src_mask=mask, is_causal=True)


def unmasked():
    return nn.TransformerEncoderLayer(16, nhead=4, dim_feedforward=32, batch_first=True).eval()


def training():
    """Its dropout is random: refused, with advice."""
    return nn.TransformerEncoderLayer(16, nhead=4, dim_feedforward=32, batch_first=True)
