"""What skips a convolution may be in its filter, in the first tap or the spectrum, and its gradient is then a lag's."""

from itertools import product

import pytest
from daily import but_long

from monarch_theory.testing.check import check

pytestmark = pytest.mark.usefixtures("torch_kernel_at_hand")

KERNELS = """
import torch
from torch.fft import irfft, rfft


def folded(k, skip):
    return torch.cat([k[:, :1] + skip[:, None], k[:, 1:]], -1)


def convolved(u, filter_):
    size = 2 * u.shape[-1]
    return irfft(rfft(u, size) * rfft(filter_, size), size)[..., : u.shape[-1]]


def in_spectrum(u, k, skip):
    size = 2 * u.shape[-1]
    return irfft(rfft(u, size) * (rfft(k, size) + skip[:, None]), size)[..., : u.shape[-1]]


def circular(k, reverse):
    return torch.cat([k[:, :1] + reverse[:, :1], k[:, 1:], 0 * k[:, :1], reverse[:, 1:].flip(-1)], -1)


def wide(function):
    def kernel(*arrays):
        if any(0 in a.shape for a in arrays):
            raise NotImplementedError
        found = function(*(a.to(torch.promote_types(a.dtype, torch.float32)) for a in arrays))
        return found.to(arrays[0].dtype)

    return kernel


def gradients(function):
    def kernel(gradient, *arrays):
        if any(0 in a.shape for a in arrays):
            raise NotImplementedError
        format_ = torch.promote_types(gradient.dtype, torch.float32)
        given = [a.detach().to(format_).requires_grad_() for a in arrays]
        found = torch.autograd.grad(function(*given), given, gradient.to(format_))
        return tuple(a.to(gradient.dtype) for a in found)

    return kernel


def long(u, k, gate, skip):
    return gate * convolved(u, folded(k, skip))


def long_by_spectra(u, k, gate, skip):
    return gate * in_spectrum(u, k, skip)


def both(u, k, reverse, skip):
    return convolved(u, circular(folded(k, skip), reverse))


def both_ahead(u, k, reverse, skip):
    return convolved(u, circular(k, folded(reverse, skip)))


def both_apart(u, k, reverse, skip):
    return convolved(u, folded(k, skip)) + convolved(u.flip(-1), reverse).flip(-1)


def mixer(x, input, short, k, skip, output):
    inner, n = (x @ input.T).swapaxes(1, 2), x.shape[1]
    near = sum(short[:, -1 - t, None] * torch.nn.functional.pad(inner, (t, 0))[..., :n] for t in range(short.shape[1]))
    first, second, value = near.chunk(3, 1)
    return (second * convolved(first * value, folded(k, skip))).swapaxes(1, 2) @ output.T


def both_without(u, k, reverse, skip):
    return convolved(u, circular(k, reverse))


def both_twice(u, k, reverse, skip):
    return convolved(u, circular(folded(k, skip), folded(reverse, skip)))


forward = {name: wide(f) for name, f in list(globals().items()) if name.startswith(("long", "both", "mixer"))}
backward = {name + "_backward": gradients(f) for name, f in list(globals().items()) if name in forward}
globals().update(forward | backward)
"""

OPS = {"long": "long-convolution", "both": "bidirectional-convolution", "mixer": "sequence-mixer"}
RIGHT = ("long", "long_by_spectra", "both", "both_ahead", "both_apart", "mixer")
WRONG = ("both_without", "both_twice")
DEAR = set(product(RIGHT, ("float32", "bfloat16"))) - {("both", "float32")}


def asked(folder, kernel, op, dtype):
    """What is said of it; how long a call takes is not the subject, and the machine may be busy."""
    path = folder / "kernels.py"
    path.write_text(KERNELS)
    return check(path, kernel, op, dtype, cases_wanted=60, seed=0, explained=False, face="torch", timeout=120)


@pytest.mark.parametrize(("kernel", "dtype"), but_long(product(RIGHT, ("float32", "bfloat16")), DEAR))
def test_a_kernel_with_its_skip_in_the_filter_is_right(kernel, dtype, tmp_path):
    report = asked(tmp_path, kernel, OPS[kernel.split("_")[0]], dtype)
    assert report.exit_code == 0, report.message


@pytest.mark.long
@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
@pytest.mark.parametrize("kernel", RIGHT)
def test_the_gradients_of_such_a_kernel_are_right(kernel, dtype, tmp_path):
    report = asked(tmp_path, f"{kernel}_backward", f"{OPS[kernel.split('_')[0]]}-backward", dtype)
    assert report.exit_code == 0, report.message


@pytest.mark.long
@pytest.mark.parametrize("kernel", WRONG)
def test_a_skip_left_out_or_taken_twice_is_wrong(kernel, tmp_path):
    assert asked(tmp_path, kernel, "bidirectional-convolution", "float32").exit_code == 1
    assert asked(tmp_path, f"{kernel}_backward", "bidirectional-convolution-backward", "float32").exit_code == 1
