"""What options of several commands have in common: lists of names, of numbers, of switches."""

from __future__ import annotations

import argparse
from typing import TypeAlias

from tsdash.errors import OptionError, unknown

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # to which each noun adds its own


def names(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(filter(None, (part.strip() for part in text.split(",")))))


def numbers(noun: str, text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in names(text))
    except ValueError:
        raise OptionError(f"--{noun} {text!r} is not a list of whole numbers such as 1,2,3.") from None


def switches(noun: str, text: str, words: dict[str, bool]) -> tuple[bool, ...]:
    for word in names(text):
        if word not in words:
            raise unknown(noun, word, words)
    return tuple(words[word] for word in names(text))
