"""Loggers beside MLflow."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import pandas as pd
import pytest
from mlflow import MlflowClient
from pytorch_lightning.loggers import Logger

from seedbed.errors import ConfigError
from seedbed.running.runner import run
from seedbed.tracking.store import store_uri

FEW = ["seeds=2", "variant=none", "trainer.max_epochs=2"]


@pytest.mark.slow
def test_a_logger_of_lightnings_gets_what_mlflow_gets_of_each_seed(trained_project: Path) -> None:
    """By a choice of tracking, which sets what can be set by itself."""
    (trained_project / "tracking").mkdir()
    (trained_project / "tracking" / "csv.yaml").write_text(
        "# @package _global_\n"
        "defaults: [mlflow@tracking]\n"
        f"loggers: {{csv: {{_target_: pytorch_lightning.loggers.CSVLogger, save_dir: {trained_project / 'logs'}}}}}\n"
    )
    plain = run("messages", FEW, trained_project)
    assert run("messages", [*FEW, "tracking=csv"], trained_project).trained == 0  # it changes no result
    logged = run("messages", [*FEW, "tracking=csv", "optimizer.lr=0.01"], trained_project)
    assert logged.results.config["tracking"] == plain.results.config["tracking"]
    assert plain.launch != logged.launch
    client = MlflowClient(store_uri(trained_project))
    for _, cell in logged.cells.iterrows():
        name = client.get_run(cell["run"]).info.run_name
        assert name == f"seed {cell['seed']} none"
        assert [path.name for path in (trained_project / "logs" / name).iterdir()] == [cell["run"]]
        metrics = pd.read_csv(trained_project / "logs" / name / cell["run"] / "metrics.csv").set_index("step")
        curves = logged.curves[(logged.curves["seed"] == cell["seed"]) & (logged.curves["metric"] == "val/loss")]
        assert metrics["val/loss"].dropna().tolist() == pytest.approx(curves["value"].tolist())
        assert metrics["test/accuracy"][2] == pytest.approx(cell["test/accuracy"])


class WandbLogger(Logger):
    """As Lightning's: the loggers of a process share one run, unless ``reinit`` says that each makes its own."""

    runs: ClassVar[dict[str, WandbLogger]] = {}

    def __init__(self, name: str, version: str, reinit: str = "return_previous") -> None:
        super().__init__()
        self.metrics: dict[int, dict[str, float]] = {}
        self.given, self.finished = (name, version), 0
        self.experiment = self.runs.setdefault(version if reinit == "create_new" else "the process", self)

    @property
    def name(self) -> str:
        return self.given[0]

    @property
    def version(self) -> str:
        return self.given[1]

    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        self.experiment.metrics.setdefault(step or 0, {}).update(metrics)

    def log_hyperparams(self, *args: Any, **kwargs: Any) -> None:
        pass

    def finish(self) -> None:
        self.finished += 1


@pytest.mark.slow
def test_each_seed_has_a_run_of_its_own_in_weights_and_biases(project: Path) -> None:
    logged = run("messages", [*FEW, f"+loggers.wandb._target_={__name__}.WandbLogger"], project)
    assert set(WandbLogger.runs) == set(logged.cells["run"])
    for _, cell in logged.cells.iterrows():
        of_seed = WandbLogger.runs[cell["run"]]
        assert (of_seed.name, of_seed.finished) == (f"seed {cell['seed']} none", 1)
        assert of_seed.metrics[2]["test/loss"] == pytest.approx(cell["test/loss"])


@pytest.mark.parametrize(
    ("logger", "said"),
    [
        ("{_target_: pytorch_lightning.loggers.CSVLoger}", "CSVLoger"),
        ("{_target_: pytorch_lightning.loggers.CSVLogger, folder: logs}", "loggers.csv.folder"),
        (
            "{_target_: pytorch_lightning.loggers.MLFlowLogger}",
            r"^loggers.csv: .*takes no 'name'.*made for each seed",
        ),
        ("{save_dir: logs}", "a node with the _target_ of one of pytorch_lightning.loggers"),
        ("logs", "a node with the _target_"),
    ],
)
def test_a_logger_that_cannot_be_made_is_refused_before_training(project: Path, logger: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        run("messages", [*FEW, f"+loggers.csv={logger}"], project)
