"""Token-by-token decoding gives what the full forward gives, both within the bound derived for them."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from monarch_gpu.configs import GPTConfig
from monarch_gpu.decode import Decoder, OnlineConvolution, tiles
from monarch_gpu.generate import generate
from monarch_gpu.gpt import GPTForCausalLM
from monarch_gpu.reference import reference_gpt

N = 23
CONFIG = GPTConfig(
    hidden_size=8, intermediate_size=16, num_hidden_layers=2, max_position_embeddings=N, filter_width=6,
    filter_features=5, vocab_size=19, num_attention_heads=2,
)  # fmt: skip


def built(config):
    torch.manual_seed(0)
    model = GPTForCausalLM(config).double()
    for module in model.modules():
        if hasattr(module, "reset_buffers"):
            module.reset_buffers()
    for parameter in model.parameters():
        parameter.data.add_(0.1 * torch.randn_like(parameter))
    return model.eval()


def decoded(model, ids, prompt):
    """Logits (batch, n − prompt + 1, vocabulary) after the prompt and each further token."""
    decoder = Decoder(model, len(ids), ids.shape[1])
    with torch.no_grad():
        out = [decoder.prefill(ids[:, :prompt])] if prompt else []
        out += [decoder.step(ids[:, i]) for i in range(prompt, ids.shape[1])]
    return torch.stack(out, dim=1).numpy()


@pytest.mark.parametrize("length", range(1, 40))
def test_every_pair_is_served_by_exactly_one_tile(length):
    """Proved for all lengths in the module's reference; exact here for these."""
    served = np.zeros((length + 1, length + 1), dtype=int)
    for end, (first, size) in enumerate(tiles(length), start=1):
        served[first:end, end : end + size] += 1
    assert (served == np.triu(np.ones_like(served), 1)).all()


@pytest.mark.parametrize("prompt", [0, 1, 5, 8, 22])
@pytest.mark.parametrize("n", [1, 2, 16, 23])
def test_online_convolution_is_exact_on_integers(n, prompt):
    """Rounded to the nearest integer, errors below one half leave exactly the integer convolution."""
    rng = np.random.default_rng(n)
    k, u = rng.integers(-9, 10, (3, n)), rng.integers(-9, 10, (2, 3, n))
    prompt = min(prompt, n)
    online = OnlineConvolution(torch.tensor(k, dtype=torch.float64), 2)
    signal = torch.tensor(u, dtype=torch.float64)
    parts = [online.prefill(signal[..., :prompt])] if prompt else []
    parts += [online.step(signal[..., i])[..., None] for i in range(prompt, n)]
    found = torch.cat(parts, dim=-1).numpy()
    exact = np.array([[np.convolve(u[b, c], k[c])[:n] for c in range(3)] for b in range(2)])
    assert (np.rint(found) == exact).all()


@pytest.mark.parametrize("prompt", [0, 1, 7, 22])
def test_decoding_equals_the_full_forward_within_the_bound(prompt):
    model = built(CONFIG)
    ids = torch.randint(19, (2, N), generator=torch.Generator().manual_seed(1))
    expected = reference_gpt(model, ids, decoding=True)
    with torch.no_grad():
        full = model(ids).numpy()
    found = decoded(model, ids, prompt)
    after = slice(max(prompt - 1, 0), None)
    bound = 2 * expected.error
    assert (np.abs(full - expected.value) <= bound).all()
    assert (np.abs(found - expected.value[:, after]) <= bound[:, after]).all()
    assert (np.abs(found - full[:, after]) <= bound[:, after]).all()
    assert bound.max() < 1e-6 * np.abs(full).max()


def test_a_wrong_tile_falls_outside_the_bound(monkeypatch):
    model = built(CONFIG)
    ids = torch.randint(19, (1, N), generator=torch.Generator().manual_seed(1))
    expected = reference_gpt(model, ids, decoding=True)
    short = lambda self, size: torch.fft.rfft(self.kernel[:, :size], n=2 * size)  # noqa: E731
    monkeypatch.setattr(OnlineConvolution, "spectrum", short)
    assert (np.abs(decoded(model, ids, 0) - expected.value) > 2 * expected.error).any()


def test_attention_cache_agrees_with_the_full_forward():
    """Measured only: attention is the baseline, and its softmax has no reference here."""
    model = built(replace(CONFIG, architecture="transformer"))
    ids = torch.randint(19, (2, N), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        full = model(ids).numpy()
    for prompt in (0, 5):
        assert np.abs(decoded(model, ids, prompt) - full[:, max(prompt - 1, 0) :]).max() < 2.0**-30


@pytest.mark.parametrize("architecture", ["monarch-mixer", "transformer"])
def test_sampling_is_reproducible_and_greedy_follows_the_full_forward(architecture):
    model = built(replace(CONFIG, vocab_size=256, architecture=architecture)).float()
    assert bytes(generate(model, b"ab", 9, seed=3)) == bytes(generate(model, b"ab", 9, seed=3))
    text = b"ab" + bytes(generate(model, b"ab", 9, temperature=0))
    with torch.no_grad():
        logits = model(torch.tensor([list(text)]))
    assert list(text[2:]) == logits[0, 1:-1].argmax(-1).tolist()


def test_bad_arguments_are_refused_by_name():
    model = built(CONFIG)
    with pytest.raises(ValueError, match="length: expected 1 to 23 positions, got 24"):
        Decoder(model, 1, 24)
    decoder = Decoder(model, 1, 2)
    decoder.prefill(torch.zeros(1, 2, dtype=torch.long))
    with pytest.raises(ValueError, match="expected at most 0 more tokens, got 1"):
        decoder.step(torch.zeros(1, dtype=torch.long))
    online = OnlineConvolution(torch.ones(1, 1), 1)
    online.step(torch.ones(1, 1))
    with pytest.raises(ValueError, match="step: expected at most 1 inputs"):
        online.step(torch.ones(1, 1))
    with pytest.raises(ValueError, match="prefill: expected an untouched convolution"):
        online.prefill(torch.ones(1, 1, 1))
    with pytest.raises(ValueError, match="prompt: expected at least one byte"):
        generate(model, b"", 3)
    with pytest.raises(ValueError, match="prompt: expected at most 22 bytes, so that one more fits, got 23"):
        generate(model, bytes(23), 1)
    with pytest.raises(ValueError, match="count: expected 1 to 21 bytes"):
        generate(model, b"ab", 22)
    with pytest.raises(ValueError, match="temperature"):
        generate(model, b"ab", 2, temperature=-1)


def test_the_smallest_temperature_is_greedy():
    model = built(replace(CONFIG, vocab_size=256))
    assert bytes(generate(model, b"ab", 9, temperature=1e-320)) == bytes(generate(model, b"ab", 9, temperature=0))
