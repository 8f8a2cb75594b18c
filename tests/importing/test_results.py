"""Results of runs that were trained elsewhere: what is compared, by which test, and what is said and assumed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import seedbed
from seedbed.errors import ConfigError, DataError, SeedbedError
from seedbed.importing.results import Statements, results_of
from seedbed.importing.tables import read_table
from seedbed.report.analysis import analyse
from seedbed.report.answer import summary_sentences
from seedbed.report.document import blocks_of
from seedbed.report.evidence import evidence_of
from seedbed.report.render.markdown import markdown
from seedbed.results import Results
from seedbed.statistics import compare
from tests.importing.conftest import LOSSES, frame_of


def results(frame: pd.DataFrame | None = None, curves: pd.DataFrame | None = None, **said: Any) -> Results:
    return results_of(read_table(frame_of() if frame is None else frame, curves), Statements(**said))


def sentences(of: Results) -> str:
    return " ".join(summary_sentences(analyse(of), []))


def test_a_data_frame_gets_the_corrected_test_of_its_shares() -> None:
    table = seedbed.compare(frame_of(), "test/rmse", "narrow", good="lower", split="redrawn", test_share=0.2)
    expected = compare(LOSSES["wide"], LOSSES["narrow"], design="resampled", test_to_train=0.25)
    assert table.loc[0, ["variant", "other", "verdict"]].tolist() == ["wide", "narrow", "better"]
    assert table.loc[0, "p"] == pytest.approx(expected.p)
    assert table.loc[0, "about"] == "the population behind this data set"
    assert table.loc[0, "note"].startswith("Imported from a data frame, not trained by seedbed.")
    with_val = seedbed.compare(frame_of(), split="redrawn", test_share=0.2, train_share=0.6)
    assert with_val.loc[0, "p"] == pytest.approx(
        compare(LOSSES["narrow"], LOSSES["wide"], design="resampled", test_to_train=1 / 3).p
    )


def test_one_split_gets_the_paired_t_test() -> None:
    table = seedbed.compare(frame_of(), good="lower", split="same")
    expected = compare(LOSSES["narrow"], LOSSES["wide"], design="fixed")
    assert table.loc[0, ["p", "wilcoxon_p"]].tolist() == pytest.approx([expected.p, expected.wilcoxon_p])
    assert table.loc[0, "about"] == "the runs on this one split"
    assert table.loc[0, "verdict"] == "worse"
    assert "As was said at the import, all seeds share one split." in sentences(results(split="same"))


def test_what_is_not_said_claims_the_least() -> None:
    """The test is more cautious than with any usual share, speaks of these runs alone, and calls nothing better."""
    unsaid, said = seedbed.compare(frame_of()), seedbed.compare(frame_of(), split="redrawn", test_share=0.4)
    assert unsaid.loc[0, "p"] > said.loc[0, "p"] > seedbed.compare(frame_of(), split="same").loc[0, "p"]
    assert unsaid.loc[0, "about"] == "runs like these"
    large = frame_of({"narrow": [1.0, 1.1, 0.9, 1.0], "wide": [0.1, 0.21, 0.0, 0.1]})
    assert seedbed.compare(large).loc[0, "verdict"] == "higher"
    text = sentences(results())
    assert "Whether the seeds share one split was not said (`--split`)" in text
    assert "The share of test rows was not said (`--test-share`)" in text
    assert "Which values of `test/rmse` are good was not said (`--good`)" in text
    assert "population" not in text


def test_results_come_first_as_imported() -> None:
    first, *others = summary_sentences(analyse(results(good="lower", split="redrawn", test_share=0.2)), [])
    assert first.startswith("Imported from a data frame, not trained by seedbed.")
    assert others[0] == (
        "As was said at the import, every seed drew a split of its own; the rows are taken for independent draws. 20 % of the rows were tested on, all others trained on."
    )
    assert not any("was not said" in sentence for sentence in others)


def test_no_imported_cell_has_the_fingerprint_of_another() -> None:
    cells = results(frame_of({"a": [1.0, 1.0], "b": [1.0, 1.0]})).cells
    assert cells["fingerprint"].str.fullmatch("imported:[0-9a-f]{64}").all()
    assert cells["fingerprint"].is_unique
    assert set(cells["launch"]) == {""}


def test_absent_runs_are_no_evidence_and_runs_without_a_value_are_lost() -> None:
    frame = frame_of({"a": [1.0, 1.1, 0.9, 1.2], "b": [0.5, 0.61, 0.43, 0.7]})
    without = results(frame.drop(index=7), good="lower", split="same")
    assert analyse(without).count("b") == "n=3/4, 1 absent"
    assert analyse(without).family[0].test.lost == 0
    assert without.data["notes"] == ["1 of 8 cells is absent: b lacks seed 3."]
    frame.loc[7, "test/rmse"] = np.nan
    lost = results(frame, good="lower", split="same")
    assert analyse(lost).count("b") == "n=3/4, 1 without a finite value"
    assert analyse(lost).family[0].test.lost == 1


def test_no_sentence_says_that_imported_runs_diverged() -> None:
    """Where runs lack a value, nobody has said why; nor whether the seeds share a split, where that was not said."""
    frame = frame_of({"a": [1.0, 1.1, 0.9, np.nan], "b": [0.5, 0.61, 0.43, 0.7], "c": [0.4, 0.5, 0.6, 0.7]})
    page = markdown(blocks_of(evidence_of(analyse(results(frame, good="lower")))))
    assert "Where runs diverged, failed or have no finite value" in page  # of the test, in general
    assert "A run without a value is last in its seed." in page
    assert "a verdict counts a run that has no value as the worst" in page
    assert "whether every seed drew its own split was not said" in page
    for wrong in ("every seed draws", "that diverged or failed", "All seeds", "share one split.", "seedbed run"):
        assert wrong not in page


def test_a_metric_near_a_target_and_others_by_name() -> None:
    frame = frame_of().assign(slope=[1.0, 1.1, 0.9, 1.0, 2.0, 2.2, 1.9, 2.1])
    of = results(frame, metric="slope", good={"slope": "1", "test/rmse": "lower"}, split="same")
    assert of.metric("slope").target == 1.0
    assert of.metric("val/rmse").good == "lower"
    assert analyse(of).family[0].verdict == "better"


def test_names_and_labels() -> None:
    frame = frame_of().rename(columns={"test/rmse": "acc @1 (%)"})
    of = results(frame, metric="acc @1 (%)")
    assert of.metrics == ["acc_at_1_percent"]
    assert of.labels == {"acc_at_1_percent": "acc @1 (%)"}
    assert results(frame, metric="acc_at_1_percent").config["report"]["metric"] == "acc_at_1_percent"


def test_the_curve_that_is_drawn() -> None:
    curves = pd.DataFrame({"variant": "wide", "seed": 0, "epoch": [1, 2], "train/loss": 1.0, "val/rmse": 2.0})
    of = results(curves=curves)
    assert of.config["monitor"] == "val/rmse"
    assert sorted(set(of.curves["metric"])) == ["train/loss", "val/rmse"]
    assert results().config["monitor"] is None


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ({"split": "random"}, r"--split=random: there is no such choice"),
        ({"split": "redrawn", "test_share": 1.2}, r"--test-share=1.2 cannot be used"),
        ({"split": "same", "test_share": 0.2}, r"--test-share=0.2: it corrects the test.*Leave it out"),
        ({"train_share": 0.5}, r"--train-share=0.5.*together with --test-share"),
        ({"test_share": 0.5, "train_share": 0.6}, r"--train-share=0.6.*at most what is left by --test-share"),
        ({"metric": "test/rms"}, r"--metric test/rms: a data frame has no such metric, did you mean 'test/rmse'"),
        ({"baseline": "narow"}, r"--baseline narow: a data frame has no such variant, did you mean 'narrow'"),
        ({"good": "smaller"}, r"--good test/rmse=smaller: give lower, higher, none, or the number"),
        ({"good": {"mae": "lower"}}, r"--good mae=lower: there is no such metric"),
    ],
)
def test_statements_that_are_refused(said: dict[str, Any], error: str) -> None:
    with pytest.raises(ConfigError, match=error):
        results(**said)


def test_runs_that_are_refused() -> None:
    with pytest.raises(DataError, match=r"one variant alone, 'a' \(by variant\).*--variant-key"):
        results(frame_of({"a": [1.0, 2.0]}))
    two = frame_of().assign(mae=[1.0] * 4 + [np.nan] * 4)
    with pytest.raises(ConfigError, match="has 2 metrics, test/rmse, mae: say which"):
        results(two)
    with pytest.raises(
        DataError, match=r"no run of variant 'wide' has a value of mae; it has test/rmse \(first: row 4\)"
    ):
        results(two, metric="mae")
    assert results(two, metric="test/rmse").data["notes"] == ["Not measured in all variants: mae (not in wide)."]
    diverged = two.assign(mae=[1.0, 1.1, 1.2, 1.3] + [np.inf] * 4)
    assert analyse(results(diverged, metric="mae", good="lower")).count("wide") == "n=0/4, 4 without a finite value"


def test_names_that_runs_cannot_hold_are_refused() -> None:
    with pytest.raises(DataError, match="has a name of more than"):
        results(frame_of().rename(columns={"test/rmse": "x" * 300}))
    with pytest.raises(DataError, match="would both be called 'a_b'"):
        results(frame_of().assign(**{"a b": 1.0, "a?b": 2.0}), metric="test/rmse")


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ({"metric": "nope"}, "^metric=nope: a data frame has no such metric"),
        ({"baseline": "narow"}, "^baseline=narow: "),
        ({"split": "random"}, "^split=random: "),
        ({"test_share": 0.5, "train_share": 0.6}, r"^train_share=0.6 .* left by test_share\.$"),
        ({"good": "smaller"}, "^good=test/rmse=smaller: "),
        ({"variant_key": "model"}, r"Name the right one with variant_key, such as variant_key=COLUMN"),
    ],
)
def test_in_python_the_arguments_are_named(said: dict[str, Any], error: str) -> None:
    with pytest.raises(SeedbedError, match=error) as raised:
        seedbed.compare(frame_of(), **said)
    assert "--" not in str(raised.value)
    assert "not said (split): " in seedbed.compare(frame_of()).loc[0, "note"]


def test_what_is_said_of_a_frame_is_not_said_of_results() -> None:
    with pytest.raises(ConfigError, match="split=same: it is said of a data frame"):
        seedbed.compare(results(), split="same")
