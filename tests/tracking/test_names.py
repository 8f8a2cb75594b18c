"""What texts and metrics are called in the store."""

from __future__ import annotations

import pytest
from hypothesis import strategies

from seedbed.errors import TrackingError
from seedbed.tracking.names import from_parts, from_store, in_parts, in_store, metric_names
from seedbed.tracking.tracked_run import TrackedRun
from tests.properties import Examine


def test_two_labels_that_would_share_a_name_are_refused(run: TrackedRun) -> None:
    with pytest.raises(TrackingError, match=r"'acc\(a\)' and 'acc\[a\]' would both be called 'acc_a'"):
        metric_names(["acc(a)", "acc[a]"])
    run.log(curves=[("acc(a)", 0, 0.1)])
    with pytest.raises(TrackingError, match="Rename one"):
        run.log(curves=[("acc[a]", 0, 0.2)])


def test_a_text_of_any_length_is_kept_in_tags(examine: Examine) -> None:
    def holds(text: str, length: int) -> None:
        tags = in_parts("long", text * length)
        assert from_parts({**tags, "longer": "x"}, "long") == text * length
        assert all(len(part) <= 5000 for part in tags.values())

    examine(holds, text=strategies.text(max_size=10), length=strategies.sampled_from([0, 1, 500, 5000]))


def test_tags_of_others_are_not_seedbeds() -> None:
    assert in_store({"seed": "3"}) == {"seedbed.seed": "3"}
    assert from_store({"seedbed.seed": "3", "mlflow.runName": "seed 3", "seed": "4"}) == {"seed": "3"}
