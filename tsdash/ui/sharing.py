"""A model's source in an address: compressed, and taken apart with care, for anyone can write one."""

from __future__ import annotations

import base64
import binascii
import zlib

from tsdash.errors import OptionError

MOST_LETTERS = 6000  # of the address, which browsers and chats pass on whole
MOST_CHARACTERS = 200_000  # of a source in the playground, however well it compresses


def packed(text: str) -> str:
    """The text for an address. Raises OptionError where it is too long for one."""
    letters = base64.urlsafe_b64encode(zlib.compress(text.encode(), 9)).decode().rstrip("=")
    if len(letters) > MOST_LETTERS:
        raise OptionError(
            f"This source takes {len(letters):,} letters of an address, and {MOST_LETTERS:,} are the most. Share it as a file."
        )
    return letters


def unpacked(letters: str) -> str:
    """The text of an address. Raises OptionError for what is none, or too long."""
    try:
        raw = base64.b64decode(letters + "=" * (-len(letters) % 4), altchars=b"-_", validate=True)
        stream = zlib.decompressobj()
        text = stream.decompress(raw, 4 * MOST_CHARACTERS + 1)
        if stream.unconsumed_tail or len(text) > 4 * MOST_CHARACTERS:
            raise OptionError(
                f"The source in this address has more than {MOST_CHARACTERS:,} characters, which is the most."
            )
        if not stream.eof:
            raise ValueError
        return text.decode()
    except (ValueError, binascii.Error, zlib.error):
        raise OptionError("The source in this address is damaged. Ask for the whole link again.") from None
