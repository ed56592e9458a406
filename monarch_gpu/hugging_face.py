"""The models as Hugging Face's `transformers` knows models: once `register` was called, its Auto classes load them.

A directory is the same for both libraries: `config.json`, whose model type is `monarch-bert`, `monarch-gpt` or
`monarch-vit`, beside `model.safetensors`, with the names that tensors have here. What `save_pretrained` of either
library wrote, `from_pretrained` of the other reads. Needs `transformers`: the extra of that name.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any, ClassVar

from torch import Tensor, nn
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForImageClassification,
    AutoModelForMaskedLM,
    AutoModelForSequenceClassification,
    PretrainedConfig,
    PreTrainedModel,
)
from transformers.modeling_outputs import (
    BaseModelOutput,
    CausalLMOutput,
    ImageClassifierOutput,
    MaskedLMOutput,
    SequenceClassifierOutput,
)
from transformers.utils import ModelOutput

from monarch_gpu.bert import Bert, BertForMaskedLM, BertForSequenceClassification, Predictions
from monarch_gpu.configs import FAMILY, BertConfig, Config, GPTConfig, ViTConfig, config_json
from monarch_gpu.gpt import GPTForCausalLM
from monarch_gpu.layers import ImplicitFilter, recompute
from monarch_gpu.vit import ViTForImageClassification

__all__ = [
    "MonarchBertConfig", "MonarchBertForMaskedLM", "MonarchBertForSequenceClassification", "MonarchBertModel",
    "MonarchGPTConfig", "MonarchGPTForCausalLM", "MonarchViTConfig", "MonarchViTForImageClassification", "register",
]  # fmt: skip


class MonarchConfig(PretrainedConfig):
    """A configuration of ours whose fields are attributes here, and which is written as ours."""

    described: ClassVar[type[Config]] = Config

    def __post_init__(self, **values: Any) -> None:
        own = {field.name: field.default for field in fields(self.described)}
        super().__post_init__(**{name: value for name, value in values.items() if name not in own})
        for name, default in own.items():
            setattr(self, name, values.get(name, default))

    @property
    def monarch(self) -> Config:
        """It, as this package has it."""
        return self.described(**{field.name: getattr(self, field.name) for field in fields(self.described)})

    def to_json_string(self, use_diff: bool = True) -> str:
        """What `monarch_gpu.configs.load_config` reads; other entries are not kept."""
        return config_json(self.monarch) + "\n"


class MonarchBertConfig(MonarchConfig):
    """`BertConfig`."""

    model_type = FAMILY + BertConfig.model_type
    described = BertConfig


class MonarchGPTConfig(MonarchConfig):
    """`GPTConfig`."""

    model_type = FAMILY + GPTConfig.model_type
    described = GPTConfig


class MonarchViTConfig(MonarchConfig):
    """`ViTConfig`."""

    model_type = FAMILY + ViTConfig.model_type
    described = ViTConfig


class MonarchModel(PreTrainedModel):
    """A model of ours whose parts are parts of this one, so that tensors have the same names in both.

    Attributes:
        monarch: ours; its parameters are these.
    """

    _keep_in_fp32_modules_strict: ClassVar[set[str]] = {"filter"}
    supports_gradient_checkpointing = True

    def __init__(self, config: MonarchConfig, model: nn.Module) -> None:
        super().__init__(config)
        object.__setattr__(self, "monarch", model)  # no submodule: its parts are
        for name, part in model.named_children():
            self.add_module(name, part)
        self.post_init()

    def _set_gradient_checkpointing(
        self, enable: bool = True, gradient_checkpointing_func: Any = None, every_n_layers: int = 1
    ) -> None:
        """What `activation_checkpointing_enable` and `_disable` call: all mixers keep less, in the way of ours."""
        recompute(self, enable)

    def init_weights(self) -> None:
        """Ours are initialised as they are built."""

    def _init_weights(self, module: nn.Module) -> None:
        """What a file lacks: heads are made anew, what is computed is computed; a mixer must be in the file."""
        own = [*module.parameters(recurse=False), *module.buffers(recurse=False)]
        if isinstance(module, ImplicitFilter) and not module.learned:
            module.reset_buffers()
        elif isinstance(module, nn.Linear | nn.LayerNorm):
            module.reset_parameters()
        elif isinstance(module, nn.Embedding):
            nn.init.normal_(module.weight, std=0.02)
        elif isinstance(module, Predictions):
            nn.init.zeros_(module.bias)
        elif any(not getattr(tensor, "_is_hf_initialized", False) for tensor in own):
            raise ValueError(f"{type(module).__name__}: expected its weights in the file, which lacks some")

    def named(self, kind: type[ModelOutput], hidden_states: bool | None, return_dict: bool | None, **given: Any) -> Any:
        """Our outputs as theirs, or as a tuple."""
        wanted = bool(self.config.output_hidden_states if hidden_states is None else hidden_states)
        found = self.monarch.outputs(**given, hidden_states=wanted)
        answer = kind(loss=found.loss, logits=found.logits, hidden_states=found.hidden_states if wanted else None)
        as_dict = self.config.return_dict if return_dict is None else return_dict
        return answer if as_dict else answer.to_tuple()


class _BertWithHead(MonarchModel):
    """M2-BERT with one of its heads.

    Attributes:
        head: as the configuration names it; ours: the model; answers: theirs for its outputs.
    """

    config_class = MonarchBertConfig
    base_model_prefix = "bert"
    head: ClassVar[str]
    ours: ClassVar[type[nn.Module]]
    answers: ClassVar[type[ModelOutput]]

    def __init__(self, config: MonarchBertConfig) -> None:
        config.head = self.head
        super().__init__(config, self.ours(config.monarch))

    def get_input_embeddings(self) -> nn.Module:
        return self.bert.embeddings.word_embeddings

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        labels: Tensor | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
    ) -> ModelOutput | tuple[Any, ...]:
        return self.named(
            self.answers, output_hidden_states, return_dict,
            input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids, labels=labels,
        )  # fmt: skip


class MonarchBertForMaskedLM(_BertWithHead):
    """`BertForMaskedLM`."""

    head, ours, answers = "masked-lm", BertForMaskedLM, MaskedLMOutput


class MonarchBertForSequenceClassification(_BertWithHead):
    """`BertForSequenceClassification`."""

    head, ours, answers = "classification", BertForSequenceClassification, SequenceClassifierOutput


class MonarchBertModel(MonarchModel):
    """The encoder without a head: hidden states (batch, n, d)."""

    config_class = MonarchBertConfig
    base_model_prefix = "bert"

    def __init__(self, config: MonarchBertConfig) -> None:
        super().__init__(config, Bert(config.monarch))  # type: ignore[arg-type]

    def get_input_embeddings(self) -> nn.Module:
        return self.embeddings.word_embeddings

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
    ) -> BaseModelOutput | tuple[Any, ...]:
        wanted = bool(self.config.output_hidden_states if output_hidden_states is None else output_hidden_states)
        states: list[Tensor] | None = [] if wanted else None
        last = self.monarch(input_ids, attention_mask, token_type_ids, states)
        answer = BaseModelOutput(last_hidden_state=last, hidden_states=None if states is None else tuple(states))
        as_dict = self.config.return_dict if return_dict is None else return_dict
        return answer if as_dict else answer.to_tuple()


class MonarchGPTForCausalLM(MonarchModel):
    """`GPTForCausalLM`; `monarch_gpu.generate` and `monarch_gpu.decode` continue texts with `monarch`."""

    config_class = MonarchGPTConfig
    base_model_prefix = "transformer"

    def __init__(self, config: MonarchGPTConfig) -> None:
        super().__init__(config, GPTForCausalLM(config.monarch))  # type: ignore[arg-type]

    def get_input_embeddings(self) -> nn.Module:
        return self.transformer.wte

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        labels: Tensor | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
    ) -> CausalLMOutput | tuple[Any, ...]:
        return self.named(
            CausalLMOutput, output_hidden_states, return_dict,
            input_ids=input_ids, attention_mask=attention_mask, labels=labels,
        )  # fmt: skip


class MonarchViTForImageClassification(MonarchModel):
    """`ViTForImageClassification`."""

    config_class = MonarchViTConfig
    base_model_prefix = "vit"
    main_input_name = "pixel_values"

    def __init__(self, config: MonarchViTConfig) -> None:
        super().__init__(config, ViTForImageClassification(config.monarch))  # type: ignore[arg-type]

    def forward(
        self,
        pixel_values: Tensor,
        labels: Tensor | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
    ) -> ImageClassifierOutput | tuple[Any, ...]:
        return self.named(
            ImageClassifierOutput, output_hidden_states, return_dict, pixel_values=pixel_values, labels=labels
        )


REGISTERED = (
    (AutoModel, MonarchBertModel),
    (AutoModelForMaskedLM, MonarchBertForMaskedLM),
    (AutoModelForSequenceClassification, MonarchBertForSequenceClassification),
    (AutoModelForCausalLM, MonarchGPTForCausalLM),
    (AutoModelForImageClassification, MonarchViTForImageClassification),
)


def register() -> None:
    """Tell the Auto classes of `transformers` about these models; a second time changes nothing.

    >>> register()
    >>> AutoConfig.for_model("monarch-gpt").hidden_size
    864
    """
    for config in (MonarchBertConfig, MonarchGPTConfig, MonarchViTConfig):
        AutoConfig.register(config.model_type, config, exist_ok=True)
    for auto, model in REGISTERED:
        auto.register(model.config_class, model, exist_ok=True)
