"""Sweeps: which of its jobs a run is, and what is recorded of that."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from seedbed.tracking.names import in_parts


@dataclass(frozen=True)
class SweepJob:
    """One job of a sweep, which is one launch."""

    sweep: str
    """Id of the sweep."""
    keys: tuple[str, ...]
    """The keys that the sweep varies."""
    jobs: int
    """How many jobs the sweep has."""
    number: int
    """The number of this job, from 0 on."""

    @property
    def says_data_notes(self) -> bool:
        """Whether it is this job that says the notes on the data: the first one, where nothing of them is varied."""
        parts = {key.partition(".")[0].partition("/")[0] for key in self.keys}
        return self.number == 0 or not parts.isdisjoint(("data", "data_sets"))

    def tags(self, overrides: Sequence[str]) -> dict[str, str]:
        """Those of the launch: which sweep it is of, and what of its ``overrides`` the sweep varies."""
        given = dict(override.split("=", 1) for override in overrides if "=" in override)
        values = {key: given[key] for key in self.keys if key in given}
        return {
            "sweep": self.sweep,
            **in_parts("sweep_values", json.dumps(values)),
            "sweep_jobs": str(self.jobs),
            "sweep_job": str(self.number),
        }
