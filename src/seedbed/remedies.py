"""Overrides that mend a data setting, as a shell takes them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence

from seedbed.config.overrides import quoted

_PLAIN = re.compile(r"(?!(?:true|false|null|nan|inf)$)[A-Za-z_][A-Za-z0-9_]*|0|-?[1-9][0-9]{0,14}", re.IGNORECASE)


def override(key: str, value: str | Sequence[str]) -> str:
    """``key=value`` in Hydra's grammar, with quotes where either Hydra or a shell needs them."""
    text = _quoted(value) if isinstance(value, str) else f"[{','.join(map(_quoted, value))}]"
    whole = f"{key}={text}"
    if "'" not in whole:
        return whole
    return shlex.quote(whole) if re.search(r'["$`\\!]', whole) else f'"{whole}"'


def _quoted(text: str) -> str:
    return text if _PLAIN.fullmatch(text) else quoted(text)
