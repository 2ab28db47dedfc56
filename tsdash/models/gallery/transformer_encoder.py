"""A transformer encoder of two layers: attention over any number of tokens, with nothing baked in.

Every reshape takes its sizes from the input, and `-1` is left to the operator. The scale of the attention is a constant of the
model, because the width of a head is.
"""

import torch
import torch.nn.functional as F
from torch import nn

EXPECTED = {"trace": None, "script": None}


class Layer(nn.Module):
    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.attend = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.feed = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        batch, seq, width = x.size(0), x.size(1), x.size(2)
        qkv = self.qkv(self.attend(x)).view(batch, seq, 3, self.heads, width // self.heads)
        query, key, value = qkv.permute(2, 0, 3, 1, 4).unbind(0)  # (B, H, S, W / H) each
        mixed = F.scaled_dot_product_attention(query, key, value)
        x = x + self.out(mixed.transpose(1, 2).reshape(batch, seq, width))
        return x + self.feed(x)


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(Layer(16, 2), Layer(16, 2))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers(x)


def make_model():
    return Encoder().eval()


def make_inputs(batch=2, seq=5):
    return (torch.randn(batch, seq, 16),)
