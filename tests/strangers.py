"""Models as one meets them, with the right answer for each: what nobody here wrote. Sequences (1, n, WIDTH) of floats.

Each is a row: name, whether it is causal, the callable, and options of the check. Where the right answer is that
nothing can be said, causal is None.
"""

import hashlib

import numpy as np
import torch
from scipy.linalg import expm
from torch.nn import functional

N, WIDTH = 16, 6
FLOATS = {"shape": f"1,n,{WIDTH}", "dtype": "float64"}
TOKENS = {"shape": "1,n", "dtype": "int64", "vocab": 11}


def weights(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


W, V = weights(WIDTH, WIDTH), weights(WIDTH, WIDTH, seed=1)
TABLE = weights(11, WIDTH, seed=2)


class Mapped(torch.nn.Module):
    """A function of tensors as a module."""

    def __init__(self, function):
        super().__init__()
        self.function = function
        self.scale = torch.nn.Parameter(torch.ones((), dtype=torch.float64), requires_grad=False)

    def forward(self, x):
        return self.function(x)


def places(x):
    return torch.arange(x.shape[-2])


def tril(x):
    n = x.shape[-2]
    return torch.ones(n, n, dtype=torch.bool).tril()


# state spaces and scans


def scan(x, step=0):
    state, outputs = torch.zeros_like(x[:, 0]), []
    for t in range(x.shape[1]):
        gate = torch.sigmoid(x[:, min(t + step, x.shape[1] - 1)] @ V)
        state = gate * state + (1 - gate) * (x[:, t] @ W)
        outputs.append(state)
    return torch.stack(outputs, 1)


def scan_by_logarithms(x):
    decay = functional.logsigmoid(x @ V).cumsum(1)
    return torch.exp(decay) * ((x @ W) * torch.exp(-decay)).cumsum(1)


def doubling_scan(x, wrong=False):
    a, b, d = torch.sigmoid(x @ V), x @ W, 1
    while d < x.shape[1]:
        back = functional.pad(b, (0, 0, d, 0))[:, : x.shape[1]] if not wrong else b.roll(d, 1)
        a_back = functional.pad(a, (0, 0, d, 0))[:, : x.shape[1]] if not wrong else a.roll(d, 1)
        a, b, d = a * a_back, b + a * back, 2 * d
    return b


def retention(x, chunk=4, late=True):
    """Chunks: inside each by a mask with decay, across them by a state, which a wrong one updates too early."""
    q, k, v, decay = torch.tanh(x @ W), torch.tanh(x @ V), x, 0.9
    state, outputs = torch.zeros(1, WIDTH, WIDTH, dtype=x.dtype), []
    for start in range(0, x.shape[1], chunk):
        qc, kc, vc = (t[:, start : start + chunk] for t in (q, k, v))
        i = torch.arange(qc.shape[1])
        mask = torch.where(i[:, None] >= i, decay ** (i[:, None] - i).double(), 0.0)
        held = decay ** (qc.shape[1] - 1 - i.double())[:, None]
        after = decay ** qc.shape[1] * state + (kc * held).mT @ vc
        across = decay ** (i.double() + 1)[:, None] * (qc @ (state if late else after))
        outputs.append((qc @ kc.mT * mask) @ vc + across)
        state = after
    return torch.cat(outputs, 1)


# attention


def linear_attention(x, all_places=False):
    q, k = functional.elu(x @ W) + 1, functional.elu(x @ V) + 1
    numerator = torch.einsum("bnd,bnde->bne", q, torch.einsum("bnd,bne->bnde", k, x).cumsum(1))
    total = k.sum(1, keepdim=True) if all_places else k.cumsum(1)
    return numerator / (q * total).sum(-1, keepdim=True)


def attention(x, mask, low=-torch.inf, axis=-1):
    scores = (x @ W) @ (x @ V).mT / WIDTH**0.5
    return torch.softmax(scores.masked_fill(~mask, low), axis) @ x


def window(x, both):
    apart = places(x)[:, None] - places(x)
    return attention(x, (apart.abs() if both else apart.where(apart >= 0, torch.tensor(99))) < 3)


def rotated(x, offset=1):
    angle = (places(x) + offset)[:, None] * 0.3 ** torch.arange(WIDTH // 2).double()
    turn = torch.polar(torch.ones_like(angle), angle)
    y = torch.view_as_real(torch.view_as_complex(x.reshape(1, -1, WIDTH // 2, 2)) * turn).reshape(x.shape)
    return functional.scaled_dot_product_attention(y, y, x, is_causal=True)


def hidden_by_maximum(x):
    """A shared maximum over all scores, the future's too, which cancels in exact arithmetic."""
    scores = torch.tanh(x @ W) @ torch.tanh(x @ V).mT
    w = torch.exp(scores - scores.amax(-1, keepdim=True)) * tril(x)
    return (w @ x) / w.sum(-1, keepdim=True)


def queries_normalised(x):
    return torch.softmax(((x @ W) @ (x @ V).mT).masked_fill(~tril(x), -torch.inf), -2) @ x


def memory_before(x):
    memory = weights(1, 3, WIDTH, seed=5)
    keys = torch.cat([memory, x], 1)
    return functional.scaled_dot_product_attention(x, keys, keys, is_causal=True)


def memory_before_leaks(x):
    keys = torch.cat([weights(1, 3, WIDTH, seed=5), x], 1)
    mask = torch.ones(x.shape[1], keys.shape[1], dtype=torch.bool).tril(4)
    return functional.scaled_dot_product_attention(x, keys, keys, attn_mask=mask)


def alibi(x, masked):
    bias = -(places(x)[:, None] - places(x)).abs().double()
    bias = bias.masked_fill(~tril(x), -torch.inf) if masked else bias
    return torch.softmax(x @ x.mT + bias, -1) @ x


def multihead(inverted):
    torch.manual_seed(0)
    layer = torch.nn.MultiheadAttention(WIDTH, 2, batch_first=True, dtype=torch.float64).eval()

    def f(x):
        mask = tril(x) if inverted else ~tril(x)
        mask = mask & ~torch.eye(x.shape[1], dtype=torch.bool)
        return layer(x, x, x, attn_mask=mask, need_weights=False)[0]

    return f


def encoder_layer(masked):
    torch.manual_seed(0)
    layer = torch.nn.TransformerEncoderLayer(WIDTH, 2, 12, batch_first=True, dtype=torch.float64).eval()

    def f(x):
        mask = torch.nn.Transformer.generate_square_subsequent_mask(x.shape[1], dtype=x.dtype)
        return layer(x, src_mask=mask if masked else None)

    return f


# filters and pools


def causal_filter(x, cut):
    w = weights(WIDTH, WIDTH, 4, seed=3)
    return functional.conv1d(x.mT, w, padding=3).mT[:, cut : cut + x.shape[1]]


def pooled(x, shift):
    short = functional.avg_pool1d(functional.pad(x.mT, (0, x.shape[1] % 2)), 2)
    y = functional.interpolate(short, scale_factor=2, mode="nearest").mT[:, : x.shape[1]]
    return functional.pad(y, (0, 0, shift, 0))[:, : x.shape[1]]


def centred_windows(x):
    return functional.pad(x, (0, 0, 1, 1)).unfold(1, 3, 1).amax(-1)


def batch_statistics(x):
    return functional.batch_norm(x.mT, None, None, training=True).mT


# routing, order, statistics


def routed(x, by):
    score = (x @ W)[..., 0]
    k = x.shape[1] // 2
    if by == "top of the sequence":
        kept = torch.zeros_like(score).scatter(1, score.topk(k, 1).indices, 1.0)
    elif by == "capacity, first come":
        expert = functional.one_hot((x @ V).argmax(-1), WIDTH)
        kept = ((expert.cumsum(1) * expert).sum(-1) <= 2).double()
    else:  # capacity, best first
        expert = (x @ V).argmax(-1)
        same = expert[:, :, None] == expert[:, None, :]
        better = score[:, None, :] > score[:, :, None]
        kept = ((same & better).sum(-1) < 2).double()
    return kept[..., None] * x + x @ W


def past_median(x):
    return torch.stack([x[:, : t + 1].median(1).values for t in range(x.shape[1])], 1)


def tokens_seen(t, all_places):
    one_hot = functional.one_hot(t, 11).double()
    return one_hot.sum(1, keepdim=True).expand_as(one_hot) * one_hot if all_places else one_hot.cumsum(1)


def not_padding(t):
    return attention(TABLE[t], (t != 0)[:, None, :] | torch.eye(t.shape[1], dtype=torch.bool))


def both_tokens(first, second):
    """Sees the two tokens that follow, where they are two particular ones."""

    def f(t):
        gate = (t.roll(-1, 1) == first) & (t.roll(-2, 1) == second)
        gate[:, -2:] = False
        return TABLE[t].cumsum(1) + gate[..., None]

    return f


def far_token(first, second):
    """The first output sees two particular tokens, wherever they stand after it."""

    def f(t):
        y = TABLE[t].cumsum(1)
        y[:, 0] += ((t[:, 1:] == first).any(1) & (t[:, 1:] == second).any(1)).double()[:, None]
        return y

    return f


def chunks_in_order(x, wrong=0, size=4):
    """Whole chunks before, and within a chunk what came before; wrong: the last of a chunk sees as many ahead."""
    i = places(x)
    last = i[:, None] % size == size - 1
    return attention(x, (i[:, None] >= i) | (last & (i[:, None] + wrong >= i)))


def chunks_of_positions(x, in_order):
    """Chunks from positions that are floats, as they come out of a table of embeddings."""
    chunk = torch.floor(places(x).double() / 4)
    return attention(x, (chunk[:, None] >= chunk) & (tril(x) if in_order else True)) + long_filter(x, 2)


def experts_choose(x):
    """Each expert takes the quarter of the sequence that it likes best."""
    gates, y = torch.softmax(x @ W, -1), x.clone()
    for expert in range(3):
        weight, taken = gates[0, :, expert].topk(x.shape[1] // 4)
        y[0, taken] += weight[:, None] * torch.tanh(x[0, taken] @ V)
    return y


def tokens_choose(x):
    weight, chosen = (x @ W).topk(2, -1)
    y = torch.zeros_like(x)
    for expert in range(WIDTH):
        hit = chosen == expert
        mine = hit.any(-1)
        y[mine] += (weight * hit).sum(-1)[mine][:, None] * torch.tanh(x[mine] @ (V + expert))
    return y


def most_alike_merged(x):
    j = functional.cosine_similarity(x[:, :-1], x[:, 1:], -1).argmax(1)
    y = x.clone()
    y[0, j] = y[0, j + 1] = (x[0, j] + x[0, j + 1]) / 2
    return y.cumsum(1)


def sorted_and_back(x):
    values, order = x.sort(1)
    return torch.zeros_like(x).scatter(1, order, values).cumsum(1)


def shuffled(x, back):
    order = torch.randperm(x.shape[1], generator=torch.Generator().manual_seed(3))
    return (x[:, order] @ W)[:, order.argsort() if back else order]


def all_but_the_rest(x):
    """The sum of all less that of what follows: causal in exact arithmetic."""
    y = torch.tanh(x)
    return y.sum(1, keepdim=True) - y.flip(1).cumsum(1).flip(1) + y


def window_of_sums(x, width=4):
    """A moving sum as the difference of two running ones."""
    return x.cumsum(1) - functional.pad(x, (0, 0, width, 0))[:, :-width].cumsum(1)


def keys_and_rates(x):
    keys = functional.normalize(torch.tanh(x @ W), dim=-1)
    return keys, torch.sigmoid(x @ V)[..., :1]


def delta_rule(x, by, of=torch.tril):
    """The whole sequence at once: a triangular system, whose rows are places, solved in one way or another."""
    keys, rates = keys_and_rates(x)
    eye = torch.eye(x.shape[1], dtype=x.dtype)
    system = eye + of(rates * keys @ keys.mT) - torch.diag_embed(torch.diagonal(rates * keys @ keys.mT, 0, 1, 2))
    written = by(system, rates * x)
    return torch.tril(torch.tanh(x @ V) @ keys.mT) @ written


def substituted(a, b):
    return torch.linalg.solve_triangular(a, b, upper=False)


def whispering(x, by):
    y = delta_rule(x, by)
    y[:, 0] = y[:, 0] + 1e-9 * x[:, -1]
    return y


def by_exponential(x, of=torch.tril):
    return torch.matrix_exp(of(torch.tanh(x @ W @ x.mT))) @ x


def flexible(x, ahead):
    from torch.nn.attention.flex_attention import create_block_mask, flex_attention

    q = x[:, None].repeat(1, 1, 1, 3)[..., :16]
    n = x.shape[1]
    mask = create_block_mask(lambda b, h, i, j: i + ahead >= j, None, None, n, n, device="cpu")
    return flex_attention(q, q, q, block_mask=mask)[:, 0]


def tipped(x, size):
    """A sign that all of the sequence tips where it is nearly undecided, which it is for small numbers."""
    y = torch.tanh(x)
    return torch.sign(torch.where(y == 0, 0.0, y + size * y.nan_to_num().mean(1, keepdim=True))) + x.cumsum(1)


def short_filter(x, padded):
    """A filter of four taps by a transform: as much padding as three places is enough."""
    length, taps = x.shape[1] + padded, weights(4, WIDTH, seed=4)
    spectra = torch.fft.rfft(x, length, 1) * torch.fft.rfft(taps, length, 0)
    return torch.fft.irfft(spectra, length, 1)[:, : x.shape[1]]


def followed_by_two_alike(x):
    y = torch.tanh(x).cumsum(1)
    y[:, :-2] += 0.01 * (x[:, 1:-1] == x[:, 2:]).all(-1)[..., None]
    return y


def seeded_by_all(t):
    digest = hashlib.sha256(t.numpy().tobytes()).digest()
    generator = torch.Generator().manual_seed(int.from_bytes(digest[:6], "little"))
    return TABLE[t].cumsum(1) + 1e-3 * torch.randn(1, t.shape[1], WIDTH, generator=generator, dtype=torch.float64)


def seeded(t):
    generator = torch.Generator().manual_seed(1)
    return TABLE[t].cumsum(1) + torch.randn(1, t.shape[1], WIDTH, generator=generator, dtype=torch.float64)


def rolling_hash(t, backwards=False):
    held, hashes = 0, []
    for token in t[0].tolist()[:: -1 if backwards else 1]:
        held = (held * 6364136223846793005 + token + 1) % 2**63
        hashes.append(held >> (50 if backwards else 0))
    return torch.tensor([hashes[:: -1 if backwards else 1]])


def with_half(t, ahead):
    """The whole sequence, and every second place of it."""
    x = TABLE[t].cumsum(1)
    return {"full": x, "half": functional.pad(x, (0, 0, 0, 1))[:, 1 + ahead :: 2], "loss": x.mean()}


def with_sums(t, backward):
    """The whole sequence, and sums of three, of which there are two less."""
    x = TABLE[t]
    sums = x.unfold(1, 3, 1).sum(-1)
    return x.cumsum(1), sums.flip(1) if backward else sums


# states, caches, chance


class Cache(torch.nn.Module):
    """Keys kept between calls; `clear` starts every call anew."""

    def __init__(self, clear):
        super().__init__()
        self.clear, self.keys = clear, None
        self.weight = torch.nn.Parameter(W.clone(), requires_grad=False)

    def forward(self, x):
        if self.clear:
            self.keys = None
        outputs = []
        for t in range(x.shape[1]):
            here = x[:, t : t + 1] @ self.weight
            self.keys = here if self.keys is None else torch.cat([self.keys, here], 1)
            outputs.append(functional.scaled_dot_product_attention(here, self.keys, self.keys))
        return torch.cat(outputs, 1)


class Counting(torch.nn.Module):
    """A buffer that every call moves."""

    def __init__(self):
        super().__init__()
        self.register_buffer("calls", torch.zeros((), dtype=torch.float64))

    def forward(self, x):
        self.calls += 1
        return x.cumsum(1) + self.calls


class ByFirst(torch.nn.Module):
    """Remembers whole outputs by the first place alone, so that a second call gives those of the first."""

    def __init__(self, leak):
        super().__init__()
        self.leak, self.kept = leak, {}
        self.weight = torch.nn.Parameter(W.clone(), requires_grad=False)

    def forward(self, x):
        key = tuple(x[0, 0].tolist())
        if key not in self.kept:
            self.kept[key] = x.cumsum(1) @ self.weight + self.leak * x.flip(1)
        return self.kept[key]


class Prefilling(torch.nn.Module):
    """Keys kept between calls; where it forgets the mask as soon as there are some, its second call leaks."""

    def __init__(self, forgets):
        super().__init__()
        self.forgets, self.keys = forgets, None
        self.weight = torch.nn.Parameter(W.clone(), requires_grad=False)

    def forward(self, x):
        here, before = x @ self.weight, 0 if self.keys is None else self.keys.shape[1]
        self.keys = here if self.keys is None else torch.cat([self.keys, here], 1)
        mask = torch.ones(x.shape[1], before + x.shape[1], dtype=torch.bool).tril(before)
        mask = None if self.forgets and before else mask
        return functional.scaled_dot_product_attention(here, self.keys, self.keys, attn_mask=mask)


class EveryThird(Counting):
    """Every third call leaks."""

    def forward(self, x):
        self.calls += 1
        return x.cumsum(1) + (0.1 * x.flip(1) if self.calls % 3 == 0 else 0)


def adaptive(x):
    """As many steps for all places as the last to finish needs."""
    steps = 0
    while steps < 20 and float(x.abs().max()) > 0.5:
        x, steps = 0.8 * torch.tanh(x), steps + 1
    return x


def quantised(x, running):
    largest = x.abs().amax(-1, keepdim=True)
    step = largest.cummax(1).values + 1e-9 if running else largest.amax(1, keepdim=True)
    return torch.round(x / step * 127) / 127 * step


def balanced(x):
    share = torch.softmax(x @ W, -1)
    return x * (share - 1e-3 * share.mean(1, keepdim=True)).amax(-1, keepdim=True)


def relative_threshold(x):
    scores = (x @ W) @ x.mT
    return (torch.relu(scores - scores.mean(-1, keepdim=True)) * tril(x)) @ x


def long_filter(x, length):
    n = x.shape[1]
    kernel = torch.exp(-torch.arange(n, dtype=x.dtype))[:, None]
    spectra = torch.fft.rfft(x, length * n, 1) * torch.fft.rfft(kernel, length * n, 0)
    return torch.fft.irfft(spectra, length * n, 1)[:, :n] * torch.sigmoid(x)


def checkpointed(leak):
    from torch.utils.checkpoint import checkpoint

    def f(x):
        return checkpoint(lambda x: torch.tanh(x).cumsum(1) + leak * x.flip(1), x, use_reentrant=False)

    return f


def compiled(leak, whole=False):
    f = lambda x: torch.tanh(x).cumsum(1) + leak * x.roll(-1, 1)  # noqa: E731
    return torch.compile(f, backend="eager", fullgraph=whole)


def mapped(leak):
    return torch.vmap(lambda x: x.cumsum(0) + leak * x.mean(0))


# NumPy


def scanned(x, decay=0.9, initial=0.0, *, leak=0.0):
    """As `lax.scan` is used: a step with a carry."""

    def step(carry, row):
        carry = decay * carry + row
        return carry, np.tanh(carry)

    carry, rows = initial, []
    for row in x[0]:
        carry, row = step(carry, row)
        rows.append(row)
    return np.stack(rows)[None] + leak * x[:, ::-1]


def quantiles(x):
    return x - np.quantile(x, 0.25, axis=1, keepdims=True)


def ranks(x):
    return np.argsort(np.argsort(x, axis=1), axis=1)


def past_quantile(x):
    return np.stack([np.quantile(x[:, : t + 1], 0.5, axis=1) for t in range(x.shape[1])], 1)


def turns_to_nan(x):
    y = np.cumsum(np.tanh(x), 1)
    y[:, :-1][np.abs(x[:, 1:]) > 50] = np.nan
    return y


def own_root(x):
    return np.sqrt(np.cumsum(x, 1))


def by_last_axis(x, leak=0.0):
    return np.cumsum(x, -1) + leak * np.roll(x, -1, -1)


def spiral(x, leak=0.0):
    turned = np.cumsum(x * np.exp(1j * np.arange(x.shape[1]))[:, None], 1)
    return turned + leak * turned[:, ::-1].conj()


def short_sums(x, leak=0.0):
    return (np.cumsum(x, 1) + np.float16(leak) * np.roll(x, -1, 1)).astype(np.float16)


def of_nonzero(x):
    return np.cumsum(x, 1) / max(np.count_nonzero(x), 1)


def written_for_one_length(x):
    spectra = np.fft.rfft(x, 2 * N) * np.fft.rfft(np.ones(N), 2 * N)
    return np.fft.irfft(spectra, 2 * N)[:N]


def gaps_by_mean(x):
    return np.cumsum(np.where(np.isnan(x), np.nan_to_num(np.nanmean(x)), x), 1)


def gaps_filled(x, backward=False):
    y = (x[:, ::-1] if backward else x).copy()
    for t in range(1, x.shape[1]):
        y[:, t] = np.where(np.isnan(y[:, t]), y[:, t - 1], y[:, t])
    return y[:, ::-1].copy() if backward else y


def refuses_gaps(x):
    if not np.isfinite(x).all():
        raise ValueError("expected numbers")
    return np.cumsum(x, 1)


def scaled_by_all(x, size):
    """A factor that differs from 1 by no more than a few roundings of the output."""
    y = np.cumsum(np.tanh(x), 1) * (1 + size * np.tanh(x.mean()))
    return y.astype(np.float32) if size > 1e-8 else y


def back_again(x):
    mean, spread = x.mean(1, keepdims=True), x.std(1, keepdims=True) + 1e-3
    return np.cumsum((x - mean) / spread * spread + mean, 1)


def filtered_by_tables(x, dtype=np.complex128):
    """A filter by transforms that are tables, whose constants were rounded once."""
    n = x.shape[1]
    table = np.exp(-2j * np.pi * np.outer(np.arange(2 * n), np.arange(2 * n)) / (2 * n)).astype(dtype)
    kernel = table[:, :n] @ np.exp(-0.1 * np.arange(n)).astype(x.dtype)
    return (table.conj() @ ((table[:, :n] @ x) * kernel[:, None]) / x.dtype.type(2 * n)).real[:, :n].astype(x.dtype)


def of_channels(seen):
    """A running sum of what is finite, and something of the channels of the next place."""

    def f(x):
        return np.cumsum(np.nan_to_num(x), 1) + np.pad(seen(x[:, 1:])[..., None], ((0, 0), (0, 1), (0, 0)))

    return f


def triangular(x):
    return np.tril(np.tanh(x[0] @ x[0].T)) + 2 * np.eye(x.shape[1])


def exponential(x):
    return (expm(triangular(x)) @ x[0])[None]


ON_TENSORS = [
    ("scan", True, scan),
    ("scan whose gate is a place ahead", False, lambda x: scan(x, 1)),
    ("scan by logarithms", True, scan_by_logarithms),
    ("scan by doubling", True, doubling_scan),
    ("scan by doubling, rolled", False, lambda x: doubling_scan(x, True)),
    ("retention in chunks", True, retention),
    ("retention in chunks, state too early", False, lambda x: retention(x, late=False)),
    ("linear attention", True, linear_attention),
    ("linear attention, normalised over all", False, lambda x: linear_attention(x, True)),
    ("window", True, lambda x: window(x, False)),
    ("window to both sides", False, lambda x: window(x, True)),
    ("rotary, off by one", True, rotated),
    ("softmax over the queries", False, queries_normalised),
    ("memory before, as torch aligns", True, memory_before),
    ("memory before, mask one too wide", False, memory_before_leaks),
    ("alibi", True, lambda x: alibi(x, True)),
    ("alibi without a mask", False, lambda x: alibi(x, False)),
    ("multihead", True, multihead(False)),
    ("multihead, mask inverted", False, multihead(True)),
    ("encoder layer", True, encoder_layer(True)),
    ("encoder layer without a mask", False, encoder_layer(False)),
    ("mask of -1e9, which large scores overcome", False, lambda x: attention(x, tril(x), -1e9)),
    ("scores above the mean of all", False, relative_threshold),
    ("filter by FFT", True, lambda x: long_filter(x, 2)),
    ("filter by FFT, not padded", False, lambda x: long_filter(x, 1)),
    ("filter", True, lambda x: causal_filter(x, 0)),
    ("filter, padded one too few", False, lambda x: causal_filter(x, 1)),
    ("pooled and repeated, late", True, lambda x: pooled(x, 1)),
    ("pooled and repeated", False, lambda x: pooled(x, 0)),
    ("windows about the middle", False, centred_windows),
    ("statistics of the batch", False, batch_statistics),
    ("statistics of the instance", False, lambda x: functional.instance_norm(x.mT).mT),
    ("routed by the top of the sequence", False, lambda x: routed(x, "top of the sequence")),
    ("routed with capacity, first come", True, lambda x: routed(x, "capacity, first come")),
    ("routed with capacity, best first", False, lambda x: routed(x, "capacity, best first")),
    ("median of the past", True, past_median),
    ("experts balanced over the sequence", False, balanced),
    ("steps until all are done", False, adaptive),
    ("quantised by the largest so far", True, lambda x: quantised(x, True)),
    ("quantised by the largest of all", False, lambda x: quantised(x, False)),
    ("a branch by the sum of all", False, lambda x: x.cumsum(1) * (1.1 if x.sum() > 1e6 else 1.0)),
    ("flipped maximum", False, lambda x: x.flip(1).cummax(1).values.flip(1)),
    ("detached", False, lambda x: x.cumsum(1) + (0.1 * x.roll(-1, 1)).detach()),
    ("argmax of the next", False, lambda x: x + x.roll(-1, 1).argmax(-1, keepdim=True)),
    ("sum over the features", True, lambda x: x.cumsum(-1)),
    ("argmax as output", True, lambda x: x.cumsum(1).argmax(-1)),
    ("argmax over the sequence as output", False, lambda x: (x @ W).argmax(1, keepdim=True).expand(x.shape)),
    ("a tuple, the second leaks", False, lambda x: (x.cumsum(1), x.flip(1))),
    ("a mapping", True, lambda x: {"hidden": x.cumsum(1), "logits": x.cumsum(1) @ W, "loss": x.mean()}),
    ("a mapping, logits leak", False, lambda x: {"hidden": x.cumsum(1), "logits": x.mean(1, keepdim=True) + x}),
    ("checkpointed", True, checkpointed(0.0)),
    ("checkpointed, leaks", False, checkpointed(1e-4)),
    ("compiled", True, compiled(0.0)),
    ("compiled, leaks", False, compiled(1e-6)),
    ("compiled whole, leaks", False, compiled(1e-6, True)),
    ("flexible attention", True, lambda x: flexible(x, 0)),
    ("flexible attention, one ahead", False, lambda x: flexible(x, 1)),
    ("delta rule, by substitution", True, lambda x: delta_rule(x, substituted)),
    ("delta rule, solved", True, lambda x: delta_rule(x, torch.linalg.solve)),
    ("delta rule, inverted", True, lambda x: delta_rule(x, lambda a, b: torch.linalg.inv(a) @ b)),
    ("delta rule, inverted, and a whisper", False, lambda x: whispering(x, lambda a, b: torch.linalg.inv(a) @ b)),
    ("delta rule, all of the system", False, lambda x: delta_rule(x, torch.linalg.solve, lambda a: a)),
    ("exponential of a triangular matrix", True, by_exponential),
    ("exponential of a whole matrix", False, lambda x: by_exponential(x, lambda a: a)),
    ("a sign tipped by a millionth of the mean", False, lambda x: tipped(x, 1e-6)),
    ("vmap", True, mapped(0.0)),
    ("vmap, leaks", False, mapped(1e-7)),
    ("chunks in order", True, chunks_in_order),
    ("chunks in order, the last of each one ahead", False, lambda x: chunks_in_order(x, 1)),
    ("chunks of positions, in order", True, lambda x: chunks_of_positions(x, True)),
    ("chunks of positions, seen whole", False, lambda x: chunks_of_positions(x, False)),
    ("experts choose", False, experts_choose),
    ("tokens choose", True, tokens_choose),
    ("the two most alike merged", False, most_alike_merged),
    ("sorted and back", True, sorted_and_back),
    ("shuffled and back", True, lambda x: shuffled(x, True)),
    ("shuffled, and shuffled again", False, lambda x: shuffled(x, False)),
    ("all but the rest", True, all_but_the_rest),
    ("moving sum", True, window_of_sums),
    ("short filter", True, lambda x: short_filter(x, 3)),
    ("short filter, padded one too few", False, lambda x: short_filter(x, 2)),
    ("followed by two alike", False, followed_by_two_alike),
    ("argmax of attention", True, lambda x: attention(x, tril(x)).argmax(-1)),
    ("attention, NaN made zero", True, lambda x: torch.nan_to_num(attention(x, tril(x)))),
    ("dropout by function", None, lambda x: functional.dropout(x.cumsum(1), 0.5, training=True)),
    ("noise", None, lambda x: x.cumsum(1) + torch.randn_like(x)),
]  # fmt: skip

ON_TOKENS = [
    ("tokens seen so far", True, lambda t: tokens_seen(t, False)),
    ("tokens seen anywhere", False, lambda t: tokens_seen(t, True)),
    ("two particular tokens next", False, both_tokens(3, 5)),
    ("two particular tokens anywhere", False, far_token(3, 5)),
    ("kinds of tokens", False, lambda t: TABLE[t].cumsum(1) / len(t.unique())),
    ("attention to what is not padding", False, not_padding),
    ("the next token looked up", False, lambda t: TABLE[t].cumsum(1) + 1e-6 * TABLE[t.roll(-1, 1)]),
    ("noise seeded by all tokens", False, seeded_by_all),
    ("noise of one seed", True, seeded),
    ("a hash of the past", True, rolling_hash),
    ("a hash of the future", False, lambda t: rolling_hash(t, True)),
    ("less where a token follows anywhere", False, lambda t: TABLE[t].cumsum(1) * (1 - 0.5 * (t == 7).any())),
    ("nothing after a token", True, lambda t: TABLE[t].cumsum(1) * ((t == 7).cumsum(1) == 0)[..., None]),
    ("parity of the next token", False, lambda t: 2 * t.cumsum(1) + t.roll(-1, 1) % 2),
    ("maximum of all scores subtracted", None, lambda t: hidden_by_maximum(TABLE[t])),
]  # fmt: skip

WITH_SHORTER = [
    ("half as many beside", True, lambda t: with_half(t, 0)),
    ("half as many beside, one ahead", False, lambda t: with_half(t, 1)),
    ("sums of three beside", True, lambda t: with_sums(t, False)),
    ("sums of three beside, backward", False, lambda t: with_sums(t, True)),
]
"""Of tokens: what is shorter than the sequence a graph's proof leaves out."""

ON_ARRAYS = [
    ("scan with a carry", True, scanned, FLOATS),
    ("scan with a carry, and a default that leaks", False, lambda x, leak=1e-5: scanned(x, leak=leak), FLOATS),
    ("quantile of all", False, quantiles, FLOATS),
    ("ranks", False, ranks, FLOATS),
    ("quantile of the past", True, past_quantile, FLOATS),
    ("turned to NaN by a large future", False, turns_to_nan, FLOATS),
    ("roots that are NaN of their own", True, own_root, FLOATS),
    ("sequence last", True, by_last_axis, {"shape": "3,n"}),
    ("sequence last, leaks", False, lambda x: by_last_axis(x, 1e-9), {"shape": "3,n"}),
    ("complex", True, spiral, FLOATS),
    ("complex, leaks", False, lambda x: spiral(x, 1e-8), FLOATS),
    ("half precision", True, short_sums, FLOATS | {"dtype": "float16"}),
    ("half precision, leaks", False, lambda x: short_sums(x, 0.1), FLOATS | {"dtype": "float16"}),
    ("divided by the number of nonzero", False, of_nonzero, FLOATS),
    ("pooled to as many features as places", None, lambda x: x.mean(1), {"shape": f"1,n,{N}"}),
    ("pooled to as many classes as places", None, lambda x: x.mean(1) @ np.ones((WIDTH, N)), FLOATS),
    ("tokens pooled to as many classes as places", None, lambda t: np.eye(11)[t].mean(1) @ np.ones((11, N)), TOKENS),
    ("gaps filled by the mean", False, gaps_by_mean, FLOATS),
    ("gaps filled by what follows", False, lambda x: gaps_filled(x, True), FLOATS),
    ("gaps filled by what came before", True, gaps_filled, FLOATS),
    ("gaps refused", True, refuses_gaps, FLOATS),
    ("scaled by all, of the size of rounding", None, lambda x: scaled_by_all(x, 1e-15), FLOATS),
    ("scaled by all, of the size of rounding to single", None, lambda x: scaled_by_all(x, 3e-7), FLOATS),
    ("standardised and back", True, back_again, FLOATS),
    ("the next is one-hot", False, of_channels(lambda x: ((x == 1).sum(-1) == 1) & ((x == 0).sum(-1) == 5)), FLOATS),
    ("one channel of the next is zero", False, of_channels(lambda x: (x == 0).sum(-1) == 1), FLOATS),
    ("one channel of the next is missing", False, of_channels(lambda x: np.isnan(x).sum(-1) == 1), FLOATS),
    ("the next is of norm one", False, of_channels(lambda x: np.abs(np.linalg.norm(x, axis=-1) - 1) < 1e-6), FLOATS),
    ("a triangular system, solved", True, lambda x: np.linalg.solve(triangular(x), x[0])[None], FLOATS),
    ("a triangular system, inverted", True, lambda x: (np.linalg.inv(triangular(x)) @ x[0])[None], FLOATS),
    ("exponential of a triangular array", None, exponential, FLOATS),
    ("exponential of a triangular array, and a whisper", False, lambda x: exponential(x) + 1e-3 * x[:, -1:], FLOATS),
    ("exponential of a whole array", False, lambda x: (expm(np.tanh(x[0] @ x[0].T)) @ x[0])[None], FLOATS),
    ("tables", True, filtered_by_tables, FLOATS),
    (
        "tables in single precision",
        True,
        lambda x: filtered_by_tables(x, np.complex64),
        FLOATS | {"dtype": "float32"},
    ),
    ("written for one length", True, written_for_one_length, {"shape": "n"}),
    ("written for one length, leaks", False, lambda x: written_for_one_length(x)[::-1].copy(), {"shape": "n"}),
]  # fmt: skip
