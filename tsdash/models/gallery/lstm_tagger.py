"""Tags the tokens of a sentence with an LSTM whose first state is made from the input.

Left to itself nn.LSTM makes zeros of the dtype and on the device of the example, and a trace keeps both. `new_zeros` asks the
input each time. The loop over time is inside the operator, so it is not unrolled.
"""

import torch
from torch import nn

EXPECTED = {"trace": None, "script": None}


class LstmTagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(6, 8, batch_first=True)
        self.tag = nn.Linear(8, 5)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        state = tokens.new_zeros(1, tokens.size(0), 8)
        hidden, _ = self.lstm(tokens, (state, state))  # (B, S, 8)
        return self.tag(hidden)


def make_model():
    return LstmTagger().eval()


def make_inputs(batch=2, seq=7):
    return (torch.randn(batch, seq, 6),)
