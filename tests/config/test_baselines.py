"""A baseline for each compared variant, as ``report.baseline`` says it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from seedbed.config.baselines import ALL_PAIRS, Baselines
from seedbed.config.experiment import load_experiment
from seedbed.config.settings import ReportSettings
from seedbed.errors import ConfigError
from tests.config.test_settings import REPORT
from tests.conftest import write_project

VARIANTS = ["lr", "lr_smote", "gb", "gb_smote", "none"]


@pytest.mark.parametrize(
    ("stated", "said"),
    [
        ({}, r"^report\.baseline=\{\} cannot be used: it must be \{VARIANT: BASELINE, \.\.\.\}, the name of one"),
        ({"lr_smoet": "lr"}, r"^report\.baseline=\{lr_smoet: lr\}: the experiment has no variant 'lr_smoet', did you mean 'lr_smote'"),
        ({"lr_smote": "nome"}, r"^report\.baseline=\{lr_smote: nome\}: the experiment has no variant 'nome', did you mean 'none'"),
        ({"gb_smote": "gb", "lr": "lr"}, r"^report\.baseline=\{lr: lr\}: no variant is compared with itself"),
        ({"lr_smote": 3}, r"^report\.baseline=\{lr_smote: 3\} cannot be used: .* put a number in quotes"),
        ({"lr_smote": None}, r"^report\.baseline=\{lr_smote: null\} cannot be used: it must be the names of two variants"),
        ({"lr_smote": {"a": "lr"}}, r"cannot be used: it must be the names of two variants"),
        ({1: "lr"}, r"^report\.baseline=\{1: lr\} cannot be used"),
        (["lr"], r"^report\.baseline=\[lr\]: the experiment has no variant"),
        ("nome", r"^report\.baseline=nome: the experiment has no variant 'nome', did you mean 'none'"),
    ],
)  # fmt: skip
def test_what_names_no_baselines_is_refused(stated: Any, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        ReportSettings.of({"report": REPORT | {"baseline": stated}, "variants": {key: [] for key in VARIANTS}})


def test_pairs_come_in_the_order_of_the_variants() -> None:
    own = Baselines.of({"gb_smote": "gb", "none": "lr", "lr_smote": "lr"})
    assert own.pairs(VARIANTS) == [("lr_smote", "lr"), ("gb_smote", "gb"), ("none", "lr")]
    assert own.names == ["gb", "lr"]
    assert [own.baseline_of(name) for name in VARIANTS] == [None, "lr", None, "gb", "lr"]
    one = Baselines.of("lr")
    assert one.pairs(VARIANTS[:3]) == [("lr_smote", "lr"), ("gb", "lr")]
    assert one.baseline_of("lr") is None
    assert len(Baselines.of(None).pairs(VARIANTS)) == 10


def test_of_fewer_variants_the_pairs_that_are_whole_stay() -> None:
    own = Baselines.of({"gb_smote": "gb", "lr_smote": "lr"})
    assert own.among(["lr", "lr_smote", "gb"]) == Baselines.of({"lr_smote": "lr"})
    assert own.among(["lr", "gb"]) is None
    assert Baselines.of("lr").among(["gb"]) is None
    assert ALL_PAIRS.among(["gb"]) == ALL_PAIRS


@pytest.mark.slow
def test_another_mapping_is_put_into_that_of_a_file_entry_by_entry(tmp_path: Path) -> None:
    file = write_project(tmp_path / "project") / "experiments" / "all_six.yaml"
    file.write_text(file.read_text().replace("baseline: none", "baseline: {smote: none}"))
    with pytest.raises(ConfigError, match=r"is the mapping .*: \+report\.baseline\.NAME=VALUE adds one"):
        load_experiment("all_six", ["report.baseline={undersample: none}"], tmp_path / "project")
    changed = load_experiment(
        "all_six", ["~report.baseline.smote", "+report.baseline.undersample=none"], tmp_path / "project"
    )
    assert changed.report.baseline == {"undersample": "none"}
