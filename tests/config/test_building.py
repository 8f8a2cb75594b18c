"""Objects made of config nodes, and what is said where one cannot be made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from seedbed.config.building import build
from seedbed.errors import ConfigError


def test_build_says_what_is_wrong() -> None:
    with pytest.raises(ConfigError, match=r"model: cannot build .*mlp.*unexpected keyword.*hiden"):
        build({"_target_": "seedbed.models.mlp.mlp", "in_features": 1, "out_features": 1, "hiden": [3]}, "model")


def test_an_error_of_ones_own_constructor_is_named_with_its_line_and_no_hint_at_arguments(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "picky.py").write_text("def made(n):\n    raise RuntimeError(f'{n} is odd')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ConfigError) as error:
        build({"_target_": "picky.made", "n": 3}, "module")
    assert str(error.value) == "module: cannot build picky.made: RuntimeError: 3 is odd (picky.py:2)"
    with pytest.raises(ConfigError, match="The keys of the config node are the arguments"):
        build({"_target_": "picky.made"}, "module")


def test_build_names_installed_versions_where_an_import_fails() -> None:
    config: dict[str, Any] = {"_target_": "imblearn.over_sampling.SMOTEE"}
    with pytest.raises(ConfigError, match=r"imbalanced-learn \d.*scikit-learn \d"):
        build(config, "imbalance.sampler")


def test_an_import_error_of_ones_own_class_names_the_module_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "half_done.py").write_text("import no_such_package\n\n\nclass Split:\n    pass\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ConfigError) as error:
        build({"_target_": "half_done.Split"}, "split")
    for part in ("split: _target_=half_done.Split", "No module named 'no_such_package'", "--config-dir"):
        assert part in str(error.value)
    for part in ("scikit-learn", "torch", "Are you sure"):
        assert part not in str(error.value)


def test_a_missing_name_is_compared_with_those_of_its_module() -> None:
    with pytest.raises(ConfigError, match=r"seedbed.models.mlp has no 'mpl', did you mean 'mlp'"):
        build({"_target_": "seedbed.models.mlp.mpl"}, "model")
