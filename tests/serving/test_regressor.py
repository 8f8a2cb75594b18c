"""Regressors: what they predict of rows and texts, as it was measured, and the same from their files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from seedbed.cli.main import main
from seedbed.serving.building import predictor_of, row_predictor_of
from seedbed.serving.loading import load_predictor
from seedbed.serving.regressor import Regressor
from seedbed.tracking.names import SCORES
from seedbed.tracking.scores import Scores
from seedbed.tracking.store import open_project_store
from seedbed.trained.loading import find_variant
from tests.conftest import TrainOnce

START = """
# @package _global_
defaults:
  - override /data: {data}
  - override /model: mlp
  - override /task: regression
question: Does it predict?
seeds: 2
{settings}
trainer: {{max_epochs: 2, batch_size: 32, accelerator: cpu, seeds_at_once: 2}}
tracking: {{pictures: false}}
report: {{metric: test/rmse}}
"""
HOUSES = "variants: {net: ['model.hidden=[4]'], ridge: [model=ridge]}"
REVIEWS = "variants: {net: ['model.hidden=[4]', data/encoder=tfidf]}"


def write(folder: Path) -> None:
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"area": rng.gamma(6, 20, 80).round(1), "rooms": rng.integers(1, 9, 80)})
    frame["price"] = (1e5 + 900 * frame["area"] - 5e3 * frame["rooms"]).round()
    frame.to_csv(folder / "houses.csv", index=False)
    words = np.array(["good", "bad", "fine", "poor", "great", "dull", "fresh", "stale"])
    texts = [" ".join(rng.choice(words, 4)) + f" {n}" for n in range(60)]
    pd.DataFrame({"body": texts, "stars": [text.count("g") + 0.5 for text in texts]}).to_csv(folder / "reviews.csv")
    for name, text in (
        ("houses", START.format(data="feature_csv", settings=HOUSES)),
        ("reviews", START.format(data="text_csv", settings=REVIEWS)),
    ):
        (folder / "experiments" / f"{name}.yaml").write_text(text)


@pytest.fixture(scope="module")
def folder(train_once: TrainOnce) -> Path:
    """A project with a trained regression on rows of numbers."""
    settings = ["data.path={folder}/houses.csv", "data.target=price"]
    made: list[str] = []

    def prepare(folder: Path) -> None:
        write(folder)
        made.extend(setting.format(folder=folder) for setting in settings)

    folder, outcome = train_once("houses", made, prepare)
    assert not outcome.failures
    return folder


def scores_of(folder: Path, variant: str, seed: int) -> Scores:
    store = open_project_store("houses", folder)
    (run,) = [cell.id for cell in store.cells().values() if (cell.variant, cell.seed) == (variant, seed)]
    with store.file(run, SCORES) as path:
        return Scores.read(path)


@pytest.mark.slow
@pytest.mark.parametrize("variant", ["net", "ridge"])
def test_what_is_predicted_is_what_was_measured(folder: Path, variant: str, tmp_path: Path) -> None:
    """Of a network, which gives standardised targets, and of an estimator, which gives targets; also from the files."""
    regressor = predictor_of(find_variant("houses", variant, config_dir=folder))
    assert isinstance(regressor, Regressor)
    regressor.save(tmp_path / "served")
    served = load_predictor(tmp_path / "served")
    table = pd.read_csv(folder / "houses.csv")
    for position, seed in enumerate(regressor.seeds):
        arrays = scores_of(folder, variant, seed).arrays
        asked = table.loc[arrays["rows"], ["area", "rooms"]]
        assert arrays["targets"].tolist() == table.loc[arrays["rows"], "price"].tolist()
        np.testing.assert_allclose(regressor.predictions(asked)[position], arrays["predictions"], rtol=1e-6)
        answers = served.predict(asked)
        np.testing.assert_allclose(answers[f"seed_{seed}"].astype(float), arrays["predictions"], rtol=1e-6)
        of_seeds = answers[["seed_0", "seed_1"]].to_numpy(dtype=float)
        np.testing.assert_allclose(answers["prediction"].astype(float), of_seeds.mean(1))
        np.testing.assert_allclose(answers["std"].astype(float), of_seeds.std(1, ddof=1))


@pytest.mark.slow
def test_a_regressor_is_asked_on_the_command_line(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "new.csv").write_text("rooms,area\n3,120.5\n2,60\n")
    arguments = [
        "predict",
        "houses",
        "--variant",
        "ridge",
        "--file",
        str(tmp_path / "new.csv"),
        "--config-dir",
        str(folder),
    ]
    result = CliRunner().invoke(main, arguments, catch_exceptions=False)
    assert result.exit_code == 0
    about, _, header, _, first, second = result.output.rstrip().split("\n")
    assert about.endswith("ridge, 2 seeds.")
    assert header.split("  ")[0] == "price ± std"
    assert first.startswith("193123.86 ± 39.36  193096.03  193151.69")
    assert first.endswith("row 1")
    assert second.endswith("row 2")
    alone = CliRunner().invoke(main, [*arguments, "--seed", "1"], catch_exceptions=False).output
    assert alone.split("\n")[2].split() == ["price", "of"]
    refused = CliRunner().invoke(main, ["predict", "houses", "--text", "x", "--config-dir", str(folder)])
    assert "this regressor takes rows of a table." in " ".join(refused.output.split())


@pytest.mark.slow
def test_texts_are_asked_about(folder: Path) -> None:
    from seedbed.running.runner import run  # noqa: PLC0415

    settings = [f"data.path={folder}/reviews.csv", "data.text=body", "data.target=stars"]
    assert not run("reviews", settings, config_dir=folder).failures
    regressor = row_predictor_of(find_variant("reviews", "net", config_dir=folder))
    assert isinstance(regressor, Regressor)
    answers = regressor.predict(pd.DataFrame({"text": ["good great", "bad poor"]}))
    assert list(answers.columns) == ["prediction", "std", "seed_0", "seed_1"]
    assert np.isfinite(answers["prediction"].astype(float)).all()


# ---- what a report shows of the predictions --------------------------------------------------------------------------


@pytest.mark.slow
def test_a_report_draws_the_recorded_predictions_and_says_whose_are_missing(folder: Path, tmp_path: Path) -> None:
    store = open_project_store("houses", folder)
    (gone,) = [cell.id for cell in store.cells().values() if (cell.variant, cell.seed) == ("ridge", 1)]
    place = folder / "mlartifacts" / "houses" / gone / "artifacts" / SCORES
    content = place.read_bytes()
    place.unlink()
    try:
        arguments = [
            "report",
            "houses",
            "--config-dir",
            str(folder),
            "--output",
            str(tmp_path / "report"),
            "--format",
            "md,csv",
        ]
        assert CliRunner().invoke(main, arguments, catch_exceptions=False).exit_code == 0
    finally:
        place.write_bytes(content)
    page = (tmp_path / "report" / "report.md").read_text()
    assert "## Predictions" in page
    assert "by a version of seedbed that did not record them: 1 of ridge." in page
    assert "RMSE, MAE and the median absolute error are in the unit of price" in page
    assert "rarest" not in page
    drawn = (tmp_path / "report" / "predictions.png").read_bytes()
    again = ["report", "houses", "--from", str(tmp_path / "report"), "--config-dir", str(folder)]
    again += ["--output", str(tmp_path / "again"), "--format", "md,csv"]
    assert CliRunner().invoke(main, again, catch_exceptions=False).exit_code == 0
    assert (tmp_path / "again" / "predictions.png").read_bytes() == drawn
    assert (tmp_path / "again" / "record.json").read_bytes() == (tmp_path / "report" / "record.json").read_bytes()
