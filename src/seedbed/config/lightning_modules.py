"""LightningModules of a user's, named where seedbed wants a network or a task: what of them would not be used."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Mapping
from typing import Any

from seedbed.config.signatures import look_up
from seedbed.errors import ConfigError


def is_lightning_module(kind: Any) -> bool:
    """Whether it is a class of ``pytorch_lightning``'s or ``lightning``'s, neither of which is imported for that."""
    return any(
        base.__name__ == "LightningModule" and base.__module__.split(".")[0] in ("pytorch_lightning", "lightning")
        for base in getattr(kind, "__mro__", ())
    )


def refuse_as_network(kind: Any, target: Any) -> None:
    """Raise ``ConfigError`` where a network's class, which ``model._target_`` names or gives, is a LightningModule."""
    if not is_lightning_module(kind):
        return
    what = f"{target} is" if str(target).endswith(f".{kind.__name__}") else f"{target} gives {kind.__name__},"
    raise ConfigError(
        f"model._target_: {what} a LightningModule. Of it seedbed would use forward as a network, and nothing else: its "
        "training_step, configure_optimizers, hooks and callbacks would never run, since the experiment's task, optimizer, "
        "schedule and trainer say how networks are trained. Name the plain network inside it as model._target_, or derive "
        "the class from torch.nn.Module."
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
        return f"it is no task of seedbed's. Take one, such as task=classification; {instead}."
    return (
        "it is a LightningModule for one network, and a task of seedbed's trains and measures the networks of all seeds at "
        "once: its training_step, configure_optimizers and hooks cannot be used. Name the plain network inside it as "
        f"model._target_, and take a task such as task=classification; {instead}."
    )
