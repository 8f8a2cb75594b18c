"""From a user's file to a table of results by config alone: the experiments that take any file."""

import random

import pytest

from seedbed.config.building import build
from seedbed.config.experiment import load_experiment
from seedbed.data.table import Table
from seedbed.errors import ConfigError
from seedbed.running.planning import load_table
from seedbed.running.runner import run
from seedbed.training.progress import Display

QUICK = ["seeds=2", "trainer.accelerator=cpu", "tracking.pictures=false"]
FEW = [*QUICK, "trainer.max_epochs=2", "trainer.seeds_at_once=2", "model.hidden=[8]"]


@pytest.fixture
def reviews(tmp_path):
    """Short texts, 90 of one label and 30 of another."""
    draw = random.Random(0)
    words = {
        "5": ["good", "fine", "great", "lovely", "happy", "meal"],
        "1": ["bad", "cold", "late", "awful", "sad", "meal"],
    }
    rows = [f"{label};{' '.join(draw.choices(words[label], k=5))} {number}"
            for label, count in (("5", 90), ("1", 30)) for number in range(count)]  # fmt: skip
    path = tmp_path / "reviews.csv"
    path.write_text("\n".join(["stars;body", *rows]))
    return path


@pytest.fixture
def patients(tmp_path):
    """Rows of two numbers, 90 of one label and 30 of another, some without a value."""
    draw = random.Random(0)
    rows = [f"{draw.gauss(place, 1):.3f},{'' if number % 10 == 0 else round(draw.gauss(100 * place, 9), 2)},{label}"
            for label, place, count in (("healthy", 0, 90), ("ill", 2, 30)) for number in range(count)]  # fmt: skip
    path = tmp_path / "patients.csv"
    path.write_text("\n".join(["a,b,diagnosis", *rows]))
    return path


def table(experiment: str, *overrides: str) -> Table:
    return build(load_experiment(experiment, ["variant=none", *overrides]).config["data"], "data").load()


@pytest.mark.parametrize(("encoder", "width"), [("hashing", 64), ("tfidf", 1000)])
def test_texts_by_config_alone(reviews, encoder, width):
    found = table(
        "text_imbalance", f"data.path={reviews}", "data.text=body", "data.label=stars", f"data/encoder={encoder}"
    )
    assert (found.classes, found.inputs.width, found.counts["rows"]) == (("1", "5"), width, 120)


@pytest.mark.slow
def test_features_by_config_alone(patients):
    found = table("feature_imbalance", f"data.path={patients}", "data.label=diagnosis")
    assert (found.classes, found.inputs.width, found.counts["dropped_with_missing"]) == (("healthy", "ill"), 2, 12)
    settings = ["data.missing=median", "data.scaler._target_=sklearn.preprocessing.RobustScaler"]
    assert table("feature_imbalance", f"data.path={patients}", "data.label=diagnosis", *settings).counts["rows"] == 120


def test_the_remedies_of_errors_are_in_hydra_s_grammar(tmp_path):
    path = tmp_path / "rows.txt"
    path.write_text("my a;b;c;y\n1,5;2;x;0\n2,5;3;x;1\n")
    overrides = [
        f"data.path={path}",
        "data.label=y",
        "data.exclude=['c','b']",
        "data.decimal=comma",
        "data.delimiter=';'",
    ]
    assert table("feature_imbalance", *overrides).features.tolist() == [[1.5], [2.5]]


def test_labels_are_named_in_hydra_s_grammar(reviews):
    given = [f"data.path={reviews}", "data.text=body", "data.label=stars", "data/encoder=hashing"]
    found = table("text_imbalance", *given, "data.labels={1: not so good, 5: n/a.}", "data.positive=n/a.")
    assert (found.classes, found.positive) == (("n/a.", "not so good"), 0)


def test_what_needs_a_look_is_said_on_the_screen(tmp_path, capsys):
    path = tmp_path / "messages.csv"
    labels = ["ham", "Ham", "spam"] * 8
    rows = [f"{label},text {row // 2}" + "\u200b" * (row % 2) for row, label in enumerate(labels)]
    path.write_text("\n".join(["l,t", *rows]))
    given = [f"data.path={path}", "data.text=t", "data.label=l", "data/encoder=hashing", "variant=none"]
    load_table(load_experiment("text_imbalance", given).config["data"], Display())
    said = capsys.readouterr().err
    assert "Classes that look alike: 'ham' (8 rows), 'Ham' (8 rows)" in said
    assert "12 rows with a text that looks like that of another row" in said


@pytest.mark.slow
def test_clicks_without_ratings(tmp_path, project):
    draw = random.Random(0)
    rows = [f"u{user},i{item}" for user in range(20) for item in draw.sample(range(15), 8)]
    (tmp_path / "clicks.csv").write_text("\n".join(["user,item", *rows]))
    given = [f"data.path={tmp_path / 'clicks.csv'}", "data.user=user", "data.item=item"]
    few = [*QUICK, "trainer.max_epochs=1"]
    clicks = [*given, *few, "data=ratings_csv", "variant=two_tower,popular", "report.user=null"]
    outcome = run("two_tower_retrieval", clicks, project)
    assert outcome.failures == {}
    assert outcome.cells["val/ndcg_at_10"].notna().all()
    with pytest.raises(ConfigError, match=r"data\.rating is not set: .*'user', 'item'.*task=retrieval"):
        run("ratings", [*given, *few], project)


@pytest.mark.parametrize("experiment", ["text_imbalance", "feature_imbalance"])
def test_without_a_file(experiment):
    with pytest.raises(ConfigError, match=r"data\.path is not set: name your file, as in data\.path="):
        table(experiment)


def test_a_copy_of_the_spam_collection_in_place_of_the_published_one(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text("v1,v2,,\nham,hello,,\nspam,WIN,now,\n")
    assert table("spam_imbalance", f"data.path={path}", "data/encoder=hashing").texts == ("hello", "WIN,now")


@pytest.mark.extended
def test_an_imbalance_report_on_one_s_own_texts(reviews, project):
    given = [f"data.path={reviews}", "data.text=body", "data.label=stars", "data/encoder=tfidf"]
    outcome = run("text_imbalance", [*given, *FEW, "variant=none,smote,text_augment"], project)
    assert outcome.failures == {}
    assert outcome.trained == 6
    assert outcome.cells["test/f1"].notna().all()


@pytest.mark.extended
def test_an_imbalance_report_on_one_s_own_features(patients, project):
    given = [f"data.path={patients}", "data.label=diagnosis", "data.missing=mean"]
    outcome = run("feature_imbalance", [*given, *FEW], project)
    assert outcome.failures == {}
    assert outcome.trained == 14
    assert outcome.cells["test/f1"].notna().all()
