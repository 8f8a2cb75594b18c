"""Optuna's samplers as a search uses them: one for each trial, so that a search which was killed goes on as if it had not been.

A sampler needs a config in ``conf/search``. Here stands what is special about some: a class for those that would count
attempts (``AT_POSITION``), a check of the space for those that cannot search every one (``CHECKS``), and which of them
learn nothing from trials (``LEARN_NOTHING``).
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler, BruteForceSampler, CmaEsSampler, QMCSampler, RandomSampler
from optuna.study import Study
from optuna.trial import FrozenTrial

from seedbed.config.signatures import arguments_of
from seedbed.errors import ConfigError
from seedbed.randomness import derive
from seedbed.search.space import MOST_POINTS, Space

ATTRIBUTE = "seedbed"
"""The one user attribute of a study, and of a trial, that is seedbed's: each write takes a transaction."""


def signed(trial: FrozenTrial) -> dict[str, Any]:
    """What seedbed has written about a trial."""
    return dict(trial.user_attrs.get(ATTRIBUTE, {}))


@dataclass(frozen=True)
class SamplerChoice:
    """The sampler of a search."""

    kind: type[BaseSampler]
    arguments: Mapping[str, Any]
    """Those of the config."""
    seed: int

    @classmethod
    def of(cls, make: Any, seed: int) -> SamplerChoice:
        """The choice that the config's ``search.sampler``, built with ``_partial_``, makes; raises ``ConfigError``."""
        kind = getattr(make, "func", make)
        if not (inspect.isclass(kind) and issubclass(kind, BaseSampler)):
            name = getattr(kind, "__name__", str(kind))
            raise ConfigError(
                f"search.sampler._target_: {name} is not a sampler of Optuna's. Use one of optuna.samplers, with _partial_: true."
            )
        arguments = arguments_of(kind)
        if arguments is not None and not arguments.takes_any and "seed" not in arguments.parameters:
            raise ConfigError(
                f"search.sampler._target_: {kind.__name__} takes no `seed`, which a search needs to draw the same points again. "
                "Take another, or a subclass with that argument."
            )
        return cls(kind, getattr(make, "keywords", {}), seed)

    @property
    def name(self) -> str:
        return self.kind.__name__

    @property
    def learns(self) -> bool:
        """Whether the next point depends on which trials are finished, so that several processes find different ones."""
        return not issubclass(self.kind, LEARN_NOTHING)

    def check(self, space: Space, objectives: int) -> None:
        """Raise ``ConfigError`` for a space, or a number of objectives, that the sampler cannot search."""
        for kind, check in CHECKS.items():
            if issubclass(self.kind, kind):
                check(space, objectives)

    def at(self, position: int) -> BaseSampler:
        """The sampler for the trial at ``position``: what it draws depends on that, and on the trials before.

        So a search that is stopped and resumed tries the points that it would have tried in one go.
        """
        drawn = derive(self.seed, "sampler", position) % 2**32
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            if at_position := AT_POSITION.get(self.kind):
                return at_position(position, self.arguments, self.seed, drawn)
            return self.kind(**{**self.arguments, "seed": drawn})


LEARN_NOTHING = (RandomSampler, QMCSampler, BruteForceSampler)
"""Samplers whose points do not depend on what trials have found."""


# ---- samplers that would count attempts ------------------------------------------------------------------------------


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


def _qmc_at(position: int, arguments: Mapping[str, Any], seed: int, drawn: int) -> BaseSampler:
    """One sequence for all trials."""
    one_seed = {"seed": seed, "independent_sampler": RandomSampler(seed=drawn)}
    return QMCAtPosition(position, {**arguments, **one_seed})


def _grid_at(position: int, arguments: Mapping[str, Any], seed: int, drawn: int) -> BaseSampler:
    return GridWithoutKilled(**{**arguments, "seed": drawn})


AT_POSITION: dict[type[BaseSampler], Callable[[int, Mapping[str, Any], int, int], BaseSampler]] = {
    QMCSampler: _qmc_at,
    BruteForceSampler: _grid_at,
}
"""Makes the sampler for the trial at a position, of its arguments, the search's seed and the position's own seed."""


# ---- what a sampler can search ---------------------------------------------------------------------------------------


def _check_grid(space: Space, objectives: int) -> None:
    if endless := space.endless:
        raise ConfigError(
            f"search=grid: {endless[0]}={space.texts[endless[0]]} has infinitely many values. Give choices or steps, such as "
            f"{endless[0]}=choice(0.1, 0.2), or use search=tpe."
        )
    if space.size is not None and space.size > MOST_POINTS:
        raise ConfigError(
            f"search=grid (or search.trials=null) goes through every point of the space, and this one has more than "
            f"{MOST_POINTS}. Give fewer values, or use search=tpe and a number of trials."
        )


def _check_cma_es(space: Space, objectives: int) -> None:
    choices = [key for key, values in space.distributions.items() if isinstance(values, CategoricalDistribution)]
    if choices or len(space.distributions) < 2 or objectives > 1:
        what = f"{choices[0]} is a choice" if choices else "this search has one number" if objectives == 1 else "this search has several objectives"  # fmt: skip
        raise ConfigError(f"search=cma_es moves two or more numbers towards one objective, and {what}. Use search=tpe.")


CHECKS: dict[type[BaseSampler], Callable[[Space, int], None]] = {
    BruteForceSampler: _check_grid,
    CmaEsSampler: _check_cma_es,
}
"""Checks the space and the number of objectives."""
