"""``seedbed report NAME --from FOLDER``: words are mended without training, and what was trained stays as it was."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import seedbed
from seedbed.cli.main import main
from seedbed.running.runner import run
from tests.cli.test_recommend import train
from tests.report.conftest import edit, files

pytestmark = pytest.mark.usefixtures("undrawn")


def report(project: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["report", *arguments, "--format", "md,csv", "--config-dir", str(project)])


def forget(project: Path) -> None:
    (project / "mlflow.db").unlink()
    shutil.rmtree(project / "mlartifacts")


@pytest.mark.slow
def test_words_are_mended_and_the_recipe_is_kept(trained_project: Path, tmp_path: Path) -> None:
    project = trained_project
    run("messages", ["report.rope=0.01"], config_dir=project)
    folder, file = project / "experiments" / "messages", project / "experiments" / "messages.yaml"
    assert report(project, "messages").exit_code == 0
    before = files(folder)
    forget(project)
    again = report(project, "messages", "--from", str(folder))
    assert again.exit_code == 0, again.stderr
    assert f" from {folder} ..." in again.stderr
    assert "recipe" not in again.stderr
    assert files(folder) == before
    edit(file, "question: Does it work?", "question: Does oversampling help?")
    edit(file, "hidden: [8]", "hidden: [16]")
    edit(file, "report: {", "published: {unstated: The batch size}\nreport: {")
    mended = report(
        project, "messages", "--from", str(folder), "--output", str(tmp_path / "mended"), "--metric", "test/f1"
    )
    assert mended.exit_code == 0, mended.stderr
    assert "(model.hidden is [16], and was [8]): the report keeps the recorded one." in mended.stderr
    page = (tmp_path / "mended" / "report.md").read_text()
    assert "**Does oversampling help?**" in page
    assert "- Not stated there: The batch size" in page
    assert "- 8\n" in page
    assert "report messages --metric test/f1 --config-dir " in page
    assert '"rope": 0.01' in (tmp_path / "mended" / "record.json").read_text()
    assert (tmp_path / "mended" / "results.csv").read_bytes() == before["results.csv"]
    file.unlink()
    assert report(project, "messages", "--from", str(folder)).exit_code == 0
    assert files(folder) == before
    loaded = seedbed.load("messages", folder=folder)
    assert len(loaded.cells) == 6
    assert loaded.config["question"] == "Does it work?"


@pytest.mark.slow
def test_what_was_learned_is_written_without_weights(project: Path, tmp_path: Path) -> None:
    train(project, "report.learned=biased", "trainer.max_epochs=2")
    folder = project / "experiments" / "stars"
    assert report(project, "stars", "--output", str(folder)).exit_code == 0
    before = files(folder)
    assert b"Read off the weights of biased, 3 seeds." in before["report.md"]
    forget(project)
    (project / "ratings.csv").unlink()
    again = report(project, "stars", "--from", str(folder), "--output", str(tmp_path / "again"))
    assert again.exit_code == 0, again.stderr
    assert files(tmp_path / "again") == before


@pytest.mark.parametrize("options", [["--run", "3f2a"], ["--search"]])
def test_from_goes_alone(project: Path, tmp_path: Path, options: list[str]) -> None:
    done = report(project, "messages", "--from", str(tmp_path), *options)
    assert done.exit_code == 2
    assert "so it goes without --run, --search, --scores and --data-set" in done.stderr
