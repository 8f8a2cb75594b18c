"""The callback that records a seed's fit: what is logged, a value an epoch, and which rows the data loaders serve."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from seedbed.metrics import name_with_side
from seedbed.own_modules.served_rows import ServedRows, part_of
from seedbed.training.seed_results import CurvePoints

Watch = Callable[[CurvePoints], bool]
"""Gets what was measured last, and says whether the fit is to stop."""


class Recording:
    """What the callback does; ``recorder`` makes it one of the package of Lightning that trains.

    It counts as a checkpoint callback, since only these are called after the module's own ``on_train_epoch_end``, which may
    log too.
    """

    def __init__(self, watch: Watch) -> None:
        super().__init__()
        self.watch = watch
        self.curves: dict[tuple[str, int], float] = {}
        """Value by name and epoch."""
        self.labels: dict[str, str] = {}
        """What each name was logged by."""
        self.rows: ServedRows = {}

    def on_train_start(self, trainer: Any, module: Any) -> None:
        if trainer.is_global_zero:
            for name, loaders in (("train", trainer.train_dataloader), ("val", trainer.val_dataloaders)):
                self._see(name, loaders)

    def on_test_start(self, trainer: Any, module: Any) -> None:
        if trainer.is_global_zero:
            self._see("test", trainer.test_dataloaders)

    def _see(self, name: str, loaders: Any) -> None:
        part = part_of(loaders)
        if part is not None:
            self.rows[name] = part

    def on_train_epoch_end(self, trainer: Any, module: Any) -> None:
        self._take(trainer, "train")

    def on_validation_end(self, trainer: Any, module: Any) -> None:
        if not trainer.sanity_checking:
            self._take(trainer, "val")

    def _take(self, trainer: Any, side: str) -> None:
        """Record what this side's epoch has logged; all processes do it, since some values are put together of theirs."""
        logged = trainer._results.metrics(on_step=False)["callback"]
        taken: dict[str, float] = {}
        for label, value in logged.items():
            if label.endswith("_epoch") and label.removesuffix("_epoch") in logged:  # the same once more
                continue
            name = name_with_side(label, side)
            self.labels[name] = label
            taken[name] = float(value)
        for label, value in _of_last_step(trainer._results).items():
            if (name := name_with_side(label, side)) not in taken:
                self.labels[name] = label
                taken[name] = float(value)
        points = [(name, trainer.current_epoch, value) for name, value in taken.items()]
        self.curves |= {(name, epoch): value for name, epoch, value in points}
        # Where several processes train the seed, all of them stop or none.
        if trainer.strategy.reduce_boolean_decision(self.watch(points), all=False):
            trainer.should_stop = True


def _of_last_step(results: Any) -> dict[str, Any]:
    """What a loop of Lightning's has logged per step only, as ``callback_metrics`` has it: of validation there is nothing."""
    logged = results.metrics(on_step=True)["callback"]
    names = [item.meta.name for _, item in results.valid_items() if not item.meta.on_epoch]
    return {name: logged[name] for name in names if name in logged}


def recorder(lightning: Any, watch: Watch) -> Any:
    """A ``Recording`` that the Trainer of this namespace takes."""
    kind = type("Recorder", (Recording, lightning.callbacks.Checkpoint), {})
    return kind(watch)
