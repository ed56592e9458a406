"""y = M x of order 2 in PyTorch, its gradients by autograd, and by hand with a conjugate forgotten."""

import torch


def multiply(x, R, L):
    grid = x.reshape(len(x), R.shape[2], L.shape[2])
    middle = torch.einsum("asn,bna->bsa", R, grid)
    return torch.einsum("sta,bsa->bts", L, middle).reshape(len(x), L.shape[1] * R.shape[1])


def by_autograd(gradient, x, R, L):
    leaves = [a.detach().requires_grad_() for a in (x, R, L)]
    return torch.autograd.grad(multiply(*leaves), leaves, gradient)


def by_hand(gradient, x, R, L):
    grid = x.reshape(len(x), R.shape[2], L.shape[2])
    middle = torch.einsum("asn,bna->bsa", R, grid)
    g = gradient.reshape(len(x), L.shape[1], R.shape[1])
    of_L = torch.einsum("bts,bsa->sta", g, middle.conj())
    of_middle = torch.einsum("sta,bts->bsa", L.conj(), g)
    of_R = torch.einsum("bsa,bna->asn", of_middle, grid.conj())
    of_x = torch.einsum("asn,bsa->bna", R, of_middle)
    return of_x.reshape(x.shape), of_R, of_L
