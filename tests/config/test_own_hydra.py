"""Hydra as the calling program has it, and names of any kind in what is told to Hydra."""

from __future__ import annotations

import os
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
from hydra.errors import HydraException
from hydra.version import getbase
from omegaconf import OmegaConf

from seedbed.cli.schedule_preview import preview
from seedbed.config.compose import hydra_settings
from seedbed.config.experiment import load_experiment
from seedbed.config.own_hydra import compose_config, own_hydra, search_path
from seedbed.errors import ConfigError
from seedbed.paths import config_groups
from seedbed.quoting import escaped
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


@pytest.mark.slow
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


@pytest.mark.slow
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
    assert using == ["own_hydra.py"]


@pytest.mark.slow
def test_a_file_that_changes_between_two_loads_is_read_again(bare_project: Path) -> None:
    """Even where neither its time nor its size tells."""
    path = bare_project / "experiments" / "messages.yaml"
    state = path.stat()
    assert load_experiment("messages", config_dir=bare_project).config["trainer"]["max_epochs"] == 2
    path.write_text(path.read_text().replace("max_epochs: 2", "max_epochs: 7"))
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert path.stat().st_size == state.st_size
    assert load_experiment("messages", config_dir=bare_project).config["trainer"]["max_epochs"] == 7
    path.unlink()
    with pytest.raises(ConfigError, match="There is no experiment 'messages'"):
        load_experiment("messages", config_dir=bare_project)


@pytest.mark.slow
def test_a_config_is_composed_again_only_where_a_file_has_changed(
    bare_project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = load_experiment("messages", config_dir=bare_project)
    with monkeypatch.context() as patch:
        patch.setattr("seedbed.config.own_hydra.compose", lambda *_, **__: pytest.fail("composed again"))
        assert load_experiment("messages", config_dir=bare_project) == first
    data = bare_project / "data" / "messages.yaml"
    data.write_text(data.read_text().replace("rows: 80", "rows: 90"))
    assert load_experiment("messages", config_dir=bare_project).config["data"]["rows"] == 90
    data.unlink()
    with pytest.raises(ConfigError, match=r"override /data: messages.: group .data. has no choice"):
        load_experiment("messages", config_dir=bare_project)


def test_variables_of_the_environment_are_read_anew(bare_project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = bare_project / "experiments" / "messages.yaml"
    path.write_text(f"{path.read_text()}hydra: {{job: {{env_copy: [OF_A_TEST]}}}}\n")
    for value in ("one", "two"):
        monkeypatch.setenv("OF_A_TEST", value)
        (found,) = hydra_settings("messages", [], bare_project).job.env_set.values()
        assert found == value


def test_what_one_composition_changes_is_as_it_was_in_the_next(bare_project: Path) -> None:
    asked = [search_path([bare_project]), "experiments=messages"]
    first = compose_config(asked)
    before = OmegaConf.to_yaml(first)
    for again in (lambda: compose_config(asked), lambda: compose_config([*asked, "seeds=3"])):
        first.model.hidden.append(3)
        del first.trainer
        first.variants.none = None
        first = again()
        assert OmegaConf.to_yaml(first) == before


@pytest.mark.parametrize(
    "overrides",
    [
        ["seeds=3", "model.hidden=[4,4]", "imbalance=oversample", "question='What?'"],
        ["model.hidden=[4]", "model={hidden:[8]}", "model.dropout=0.5"],
        ["model={hidden:[8]}", "model.hidden=[4]"],
        ["~trainer.batch_size", "+trainer.batch_size=${seeds}", "++trainer.more.deep=1"],
        ["optimizer=adamw", "optimizer.lr=0.5", "hydra.job.name=x", "seeds=2"],
    ],
)
def test_values_are_set_in_a_copy_as_hydra_sets_them(bare_project: Path, overrides: list[str]) -> None:
    asked = [search_path([bare_project]), "experiments=messages", *overrides]
    first = compose_config(asked)
    copied = compose_config(asked, groups=config_groups([bare_project]))
    assert OmegaConf.to_yaml(copied) == OmegaConf.to_yaml(first)
    assert OmegaConf.is_struct(copied)


@pytest.mark.parametrize(
    "unknown", ["model.hiden=[8]", "~model.hiden", "+seeds=3", "model.hidden=[4],[8]", "model@x=mlp", "own=1"]
)
def test_what_hydra_refuses_is_refused_alike(bare_project: Path, unknown: str) -> None:
    """A folder of the user's own is a group to Hydra, too."""
    (bare_project / "own").mkdir()
    asked = [search_path([bare_project]), "experiments=messages", unknown]
    said = []
    for groups in ((), config_groups([bare_project])):
        with pytest.raises((HydraException, ValueError)) as refused:
            compose_config(asked, groups=groups)
        said.append((refused.type, str(refused.value)))
    assert said[0] == said[1]


def test_other_values_compose_nothing_anew(bare_project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load_experiment("messages", ["variant=none"], bare_project)
    monkeypatch.setattr("seedbed.config.own_hydra.compose", lambda *_, **__: pytest.fail("composed again"))
    experiment = load_experiment("messages", ["variant=none", "model.hidden=[5]", "seeds=7"], bare_project)
    assert (experiment.config["model"]["hidden"], len(experiment.seeds)) == ([5], 7)


def test_a_defaults_list_may_refer_to_a_choice(bare_project: Path) -> None:
    (bare_project / "shared").mkdir()
    (bare_project / "shared" / "by_messages.yaml").write_text("patience: 7\n")
    path = bare_project / "experiments" / "messages.yaml"
    path.write_text(path.read_text().replace("defaults:\n", "defaults:\n  - /shared@_global_: by_${experiments}\n"))
    assert load_experiment("messages", config_dir=bare_project).config["patience"] == 7


@pytest.mark.slow
def test_names_of_columns_are_keys_that_no_config_has() -> None:
    given = ["variant=none", "data.path=a.csv", "data.label=l", "data.columns.zip=category"]
    more = ["data.columns={home town: boolean}", "data.columns.size=[small,large]"]
    config = load_experiment("feature_imbalance", [*given, *more]).config
    assert config["data"]["columns"] == {"zip": "category", "home town": "boolean", "size": ["small", "large"]}
    with pytest.raises(ConfigError, match=r"did you mean 'columns'"):
        load_experiment("feature_imbalance", [*given, "data.colunms.zip=category"])
    with pytest.raises(ConfigError, match=r"data\.columns: .*TextCsv has no such setting"):
        load_experiment("text_imbalance", ["variant=none", *given[1:], "data.text=t"])
