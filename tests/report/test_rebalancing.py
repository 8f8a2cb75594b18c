"""What rebalancing changed: the ranking of rows, only the threshold, or it can't be told; and its pictures."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from seedbed.recorded import DECISIONS, LABELS, LOGITS, PREDICTED
from seedbed.report.analysis import analyse
from seedbed.report.document import blocks_of
from seedbed.report.evidence import evidence_of
from seedbed.report.printed import table_text
from seedbed.report.rebalancing import CHANGED, NEITHER, OPEN, THRESHOLD, rebalancing, rebalancing_sentences
from seedbed.report.record import read_record
from seedbed.report.render.markdown import markdown
from seedbed.report.sections import rebalancing as of_rebalancing
from seedbed.report.sections import scores
from seedbed.report.writing import write_report
from seedbed.results import Results, Scored
from seedbed.tracking.scored import summarised
from seedbed.tracking.scores import ROWS, Scores, named
from tests.report.conftest import Factory, files, make_config, shown

SEEDS = 10
VARIANTS = {
    "none": ["imbalance=none"],
    "shifted": ["imbalance=class_weights"],
    "noisy": ["imbalance=smote", "imbalance.sampler.k_neighbors=3"],
    "alike": ["imbalance=oversample"],
    "forest": ["model=random_forest"],
}


def kept(seed: int, *, shift: float = 0.0, noise: float = 0.0, name: str = LOGITS) -> Scores:
    """Of one seed: rows that all variants share, log-odds that are moved by ``shift`` and blurred by ``noise``."""
    rng = np.random.default_rng(seed)
    arrays: dict[str, np.ndarray] = {}
    for side in ("val", "test"):
        labels = (np.arange(600) < 60).astype(np.uint8)
        logits = rng.normal(3.0 * labels - 3.5, 1) + shift
        logits = (logits + noise * rng.standard_normal(600)).astype(np.float32)
        of_side = {ROWS: np.arange(600), LABELS: labels, PREDICTED: (logits > 0).astype(np.uint8), name: logits}
        arrays |= named(of_side, side)
    return Scores(arrays)


def scored(**left_out: int) -> Scored:
    made = {
        "none": {},
        "shifted": {"shift": 2.0, "noise": 0.01},
        "noisy": {"noise": 2.5},
        "alike": {"noise": 0.01},
        "forest": {},
    }
    by_variant = {
        name: {seed: kept(seed, **how) for seed in range(left_out.get(name, 0), SEEDS)} for name, how in made.items()
    }
    found = summarised(by_variant, 1, "spam")
    assert found is not None
    return found


@pytest.fixture(scope="module")
def rebalanced(make_results: Factory) -> Results:
    values = {name: {"test/f1": np.linspace(0.5, 0.6, SEEDS).tolist()} for name in VARIANTS}
    config = make_config(variants=VARIANTS, report={"metric": "test/f1", "baseline": "none"}, published=None)
    return make_results(values, config, scored=scored(), labels={})


def test_ranking_or_threshold(rebalanced: Results) -> None:
    found = rebalancing(analyse(rebalanced))
    assert found is not None
    assert {change.variant: change.verdict for change in found.changes} == {
        "shifted": THRESHOLD,
        "noisy": CHANGED,
        "alike": OPEN,
    }
    why = {change.variant: change.why for change in found.changes}
    assert why["noisy"].startswith("AUROC -0.")
    assert why["alike"] == "AUROC differs by less than 0.01, and F1 as predicted can't be told apart"
    comparison = found.changes[0].tests["f1"].comparison
    assert (comparison.n, comparison.test) == (SEEDS, "corrected resampled t-test")
    (first,) = rebalancing_sentences(analyse(rebalanced))
    assert first == (
        "Compared with `none`, `noisy` changed the ranking of rows; `shifted` changed only the threshold; it is unclear whether "
        "`alike` changed the ranking of rows or only the threshold."
    )
    lines = table_text(rebalanced).split("\n")
    assert first.replace("`", "") in lines


def test_the_same_ranking_in_every_seed_needs_no_test(make_results: Factory) -> None:
    """As with a tuned threshold, however few seeds there are; a choice of imbalance/after is a strategy too."""
    variants = {"none": [], "tuned": ["imbalance/after=threshold"], "again": ["imbalance=none"]}
    values = {name: {"test/f1": [0.5, 0.6]} for name in variants}
    config = make_config(variants=variants, report={"metric": "test/f1", "baseline": "none"}, published=None)
    by_variant = {name: {seed: kept(seed) for seed in range(2)} for name in variants}
    by_variant["tuned"] = {
        seed: Scores({**of.arrays, PREDICTED: (of.arrays[LOGITS] > -1).astype(np.uint8)})
        for seed, of in by_variant["none"].items()
    }
    analysis = analyse(make_results(values, config, scored=summarised(by_variant, 1, "spam"), labels={}))
    found = rebalancing(analysis)
    assert found is not None
    assert {change.variant: change.verdict for change in found.changes} == {"tuned": THRESHOLD, "again": NEITHER}
    assert rebalancing_sentences(analysis)[0] == (
        "Compared with `none`, `tuned` changed only the threshold; `again` changed neither the ranking of rows nor F1 as predicted."
    )


def test_a_narrow_margin_or_a_lost_seed_leaves_it_open(rebalanced: Results) -> None:
    narrow = replace(rebalanced, config=rebalanced.config | {"report": rebalanced.config["report"] | {"margin": 1e-9}})
    blurred = rebalancing(analyse(narrow))
    assert blurred is not None
    assert "nor shown to be within 1e-09" in {c.variant: c.why for c in blurred.changes}["alike"]
    lost = rebalancing(analyse(replace(rebalanced, scored=scored(noisy=3))))
    assert lost is not None
    (noisy,) = [change for change in lost.changes if change.variant == "noisy"]
    assert (noisy.verdict, noisy.why) == (OPEN, "3 of 10 seeds of noisy have no scores")


def test_variants_that_differ_in_more_than_the_strategy_are_left_out(rebalanced: Results) -> None:
    page, _ = shown(of_rebalancing.section, rebalanced)
    assert "| none | 0." in page
    assert "| noisy | -0." in page
    assert "forest" not in page
    assert "- `shifted`: only the threshold (AUROC differs by less than 0.01, F1 as predicted by " in page
    alone = replace(rebalanced, config=rebalanced.config | {"variants": {name: [f"model={name}"] for name in VARIANTS}})
    assert rebalancing(analyse(alone)) is None
    without = replace(rebalanced, scored=None)
    assert shown(of_rebalancing.section, without) == shown(scores.section, without) == ("", [])


@pytest.mark.usefixtures("undrawn")
def test_a_report_is_made_anew_from_its_files(rebalanced: Results, tmp_path: Path) -> None:
    write_report(rebalanced, tmp_path / "first", formats=("md", "csv"))
    record = read_record("made_up", tmp_path / "first")
    assert record.results.scored == rebalanced.scored
    written = files(tmp_path / "first")
    assert {"reliability.svg", "precision_recall.svg", "roc.svg", "f1_by_threshold.png"} <= set(written)
    assert len(written["record.json"]) < 60_000
    write_report(record.results, tmp_path / "again", formats=("md", "csv"))
    assert files(tmp_path / "again") == written


@pytest.mark.slow
def test_the_pictures_show_each_variant_and_the_baseline(rebalanced: Results) -> None:
    _, pictures = shown(scores.section, rebalanced)
    assert [picture.name for picture in pictures] == ["reliability", "precision_recall", "roc", "f1_by_threshold"]
    for picture in pictures:
        figure = picture.figure()
        assert {axes.get_title(loc="left") for axes in figure.axes} - {""} == set(VARIANTS)
        names = [text.get_text() for text in figure.legends[0].get_texts()]
        assert ("none, mean" in names) == (picture.name != "reliability")


def test_decision_values_have_no_reliability(make_results: Factory) -> None:
    values = {name: {"test/f1": [0.5, 0.6]} for name in ("none", "shifted")}
    config = make_config(
        variants={name: VARIANTS[name] for name in values},
        report={"metric": "test/f1", "baseline": "none"},
        published=None,
    )
    by_variant = {
        "none": {0: kept(0, name=DECISIONS), 1: kept(1, name=DECISIONS)},
        "shifted": {0: kept(0, shift=2, name=DECISIONS)},
    }
    results = make_results(values, config, scored=summarised(by_variant, 1, "spam"), labels={})
    page, pictures = shown(scores.section, results)
    assert [picture.name for picture in pictures] == ["precision_recall", "roc"]
    assert "Without probabilities, and so without reliability and thresholds: none and shifted." in page
    assert "What rebalancing changed" in markdown(blocks_of(evidence_of(analyse(results))))
