"""M2-ViT, an image classifier, and ViT, its baseline (Fu et al. 2023, §5.2).

Patches are read row by row as one sequence. M2-ViT averages over the patches; ViT has a class token and positional
embeddings.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from monarch_gpu.configs import Config, ViTConfig
from monarch_gpu.layers import DimensionMixer, SequenceMixer, added, one_room
from monarch_gpu.pretrained import Outputs, Pretrained, keep, loss_of
from monarch_gpu.transformer import Attention, FeedForward

__all__ = ["ViTForImageClassification"]


class Block(nn.Module):
    """One pre-norm layer of either architecture."""

    def __init__(self, config: ViTConfig) -> None:
        super().__init__()
        monarch = config.architecture == "monarch-mixer"
        self.layernorm_before = nn.LayerNorm(config.hidden_size, config.layer_norm_eps)
        self.sequence_mixer = SequenceMixer(config) if monarch else Attention(config, causal=False)
        self.layernorm_after = nn.LayerNorm(config.hidden_size, config.layer_norm_eps)
        self.dimension_mixer = DimensionMixer(config) if monarch else FeedForward(config)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.sequence_mixer(self.layernorm_before(x))
        return added(x, self.dimension_mixer, before=self.layernorm_after)


class ViT(nn.Module):
    """Images (batch, colours, height, width) → one state for an image (batch, d); `states` collects those inside."""

    def __init__(self, config: ViTConfig) -> None:
        super().__init__()
        size = config.patch_size
        self.patch_embeddings = nn.Conv2d(config.num_channels, config.hidden_size, size, stride=size)
        transformer = config.architecture == "transformer"
        self.cls_token = nn.Parameter(torch.zeros(1, 1, config.hidden_size)) if transformer else None
        positions = torch.zeros(1, config.max_position_embeddings + 1, config.hidden_size)
        self.position_embeddings = nn.Parameter(nn.init.normal_(positions, std=0.02)) if transformer else None
        self.encoder = nn.ModuleList(Block(config) for _ in range(config.num_hidden_layers))
        self.layernorm = nn.LayerNorm(config.hidden_size, config.layer_norm_eps)

    def forward(self, pixel_values: Tensor, states: list[Tensor] | None = None) -> Tensor:
        x = self.patch_embeddings(pixel_values).flatten(2).transpose(1, 2)
        if self.cls_token is not None and self.position_embeddings is not None:
            x = torch.cat([self.cls_token.expand(len(x), -1, -1), x], dim=1) + self.position_embeddings
        x = keep(x, states)
        with one_room(x):
            for block in self.encoder:
                x = keep(block(x), states)
        x = self.layernorm(x)
        return x.mean(dim=1) if self.cls_token is None else x[:, 0]


class ViTForImageClassification(Pretrained):
    """Images (batch, colours, height, width) → logits (batch, labels).

    >>> from monarch_gpu.configs import preset
    >>> ViTForImageClassification(preset("vit", "tiny"))(torch.zeros(2, 1, 8, 8)).shape
    torch.Size([2, 10])
    """

    @classmethod
    def takes(cls, config: Config) -> bool:
        return isinstance(config, ViTConfig)

    def __init__(self, config: ViTConfig) -> None:
        super().__init__(config)
        self.vit = ViT(config)
        self.classifier = nn.Linear(config.hidden_size, config.num_labels)

    def forward(self, pixel_values: Tensor) -> Tensor:
        return self.outputs(pixel_values).logits

    def outputs(self, pixel_values: Tensor, labels: Tensor | None = None, hidden_states: bool = False) -> Outputs:
        """Everything by name; labels are (batch,)."""
        expected = (self.config.num_channels, self.config.image_size, self.config.image_size)
        if pixel_values.shape[1:] != expected:
            given = tuple(pixel_values.shape)
            raise ValueError(f"pixel_values: expected (batch, {', '.join(map(str, expected))}), got {given}")
        dtype = self.classifier.weight.dtype
        if pixel_values.dtype != dtype and not torch.is_autocast_enabled(pixel_values.device.type):
            raise ValueError(f"pixel_values: expected {dtype}, got {pixel_values.dtype}")
        states: list[Tensor] | None = [] if hidden_states else None
        embedding = self.vit(pixel_values, states)
        logits = self.classifier(embedding)
        return Outputs(logits, tuple(states or ()), None if labels is None else loss_of(logits, labels), embedding)
