"""The terms of the lessons, in a sentence each, and text in which they are linked to it.

In a text `[trace]` or `[trace|traced]` links to the term; backticks set code.
"""

from __future__ import annotations

import re
from html import escape

from tsdash.ui.html import inline

TERMS = {
    "eager": "The model as plain PyTorch runs it: Python calls one operator after the other.",
    "export": "Turning a model into a program that runs without your Python source, and what comes of it.",
    "trace": "`torch.jit.trace` calls the model once on an example input and writes down the tensor operators that it sees.",
    "script": "`torch.jit.script` compiles the source of forward, with its branches and loops, as far as it knows the Python in it.",
    "torch.export": "`torch.export.export` traces with symbolic sizes and refuses what it cannot record faithfully. PyTorch points to it instead of TorchScript.",
    "TorchScript": "The small typed language that traces and scripts are written in. Deprecated; it still loads and runs.",
    "graph": "The list of operators of an exported program, each with its inputs, outputs and source line.",
    "operator": "One tensor computation of PyTorch, such as `aten::mul`.",
    "control flow": "What decides which line runs next: if, for, while, return.",
    "example input": "The input that a trace is recorded from. What it does not reach is not recorded.",
    "constant": "A value that the export holds fixed, whatever the input.",
    "symbolic": "Computed from the input at each call, like a size that follows the batch; the opposite of a constant.",
    "L2 norm": "The square root of the sum of squares: the length of the difference as a vector.",
    "largest difference": "max |Δ|, the largest absolute difference between an element of the export's output and eager's.",
    "float64 referee": "Eager run in 64-bit floats on the same input. Its rounding error is so small that it can judge both sides.",
    "ULP": "Unit in the last place: the distance between two neighbouring floats.",
    "dtype": "The type of a tensor's elements: float32, float16, bfloat16, int64 and so on.",
    "training mode": "What `.train()` and `.eval()` set. Dropout and batch norm compute different things in the two.",
    "dropout": "In training mode sets random elements to zero and scales up the rest; in evaluation mode does nothing.",
    "batch norm": "In training mode normalises by the batch's own mean and variance, in evaluation mode by stored ones.",
    "state": "Whatever a model remembers from call to call: buffers, counters, random generators.",
    "device": "Where a tensor lives: cpu, cuda, mps.",
    "meta device": "A device without memory: operators compute shapes, dtypes and device errors, but no values.",
    "freeze": "`torch.jit.freeze` makes the weights constants and folds operators into each other; that changes the rounding.",
    "warm-up": "The first calls, slower than the rest: memory is allocated and TorchScript optimises for the shapes that it sees.",
    "A/A test": "Measuring the same thing twice as if it were two. Whatever difference shows is the method's own error.",
    "accuracy": "The share of examples whose predicted class is the label.",
    "agreement matrix": "Rows are eager's predictions, columns the export's; off the diagonal they disagree.",
    "flip": "An example that eager and the export put into different classes.",
}  # fmt: skip
_LINK = re.compile(r"\[([^\]\[|]+)(?:\|([^\]\[]+))?\](?!\()")


def linked(text: str) -> str:
    """A text as HTML paragraph, its terms linked to their explanation."""
    parts, at = [], 0
    for found in _LINK.finditer(text):
        if found[1] not in TERMS:
            continue
        parts.append(inline(text[at : found.start()]))
        explained = escape(TERMS[found[1]].replace("`", ""))
        parts.append(
            f'<a class="ts-term" href="#{anchor(found[1])}" title="{explained}">{escape(found[2] or found[1])}</a>'
        )
        at = found.end()
    return f'<p class="ts-prose">{"".join(parts)}{inline(text[at:])}</p>'


def plain(text: str) -> str:
    """A text without the marks of its terms."""
    return _LINK.sub(lambda found: (found[2] or found[1]) if found[1] in TERMS else found[0], text)


def used(*texts: str) -> list[str]:
    """The terms that these texts link to, in the order of the glossary."""
    named = {found[1] for text in texts for found in _LINK.finditer(text)}
    return [term for term in TERMS if term in named]


def explained(terms: list[str]) -> str:
    """A list of terms with their explanations, to which `linked` points."""
    items = "".join(
        f'<div id="{anchor(term)}"><dt>{escape(term)}</dt><dd>{inline(TERMS[term])}</dd></div>' for term in terms
    )
    return f'<dl class="ts-terms">{items}</dl>'


def anchor(term: str) -> str:
    return "term-" + re.sub(r"\W+", "-", term.lower()).strip("-")
