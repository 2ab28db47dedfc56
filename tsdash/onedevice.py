"""The meta device as strict as a real one: no operator may take tensors of two devices.

Operators on meta tensors work shapes out, and many of them never ask where their other tensors lie: an embedding takes ids on the
CPU that every GPU would refuse. Inside `one_device` such a call raises as it does there.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

# Operators that take tensors of two devices wherever they run: copies, and those whose indices or lengths stay on the CPU.
_MIXING = ("copy", "_to_copy", "set_", "index", "index_put", "_pack_padded_sequence", "tensor_split")


@contextlib.contextmanager
def one_device() -> Iterator[None]:
    """An operator that is given tensors of more than one device raises RuntimeError, those without dimensions aside: they
    count as numbers."""
    watch = _OneDevice()  # type: ignore[no-untyped-call]
    try:
        with watch:
            yield
    except RuntimeError as error:
        if (
            watch.said and "TorchScript" in str(error) and watch.said not in str(error)
        ):  # its interpreter drops what is raised
            raise RuntimeError(f"{str(error).rstrip()}\nRuntimeError: {watch.said}") from error
        raise


class _OneDevice(TorchDispatchMode):  # type: ignore[no-untyped-call]
    said = ""  # by the latest operator that raised

    def __torch_dispatch__(
        self, func: Any, types: Sequence[type], args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        given = [leaf for leaf in tree_leaves((args, kwargs or {})) if isinstance(leaf, torch.Tensor)]
        devices = sorted({str(tensor.device) for tensor in given if tensor.dim()})
        name = func.overloadpacket.__name__
        if len(devices) > 1 and name.rstrip("_") not in _MIXING and name not in _MIXING:
            places = " and on ".join(devices)
            self.said = f"Expected all tensors to be on the same device, but {name} was given some on {places}."
            raise RuntimeError(self.said)
        try:
            return func(*args, **(kwargs or {}))
        except Exception as error:
            self.said = str(error)
            raise
