"""The mark of metrics that depend on the threshold between two classes, in the headers of tables, and the note below them.

It stands in reports on strategies against class imbalance, where a metric may change though the ranking of rows does not.
"""

from __future__ import annotations

from collections.abc import Iterable

from seedbed.report.blocks import Plain, Words
from seedbed.report.rebalancing import sets_strategy
from seedbed.results import Results

MARK = "†"
_NO_STRATEGY = "seedbed.imbalance.base.Strategy"


def threshold_mark(results: Results, *metrics: str) -> str:
    """The mark where a metric of these has one; "" elsewhere."""
    return MARK if _has_strategies(results) and any(results.metric(name).thresholded for name in metrics) else ""


def threshold_notes(results: Results, metrics: Iterable[str]) -> list[Words]:
    """What the mark says, for below a table of these metrics; [] where none has it."""
    if not threshold_mark(results, *metrics):
        return []
    return [
        (
            f"{MARK} Depends on the threshold above which a row is labelled ",
            Plain(results.data["minority"]),
            ", and not on the scores alone.",
        )
    ]


def _has_strategies(results: Results) -> bool:
    """Whether there are two classes, and a variant has a strategy against their imbalance."""
    if len(results.data.get("classes") or ()) != 2:
        return False
    shared, stated = results.config.get("imbalance"), results.config.get("variants")
    of_all = isinstance(shared, dict) and (shared.get("_target_") != _NO_STRATEGY or bool(shared.get("after")))
    of_variants = stated.values() if isinstance(stated, dict) else ()
    return of_all or any(sets_strategy(str(text)) for overrides in of_variants for text in overrides or ())
