"""Claims of a source, each check with values small enough to see the answer."""

from __future__ import annotations

import pytest

from conftest import make_config
from seedbed.errors import ConfigError
from seedbed.report import analyse
from seedbed.report.claims import OPEN, check_claims

pytestmark = pytest.mark.filterwarnings("error")
VALUES = {
    "none": [0.90, 0.91, 0.92, 0.93],
    "smote": [0.94, 0.92, 0.96, 0.93],
    "oversample": [0.93, 0.93, 0.95, 0.95],
    "undersample": [0.60, 0.70, 0.75, 0.65],
}


@pytest.fixture
def check(make_results):
    def answer(check, metric="test/accuracy", values=VALUES, not_run=()):
        config = make_config(
            published={"claims": [{"text": "said", "check": check}]},
            report={"metric": metric, "baseline": "none"},
            variants={name: [] for name in (*values, *not_run)},
        )
        results = make_results({name: {metric: column} for name, column in values.items()}, config)
        (claim,) = check_claims(analyse(results))
        return claim

    return answer


@pytest.mark.parametrize(
    ("stated", "verdict", "evidence"),
    [
        ({"all_means_between": [0.6, 1.0]}, "holds", "0.6750 (undersample) to 0.9400 (oversample)"),
        ({"all_means_between": [0.9, 1.0]}, "does not hold", "outside: undersample"),
        ({"best_group_then": [["none"], ["smote"]]}, OPEN, "do not fall in this order"),
        ({"best_group_then": [["undersample"]]}, "does not hold", "do not fall in this order"),
        ({"can_beat": ["smote", "oversample"]}, "holds", "in 2 of 4 seeds, level in 0"),
        ({"can_beat": ["undersample", "none"]}, "does not hold", "in 0 of 4 seeds"),
        ({"largest_std": "undersample"}, OPEN, "undersample 0.0645"),
        ({"largest_std": "none"}, OPEN, "of 3 others"),
        ({"below": {"variant": "none", "others": ["oversample", "smote"]}}, OPEN, "1 of 2 pairs"),
        ({"below": {"variant": "undersample", "others": ["none", "smote"]}}, "holds", "2 of 2 pairs"),
        ({"worse_than": ["undersample", "none"]}, "holds", "the paired test supports it (p "),
        ({"worse_than": ["smote", "none"]}, OPEN, "does not support it"),
        ({"worse_than": ["none", "undersample"]}, "does not hold", "do not fall in this order"),
        (
            {"not_significant": {}},
            "does not hold",
            "significant after Holm: two of three (oversample − none and undersample − none)",
        ),
        ({"not_significant": {"baseline": "smote"}}, "does not hold", "undersample − smote"),
    ],
)
def test_each_check(check, stated, verdict, evidence):
    claim = check(stated)
    assert claim.verdict == verdict, claim.evidence
    assert evidence in claim.evidence


def test_an_order_that_the_test_does_not_support_says_so(check):
    claim = check({"worse_than": ["smote", "oversample"]})
    assert claim.verdict == OPEN
    assert "the means fall in this order" in claim.evidence
    assert "does not support it" in claim.evidence


def test_a_spread_that_is_larger_beyond_chance_holds(check):
    narrow = [0.900, 0.902, 0.901, 0.903, 0.899, 0.901]
    wide = [0.80, 0.95, 0.70, 0.90, 0.99, 0.75]
    values = {"none": narrow, "undersample": wide}
    assert check({"largest_std": "undersample"}, values=values).verdict == "holds"
    assert check({"largest_std": "none"}, values=values).verdict == "does not hold"


def test_checks_turn_with_the_metric(check):
    assert check({"worse_than": ["undersample", "none"]}, metric="test/loss").verdict == "does not hold"
    assert check({"can_beat": ["undersample", "none"]}, metric="test/loss").verdict == "holds"


def test_that_nothing_is_significant_is_no_evidence(check):
    values = {"none": [0.90, 0.91, 0.92], "smote": [0.91, 0.90, 0.92]}
    assert check({"not_significant": {}}, values=values).verdict == "can't be told"


def test_a_variant_that_was_not_run_leaves_the_claim_open(check):
    claim = check({"worse_than": ["text_augment", "none"]}, not_run=["text_augment"])
    assert claim.verdict == "can't be told"
    assert "no finished run of text_augment" in claim.evidence


def test_a_single_seed_leaves_open_what_needs_a_spread(check):
    values = {"none": [0.9], "smote": [0.8]}
    assert check({"largest_std": "smote"}, values=values).verdict == "can't be told"
    assert check({"not_significant": {}}, values=values).verdict == "can't be told"
    assert "one pair" in check({"worse_than": ["smote", "none"]}, values=values).evidence


@pytest.mark.parametrize(
    ("stated", "message"),
    [
        ({"worse_then": ["smote", "none"]}, "did you mean 'worse_than'"),
        ("largest_std", "written {name: argument}"),
        ({"worse_than": ["smot", "none"]}, "did you mean 'smote'"),
        ({"worse_than": ["smote"]}, "cannot use"),
        ({"all_means_between": 0.9}, "cannot use"),
        ({"below": ["smote"]}, "cannot use"),
    ],
)
def test_a_check_that_cannot_be_understood_is_refused(check, stated, message):
    with pytest.raises(ConfigError) as refused:
        check(stated)
    assert message in str(refused.value)


@pytest.mark.parametrize(
    "stated", [{"all_means_between": [0.0, 1.0]}, {"not_significant": {}}, {"largest_std": "none"}]
)
def test_a_claim_about_all_variants_stays_open_when_one_was_not_run(check, stated):
    claim = check(stated, not_run=["text_augment"])
    assert claim.verdict == OPEN
    assert "no finished run of text_augment" in claim.evidence
