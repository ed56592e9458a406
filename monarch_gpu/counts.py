"""Parameters of every model by arithmetic, line by line, from its configuration alone: no model is built."""

from __future__ import annotations

from math import log2
from typing import cast

from monarch_gpu.configs import BertConfig, Config, GPTConfig, ViTConfig

__all__ = ["operations", "parameter_lines", "parameters"]


def linear(inputs: int, outputs: int, bias: bool = True) -> int:
    return inputs * outputs + bias * outputs


def sine_network_parameters(c: Config) -> int:
    """Features → width → … → width → channels."""
    inner = c.filter_inner_layers * linear(c.filter_width, c.filter_width)
    return linear(c.filter_features, c.filter_width) + inner + c.filter_width * c.hidden_size


def long_convolution_parameters(c: Config) -> int:
    """One sine MLP or two, one frequency for each sine, learned positions, and the multiple of the input."""
    networks = (2 if c.bidirectional else 1) * sine_network_parameters(c)
    positions = c.max_position_embeddings * c.filter_features if c.filter_positions == "learned" else 0
    return networks + c.filter_width + positions + c.hidden_size


def layer_lines(c: Config) -> dict[str, int]:
    """One block, without the norms."""
    d, m = c.hidden_size, c.intermediate_size
    if c.architecture == "transformer":
        return {
            "attention": linear(d, 3 * d) + linear(d, d),
            "MLP": linear(d, m) + linear(m, d),
        }
    convolutions = 2 if c.model_type == "bert" else 1
    inner = 2 * d * m // c.blocks if c.gated else d * m // c.blocks + m
    return {
        "sequence mixer projections": linear(d, 3 * d) + linear(d, d),
        "short convolution": 3 * d * (c.short_filter + 1),
        "long convolutions": convolutions * long_convolution_parameters(c),
        "dimension mixer": inner + d * m // c.blocks + d,
    }


def parameter_lines(config: Config) -> dict[str, int]:
    """What the parameters of a model are spent on; the values add up to the total.

    >>> from monarch_gpu.configs import BertConfig
    >>> parameter_lines(BertConfig())["sequence mixer projections"] == 12 * 4 * (768**2 + 768)
    True
    """
    d, depth = config.hidden_size, config.num_hidden_layers
    transformer = config.architecture == "transformer"
    norms = 1 if config.model_type == "bert" and not transformer else 2
    body = {name: depth * count for name, count in layer_lines(config).items()}
    if config.model_type == "bert":
        c = cast(BertConfig, config)
        embeddings = (c.vocab_size + (not c.alibi) * c.max_position_embeddings + c.type_vocab_size) * d
        head = linear(d, d) + (linear(d, c.num_labels) if c.head == "classification" else 2 * d + c.vocab_size)
    elif config.model_type == "gpt":
        positions = config.max_position_embeddings if transformer and not config.alibi else 0
        embeddings = (cast(GPTConfig, config).vocab_size + positions) * d
        head = 0
    else:
        v = cast(ViTConfig, config)
        embeddings = linear(v.num_channels * v.patch_size**2, d) + transformer * (v.max_position_embeddings + 2) * d
        head = linear(d, v.num_labels)
    return {"embeddings": embeddings, **body, "norms": (depth * norms + 1) * 2 * d, "head": head}


def parameters(config: Config) -> int:
    """Total number of parameters, by arithmetic.

    >>> from monarch_gpu.configs import BertConfig
    >>> parameters(BertConfig())
    80247354
    """
    return sum(parameter_lines(config).values())


def operations(config: Config, n: int) -> float:
    """Floating-point operations of the layers per token of a forward at length n, embeddings and head left out.

    A product with an a × b matrix is 2ab, attention's two products 4nd, and a real FFT of length N is 2.5 N log2 N. A
    long convolution transforms its input there and back; its filter is made once for a batch and not counted.

    >>> from monarch_gpu.configs import BertConfig
    >>> m2 = BertConfig(max_position_embeddings=4096)
    >>> round(operations(m2.as_transformer(), 4096) / operations(m2, 4096), 1)
    3.2
    """
    d, m = config.hidden_size, config.intermediate_size
    if config.architecture == "transformer":
        layer = 8.0 * d * d + 4.0 * n * d + 4.0 * d * m
    else:
        convolutions = 2 if config.model_type == "bert" else 1
        transform = 2.5 * 2 * log2(2 * n) * d
        dimension = (6.0 if config.gated else 4.0) * d * m / config.blocks
        layer = 8.0 * d * d + 6.0 * d * config.short_filter + convolutions * (2 * transform + 8 * d) + dimension
    return config.num_hidden_layers * layer
