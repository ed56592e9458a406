"""Tasks that are made up, on which this line of models is judged: recall, induction, copying by content, nested lists.

Each is a file here with a `Synthetic` in it, and a line below. All of a batch comes from its generator, so that a seed
and a step say everything, and validation has a stream of its own.
"""

from __future__ import annotations

from dataclasses import replace

from monarch_gpu.configs import BertConfig, Config, GPTConfig
from monarch_gpu.tasks.induction import InductionHeads
from monarch_gpu.tasks.listops import ListOps
from monarch_gpu.tasks.mqar import AssociativeRecall
from monarch_gpu.tasks.selective_copying import SelectiveCopying
from monarch_gpu.tasks.synthetic import Synthetic

__all__ = ["TASKS", "AssociativeRecall", "InductionHeads", "ListOps", "SelectiveCopying", "Synthetic", "made_up"]

TASKS: dict[str, type[Synthetic]] = {
    "mqar": AssociativeRecall,
    "induction": InductionHeads,
    "selective-copying": SelectiveCopying,
    "listops": ListOps,
}


def made_up(name: str, config: Config) -> tuple[Config, Synthetic]:
    """A task as long as a model's positions allow, and the model's configuration for it.

    Raises:
        ValueError: no such task, a model that cannot learn it, or a vocabulary or length too small for it.

    >>> from monarch_gpu.configs import preset
    >>> made_up("mqar", preset("gpt", "tiny"))[1]
    AssociativeRecall(length=256, vocabulary=256, pairs=32)
    """
    if name not in TASKS:
        raise ValueError(f"task: expected one of {', '.join(TASKS)}, got {name!r}")
    kind = TASKS[name]
    if isinstance(config, BertConfig) and kind.labels:
        config = replace(config, head="classification", num_labels=kind.labels)
    elif not isinstance(config, GPTConfig):
        raise ValueError(
            f"task: expected {'gpt or bert' if kind.labels else 'gpt'} for {name}, got {config.model_type}"
        )
    return config, kind.of(config.max_position_embeddings, config.vocab_size, isinstance(config, BertConfig))
