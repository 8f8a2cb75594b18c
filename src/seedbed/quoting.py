"""Texts, values and whole overrides, quoted for Hydra's grammar and for a shell."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from typing import Any

from hydra.core.override_parser.types import Quote, QuotedString

_PLAIN = re.compile(r"(?!(?:true|false|null|nan|inf)$)[A-Za-z_][A-Za-z0-9_]*|0|-?[1-9][0-9]{0,14}", re.IGNORECASE)


def quoted(text: str) -> str:
    """A value in Hydra's grammar that is this text, whatever characters it has."""
    return str(QuotedString(escaped(text), Quote.single).with_quotes())


def escaped(value: Any) -> Any:
    """A value of a config with every text in it as OmegaConf reads it for what it is: ``${`` begins no interpolation."""
    if isinstance(value, str):
        return re.sub(r"(\\*)\$\{", r"\1\1\\${", value) if "${" in value else value
    if isinstance(value, dict):
        return {key: escaped(each) for key, each in value.items()}
    return [escaped(each) for each in value] if isinstance(value, list) else value


def override(key: str, value: str | Sequence[str]) -> str:
    """``key=value`` in Hydra's grammar, with quotes where either Hydra or a shell needs them."""
    text = _quoted_where_needed(value) if isinstance(value, str) else f"[{','.join(map(_quoted_where_needed, value))}]"
    whole = f"{key}={text}"
    if "'" not in whole:
        return whole
    return shlex.quote(whole) if re.search(r'["$`\\!]', whole) else f'"{whole}"'


def _quoted_where_needed(text: str) -> str:
    return text if _PLAIN.fullmatch(text) else quoted(text)
