"""Optuna's samplers, where they would count attempts, so that a search which was killed goes on as if it had not been."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from optuna.distributions import BaseDistribution
from optuna.samplers import BruteForceSampler, QMCSampler
from optuna.study import Study
from optuna.trial import FrozenTrial

ATTRIBUTE = "seedbed"
"""The one user attribute of a study, and of a trial, that is seedbed's: each write takes a transaction."""


def signed(trial: FrozenTrial) -> dict[str, Any]:
    """What seedbed has written about a trial."""
    return dict(trial.user_attrs.get(ATTRIBUTE, {}))


class QMCAtPosition(QMCSampler):
    """Takes the point of the sequence that belongs to the trial's position; Optuna's takes the next one at each attempt.

    The trial at position 0 is drawn at random.
    """

    def __init__(self, position: int, settings: Mapping[str, Any]) -> None:
        super().__init__(**settings)
        self._position = position

    def _find_sample_id(self, study: Study, search_space: dict[str, BaseDistribution]) -> int:
        return max(0, self._position - 1)


class GridWithoutKilled(BruteForceSampler):
    """Leaves out killed trials: their points are queued again, and one without a whole point has no place in the grid."""

    def _populate_tree(self, tree: Any, trials: list[FrozenTrial], params: dict[str, Any]) -> None:  # type: ignore[override]
        super()._populate_tree(tree, [trial for trial in trials if not signed(trial).get("killed")], params)
