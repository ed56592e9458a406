"""Right kernels in PyTorch: the formulations people write, and that the corpus breaks one line at a time."""

from math import prod

import torch


def block_diagonal_bmm(x, blocks):
    k, rows, columns = blocks.shape
    batch = x.shape[0]
    cut = x.reshape(batch, k, columns).permute(1, 2, 0)
    wide = torch.float32 if x.dtype == torch.float16 else x.dtype
    products = torch.bmm(blocks.to(wide), cut.to(wide)).to(x.dtype)
    return products.permute(2, 0, 1).reshape(batch, k * rows)


def block_diagonal_in_tiles(x, blocks):
    k, rows, columns = blocks.shape
    batch = x.shape[0]
    tile = 4
    wide = torch.float32 if x.dtype in (torch.float16, torch.bfloat16) else x.dtype
    cut = x.reshape(batch, k, columns)
    total = torch.zeros(batch, k, rows, dtype=wide)
    for start in range(0, columns, tile):
        stop = min(start + tile, columns)
        piece = torch.einsum("krc,bkc->bkr", blocks[:, :, start:stop].to(wide), cut[:, :, start:stop].to(wide))
        total = total + piece
    return total.reshape(batch, k * rows).to(x.dtype)


def monarch_two_einsums(x, *factors):
    if len(factors) != 2:
        raise NotImplementedError("two factors only")
    R, L = factors
    _, m0, n0 = R.shape
    _, m1, n1 = L.shape
    batch = x.shape[0]
    wide = torch.float32 if x.dtype == torch.float16 else x.dtype
    grid = x.reshape(batch, n0, n1).to(wide)
    inner = torch.einsum("jsi,bij->bsj", R.to(wide), grid).to(x.dtype)
    outer = torch.einsum("stj,bsj->bts", L.to(wide), inner.to(wide))
    return outer.reshape(batch, m1 * m0).to(x.dtype)


def monarch_bmm(x, *factors):
    batch = x.shape[0]
    rows, columns = [f.shape[1] for f in factors], [f.shape[2] for f in factors]
    wide = torch.float32 if x.dtype == torch.float16 else x.dtype
    state = x.t().contiguous()
    for k, factor in enumerate(factors):
        before, after = prod(rows[:k]), prod(columns[k + 1 :])
        digit = state.reshape(before, columns[k], after, batch).transpose(1, 2)
        product = torch.bmm(factor.to(wide), digit.reshape(before * after, columns[k], batch).to(wide))
        state = product.reshape(before, after, rows[k], batch).transpose(1, 2).to(x.dtype)
    order = len(factors)
    ordered = state.reshape(*rows, batch).permute(*reversed(range(order)), order)
    y = torch.empty(batch, prod(rows), dtype=x.dtype)
    y[:] = ordered.reshape(prod(rows), batch).t()
    return y


def monarch_fused(x, *factors):
    """As a fused kernel would: the intermediate stays in the accumulator's format."""
    if len(factors) != 2:
        raise NotImplementedError("two factors only")
    wide = torch.float32 if x.dtype in (torch.float16, torch.bfloat16) else x.dtype
    R, L = (f.to(wide) for f in factors)
    grid = x.reshape(x.shape[0], R.shape[2], L.shape[2]).to(wide)
    y = torch.einsum("stj,jsi,bij->bts", L, R, grid)
    return y.reshape(x.shape[0], L.shape[1] * R.shape[1]).to(x.dtype)


def fft(x):
    return torch.fft.fft(x) if x.numel() else torch.empty_like(x)


def dft_by_fft(x, radices):
    return torch.fft.fft(x) if x.numel() else torch.empty_like(x)


def inverse_dft_by_fft(x, radices):
    return torch.fft.ifft(x) if x.numel() else torch.empty_like(x)


def circular_convolution(u, k):
    if not u.numel():
        return torch.empty_like(u)
    wide = torch.float32 if u.dtype in (torch.float16, torch.bfloat16) else u.dtype
    spectrum = torch.fft.rfft(u.to(wide)) * torch.fft.rfft(k.to(wide))
    return torch.fft.irfft(spectrum, u.shape[-1]).to(u.dtype)


def long_convolution(u, k, gate, skip):
    if not u.numel():
        return torch.empty_like(u)
    n = u.shape[-1]
    size = 2 * n
    wide = torch.float32 if u.dtype in (torch.float16, torch.bfloat16) else u.dtype
    spectrum = torch.fft.rfft(u.to(wide), size) * torch.fft.rfft(k.to(wide), size)
    convolved = torch.fft.irfft(spectrum, size)[..., :n]
    mixed = convolved + skip[:, None].to(wide) * u.to(wide)
    return (gate.to(wide) * mixed).to(u.dtype)


def causal_monarch(u, k, *factors):
    order = len(factors) // 2
    padded_u = torch.nn.functional.pad(u, (0, u.shape[-1]))
    padded_k = torch.nn.functional.pad(k, (0, k.shape[-1]))
    product = monarch_bmm(padded_u, *factors[:order]) * monarch_bmm(padded_k[None], *factors[:order])
    return monarch_bmm(product, *factors[order:])[:, : u.shape[-1]]
