"""Reading the text of a graph: operators, what they take, the modules and blocks around them, what differs."""

from __future__ import annotations

import textwrap

from tsdash import graph, graphdiff
from tsdash.graph import Node

TRACE = textwrap.dedent("""\
    graph(%self.1 : __torch__.Net,
          %x.1 : Float(2, 4, strides=[4, 1], requires_grad=0, device=cpu)):
      %a : __torch__.torch.nn.modules.linear.___torch_mangle_1.Linear = prim::GetAttr[name="a"](%self.1)
      %weight : Tensor = prim::GetAttr[name="weight"](%a)
      %2 : NoneType = prim::Constant(), scope: __module.a # torch/nn/modules/linear.py:134:0
      %3 : Float(2, 4, strides=[4, 1], requires_grad=1, device=cpu) = aten::linear(%x.1, %weight, %2), scope: __module.a # torch/nn/modules/linear.py:134:0 via net.py:7
      %4 : int = prim::Constant[value=-1]() # net.py:8:0
      %5 : int[] = prim::ListConstruct(%4, %4)
      %6 : Float(4, 2, strides=[1, 4], requires_grad=1, device=cpu) = aten::view(%3, %5) # net.py:8:0
      %7 : Float(2, 4, strides=[4, 1], requires_grad=1, device=cpu) = aten::linear(%6, %weight, %2), scope: __module.a # torch/nn/modules/linear.py:134:0
      %8 : (Tensor, Tensor) = prim::TupleConstruct(%3, %7)
      return (%8)
    """)
SCRIPT = textwrap.dedent("""\
    graph(%self : __torch__.Net,
          %x.1 : Tensor):
      %2 : int = prim::Constant[value=0]() # net.py:4:8
      %3 : bool = prim::Constant[value=1]()
      %4 : str = prim::Constant[value="no # real: place ](%2)"]()
      %5 : Tensor = aten::relu(%x.1) # net.py:5:8
      %6 : bool = aten::Bool(%5) # net.py:6:8
      %y : Tensor = prim::If(%6) # net.py:6:8
        block0():
          %8 : Tensor = prim::Loop(%2, %3, %5) # net.py:7:12
            block0(%i : int, %9 : Tensor):
              %10 : Tensor = aten::mul(%9, %i) # net.py:8:16
              -> (%3, %10)
          -> (%8)
        block1():
          -> (%5)
      %11 : Tensor = aten::neg(%y) # net.py:9:8
      return (%11)
    """)
PROGRAM = textwrap.dedent("""\
    graph():
        %p_a_weight : [num_users=1] = placeholder[target=p_a_weight]
        %x : [num_users=1] = placeholder[target=x]
        %linear : [num_users=1] = call_function[target=torch.ops.aten.linear.default](args = (%x, %p_a_weight), kwargs = {}), scope: __module.a # torch/nn/modules/linear.py:134:0 via net.py:7
        %add : [num_users=1] = call_function[target=torch.ops.aten.add.Tensor](args = (%linear, 1), kwargs = {alpha: 2}) # net.py:8:0
        return (add,)

    # inputs
    p_a_weight: PARAMETER target='a.weight'
    x: USER_INPUT
    """)


def named(read: graph.Graph, operator: str) -> list[Node]:
    return [node for node in read.nodes if node.operator == operator]


def test_an_operator_knows_its_inputs_module_and_lines() -> None:
    """With constants, lists and parameters written where they are used."""
    read = graph.parse(TRACE)
    (view,) = named(read, "aten::view")
    first, second = named(read, "aten::linear")
    assert first.arguments == "%x.1, a.weight, None"
    assert (first.module, first.where, first.user_line) == ("a", "torch/nn/modules/linear.py:134", "net.py:7")
    assert (view.arguments, view.constants, view.where) == ("%3, [-1, -1]", ("[-1, -1]",), "net.py:8")
    assert view.inputs == (first.id,)
    assert second.inputs == (view.id,)
    assert (first.shape, view.shape) == ("2×4", "4×2")
    (output,) = named(read, "output")
    assert output.inputs == (first.id, second.id)


def test_a_module_that_is_called_again_is_another_group() -> None:
    """So that groups, each drawn as one box, have no cycle."""
    read = graph.parse(TRACE)
    groups = [node for node in read.nodes if node.kind == graph.MODULE and node.id]
    assert [(group.key, group.type) for group in groups] == [("/a", "Linear"), ("/a@2", "Linear")]
    assert [read.nodes[i].operator for i in read.children[graph.MODEL]] == ["x.1", "a", "aten::view", "a", "output"]


def test_blocks_lie_in_their_if_or_loop() -> None:
    """What a loop carries comes from where it came in, and what follows the if takes it from the if."""
    read = graph.parse(SCRIPT)
    (branch,), (loop,), (mul,) = (named(read, name) for name in ("prim::If", "prim::Loop", "aten::mul"))
    then, otherwise = (read.nodes[i] for i in read.children[branch.id])
    assert (then.operator, otherwise.operator) == ("then", "else")
    assert read.children[then.id] == (loop.id,)
    assert otherwise.id not in read.children
    assert read.nodes[mul.parent].parent == loop.id
    assert mul.inputs == (named(read, "aten::relu")[0].id,)
    assert named(read, "aten::neg")[0].inputs == (branch.id,)
    assert named(read, "aten::neg")[0].parent == graph.MODEL


def test_a_program_of_torch_export_reads_the_same() -> None:
    """Parameters by their name in the model, operators by the name that TorchScript has for them."""
    read = graph.parse(PROGRAM)
    (linear,), (add,) = named(read, "aten::linear"), named(read, "aten::add")
    assert linear.arguments == "%x, a.weight"
    assert (linear.module, linear.user_line, add.where) == ("a", "net.py:7", "net.py:8")
    assert add.arguments == "%linear, 1, alpha: 2"
    assert add.inputs == (linear.id,)
    assert [node.operator for node in read.nodes if node.kind == graph.INPUT] == ["x"]


def test_a_text_that_is_no_graph_has_no_nodes() -> None:
    """Nor does one that ends in the middle fail."""
    assert graph.parse("").operators == graph.parse("anything\nat all").operators == ()
    cut = graph.parse(TRACE[:-150] + "\n… cut here: 9,999 bytes in all\n")
    assert cut.cut
    assert not graph.parse(TRACE).cut
    assert named(cut, "aten::linear")


def test_operators_are_counted_and_found() -> None:
    """By every word, in the operator, its arguments or its module."""
    read = graph.parse(TRACE)
    assert graph.counts(read) == {"aten::linear": 2, "aten::view": 1}
    assert [node.operator for node in graph.matching(read, "VIEW -1")] == ["aten::view"]
    assert len(graph.matching(read, "a.weight")) == 2
    assert graph.matching(read, " ") == ()


def test_graphs_differ_in_operators_and_constants() -> None:
    """In the order of each module; another way to write a convolution is none."""
    other = TRACE.replace("prim::Constant[value=-1]", "prim::Constant[value=4]")
    left, right = graphdiff.differing(graph.parse(TRACE), graph.parse(other))
    assert [graph.parse(TRACE).nodes[i].operator for i in left] == ["aten::view"]
    assert [graph.parse(other).nodes[i].arguments for i in right] == ["%3, [4, 4]"]
    traced = "graph(%x : Tensor):\n  %2 : Tensor = aten::_convolution(%x, %x)\n  return (%2)\n"
    scripted = "graph(%x : Tensor):\n  %2 : Tensor = aten::conv2d(%x, %x)\n  return (%2)\n"
    assert graphdiff.differing(graph.parse(traced), graph.parse(scripted)) == (frozenset(), frozenset())
