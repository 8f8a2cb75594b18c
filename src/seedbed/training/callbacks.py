"""A user's callbacks, which observe the training of a stack."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytorch_lightning as pl

from seedbed.config.building import build
from seedbed.config.callbacks import callback_nodes, refuse_acting
from seedbed.errors import ConfigError


def built_callbacks(config: Mapping[str, Any]) -> list[pl.Callback]:
    """What ``callbacks`` of a whole config names, made anew; raises ``ConfigError``."""
    return [_built(node, place) for place, node in callback_nodes(config).items()]


def _built(node: Mapping[str, Any], place: str) -> pl.Callback:
    callback, target = build(node, place), str(node["_target_"])
    refuse_acting(type(callback), place, target)
    if not isinstance(callback, pl.Callback):
        raise ConfigError(
            f"{place}: {target} gives {type(callback).__name__}, which is not a callback. Name a class derived from "
            "pytorch_lightning.Callback, or a function that returns one."
        )
    return callback
