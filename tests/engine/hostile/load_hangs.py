"""Its artefact never comes back from being loaded.
Expected: timeout, timeout, timeout in mode script; it is waited for once.
"""
import torch


class M(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.lin = torch.nn.Linear(4, 4)

    def forward(self, x):
        return self.lin(x)

    @torch.jit.export
    def __getstate__(self):
        return self.lin.weight, self.training

    @torch.jit.export
    def __setstate__(self, state: tuple[torch.Tensor, bool]):
        while state[0].numel() > 0:
            self.training = state[1]

    def __deepcopy__(self, memo):
        return make_model()


def make_model():
    torch.manual_seed(0)
    return M()


def make_inputs(n=2):
    return (torch.ones(n, 4),)
