"""Averages the word vectors of each text: integer inputs, and texts of different length in one tensor."""

import torch
from torch import nn

EXPECTED = {"trace": None, "script": None}


class BagOfWords(nn.Module):
    def __init__(self):
        super().__init__()
        self.words = nn.EmbeddingBag(20, 4, mode="mean")
        self.score = nn.Linear(4, 3)

    def forward(self, ids: torch.Tensor, offsets: torch.Tensor) -> torch.Tensor:
        return self.score(self.words(ids, offsets))


def make_model():
    return BagOfWords().eval()


def make_inputs(words=8, texts=2):
    return (torch.arange(words) * 7 % 20, torch.arange(texts) * words // texts)
