"""A causal mixer with one slip: output 37 also sees token 38, and nothing else leaks.

monarch causal examples/one_token_leak.py:leaky --n 256
monarch causal examples/one_token_leak.py:whispering --n 256
monarch causal examples/one_token_leak.py:tokens --n 64 --dtype int64 --vocab 10
"""

import numpy as np


def leaky(x):
    y = np.cumsum(x)
    y[37] += x[38]
    return y


def whispering(x):
    """The same, a billionth as loud."""
    y = np.cumsum(x)
    y[37] += 1e-9 * x[38]
    return y


def tokens(x):
    """Shape (n,) of tokens below 10; output 37 notices one value of token 38."""
    embedded = np.sin(np.outer(np.arange(10), np.arange(1, 5)))[x]
    y = np.cumsum(embedded, axis=0)
    if x[38] == 7:
        y[37, 2] += 0.5
    return y
