"""The graph of an export on a page: what it finds, when it draws and when it does not."""

from __future__ import annotations

import textwrap

from streamlit.testing.v1 import AppTest

from tests.test_graph import TRACE
from tests.test_tokens import contrast
from tsdash import tokens
from tsdash.spec import Divergence
from tsdash.ui.heat import heats, ink_on

OTHER = TRACE.replace("prim::Constant[value=-1]", "prim::Constant[value=4]")


def page(divergence: tuple[Divergence, ...] = (), **texts: str) -> AppTest:
    """The section on these texts by mode, the first of them chosen."""
    shown = AppTest.from_string(
        textwrap.dedent("""\
        import streamlit as st
        from tsdash.ui.graph import graph_section
        texts = st.session_state["texts"]
        graph_section(texts, next(iter(texts)), key="graph", divergence=st.session_state["divergence"])
        """),
        default_timeout=30,
    )
    shown.session_state["texts"] = texts
    shown.session_state["divergence"] = divergence
    shown.run()
    assert not shown.exception, shown.exception
    return shown


def test_the_heading_counts_operators() -> None:
    assert page(trace=TRACE).subheader[0].value == "trace keeps 3 operators in 2 modules; 2 are linear."


def test_operators_and_modules_are_listed() -> None:
    """The modules as a tree, the second call of one apart."""
    modules, operators = (table.value for table in page(trace=TRACE).dataframe)
    assert [name.strip() for name in modules["module"]] == ["the model · Net", "a · Linear", "a · Linear"]
    assert list(modules["operators"]) == [3, 1, 1]
    assert dict(zip(operators["operator"], operators["trace"], strict=True)) == {"aten::linear": 2, "aten::view": 1}


def test_beside_another_mode_the_difference_is_the_heading() -> None:
    shown = page(trace=TRACE, script=OTHER)
    shown.selectbox[0].select("script").run()
    assert not shown.exception, shown.exception
    assert (
        shown.subheader[0].value
        == "trace has 1 operator that script has not; script has 1 operator that trace has not."
    )


def test_the_mode_beside_may_become_the_one_that_is_looked_at() -> None:
    """Then nothing is beside it."""
    shown = page(trace=TRACE, script=OTHER)
    shown.selectbox[0].select("script").run()
    shown.session_state["texts"] = {"script": OTHER, "trace": TRACE}
    shown.run()
    assert not shown.exception, shown.exception
    assert shown.subheader[0].value.startswith("script keeps 3 operators")


def test_a_search_lists_what_it_finds() -> None:
    shown = page(trace=TRACE)
    shown.text_input[0].set_value("view").run()
    found = shown.dataframe[0].value
    assert list(found["operator"]) == ["aten::view"]
    assert list(found["line"]) == ["net.py:8"]


def test_a_graph_of_twenty_thousand_operators_is_a_tree_and_a_table() -> None:
    """And says why it is not drawn."""
    chain = "".join(f"  %{i + 1} : Tensor = aten::relu(%{i}), scope: __module.m{i // 1000}\n" for i in range(20_000))
    shown = page(trace=f"graph(%0 : Tensor):\n{chain}  return (%20000)\n")
    assert "Up to 15\u202f000 operators are drawn; trace has 20\u202f000." in shown.info[0].value
    assert len(shown.dataframe[0].value) == 21
    assert list(shown.dataframe[1].value["trace"]) == [20_000]


def test_on_demand_the_graph_waits_for_the_reader() -> None:
    """What it comes to is said at once."""
    shown = AppTest.from_string(
        "import streamlit as st\nfrom tsdash.ui.graph import graph_section\n"
        "graph_section({'trace': st.session_state['text']}, 'trace', key='graph', on_demand=True)\n",
        default_timeout=30,
    )
    shown.session_state["text"] = TRACE
    shown.run()
    assert shown.subheader[0].value == "trace keeps 3 operators in 2 modules; 2 are linear."
    assert not shown.dataframe
    shown.button(key="graph show").click().run()
    assert len(shown.dataframe) == 2


def test_a_mode_without_a_graph_says_so() -> None:
    """One whose export failed."""
    assert page(script="").subheader[0].value == "There is no graph of script."


CALLED = (
    Divergence(path="a", type="Linear", accumulated=1e-7, eager_s=0.001),
    Divergence(path="a", type="Linear", accumulated=0.5, eager_s=0.002),
    Divergence(path="the model", type="Net", accumulated=0.5, eager_s=0.006),
)


def test_modules_carry_their_error_and_their_time() -> None:
    """The largest error and all the time of the calls of a module, in the table and as what the drawing is coloured by."""
    shown = page(CALLED, trace=TRACE)
    modules = shown.dataframe[0].value
    assert list(modules["error"]) == ["0.50", "0.50", "0.50"]
    assert list(modules["time"]) == ["6.00 ms", "3.00 ms", "3.00 ms"]
    assert shown.button_group[0].options
    shown.button_group[0].set_value("time").run()
    assert any("share of eager's time" in caption.value for caption in shown.caption)


def test_text_can_be_read_on_every_colour_of_a_module() -> None:
    """4.5 : 1, as on the rest of the page; grey for time goes from the border to the text."""
    known = heats(CALLED)
    assert known["time"].colours["the model"] == (tokens.LIGHT.text, tokens.DARK.text)
    for dark in (False, True):
        for colour in tokens.delta_colours(dark):
            assert contrast(colour, ink_on(colour)) >= 4.5
