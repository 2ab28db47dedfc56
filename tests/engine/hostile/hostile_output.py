"""Returns an object that lies about its class, its length and its text.
Expected: identical, mismatch, identical.
"""

import torch


class M(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.lin = torch.nn.Linear(4, 4)

    def forward(self, x):
        if not (torch.compiler.is_exporting() or torch.jit.is_tracing()) and x.shape[0] == 3:
            return Liar({'y': self.lin(x)})
        return self.lin(x)


class Liar(dict):
    @property
    def __class__(self):
        return torch.Tensor

    def __len__(self):
        return 2**62

    def __repr__(self):
        raise SystemExit(0)

    def keys(self):
        raise KeyboardInterrupt

    __iter__ = items = values = keys


def make_model():
    torch.manual_seed(0)
    return M()


def make_inputs(n=2):
    return (torch.ones(n, 4),)
