"""Callbacks in a config: which of Lightning's only observe, and what takes the place of those that act."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from seedbed.checks import require
from seedbed.config.signatures import look_up
from seedbed.errors import ConfigError

OBSERVERS = ("DeviceStatsMonitor", "LearningRateMonitor", "ThroughputMonitor")
"""Lightning's that change no result; a user's own may, so that it is part of the fingerprint."""
BASES = ("Callback", "LambdaCallback")
"""Lightning's that do only what a user gives them to do."""

_WEIGHTS = "there is nothing to replace it, as the weights of a stack belong to several seeds"
_CHECKPOINTS = "select=best tests each seed's best epoch by monitor, and tracking.checkpoints keeps each seed's weights"
_SHOWN = "seedbed shows progress by itself"
INSTEAD = {
    "EarlyStopping": "patience stops each seed by its own values of monitor",
    "ModelCheckpoint": _CHECKPOINTS,
    "OnExceptionCheckpoint": "type an interrupted run again, and it goes on with the missing seeds",
    "Checkpoint": _CHECKPOINTS,
    "Timer": "trainer.max_epochs and trainer.max_steps say how long each seed trains, and the seconds that it took are recorded",
    "LearningRateFinder": "'seedbed lr-find' tests rates, and with optimizer.lr=auto each seed trains at the one that it finds",
    "BatchSizeFinder": "set trainer.batch_size, which changes results; how many seeds fit is measured (trainer.seeds_at_once=auto)",
    "GradientAccumulationScheduler": "gradients of several batches are those of one larger batch: set trainer.batch_size",
    "BackboneFinetuning": "freeze weights where the network is made, by requires_grad_(False)",
    "BaseFinetuning": "freeze weights where the network is made, by requires_grad_(False)",
    "StochasticWeightAveraging": _WEIGHTS,
    "EMAWeightAveraging": _WEIGHTS,
    "WeightAveraging": _WEIGHTS,
    "ModelPruning": _WEIGHTS,
    "SpikeDetection": "a seed whose loss is no longer finite stops by itself with the weights of the epoch before",
    "BasePredictionWriter": "'seedbed predict' asks trained seeds",
    "ModelSummary": _SHOWN,
    "RichModelSummary": _SHOWN,
    "ProgressBar": _SHOWN,
    "TQDMProgressBar": _SHOWN,
    "RichProgressBar": _SHOWN,
}
"""For each of Lightning's that act on one network or one value, or that seedbed does the work of: what to do in its place."""


def callback_nodes(config: Mapping[str, Any]) -> dict[str, Any]:
    """The nodes of ``callbacks`` in a whole config by their places."""
    return {f"callbacks.{name}": node for name, node in (config.get("callbacks") or {}).items()}


def check_nodes(config: Mapping[str, Any]) -> None:
    """Raise ``ConfigError`` for a callback that is seen to be none that can observe a stack, by its ``_target_``."""
    for place, node in callback_nodes(config).items():
        wanted = "a node with the _target_ of a callback, such as pytorch_lightning.callbacks.LearningRateMonitor"
        require(isinstance(node, Mapping) and "_target_" in node, place, node, wanted)
        target = str(node["_target_"])
        if target.partition(".")[0] == "lightning":
            raise _of_other_package(place, target)
        refuse_acting(look_up(target), place, target)


def refuse_acting(kind: Any, place: str, target: str) -> None:
    """Raise ``ConfigError`` for a class of callbacks that acts where a stack has several seeds; other objects pass."""
    for base in getattr(kind, "__mro__", ()):
        name = base.__name__
        what = target if target.rpartition(".")[2] == name else f"{target} ({name})"
        if base.__module__.partition(".")[0] == "lightning":
            raise _of_other_package(place, target)
        if not base.__module__.startswith("pytorch_lightning.callbacks.") or name in (*OBSERVERS, *BASES):
            continue
        if name in INSTEAD:
            raise ConfigError(
                f"{place}: {what} is not allowed where the seeds of a variant are trained as one stack, which callbacks "
                f"may only observe: {INSTEAD[name]}. Leave it out."
            )
        raise ConfigError(
            f"{place}: {what} may change a stack of seeds, which callbacks may only observe. Of Lightning's callbacks "
            f"{', '.join(OBSERVERS)} do; take one of them, or a class of your own derived from pytorch_lightning.Callback."
        )


def only_observes(node: Any) -> bool:
    """Whether a node names one of Lightning's callbacks that change no result."""
    target = str(node.get("_target_")) if isinstance(node, Mapping) else ""
    return target.partition(".")[0] == "pytorch_lightning" and target.rpartition(".")[2] in OBSERVERS


def _of_other_package(place: str, target: str) -> ConfigError:
    return ConfigError(
        f"{place}: {target} is made for the package lightning, whose Trainer would not call it here: this task trains by "
        "pytorch_lightning. Take the class of that name in pytorch_lightning.callbacks, or derive your own from "
        "pytorch_lightning.Callback."
    )
