"""The libraries beside torch that an artefact calls: whoever loads it has to load them first."""

from __future__ import annotations

import re

from tsdash.spec import Export

_IN_A_PROGRAM = re.compile(r"\btorch\.ops\.([A-Za-z_]\w*)\.\w+")
_IN_A_SCRIPT = re.compile(r"\b([A-Za-z_]\w*)::[A-Za-z_]\w*[(\[]")
OF_TORCH = frozenset(  # namespaces of operators that torch itself brings, or the runtime of an ONNX file
    [
        "onnx",
        "aten",
        "prim",
        "prims",
        "prepacked",
        "quantized",
        "higher_order",
        "inductor",
        "mkl",
        "mkldnn",
        "onednn",
        "profiler",
        "sparse",
        "static_runtime",
        "c10d",
    ]
)


def libraries(export: Export) -> tuple[str, ...]:
    """Namespaces of operators that are not torch's own, such as torchvision, as far as the kept text of the graph tells."""
    text = export.graph or ""
    found = {*_IN_A_PROGRAM.findall(text), *_IN_A_SCRIPT.findall(text)} - OF_TORCH
    return tuple(sorted(name for name in found if not name.startswith("_")))
