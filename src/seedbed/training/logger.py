"""Lightning's logger interface over a tracked run; apart from tracking, which reports use without Lightning."""

from __future__ import annotations

from typing import Any

from pytorch_lightning.loggers import Logger

from seedbed.tracking.writing import TrackedRun


class LightningLogger(Logger):
    """What a LightningModule logs by ``self.log``: to the variant's run, under the same names as everything else."""

    def __init__(self, run: TrackedRun) -> None:
        super().__init__()
        self.run = run

    @property
    def name(self) -> str:
        return "seedbed"

    @property
    def version(self) -> str:
        return self.run.id

    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        values = dict(metrics)
        epoch = values.pop("epoch", None)
        at = int(epoch) if epoch is not None else step or 0
        self.run.log(curves=[(label, at, float(value)) for label, value in values.items()])

    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        """The resolved config is on the run already."""
