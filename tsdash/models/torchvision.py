"""torchvision's models with random weights and inputs of the right size, nothing downloaded.

Names and families are read from torchvision's installed source, so that the server needs neither torch nor torchvision.
`make_model` and `make_inputs` import both; the model file that `read` writes calls them.
"""

from __future__ import annotations

import ast
import functools
import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tsdash import errors
from tsdash.spec import ModelSource

if TYPE_CHECKING:
    import torch

# Default dims of each family, small enough to export in seconds and large enough for every stage of the network: the sizes
# that classification was trained on, and a third or half of those of the larger tasks.
DIMS: dict[str, dict[str, int]] = {
    "classification": {"batch": 1, "height": 224, "width": 224},
    "quantization": {"batch": 1, "height": 224, "width": 224},
    "segmentation": {"batch": 1, "height": 128, "width": 128},
    "detection": {"batch": 1, "height": 320, "width": 320},
    "video": {"batch": 1, "frames": 16, "height": 112, "width": 112},
    "optical_flow": {
        "batch": 1,
        "height": 128,
        "width": 128,
    },  # RAFT's eightfold downscaling needs 16 rows to correlate
}
# Architectures that take no other size, or no smaller one.
EXCEPTIONS: dict[str, dict[str, int]] = {
    "inception_v3": {"height": 299, "width": 299},
    "quantized_inception_v3": {"height": 299, "width": 299},
    "mvit_v1_b": {"height": 224, "width": 224},
    "mvit_v2_s": {"height": 224, "width": 224},
    "s3d": {"height": 224, "width": 224},
}

_TEMPLATE = '''"""{title}: torchvision, {family}, random weights."""

from tsdash.models import torchvision


def make_model():
    return torchvision.make_model({name!r})


def make_inputs({parameters}):
    return torchvision.make_inputs({name!r}, {arguments})
'''


@functools.cache
def families() -> dict[str, str]:
    """{name: family} of every registered model, without importing torchvision: what `@register_model` decorates there.

    Equal to torchvision.models.list_models(); the family is the name of the subpackage. Empty where it is not installed.
    """
    root = package()
    found: dict[str, str] = {}
    for path in sorted(root.rglob("*.py")) if root else []:
        text = path.read_text(encoding="utf-8")
        if "register_model" in text:
            family = path.parent.name if path.parent != root else "classification"
            found.update((name, family) for name in _registered(ast.parse(text)))
    return found


def package() -> Path | None:
    """The folder of torchvision.models; None where torchvision is not installed."""
    spec = importlib.util.find_spec("torchvision")
    return Path(spec.origin).parent / "models" if spec and spec.origin else None


def dims(name: str) -> dict[str, int]:
    """The default dims of a model, {name: size}."""
    return DIMS[families()[name]] | EXCEPTIONS.get(name, {})


def read(name: str) -> ModelSource:
    """The model file of a torchvision model. Raises OptionError for a name that does not exist."""
    if not families():
        raise errors.ModelError("torchvision is not installed. Install it: pip install torchvision.")
    if name not in families():
        raise errors.unknown("torchvision model", name, sorted(families()))
    text = _TEMPLATE.format(
        title=name,
        name=name,
        family=families()[name],
        parameters=", ".join(f"{dim}={size}" for dim, size in dims(name).items()),
        arguments=", ".join(f"{dim}={dim}" for dim in dims(name)),
    )
    return ModelSource(name=f"torchvision:{name}", kind="torchvision", filename=f"{name}.py", text=text)


def make_model(name: str) -> torch.nn.Module:
    """The model in eval mode, its random weights drawn with seed 0. No weights are given, so none are downloaded."""
    import inspect

    import torch
    from torchvision import models

    builder = models.get_model_builder(name)
    accepted = inspect.signature(builder).parameters
    torch.manual_seed(0)
    # A builder that is given no backbone weights loads ImageNet's; the quantized ones would quantize without calibration.
    model = builder(**{option: None for option in ("weights", "weights_backbone") if option in accepted})
    return model.eval()  # type: ignore[no-any-return]


def make_inputs(name: str, **sizes: int) -> tuple[Any, ...]:
    """The positional arguments of a model of this name: normal noise, as normalised images are, of the sizes given.

    Detection takes a list of images with values in 0..1, video (N, C, T, H, W), optical flow two images in -1..1.
    """
    import torch

    size = dims(name) | sizes
    batch, height, width = size["batch"], size["height"], size["width"]
    family = families()[name]
    if family == "detection":
        return ([torch.rand(3, height, width) for _ in range(batch)],)
    if family == "video":
        return (torch.randn(batch, 3, size["frames"], height, width),)
    if family == "optical_flow":
        first, second = (torch.rand(batch, 3, height, width) * 2 - 1 for _ in range(2))
        return (first, second)
    return (torch.randn(batch, 3, height, width),)


def _registered(tree: ast.Module) -> list[str]:
    """The names under which a module registers its builders: `@register_model()` or `@register_model(name="…")`."""
    names = []
    for function in tree.body:
        if not isinstance(function, ast.FunctionDef):
            continue
        for mark in function.decorator_list:
            if isinstance(mark, ast.Call) and isinstance(mark.func, ast.Name) and mark.func.id == "register_model":
                given = [*mark.args, *(keyword.value for keyword in mark.keywords if keyword.arg == "name")]
                names.append(ast.literal_eval(given[0]) if given else function.name)
    return names
