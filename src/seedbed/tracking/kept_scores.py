"""Scores of test and validation rows in the store: what was recorded of a cell, and what was computed later."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from seedbed.errors import TrackingError
from seedbed.tracking.client import usable
from seedbed.tracking.names import ABOUT_SCORES_FROM_WEIGHTS, SCORES, SCORES_FROM_WEIGHTS
from seedbed.tracking.runs import SeedRun
from seedbed.tracking.scores import Scores
from seedbed.tracking.store import Store


def kept_scores(store: Store, cell: SeedRun, computed: Mapping[str, Scores] | None = None) -> Scores:
    """What was kept of a cell, or computed later from its weights; nothing where neither is there: a report can do without.

    ``computed`` are scores by the id of the run that may not be in the store. A damaged file counts as none.
    """
    if computed and cell.id in computed:
        return computed[cell.id]
    files = store.files(cell.id)
    for name in (SCORES, SCORES_FROM_WEIGHTS):
        if name in files:
            try:
                with store.file(cell.id, name) as path:
                    return Scores.read(path, from_weights=name == SCORES_FROM_WEIGHTS)
            except TrackingError:
                continue
    return Scores({})


def keep_computed(store: Store, cell: SeedRun, scores: Scores, about: Mapping[str, Any]) -> None:
    """Store scores that were computed later beside what was recorded, with what there is to say ``about`` them.

    Raises ``TrackingError`` where the store cannot be written.
    """
    run = store.run(cell.id)
    with usable(store.address):
        run.artifact(ABOUT_SCORES_FROM_WEIGHTS, json.dumps(dict(about), indent=1))
        run.artifact(SCORES_FROM_WEIGHTS, scores.content())
