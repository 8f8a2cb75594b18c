"""Overrides that are refused, and what the message says."""

from __future__ import annotations

from typing import Any

import pytest

from seedbed.config.experiment import load_experiment
from seedbed.errors import ConfigError

SPAM = "spam_imbalance"


def assert_refused(overrides: list[str], said: list[str]) -> None:
    """Each part of ``said`` is in the message, which is one paragraph."""
    about_variants = any("variant" in override or "imbalance" in override for override in overrides)
    one_will_do = [] if about_variants else ["variant=none"]  # composing six takes its time
    with pytest.raises(ConfigError) as error:
        load_experiment(SPAM, [*one_will_do, *overrides])
    for part in said:
        assert part in str(error.value)
    assert "\n" not in str(error.value)


def first_override(value: Any) -> str:
    """The name of a case: the first of its overrides."""
    return value[0] if isinstance(value, list) and "=" in value[0] else ""
