"""Claims of a source, each check with values small enough to see the answer."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from seedbed.errors import ConfigError
from seedbed.report.analysis import analyse
from seedbed.report.claims import NEVER, OPEN, UNTESTABLE, check_claims, family_words
from seedbed.results import Results
from seedbed.statistics import compare, holm, mean_above_p
from tests.report.conftest import make_cells, make_config

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
        ({"all_means_between": [0.4, 1.0]}, "holds", "0.6750 (undersample) to 0.9400 (oversample); p = 0.0"),
        ({"all_means_between": [0.6, 1.0]}, OPEN, "p = 0.211 for the claim"),
        ({"all_means_between": [0.99, 1.0]}, "does not hold", "outside: "),
        ({"all_means_between": [0.0, 1.0]}, UNTESTABLE, "no value of this metric can lie outside"),
        ({"best_group_then": [["none"], ["smote"]]}, OPEN, "do not fall in this order"),
        ({"best_group_then": [["undersample"]]}, "does not hold", "do not fall in this order"),
        ({"can_beat": ["smote", "oversample"]}, UNTESTABLE, "in 2 of 4 seeds, level in 0"),
        ({"can_beat": ["undersample", "none"]}, UNTESTABLE, "as 93.8 % of equal pairs would give"),
        ({"largest_std": "undersample"}, OPEN, "undersample 0.0645"),
        ({"largest_std": "none"}, OPEN, "against three others"),
        (
            {"below": {"variant": "none", "others": ["oversample", "smote"]}},
            OPEN,
            "2 pairs must agree, of which smote − none",
        ),
        ({"below": {"variant": "undersample", "others": ["none", "smote"]}}, "holds", "of which none − undersample"),
        ({"worse_than": ["undersample", "none"]}, "holds", "fall in this order; p = 0.0"),
        ({"worse_than": ["smote", "none"]}, OPEN, "against the claim"),
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
    assert "for the claim" in claim.evidence


def test_a_spread_that_is_larger_beyond_chance_holds(check):
    narrow = [0.900, 0.902, 0.901, 0.903, 0.899, 0.901]
    wide = [0.80, 0.95, 0.70, 0.90, 0.99, 0.75]
    values = {"none": narrow, "undersample": wide}
    assert check({"largest_std": "undersample"}, values=values).verdict == "holds"
    assert check({"largest_std": "none"}, values=values).verdict == "does not hold"


def test_checks_turn_with_the_metric(check):
    assert check({"worse_than": ["undersample", "none"]}, metric="test/loss").verdict == "does not hold"
    assert "ahead of none in 4 of 4" in check({"can_beat": ["undersample", "none"]}, metric="test/loss").evidence


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


# ---- all claims of a source are one family ----


SPLIT = {"train": 0.7, "val": 0.1, "test": 0.2, "per_seed": False}


@pytest.fixture
def checked(make_results):
    """All claims on results with one split for all seeds."""

    def answer(checks, values):
        config = make_config(
            published={"claims": [{"text": "said", "check": check} for check in checks]},
            variants={name: [] for name in values},
            split=SPLIT,
            report={"metric": "test/accuracy", "baseline": next(iter(values))},
        )
        return check_claims(
            analyse(make_results({name: {"test/accuracy": column} for name, column in values.items()}, config))
        )

    return answer


def test_p_is_adjusted_over_all_claims_that_a_test_can_speak_on(checked):
    rng = np.random.default_rng(5)
    values = {name: rng.normal(mean, 0.01, 6).tolist() for name, mean in (("a", 0.5), ("b", 0.515), ("c", 0.52))}
    pairs = [("a", "b"), ("a", "c"), ("b", "c")]
    claims = checked([{"worse_than": list(pair)} for pair in pairs] + [{"can_beat": ["a", "b"]}], values)
    alone = [compare(values[better], values[worse], design="fixed").p for worse, better in pairs]
    assert [claim.p for claim in claims[:3]] == pytest.approx(holm(alone))
    assert (claims[3].p, claims[3].verdict, claims[3].false_holds) == (None, UNTESTABLE, NEVER)
    assert {claim.false_holds for claim in claims[:3]} == {"≤ 0.05"}
    assert family_words(claims) == "the three claims that a test can speak on"
    worst = max(claims[:3], key=lambda claim: claim.p)
    assert "by Holm" in worst.evidence or worst.p == max(alone)


def test_what_holds_alone_may_not_hold_among_others(checked):
    better = [0.50, 0.52, 0.51, 0.53, 0.505, 0.515]
    values = {
        "a": better,
        "b": [value - step for value, step in zip(better, (0.01, 0.03, 0.0, 0.02, 0.012, 0.001), strict=True)],
    }
    claim = {"worse_than": ["b", "a"]}
    assert checked([claim], values)[0].verdict == "holds"
    first, *_ = checked([claim, {"all_means_between": [0.5, 0.6]}, {"largest_std": "a"}], values)
    assert (first.verdict, first.p) == (OPEN, pytest.approx(3 * checked([claim], values)[0].p))


def test_a_claim_of_several_pairs_takes_the_largest_p_and_fails_by_the_smallest(checked):
    rng = np.random.default_rng(2)
    values = {name: rng.normal(mean, 0.01, 6).tolist() for name, mean in (("a", 0.6), ("b", 0.5), ("c", 0.59))}
    (claim,) = checked([{"below": {"variant": "b", "others": ["a", "c"]}}], values)
    pairs = [compare(values[other], values["b"], design="fixed").p for other in ("a", "c")]
    assert claim.p == pytest.approx(max(pairs))
    (claim,) = checked([{"below": {"variant": "a", "others": ["b", "c"]}}], values)
    assert claim.verdict == "does not hold"
    assert claim.p == pytest.approx(2 * compare(values["a"], values["b"], design="fixed").p)


def test_a_pair_without_a_test_leaves_a_claim_of_several_open(checked):
    values = {"a": [0.9, 0.91, 0.92], "b": [0.9, 0.91, 0.92], "c": [0.1, 0.12, 0.11]}
    (claim,) = checked([{"best_group_then": [["a"], ["b", "c"]]}], values)
    assert claim.verdict == OPEN
    assert "no test of a − b" in claim.evidence


def test_means_are_tested_against_the_ends_with_the_variance_of_redrawn_splits():
    values = [0.9, 0.91, 0.93]
    assert mean_above_p(values, 0.9) == pytest.approx(stats.ttest_1samp(values, 0.9, alternative="greater").pvalue)
    assert mean_above_p(values, 0.9, correction=0.25) > mean_above_p(values, 0.9)
    assert mean_above_p([0.9], 0.8) is None
    assert mean_above_p([0.9, 0.9], 0.8) is None


def draw(rng):
    """An analysis of three equal variants, whose mean is 0.5."""
    values = {name: {"test/accuracy": rng.normal(0.5, 0.01, 5)} for name in "abc"}
    config = {"variants": dict.fromkeys(values), "split": SPLIT}
    results = Results("made_up", config, tuple(values), make_cells(values), pd.DataFrame())
    return analyse(results, "test/accuracy", "a")


def claims_on(analysis, checks):
    """What becomes of claims, stated in place of those before: an analysis of the values does not depend on them."""
    analysis.results.config["published"] = {"claims": [{"text": "said", "check": check} for check in checks]}
    return check_claims(analysis)


DRAWS = 150


@pytest.fixture(scope="module")
def equal_variants():
    rng = np.random.default_rng(11)
    return [draw(rng) for _ in range(DRAWS)]


@pytest.mark.slow
@pytest.mark.parametrize(
    "checks",
    [
        [{"worse_than": ["a", "b"]}],
        [{"all_means_between": [0.5, 0.9]}],
        [{"largest_std": "a"}],
        [{"best_group_then": [["c"], ["b"]]}],
        [{"worse_than": list(pair)} for pair in ("ab", "ac", "bc", "ba")],
    ],
    ids=["worse_than", "all_means_between", "largest_std", "best_group_then", "a family"],
)
def test_false_claims_seldom_hold(equal_variants, checks):
    held = sum(any(claim.verdict == "holds" for claim in claims_on(drawn, checks)) for drawn in equal_variants)
    assert held <= stats.binom.ppf(0.999, DRAWS, 0.05)


@pytest.mark.slow
def test_checks_without_a_test_of_the_claim_never_hold():
    rng, checks = np.random.default_rng(12), [{"can_beat": ["a", "b"]}, {"not_significant": {}}]
    for _ in range(20):
        claims = claims_on(draw(rng), checks)
        assert {claim.false_holds for claim in claims} == {NEVER}
        assert "holds" not in [claim.verdict for claim in claims]


# ---- seeds that diverged ----


@pytest.fixture
def with_lost(make_results):
    """Claims on a variant that is the better one in the four of ten seeds that did not diverge."""

    def answer(*checks, more=()):
        rng = np.random.default_rng(3)
        plain = rng.normal(0.90, 0.005, 10)
        values = {"none": plain, "risky": plain + rng.normal(0.05, 0.002, 10), **dict(more)}
        cells = make_cells({name: {"test/accuracy": list(column)} for name, column in values.items()})
        cells.loc[(cells["variant"] == "risky") & (cells["seed"] >= 4), "outcome"] = "diverged"
        config = make_config(
            published={"claims": [{"text": "said", "check": check} for check in checks]},
            variants=dict.fromkeys(values),
            split=SPLIT,
            report={"metric": "test/accuracy", "baseline": "none"},
        )
        columns = {name: {"test/accuracy": list(column)} for name, column in values.items()}
        return check_claims(analyse(make_results(columns, config, cells=cells)))

    return answer


@pytest.mark.parametrize(
    "check",
    [
        {"worse_than": ["none", "risky"]},
        {"worse_than": ["risky", "none"]},
        {"below": {"variant": "none", "others": ["risky"]}},
        {"best_group_then": [["risky"], ["none"]]},
    ],
)
def test_an_order_needs_the_lost_seeds_as_the_worst_too(with_lost, check):
    (claim,) = with_lost(check)
    assert claim.verdict == OPEN, claim.evidence
    assert "risky 0.9" in claim.evidence
    assert "(n=4/10, 6 diverged)" in claim.evidence
    assert "the test counts lost seeds as the worst, which turns" in claim.evidence


def test_a_variant_that_is_worse_and_diverges_is_worse(with_lost):
    rng = np.random.default_rng(4)
    (claim,) = with_lost({"worse_than": ["risky", "best"]}, more=[("best", rng.normal(0.99, 0.001, 10))])
    assert claim.verdict == "holds", claim.evidence


@pytest.mark.parametrize(
    "check", [{"all_means_between": [0.5, 0.99]}, {"largest_std": "none"}, {"largest_std": "risky"}]
)
def test_means_and_spreads_of_some_seeds_alone_are_not_tested(with_lost, check):
    (claim,) = with_lost(check)
    assert claim.verdict == OPEN, claim.evidence
    assert "not tested, as seeds were lost: risky (n=4/10, 6 diverged)" in claim.evidence


def test_a_mean_outside_contradicts_a_claim_whatever_other_variants_lost(with_lost):
    (claim,) = with_lost({"all_means_between": [0.95, 0.99]})
    assert claim.verdict == "does not hold"


def test_a_lost_seed_is_one_behind(with_lost):
    ahead, behind = with_lost({"can_beat": ["risky", "none"]}, {"can_beat": ["none", "risky"]})
    assert (
        "risky is ahead of none in 4 of 10 seeds, level in 0, with those that were lost as the worst" in ahead.evidence
    )
    assert "none is ahead of risky in 6 of 10 seeds" in behind.evidence
