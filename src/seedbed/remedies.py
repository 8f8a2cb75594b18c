"""Values and overrides quoted for Hydra's grammar, and overrides that mend a setting, as a shell takes them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence

from hydra.core.override_parser.types import Quote, QuotedString

_PLAIN = re.compile(r"(?!(?:true|false|null|nan|inf)$)[A-Za-z_][A-Za-z0-9_]*|0|-?[1-9][0-9]{0,14}", re.IGNORECASE)


def quoted(text: str) -> str:
    """A value in Hydra's grammar that is this text, whatever characters it has."""
    return str(QuotedString(escaped(text), Quote.single).with_quotes())


def override(key: str, value: str | Sequence[str]) -> str:
    """``key=value`` in Hydra's grammar, with quotes where either Hydra or a shell needs them."""
    text = _quoted_where_needed(value) if isinstance(value, str) else f"[{','.join(map(_quoted_where_needed, value))}]"
    whole = f"{key}={text}"
    if "'" not in whole:
        return whole
    return shlex.quote(whole) if re.search(r'["$`\\!]', whole) else f'"{whole}"'


def _quoted_where_needed(text: str) -> str:
    return text if _PLAIN.fullmatch(text) else quoted(text)
