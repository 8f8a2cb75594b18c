"""A value of another kind than its key takes is refused when the experiment is loaded, and what fits is taken as before."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import strategies
from omegaconf import OmegaConf
from torch import Tensor

from seedbed.checks import is_installed
from seedbed.config.experiment import load_experiment
from seedbed.config.values import SETTINGS, fits, misfit, wanted
from seedbed.errors import ConfigError
from seedbed.paths import resources
from tests.properties import Examine

SPLIT = {"_target_": "seedbed.data.splits.GroupStratifiedSplit", "train": 0.7, "val": 0.1, "test": 0.2}
TEXTS = {"_target_": "seedbed.data.text_csv.TextCsv", "path": "reviews.csv", "text": 0, "label": "stars"}
ADAM = {"_target_": "torch.optim.AdamW", "_partial_": True, "betas": [0.9, 0.99], "fused": None}
MLP = {"_target_": "seedbed.models.mlp.mlp", "_partial_": True, "hidden": [8, 4], "dropout": 0}


class Switches:
    """A class of a user's, who may mean more by an annotation than it says."""

    def __init__(self, on: bool = True, number: int = 3, share: float = 0.5, name: str = "", many: Any = None) -> None:
        self.on = on


OWN = {"_target_": f"{__name__}.Switches"}


@pytest.mark.parametrize(
    ("group", "node", "said"),
    [
        ("split", SPLIT | {"per_seed": "flase"}, "split.per_seed=flase: give true or false, did you mean false?"),
        ("split", SPLIT | {"per_seed": 1}, "did you mean true?"),
        ("split", SPLIT | {"test": True}, "give a number"),
        ("split", SPLIT | {"val": "a tenth"}, "give a number"),
        ("split", SPLIT | {"val": float("nan")}, "give a number"),
        ("data", TEXTS | {"case_sensitive": 3}, "data.case_sensitive=3: give true or false"),
        ("data", TEXTS | {"header": "no"}, "data.header=no: give true or false, did you mean false?"),
        ("data", TEXTS | {"path": 3}, "data.path=3: give text or null"),
        ("data", TEXTS | {"label": [1]}, "data.label=[1]: give text, a whole number or null"),
        ("data", TEXTS | {"encoder": "tfidf"}, "data.encoder=tfidf: give a node with a _target_"),
        ("data", {"_target_": "seedbed.data.sms_spam.SmsSpam", "root": 3}, "data.root=3: give text or null"),
        ("model", MLP | {"hidden": 8}, "model.hidden=8: give a list of whole numbers, such as [8]"),
        ("model", MLP | {"hidden": [8, 4.5]}, "model.hidden=[8,4.5]: give a list of whole numbers"),
        ("model", MLP | {"dropout": False}, "model.dropout=false: give a number"),
        ("model", MLP | {"_partial_": "maybe"}, "model._partial_=maybe: give true or false"),
        ("optimizer", ADAM | {"lr": "abc"}, "optimizer.lr=abc: give a number or auto"),
        ("optimizer", ADAM | {"fused": "maybe"}, "optimizer.fused=maybe: give true, false or null"),
        ("optimizer", ADAM | {"betas": [0.9]}, "optimizer.betas=[0.9]: give a list of numbers"),
        ("task", {"_target_": "seedbed.tasks.retrieval.Retrieval", "loss": "bpq"}, "in_batch_softmax or bpr, did you mean bpr?"),
        ("task", {"_target_": "seedbed.tasks.cold_start.ColdStart", "vocabulary": "flie"}, "did you mean file?"),
        ("schedule", {"_target_": "seedbed.schedules.Phases", "phases": [[0.1, 3], [0.1]]}, "give a list of lists"),
        ("imbalance", {"_target_": "seedbed.imbalance.resample.Resample", "sampler": {"_target_": "imblearn.under_sampling.RandomUnderSampler", "replacement": "flase"}}, "imbalance.sampler.replacement=flase: give true or false, did you mean false?"),
        ("imbalance", {"_target_": "seedbed.imbalance.resample.Resample", "sampler": {"_target_": "imblearn.over_sampling.SMOTE", "k_neighbors": "x"}}, "imbalance.sampler.k_neighbors=x: give an int"),
        ("model", OWN | {"on": "flase"}, "model.on=flase: give true or false, did you mean false?"),
        ("model", OWN | {"number": "many"}, "model.number=many: give a whole number"),
        ("model", OWN | {"share": [0.5]}, "model.share=[0.5]: give a number"),
    ],
    ids=str,
)  # fmt: skip
def test_an_argument_of_another_kind_is_found(group: str, node: dict[str, Any], said: str) -> None:
    found = misfit({group: node})
    assert found is not None
    key = f"{found.key}={found.value}"
    assert said.partition("=")[0] in key if "=" in said else True
    assert said.rpartition("give ")[2] in found.wanted


@pytest.mark.parametrize(
    ("group", "node"),
    [
        ("split", SPLIT | {"test": 0, "per_seed": False}),
        (
            "data",
            TEXTS | {"label": None, "header": False, "encoder": {"_target_": "seedbed.data.encoders.HashEncoder"}},
        ),
        ("data", {"_target_": "seedbed.data.feature_csv.FeatureCsv", "features": ["a", 1], "scaler": None}),
        ("optimizer", ADAM | {"lr": "auto"}),
        ("optimizer", ADAM | {"lr": 1}),
        ("model", MLP),
        ("model", OWN | {"on": 3, "number": 0.5, "share": True, "name": 7, "many": "any"}),
        ("model", {"_target_": "no.such.thing", "on": "flase"}),
        ("schedule", {"_target_": "seedbed.schedules.Phases", "phases": [[0.1, 3], [1, 3]]}),
    ],
    ids=str,
)
def test_what_fits_is_taken(group: str, node: dict[str, Any]) -> None:
    assert misfit({group: node}) is None


@pytest.mark.parametrize(
    "override",
    [
        "split.per_seed=flase", "trainer.deterministic=maybe", "data.case_sensitive=3", "seeds=99999999999", "data.root=3",
        "seeds=true", "patience=true", "select=3", "monitor=[val/loss]", "report.bars=3std", "report.axis=3", "report.rope=x",
        "report.loss=maybe", "report=3", "published=3", "trainer.precision=abc", "trainer.max_epochs=2.5",
        "trainer.batch_size=all", "trainer.gradient_clip_val=x", "tracking.pictures=yes", "tracking.checkpoints=3",
        "search.trials=abc", "search.fresh_seeds=1.5", "search.params=3", "lr_finder.steps=x", "lr_finder=3",
        "variant={a:1}", "+trainer.benchmark=maybe", "trainer.seeds_at_once=2.5",
    ],
)  # fmt: skip
def test_a_typed_value_of_another_kind_is_refused_and_named(override: str) -> None:
    given = [] if override.startswith("variant") else ["variant=none"]
    with pytest.raises(ConfigError) as error:
        load_experiment("spam_imbalance", [*given, override])
    key, _, value = override.lstrip("+").partition("=")
    assert key in str(error.value)
    assert "Error" not in str(error.value)
    assert value.strip("[]{}").partition(":")[0].lower() in str(error.value).lower()


def test_a_value_in_the_file_is_named_with_its_place(bare_project: Path) -> None:
    path = bare_project / "experiments" / "messages.yaml"
    path.write_text(path.read_text().replace("model: {hidden: [8]}", "model: {hidden: [8]}\nsplit: {per_seed: 'off'}"))
    with pytest.raises(
        ConfigError, match=r"experiments/messages.yaml.*split.per_seed=off: give true or false, did you mean false"
    ):
        load_experiment("messages", [], bare_project)  # fmt: skip


def test_a_value_of_a_variant_is_named_with_its_override(bare_project: Path) -> None:
    path = bare_project / "experiments" / "messages.yaml"
    path.write_text(path.read_text().replace("none: [imbalance=none]", "none: [model.dropout=half]"))
    with pytest.raises(ConfigError, match=r"variant 'none': 'model.dropout=half': model.dropout=half: give a number"):
        load_experiment("messages", [], bare_project)


def test_shipped_choices_fit(examine: Examine) -> None:
    paths = sorted(path for group in ("split", "model", "task", "imbalance", "optimizer", "schedule", "data", "data/encoder")
                   for path in (resources() / "conf" / group).glob("*.yaml"))  # fmt: skip

    def holds(path: Path) -> None:
        read = OmegaConf.to_container(OmegaConf.load(path))
        assert isinstance(read, dict)
        content = {key: value for key, value in read.items() if "${" not in str(value)}
        optional = not is_installed("nlpaug") and path.stem == "nlpaug"
        assert optional or misfit({path.parent.name if path.parent.name != "encoder" else "data": content}) is None

    examine(holds, path=strategies.sampled_from(paths))


VALUES = strategies.recursive(
    strategies.none() | strategies.booleans() | strategies.integers() | strategies.floats(allow_nan=False) | strategies.text(),
    lambda inner: strategies.lists(inner, max_size=3) | strategies.dictionaries(strategies.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)  # fmt: skip
ANNOTATIONS: list[Any] = [
    bool, int, float, str, bool | None, int | str, float | Tensor, Sequence[int], list[str] | None, tuple[float, int],
    Mapping[str, Any], Literal["a", "b"], Callable[[int], int] | None, *SETTINGS.values(),
]  # fmt: skip


def test_any_value_fits_or_is_answered(examine: Examine) -> None:
    def holds(value: Any, annotation: Any) -> None:
        if fits(value, annotation):
            assert annotation is not bool or isinstance(value, bool)
            assert annotation is not int or (isinstance(value, int) and not isinstance(value, bool))
            assert annotation is not str or isinstance(value, str)
        else:
            assert wanted(value, annotation)
            assert annotation not in (bool, int, float, str) or type(value) is not annotation or annotation is float

    examine(holds, value=VALUES, annotation=strategies.sampled_from(ANNOTATIONS))
