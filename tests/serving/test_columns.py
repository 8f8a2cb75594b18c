"""Rows of numbers and categories as a file has them: trained, asked by a file and by a server, and read back from files."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.preprocessing import StandardScaler

from seedbed.cli.predict import FileOptions, questions_of
from seedbed.data.feature_csv import FeatureCsv
from seedbed.errors import ConfigError, DataError
from seedbed.running.runner import run
from seedbed.serving.building import predictor_of
from seedbed.serving.classifier import Classifier
from seedbed.serving.columns import ColumnInputs, typical_row
from seedbed.serving.loading import load_predictor
from seedbed.serving.predictor import Column
from seedbed.trained.loading import find_variant

SCALER = {"_target_": "sklearn.preprocessing.StandardScaler"}
KINDS = {"size": ["small", "medium", "large"], "code": "category"}


@pytest.fixture
def people(tmp_path: Path) -> Path:
    """120 rows, a quarter of them ill, with gaps in numbers, categories and booleans."""
    draw = random.Random(0)
    rows = []
    for number in range(120):
        ill = number % 4 == 0
        age = "" if number % 11 == 0 else f"{draw.gauss(40 + 20 * ill, 9):.1f}"
        city = "" if number % 13 == 0 else draw.choice(["Rome", "Oslo"] if ill else ["Rome", "Bonn"])
        smoker = "" if number % 17 == 0 else draw.choice(["yes", "no"])
        rows.append(f"{age},{city},{smoker},{draw.choice(KINDS['size'])},{number % 3},{'ill' if ill else 'well'}")
    path = tmp_path / "people.csv"
    path.write_text("\n".join(["age,city,smoker,size,code,state", *rows]))
    return path


def inputs_of(people: Path, missing: str, seeds: int = 2) -> tuple[FeatureCsv, ColumnInputs]:
    """The inputs of a model whose seeds have learnt from another half each."""
    data = FeatureCsv(path=str(people), label="state", missing=missing, scaler=StandardScaler(), columns=KINDS)
    table = data.load()
    preparation: Any = table.preparation
    fitted = [preparation.fitted(table, np.arange(seed, len(table.labels), 2)) for seed in range(seeds)]
    columns = preparation.transformers.layout.columns
    return data, ColumnInputs(columns, typical_row(columns, table.features), missing, SCALER, fitted)


QUESTIONS = {
    "age": [40.0, np.nan, 61.0],
    "city": ["Rome", "Atlantis", None],
    "smoker": ["yes", False, None],
    "size": ["small", "large", "medium"],
    "code": [1, "2", 0],
}


def test_rows_come_as_they_stand_in_a_file(people: Path) -> None:
    data, inputs = inputs_of(people, "median")
    table = data.load()
    written = pd.read_csv(people, dtype=str).drop(columns="state").assign(age=lambda frame: frame["age"].astype(float))
    for seed, features in enumerate(inputs.features(written)):
        prepared = table.preparation.fit(table, np.arange(seed, len(table.labels), 2))  # type: ignore[union-attr]
        assert np.array_equal(features, prepared.features)
    assert inputs.columns == (
        Column("age", "double"),
        Column("city", "string"),
        Column("smoker", "any"),
        Column("size", "string"),
        Column("code", "string"),
    )
    assert inputs.features(inputs.example)[0].shape == (1, table.inputs.width)  # type: ignore[attr-defined]


def test_an_unknown_category_is_none_of_those_of_the_training_rows(people: Path) -> None:
    _, inputs = inputs_of(people, "median")
    rows = inputs.features(pd.DataFrame(QUESTIONS))[0]
    first = 3  # after two numbers and a boolean
    assert rows[0, first : first + 5].tolist() == [0, 0, 1, 0, 0], "Bonn, Oslo, Rome, no value, any other"
    assert rows[1, first : first + 5].tolist() == [0, 0, 0, 0, 0], "no training row has a rare city"
    assert rows[2, first : first + 5].tolist() == [0, 0, 0, 1, 0]


def test_the_files_are_json_and_give_the_same(people: Path, tmp_path: Path) -> None:
    _, inputs = inputs_of(people, "mean")
    folder = tmp_path / "model"
    folder.mkdir()
    description = json.loads(json.dumps(inputs.write(folder)))
    assert {path.suffix for path in folder.iterdir()} == {".json"}
    again, questions = ColumnInputs.read(folder, description, 2), pd.DataFrame(QUESTIONS)
    for one, other in zip(again.features(questions), inputs.features(questions), strict=True):
        assert np.array_equal(one, other)
    pd.testing.assert_frame_equal(again.example, inputs.example)


@pytest.mark.parametrize(
    ("missing", "column", "value", "said"),
    [
        ("median", "smoker", "perhaps", "Row 2: smoker='perhaps' cannot be used: it must be one of no, yes"),
        ("median", "size", "huge", "it must be one of small, medium, large"),
        ("median", "age", "old", "must hold numbers"),
        ("drop", "city", None, "Row 2: city='' cannot be used: it must be a value, as in training (data.missing=drop)"),
        ("drop", "age", None, "Row 2: age=nan cannot be used"),
    ],
)
def test_what_was_refused_in_training_has_no_answer(
    people: Path, missing: str, column: str, value: Any, said: str
) -> None:
    _, inputs = inputs_of(people, missing, seeds=1)
    questions = pd.DataFrame([dict(zip(inputs.example, inputs.typical, strict=True))] * 2).astype({column: object})
    questions.loc[1, column] = value
    with pytest.raises(DataError) as error:
        inputs.features(questions)
    assert said in str(error.value)


@pytest.mark.slow
def test_numbers_and_categories_are_trained_and_predicted(people: Path, project: Path, tmp_path: Path) -> None:
    given = [
        f"data.path={people}", "data.label=state", "data.missing=median", "data.columns.code=category",
        "data.columns.size=[small,medium,large]", "seeds=2", "trainer={max_epochs: 2, accelerator: cpu}", "model.hidden=[8]",
        "tracking.pictures=false",
    ]  # fmt: skip
    with pytest.raises(ConfigError, match="imbalance=smote_nc"):
        run("feature_imbalance", [*given, "variant=smote"], project)
    outcome = run("feature_imbalance", [*given, "variant=none,oversample,smote_nc"], project)
    assert (outcome.trained, outcome.failures) == (6, {})
    assert outcome.cells["test/loss"].notna().all()

    found = find_variant("feature_imbalance", "smote_nc", config_dir=project)
    classifier = predictor_of(found)
    assert isinstance(classifier, Classifier)
    asked = tmp_path / "asked.csv"
    asked.write_text("city,age,smoker,size,code\nRome,40,yes,small,1\nAtlantis,,no,large,2\n,61,,medium,0\n")
    questions = questions_of(classifier, (), asked, FileOptions.of(found.config["data"]))
    answers = classifier.predict(questions)
    pd.testing.assert_frame_equal(answers, classifier.predict(pd.DataFrame(QUESTIONS)))
    classifier.save(tmp_path / "saved")
    pd.testing.assert_frame_equal(load_predictor(tmp_path / "saved").predict(questions), answers)
