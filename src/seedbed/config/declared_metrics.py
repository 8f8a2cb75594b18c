"""What tasks declare of their metrics today, for what was recorded before launches said it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from omegaconf import DictConfig, OmegaConf

from seedbed.config.choice_settings import config_of
from seedbed.config.keys import is_task
from seedbed.config.override_grammar import is_node, parse
from seedbed.config.signatures import look_up
from seedbed.metrics import Declared, by_name


def declared_today(config: Mapping[str, Any]) -> Declared:
    """The metrics, by name, that the tasks of a launch's variants declare under their settings.

    ``config`` is the launch's, resolved, with the overrides of its variants. A task whose class is not to be found
    declares nothing; of two that declare one name, the first counts.
    """
    declared: Declared = {}
    for settings in _tasks(config):
        kind = look_up(settings.get("_target_"))
        if is_task(kind):
            declared = by_name(kind.declared_metrics(settings)) | declared
    return declared


def _tasks(config: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The settings of the task that variants share, and of each variant that sets some."""
    shared = config.get("task") or {}
    yield dict(shared)
    for overrides in (config.get("variants") or {}).values():
        given = [item for item in parse(overrides or ()) if item.key_or_group.partition(".")[0] == "task"]
        if not given:
            continue
        settings: DictConfig = OmegaConf.create({"task": dict(shared)})
        for item in given:
            if item.key_or_group == "task":
                settings.task = item.value() if is_node(item, {"task"}) else config_of("task", str(item.value()), ())
            else:
                OmegaConf.update(settings, item.key_or_group, item.value(), force_add=True)
        yield OmegaConf.to_container(settings.task)  # type: ignore[misc]
