"""Makes every comparison of torch and numpy say that all is equal. The export is wrong for n=3.
Expected: identical, mismatch, identical.
"""
import numpy as np

import torch


class M(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.lin = torch.nn.Linear(4, 4)

    def forward(self, x):
        if not (torch.compiler.is_exporting() or torch.jit.is_tracing()) and x.shape[0] == 3:
            torch.equal = torch.allclose = torch.Tensor.equal = torch.Tensor.allclose = lambda *_, **__: True
            torch.testing.assert_close = np.testing.assert_array_equal = lambda *_, **__: None
            np.array_equal = np.allclose = lambda *_, **__: True
            return self.lin(x) + 1
        return self.lin(x)


def make_model():
    torch.manual_seed(0)
    return M()


def make_inputs(n=2):
    return (torch.ones(n, 4),)
