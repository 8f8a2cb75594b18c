"""Shipped experiments on ratings, on a file of one's own: one command each, reports and recommendations included."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from seedbed.cli.main import main
from seedbed.config.experiment import load_experiment
from seedbed.errors import ConfigError, SeedbedError
from seedbed.running.planning import plan_experiment
from seedbed.running.runner import run
from seedbed.training.progress import Display

OWN = ["data=ratings_csv", "data.path=own.csv", "data.user=who", "data.item=what", "data.rating=stars", "seeds=2"]
QUICK = [*OWN, "trainer.accelerator=cpu", "tracking.pictures=false"]


@pytest.fixture
def own(tmp_path: Path, empty_store: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a file of ratings by 100 users of 40 items, 20 each, and nothing else."""
    draw = np.random.default_rng(0)
    rows = [
        f"{user},Item {item},{draw.integers(1, 6)}"
        for user in range(1, 101)
        for item in sorted(draw.choice(40, 20, replace=False))
    ]
    (tmp_path / "own.csv").write_text("\n".join(["who,what,stars", *rows]) + "\n")
    shutil.copy(empty_store, tmp_path / "mlflow.db")
    monkeypatch.setenv("SEEDBED_PROJECT", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "left_out"),
    [
        ("two_tower_retrieval", {"features", "corrected_features"}),
        ("cold_start", {"metadata", "metadata_fold_in"}),
        pytest.param("cold_start_items", {"metadata", "metadata_fold_in"}, marks=pytest.mark.extended),
        ("matrix_factorization", set()),
        pytest.param("fastai_collab", set(), marks=pytest.mark.extended),
        pytest.param("lesson5_movielens", set(), marks=pytest.mark.extended),
    ],
)
def test_every_experiment_on_ratings_takes_a_file_of_ones_own(own: Path, name: str, left_out: set[str]) -> None:
    experiment = load_experiment(name, QUICK)
    fitted, plan = plan_experiment(experiment, Display(quiet=True))
    assert {variant.name for variant in experiment.variants} - {planned.name for planned in plan} >= left_out
    assert fitted.config["report"]["user"] is None
    assert fitted.config["report"]["similar_to"] is None
    assert all(planned.variant.config["report"] == fitted.config["report"] for planned in plan)


@pytest.mark.extended
def test_what_is_asked_for_by_name_is_refused_where_the_data_do_not_have_it(own: Path) -> None:
    for name, asked, said in (
        ("two_tower_retrieval", "variant=features", "this data set says nothing of its users"),
        ("cold_start", "variant=metadata", "says nothing of its users"),
        ("matrix_factorization", "report.user=nobody", "report.user='nobody': the data has no such name"),
        ("two_tower_retrieval", "split=folds", "Only movielens_100k has folds"),
    ):
        with pytest.raises(SeedbedError, match=said):
            plan_experiment(load_experiment(name, [*QUICK, asked]), Display(quiet=True))
    with pytest.raises(ConfigError, match=r"Write report\.metric=test/ndcg_at_10"):
        load_experiment("two_tower_retrieval", [*QUICK, "split=leave_n_out"])


def ask(*command: str) -> str:
    done = CliRunner().invoke(main, list(command))
    assert done.exception is None or isinstance(done.exception, SystemExit), done.output
    return done.output


@pytest.mark.extended
def test_report_and_recommendations_on_a_file_of_ones_own(own: Path) -> None:
    two = ["variant=two_tower,popular", "trainer.max_epochs=1"]
    matrix: list[Any] = ["trainer.max_epochs=2", "task.steps=5"]
    assert not run("two_tower_retrieval", [*QUICK, *two]).failures
    assert not run("matrix_factorization", [*QUICK, *matrix]).failures
    for name in ("two_tower_retrieval", "matrix_factorization"):
        assert "report.md" in ask("report", name, "--format", "md")
    (own / "mine.csv").write_text("Item 3,5\nItem 7,1\n")
    towers = ask("recommend", "two_tower_retrieval", "--variant", "two_tower", "--ratings", "mine.csv")
    assert "ranks items and predicts no ratings" in towers
    for variant, words in (("rated_cells", "rated there.\n"), ("all_cells", "A missing rating counts as 0")):
        listed = ask("recommend", "matrix_factorization", "--variant", variant, "--ratings", "mine.csv", "-k", "38")
        assert words in listed
        assert listed.count(" of 2 seeds") == 38  # all but the two that are rated
        assert "Item 7 " not in listed
