"""Which training a planned variant takes: in stacks, or each seed by a user's own module."""

from __future__ import annotations

from typing import Any

from seedbed.own_modules.planned import PlannedModule
from seedbed.own_modules.training import ModuleTraining
from seedbed.training.planned import PlannedCells, PlannedVariant
from seedbed.training.recorded_training import RecordedTraining
from seedbed.training.variant import VariantTraining


def training_of(planned: PlannedCells, **given: Any) -> RecordedTraining[Any]:
    """What trains its seeds; ``given`` are further arguments of ``RecordedTraining``."""
    if isinstance(planned, PlannedModule):
        return ModuleTraining(planned=planned, **given)
    assert isinstance(planned, PlannedVariant)
    return VariantTraining(planned=planned, **given)
