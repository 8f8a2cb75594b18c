"""Which threshold to use between two classes, how sure that is, and what to type for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from seedbed.recorded import DECISIONS, LABELS, LOGITS, PREDICTED, THRESHOLD
from seedbed.report.analysis import analyse
from seedbed.report.printed import table_text
from seedbed.report.threshold_to_use import FEW, threshold_sentences
from seedbed.results import Results
from seedbed.tracking.scored import summarised
from seedbed.tracking.scores import ROWS, Scores, named
from tests.report.conftest import Factory, make_config

SEEDS = 6
VARIANTS = {"none": ["imbalance=none"], "smote": ["imbalance=smote"]}
TASK = {"_target_": "seedbed.tasks.classification.Classification"}


def kept(seed: int, shift: float, *, rare: int = 60, blur: float = 0.0, name: str = LOGITS) -> Scores:
    """Of one seed: log-odds that are right about ``rare`` of 600 rows where ``shift`` is 0; ``blur`` is of validation rows."""
    rng = np.random.default_rng(seed)
    arrays: dict[str, np.ndarray] = {}
    for side in ("val", "test"):
        labels = (np.arange(600) < rare).astype(np.uint8)
        logits = (rng.normal(3.0 * labels - 3.5, 1) + shift).astype(np.float32)
        predicted = (logits > 0).astype(np.uint8)
        logits = logits + (blur if side == "val" else 0.0)
        arrays |= named({ROWS: np.arange(600), LABELS: labels, PREDICTED: predicted, name: logits}, side)
    return Scores(arrays)


@pytest.fixture
def of_shifts(make_results: Factory) -> Any:
    """``of_shifts({variant: shift}, **how)``: results of variants whose log-odds are moved by so much."""

    def make(shifts: Mapping[str, float], config: Mapping[str, Any] | None = None, **how: Any) -> Results:
        by_variant = {name: {seed: kept(seed, shift, **how) for seed in range(SEEDS)} for name, shift in shifts.items()}
        values = {name: {"test/f1": np.linspace(0.5, 0.6, SEEDS).tolist()} for name in shifts}
        report = {"metric": "test/f1", "baseline": "none"}
        whole = make_config(variants=VARIANTS, report=report, published=None, task=TASK) | dict(config or {})
        return make_results(values, whole, scored=summarised(by_variant, 1, "spam"), labels={})

    return make


def test_a_tuned_threshold_is_given_with_its_rows_its_test_and_its_command(of_shifts: Any) -> None:
    results = of_shifts({"none": -1.5, "smote": -1.6})
    use, sure, typed = threshold_sentences(analyse(results))
    measures = results.scored.variants["none"].measures
    mean = np.mean(measures["threshold"])
    decimals = len(use.split(" with ")[0].partition(".")[2])
    assert use.startswith(
        f"The threshold to use is {mean:.{decimals}f} with `none`: the mean of those that six seeds have tuned for F1 on their "
        f"validation rows ({mean:.{decimals}f} ± {np.std(measures['threshold'], ddof=1):.{decimals}f}). At these, F1 on test rows is "
        f"{np.mean(measures['f1_tuned']):.4f} ± "
    )
    difference = np.mean(measures["f1_tuned"]) - np.mean(measures["f1"])
    assert sure.startswith(
        f"How certain this is: on F1, `none` with tuned thresholds is better than `none` with its labels as predicted (difference +{difference:.4f} ["
    )
    assert sure.endswith("; corrected resampled t-test, Holm over three such comparisons).")
    command = f"seedbed predict made_up --variant none --threshold {mean:.{decimals}f}"
    assert typed.startswith(
        f"`{command}` labels new rows by this threshold, and `seedbed export` with the same options makes a model that does: "
    )
    assert "without `--threshold` both label above 0.5." in typed
    assert "`variant=none imbalance.after=threshold`, trains its six cells again" in typed
    assert use.replace("`", "") in table_text(results).split("\n")


def test_one_half_is_said_where_no_tuned_threshold_does_better(of_shifts: Any) -> None:
    results = of_shifts({"none": 0.5, "smote": 4.0}, blur=3.0)
    use, sure, typed = threshold_sentences(analyse(results))
    none = results.scored.variants["none"].measures
    assert use.startswith(
        f"The threshold to use is the default of 0.5, with `none`: F1 on test rows is {np.mean(none['f1']):.4f} ± "
    )
    assert f"at best {np.mean(none['f1_tuned']):.4f} ± " in use
    assert "`none` with tuned thresholds is worse than `none` with its labels as predicted (difference -0." in sure
    assert typed == (
        "`seedbed predict made_up --variant none` labels new rows in this way, and `seedbed export` with the same options makes a model that does."
    )


def test_the_best_labels_may_be_those_of_a_strategy(of_shifts: Any) -> None:
    use, sure, typed = threshold_sentences(analyse(of_shifts({"none": -4.0, "smote": 0.5}, blur=3.0)))
    assert use.startswith("The threshold to use is the default of 0.5, with `smote`: ")
    assert (
        "`smote` with its labels as predicted is better than `none` with its labels as predicted (difference +0."
        in sure
    )
    assert "--variant smote` labels" in typed


@pytest.mark.parametrize(("rare", "said"), [(FEW - 1, True), (FEW, False)])
def test_few_rows_to_tune_on_are_said(of_shifts: Any, rare: int, said: bool) -> None:
    sentences = threshold_sentences(analyse(of_shifts({"none": -3.0, "smote": -3.1}, rare=rare)))
    told = [sentence for sentence in sentences if sentence.startswith("A tuned threshold is uncertain here")]
    assert bool(told) == said
    if told:
        assert f"each seed had {rare} validation rows of spam to tune it on, fewer than {FEW}" in told[0]


def test_records_that_do_not_count_these_rows_say_nothing_of_them(of_shifts: Any) -> None:
    results = of_shifts({"none": -3.0, "smote": -3.1}, rare=5)
    for of in results.scored.variants.values():
        del of.measures["tuned_on"]
    assert len(threshold_sentences(analyse(results))) == 3


def test_a_variant_with_thresholds_of_its_own_is_taken_as_it_predicts(of_shifts: Any) -> None:
    results = of_shifts({"none": -3.0, "smote": -3.0})
    own = results.scored.variants["smote"].measures
    own["f1"] = own["f1_tuned"]
    cells = results.cells.assign(**{THRESHOLD: np.where(results.cells["variant"] == "smote", 0.25, np.nan)})
    use, sure, typed = threshold_sentences(analyse(replace(results, cells=cells)))
    assert use.startswith("The thresholds to use are those of `smote` itself, 0.250 ± 0.000 over its seeds: ")
    assert "`smote` with its labels as predicted is better than `none` with its labels as predicted" in sure
    assert typed.startswith("`seedbed predict made_up --variant smote` labels")


def test_one_seed_is_not_tested(of_shifts: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.report.test_threshold_to_use.SEEDS", 1)
    use, sure, *_ = threshold_sentences(analyse(of_shifts({"none": -3.0, "smote": -3.1})))
    assert "the mean of those that one seed has tuned for F1 on its validation rows" in use
    assert sure.startswith(
        "Whether that is a gain is not tested: `none` with tuned thresholds against `none` with its labels as predicted ("
    )


def test_without_validation_rows_no_threshold_is_named(of_shifts: Any) -> None:
    results = of_shifts({"none": -3.0, "smote": -3.1})
    for of in results.scored.variants.values():
        of.measures["f1_tuned"] = of.measures["threshold"] = [float("nan")] * SEEDS
    assert threshold_sentences(analyse(results)) == [
        "Which threshold to use can't be told: none was tuned, as that takes validation rows of both classes."
    ]


@pytest.mark.parametrize(
    "config",
    [
        {"task": {"_target_": "mine.Task"}},
        {"data": {"_target_": "seedbed.data.image_folder.ImageFolder"}},
    ],
)
def test_no_command_is_named_where_none_can_be_asked(of_shifts: Any, config: dict[str, Any]) -> None:
    results = of_shifts({"none": -3.0, "smote": -3.1}, config)
    assert not [sentence for sentence in threshold_sentences(analyse(results)) if "seedbed predict" in sentence]


def test_decision_values_have_no_probability_to_name(of_shifts: Any) -> None:
    use, *others = threshold_sentences(analyse(of_shifts({"none": 0.5, "smote": 4.0}, blur=3.0, name=DECISIONS)))
    assert use.startswith("The labels to use are those that `none` predicts, which gives no probabilities: F1")
    assert not [sentence for sentence in others if "seedbed" in sentence]


def test_the_command_names_the_data_set_and_the_folder(of_shifts: Any) -> None:
    results = of_shifts({"none": -3.0, "smote": -3.1}, {"data_sets": {"pima": ["data=keel"]}})
    launches = [{"id": "first", "command": "seedbed run made_up --config-dir 'my files'"}]
    sentences = threshold_sentences(analyse(replace(results, launches=launches, launch="first")))
    assert " --variant none --data-set pima --config-dir 'my files' --threshold 0." in sentences[-1]
