"""plotly.js for a page that has no network."""

from __future__ import annotations

import base64
import functools
import gzip

from plotly.offline import get_plotlyjs


@functools.cache
def plotly_js() -> str:
    """The library, compressed (gzip, Base64): a third of its size. A browser unpacks it with DecompressionStream."""
    return packed(get_plotlyjs())


def packed(text: str) -> str:
    """Text for such a page, compressed."""
    return base64.b64encode(gzip.compress(text.encode(), 9, mtime=0)).decode()
