"""The graph of an export on a page: what it finds, when it draws and when it does not."""

from __future__ import annotations

import textwrap

from streamlit.testing.v1 import AppTest

from tests.test_graph import TRACE

OTHER = TRACE.replace("prim::Constant[value=-1]", "prim::Constant[value=4]")


def page(**texts: str) -> AppTest:
    """The section on these texts by mode, the first of them chosen."""
    shown = AppTest.from_string(
        textwrap.dedent("""\
        import streamlit as st
        from tsdash.ui.graph import graph_section
        graph_section(st.session_state["texts"], next(iter(st.session_state["texts"])), key="graph")
        """),
        default_timeout=30,
    )
    shown.session_state["texts"] = texts
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


def test_a_mode_without_a_graph_says_so() -> None:
    """One whose export failed."""
    assert page(script="").subheader[0].value == "There is no graph of script."
