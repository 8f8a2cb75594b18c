"""What a task says of itself: a user's own, derived from ``Task`` alone, is served and inspected as it says."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import mlflow.pyfunc
import pandas as pd
import pytest
from click.testing import CliRunner, Result

from seedbed.cli.main import main
from seedbed.errors import SeedbedError
from seedbed.running.runner import run
from seedbed.serving.building import predictor_of
from seedbed.serving.export import export
from seedbed.trained.loading import find_variant
from tests.tasks.test_rating import EXPERIMENT

TASKS = """
import torch

from seedbed.metrics import Metric
from seedbed.tasks.base import SeedData, StackData, Task


class Own(Task):
    @classmethod
    def seed_data(cls, table, rows, strategy, seed, progress=None):
        return SeedData(seed, rows)

    @classmethod
    def stack_data(cls, table, data):
        columns = {name: torch.from_numpy(getattr(table, name)) for name in cls.COLUMNS}
        sides = ([getattr(item.rows, side) for item in data] for side in ("train", "val", "test"))
        return StackData({"columns": columns}, *sides)

    def __init__(self, network, optimizer, *, columns, **stacked):
        super().__init__(network, optimizer, **stacked)
        for name, values in columns.items():
            self.register_buffer(name, values, persistent=False)

    def rows_of(self, index):
        return [getattr(self, name)[index.long()] for name in self.COLUMNS]

    def row_losses(self, index):
        losses = self.losses(*self.rows_of(index))
        return losses, torch.ones_like(losses)

    def evaluate(self, index, mask):
        return self.losses(*self.rows_of(index)), mask

    def metrics(self, *evaluated):
        losses, mask = evaluated
        mean = torch.where(mask, losses.double(), 0).sum(1) / mask.sum(1)
        return {"loss": mean}


class Margins(Own):
    METRICS = (Metric("loss", "lower"),)
    COLUMNS = ("features", "labels")
    SERVED_AS = "classifier"

    def losses(self, features, labels):
        scores = self.network(features)
        return (1 + scores - scores.gather(-1, labels.unsqueeze(-1))).clamp(min=0).sum(-1) - 1

    @classmethod
    def network_arguments(cls, table):
        return {**table.inputs.arguments(), "out_features": len(table.classes)}

    @classmethod
    def example(cls, table, rows, generator):
        return (table.inputs.example(rows, generator),)


class Absolute(Own):
    METRICS = (Metric("loss", "lower"),)
    COLUMNS = ("users", "items", "ratings")
    SERVED_AS = "recommender"
    PREDICTS_RATINGS = True
    INSPECTED = True

    def losses(self, users, items, ratings):
        return (self.network(users, items) - ratings).abs()

    @classmethod
    def network_arguments(cls, table):
        return {"users": table.user_rows, "items": table.item_rows}

    @classmethod
    def example(cls, table, rows, generator):
        return tuple(
            torch.randint(most, (rows,), generator=generator, dtype=torch.int32)
            for most in (table.user_rows, table.item_rows)
        )


class SilentMargins(Margins):
    SERVED_AS = None


class SilentAbsolute(Absolute):
    SERVED_AS = None
    INSPECTED = False
"""
FEW = ("seeds=2", "trainer.max_epochs=1", "trainer.accelerator=cpu", "tracking.pictures=false")
STARS = ("data.path=ratings.csv", "data.user=who", "data.item=what", "data.rating=stars", "report.metric=val/loss")
Ask = Callable[..., Result]


@pytest.fixture
def ask(project: Path, monkeypatch: pytest.MonkeyPatch) -> Ask:
    """A project with tasks of its own: ``ask("predict", "texts", ...)`` asks the command line in it."""
    (project / "owntasks.py").write_text(TASKS)
    (project / "task").mkdir()
    for name in ("Margins", "Absolute", "SilentMargins", "SilentAbsolute"):
        (project / "task" / f"{name}.yaml").write_text(f"_target_: owntasks.{name}\n_partial_: true\n")
    lines = [f"{'spam' if n % 4 == 0 else 'ham'}\t{'win a prize' if n % 4 == 0 else 'see you'} {n}" for n in range(60)]
    (project / "texts.tsv").write_text("\n".join(["kind\tbody", *lines]))
    rated = [f"u{user},Film {item},{1 + (user * item) % 5}" for user in range(8) for item in range(6) if user != item]
    (project / "ratings.csv").write_text("\n".join(["who,what,stars", *rated]))
    texts = EXPERIMENT.replace("ratings_csv", "text_csv").replace("/split: random", "/data/encoder: hashing")
    texts = texts[: texts.index("question:")].replace("dot_product", "mlp").replace("task: rating", "task: Margins")
    (project / "experiments" / "texts.yaml").write_text(
        f"{texts}question: Do margins help?\nvariants:\n  none: []\nmonitor: val/loss\nmodel: {{hidden: [4]}}\n"
        "trainer: {batch_size: 16}\nreport: {metric: test/loss}\n"
        "data: {path: texts.tsv, text: body, label: kind}\n"
    )
    stars = EXPERIMENT[: EXPERIMENT.index("published:")].replace("task: rating", "task: Absolute")
    (project / "experiments" / "stars.yaml").write_text(stars.replace("val/mse", "val/loss"))
    monkeypatch.chdir(project)
    return lambda *asked: CliRunner().invoke(main, [*asked, "--config-dir", str(project)])


def train(project: Path, experiment: str, *overrides: str) -> None:
    given = [*FEW, *(STARS if experiment == "stars" else ()), *overrides]
    assert not run(experiment, given, config_dir=project).failures


@pytest.mark.slow
def test_a_classifier_of_ones_own_predicts_and_is_exported(ask: Ask, project: Path) -> None:
    train(project, "texts")
    said = ask("predict", "texts", "--text", "win a prize").output
    assert "probability of spam" in said
    assert " of 2 seeds" in said
    uri = export("texts", config_dir=project).uri.removeprefix("models:/")
    model = mlflow.pyfunc.load_model(str(project / "mlartifacts" / "texts" / "models" / uri / "artifacts"))
    questions = pd.DataFrame({"text": ["win a prize", "see you"]})
    expected = predictor_of(find_variant("texts", config_dir=project)).predict(questions)
    pd.testing.assert_frame_equal(model.predict(questions), expected)
    assert "Ask it what users like" not in said


@pytest.mark.slow
def test_a_recommender_of_ones_own_recommends_and_is_inspected(
    ask: Ask, project: Path, tmp_path: Path, draw_only: Callable[..., None]
) -> None:
    draw_only()
    train(project, "stars")
    said = ask("recommend", "stars", "--user", "u3", "-k", "1").output
    assert "prediction ± std" in said
    assert " of 2 seeds" in said
    (tmp_path / "my.csv").write_text("Film 1,5\n")
    assert "For a new user" in ask("recommend", "stars", "--ratings", str(tmp_path / "my.csv")).output
    done = ask("report", "stars", "--format", "md", "--output", str(project / "written"))
    assert done.exit_code == 0, done.output
    page = (project / "written" / "report.md").read_text()
    assert "Read off the weights of" in page
    assert "| nearest to it |" in page
    assert export("stars", config_dir=project).query == json.dumps({"dataframe_records": [{"user": "u0", "k": 5}]})


@pytest.mark.slow
def test_a_task_that_says_nothing_is_reported_and_not_asked(
    ask: Ask, project: Path, draw_only: Callable[..., None]
) -> None:
    draw_only()
    train(project, "texts", "task=SilentMargins")
    assert "has the task owntasks.SilentMargins" in ask("predict", "texts", "--text", "win").output
    train(project, "stars", "task=SilentAbsolute")
    assert "has the task owntasks.SilentAbsolute" in ask("recommend", "stars", "--user", "u3").output
    with pytest.raises(SeedbedError, match="only an experiment with task=classification"):
        export("stars", config_dir=project)
    done = ask("report", "stars", "--format", "md", "--output", str(project / "written"))
    assert done.exit_code == 0, done.output
    assert "does not say what the model learned" not in done.output
    assert "Read off the weights" not in (project / "written" / "report.md").read_text()
