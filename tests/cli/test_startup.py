"""Which packages a command loads: no more than its work takes, as each costs every user seconds."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

# By what they cost: PyTorch and Lightning take five to eight seconds, MLflow two, each of the others about one.
TRAINING = {"torch", "pytorch_lightning", "lightning_fabric", "torchmetrics", "imblearn", "optuna", "numba"}
DEAR = {*TRAINING, "mlflow", "sqlalchemy", "pandas", "scipy", "sklearn", "matplotlib"}
ABOUT_THE_STORE = {*TRAINING, "scipy.stats", "scipy.optimize", "sklearn", "matplotlib", "hydra"}

LOADED = """
import json, sys
from seedbed.cli.main import main
said = {}
for typed in json.loads(sys.argv[1]):
    code = main(typed, standalone_mode=False) or 0
    said[" ".join(typed)] = [code, sorted(set(json.loads(sys.argv[2])) & set(sys.modules))]
print("\\n" + json.dumps(said))
"""


def loaded(commands: list[list[str]], of: set[str], project: Path) -> dict[str, list[object]]:
    """Exit code of each command, and what is loaded of some packages after it; all run in one new process."""
    done = subprocess.run(
        [sys.executable, "-c", LOADED, json.dumps(commands), json.dumps(sorted(of))],
        cwd=project, capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    return dict(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.slow
def test_what_is_misspelt_is_said_before_anything_dear_is_loaded(bare_project: Path) -> None:
    own = ["--config-dir", str(bare_project)]
    refused = [
        ["run", "mesages", *own],
        ["run", "mesages", "-m", "seeds=1,2", *own],
        ["run", "messages", "variant=nun", *own],
        ["run", "messages", "optimizer.lrr=1", *own],
        ["run", "messages", "model.hiden=[8]", *own],
        ["run", "messages", "modl.hidden=[8]", *own],
        ["run", "messages", "trainer.max_epoch=1", *own],
        ["run", "messages", "imbalance=smott", *own],
        ["run", "messages", "seeds_at_once=3", *own],
        ["search", "mesages", "variant=none", *own],
        ["lr-find", "mesages", *own],
        ["schedule", "one_cycel"],
        ["data", "fetch", "sms_spamm"],
    ]
    answered = [
        ["--help"],
        ["run", "--help"],
        ["completion", "bash"],
        ["data", "list"],
        ["schedule", "one_cycle", "optimizer.lr=0.1"],
    ]
    found = loaded([*refused, *answered], DEAR, bare_project)
    assert list(found.values()) == [[2, []]] * len(refused) + [[0, []]] * len(answered)


@pytest.mark.slow
def test_looking_into_the_store_loads_mlflow_and_nothing_that_trains(trained_project: Path) -> None:
    own = ["--config-dir", str(trained_project)]
    answered = [
        ["status", *own],
        ["status", "messages", *own],
        ["power", "messages", *own],
        ["diff", "messages", "messages", *own],
    ]
    found = loaded(answered, ABOUT_THE_STORE, trained_project)
    assert list(found.values()) == [[0, []]] * len(answered)


@pytest.mark.extended
def test_a_report_loads_nothing_that_trains_though_there_are_scores_to_compute(
    trained_project: Path, tmp_path: Path
) -> None:
    for path in trained_project.glob("mlartifacts/messages/*/artifacts/scores.npz"):
        path.unlink()
    of_csv = ["--config-dir", str(trained_project), "--format", "csv", "--output", str(tmp_path / "report")]
    found = loaded([["report", "messages", *of_csv]], TRAINING, trained_project)
    assert list(found.values()) == [[0, []]]


@pytest.mark.extended
def test_a_run_of_networks_loads_nothing_that_only_others_need(
    trained_project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))  # as the data set of the project is among the tests
    typed = ["run", "messages", "--config-dir", str(trained_project)]
    found = loaded([typed], {"skops", "numba"}, trained_project)
    assert list(found.values()) == [[0, []]]


def test_the_program_is_a_module_too() -> None:
    done = subprocess.run([sys.executable, "-m", "seedbed", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("seedbed, version")
