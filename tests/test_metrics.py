"""A metric of one's own has a name under which its values are kept, and kept apart."""

from __future__ import annotations

import pytest
from hypothesis import strategies
from mlflow.utils.validation import _validate_metric_name

from seedbed.config.metric_checks import metrics_of
from seedbed.errors import ConfigError
from seedbed.metrics import BESIDE, LONGEST, metric_name, wanted_of_own
from seedbed.statistics import bounds, has_direction, lower_is_better
from tests.properties import Examine

FUNCTION = {"function": {"_target_": "math.sqrt", "_partial_": True}}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("κ", "letters from a to z"),
        ("f1é", "letters from a to z"),
        (3, "letters from a to z"),
        ("_", "without '_' at the end"),
        ("g__mean", "several in a row"),
        ("g" * (LONGEST + 1), f"at most {LONGEST} characters"),
        ("f1", "the task has a metric of that name"),
        ("f1_std", "what is recorded of a variant's f1"),
    ],
)
def test_names_that_cannot_be_kept_are_refused(name: object, said: str) -> None:
    task = {"_target_": "seedbed.tasks.classification.Classification", "own_metrics": {name: FUNCTION}}
    with pytest.raises(ConfigError, match=said) as refused:
        metrics_of(task)
    assert str(refused.value).startswith(f"task.own_metrics.{name}=")


def test_two_of_ones_own_may_not_be_taken_for_each_other() -> None:
    task = {
        "_target_": "seedbed.tasks.classification.Classification",
        "own_metrics": {"cost_n": FUNCTION, "cost": FUNCTION},
    }
    with pytest.raises(ConfigError, match=r"own_metrics\.cost_n=.* variant's cost beside its mean"):
        metrics_of(task)


def test_what_is_taken_is_kept_as_it_is_called(examine: Examine) -> None:
    def holds(name: str) -> None:
        if wanted_of_own(name, ()):
            return
        for ending in ("", *BESIDE):
            label = f"train/{name}{ending}"
            assert metric_name(label) == label
            _validate_metric_name(label)

    examine(holds, name=strategies.text() | strategies.from_regex(r"\w{1,300}", fullmatch=True))


def test_a_direction_is_that_which_the_metric_states() -> None:
    own = {"MyError": {"lower_is_better": True, "bounds": [0, 2]}, "error_at_5": {"lower_is_better": True}, "Loss": {}}
    assert lower_is_better("test/MyError", own)
    assert lower_is_better("val/error_at_5", own)
    assert not lower_is_better("test/Loss", own)
    assert lower_is_better("test/loss", own)
    assert bounds("test/MyError", own) == (0, 2)
    assert bounds("test/Loss", own) == (None, None)
    assert has_direction("test/error_at_5", own)
