"""What a task declares of its metrics today, for what was recorded before launches said it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from seedbed.config.keys import is_task
from seedbed.config.signatures import look_up
from seedbed.metrics import Declared, by_name


def declared_today(config: Mapping[str, Any]) -> Declared:
    """Metrics, by name, that the task of a launch's resolved ``config`` declares; {} if its class cannot be found."""
    task = config.get("task") or {}
    kind = look_up(task.get("_target_"))
    return by_name(kind.declared_metrics(task)) if is_task(kind) else {}
