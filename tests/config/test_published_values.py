"""What an experiment states of its source is refused before any work where no report could read it."""

from __future__ import annotations

import pytest

from seedbed.config.experiment import load_experiment
from seedbed.config.published_values import CHECKS, check_stated, entries_of
from seedbed.errors import ConfigError
from seedbed.report.claims import CHECKS as ANSWERED

NUMBER = {"variant": "none", "metric": "test/accuracy", "value": 0.9}
CURVE = {"variant": "none", "metric": "val/accuracy", "values": [0.8, 0.9]}


def claim(check):
    return {"claims": [{"text": "said", "check": check}]}


@pytest.mark.parametrize(
    ("published", "message"),
    [
        ({"claims": 5}, "published.claims=5 cannot be used: it must be a list of entries, or none"),
        ({"claims": "nothing"}, "published.claims=nothing"),
        ({"numbers": {"a": 1}}, "published.numbers="),
        ({"curves": 1.5}, "published.curves=1.5"),
        ({"learned": True}, "published.learned=true"),
        ({"claims": [5]}, "published.claims[0]=5"),
        (claim({"worse_then": ["none", "smote"]}), "did you mean 'worse_than'"),
        (claim({"worse_than": ["none", "smot"]}), "did you mean 'smote'"),
        (claim("largest_std"), "written {name: argument}"),
        (claim({"largest_std": "none", "can_beat": ["none", "smote"]}), "one check"),
        ({"numbers": [NUMBER | {"value": "much"}]}, "published.numbers[0].value=much"),
        ({"numbers": [NUMBER | {"variant": "non"}]}, "did you mean 'none'"),
        ({"numbers": [NUMBER | {"metric": "test/acuracy"}]}, "did you mean 'accuracy'"),
        ({"numbers": [NUMBER | {"metric": "accuracy"}]}, "with its side"),
        ({"numbers": [NUMBER | {"epoch": -1}]}, "published.numbers[0].epoch=-1"),
        ({"numbers": ["none"]}, "a mapping with variant, metric and value"),
        ({"curves": [CURVE | {"values": []}]}, "one number for each epoch"),
        ({"curves": [CURVE | {"values": [0.5, "x"]}]}, "one number for each epoch"),
        ({"learned": ["all"]}, "published.learned[0]=all"),
        (7, "published=7"),
    ],
)
def test_what_cannot_be_read_is_refused(published, message):
    with pytest.raises(ConfigError) as refused:
        check_stated(published, ["none", "smote"], {"none": ["accuracy"]})
    assert message in str(refused.value)


@pytest.mark.parametrize(
    "published",
    [
        None,
        {},
        {"claims": "none", "numbers": "none", "curves": None, "learned": []},
        {"claims": ["a sentence alone", {"text": "no check"}]},
        claim({"all_means_between": [0.5, 1.0]}),
        claim({"not_significant": {}}),
        {"numbers": [NUMBER, NUMBER | {"variant": "smote", "metric": "test/any"}], "curves": [CURVE]},
    ],
)
def test_what_can_be_read_passes(published):
    check_stated(published, ["none", "smote"], {"none": ["accuracy"]})


def test_none_is_no_claim():
    assert entries_of({"claims": "none"}, "claims") == []


def test_each_check_has_an_answer():
    assert {*CHECKS} == {*ANSWERED}


@pytest.mark.slow
def test_an_experiment_is_checked_as_it_is_loaded(bare_project):
    with pytest.raises(ConfigError, match=r"published\.claims=5"):
        load_experiment("messages", ["++published.claims=5"], str(bare_project))
    with pytest.raises(ConfigError, match="nobody"):
        load_experiment("messages", ["++published.claims=[{text: a, check: {largest_std: nobody}}]"], str(bare_project))
