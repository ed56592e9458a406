"""Token-by-token decoding gives what the full forward gives, both within the bound derived for them."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from monarch_gpu import decode
from monarch_gpu.configs import GPTConfig
from monarch_gpu.decode import Decoder, OnlineConvolution
from monarch_gpu.generate import generate
from monarch_gpu.gpt import GPTForCausalLM
from monarch_gpu.layers import convolve
from monarch_gpu.reference import reference_gpt
from monarch_theory.rounding import convolution_bound, default_model

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


@pytest.fixture(params=[1, 2, 32], ids=lambda base: f"base {base}")
def base(request, monkeypatch):
    """The smallest block: 1 and 2 make small examples have blocks of many sizes."""
    monkeypatch.setattr(decode, "BASE", request.param)
    return request.param


class Recorded(OnlineConvolution):
    """What served whom, and when."""

    def __init__(self, channels, length):
        super().__init__(torch.zeros(channels, length), 1)
        self.served = np.zeros((channels, length, length), dtype=int)  # (channels, inputs, outputs)
        self.late = self.most = self.now = 0

    def contribute(self, deadline, size, start, first, last):
        self.now += 1
        self.late += self.position >= deadline  # the output at the deadline comes with the next step
        for j in range(start, start + size):
            self.served[first:last, j, j + 2 * size : j + 4 * size] += 1

    def step(self, u):
        i, self.now = self.position, 0
        y = super().step(u)
        lags = min(i + 1 - self.origin, self.near.shape[-1])
        self.served[:, i + 1 - lags : i + 1, i] += 1
        self.most = max(self.most, self.now)
        return y

    def settle(self):
        if not self.settled:
            super().settle()
            self.served[:, : self.position, self.position :] = 1


@pytest.mark.parametrize(("length", "grain"), [(1, 1), (2, 1), (37, 2**17), (64, 200), (130, 100), (200, 1)])
def test_every_pair_is_served_once_in_time_and_no_step_does_more_than_its_share(length, grain, base, monkeypatch):
    """Proved for all lengths in the module's docstring; exact here for these, some with many pieces a step."""
    monkeypatch.setattr(decode, "GRAIN", grain)
    online = Recorded(5, length)
    for _ in range(length):
        online.step(torch.zeros(1, 5))
    assert (online.served == np.triu(np.ones((length, length), dtype=int))).all()
    assert online.late == 0 and online.most <= online.each_step
    assert online.each_step >= sum(len(parts) / size for size, parts in online.parts.items())


def test_the_first_step_after_a_prompt_has_no_more_to_do_than_others():
    decoder = Decoder(built(CONFIG), 1, N)
    with torch.no_grad():
        decoder.prefill(torch.zeros(1, 5, dtype=torch.long), chunk=2)
    assert all(cache.long.settled and cache.long.origin == 5 for cache in decoder.caches)


def test_a_share_that_is_too_small_misses_a_deadline(monkeypatch):
    monkeypatch.setattr(decode, "BASE", 1)
    monkeypatch.setattr(decode, "GRAIN", 1)
    online = Recorded(5, 64)
    online.each_step -= 1
    for _ in range(64):
        online.step(torch.zeros(1, 5))
    assert online.late or (online.served != np.triu(np.ones((64, 64), dtype=int))).any()


def test_at_65536_the_work_is_spread_in_pieces():
    """At most so many pieces a step, each one channel's FFT or no larger than the grain."""
    for channels in (64, 864):
        sizes = decode.block_sizes(2**16, decode.BASE)
        online = Recorded.__new__(Recorded)
        online.channels = channels
        parts = {size: online.cut(3 * size) for size in sizes}
        assert sizes[-1] == 2**14 and sum(len(p) / size for size, p in parts.items()) <= 1
        assert all(max(b - a for a, b in p) * 3 * size <= max(decode.GRAIN, 3 * size) for size, p in parts.items())


@pytest.mark.parametrize("prompt", [0, 1, 5, 8, 22])
@pytest.mark.parametrize("n", [1, 2, 16, 23])
def test_online_convolution_is_exact_on_integers(n, prompt, base):
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


def test_steps_chunks_forks_and_steps_back_in_any_order_are_exact_on_integers(base, monkeypatch):
    monkeypatch.setattr(decode, "GRAIN", 64)
    for seed in range(12):
        rng = np.random.default_rng(seed)
        n = int(rng.integers(1, 90))
        k = rng.integers(-9, 10, (3, n))
        signal = rng.integers(-9, 10, (2, 3, n)).astype(float)
        online, rows = OnlineConvolution(torch.tensor(k, dtype=torch.float64), 2), np.arange(2)
        while online.position < n:
            move, i = rng.integers(8), online.position
            if move == 0:
                back = int(rng.integers(i + 1))
                online.rewind(back)
                signal[..., online.position :] = rng.integers(-9, 10, signal[..., online.position :].shape)
                continue
            if move == 1:
                rows = rng.integers(len(rows), size=2)
                other, online = online, online.fork(torch.tensor(rows))
                other.step(torch.full((2, 3), 5.0, dtype=torch.float64))  # which the fork must not see
                signal = signal[rows]
                continue
            count = int(rng.integers(1, n - i + 1)) if move == 2 else 1
            given = torch.tensor(signal[..., i : i + count])
            found = online.prefill(given) if move == 2 else online.step(given[..., 0])[..., None]
            exact = [[np.convolve(signal[b, c], k[c])[i : i + count] for c in range(3)] for b in range(2)]
            assert (np.rint(found.numpy()) == exact).all(), (seed, i, move)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_summed_in_float32_and_rounded_once(dtype, base):
    """To one rounding of the exact sum, and that of float32 transforms, as in a forward; the bound is the sum's."""
    g = torch.Generator().manual_seed(0)
    n = 50
    u, k = torch.randn(2, 3, n, generator=g).to(dtype), torch.randn(3, n, generator=g)
    online = OnlineConvolution(k, 2)
    parts = [online.prefill(u[..., :7])] + [online.step(u[..., i])[..., None] for i in range(7, n)]
    found = torch.cat(parts, -1)
    exact = convolve(u.double(), k.double(), "fft")
    inside = 20 * torch.from_numpy(
        convolution_bound(u.double().numpy(), k.double().numpy(), 2 * n, default_model("float32"))
    )
    unit = torch.finfo(dtype).eps / 2
    assert found.dtype == dtype
    assert ((found.double() - exact).abs() <= inside + unit * (exact.abs() + inside)).all()


@pytest.mark.parametrize("prompt", [0, 1, 7, 22])
def test_decoding_equals_the_full_forward_within_the_bound(prompt, base):
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


@pytest.mark.parametrize("chunk", [1, 4, 9])
def test_a_prompt_in_chunks_equals_the_full_forward_within_the_bound(chunk, base):
    model = built(CONFIG)
    ids = torch.randint(19, (2, N), generator=torch.Generator().manual_seed(1))
    expected = reference_gpt(model, ids, decoding=True)
    decoder = Decoder(model, 2, N)
    with torch.no_grad():
        after = [
            decoder.prefill(ids[:, :11], chunk=chunk),
            decoder.step(ids[:, 11]),
            decoder.prefill(ids[:, 12:20], chunk=chunk),
        ]
        after += [decoder.step(ids[:, i]) for i in range(20, N)]
    found, places = torch.stack(after, 1).numpy(), [10, 11, 19, 20, 21, 22]
    assert (np.abs(found - expected.value[:, places]) <= 2 * expected.error[:, places]).all()


@pytest.mark.parametrize("architecture", ["monarch-mixer", "transformer", "absolute"])
@pytest.mark.parametrize("chunk", [None, 3])
def test_prompts_of_many_lengths_go_on_as_each_does_alone(architecture, chunk, base):
    model = built(
        CONFIG if architecture == "monarch-mixer" else CONFIG.as_transformer(alibi=architecture == "transformer")
    )
    generator = torch.Generator().manual_seed(1)
    lengths, ids = torch.tensor([9, 1, 4]), torch.randint(19, (3, 9), generator=generator)
    more = torch.randint(19, (3, 8), generator=generator)
    decoder = Decoder(model, 3, 17)
    with torch.no_grad():
        found = [decoder.prefill(ids, lengths, chunk)] + [decoder.step(more[:, i]) for i in range(8)]
    for row, length in enumerate(lengths):
        alone = torch.cat([ids[row, :length], more[row]])[None]
        logits = torch.stack([logits[row] for logits in found]).numpy()
        if architecture == "monarch-mixer":
            expected = reference_gpt(model, alone, decoding=True)
            longest = torch.cat([alone[:, :1].expand(1, 17 - alone.shape[1]), alone], 1)  # whose transforms are as long
            bound = expected.error[0] + reference_gpt(model, longest, decoding=True).error[0, -alone.shape[1] :]
            assert (np.abs(logits - expected.value[0, length - 1 :]) <= bound[length - 1 :]).all()
        else:  # measured only: its softmax has no reference here
            with torch.no_grad():
                full = model(alone)[0, length - 1 :].numpy()
            assert np.abs(logits - full).max() < 2.0**-30


@pytest.mark.parametrize("architecture", ["monarch-mixer", "transformer"])
def test_forks_and_steps_back_go_on_as_if_nothing_else_had_been_read(architecture, base):
    model = built(CONFIG if architecture == "monarch-mixer" else CONFIG.as_transformer())
    ids = torch.randint(19, (2, N), generator=torch.Generator().manual_seed(1))
    wrong = (ids + 1) % 19
    with torch.no_grad():
        full = model(ids).numpy()
        decoder = Decoder(model, 2, N, rewind=5)
        decoder.prefill(ids[:, :6])
        for i in range(6, 11):
            decoder.step(wrong[:, i])
        decoder.rewind(3)
        decoder.rewind(2)
        fork = decoder.fork(torch.tensor([1, 0, 1]))
        for i in range(6, 12):
            decoder.step(wrong[:, i])
        found = torch.stack([fork.step(ids[[1, 0, 1], i]) for i in range(6, N)], 1).numpy()
    if architecture == "monarch-mixer":
        expected = reference_gpt(model, ids, decoding=True)
        assert (np.abs(found - expected.value[[1, 0, 1], 6:]) <= 2 * expected.error[[1, 0, 1], 6:]).all()
    assert np.abs(found - full[[1, 0, 1], 6:]).max() < 2.0**-30
    with pytest.raises(ValueError, match="rewind: expected 0 to 5 tokens, got 6"):
        fork.rewind(6)
    with pytest.raises(ValueError, match="rewind: expected 0 to 0 tokens, got 1"):
        Decoder(model, 1, 3).rewind(1)


def test_a_wrong_block_falls_outside_the_bound(monkeypatch):
    monkeypatch.setattr(decode, "BASE", 1)
    model = built(CONFIG)
    ids = torch.randint(19, (1, N), generator=torch.Generator().manual_seed(1))
    expected = reference_gpt(model, ids, decoding=True)
    true = OnlineConvolution.contribute

    def other(self, deadline, size, start, first, last):
        true(self, deadline, size, max(start - (size == 4), 0), first, last)

    monkeypatch.setattr(OnlineConvolution, "contribute", other)
    assert (np.abs(decoded(model, ids, 0) - expected.value) > 2 * expected.error).any()


@pytest.mark.parametrize("alibi", [False, True])
def test_attention_cache_agrees_with_the_full_forward(alibi):
    """Measured only: attention is the baseline, and its softmax has no reference here."""
    model = built(CONFIG.as_transformer(alibi=alibi))
    ids = torch.randint(19, (2, N), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        full = model(ids).numpy()
    for prompt in (0, 5):
        assert np.abs(decoded(model, ids, prompt) - full[:, max(prompt - 1, 0) :]).max() < 2.0**-30


def test_bfloat16_models_decode_what_they_give_as_a_whole():
    """Measured: both round each layer's results to 8 bits; far from either would be a wrong filter."""
    model = built(CONFIG).float().bfloat16()
    ids = torch.randint(19, (2, N), generator=torch.Generator().manual_seed(1))
    decoder = Decoder(model, 2, N)
    with torch.no_grad():
        full, single = model(ids)[:, 4:].float(), model.float()(ids)[:, 4:]
        model.bfloat16()
        found = torch.stack([decoder.prefill(ids[:, :5]), *(decoder.step(ids[:, i]) for i in range(5, N))], 1)
    assert found.dtype == torch.bfloat16
    assert (found.float() - full).norm() <= 4 * (full - single).norm()


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
    ids = torch.zeros(1, 2, dtype=torch.long)
    with pytest.raises(ValueError, match="length: expected 1 to 23 positions, got 24"):
        Decoder(model, 1, 24)
    with pytest.raises(ValueError, match="rewind: expected at least 0, got -1"):
        Decoder(model, 1, 4, rewind=-1)
    decoder = Decoder(model, 1, 2)
    for arguments, message in (
        ([ids[:, :0]], r"input_ids: expected \(1, n\) with n ≥ 1, got \(1, 0\)"),
        ([ids[0]], r"input_ids: expected \(1, n\)"),
        ([ids.expand(2, 2)], r"input_ids: expected \(1, n\)"),
        ([ids.float()], "input_ids: expected torch.int64, got torch.float32"),
        ([ids + 19], "input_ids: expected 0 to 18, got 19 to 19"),
        ([ids, torch.tensor([3])], "lengths: expected 1 to 2, got 3 to 3"),
        ([ids, torch.tensor([0])], "lengths: expected 1 to 2, got 0 to 0"),
        ([ids, torch.tensor([1.0])], r"lengths: expected \(1,\), torch.int64, got torch.float32"),
        ([ids, None, 0], "chunk: expected at least 1, got 0"),
    ):
        with pytest.raises(ValueError, match=message):
            decoder.prefill(*arguments)
    decoder.prefill(ids)
    with pytest.raises(ValueError, match="expected at most 0 more tokens, got 1"):
        decoder.step(ids[:, 0])
    with pytest.raises(ValueError, match=r"input_ids: expected \(1,\), got \(1, 2\)"):
        decoder.step(ids)
    with pytest.raises(ValueError, match="lengths: expected them before any tokens, got them after 1"):
        begun = Decoder(model, 1, 4)
        begun.step(ids[:, 0])
        begun.prefill(ids, torch.tensor([1]))
    with pytest.raises(ValueError, match="rows: expected 0 to 0, got 1 to 1"):
        decoder.fork(torch.tensor([1]))
    assert Decoder(model, 0, 4).prefill(torch.zeros(0, 2, dtype=torch.long)).shape == (0, 19)
    online = OnlineConvolution(torch.ones(1, 1), 1)
    online.step(torch.ones(1, 1))
    with pytest.raises(ValueError, match="step: expected at most 1 inputs"):
        online.step(torch.ones(1, 1))
    with pytest.raises(ValueError, match="prefill: expected at most 0 more inputs, got 1"):
        online.prefill(torch.ones(1, 1, 1))
    with pytest.raises(ValueError, match="prompt: expected at least one token"):
        generate(model, b"", 3)
    with pytest.raises(ValueError, match="prompt: expected at most 22 tokens, so that one more fits, got 23"):
        generate(model, bytes(23), 1)
    with pytest.raises(ValueError, match="count: expected 1 to 21 tokens"):
        generate(model, b"ab", 22)
    with pytest.raises(ValueError, match="prompt: expected tokens 0 to 18, got 98"):
        generate(model, b"ab", 2)
    with pytest.raises(ValueError, match="temperature"):
        generate(model, b"ab", 2, temperature=-1)


def test_the_smallest_temperature_is_greedy():
    model = built(replace(CONFIG, vocab_size=256))
    assert bytes(generate(model, b"ab", 9, temperature=1e-320)) == bytes(generate(model, b"ab", 9, temperature=0))
