"""Reports on variants that each have a baseline of their own: what is compared, and what every part of a page calls it."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import seedbed
from seedbed.errors import ConfigError
from seedbed.report.analysis import analyse, comparison_table
from seedbed.report.answer import summary_sentences
from seedbed.report.claims import check_claims
from seedbed.report.findings import _verdict
from seedbed.report.paired_tests import BETTER, UNDECIDED
from seedbed.report.pictures.cold_start import cold_start_figure
from seedbed.report.pictures.differences import differences_figure
from seedbed.report.pictures.means import means_figure
from seedbed.report.pictures.scores import roc_figure
from seedbed.report.power import power_text
from seedbed.report.printed import table_text
from seedbed.report.rebalancing import THRESHOLD, rebalancing, rebalancing_sentences
from seedbed.report.record import read_record
from seedbed.report.sections import comparisons, repeat
from seedbed.report.sections import rebalancing as of_rebalancing
from seedbed.report.writing import write_report
from seedbed.results import Results
from seedbed.statistics import holm
from seedbed.tracking.scored import summarised
from tests.conftest import TrainOnce
from tests.report.conftest import Factory, files, make_config, shown
from tests.report.test_rebalancing import kept

SEEDS = 10
OWN = {"lr_smote": "lr", "gb_smote": "gb"}
VARIANTS = {
    "lr": ["model=lr"],
    "lr_smote": ["model=lr", "imbalance=smote"],
    "gb": ["model=gb"],
    "gb_smote": ["model=gb", "imbalance=smote"],
    "forest": ["model=forest"],
}
MEANS = {"lr": 0.5, "lr_smote": 0.6, "gb": 0.8, "gb_smote": 0.8, "forest": 0.7}


def values() -> dict[str, dict[str, list[float]]]:
    draw = np.random.default_rng(0)
    return {name: {"test/f1": (mean + draw.normal(0, 0.01, SEEDS)).tolist()} for name, mean in MEANS.items()}


@pytest.fixture(scope="module")
def own(make_results: Factory) -> Results:
    config = make_config(variants=VARIANTS, report={"metric": "test/f1", "baseline": OWN, "bars": "2std"}, published={})
    return make_results(values(), config, labels={})


def of(results: Results, *variants: str, **report: Any) -> Results:
    """A launch of some of the variants, with more in its section ``report``."""
    config = results.config | {"report": results.config["report"] | report}
    cells = results.cells[results.cells["variant"].isin(variants)]
    return replace(results, variants=variants, cells=cells, config=config, notes={})


def answer(results: Results, **asked: Any) -> str:
    return " ".join(summary_sentences(analyse(results, **asked), []))


def test_the_family_is_the_pairs_that_are_named(own: Results) -> None:
    analysis = analyse(own)
    assert [(row.variant, row.other) for row in analysis.family] == [("lr_smote", "lr"), ("gb_smote", "gb")]
    alone = [analysis.test(*pair).p for pair in OWN.items()]
    assert [row.p for row in analysis.family] == pytest.approx(holm(alone))
    assert [row.verdict for row in analysis.family] == [BETTER, UNDECIDED]
    assert comparison_table(analysis)[["variant", "other", "verdict"]].to_numpy().tolist() == [
        ["lr_smote", "lr", BETTER],
        ["gb_smote", "gb", UNDECIDED],
    ]
    assert analysis.exploratory == analysis.uncompared == ""


def test_the_answer_names_both_sides(own: Results) -> None:
    said = answer(own)
    assert said.startswith("`lr_smote` is better than `lr` by 0.")
    assert "; `gb_smote` and `gb` can't be told apart on `test/f1` with 10 seeds." in said
    assert "the verdicts are corrected for both (Holm)" in said
    assert "tested as one of all ten pairs, as it was picked by its means" not in said.split("of `gb`, ")[0]


def test_very_many_pairs_are_counted_with_their_ways(make_results: Factory) -> None:
    wave = [0.01 * math.sin(seed) for seed in range(SEEDS)]
    far = {f"v{place}": {"test/f1": [place + value * (1 + place) for value in wave]} for place in range(20)}
    baselines = {f"v{place}": f"v{place - 1}" for place in range(1, 20, 2)}
    config = make_config(
        variants={key: [] for key in far}, report={"metric": "test/f1", "baseline": baselines}, published={}
    )
    said = answer(make_results(far, config, labels={}))
    assert "all 10 pairs are told apart, each variant against its baseline: ten better; the largest" in said


def test_the_terminal_names_the_baseline_of_each_variant(own: Results) -> None:
    table = table_text(own).split("\n")[:8]
    lines = {line.split()[0]: line for line in table if len(line.split()) > 1}
    assert re.search(r" n +baseline +difference to its baseline \[95 %\] +verdict \(Holm\)$", lines["variant"].rstrip())
    assert lines["lr_smote"].split()[-5:-4] == ["lr"]
    assert lines["lr_smote"].endswith("better")
    assert lines["lr"].rstrip().endswith("baseline")
    assert lines["forest"].rstrip().endswith("n=10")


def test_the_page_is_about_pairs(own: Results) -> None:
    page, _ = shown(comparisons.section, own)
    assert page.startswith("## Comparisons of variants with their own baselines")
    assert "| lr_smote − lr |" in page
    assert "| gb_smote − gb |" in page
    assert "the two comparisons tested" in page
    assert "seedbed report made_up\n" in shown(repeat.section, own)[0]


def test_pictures_are_about_pairs(own: Results) -> None:
    analysis = analyse(own)
    figure = means_figure(analysis)
    greys = [bar.get_facecolor() for bar in figure.axes[0].patches]
    assert greys[0] == greys[2] != greys[1] == greys[3] == greys[4]
    assert "Grey: the baselines, lr and gb." in figure.get_supxlabel()
    (axes,) = differences_figure(analysis).axes
    assert axes.get_xlabel().startswith("difference to its baseline on test/f1")
    assert [text.get_text() for text in axes.get_yticklabels()] == ["lr_smote − lr", "gb_smote − gb"]
    left, right = cold_start_figure({0: analysis, 2: analysis}, "user").axes
    assert len(left.lines) == 5
    assert right.get_ylabel() == "difference to its baseline (below 0 is better)"
    heights = [line.get_ydata()[0] for line in right.lines]
    assert heights == pytest.approx([0, 0.1, 0, 0], abs=0.02)  # all but the forest


def test_power_is_about_pairs(own: Results) -> None:
    text = power_text(analyse(own))
    assert "lr_smote − lr" in text
    assert "The true difference of a variant to its baseline that so many seeds find in 80 of 100" in text


def test_one_baseline_that_is_asked_for_takes_their_place(own: Results) -> None:
    text = table_text(own, baseline="forest")
    said = "Exploratory: not the comparison that the experiment names (test/f1 of lr_smote against lr and gb_smote against gb)."
    assert said in text
    assert "difference to forest [95 %]" in text
    assert len(analyse(own, baseline="forest").family) == 4
    single = of(own, *VARIANTS, baseline="lr")
    assert "(test/f1 against lr)" in seedbed.compare(single, baseline={"gb_smote": "gb"})["note"][0]
    frame = own.cells[["variant", "seed", "test/f1"]]
    table = seedbed.compare(frame, baseline=OWN, good="higher", split="same")
    assert table[["variant", "other"]].to_numpy().tolist() == [["lr_smote", "lr"], ["gb_smote", "gb"]]
    with pytest.raises(ConfigError, match=r"baseline=gbt: a data frame has no such variant"):
        seedbed.compare(frame, baseline={"gb_smote": "gbt"})
    with pytest.raises(ConfigError, match=r"baseline=\{gb_smtoe: gb\}: experiment 'made_up' has no variant 'gb_smtoe'"):
        seedbed.compare(own, baseline={"gb_smtoe": "gb"})


def test_baselines_that_the_command_sets_are_exploratory(own: Results) -> None:
    for typed in ("'report.baseline={lr_smote: lr, gb_smote: gb}'", "report.baseline.lr_smote=lr"):
        launches = [{"id": "own", "started": "", "command": f"seedbed run made_up {typed}"}]
        launched = replace(own, launch="own", launches=launches)
        shown_as = typed.strip("'")
        assert analyse(launched).exploratory.startswith(f"Exploratory: `{shown_as}` was set by the command")
        assert f"seedbed run made_up {typed}\n" in shown(repeat.section, launched)[0]


def test_a_pair_with_one_side_alone_is_left_out(own: Results) -> None:
    fewer = of(own, "lr", "lr_smote", "gb_smote")
    analysis = analyse(fewer)
    assert [(row.variant, row.other) for row in analysis.family] == [("lr_smote", "lr")]
    assert analysis.exploratory == ""
    said = "Not compared: `gb_smote` with `gb`, as this launch has no `gb`."
    assert said in answer(fewer)
    assert said in shown(comparisons.section, fewer)[0]
    assert analyse(of(own, "lr", "lr_smote", "forest")).uncompared == ""  # of the other pair there is nothing here


def test_without_any_pair_all_pairs_are_compared(own: Results) -> None:
    analysis = analyse(of(own, "lr", "gb_smote", "forest"))
    assert len(analysis.family) == 3
    assert analysis.exploratory.startswith(
        "Exploratory: not the comparison that the experiment names (`test/f1` of `lr"
    )


def test_claims_and_findings_are_about_the_pairs(own: Results) -> None:
    claims = [{"text": "nothing differs", "check": {"not_significant": {}}}]
    (claim,) = check_claims(analyse(replace(own, config=own.config | {"published": {"claims": claims}})))
    assert claim.verdict == "does not hold"
    assert "significant after Holm: one of two (lr_smote − lr)" in claim.evidence
    assert _verdict(own, ["gb_smote", "gb"]) == UNDECIDED
    assert _verdict(own, ["lr_smote", "forest"]) == "worse"


@pytest.mark.usefixtures("undrawn")
def test_a_report_is_made_anew_from_its_files(own: Results, tmp_path: Path) -> None:
    write_report(own, tmp_path / "first")
    read = read_record("made_up", tmp_path / "first").results
    assert list(read.config["report"]["baseline"].items()) == list(OWN.items())
    write_report(read, tmp_path / "again")
    assert files(tmp_path / "again") == files(tmp_path / "first")
    assert "Paired differences to the baseline of each variant on" in (tmp_path / "first" / "report.tex").read_text()


def test_rebalancing_is_told_beside_each_baseline(make_results: Factory) -> None:
    made: dict[str, dict[str, float]] = {
        "lr": {}, "lr_smote": {"shift": 2.0, "noise": 0.01}, "gb": {"noise": 0.5}, "gb_smote": {"noise": 3.0}, "forest": {},
    }  # fmt: skip
    scored = summarised({name: {s: kept(s, **how) for s in range(SEEDS)} for name, how in made.items()}, 1, "spam")
    config = make_config(variants=VARIANTS, report={"metric": "test/f1", "baseline": OWN}, published={})
    results = make_results(values(), config, labels={}, scored=scored)
    found = rebalancing(analyse(results))
    assert found is not None
    assert [(change.variant, change.baseline) for change in found.changes] == list(OWN.items())
    assert found.changes[0].verdict == THRESHOLD
    first, second, *_ = rebalancing_sentences(analyse(results))
    assert first == "Compared with `lr`, `lr_smote` changed only the threshold."
    assert second == "Compared with `gb`, `gb_smote` changed the ranking of rows."
    page, _ = shown(of_rebalancing.section, results)
    names = [line.split("|")[1].strip() for line in page.split("\n") if line.startswith("| ")][1:]
    assert [name for name in names if not name.startswith("-")] == ["lr", "lr_smote − lr", "gb", "gb_smote − gb"]
    assert "Rows of lr and gb: means; beneath, differences to it" in page
    assert "- `gb_smote` against `gb`: the ranking of rows changed (" in page
    assert results.scored is not None
    figure = roc_figure(results.scored, analyse(results).baselines)
    titles = {axes.get_title(loc="left") for axes in figure.axes}
    assert titles == {"lr", "lr_smote\nbaseline: lr", "gb", "gb_smote\nbaseline: gb", "forest"}
    assert "its baseline, mean" in [text.get_text() for text in figure.legends[0].get_texts()]


@pytest.mark.slow
@pytest.mark.usefixtures("undrawn")
def test_a_run_and_its_report_from_the_command_line(train_once: TrainOnce, tmp_path: Path) -> None:
    typed = "report.baseline={class_weights: none, smote: oversample}"
    variants = "variant=none,class_weights,oversample,smote"
    folder, outcome = train_once("all_six", ["trainer.max_epochs=1", "seeds=2", variants, typed])
    table = outcome.comparisons
    assert table[["variant", "other"]].to_numpy().tolist() == [["class_weights", "none"], ["smote", "oversample"]]
    results = seedbed.load("all_six", config_dir=folder)  # as the store has them
    assert results.config["report"]["baseline"] == {"class_weights": "none", "smote": "oversample"}
    assert "difference to its baseline [95 %]" in table_text(results)
    write_report(results, tmp_path)
    page = (tmp_path / "report.md").read_text()
    assert "## Comparisons of variants with their own baselines" in page
    assert f"'{typed}'" in page.split("## Repeat")[1]
