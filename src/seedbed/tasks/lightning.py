"""The task whose seeds are trained by a user's own LightningModules: there is no stack, and nothing to be asked of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from seedbed.metrics import Metric, of_own


class Lightning:
    """What the config of ``task=lightning`` says of the metrics; ``own_modules/`` trains the seeds."""

    TAKES_OWN_METRICS: ClassVar[bool] = False
    SERVED_AS: ClassVar[str | None] = None
    INSPECTED: ClassVar[bool] = False
    LATER_METRICS: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def declared_metrics(cls, settings: Mapping[str, Any]) -> tuple[Metric, ...]:
        """What ``metrics`` of the config declares, by the names without rows: "val/loss" and "test/loss" are one."""
        entries = {name.rpartition("/")[2]: entry for name, entry in (settings.get("metrics") or {}).items()}
        nodes = {name: entry if isinstance(entry, Mapping) else {"good": entry} for name, entry in entries.items()}
        return tuple(of_own(name, node) for name, node in nodes.items())

    @classmethod
    def held_out(cls, settings: Mapping[str, Any]) -> tuple[str, ...]:
        """No users or items: it is not asked for any."""
        return ()
