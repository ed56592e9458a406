"""What a model is made of: frozen dataclasses that load and save as JSON, and the configurations with names.

Every configuration has an `architecture`: `monarch-mixer`, or `transformer` for the baseline with the same embeddings
and head around attention and a dense MLP, and with ALiBi for positions where it is a language model. The published
sizes are those of THEORY §6; each says where it is from.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, ClassVar

__all__ = [
    "ARCHITECTURES", "FAMILY", "POSITIONS", "PRESETS", "PUBLISHED", "TRANSFORMS", "BertConfig", "Config", "GPTConfig",
    "Published", "ViTConfig", "load_config", "parse_config", "preset", "save_config",
]  # fmt: skip

ARCHITECTURES = ("monarch-mixer", "transformer")
TRANSFORMS = ("monarch", "fft")
LARGEST = 2**31 - 1  # of a size; beyond it products of sizes leave 64 bits
POSITIONS = ("computed", "learned")
ACTIVATIONS = ("gelu", "gelu-tanh")
HEADS = ("masked-lm", "classification")
POOLINGS = ("first", "mean")
PADDINGS = ("masked", "unmasked")


@dataclass(frozen=True)
class Config:
    """What the three models have in common.

    Attributes:
        hidden_size: width d, a multiple of `blocks` and of `num_attention_heads`.
        num_hidden_layers: depth.
        intermediate_size: inner width of the dimension mixer (of the MLP in a transformer).
        max_position_embeddings: longest sequence n; filters are defined on [0, n).
        blocks: blocks of the block-diagonal matrices of the dimension mixer.
        gated: whether the dimension mixer multiplies by a second projection.
        bidirectional: whether the long convolution also has a filter for lags −1, −2, ….
        filter_width: width of the sine MLP that makes the long filters.
        filter_features: positional features it reads, odd: time and (features − 1)/2 complex exponentials.
        filter_inner_layers: hidden-to-hidden layers of that MLP.
        filter_frequency: initial frequency of its sines.
        filter_positions: `computed`, or `learned`: features of the positions are a parameter, and the window is saved
            with the weights, as in the published checkpoints.
        filter_shift: added to the decay window, which then does not go to zero.
        activation: of the dimension mixer or MLP: `gelu`, or `gelu-tanh`, its approximation.
        transform: what the long convolutions are computed with: `monarch`, this package's Monarch DFT, which is made of
            the matrix products a GPU is good at, or `fft`, torch's FFT, which a CPU is faster with.
        short_filter: taps of the depthwise convolution before the gates.
        num_attention_heads: transformer only.
        alibi: language models that are transformers: positions are a bias of attention, linear in the distance, and no
            embeddings. The published baseline of M2-BERT is such a one.

    Raises:
        ValueError: a size is not positive, or does not divide.
    """

    model_type: ClassVar[str] = ""

    architecture: str = "monarch-mixer"
    hidden_size: int = 768
    num_hidden_layers: int = 12
    intermediate_size: int = 3072
    max_position_embeddings: int = 128
    blocks: int = 4
    gated: bool = True
    bidirectional: bool = False
    filter_width: int = 128
    filter_features: int = 5
    filter_inner_layers: int = 2
    filter_frequency: float = 10.0
    filter_positions: str = "computed"
    filter_shift: float = 0.0
    activation: str = "gelu"
    transform: str = "monarch"
    short_filter: int = 3
    num_attention_heads: int = 12
    layer_norm_eps: float = 1e-12
    alibi: bool = False

    def __post_init__(self) -> None:
        if self.architecture not in ARCHITECTURES:
            raise ValueError(f"architecture: expected one of {', '.join(ARCHITECTURES)}, got {self.architecture!r}")
        if self.transform not in TRANSFORMS:
            raise ValueError(f"transform: expected one of {', '.join(TRANSFORMS)}, got {self.transform!r}")
        for name, choices in (("filter_positions", POSITIONS), ("activation", ACTIVATIONS)):
            if getattr(self, name) not in choices:
                raise ValueError(f"{name}: expected one of {', '.join(choices)}, got {getattr(self, name)!r}")
        for field in fields(self):
            value = getattr(self, field.name)
            number = isinstance(value, int | float) and not isinstance(value, bool)
            least = 0 if field.name == "filter_inner_layers" else 1
            if field.type == "bool" and not isinstance(value, bool):
                raise ValueError(f"{field.name}: expected true or false, got {value!r}")
            positive = number and (value > 0 or (value == 0 and field.name == "filter_shift"))
            if field.type == "float" and not (positive and value < float("inf")):
                raise ValueError(f"{field.name}: expected a positive number, got {value!r}")
            if field.type == "int" and not (number and isinstance(value, int) and value >= least):
                raise ValueError(f"{field.name}: expected an integer of at least {least}, got {value!r}")
            if field.type == "int" and value > LARGEST:
                raise ValueError(f"{field.name}: expected an integer of at most {LARGEST}, got {value}")
        if self.alibi and (self.architecture != "transformer" or self.model_type == "vit"):
            raise ValueError("alibi: expected False but for a transformer that is a language model, got True")
        if self.filter_features < 3 or self.filter_features % 2 == 0:
            raise ValueError(f"filter_features: expected an odd number of at least 3, got {self.filter_features}")
        divisor = self.num_attention_heads if self.architecture == "transformer" else self.blocks
        name = "num_attention_heads" if self.architecture == "transformer" else "blocks"
        for size in ("hidden_size", "intermediate_size")[: 1 if self.architecture == "transformer" else 2]:
            if getattr(self, size) % divisor:
                raise ValueError(f"{size}: expected a multiple of {name} = {divisor}, got {getattr(self, size)}")

    def as_transformer(self, **changes: Any) -> Config:
        """The baseline with the same embeddings and head; a language model's positions are ALiBi's, as published."""
        return replace(self, architecture="transformer", **{"alibi": self.model_type != "vit", **changes})


@dataclass(frozen=True)
class BertConfig(Config):
    """Encoder with a head. Defaults are M2-BERT-base as published for pretraining.

    Attributes:
        head: `masked-lm`, or `classification`: a pooler, whose output is the embedding of the text, and a classifier.
        num_labels: of a classifier.
        pooling: what a pooler reads: the `first` token, or the `mean` of all that the attention mask keeps.
        padding: what M2-BERT makes of an attention mask. `masked`: no convolution reads what is masked, and real tokens
            are what they are without padding. `unmasked`: the convolutions read it as any text; published weights are
            trained so, on text padded to full length.
    """

    model_type: ClassVar[str] = "bert"

    vocab_size: int = 30522
    type_vocab_size: int = 2
    bidirectional: bool = True
    head: str = "masked-lm"
    num_labels: int = 2
    pooling: str = "first"
    padding: str = "masked"

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, choices in (("head", HEADS), ("pooling", POOLINGS), ("padding", PADDINGS)):
            if getattr(self, name) not in choices:
                raise ValueError(f"{name}: expected one of {', '.join(choices)}, got {getattr(self, name)!r}")


@dataclass(frozen=True)
class ViTConfig(Config):
    """Image classifier. Defaults are the published Hyena-ViT-b, made MLP-free with 4 blocks.

    As there, one filter runs over the patches row by row, and the dimension mixer is not gated.
    """

    model_type: ClassVar[str] = "vit"

    image_size: int = 224
    patch_size: int = 16
    num_channels: int = 3
    num_labels: int = 1000
    max_position_embeddings: int = 196
    gated: bool = False
    filter_features: int = 33
    filter_inner_layers: int = 1
    filter_frequency: float = 1.0
    short_filter: int = 5
    layer_norm_eps: float = 1e-6

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.image_size % self.patch_size:
            raise ValueError(f"image_size: expected a multiple of patch_size {self.patch_size}, got {self.image_size}")
        patches = (self.image_size // self.patch_size) ** 2
        if self.max_position_embeddings != patches:
            raise ValueError(f"max_position_embeddings: expected {patches} patches, got {self.max_position_embeddings}")


@dataclass(frozen=True)
class GPTConfig(Config):
    """Autoregressive language model. Depth, width and filter default to the published Hyena of 153 M parameters.

    M2-GPT's own configuration is not published. The inner width is the one number chosen here, to meet the total.
    """

    model_type: ClassVar[str] = "gpt"

    vocab_size: int = 50257
    hidden_size: int = 864
    num_hidden_layers: int = 18
    intermediate_size: int = 4032
    max_position_embeddings: int = 2048
    filter_width: int = 64
    filter_features: int = 33
    filter_frequency: float = 14.0
    layer_norm_eps: float = 1e-5

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.bidirectional:
            raise ValueError("bidirectional: expected False for a causal model, got True")


CONFIGS: dict[str, type[Config]] = {c.model_type: c for c in (BertConfig, ViTConfig, GPTConfig)}
FAMILY = "monarch-"
"""What `config.json` puts before a model type: without it, other libraries would read their own BERT there."""


def parse_config(text: str, source: str = "config") -> Config:
    """The configuration that `save_config` wrote; the model type may be without `FAMILY`, as in files of 0.1.

    Raises:
        ValueError: not JSON, an unknown model type or an unknown field; the message names it.

    >>> parse_config('{"model_type": "monarch-bert", "hidden_size": 960, "intermediate_size": 3840}').hidden_size
    960
    """
    try:
        values = json.loads(text)
    except (ValueError, TypeError, RecursionError) as error:
        raise ValueError(f"{source}: expected JSON, got {error}") from None
    kind = str(values.get("model_type")).removeprefix(FAMILY) if isinstance(values, dict) else ""
    if kind not in CONFIGS:
        kinds = ", ".join(FAMILY + kind for kind in CONFIGS)
        raise ValueError(f"{source}: expected an object with model_type one of {kinds}, got {text[:80]!r}")
    config = CONFIGS[kind]
    del values["model_type"]
    known = {field.name for field in fields(config)}
    if unknown := sorted(set(values) - known):
        raise ValueError(f"{source}: unknown field {unknown[0]!r} for model type {config.model_type!r}")
    return config(**values)


def load_config(path: str | Path) -> Config:
    """Read a configuration from a JSON file.

    Raises:
        ValueError: there is no such file, or it holds no configuration; the message names it.
    """
    if Path(path).exists() and not Path(path).is_file():  # a device may have no end
        raise ValueError(f"{path}: expected a file with a configuration, got what is no file")
    try:
        return parse_config(Path(path).read_text(), str(path))
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ValueError(f"{path}: expected JSON, got bytes that are no text") from None


def config_json(config: Config) -> str:
    """The configuration as one JSON object."""
    return json.dumps({"model_type": FAMILY + config.model_type, **asdict(config)}, indent=2)


def save_config(config: Config, path: str | Path) -> None:
    """Write a configuration as JSON."""
    Path(path).write_text(config_json(config) + "\n")


@dataclass(frozen=True)
class Published:
    """A row of the parameter table: a configuration, what is reported for it, and what explains any difference.

    Attributes:
        reported: parameters in the paper, in millions.
        source: where the configuration is from.
        transformer: name of the row it is compared with; empty for a Transformer.
        explanation: why our count differs from the reported one by more than 2 %; empty if it does not.
    """

    name: str
    config: Config
    reported: int
    source: str
    transformer: str = ""
    explanation: str = ""


def bert(width: int, **changes: Any) -> BertConfig:
    """M2-BERT of a width, as published: 12 layers, inner width 4d."""
    return BertConfig(hidden_size=width, intermediate_size=4 * width, **changes)


PRETRAINING = "published pretraining configuration"
HYENA = "depth, width and filter of the published Hyena it is compared with; inner width chosen to meet the total"

BERT_BASE = BertConfig(architecture="transformer", max_position_embeddings=512)
BERT_LARGE = BertConfig(
    architecture="transformer", hidden_size=1024, num_hidden_layers=24, intermediate_size=4096,
    max_position_embeddings=512, num_attention_heads=16,
)  # fmt: skip
GPT_SMALL = GPTConfig(
    architecture="transformer", hidden_size=768, num_hidden_layers=12, intermediate_size=3072,
    max_position_embeddings=1024,
)  # fmt: skip
GPT_MEDIUM = GPTConfig(
    architecture="transformer", hidden_size=1024, num_hidden_layers=24, intermediate_size=4096,
    max_position_embeddings=1024, num_attention_heads=16,
)  # fmt: skip
MATCHED = (
    "this published configuration is the one matched with BERT-base and is reported by BERT-base's own size, 110 M; "
    "the other three BERT configurations agree within 0.4 % under the same arithmetic"
)

PUBLISHED = (
    Published("m2-bert-base", bert(768), 80, PRETRAINING, "bert-base"),
    Published("m2-bert-base-matched", bert(960), 110, PRETRAINING, "bert-base", MATCHED),
    Published("m2-bert-large", bert(1536), 260, PRETRAINING, "bert-large"),
    Published("m2-bert-large-matched", bert(1792), 341, PRETRAINING, "bert-large"),
    Published("m2-vit-b", ViTConfig(), 45, "published Hyena-ViT-b with its MLP made block-diagonal, 4 blocks", "vit-b"),
    Published("m2-gpt-145m", GPTConfig(), 145, HYENA, "gpt-125m"),
    Published(
        "m2-gpt-360m", GPTConfig(hidden_size=1024, num_hidden_layers=36, intermediate_size=5568), 360, HYENA, "gpt-355m"
    ),
    Published("bert-base", BERT_BASE, 110, "Devlin et al. 2019"),
    Published("bert-large", BERT_LARGE, 340, "Devlin et al. 2019"),
    Published("vit-b", ViTConfig(architecture="transformer"), 87, "Dosovitskiy et al. 2021"),
    Published("gpt-125m", GPT_SMALL, 125, "Radford et al. 2019"),
    Published("gpt-355m", GPT_MEDIUM, 355, "Radford et al. 2019"),
)  # fmt: skip

TINY: dict[str, Any] = {
    "hidden_size": 128,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "filter_width": 32,
    "transform": "fft",
}
BYTES: dict[str, Any] = {"vocab_size": 257}

PRESETS: dict[str, dict[str, Config]] = {
    "gpt": {
        "tiny": GPTConfig(
            **TINY, vocab_size=256, intermediate_size=512, max_position_embeddings=256, filter_features=5
        ),
        "145m": GPTConfig(),
        "360m": GPTConfig(hidden_size=1024, num_hidden_layers=36, intermediate_size=5568),
    },
    "bert": {
        "tiny": BertConfig(**TINY, **BYTES, intermediate_size=512, max_position_embeddings=128),
        "base": bert(768),
        "large": bert(1536),
    },
    "vit": {
        "tiny": ViTConfig(
            hidden_size=64, num_hidden_layers=3, num_attention_heads=4, filter_width=32, filter_features=5,
            transform="fft", intermediate_size=256, image_size=8, patch_size=2, num_channels=1, num_labels=10,
            max_position_embeddings=16, short_filter=3,
        ),
        "b": ViTConfig(),
    },
}  # fmt: skip


def preset(model: str, name: str) -> Config:
    """A named configuration to train.

    Raises:
        ValueError: no such model or preset.

    >>> preset("gpt", "tiny").vocab_size
    256
    """
    if model not in PRESETS:
        raise ValueError(f"model: expected one of {', '.join(PRESETS)}, got {model!r}")
    if name not in PRESETS[model]:
        raise ValueError(f"preset: expected one of {', '.join(PRESETS[model])} for {model}, got {name!r}")
    return PRESETS[model][name]
