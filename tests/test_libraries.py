"""Which libraries an artefact calls beside torch, read from its graph."""

from __future__ import annotations

from tsdash.libraries import libraries
from tsdash.spec import Export


def of(graph: str) -> tuple[str, ...]:
    return libraries(Export(mode="trace", seconds=0.1, graph=graph))


def test_an_operator_of_torchvision_in_a_torchscript_graph_is_found() -> None:
    assert of("%3 : float = prim::Constant[value=0.5]()\n%4 : Tensor = torchvision::nms(%b, %s, %3)") == (
        "torchvision",
    )


def test_an_operator_of_torchvision_in_an_exported_program_is_found() -> None:
    assert of("%n = call_function[target=torch.ops.torchvision.nms.default](args = (%b,))") == ("torchvision",)


def test_operators_of_torch_and_names_of_modules_are_no_libraries() -> None:
    """A module class that happens to lie in torchvision.ops is code that was inlined, not an operator."""
    text = "%self : __torch__.torchvision.ops.misc.Conv2d\n%1 : Tensor = aten::relu_(%x)\ntorch.ops.aten.add.Tensor"
    assert of(text) == ()
