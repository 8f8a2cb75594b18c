"""Lightning's loggers: one over a variant's run in MLflow, and those of ``loggers`` that get what MLflow gets.

Apart from tracking, which reports use without Lightning.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, cast

from pytorch_lightning.loggers import Logger

from seedbed.checks import require
from seedbed.config.building import build
from seedbed.config.keys import unknown_argument
from seedbed.config.lightning_modules import trains_modules
from seedbed.config.signatures import look_up
from seedbed.errors import ConfigError
from seedbed.training.seed_results import CurvePoints

if TYPE_CHECKING:  # worker processes import this, and no MLflow
    from seedbed.tracking.tracked_run import TrackedRun

OF_A_RUN = {"name": "a run", "version": "its id"}
"""What every logger of ``loggers`` is given beside its node."""


class LightningLogger(Logger):
    """What a LightningModule logs by ``self.log``, and a callback by the logger: for the variant's run.

    It is recorded under the same names as everything else.
    """

    def __init__(self, record: Callable[[CurvePoints], None]) -> None:
        super().__init__()
        self.record = record

    @property
    def name(self) -> str:
        return "seedbed"

    @property
    def version(self) -> str:
        return ""

    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        values = dict(metrics)
        epoch = values.pop("epoch", None)
        at = int(epoch) if epoch is not None else step or 0
        self.record([(label, at, float(value)) for label, value in values.items()])

    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        """The resolved config is on the run already."""


class FurtherLoggers:
    """The loggers of ``loggers``: each is made anew for every seed, whose curves, final metrics and config it gets."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._nodes = _nodes(config)
        self._of_runs: dict[str, list[Logger]] = {}

    def log(self, run: TrackedRun, points: CurvePoints) -> None:
        """Give each logger points of a seed, with the epoch as the step."""
        by_epoch: dict[int, dict[str, float]] = {}
        for name, epoch, value in points:
            by_epoch.setdefault(epoch, {})[name] = value
        for logger in self._of(run):
            for epoch, metrics in by_epoch.items():
                logger.log_metrics(metrics, step=epoch)

    def end(self, run: TrackedRun, params: Mapping[str, Any]) -> None:
        """Give each logger the params of a seed, and end it."""
        for logger in self._of(run):
            logger.log_hyperparams(dict(params))
            logger.finalize("success")
            if _is_of_wandb(type(logger)):
                cast(Any, logger).experiment.finish()  # otherwise it would stay open until this process ends
        self._of_runs.pop(run.id)

    def _of(self, run: TrackedRun) -> list[Logger]:
        if run.id not in self._of_runs:
            named = {"name": run.name, "version": run.id}
            self._of_runs[run.id] = [
                build({**_beside_others(node), **named}, place) for place, node in self._nodes.items()
            ]
        return self._of_runs[run.id]


def _beside_others(node: Mapping[str, Any]) -> dict[str, Any]:
    """The node of a logger that leaves those of other seeds alone: W&B gives a process one run, unless it is told otherwise."""
    return {"reinit": "create_new", **node} if _is_of_wandb(look_up(node["_target_"])) else dict(node)


def _is_of_wandb(kind: Any) -> bool:
    return any(base.__name__ == "WandbLogger" for base in getattr(kind, "__mro__", ()))


def check_loggers(config: Mapping[str, Any]) -> None:
    """Raise ``ConfigError`` where ``loggers`` names what is not there, or cannot be made for each seed."""
    for place, node in _nodes(config).items():
        wanted = "a node with the _target_ of one of pytorch_lightning.loggers"
        require(isinstance(node, Mapping) and "_target_" in node, place, node, wanted)
        build({**node, "_partial_": True}, place)
        if unknown := unknown_argument({**node, **OF_A_RUN}, place):
            raise ConfigError(
                f"{place}: {node['_target_']} takes no {unknown.key.rpartition('.')[2]!r}. A logger is made for each seed, with "
                "name and id of the seed's run in MLflow as its name and version. Use a class, such as a subclass, that takes "
                "both."
            )


def _nodes(config: Mapping[str, Any]) -> dict[str, Any]:
    """The nodes of ``loggers`` in a whole config by their places; none of ``task=lightning``, whose Trainers have them."""
    if trains_modules(config):
        return {}
    return {f"loggers.{name}": node for name, node in (config.get("loggers") or {}).items()}
