"""Tensors between workers as raw bytes in files: a JSON header, then each leaf's elements in C order.

The reader trusts only the header's shapes and dtypes, checked against the file's length; nothing is unpickled.
"""

from __future__ import annotations

import json
import math
import mmap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

_ALIGNMENT = 64  # bytes: every leaf starts on a cache line, so that views of any dtype are aligned


def _dtype(name: str) -> torch.dtype:
    dtype = getattr(torch, name, None)
    if not isinstance(dtype, torch.dtype):
        raise ValueError(f"{name!r} is not a dtype")
    return dtype


def raw_bytes(tensor: torch.Tensor) -> torch.Tensor:
    """The elements in C order as a 1-D tensor of bytes."""
    dense = tensor.detach().resolve_conj().resolve_neg().contiguous()
    return dense.as_strided((dense.numel(),), (1,)).view(torch.uint8)  # a single element may keep odd strides


def write(path: Path, leaves: Sequence[torch.Tensor], meta: Any = None) -> None:
    """Write dense CPU tensors and a JSON-able `meta`. Meta tensors are written as shape alone."""
    entries, offset = [], 0
    for leaf in leaves:
        stored = leaf.device.type != "meta"
        size = leaf.numel() * leaf.element_size() if stored else 0
        entries.append(
            {
                "shape": list(leaf.shape),
                "dtype": str(leaf.dtype).removeprefix("torch."),
                "offset": offset,
                "stored": stored,
                "stride": list(leaf.stride()),
            }
        )
        offset += -(-size // _ALIGNMENT) * _ALIGNMENT
    header = json.dumps({"leaves": entries, "meta": meta}).encode()
    start = -(-(8 + len(header)) // _ALIGNMENT) * _ALIGNMENT
    with open(path, "wb") as file:
        file.truncate(start + offset)
        file.write(len(header).to_bytes(8, "little") + header)
        for leaf, entry in zip(leaves, entries, strict=True):
            if entry["stored"] and leaf.numel():
                file.seek(start + int(str(entry["offset"])))
                raw_bytes(leaf.cpu()).numpy().tofile(file)


def read(path: Path, *, strided: bool = False) -> tuple[list[torch.Tensor], Any]:
    """The tensors and the `meta` of a file that `write` made, as private (copy-on-write) memory maps.

    With `strided` every tensor gets the strides it was written with. Raises ValueError for a file that is not one of ours.
    """
    with open(path, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        total = file.seek(0, 2)
        if not 0 < length <= total - 8:
            raise ValueError("not a tensor file: its header is longer than the file")
        file.seek(8)
        header = json.loads(file.read(length))
        start = -(-(8 + length) // _ALIGNMENT) * _ALIGNMENT
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
    leaves = []
    for entry in header["leaves"]:
        dtype, shape = _dtype(entry["dtype"]), entry["shape"]
        count = math.prod(shape)
        if not entry["stored"]:
            leaves.append(torch.empty(shape, dtype=dtype, device="meta"))
        elif count == 0:
            leaves.append(torch.empty(shape, dtype=dtype))
        else:
            leaf = torch.frombuffer(mapped, dtype=dtype, count=count, offset=start + entry["offset"]).reshape(shape)
            leaves.append(_restride(leaf, entry["stride"]) if strided else leaf)
    return leaves, header["meta"]


def _restride(leaf: torch.Tensor, stride: list[int]) -> torch.Tensor:
    """`leaf` in a layout with these strides; the gaps are zero. Overlapping strides stay dense."""
    if list(leaf.stride()) == stride or any(
        step == 0 and size > 1 for size, step in zip(leaf.shape, stride, strict=True)
    ):
        return leaf
    span = 1 + sum((size - 1) * step for size, step in zip(leaf.shape, stride, strict=True))
    if span < leaf.numel() or span > 16 * leaf.numel() + 1024:
        return leaf
    laid_out = leaf.new_zeros(span).as_strided(leaf.shape, stride)
    laid_out.copy_(leaf)
    return laid_out
