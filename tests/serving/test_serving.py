"""Served models: the same answers after export and reload, over HTTP too, and nothing pickled."""

from __future__ import annotations

import json
import math
import os
import pickle
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from functools import cache
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import cloudpickle
import mlflow.pyfunc
import numpy as np
import pandas as pd
import pytest
import torch
from click.testing import CliRunner, Result
from hypothesis import strategies as st
from mlflow.exceptions import MlflowException
from mlflow.pyfunc.scoring_server import invocations
from safetensors.torch import load_file, save_file

from seedbed.cli.main import main
from seedbed.cli.predict import FileOptions, questions_of
from seedbed.errors import DataError, SeedbedError, TrackingError
from seedbed.paths import PACKAGE
from seedbed.running.runner import run
from seedbed.search.runner import search
from seedbed.serving.building import classifier_of, predictor_of
from seedbed.serving.classifier import Classifier
from seedbed.serving.export import Exported, export
from seedbed.serving.loading import load_predictor
from seedbed.serving.numbers import NumberInputs
from seedbed.serving.predictor import Predictor
from seedbed.serving.recommender import Recommender
from seedbed.tracking.store import open_project_store
from seedbed.trained.loading import find_variant, load_recommender
from tests.cli.test_recommend import ITEMS, RATED, train
from tests.conftest import write_project
from tests.properties import Examine
from tests.stored import client_of

FEW = ["seeds=2", "variant=none", "trainer.max_epochs=1", "trainer.accelerator=cpu", "tracking.pictures=false"]
OWN_NETWORK = """
from torch import nn


class Own(nn.Module):
    def __init__(self, in_features, out_features, hidden, dropout):
        super().__init__()
        self.layer = nn.Linear(in_features, out_features)

    def forward(self, x):
        return self.layer(x)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> Iterator[Path]:
    """A project with trained seeds of every kind that can be served."""
    project = write_project(tmp_path_factory.mktemp("served") / "project")
    shutil.copy(empty_store, project / "mlflow.db")
    (project / "model").mkdir()
    (project / "model" / "own.yaml").write_text("_target_: mynetwork.Own\n_partial_: true\n")
    (project / "mynetwork.py").write_text(OWN_NETWORK)
    rows = [
        f"{'spam' if n % 4 == 0 else 'ham'}\t{'win a prize &amp; cash' if n % 4 == 0 else 'see you at home'} {n}"
        for n in range(60)
    ]
    (project / "texts.tsv").write_text("\n".join(["kind\tbody", *rows]))
    draw = np.random.default_rng(0)
    numbers = [f"{draw.normal(label):.3f},{'' if n == 7 else round(draw.normal(90 * label, 9), 2)},{'ill' if label else 'well'}"
               for n, label in enumerate([0] * 40 + [1] * 20)]  # fmt: skip
    (project / "rows.csv").write_text("\n".join(["a,b c,state", *numbers]))
    texts = ["data.path=texts.tsv", "data.text=body", "data.label=kind", "data.unescape_html=true", *FEW]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEEDBED_CACHE", str(project / "cache"))
        patch.chdir(project)
        train(project, "trainer.max_epochs=2")
        for name, own in (
            ("hashed", ["data/encoder=hashing", "model=own"]),
            ("fitted", ["data/encoder=tfidf", "model.hidden=[8]"]),
            ("read", ["data/encoder=words", "model=recurrent", "model.hidden=8", "data.encoder.max_words=20"]),
        ):
            shutil.copy(
                Path(PACKAGE.parent.parent / "experiments" / "text_imbalance.yaml"),
                project / "experiments" / f"{name}.yaml",
            )
            assert not run(name, [*texts, *own], config_dir=project).failures
        numbers_of = ["data.path=rows.csv", "data.label=state", "data.missing=median", "model.hidden=[8]", *FEW]
        assert not run("feature_imbalance", numbers_of, config_dir=project).failures
        yield project


@pytest.fixture(autouse=True)
def paths_as_they_were(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A loaded model puts its code first on the path."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.chdir(folder)


def built(folder: Path, experiment: str, **asked: Any) -> Predictor:
    return predictor_of(find_variant(experiment, asked.pop("variant", None), config_dir=folder), **asked)


predictor = cache(built)
"""Built once for all tests that do no more than ask it."""


@cache
def exported_model(folder: Path, experiment: str) -> Any:
    """As MLflow loads it, exported once for all tests that do no more than ask it."""
    return mlflow.pyfunc.load_model(str(files(export(experiment, config_dir=folder), experiment, folder)))


def files(exported: Exported, experiment: str, folder: Path) -> Path:
    """Where the exported model lies."""
    return folder / "mlartifacts" / experiment / "models" / exported.uri.removeprefix("models:/") / "artifacts"


QUESTIONS = {
    "stars": {"user": ["u3", "nobody", None, "U4"], "similar_to": [None, None, "film 2", None], "k": [3, 2, 2, 50]},
    "hashed": {"text": ["win &amp; win", "see you", "see you"]},
    "fitted": {"text": ["win &amp; win", "see you", "see you"]},
    "read": {"text": ["win &amp; win", "see you", "see you"]},
    "feature_imbalance": {"b c": [80.0, np.nan], "a": [1.5, -0.5]},
}


@pytest.mark.slow
@pytest.mark.parametrize("experiment", QUESTIONS)
def test_an_exported_model_gives_the_same_answers(
    folder: Path, experiment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_project_store(experiment, folder)
    before = store.cells()
    exported = export(experiment, config_dir=folder)
    assert store.cells() == before, "no record of a seed changes"
    questions = pd.DataFrame(QUESTIONS[experiment])
    expected = predictor(folder, experiment).predict(questions)

    where = files(exported, experiment, folder)
    for module, name in ((pickle, "load"), (pickle, "loads"), (cloudpickle, "load"), (torch, "load")):
        monkeypatch.setattr(module, name, lambda *_, **__: pytest.fail("something was unpickled"))
    served = mlflow.pyfunc.load_model(str(where))
    monkeypatch.undo()
    answers = served.predict(questions)
    pd.testing.assert_frame_equal(answers, expected)
    assert "NaN" not in json.dumps(answers.to_dict("records")), "JSON knows no NaN"
    assert served.metadata.signature.outputs.input_names() == list(answers.columns)
    assert served.predict(served.input_example).shape[0] > 0
    others = [path for path in where.rglob("*") if path.is_file() and path.suffix != ".safetensors"]
    assert {path.suffix for path in others} <= {"", ".csv", ".py", ".typed", ".json", ".yaml", ".txt", ".npy"}
    assert not [path for path in others if path.read_bytes()[:1] == b"\x80"], "pickles"
    for path in where.rglob("*.npy"):
        np.load(path, allow_pickle=False)

    variant, model = (client_of(store).get_run(run_id) for run_id in _runs_of(exported, store))
    assert (model.info.status, model.data.tags["seedbed.kind"]) == ("FINISHED", "model")
    assert variant.data.tags["seedbed.kind"] == "variant"


def _runs_of(exported: Exported, store: Any) -> tuple[str, str]:
    run_id = client_of(store).get_logged_model(exported.uri.removeprefix("models:/")).source_run_id
    return client_of(store).get_run(run_id).data.tags["mlflow.parentRunId"], run_id


# ---- what it answers -------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_recommendations_are_those_of_the_command_line(folder: Path) -> None:
    recommender = predictor(folder, "stars", variant="plain")
    answers = recommender.predict(pd.DataFrame({"user": ["u3"], "k": [9]}))
    seen = {f"Film {item}" for user, item in RATED if user == 3}
    assert set(answers["item"]) == {f"Film {item}" for item in range(ITEMS)} - seen
    trained = load_recommender("stars", "plain", config_dir=folder)
    scores = np.stack([seed.predictions(trained.table.user_names.index("u3") + 1) for seed in trained.seeds])
    for row in answers.itertuples():
        of_item = scores[:, trained.table.item_names.index(row.item)]
        assert (row.score, row.std) == (pytest.approx(of_item.mean()), pytest.approx(of_item.std(ddof=1), abs=1e-6))
    assert answers["score"].is_monotonic_decreasing
    assert not answers["cold_start"].any()
    printed = ask("recommend", folder, "stars", "--variant", "plain", "--user", "u3", "-k", "9").output
    assert [printed.index(item) for item in answers["item"]] == sorted(printed.index(item) for item in answers["item"])


def test_a_user_who_is_not_known_gets_the_mean_of_those_who_are_and_is_marked(folder: Path) -> None:
    recommender = predictor(folder, "stars")
    answers = recommender.predict(pd.DataFrame({"user": ["nobody"], "k": [ITEMS]}))
    trained = load_recommender("stars", config_dir=folder)
    means = []
    for seed in trained.seeds:
        users = np.unique(trained.table.users[trained.rows(seed.seed).train])
        means.append(np.mean([seed.predictions(user) for user in users], axis=0))
    expected = dict(zip(trained.table.item_names, np.mean(means, axis=0), strict=True))
    assert dict(zip(answers["item"], answers["score"], strict=True)) == pytest.approx(expected, abs=1e-5)
    assert answers["cold_start"].all()
    assert answers["user"].tolist() == ["nobody"] * ITEMS


def test_a_seed_that_has_not_trained_on_a_user_says_what_it_says_of_anyone(folder: Path) -> None:
    recommender = built(folder, "stars")
    assert isinstance(recommender, Recommender)
    scores: Any = recommender.scores
    before = scores.of_user(2)
    scores.known_users[1, 2] = False
    after = scores.of_user(2)
    assert np.array_equal(after[1], scores.of_anyone[1])
    assert np.array_equal(after[[0, 2]], before[[0, 2]])
    assert not recommender.for_user(2, 3).cold_start
    scores.known_users[:, 2] = False
    answer = recommender.for_user(2, 3)
    assert answer.cold_start
    assert answer.seen > 0, "what he has rated is still left out"


def test_classes_are_those_of_the_mean_over_the_seeds(folder: Path) -> None:
    classifier = predictor(folder, "fitted")
    assert isinstance(classifier, Classifier)
    questions = pd.DataFrame({"text": ["win a prize", "see you at home"]})
    scores, answers = classifier.probabilities(questions), classifier.predict(questions)
    assert scores.shape == (2, 2, 2)
    assert answers["probability_spam"].tolist() == pytest.approx(scores[:, :, 1].mean(0).tolist())
    assert answers["std_spam"].tolist() == pytest.approx(scores[:, :, 1].std(0, ddof=1).tolist())
    assert answers["seeds_spam"].tolist() == (scores[:, :, 1] > 0.5).sum(0).tolist()
    assert answers["label"].tolist() == ["spam" if spam > 0.5 else "ham" for spam in answers["probability_spam"]]


def test_a_fitted_encoder_answers_with_the_training_texts_of_each_seed(folder: Path) -> None:
    """Also where the table holds the text already, whose features in training are known."""
    found = find_variant("fitted", config_dir=folder)
    trained = found.networks()
    classifier: Any = predictor(folder, "fitted")
    for position, (seed, _) in enumerate(trained.networks):
        prepared = trained.table.preparation.fit(trained.table, trained.rows(seed).train)
        given = classifier.inputs.features(pd.DataFrame({"text": list(trained.table.texts[:5])}))[position]
        assert np.array_equal(given, prepared.features[:5])


def test_one_seed_alone_has_no_spread(folder: Path) -> None:
    answers = predictor(folder, "hashed", seed=1).predict(pd.DataFrame({"text": ["win"]}))
    assert answers["std_spam"].tolist() == [None]
    with pytest.raises(SeedbedError, match=r"--seed 7: variant 'none' has no such seed.*known: 0, 1"):
        predictor(folder, "hashed", seed=7)


# ---- files of questions ----------------------------------------------------------------------------------------------


def asked(experiment: str, file: Path, *overrides: str, folder: Path) -> pd.DataFrame:
    found = find_variant(experiment, config_dir=folder)
    return questions_of(predictor(folder, experiment), (), file, FileOptions.of(found.config["data"], overrides))  # type: ignore[arg-type]


def test_a_file_like_the_one_that_was_trained_on_is_read_as_that(folder: Path, tmp_path: Path) -> None:
    table = asked("fitted", folder / "texts.tsv", folder=folder)
    assert len(table) == 60
    assert table["text"][0] == "win a prize &amp; cash 0"
    other = tmp_path / "other.csv"
    other.write_bytes(
        "nr;Text (neu)\n1;Grüße\n2;\n3;win; prize\n".replace("win; prize", '"win; prize"').encode("cp1252")
    )
    typed = ["data.text=Text (neu)", "data.encoding=cp1252", "data.delimiter=semicolon"]
    assert asked("fitted", other, *typed, folder=folder)["text"].tolist() == ["Grüße", "win; prize"]
    with pytest.raises(SeedbedError, match=r"data.text=body"):
        asked("fitted", other, "data.delimiter=semicolon", folder=folder)


def test_other_files_have_a_text_a_line(folder: Path, tmp_path: Path) -> None:
    lines = tmp_path / "messages.txt"
    lines.write_text("win, a prize\n\nsee you\tat home\n")
    assert asked("fitted", lines, folder=folder)["text"].tolist() == ["win, a prize", "see you\tat home"]
    lines.write_bytes("Grüße\n".encode("cp1252"))
    assert asked("fitted", lines, "data.encoding=cp1252", folder=folder)["text"].tolist() == ["Grüße"]
    with pytest.raises(SeedbedError, match=r"such as data.encoding=cp1252"):
        asked("fitted", lines, folder=folder)


def test_numbers_are_read_by_the_same_settings(folder: Path, tmp_path: Path) -> None:
    rows = tmp_path / "rows.csv"
    rows.write_text("b c;a\n1,5;2\n")
    for more in ([], ["data.delimiter=semicolon", "data.decimal=comma"]):
        asked_for = asked("feature_imbalance", rows, *more, folder=folder)
        assert asked_for.to_dict("records") == [{"a": 2.0, "b c": 1.5}]
    with pytest.raises(SeedbedError, match=r"did you mean .data.decimal."):
        asked("feature_imbalance", rows, "data.decimals=comma", folder=folder)
    rows.write_text("a,c\n1,2\n")
    with pytest.raises(
        SeedbedError, match=r"--file: .*rows\.csv lacks the column 'b c', which training used\. Its columns are"
    ):
        asked("feature_imbalance", rows, folder=folder)


def test_what_stands_for_no_number_and_what_is_left_out(folder: Path, tmp_path: Path) -> None:
    rows = tmp_path / "rows.csv"
    rows.write_text("a,b c\n1,?\n2,3,4\nn/k,5\n")
    options = FileOptions.of(
        {"bad_lines": "drop", "missing_values": ["?", "n/k"], "missing": "median", "path": "rows.csv"}
    )
    said: list[str] = []
    table = questions_of(predictor(folder, "feature_imbalance"), (), rows, options, said.append)  # type: ignore[arg-type]
    assert table.fillna(-1).to_dict("records") == [{"a": 1.0, "b c": -1.0}, {"a": -1.0, "b c": 5.0}]
    assert said == [f"{rows}: 1 record left out (data.bad_lines=drop): line 3: 3 fields."]
    rows.write_text("a,b c\n1,n/k\n2,3\n")
    with pytest.raises(DataError, match=r"column 'b c' has 'n/k' in record 1, no number\. .*data\.missing_values"):
        asked("feature_imbalance", rows, folder=folder)


def test_a_model_of_ratings_says_how_it_is_asked(folder: Path) -> None:
    with pytest.raises(SeedbedError, match=r"seedbed recommend stars --user NAME"):
        classifier_of(find_variant("stars", "plain", config_dir=folder))


# ---- what it refuses -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("experiment", "asked", "said"),
    [
        ("stars", {"user": ["u3"], "k": [0]}, "Row 1: k=0 cannot be used: it must be a whole number from 1 on"),
        ("stars", {"user": ["u3"], "k": [-2]}, "k=-2"),
        ("stars", {"user": ["u3"], "k": [1.5]}, "k=1.5 cannot be used: it must be a whole number"),
        ("stars", {"user": ["u3"], "k": [True]}, "k=true cannot be used"),
        ("stars", {"user": ["u3"], "k": ["five"]}, 'k="five" cannot be used'),
        ("stars", {"user": ["u3"], "k": [[5]]}, r"k=\[5\] cannot be used"),
        ("stars", {"user": ["u3"], "k": [2**40]}, "k=1099511627776 cannot be used"),
        ("stars", {"user": [["u3"]]}, r'Row 1: user=\["u3"\] cannot be used: it must be a text, or a number'),
        ("stars", {"user": [True]}, "user=true cannot be used"),
        ("stars", {"user": [" "]}, "Row 1: user: the name is empty"),
        ("stars", {"user": []}, "no row"),
        ("stars", {"similar_to": [{"title": "Film 1"}]}, "similar_to={.*} cannot be used"),
        ("hashed", {"text": [["win"]]}, r'text=\["win"\] cannot be used: it must be a text'),
        ("hashed", {"text": [{"a": "win"}]}, "cannot be used: it must be a text"),
        ("hashed", {"text": [False]}, "text=false cannot be used"),
        ("hashed", {"text": ["win \ud83d"]}, "holds half a character"),
        ("stars", {"similar_to": ["Film"]}, "similar_to 'Film': there is no item of that name, did you mean 'Film 5'"),
        ("stars", {"who": ["u3"]}, "needs the column 'user'"),
        ("stars", {"user": ["u3", None]}, "Row 2: give one of 'user' and 'similar_to'"),
        ("stars", {"user": ["u3"], "similar_to": ["Film 1"]}, "not both"),
        ("hashed", {"text": ["win", "  "]}, "Row 2: the text is empty"),
        ("fitted", {"text": [None]}, "Row 1: the text is empty"),
        ("hashed", {"texts": ["win"]}, "The column 'text' is missing: did you mean 'texts'"),
        ("hashed", {"text": []}, "no row"),
        ("feature_imbalance", {"a": [1.0]}, "The column 'b c' is missing"),
        ("feature_imbalance", {"a": [1e300], "b c": [1.0]}, r"Row 1: a=1e\+300 cannot be used"),
        ("feature_imbalance", {"a": ["much"], "b c": [1.0]}, "must hold numbers"),
    ],
)
def test_questions_that_have_no_answer(folder: Path, experiment: str, asked: dict[str, list[Any]], said: str) -> None:
    with pytest.raises(DataError, match=said):
        predictor(folder, experiment).predict(pd.DataFrame(asked, dtype=object))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["u3", "Film 1", "2"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


def answered(model: Any, body: str) -> tuple[int, str]:
    """The status and the text that MLflow's server would send."""
    try:
        response = invocations(body, "application/json", model, model.metadata.get_input_schema())
    except MlflowException as refused:
        return refused.get_http_status_code(), refused.message
    return response.status, response.response


NONSENSE = {
    "stars": [
        {"user": ["u3"]}, {"user": True}, {"user": {"name": "u3"}}, {"user": ""}, {"user": None}, {"user": math.nan},
        {"user": "u3", "k": 1.5}, {"user": "u3", "k": True}, {"user": "u3", "k": 0}, {"user": "u3", "k": -1},
        {"user": "u3", "k": "many"}, {"user": "u3", "k": [5]}, {"similar_to": ["Film 1"]}, {"similar_to": "Film"},
    ],
    "hashed": [{"text": text} for text in (["win"], {"a": "win"}, True, False, "", None, math.nan, [])],
}  # fmt: skip


@pytest.mark.parametrize("experiment", NONSENSE)
def test_nonsense_is_status_400_and_a_sentence(folder: Path, experiment: str) -> None:
    model = exported_model(folder, experiment)
    for record in NONSENSE[experiment]:
        status, said = answered(model, json.dumps({"dataframe_records": [record]}))
        assert (status, "Row 1" in said) == (400, True), (record, said)
    if experiment == "stars":  # one question with a number of items and one without
        records = [{"user": "u3", "k": 2}, {"user": "u4"}]
        status, said = answered(model, json.dumps({"dataframe_records": records}))
        assert status == 200
        counts = pd.DataFrame(json.loads(said)["predictions"])["question"].value_counts()
        assert (counts[0], counts[1] > 2) == (2, True)


@pytest.mark.slow
@pytest.mark.parametrize("experiment", ["stars", "hashed", "feature_imbalance"])
def test_every_request_gets_an_answer_or_status_400(folder: Path, experiment: str, examine: Examine) -> None:
    """As MLflow's server asks a model, but for the network."""
    model = exported_model(folder, experiment)
    names = ["user", "similar_to", "k", "text", "a", "b c"]

    def holds(records: Any) -> None:
        status, said = answered(model, json.dumps({"dataframe_records": records}))
        assert (status == 200 and "predictions" in said) or (status == 400 and "unexpected error" not in said)

    record = st.dictionaries(st.sampled_from(names), JSON, min_size=1)
    alike = st.fixed_dictionaries(dict.fromkeys(model.metadata.get_input_schema().input_names(), JSON))
    examine(holds, records=st.lists(record, max_size=3) | st.lists(alike, min_size=1, max_size=3))


def _other_shape(model: Path) -> None:
    path = model / "networks" / "seed_1.safetensors"
    save_file(
        {name: value[:, :-1].contiguous() if value.ndim > 1 else value for name, value in load_file(path).items()}, path
    )


def _cut(name: str) -> Callable[[Path], None]:
    def cut(model: Path) -> None:
        path = model / name
        path.write_bytes(path.read_bytes()[:-9])

    return cut


def _another_name(model: Path) -> None:
    names = json.loads((model / "names.json").read_text())
    (model / "names.json").write_text(json.dumps(names | {"items": [*names["items"], "Film 99"]}))


def _later_format(model: Path) -> None:
    path = model / "predictor.json"
    path.write_text(path.read_text().replace('"format": 1', '"format": 9'))


def _without_a_seed(model: Path) -> None:
    (model / "networks" / "seed_2.safetensors").unlink()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_other_shape, "seed_1.safetensors: these weights cannot be loaded: .*size mismatch.*export it again"),
        (_cut("networks/seed_0.safetensors"), "seed_0.safetensors: these weights cannot be loaded"),
        (_cut("seen.safetensors"), "seen.safetensors cannot be read"),
        (_cut("names.json"), "names.json cannot be read"),
        (_another_name, "do not fit together: 8 users and 7 items"),
        (_later_format, "has the format 9"),
        (_without_a_seed, "seed_2.safetensors"),
    ],
)
def test_files_that_were_changed(folder: Path, tmp_path: Path, change: Callable[[Path], None], said: str) -> None:
    model = tmp_path / "model"
    predictor(folder, "stars").save(model)
    assert load_predictor(model).seeds == (0, 1, 2)
    change(model)
    with pytest.raises(TrackingError, match=said):
        load_predictor(model)


def test_an_encoder_of_another_version_is_refused(folder: Path, tmp_path: Path) -> None:
    predictor(folder, "hashed").save(tmp_path / "model")
    path = tmp_path / "model" / "predictor.json"
    path.write_text(path.read_text().replace("-sklearn-", "-sklearn-0."))
    with pytest.raises(TrackingError, match=r"encoded by hashing-64-sklearn-0\..*requirements\.txt"):
        load_predictor(tmp_path / "model")


@pytest.mark.slow
def test_data_without_an_encoder_in_its_config(folder: Path) -> None:
    run("messages", ["seeds=1", "variant=none", "trainer.max_epochs=1"], config_dir=folder)
    with pytest.raises(SeedbedError, match="no key 'encoder'"):
        predictor(folder, "messages")


# ---- the commands ----------------------------------------------------------------------------------------------------


def ask(command: str, folder: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, [command, *arguments, "--config-dir", str(folder)])


@pytest.mark.slow
def test_predict_prints_the_rarer_class_and_how_many_seeds_agree(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "messages.txt").write_text("see you\n\nwin a prize\n")
    done = ask("predict", folder, "fitted", "--text", "win cash", "--file", str(tmp_path / "messages.txt"))
    assert done.exit_code == 0, done.output
    assert "none (the best variant by test/f1), 2 seeds." in done.output
    answers = predictor(folder, "fitted").predict(pd.DataFrame({"text": ["win cash", "see you", "win a prize"]}))
    lines = done.output.split("---\n")[1].splitlines()
    for line, (_, row) in zip(lines, answers.iterrows(), strict=True):
        assert line.startswith(row["label"])
        assert f"{row['probability_spam']:.4f} ± {row['std_spam']:.4f}" in line
        assert f"{row['seeds_spam']} of 2 seeds" in line
    rows = ask("predict", folder, "feature_imbalance", "--file", str(folder / "rows.csv"))
    assert rows.output.count(" of 2 seeds") == 60


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["predict", "fitted"], "--text or --file: give a text"),
        (["predict", "fitted", "--text", " "], "the text is empty"),
        (["predict", "feature_imbalance", "--text", "win"], "takes rows of a table. Give --file"),
        (
            ["predict", "stars", "--text", "win"],
            "is about ratings, not about texts or rows of numbers",
        ),
        (["export", "stars", "--index", "approximate"], "--index=approximate: there is no such choice"),
        (["export", "fitted", "--variant", "nine"], "no such variant"),
    ],
)
def test_commands_that_are_refused(folder: Path, command: list[str], said: str) -> None:
    done = ask(command[0], folder, *command[1:])
    assert done.exit_code == 2
    assert said in done.output


@pytest.mark.slow
def test_of_an_experiment_that_was_only_searched_what_the_search_tested_is_asked(folder: Path) -> None:
    shutil.copy(folder / "experiments" / "hashed.yaml", folder / "experiments" / "sought.yaml")
    data = ["data.path=texts.tsv", "data.text=body", "data.label=kind", "data/encoder=hashing", "model.hidden=[4]"]
    space = ["optimizer.lr=1e-3,1e-2", "search.trials=2", "search.fresh_seeds=2"]
    found = search("sought", [*data, *FEW, *space], folder)
    assert found.tested is not None
    asked = find_variant("sought", config_dir=folder)
    assert asked.results.launch == found.tested.launch
    assert asked.name in ("none", "tuned")
    assert "tuned" in ask("predict", folder, "sought", "--variant", "tuned", "--text", "win").output
    assert predictor(folder, "sought").seeds == (2, 3)


@pytest.mark.slow
def test_both_ways_to_ask_answer_alike_for_a_user_who_is_not_known(folder: Path) -> None:
    printed = ask("recommend", folder, "stars", "--user", "u33", "-k", "3")
    assert printed.exit_code == 0
    assert "ratings has no user 'u33', did you mean 'u3'" in printed.output
    answers = predictor(folder, "stars").predict(pd.DataFrame({"user": ["u33"], "k": [3]}))
    assert answers["cold_start"].all()
    assert [printed.output.index(f"{item} ") for item in answers["item"]] == sorted(
        printed.output.index(f"{item} ") for item in answers["item"]
    )


@pytest.mark.slow
def test_export_registers_new_versions_from_any_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = folder.parent / "elsewhere"  # MLflow would make a store of its own there
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    for number in (1, 2):
        done = ask("export", folder, "fitted", "--seed", "1", "--register", "spam")
        assert done.exit_code == 0, done.output
        assert f"registered as spam/{number}." in done.output
    assert "mlflow models serve -m models:/spam/2 --env-manager local" in done.output
    assert "seed 1 alone" in done.output
    assert os.listdir(elsewhere) == []


# ---- in a process of its own -----------------------------------------------------------------------------------------


@pytest.fixture
def served(folder: Path) -> Iterator[Callable[[dict[str, Any]], tuple[int, Any]]]:
    """Ask the text model with a network of the user's own, served by MLflow with nothing but its files."""
    where = files(export("hashed", config_dir=folder), "hashed", folder)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    command = ["-m", "mlflow", "models", "serve", "-m", str(where), "--env-manager", "local", "--port", str(port)]
    surroundings = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    surroundings["PATH"] = f"{_scripts()}:{os.environ['PATH']}"
    with (folder / "serve.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, *command], cwd="/", env=surroundings, stdout=log, stderr=log, start_new_session=True
        )

    def post(payload: dict[str, Any]) -> tuple[int, Any]:
        request = urllib.request.Request(
            f"{address}/invocations", json.dumps(payload).encode(), {"Content-Type": "application/json"}
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                return response.status, json.load(response)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    try:
        deadline = time.monotonic() + 120
        while True:
            try:
                urllib.request.urlopen(f"{address}/ping", timeout=5)
                break
            except OSError:
                assert process.poll() is None, (folder / "serve.log").read_text()[-3000:]
                assert time.monotonic() < deadline, (folder / "serve.log").read_text()[-3000:]
                time.sleep(0.2)
        yield post
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(timeout=30)


def _scripts() -> Path:
    """Where the server's own command lies, which MLflow looks for on the PATH."""
    found = [Path(str(file.locate())) for file in distribution("uvicorn").files or () if file.name == "uvicorn"]
    return found[0].resolve().parent


@pytest.mark.extended
def test_mlflow_serves_it_over_http(folder: Path, served: Callable[[dict[str, Any]], tuple[int, Any]]) -> None:
    texts = ["win a prize", "see you at home"]
    status, answer = served({"dataframe_records": [{"text": text} for text in texts]})
    assert status == 200
    expected = predictor(folder, "hashed").predict(pd.DataFrame({"text": texts}))
    pd.testing.assert_frame_equal(pd.DataFrame(answer["predictions"]), expected, check_dtype=False)
    status, answer = served({"dataframe_records": [{"text": " "}]})
    assert status == 400
    assert "Row 1: the text is empty" in answer["message"]
    status, answer = served({"dataframe_records": [{"message": "win"}]})
    assert status == 400
    assert "text" in answer["message"]


def test_a_model_of_numbers_says_which_columns_it_takes(folder: Path, tmp_path: Path) -> None:
    model = predictor(folder, "feature_imbalance")
    assert [column.name for column in model.questions] == ["a", "b c"]
    model.save(tmp_path / "model")
    again = load_predictor(tmp_path / "model")
    values = pd.read_csv(folder / "rows.csv")[["b c", "a"]]
    pd.testing.assert_frame_equal(again.predict(values), model.predict(values))
    found = find_variant("feature_imbalance", config_dir=folder).networks()
    seed, network = found.networks[0]
    prepared = found.table.preparation.fit(found.table, found.rows(seed).train)
    with torch.inference_mode():
        expected = network(torch.from_numpy(prepared.features)).double().softmax(-1).numpy()
    np.testing.assert_allclose(model.probabilities(values)[0], expected, rtol=1e-12)  # type: ignore[attr-defined]


@pytest.mark.slow
def test_what_mlflow_refuses_to_register_is_said(folder: Path) -> None:
    with pytest.raises(SeedbedError, match="--register a/b: MLflow refuses it"):
        export("hashed", register="a/b", config_dir=folder)


def test_values_that_stand_for_none_do_so_when_served(tmp_path):
    inputs = NumberInputs(["a", "b"], [0.0, 0.0], 1, "median", None, missing_values=[-1, 99])
    stored = json.loads(json.dumps(inputs.write(tmp_path)))
    assert NumberInputs.read(tmp_path, stored, seeds=0).missing_values.given == ["-1", "99"]
    [features] = inputs.features(pd.DataFrame({"a": [1.0, 99.0], "b": [-1.0, 2.0]}))
    assert np.isnan(features).tolist() == [[False, True], [True, False]]
