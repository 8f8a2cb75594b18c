"""What is said of intervals that go on where a metric has no values."""

from __future__ import annotations

from collections.abc import Mapping

from seedbed.metrics import Bounds
from seedbed.report.formatting import listed
from seedbed.statistics import Interval, Summary


def note_on_intervals(intervals: Mapping[str, Summary | Interval | None], bounds: Bounds) -> list[str]:
    """A sentence on the variants whose t intervals leave the bounds of the metric; [] where none does.

    The numbers stay: cut at the bound, an interval would seem to hold as often as it says.
    """
    beyond = [variant for variant, interval in intervals.items() if interval is not None and _leaves(interval, bounds)]
    if not beyond:
        return []
    one = len(beyond) == 1
    return [
        f"The interval{'' if one else 's'} of {listed(f'`{variant}`' for variant in beyond)} {'goes' if one else 'go'} "
        f"{_beyond(bounds)}, where the metric has no values: a t interval takes the values of the seeds for normally "
        f"distributed, which is a rough approximation so near to the end. {'It is' if one else 'They are'} shown as computed."
    ]


def _leaves(interval: Summary | Interval, bounds: Bounds) -> bool:
    return (bounds.low is not None and interval.low is not None and interval.low < bounds.low) or (
        bounds.high is not None and interval.high is not None and interval.high > bounds.high
    )


def _beyond(bounds: Bounds) -> str:
    if bounds.high is None:
        return f"below {bounds.low:g}"
    return f"above {bounds.high:g}" if bounds.low is None else f"beyond [{bounds.low:g}, {bounds.high:g}]"
