"""Streamlit pieces that several pages share, and the only hand-written HTML."""
