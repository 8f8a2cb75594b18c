"""The schemas by which editors complete, explain and underline, and the lines by which files name theirs."""

from __future__ import annotations

import importlib.metadata
import json
from pathlib import Path
from typing import Any, Literal

import pytest
from click.testing import CliRunner
from jsonschema import Draft7Validator
from omegaconf import OmegaConf
from referencing import Registry
from referencing.jsonschema import DRAFT7
from sklearn.ensemble import RandomForestClassifier

from seedbed.cli.main import main
from seedbed.config.schema.files import EXPERIMENT, as_text, schemas
from seedbed.config.schema.json_types import of_annotation, of_rules
from seedbed.config.schema.meanings import comments_of, of_arguments, of_fields
from seedbed.config.settings import ReportSettings
from seedbed.config.values import fits
from tests.conftest import REPOSITORY

FOLDER = REPOSITORY / "conf" / "schema"
FILES = sorted([*(REPOSITORY / "conf").rglob("*.yaml"), *(REPOSITORY / "experiments").glob("*.yaml")])
OF_PACKAGES = ("torch", "pytorch-lightning", "scikit-learn", "imbalanced-learn", "optuna")
"""What classes of these packages take is part of the schemas."""
FILE = """
defaults:
  - override /data: text_csv
  - override /model: mlp
  - override /task: classification
question: Does it?
seeds: 10
data: {path: my.csv, decimal: comma, encoder: {threads: 2}}
model: {hidden: [8], dropout: 0.1}
optimizer: {lr: 1e-3}
trainer: {max_epochs: 2}
search: {params: {optimizer.lr: "interval(1e-3, 1e-1)"}}
variants:
  none: [imbalance=none]
  smote: [imbalance=smote, imbalance.sampler.k_neighbors=3, ~model.dropout]
report: {metric: test/f1, baseline: none, bars: 2std}
"""


def errors(schema: dict[str, Any], text: str) -> list[str]:
    """What is underlined in a YAML file: the dotted key, or the place in a list, of each mistake."""
    content = OmegaConf.to_container(OmegaConf.create(text)) or None
    found = Draft7Validator(schema).iter_errors(json.loads(json.dumps(content)))
    return [".".join(map(str, error.absolute_path)) for error in found]


@pytest.fixture(scope="module")
def experiment() -> dict[str, Any]:
    return dict(json.loads((FOLDER / EXPERIMENT).read_text()))


@pytest.mark.slow
def test_every_shipped_file_names_its_schema_and_is_valid() -> None:
    read = {path.name: json.loads(path.read_text()) for path in FOLDER.glob("*.json")}
    named: Registry[Any] = Registry().with_resources(
        (name, DRAFT7.create_resource(each)) for name, each in read.items()
    )
    validators = {name: Draft7Validator(each, registry=named) for name, each in read.items()}
    used = set()
    for path in FILES:
        lines = path.read_text().splitlines()
        line = lines[1] if path.parent.name == "experiments" else lines[0]
        schema = path.parent / line.removeprefix("# yaml-language-server: $schema=")
        content = OmegaConf.to_container(OmegaConf.load(path)) or None
        assert schema.resolve().parent == FOLDER, path
        assert [
            error.message for error in validators[schema.name].iter_errors(json.loads(json.dumps(content)))
        ] == [], path
        used.add(schema.name)
    assert used == set(read)


@pytest.mark.slow
def test_the_shipped_schemas_are_those_that_the_code_gives() -> None:
    pins = dict(line.split("==") for line in (REPOSITORY / "constraints.txt").read_text().split() if "==" in line)
    others = [name for name in OF_PACKAGES if importlib.metadata.version(name).partition("+")[0] != pins[name]]
    if others:
        pytest.skip(f"other versions than those of constraints.txt: {', '.join(others)}")
    made = {name: as_text(schema) for name, schema in schemas().items()}
    assert made.keys() == {path.name for path in FOLDER.iterdir()}
    stale = [name for name, text in made.items() if text != (FOLDER / name).read_text("utf-8")]
    assert stale == [], "write them again: seedbed schema --output conf/schema"


def test_schemas_are_of_their_draft() -> None:
    for path in FOLDER.iterdir():
        Draft7Validator.check_schema(json.loads(path.read_text()))


@pytest.mark.parametrize(
    ("right", "wrong", "place"),
    [
        ("model: {hidden", "modle: {hidden", ""),
        ("hidden: [8]", "hiden: [8]", "model"),
        ("decimal: comma", "dezimal: comma", "data"),
        ("threads: 2", "thraeds: 2", "data.encoder"),
        ("dropout: 0.1", "dropout: much", "model.dropout"),
        ("hidden: [8]", "hidden: 8", "model.hidden"),
        ("max_epochs: 2", "max_epochs: 2.5", "trainer.max_epochs"),
        ("max_epochs: 2", "min_epochs: 2", "trainer"),
        ("/model: mlp", "/model: mpl", "defaults.1.override /model"),
        ("override /model: mlp", "override /modle: mlp", "defaults.1"),
        ("override /model: mlp", "/model: mlp", "defaults.1"),
        ("bars: 2std", "bars: 3std", "report.bars"),
        ("metric: test/f1", "metric: f1", "report.metric"),
        ("imbalance=smote,", "imbalance=smott,", "variants.smote.0"),
        ("[imbalance=none]", "imbalance=none", "variants.none"),
        ("[imbalance=none]", "[{imbalance: none}]", "variants.none.0"),
        ("seeds: 10", "seeds: 0", "seeds"),
        ("seeds: 10", "seeds: [1, 1]", "seeds"),
        ("seeds: 10", "seeds: ten", "seeds"),
        ("{params:", "{parms:", "search"),
        ("question:", "module: {_target_: mine.Net}\nquestion:", ""),
    ],
)
def test_mistakes_are_underlined(experiment: dict[str, Any], right: str, wrong: str, place: str) -> None:
    assert FILE.count(right) == 1
    assert errors(experiment, FILE.replace(right, wrong)) == [place]


@pytest.mark.parametrize(
    ("plain", "open_by_design"),
    [
        ("question", "question"),
        ("max_epochs: 2", "max_epochs: '${patience}'"),
        ("dropout: 0.1", "dropout: '???'"),
        ("hidden: [8]", "hidden: ['${_width}']"),
        ("question:", "_width: 8\nquestion:"),
        ("lr: 1e-3", "lr: auto"),
        ("lr: 1e-3", "lr: 1e-3, betas: [0.9, 0.99]"),
        ("model: {", "model: {_target_: mynet.Net, depth: 3, "),
        ("[imbalance=none]", "['model={_target_: mynet.Net}', +model.depth=3, ++trainer.max_steps=9, data.text=a b]"),
        ("trainer:", "callbacks: {mine: {_target_: mycalls.Call, often: 3}}\ntrainer:"),
        ("trainer:", "hydra: {sweeper: {n_jobs: 3}}\ntrainer:"),
        ("trainer:", "data_sets: {a: [data=keel, data.name=pima], b: [data.path=b.csv]}\ntrainer:"),
        ("trainer:", "data_sets: {collection: keel}\ntrainer:"),
        ("defaults:", "defaults:\n  - _self_\n  - spam_imbalance\n  - override hydra/launcher: joblib"),
        ("override /task: classification", "override /imbalance/after@_global_.imbalance.after: threshold"),
        ("baseline: none", "baseline: {smote: none}"),
    ],
)
def test_what_is_open_by_design_is_not_underlined(experiment: dict[str, Any], plain: str, open_by_design: str) -> None:
    assert plain in FILE
    assert errors(experiment, FILE.replace(plain, open_by_design)) == []


def test_modules_of_lightning_take_all_that_its_trainer_takes(experiment: dict[str, Any]) -> None:
    text = (
        "defaults: [{override /task: lightning}]\nmodule: {_target_: mine.Net}\nmetrics: {test/acc: higher}\n"
        "trainer: {fast_dev_run: true, max_epochs: 3}\n"
    )
    assert errors(experiment, text) == []
    assert errors(experiment, text.replace("lightning", "regression")) == ["trainer", "", ""]


def test_keys_and_choices_are_explained(experiment: dict[str, Any]) -> None:
    mlp = experiment["definitions"]["model=mlp"]
    assert mlp["description"].startswith("model=mlp: linear layers with ReLU")
    assert mlp["then"]["properties"]["hidden"]["default"] == [256, 128]
    smote = experiment["definitions"]["imbalance=borderline_smote"]["then"]["properties"]["sampler"]
    assert smote["then"]["properties"]["m_neighbors"]["description"].startswith("a row is near the border if")
    assert experiment["definitions"]["data=text_csv"]["then"]["properties"]["quoting"]["description"].startswith("csv:")
    assert "2" not in experiment["definitions"]["trainer"]["properties"]["max_epochs"]["description"]
    choices = experiment["definitions"]["choice_of_model"]["defaultSnippets"]
    assert {"label": "mlp", "body": "mlp", "description": mlp["description"]} in choices
    (task,) = [
        each["then"]["properties"]["report"]["properties"]["metric"]["defaultSnippets"]
        for each in experiment["allOf"]
        if "classification" in json.dumps(each["if"]) and "report" in each["then"]["properties"]
    ]
    assert {"label": "test/f1", "body": "test/f1"} in task


# ---- types and meanings ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "annotation",
    [
        int, float, str, bool, int | None, str | int, list[int], tuple[float, float], dict[str, Any], Any, Path,
        int | Literal["auto"], bool | Literal["both"], Literal["a", "b"], list[list[float]] | None,
    ],
    ids=str,
)  # fmt: skip
def test_a_schema_takes_what_the_check_of_values_takes(annotation: Any) -> None:
    validator = Draft7Validator(of_annotation(annotation))
    for value in (3, 2.5, True, None, "a", "auto", "both", [1], [0.5, 1], [[0.5]], [1, 2, 3], {"a": 1}):
        assert validator.is_valid(value) == fits(value, annotation), value
    assert validator.is_valid("${trainer.max_epochs}")
    assert validator.is_valid("???")


def test_rules_of_scikit_learn_are_kinds_of_values() -> None:
    rules = RandomForestClassifier._parameter_constraints
    features, depth = (Draft7Validator(of_rules(rules[name])) for name in ("max_features", "max_depth"))
    assert all(map(features.is_valid, ("sqrt", 3, 0.5, None)))
    assert not features.is_valid("sqrrt")
    assert not features.is_valid([3])
    assert depth.is_valid(None)
    assert not depth.is_valid(2.5)
    assert of_rules([object()]) == {}, "what is not known takes any value"


def test_comments_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "some.yaml").write_text(
        "# @package _global_\n# yaml-language-server: $schema=x\n# What it is,\n# in two lines\na: 1 # one\n"
        "b: {c: '#', d: [1]} # a node\n# that goes on\ne: 2\n\n# of f\n# and g\nf:\n  g: 3 # inner\nh: x#y\n"
    )
    found = comments_of(tmp_path / "some.yaml")
    assert found.header == "What it is, in two lines"
    assert found.of_keys == {"a": "one", "b": "a node that goes on", "f": "of f and g", "f.g": "inner"}


class Google:
    """A class.

    Args:
        width: How wide,
            and on the next line.

            Another paragraph.
        depth (int, optional): How deep.

    Raises:
        ValueError: never.
    """


def numpy_style(rate: float) -> None:
    """A function.

    Parameters
    ----------
    rate, pace : float
        How fast.

    Returns
    -------
    nothing : None
        At all.
    """


def test_arguments_are_explained_by_docstrings() -> None:
    assert of_arguments(Google) == {"width": "How wide, and on the next line.", "depth": "How deep."}
    assert of_arguments(numpy_style) == {"rate": "How fast.", "pace": "How fast."}
    assert of_arguments(len) == {}
    assert of_fields(ReportSettings)["margin"].startswith("Differences in AUROC")


# ---- a user's own ----------------------------------------------------------------------------------------------------

NET = '''
"""Nets."""
def net(in_features, out_features, *, depth: int = 2, wide: bool = False):
    """A net.

    Args:
        depth: How many layers there are.
    """
'''


@pytest.mark.slow
def test_own_choices_are_part_of_the_schemas_of_their_folder(tmp_path: Path) -> None:
    for name in ("experiments", "model", "module"):
        (tmp_path / name).mkdir()
    (tmp_path / "schemanets.py").write_text(NET)
    (tmp_path / "model" / "deep.yaml").write_text("# model=deep: mine\n_target_: schemanets.net\n_partial_: true\n")
    (tmp_path / "module" / "lit.yaml").write_text("_target_: schemanets.net\n")
    folder = ["--config-dir", str(tmp_path)]
    done = CliRunner().invoke(main, ["schema", *folder, "--output", str(tmp_path / ".schema")])
    assert done.exit_code == 0, done.output
    assert "experiments/*.yaml      # yaml-language-server: $schema=../.schema/experiment.schema.json" in done.output
    assert "# yaml-language-server: $schema=../../.schema/data.encoder.schema.json" in done.output
    written = dict(json.loads((tmp_path / ".schema" / EXPERIMENT).read_text()))
    assert "config.schema.json" not in {path.name for path in (tmp_path / ".schema").iterdir()}
    own = FILE.replace("/model: mlp", "/model: deep").replace("~model.dropout", "model=deep")
    assert errors(written, own) == [], "keys of own code are not underlined"
    assert errors(written, own.replace("{hidden: [8], dropout: 0.1}", "{depth: deep}")) == ["model.depth"]
    assert errors(written, own.replace("override /task: classification", "/module: lit")) == []
    node = written["definitions"]["model=deep"]
    assert node["description"] == "model=deep: mine"
    assert node["then"]["properties"]["depth"]["description"] == "How many layers there are."
    model = dict(json.loads((tmp_path / ".schema" / "model.schema.json").read_text()))
    assert errors(model, "_target_: schemanets.net\ndepth: 3\nother: 4\n") == []
    assert errors(model, "_target_: seedbed.models.mlp.mlp\nhiden: [3]\n") == [""]


@pytest.mark.slow
def test_one_schema_is_printed(tmp_path: Path) -> None:
    printed = CliRunner().invoke(main, ["schema", "schedule"]).output
    assert printed == (FOLDER / "schedule.schema.json").read_text("utf-8")
    refused = CliRunner().invoke(main, ["schema", "modle"])
    assert refused.exit_code == 2
    assert "modle: there is no such config group, did you mean 'model'?" in refused.output
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "broken.yaml").write_text("a: [\n")
    broken = CliRunner().invoke(main, ["schema", "--config-dir", str(tmp_path)])
    assert broken.exit_code == 2
    assert "model/broken.yaml cannot be read: while parsing a flow" in broken.output
