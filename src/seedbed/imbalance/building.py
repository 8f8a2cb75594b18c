"""The strategy that a config describes, with what acts on its scores after training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from seedbed.config.building import build
from seedbed.config.keys import AFTER
from seedbed.errors import ConfigError
from seedbed.imbalance.after import After
from seedbed.imbalance.base import Strategy


def strategy_of(config: Mapping[str, Any]) -> Strategy:
    """Build the node ``imbalance`` of a whole config; raises ``ConfigError`` for what is no strategy."""
    node = {key: value for key, value in config["imbalance"].items() if key != AFTER}
    strategy = build(node, "imbalance")
    if not isinstance(strategy, Strategy):
        raise ConfigError(
            f"imbalance._target_={node.get('_target_')} is not a strategy. Derive the class from "
            "seedbed.imbalance.base.Strategy and override apply()."
        )
    strategy.after = after_of(config)
    return strategy


def after_of(config: Mapping[str, Any]) -> After | None:
    """Build the node ``imbalance.after`` of a whole config; None where it is null, empty or not there."""
    node = config["imbalance"].get(AFTER)
    if not node:
        return None
    after = build(node, f"imbalance.{AFTER}") if isinstance(node, Mapping) else node
    if not isinstance(after, After):
        named = node.get("_target_") if isinstance(node, Mapping) else node
        raise ConfigError(
            f"imbalance.{AFTER}: {named} does not act on scores. Use a choice, such as imbalance/{AFTER}=threshold, or derive "
            "the class from seedbed.imbalance.after.After and override fit()."
        )
    return after
