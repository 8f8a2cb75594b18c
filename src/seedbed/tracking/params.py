"""A config as the params of a run and as the file in it."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

import yaml

from seedbed.config.recipe import canonical, flatten, used
from seedbed.metrics import LONGEST_KEY
from seedbed.tracking.databases import without_password

LONGEST_PARAM = 6000
TRUNCATED = r"…\[truncated, sha256 [0-9a-f]{16}\]$"
NOT_A_CELLS_PARAM = (
    "question",
    "variants",
    "variant",
    "data_sets",
    "seeds",
    "report",
    "published",
    "tracking",
    "loggers",
    "search",
)
"""What belongs to the whole experiment, and would only fill the params of a variant or seed."""


def flat_params(config: Mapping[str, Any], left_out: Iterable[str]) -> dict[str, Any]:
    """The config as flat params, without what does not describe a run."""
    dropped = set(left_out)
    return {key: value for key, value in flatten(used(config)).items() if key.split(".")[0] not in dropped}


def param_key(key: str) -> str:
    """A key that MLflow takes: a long one is cut and keeps its digest, other characters than its own become '_'."""
    key = re.sub(r"[^\w./ -]", "_", key)
    return key if len(key) <= LONGEST_KEY else f"{key[: LONGEST_KEY - 17]}-{_digest(key)[:16]}"


def param_text(value: Any) -> str:
    """A param as MLflow shows it: equal values have one spelling, and a cut one says so and keeps its digest."""
    value = canonical(value)
    text = without_password(value if isinstance(value, str) else json.dumps(value, default=str))
    if len(text) <= LONGEST_PARAM:
        return text
    mark = f"…[truncated, sha256 {_digest(text)[:16]}]"  # as TRUNCATED finds it
    return text[: LONGEST_PARAM - len(mark)] + mark


def is_cut(value: Any) -> bool:
    """Whether a param holds only the start of this value."""
    return is_cut_text(param_text(value))


def is_cut_text(text: str) -> bool:
    """Whether the text of a param is only the start of its value."""
    return re.search(TRUNCATED, text) is not None


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def to_yaml(config: Mapping[str, Any]) -> str:
    """The config as a run's file has it, without passwords."""
    # libyaml's is eight times as fast, which counts in searches; PyYAML may come without it.
    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    return without_password(yaml.dump(dict(config), Dumper=dumper, sort_keys=False, allow_unicode=True))
