"""Returns a dataclass, as many libraries do: neither a trace nor a script can.

The tracer finds something that is not made of tensors, tuples, lists and dicts, and stops. The compiler cannot build the class.
"""

from dataclasses import dataclass

import torch
from torch import nn

EXPECTED = {"trace": "output_structure", "script": "output_structure"}
BLAME = {
    "trace": "return Result(logits=self.score(x), pooled=x.mean(dim=1))",
    "script": "return Result(logits=self.score(x), pooled=x.mean(dim=1))",
}


@dataclass
class Result:
    logits: torch.Tensor
    pooled: torch.Tensor


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.score = nn.Linear(4, 2)

    def forward(self, x: torch.Tensor):
        return Result(logits=self.score(x), pooled=x.mean(dim=1))


def make_model():
    return Classifier().eval()


def make_inputs(batch=2):
    return (torch.randn(batch, 4),)
