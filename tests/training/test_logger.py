"""Loggers beside MLflow."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from seedbed.errors import ConfigError
from seedbed.running.runner import run

FEW = ["seeds=2", "variant=none", "trainer.max_epochs=2"]


def test_a_logger_of_lightnings_gets_what_mlflow_gets_of_each_seed(trained_project: Path) -> None:
    (trained_project / "tracking").mkdir()
    (trained_project / "tracking" / "csv.yaml").write_text(
        "defaults: [mlflow]\n"
        f"loggers: {{csv: {{_target_: pytorch_lightning.loggers.CSVLogger, save_dir: {trained_project / 'logs'}}}}}\n"
    )
    plain = run("messages", FEW, trained_project)
    assert run("messages", [*FEW, "tracking=csv"], trained_project).trained == 0  # it changes no result
    logged = run("messages", [*FEW, "tracking=csv", "optimizer.lr=0.01"], trained_project)
    assert plain.launch != logged.launch
    assert {path.name for path in (trained_project / "logs" / "none").iterdir()} == set(logged.cells["run"])
    for _, cell in logged.cells.iterrows():
        metrics = pd.read_csv(trained_project / "logs" / "none" / cell["run"] / "metrics.csv").set_index("step")
        curves = logged.curves[(logged.curves["seed"] == cell["seed"]) & (logged.curves["metric"] == "val/loss")]
        assert metrics["val/loss"].dropna().tolist() == pytest.approx(curves["value"].tolist())
        assert metrics["test/accuracy"][2] == pytest.approx(cell["test/accuracy"])


@pytest.mark.parametrize(
    ("logger", "said"),
    [
        ("{_target_: pytorch_lightning.loggers.CSVLoger}", "CSVLoger"),
        ("{_target_: pytorch_lightning.loggers.CSVLogger, folder: logs}", "tracking.loggers.csv.folder"),
        (
            "{_target_: pytorch_lightning.loggers.MLFlowLogger}",
            r"tracking.loggers.csv: .*takes no 'name'.*made for each seed",
        ),
        ("{save_dir: logs}", "a node with the _target_ of one of pytorch_lightning.loggers"),
        ("logs", "a node with the _target_"),
    ],
)
def test_a_logger_that_cannot_be_made_is_refused_before_training(project: Path, logger: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        run("messages", [*FEW, f"+tracking.loggers.csv={logger}"], project)
