"""``seedbed run --cfg job`` and ``--info``: the config as Hydra's users know it."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from seedbed.cli.main import main
from seedbed.config.experiment import load_experiment
from tests.own_modules import projects
from tests.several import write_experiment, write_tables


def shown(project: Path, *arguments: str, name: str = "messages") -> Result:
    return CliRunner().invoke(main, ["run", name, *arguments, "--config-dir", str(project)])


def test_the_config_of_a_variant_is_the_one_that_it_trains_by(bare_project: Path) -> None:
    overrides = ["variant=oversample", "optimizer.lr=0.02"]
    done = shown(bare_project, *overrides, "--cfg", "job", "--resolve")
    assert done.exit_code == 0, done.output
    (variant,) = load_experiment("messages", overrides, bare_project).variants
    assert yaml.safe_load(done.stdout) == variant.config
    assert variant.config["optimizer"]["lr"] == 0.02
    assert not (bare_project / "mlflow.db").exists()


def test_without_a_variant_it_is_what_all_share(bare_project: Path) -> None:
    path = bare_project / "experiments" / "messages.yaml"
    path.write_text(path.read_text() + "patience: ${trainer.max_epochs}\n")
    config = yaml.safe_load(shown(bare_project, "trainer.max_epochs=7", "--cfg", "job").stdout)
    assert config["imbalance"] == {"_target_": "seedbed.imbalance.base.Strategy"}  # of no variant
    assert (config["trainer"]["max_epochs"], config["patience"]) == (7, "${trainer.max_epochs}")
    resolved = yaml.safe_load(shown(bare_project, "trainer.max_epochs=7", "-c", "job", "--resolve").stdout)
    assert resolved["patience"] == 7


def test_a_part_of_the_config(bare_project: Path) -> None:
    done = shown(bare_project, "--cfg", "job", "--package", "model")
    assert done.stdout.startswith("# @package model\n")
    assert yaml.safe_load(done.stdout)["hidden"] == [8]
    assert shown(bare_project, "--cfg", "job", "-p", "trainer.batch_size").stdout == "16\n"
    wrong = shown(bare_project, "--cfg", "job", "-p", "modl")
    assert wrong.exit_code == 2
    assert "did you mean 'model'" in wrong.stderr


def test_the_config_on_a_data_set(tmp_path: Path) -> None:
    write_tables(tmp_path)
    write_experiment(tmp_path)
    on_all = yaml.safe_load(shown(tmp_path, "variant=smote", "-c", "job", name="many").stdout)
    on_one = yaml.safe_load(shown(tmp_path, "variant=smote", "data_sets=two", "-c", "job", name="many").stdout)
    assert "data" not in on_all  # the file chooses none beside its list
    assert (on_one["data"]["path"], on_one["imbalance"]["sampler"]["k_neighbors"]) == ("two.csv", 2)


def test_the_seed_of_a_cell_stays_open_in_the_config_of_a_module(tmp_path: Path, empty_store: Path) -> None:
    folder = projects.write(tmp_path / "own", empty_store, name="shown_module")
    done = shown(folder, "variant=wide", "--cfg", "job", "--resolve", name="width")
    assert done.exit_code == 0, done.output
    config = yaml.safe_load(done.stdout)
    assert config == load_experiment("width", ["variant=wide"], folder).variants[0].config
    assert (config["datamodule"]["split_seed"], config["module"]["hidden"]) == ("${seed}", 8)


def test_where_the_config_comes_from(bare_project: Path) -> None:
    done = shown(bare_project, "variant=oversample", "optimizer=sgd", "--info", "config")
    assert done.exit_code == 0, done.output
    for part in ("Config search path\n***", "Defaults Tree\n***", "Defaults List\n***", "Config\n***"):
        assert part in done.stdout
    assert f"file://{bare_project.resolve()}" in done.stdout
    for chosen in ("data/messages", "imbalance/oversample", "optimizer/sgd", "experiments/messages"):
        assert f"| {chosen} " in done.stdout
    only = shown(bare_project, "--info", "searchpath").stdout
    assert only.startswith("Config search path\n")
    assert "Defaults" not in only


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--cfg", "job", "variant=oversampel"), "did you mean 'oversample'"),
        (("--info", "config", "optimizer=sgdd"), "did you mean 'sgd'"),
        (("--cfg", "job", "--info", "config"), "--cfg and --info are answered one at a time"),
        (("-m", "--cfg", "job", "optimizer.lr=1,2"), "Leave -m out"),
        (("--resolve",), "Add --cfg job"),
    ],
)
def test_bad_input(bare_project: Path, arguments: tuple[str, ...], said: str) -> None:
    done = shown(bare_project, *arguments)
    assert done.exit_code == 2
    assert said in done.stderr
