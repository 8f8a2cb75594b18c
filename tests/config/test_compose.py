"""Configs that are composed from an experiment's file or another group's, and resolved."""

from __future__ import annotations

from pathlib import Path

import pytest

from seedbed.config.compose import BaseConfig, Request, with_found_path
from seedbed.config.experiment import load_experiment
from seedbed.config.folders import experiment_names
from seedbed.errors import ConfigError
from tests.config.refusals import SPAM, assert_refused, first_override


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["task=cold_start"], ["task.side is that of split.side", "split=held_out"]),
    ],
    ids=first_override,
)  # fmt: skip
def test_a_value_of_another_keys_that_is_not_there(overrides: list[str], said: list[str]) -> None:
    assert_refused(overrides, said)


def test_files_of_the_data_are_looked_for_here_and_in_the_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, project = tmp_path / "here", tmp_path / "project"
    for folder, name in ((here, "photos"), (project, "ages.csv")):
        folder.mkdir()
        (folder / name).touch()
    monkeypatch.chdir(here)
    found = with_found_path({"data": {"path": "photos", "targets": "ages.csv", "target": "age"}}, project)
    assert found["data"] == {"path": f"{here}/photos", "targets": f"{project}/ages.csv", "target": "age"}


def test_unknown_experiment_names_near_misses() -> None:
    with pytest.raises(ConfigError, match="did you mean 'spam_imbalance'"):
        load_experiment("spam_inbalance")


def test_unknown_config_dir() -> None:
    with pytest.raises(ConfigError, match="nowhere"):
        load_experiment(SPAM, config_dir="/nowhere/at/all")


@pytest.mark.slow
def test_own_folder_adds_experiments_and_groups(bare_project: Path) -> None:
    assert {"messages", SPAM} <= set(experiment_names(bare_project))
    experiment = load_experiment("messages", config_dir=bare_project)
    assert experiment.project == bare_project
    assert experiment.config["data"]["rows"] == 80


@pytest.mark.slow
def test_a_data_file_is_looked_for_here_and_then_in_the_project(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Jobs and later launches may run in other folders, so the config holds an absolute path."""
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    (project / "mine.csv").write_text("in the project")

    def found() -> str:
        return str(load_experiment("messages", ["+data.path=mine.csv"], project).config["data"]["path"])

    in_project = load_experiment("messages", ["+data.path=mine.csv"], project)
    assert found() == str(project / "mine.csv")
    (here / "mine.csv").write_text("here")
    assert found() == str(here / "mine.csv")
    assert load_experiment("messages", ["+data.path=none.csv"], project).config["data"]["path"] == str(
        here / "none.csv"
    )
    # Where a file lies is no part of a recipe; what is in it counts by its digest.
    prints = {
        item.variants[0].fingerprint(0, {"data": "digest"})
        for item in (in_project, load_experiment("messages", ["+data.path=mine.csv"], project))
    }
    assert len(prints) == 1


def test_a_config_without_an_experiment_has_the_groups_that_are_chosen() -> None:
    base = BaseConfig("one_cycle", (), "schedule", beside=("optimizer=adamw", "trainer=default"))
    composed = base.compose(["optimizer=sgd", "schedule.div=3"])
    assert set(composed) == {"schedule", "optimizer", "trainer"}
    assert composed.optimizer._target_ == "torch.optim.SGD"
    assert composed.schedule.div == 3
    assert base.place == Request(base, ()).place == "schedule/one_cycle.yaml"


def test_hydras_own_part_is_given_where_it_is_asked_for() -> None:
    base = BaseConfig.of_experiment(SPAM, None)
    assert "hydra" not in base.compose()
    assert base.bare.hydra.runtime.choices["model"] == "mlp"


FOREST = "{_target_: sklearn.ensemble.RandomForestClassifier, n_estimators: 5}"


def test_a_whole_node_stands_in_place_of_a_choice() -> None:
    typed = ["variant=none", "model=mlp", f"model={FOREST}", "model.n_estimators=7", "+model.max_depth=2"]
    found = load_experiment(SPAM, typed)
    wanted = {"_target_": "sklearn.ensemble.RandomForestClassifier", "n_estimators": 7, "max_depth": 2}
    assert found.config["model"] == wanted
    assert found.notes == ()
    assert_refused([*typed, "model.max_deph=3"], ["model.max_deph"])
    assert_refused([*typed, "modl.hidden=[3]"], ["modl"])  # and not the node


MIXED = """
# @package _global_
defaults: [override /data: messages, override /model: mlp, override /task: classification]
question: Does it work?
seeds: 1
model: {hidden: [8]}
variants:
  network: []
  forest: ['model={_target_: sklearn.ensemble.RandomForestClassifier, n_estimators: 5}']
  linear: [model=logistic_regression]
report: {metric: test/accuracy}
"""


@pytest.mark.slow
def test_what_is_typed_is_for_the_variants_that_have_such_a_setting(bare_project: Path) -> None:
    (bare_project / "experiments" / "mixed.yaml").write_text(MIXED)
    found = load_experiment("mixed", ["model.hidden=[3]", "trainer.max_epochs=1"], bare_project)
    models = {variant.name: variant.config["model"] for variant in found.variants}
    assert models["network"]["hidden"] == [3]
    assert {name: "hidden" in model for name, model in models.items() if name != "network"} == {
        "forest": False,
        "linear": False,
    }
    assert found.notes[0] == "model.hidden=[3] is not set for forest, linear, which have no such setting."
    (note,) = load_experiment("mixed", ["variant=network,forest", "model.hidden=[3]"], bare_project).notes[:1]
    assert note == "model.hidden=[3] is not set for forest, which has no such setting."
    with pytest.raises(ConfigError, match=r"model\.hidden=\[3\]"):  # of no variant that is chosen
        load_experiment("mixed", ["variant=linear", "model.hidden=[3]"], bare_project)
    with pytest.raises(ConfigError, match="changes what variant forest sets for itself"):
        load_experiment("mixed", ["model.n_estimators=2"], bare_project)
