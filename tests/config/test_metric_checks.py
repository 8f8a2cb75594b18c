"""Metrics that a config names, and whether there are test rows to measure them on."""

from __future__ import annotations

from typing import Any

import pytest

from seedbed.config.experiment import load_experiment
from seedbed.data.splits import Rows, Split
from seedbed.errors import ConfigError
from tests.config.refusals import SPAM, assert_refused, first_override


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["task._target_=foo.Bar"], ["task._target_=foo.Bar"]),
        (["monitor=val/los"], ["did you mean 'val/loss'"]),
        (["report.metric=test/acuracy"], ["Classification measures nothing of", "did you mean 'test/accuracy'"]),
        (["split.test=0"], ["split.test=0 means that no rows test", "split.train=0.9 and report.metric=val/... too"]),
        (["split.test=0", "split.train=0.9"], ["no test rows (split.test=0)", "Write report.metric=val/accuracy"]),
        (["report.metric=val/accuracy"], ["with split.test=0.2", "Write report.metric=test/accuracy"]),
        (["split=official", "split.test=0.3", "report.metric=val/accuracy"], ["split.test=0.3: give published."]),
    ],
    ids=first_override,
)  # fmt: skip
def test_metrics_that_nothing_measures_are_refused(overrides: list[str], said: list[str]) -> None:
    assert_refused(overrides, said)


class OwnSplit(Split):
    def rows(self, table: Any, seed: int) -> Rows:
        raise NotImplementedError


class Untested(OwnSplit):
    has_test_rows = False


class Plain:
    def rows(self, table: Any, seed: int) -> None: ...


@pytest.mark.parametrize("metric", ["test/accuracy", "val/accuracy"])
def test_whether_a_users_split_tests_is_left_to_its_rows(metric: str) -> None:
    asked = ["variant=none", "~split", f"+split={{_target_: {__name__}.OwnSplit}}", f"report.metric={metric}"]
    assert load_experiment(SPAM, asked).config["report"]["metric"] == metric


@pytest.mark.slow
def test_a_users_split_says_whether_it_tests() -> None:
    asked = ["variant=none", "~split", f"+split={{_target_: {__name__}.Untested}}"]
    with pytest.raises(
        ConfigError, match=r"no test rows \(Untested sets none apart\)\. Write report.metric=val/accuracy"
    ):
        load_experiment(SPAM, asked)
    assert load_experiment(SPAM, [*asked, "report.metric=val/accuracy"]).config["report"]["metric"] == "val/accuracy"


def test_a_class_that_only_looks_like_a_split_is_told_what_to_derive_from() -> None:
    with pytest.raises(ConfigError, match=r"Plain gives no split, but Plain\. Derive .* seedbed\.data\.splits\.Split"):
        load_experiment(SPAM, ["variant=none", "~split", f"+split={{_target_: {__name__}.Plain}}"])


@pytest.mark.slow
def test_leave_n_out_tests_by_n() -> None:
    asked = ["variant=dot_product_bias", "split=leave_n_out"]
    with pytest.raises(ConfigError, match=r"with split.n=1, .* of test rows. Write report.metric=test/mse"):
        load_experiment("fastai_collab", asked)
    assert load_experiment("fastai_collab", [*asked, "split.n=0"]).config["report"]["metric"] == "val/mse"
