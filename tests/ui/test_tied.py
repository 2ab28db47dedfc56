"""Source beside what became of it: every remark stands in the method that it is about."""

from __future__ import annotations

import re
from html import unescape

from tsdash.spec import Export, ModelSource
from tsdash.study import ModeStudy, Study, TiedLine
from tsdash.ui.tied import panes

SOURCE = """from torch import nn


class Net(nn.Module):
    def forward(self, x):
        h = self.first(x)
        sure = h > 0
        if sure.any():
            return h * 2
        return self.last(h)
"""
NET = ("# Net", "def forward(self: Net,", "x: Tensor) -> Tensor:")
LAYER = ("# Linear", "def forward(self: Linear,", "x: Tensor) -> Tensor:")
GONE = ("left no operator", "no decision was recorded", "never ran, so it does not exist")


def untied(*texts: str) -> tuple[TiedLine, ...]:
    return tuple(TiedLine(text=text) for text in texts)


def kept(*lines: TiedLine) -> list[str]:
    """The lines of the mode's pane, where a script keeps lines 6 to 10 and eager ran all but line 9."""
    source = ModelSource(name="net.py", kind="file", filename="net.py", text=SOURCE)
    script = (*untied(*NET), *(TiedLine(text=f"  line {n}", line=n) for n in range(6, 11)))
    modes = {
        mode: ModeStudy(export=Export(mode=mode, seconds=0.1), code=code)
        for mode, code in (("trace", lines), ("script", script))
    }
    html = panes(source, Study(steps=(6, 7, 8, 10), modes=modes), modes=["trace", "script"])
    rows = re.findall(r'<div class="ts-line[^"]*"[^>]*>(.*?)</div>', html.split("<header>")[2], re.S)
    return [unescape(re.sub("<[^>]+>", "", row)).lstrip("0123456789").strip() for row in rows]


def layer(line: int) -> tuple[TiedLine, ...]:
    """A layer as a trace keeps it: its operator is tied to the line of forward that calls it."""
    return (*untied(*LAYER), TiedLine(text="  return torch.linear(x)", line=line))


def test_what_is_gone_is_missed_in_the_method_of_its_own_class() -> None:
    """Not at the end, in the last layer; and before the return that stands for the line after it."""
    own = (*untied(*NET), TiedLine(text="  h = relu()", line=6), *untied("  return (last).forward(h, )"))
    assert kept(*own, *layer(6), *layer(10)) == [
        *NET, "h = relu()", *GONE, "return (last).forward(h, )",
        *LAYER, "return torch.linear(x)", *LAYER, "return torch.linear(x)",
    ]  # fmt: skip


def test_what_is_gone_in_between_stands_where_it_would_be() -> None:
    """Before the next line of the same method."""
    own = (*untied(*NET), TiedLine(text="  h = relu()", line=6), TiedLine(text="  y = last(h)", line=10))
    assert kept(*own, *layer(6)) == [*NET, "h = relu()", *GONE, "y = last(h)", *LAYER, "return torch.linear(x)"]


def test_a_graph_is_one_block() -> None:
    """Without titles all remarks stand in it."""
    graph = (*untied("graph(%x):"), TiedLine(text="  %1 = relu()", line=6), TiedLine(text="  %2 = linear()", line=10))
    assert kept(*graph) == ["graph(%x):", "%1 = relu()", *GONE, "%2 = linear()"]
