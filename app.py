"""Entry point of the dashboard: `streamlit run app.py`."""

import streamlit as st

app = st.App("tsdash/ui/shell.py")
