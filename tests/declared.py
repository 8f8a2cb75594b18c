"""What seedbed's tasks declare of their metrics, for results that no launch has recorded."""

from __future__ import annotations

from seedbed.metrics import Declared, by_name
from seedbed.tasks.classification import Classification
from seedbed.tasks.cold_start import ColdStart
from seedbed.tasks.rating import Rating
from seedbed.tasks.retrieval import Retrieval

DECLARED: Declared = by_name(
    metric
    for task, settings in (
        (Classification, {}),
        (Rating, {}),
        (Retrieval, {"sampled_negatives": 99}),
        (ColdStart, {"known": [0, 1, 3, 5, 10]}),
    )
    for metric in task.declared_metrics(settings)
)
