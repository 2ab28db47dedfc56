"""Entry point of the dashboard: `streamlit run app.py`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import streamlit as st

from tsdash import models
from tsdash.ui import example, service
from tsdash.ui.page import own_fault


@asynccontextmanager
async def engine(_: st.App) -> AsyncIterator[None]:
    """Start the engine with the server, so that the first run finds it warm, have something to show, and end the engine with the server."""
    await asyncio.to_thread(service.engine)
    await asyncio.to_thread(models.names)  # found once, before many ask at once
    await asyncio.to_thread(example.make)
    yield
    await asyncio.to_thread(service.close)


app = st.App("tsdash/ui/shell.py", lifespan=engine, on_script_error=own_fault)
