"""LightningModules of a user's: whether a config trains them (task=lightning), and what is wrong where another task would."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Mapping
from typing import Any

from seedbed.config.signatures import look_up
from seedbed.errors import ConfigError

TASK = "seedbed.tasks.lightning.Lightning"
"""The ``_target_`` of ``task=lightning``."""
SEED = "${seed}"
"""What stands in the configs of ``task=lightning`` in place of the seed; ``own_modules.at_seed`` puts the number there."""
PACKAGES = ("pytorch_lightning", "lightning")
"""Under whose names the classes of Lightning are installed; those of one know nothing of the other's."""


def trains_modules(config: Mapping[str, Any]) -> bool:
    """Whether a config trains a user's LightningModule, each seed by a Trainer of its own: ``task=lightning``."""
    task = config.get("task")
    return isinstance(task, Mapping) and task.get("_target_") == TASK


def package_of(kind: Any, base: str) -> str:
    """The package of Lightning whose class ``base`` a class derives from; "" of neither. None is imported for that."""
    classes = (each for each in getattr(kind, "__mro__", ()) if each.__name__ == base)
    packages = (each.__module__.split(".")[0] for each in classes)
    return next((package for package in packages if package in PACKAGES), "")


def is_lightning_module(kind: Any) -> bool:
    """Whether it is a LightningModule's class, of ``pytorch_lightning`` or of ``lightning``."""
    return bool(package_of(kind, "LightningModule"))


def refuse_as_network(kind: Any, target: Any) -> None:
    """Raise ``ConfigError`` where a network's class, which ``model._target_`` names or gives, is a LightningModule."""
    if not is_lightning_module(kind):
        return
    what = f"{target} is" if str(target).endswith(f".{kind.__name__}") else f"{target} gives {kind.__name__},"
    raise ConfigError(
        f"model._target_: {what} a LightningModule. seedbed would use only its forward, as a network: its "
        "training_step, configure_optimizers, hooks and callbacks would never run, since the experiment's task, optimizer, "
        "schedule and trainer say how networks are trained. To train it as it is, name it as module._target_ of an experiment with "
        "task=lightning. Or name the plain network inside it as model._target_, or derive the class from torch.nn.Module."
    )


def refuse_named_network(model: Any) -> None:
    """Raise ``ConfigError`` where a config's ``model`` names a LightningModule.

    That is seen of a class, and of a function by what it is annotated to return; of any other network not before it is
    made.
    """
    target = model.get("_target_") if isinstance(model, Mapping) else None
    called = look_up(target)
    try:
        kind = called if inspect.isclass(called) else typing.get_type_hints(called).get("return")
    except (Exception, SystemExit):  # what is wrong there is said when it is built
        return
    refuse_as_network(kind, target)


def why_no_task(kind: type) -> str:
    """What is wrong with a class that is none of seedbed's tasks, and what to do."""
    instead = (
        "for a loss or metrics of your own derive a class from seedbed.tasks.base.Task, or from a task that is there"
    )
    if not is_lightning_module(kind):
        return f"it is not a task of seedbed's. Take one, such as task=classification; {instead}."
    return (
        "it is a LightningModule for one network, and a task of seedbed's trains and measures the networks of all seeds at "
        "once: its training_step, configure_optimizers and hooks cannot be used. To train it as it is, name it as module._target_ "
        "of an experiment with task=lightning. Or name the plain network inside it as model._target_, and use a task such as "
        f"task=classification; {instead}."
    )
