"""The parts that a variant's config names, built for a table: network, task, optimizer, schedule."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

import torch
from hydra.utils import get_class
from torch import nn

from seedbed.config.building import build
from seedbed.data.table import Dataset
from seedbed.lr_finder import AUTO, FinderSettings
from seedbed.models.building import build_network
from seedbed.schedules import Schedule
from seedbed.stacking.module import StackedModule
from seedbed.tasks.base import Task


def task_class(config: Mapping[str, Any]) -> type[Task]:
    """The class that the config's ``task._target_`` names."""
    return cast(type[Task], get_class(config["task"]["_target_"]))


@dataclass(frozen=True)
class VariantParts:
    """What trains the seeds of a variant on a table, built and not yet tried."""

    config: Mapping[str, Any]
    table: Dataset
    settings: dict[str, Any]
    """Those of ``trainer``."""
    task: type[Task]
    make_network: Callable[..., nn.Module]
    make_task: Callable[..., StackedModule]
    make_optimizer: Callable[..., torch.optim.Optimizer]
    schedule: Schedule | None
    finds_lr: bool
    """Whether each seed trains with the learning rate that its own range test suggests."""

    @classmethod
    def of(cls, config: Mapping[str, Any], table: Dataset) -> VariantParts:
        """Build the parts; raises ``ConfigError`` for settings that they refuse."""
        make_network = build(config["model"], "model")
        task, make_task = task_class(config), build(config["task"], "task")
        optimizer = dict(config["optimizer"])
        finds_lr = optimizer.get("lr") == AUTO
        if finds_lr:
            optimizer["lr"] = FinderSettings.of(config).fallback  # until then
        return cls(
            config=config,
            table=table,
            settings=dict(config["trainer"]),
            task=task,
            make_network=make_network,
            make_task=make_task,
            make_optimizer=build(optimizer, "optimizer"),
            schedule=build(config["schedule"], "schedule") if config.get("schedule") else None,
            finds_lr=finds_lr,
        )

    @property
    def task_settings(self) -> dict[str, Any]:
        """The arguments of the task that the config gives."""
        return getattr(self.make_task, "keywords", {})

    def network(self) -> nn.Module:
        """One ordinary network for the table; it is told what it asks for by the names of its arguments."""
        return build_network(self.make_network, self.task.network_arguments(self.table))

    def target(self, node: str) -> Any:
        """What ``_target_`` of a node of the config names, for messages."""
        return self.config[node].get("_target_")
