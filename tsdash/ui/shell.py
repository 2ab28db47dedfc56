"""The frame around every page. Guarded, because a child process may run this file again."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
LOGO = Path(__file__).parent / "logo.svg"  # two lines that start together and part


def main() -> None:
    """Draw the navigation and the page that was asked for."""
    import streamlit as st

    from tsdash.ui import presence
    from tsdash.ui.page import PRESENT, watch_appearance
    from tsdash.ui.style import STYLE

    st.set_page_config(page_title="tsdash", page_icon=str(LOGO), layout="wide")
    st.logo(LOGO, size="large")
    st.html(STYLE)
    st.navigation(
        [
            st.Page(ROOT / "pages" / "explore.py", title="Explore", icon=":material/search_insights:", default=True),
            st.Page(ROOT / "pages" / "modes.py", title="Modes", icon=":material/view_column:"),
            st.Page(ROOT / "pages" / "playground.py", title="Playground", icon=":material/code:"),
            st.Page(ROOT / "pages" / "learn.py", title="Learn", icon=":material/school:"),
            st.Page(ROOT / "pages" / "history.py", title="History", icon=":material/history:"),
        ],
        position="hidden" if PRESENT in st.query_params else "top",
    ).run()
    watch_appearance()
    presence.watch()


if __name__ == "__main__":
    main()
