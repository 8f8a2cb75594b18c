"""Hydra as the calling program has it, and names of any kind in what is told to Hydra."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hydra
import pytest
from hydra import compose
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.singleton import Singleton
from hydra.version import getbase
from omegaconf import OmegaConf

from seedbed.cli.schedule_preview import preview
from seedbed.config.compose import BaseConfig, Request, experiment_names, own_hydra, search_path
from seedbed.config.experiment import load_experiment
from seedbed.errors import ConfigError
from seedbed.quoting import escaped
from tests.config.refusals import SPAM, assert_refused, first_override
from tests.conftest import write_project
from tests.properties import Examine
from tests.tracking.test_client import NAMES


@pytest.fixture
def of_the_caller(tmp_path: Path) -> Iterator[Path]:
    """Hydra, initialised on a folder of the caller's; all of Hydra is afterwards as it was."""
    before, repo = dict(Singleton._instances), ConfigStore.instance().repo
    ConfigStore.instance().repo = dict(repo)
    GlobalHydra.instance().clear()
    folder = tmp_path / "caller"
    folder.mkdir()
    (folder / "own.yaml").write_text("a: 1\n")
    ConfigStore.instance().store(name="config", node={"b": 2})  # names that seedbed's configs have too
    ConfigStore.instance().store(group="model", name="mlp", node={"c": 3})
    hydra.initialize_config_dir(str(folder), job_name="caller", version_base="1.3")
    yield folder
    ConfigStore.instance().repo = repo
    Singleton._instances.clear()
    Singleton._instances.update(before)


def _state() -> tuple[Any, ...]:
    store = ConfigStore.instance().repo
    return GlobalHydra.instance().hydra, getbase(), sorted(store), dict(store["model"])


@pytest.mark.parametrize("overrides", [[], ["nonsense=1"], ["seeds=["]], ids=["done", "unknown key", "bad grammar"])
def test_the_callers_hydra_is_left_as_it_was(of_the_caller: Path, bare_project: Path, overrides: list[str]) -> None:
    before = _state()
    if overrides:
        with pytest.raises(ConfigError):
            load_experiment("messages", overrides, bare_project)
    else:
        load_experiment("messages", overrides, bare_project)
        preview("one_cycle", steps_per_epoch=5)
    assert _state() == before
    assert compose("own").a == 1


def test_one_inside_the_other_and_after_an_error(of_the_caller: Path) -> None:
    before = _state()
    with pytest.raises(ZeroDivisionError):
        _fails_inside()
    assert _state() == before


def _fails_inside() -> None:
    with own_hydra() as outer:
        with own_hydra() as inner:
            assert inner is not outer
        assert GlobalHydra.instance() is outer
        raise ZeroDivisionError


def test_inside_hydra_main(of_the_caller: Path, bare_project: Path) -> None:
    config = compose("own", return_hydra_config=True)
    HydraConfig.instance().set_config(config)
    load_experiment("messages", [], bare_project)
    assert HydraConfig.get().job.config_name == config.hydra.job.config_name
    HydraConfig.instance().cfg = None


def test_without_a_hydra_of_the_callers_there_is_none_afterwards(bare_project: Path) -> None:
    load_experiment("messages", [], bare_project)
    assert not GlobalHydra.instance().is_initialized()


@pytest.mark.parametrize("name", ["o'brien", "a\n, \\", "${x}"])
def test_experiments_are_found_in_folders_of_any_name(tmp_path: Path, name: str) -> None:
    assert load_experiment("messages", ["seeds=2"], write_project(tmp_path / name)).seeds == (0, 1)


def test_folders_in_hydras_grammar(examine: Examine) -> None:
    def holds(name: str) -> None:
        (override,) = OverridesParser.create().parse_overrides([search_path([Path("/a") / name, Path("/b")])])
        assert override.value() == [f"file:///a/{name}", "file:///b"]
        assert OmegaConf.create({"key": escaped(name)}).key == name

    examine(holds, name=NAMES)


def test_only_own_hydra_initialises_hydra() -> None:
    source = Path(__file__).resolve().parents[2] / "src"
    using = [
        path.name for path in source.rglob("*.py") if re.search(r"initialize_config|GlobalHydra", path.read_text())
    ]
    assert using == ["compose.py"]


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["task=cold_start"], ["task.side is that of split.side", "split=held_out"]),
    ],
    ids=first_override,
)  # fmt: skip
def test_a_value_of_another_keys_that_is_not_there(overrides: list[str], said: list[str]) -> None:
    assert_refused(overrides, said)


def test_unknown_experiment_names_near_misses() -> None:
    with pytest.raises(ConfigError, match="did you mean 'spam_imbalance'"):
        load_experiment("spam_inbalance")


def test_unknown_config_dir() -> None:
    with pytest.raises(ConfigError, match="nowhere"):
        load_experiment(SPAM, config_dir="/nowhere/at/all")


def test_own_folder_adds_experiments_and_groups(bare_project: Path) -> None:
    assert {"messages", SPAM} <= set(experiment_names(bare_project))
    experiment = load_experiment("messages", config_dir=bare_project)
    assert experiment.project == bare_project
    assert experiment.config["data"]["rows"] == 80


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
