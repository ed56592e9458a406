"""M2-GPT at its full sizes, random weights, and with the FFT padding of one layer dropped.

monarch causal examples/m2_gpt.py:m2_gpt_145m --n 32 --dtype int64 --vocab 50257 --budget 60
monarch causal examples/m2_gpt.py:m2_gpt_360m --n 32 --dtype int64 --vocab 50257 --budget 120
monarch causal examples/m2_gpt.py:unpadded --n 32 --dtype int64 --vocab 50257 --budget 60

`monarch certify m2-gpt-145m` asks layer by layer, and `--leak 7` names the layer that is unpadded.
"""

import torch
from torch import nn

from monarch_gpu.certify import drop_padding
from monarch_gpu.configs import preset
from monarch_gpu.gpt import GPTForCausalLM


class OneSequence(nn.Module):
    """Tokens (n,) to logits (n, vocabulary)."""

    def __init__(self, model):
        super().__init__()
        self.model = model.eval()

    def forward(self, tokens):
        return self.model(tokens[None])[0]


def built(size):
    torch.manual_seed(0)
    return GPTForCausalLM(preset("gpt", size))


def m2_gpt_145m():
    return OneSequence(built("145m"))


def m2_gpt_360m():
    return OneSequence(built("360m"))


def unpadded():
    return OneSequence(drop_padding(built("145m"), 7))
