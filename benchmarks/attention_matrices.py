"""Train a tiny transformer on the source of Python's standard library and keep the attention it ends up with.

Writes monarch_theory/expressivity/attention.npy, shape (heads, 64, 64), float32: softmax attention of every head of a
two-layer, four-head bidirectional character model of width 64, trained to fill in masked characters, on one held-out
passage. The atlas uses it as a target, because attention of a trained model has structure that random matrices lack.

    python benchmarks/attention_matrices.py            # about five minutes on two cores; needs torch

Seeded: the same Python and torch versions on the same machine give the same file. The held-out passage is the start of
`textwrap.py`, which is left out of training.
"""

import sys
import sysconfig
from pathlib import Path

import numpy as np
import torch
from torch import nn

LENGTH, WIDTH, HEADS, LAYERS, STEPS, BATCH, SEED = 64, 64, 4, 2, 3000, 64, 0
TRAINING = ("ast.py", "argparse.py", "datetime.py", "decimal.py", "inspect.py", "typing.py", "tarfile.py", "shutil.py")
HELD_OUT = "textwrap.py"
MASK = 0  # the NUL byte, which no source file holds
OUTPUT = Path(__file__).parent.parent / "monarch_theory" / "expressivity" / "attention.npy"


class Layer(nn.Module):
    """Pre-norm attention and MLP; keeps the attention of its last call."""

    def __init__(self) -> None:
        super().__init__()
        self.before, self.between = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.qkv, self.out = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.mlp = nn.Sequential(nn.Linear(WIDTH, 4 * WIDTH), nn.GELU(), nn.Linear(4 * WIDTH, WIDTH))
        self.attention = torch.empty(0)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        batch = x.shape[0]
        qkv = self.qkv(self.before(x)).reshape(batch, LENGTH, 3, HEADS, -1).permute(2, 0, 3, 1, 4)
        query, key, value = qkv[0], qkv[1], qkv[2]
        self.attention = (query @ key.transpose(-1, -2) / query.shape[-1] ** 0.5).softmax(-1)
        mixed = (self.attention @ value).transpose(1, 2).reshape(batch, LENGTH, WIDTH)
        x = x + self.out(mixed)
        return x + self.mlp(self.between(x))


class Model(nn.Module):
    """Characters in, characters out."""

    def __init__(self) -> None:
        super().__init__()
        self.characters, self.positions = nn.Embedding(256, WIDTH), nn.Embedding(LENGTH, WIDTH)
        self.layers = nn.ModuleList(Layer() for _ in range(LAYERS))
        self.head = nn.Sequential(nn.LayerNorm(WIDTH), nn.Linear(WIDTH, 256))

    def forward(self, text: torch.Tensor) -> torch.Tensor:
        x = self.characters(text) + self.positions.weight
        for layer in self.layers:
            x = layer(x)
        return self.head(x)


def source(name: str) -> np.ndarray:
    return np.frombuffer((Path(sysconfig.get_path("stdlib")) / name).read_bytes(), np.uint8)


def main() -> None:
    torch.manual_seed(SEED)
    torch.set_num_threads(2)
    torch.use_deterministic_algorithms(True)
    text = torch.from_numpy(np.concatenate([source(name) for name in TRAINING]).astype(np.int64))
    model = Model()
    optimiser = torch.optim.AdamW(model.parameters(), lr=2e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=2e-3, total_steps=STEPS)
    for step in range(STEPS):
        starts = torch.randint(len(text) - LENGTH, (BATCH,))
        clean = text[starts[:, None] + torch.arange(LENGTH)]
        hidden = torch.rand(clean.shape) < 0.15
        logits = model(clean.masked_fill(hidden, MASK))
        loss = nn.functional.cross_entropy(logits[hidden], clean[hidden])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        if step % 500 == 0 or step == STEPS - 1:
            print(f"step {step}: loss {loss.item():.3f}", file=sys.stderr)
    with torch.no_grad():
        model(torch.from_numpy(source(HELD_OUT)[:LENGTH].astype(np.int64))[None])
    heads = torch.cat([layer.attention[0] for layer in model.layers]).numpy()
    np.save(OUTPUT, heads)
    print(f"{OUTPUT.name}: {heads.shape}, Python {sys.version.split()[0]}, torch {torch.__version__}")


if __name__ == "__main__":
    main()
