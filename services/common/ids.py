"""Identifiers in OpenAI's style: a prefix and 24 hexadecimal digits that sort by creation time."""

import os
import time


def new_id(prefix: str) -> str:
    """A fresh identifier such as `vs_0193…`: 48 bits of milliseconds, then 48 random bits."""
    milliseconds = time.time_ns() // 1_000_000
    return f"{prefix}{milliseconds & 0xFFFF_FFFF_FFFF:012x}{os.urandom(6).hex()}"
