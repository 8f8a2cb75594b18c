"""Variants that never find the class that recall is about are called so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from seedbed.report.analysis import analyse
from seedbed.report.never_found import never_found_sentences
from seedbed.report.printed import table_text
from seedbed.results import Results
from tests.report.conftest import Factory, make_config

CLASSES = {"classes": ["ham", "spam"], "minority": "spam"}


def results_of(
    make_results: Factory, recall: Mapping[str, Sequence[float]], classes: Mapping[str, object] = CLASSES
) -> Results:
    values = {name: {"test/f1": list(of), "test/recall": list(of)} for name, of in recall.items()}
    report = {"metric": "test/f1", "baseline": "a"}
    made = make_results(
        values,
        make_config(variants={name: [f"imbalance={name}"] for name in recall}, report=report, published=None),
        labels={},
    )
    made.data.update(classes)
    return made


def test_they_are_said_to_label_every_row_as_the_other_class(make_results: Factory) -> None:
    results = results_of(make_results, {"a": [0, 0, 0], "b": [0, 0, 0.1], "c": [0.5, 0.6, 0.7]})
    said = "`a` never finds class spam: under all three seeds it labels every row of that class as ham, so recall and F1 are 0."
    assert never_found_sentences(analyse(results)) == [said]
    assert said.replace("`", "") in table_text(results).split("\n")


def test_seeds_without_a_value_say_nothing(make_results: Factory) -> None:
    both = results_of(make_results, {"a": [0, float("nan"), 0], "b": [0, 0, 0], "c": [float("nan")] * 3})
    assert never_found_sentences(analyse(both))[0].startswith(
        "`a` and `b` never find class spam: under all three seeds they"
    )


@pytest.mark.parametrize(
    ("recall", "classes"),
    [
        ([0.1, 0, 0], CLASSES),
        ([0, 0, 0], {"classes": ["a", "b", "c"], "minority": "a"}),
        ([0, 0, 0], {"classes": None}),
    ],
)
def test_elsewhere_there_is_nothing_to_say(
    make_results: Factory, recall: Sequence[float], classes: Mapping[str, object]
) -> None:
    assert never_found_sentences(analyse(results_of(make_results, {"a": recall, "b": [0.5, 0.6, 0.7]}, classes))) == []
