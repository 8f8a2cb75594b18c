"""Where configs and code are looked for, and what is said where they lie elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from seedbed.config.code import check_code
from seedbed.config.folders import check_name
from seedbed.errors import ConfigError


def test_what_lies_in_the_project_folder_is_named_with_what_finds_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SEEDBED_PROJECT", raising=False)
    (tmp_path / "experiments").mkdir()
    (tmp_path / "experiments" / "reg.yaml").touch()
    (tmp_path / "unseen_code.py").touch()
    (tmp_path / "inner").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=r"reg.yaml .*: add --config-dir \. \(in Python config_dir='\.'\)\.$"):
        check_name("reg")
    with pytest.raises(ConfigError, match=r"There is no experiment 'rex' in "):
        check_name("rex")
    with pytest.raises(ConfigError, match=r"model._target_=unseen_code.Net: .* but one in .*: add --config-dir \."):
        check_code({"model._target_": "unseen_code.Net"})
    monkeypatch.chdir(tmp_path / "inner")
    with pytest.raises(ConfigError, match=rf"add --config-dir {tmp_path.resolve()} "):
        check_name("reg")


def test_a_folder_without_experiments_is_named_with_the_one_that_has_them(tmp_path: Path) -> None:
    (tmp_path / "mine" / "experiments").mkdir(parents=True)
    (tmp_path / "mine" / "experiments" / "reg.yaml").touch()
    with pytest.raises(ConfigError, match=rf"--config-dir {tmp_path}: there is no folder experiments/ in it\. Name"):
        check_name("reg", tmp_path)
    with pytest.raises(ConfigError, match=rf"Name the folder that holds experiments/, such as {tmp_path / 'mine'}\."):
        check_name("reg", tmp_path / "mine" / "experiments")
    with pytest.raises(ConfigError, match=r"There is no experiment 'experiments/reg\.yaml' in .*did you mean 'reg'"):
        check_name("experiments/reg.yaml", tmp_path / "mine")
