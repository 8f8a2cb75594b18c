"""The mark of metrics that depend on the threshold: in which tables it stands, in which reports, and in every format."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from seedbed.report.analysis import analyse
from seedbed.report.blocks import Block
from seedbed.report.evidence import evidence_of
from seedbed.report.render.html import html
from seedbed.report.render.latex import latex
from seedbed.report.render.markdown import markdown
from seedbed.report.render.terminal import printed
from seedbed.report.sections import other_metrics, result
from seedbed.results import Results
from tests.report.conftest import Factory, make_config, require_balanced

NOTE = "† Depends on the threshold above which a row is labelled spam, and not on the scores alone."
VARIANTS = {"none": ["imbalance=none"], "tuned": ["imbalance.after=threshold"]}
METRICS = ("accuracy", "auroc", "average_precision", "brier", "f1", "g_mean", "loss", "mcc", "precision", "recall")


@pytest.fixture
def results(make_results: Factory) -> Results:
    values = {
        name: {f"test/{metric}": np.linspace(0.5, 0.6, 4).tolist() for metric in METRICS} | {"threshold": [0.5] * 4}
        for name in VARIANTS
    }
    made = make_results(values, config_with(metric="test/f1"), labels={})
    made.data.update({"classes": ["ham", "spam"], "minority": "spam"})
    return made


def config_with(metric: str, **changes: Any) -> dict[str, Any]:
    report = {"metric": metric, "baseline": "none"}
    return make_config(variants=VARIANTS, published=None, report=report) | changes


def tables(results: Results) -> list[Block]:
    evidence = evidence_of(analyse(results))
    return [*result.section(evidence), *other_metrics.section(evidence)]


def test_metrics_of_labels_are_marked_and_those_of_scores_are_not(results: Results) -> None:
    page = markdown(tables(results))
    assert "| variant | test/f1† | n |" in page
    assert (
        "| variant | test/accuracy† | test/auroc | test/average_precision | test/brier | test/g_mean† | test/loss | test/mcc† "
        "| test/precision† | test/recall† | threshold |"
    ) in page
    assert page.count(NOTE) == 2  # a table may be read by itself


def test_a_table_without_such_a_metric_has_no_note(results: Results) -> None:
    by_auroc = replace(results, config=config_with(metric="test/auroc"))
    of_result, of_others = markdown(tables(by_auroc)).split("## Other metrics")
    assert "†" not in of_result
    assert of_others.count(NOTE) == 1


@pytest.mark.parametrize(
    ("config", "classes", "marked"),
    [
        ({"variants": {"none": [], "tuned": ["model.hidden=[8]"]}}, 2, False),
        (
            {"variants": {"none": [], "tuned": None}, "imbalance": {"_target_": "seedbed.imbalance.smote.Smote"}},
            2,
            True,
        ),
        (
            {
                "variants": {"none": [], "tuned": []},
                "imbalance": {"_target_": "seedbed.imbalance.base.Strategy", "after": None},
            },
            2,
            False,
        ),
        (
            {
                "variants": {"none": [], "tuned": []},
                "imbalance": {"_target_": "seedbed.imbalance.base.Strategy", "after": {"_target_": "..."}},
            },
            2,
            True,
        ),
        ({}, 3, False),
        ({}, 0, False),
    ],
    ids=["no strategy", "of all variants", "none", "on scores", "three classes", "no classes"],
)
def test_only_reports_on_strategies_of_two_classes_have_marks(
    results: Results, config: dict[str, Any], classes: int, marked: bool
) -> None:
    described = {"classes": [f"c{at}" for at in range(classes)]} if classes else {"classes": None}
    changed = replace(
        results, config=config_with(metric="test/f1", **config), data={**results.data, "minority": "c1", **described}
    )
    assert ("†" in markdown(tables(changed))) == marked


def test_every_format_shows_the_mark(results: Results) -> None:
    blocks = tables(results)
    for page in (html(markdown(blocks), {}, title="made up"), printed(blocks)):
        assert "test/f1†" in page
        assert NOTE in page
    document = latex(blocks)
    assert r"test/f1\dag{}" in document
    assert r"\dag{} Depends on the threshold" in document
    require_balanced(document)
