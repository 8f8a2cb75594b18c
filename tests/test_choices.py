"""Every file of ``conf/``, composed and built, and every choice trained for an epoch on small data in an experiment that it fits."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, reduce
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pytest
import yaml

from seedbed.checks import is_installed
from seedbed.config.building import build
from seedbed.config.experiment import Experiment, load_experiment
from seedbed.config.recipe import without_later
from seedbed.data.published import cifar10, keel_sets, movielens
from seedbed.data.sources import sha256
from seedbed.paths import config_groups, resources
from seedbed.running.hydra_jobs import launcher_settings
from seedbed.running.planning import plan_experiment
from seedbed.search.processes import search_by_processes
from seedbed.search.runner import search
from seedbed.training.progress import Display
from tests import made_up

# Split, model, optimizer and schedule are set as the shipped experiments set theirs, for other choices than the rows'.
EXPERIMENT = """
# @package _global_
defaults:
  - override /data: {data}
  - override /split: {split}
  - override /model: {model}
  - override /task: {task}
question: Does it train?
seeds: 2
split: {shares}
trainer: {{max_epochs: 1, batch_size: 16, accelerator: cpu, seeds_at_once: 2}}
tracking: {{pictures: false}}
variants: {{one: []}}
report: {{metric: test/loss}}
"""
LABELLED = EXPERIMENT.format(
    data="text_csv", split="per_seed", model="mlp", task="classification", shares="{train: 0.6, val: 0.2, test: 0.2}"
)
TARGETED = EXPERIMENT.format(
    data="feature_csv", split="per_seed", model="mlp", task="regression", shares="{train: 0.6, val: 0.2, test: 0.2}"
)
RATED = EXPERIMENT.format(
    data="ratings_csv", split="random", model="dot_product", task="rating", shares="{val: 0.2, test: 0.2}"
)
MODULES = """
# @package _global_
defaults: [{override /task: lightning}]
question: Does it train?
seeds: 2
module: {_target_: pytorch_lightning.demos.boring_classes.BoringModel}
metrics: {test/y: lower}
variants: {one: []}
report: {metric: test/y}
"""


@dataclass(frozen=True)
class Run:
    """Choices that are trained together, and what else the experiment needs to be told."""

    experiment: str
    choices: tuple[str, ...]
    settings: tuple[str, ...] = ()
    needs: str = ""
    """A package."""

    def __str__(self) -> str:
        return " ".join(self.choices)


def run(experiment: str, choices: str, *settings: str, needs: str = "") -> Run:
    return Run(experiment, tuple(choices.split()), settings, needs)


HASHED = "data/encoder=hashing"
VAL = "report.metric=val/loss"
SPACE = ("optimizer.lr=interval(1e-3, 1e-2)", "optimizer.weight_decay=interval(0.0, 0.1)")
TRAINED = [
    run("labelled", f"data=text_csv {HASHED} split=per_seed model=mlp task=classification imbalance=none optimizer=adamw schedule=constant trainer=default"),
    run("labelled", "data/encoder=tfidf split=fixed imbalance=class_weights optimizer=adam schedule=one_cycle"),
    run("labelled", "data/encoder=words model=recurrent imbalance=oversample optimizer=sgd schedule=triangle"),
    run("labelled", "data=feature_csv imbalance=undersample optimizer=rmsprop schedule=cyclic", "data.exclude=[text]"),
    run("labelled", "data=feature_csv imbalance=smote optimizer=adagrad schedule=linear_warmup", "data.exclude=[text]"),
    run("labelled", "data=feature_csv imbalance=smote_nc", "data.path=mixed.csv"),
    run("labelled", "data=feature_csv imbalance=smote_by_columns", "data.path=mixed.csv"),
    run("labelled", "data=feature_csv imbalance=smote_n", "data.path=mixed.csv", "data.exclude=[x]"),
    run("labelled", "data=feature_csv model=logistic_regression imbalance=borderline_smote", "data.exclude=[text]"),
    run("labelled", "data=feature_csv model=random_forest imbalance=svm_smote", "data.exclude=[text]", "model.n_estimators=5"),
    run("labelled", "data=feature_csv model=gradient_boosting imbalance=adasyn", "data.exclude=[text]", "model.max_iter=5"),
    run("labelled", "data=feature_csv model=balanced_random_forest imbalance=tomek_links", "data.exclude=[text]", "model.n_estimators=5"),
    run("labelled", "data=feature_csv model=easy_ensemble imbalance=near_miss", "data.exclude=[text]", "model.n_estimators=2"),
    run("labelled", "data/encoder=tfidf model=dummy imbalance=one_sided_selection"),
    run("labelled", "data=feature_csv imbalance=threshold imbalance/after=threshold", "data.exclude=[text]"),
    run("labelled", "data=feature_csv imbalance=recalibrate imbalance/after=recalibrate", "data.exclude=[text]"),
    run("labelled", "data=feature_csv imbalance/after=prior_correction model=logistic_regression", "data.exclude=[text]"),
    run("labelled", "data=feature_csv imbalance/after=logit_adjustment", "data.exclude=[text]"),
    run("labelled", "data=feature_csv imbalance/after=none", "data.exclude=[text]"),
    run("labelled", f"{HASHED} imbalance=text_augment optimizer=keras_rmsprop schedule=cosine_restarts"),
    run("labelled", "imbalance=nlpaug", HASHED, needs="nlpaug"),
    run("labelled", "imbalance=textattack", HASHED, needs="textattack"),
    run("labelled", "data=image_folder model=pixel_mlp split=official imbalance=balanced_batches", "data.size=[8,8]"),
    run("labelled", "data=cifar10 model=lenet split=as_published imbalance=focal", "split.val=20", "trainer.batch_size=4"),
    run("labelled", f"data=sms_spam {HASHED} imbalance=logit_adjustment"),
    run("labelled", f"{HASHED} imbalance=class_balanced"),
    run("labelled", "data=keel", "data.name=car-good"),
    run("labelled", f"{HASHED} imbalance=smote_tomek"),
    run("labelled", f"{HASHED} imbalance=smote_enn"),
    run("labelled", f"{HASHED} imbalance=cluster_centroids"),
    run("targeted", "task=regression", "split.strata=3"),
    run("targeted", "model=ridge"),
    run("targeted", "model=random_forest_regressor", "model.n_estimators=3"),
    run("targeted", "model=gradient_boosting_regressor", "model.max_iter=3"),
    run("rated", "data=ratings_csv split=random model=dot_product task=rating optimizer=fastai_adam schedule=phases", "schedule.phases=[[0.1,1]]"),
    run("rated", "data=movielens_1m split=by_time model=embedding_network optimizer=lazy_adam"),
    run("rated", "data=movielens_100k split=folds", VAL),
    run("rated", "data=movielens_10m split=permutation", VAL),
    run("rated", "data=movielens_20m split=held_out task=cold_start", "split.at_least=12", "split.val=0.3", "task.known=[0,1,3]"),
    run("rated", "data=synthetic_ratings split=leave_n_out", "data.ratings=400", "data.users=30", "data.items=30"),
    run("rated", "data=movielens_25m task=matrix model=matrix_factorization", "trainer.batch_size=null", "task.steps=2"),
    run("rated", "data=movielens_32m task=retrieval model=two_tower"),
    run("rated", "data=movielens_small model=popular", "task=retrieval"),
    run("rated", "data=movielens_small_2016 model=random", "task=retrieval"),
    run("rated", "model=item_knn", "task=retrieval", needs="implicit"),
    run("rated", "model=als", "task=retrieval", needs="implicit"),
    run("rated", "model=bpr", "task=retrieval", needs="implicit"),
]  # fmt: skip
SEARCHED = [
    run("labelled", "search=tpe search/pruner=median tracking=mlflow", HASHED),
    run("labelled", "search=random search/pruner=hyperband", HASHED),
    run("labelled", "search=qmc search/pruner=none", HASHED),
    run("labelled", "search=gp", HASHED),
    run("labelled", "search=cma_es", HASHED, needs="cmaes"),
    run("labelled", "search=grid", HASHED),
    run("labelled", "hydra/sweeper=optuna", HASHED),
]
# Each is some hundred megabytes to download or to start; tests/data/test_encoders.py has their own tests.
NOT_RUN = [
    run("labelled", "data/encoder=use"),
    run("labelled", "data/encoder=sentence_transformers", needs="sentence_transformers"),
    run("modules", "task=lightning"),  # nothing of it is stacked: tests/own_modules trains by it
]
CONF = resources() / "conf"
FILES = sorted(path.relative_to(CONF).as_posix() for path in CONF.rglob("*.yaml"))
OF_DATA = {
    "text_csv": ["data.path={folder}/labelled.csv", "data.text=text", "data.label=label"],
    "feature_csv": ["data.path={folder}/labelled.csv", "data.label=label"],
    "image_folder": ["data.path={folder}/pictures"],
    "sms_spam": ["data.path={folder}/SMSSpamCollection"],
    "ratings_csv": ["data.path={folder}/ratings.csv", "data.user=user", "data.item=item", "data.rating=rating", "data.timestamp=time"],
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> Path:
    """A project, and small files of every data set."""
    folder = tmp_path_factory.mktemp("choices")
    (folder / "experiments").mkdir()
    (folder / "experiments" / "labelled.yaml").write_text(LABELLED)
    (folder / "experiments" / "targeted.yaml").write_text(TARGETED)
    (folder / "experiments" / "rated.yaml").write_text(RATED)
    (folder / "experiments" / "modules.yaml").write_text(MODULES)
    shutil.copy(empty_store, folder / "mlflow.db")
    made_up.write_tables(folder)
    made_up.write_movielens(folder)
    made_up.write_cifar10(folder / "cifar-10-batches-bin")
    made_up.write_keel(folder / "keel" / "car-good.dat")
    made_up.write_sms_spam(folder / "SMSSpamCollection")
    return folder


@pytest.fixture(autouse=True)
def small_files(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Small files in the place of the real ones."""
    for name, edition in movielens.EDITIONS.items():
        monkeypatch.setitem(movielens.EDITIONS, name, dataclasses.replace(edition, digests={}))
    digest = sha256(folder / "keel" / "car-good.dat")
    monkeypatch.setitem(keel_sets.SETS, "car-good", dataclasses.replace(keel_sets.SETS["car-good"], digest=digest))
    monkeypatch.setattr(cifar10, "ROWS_OF_A_FILE", made_up.CIFAR10_ROWS)
    monkeypatch.setenv("SEEDBED_DATA", str(folder))
    monkeypatch.chdir(folder)  # where loggers write


def overrides_of(given: Run, folder: Path) -> list[str]:
    if given.experiment == "targeted":
        return [*given.choices, f"data.path={folder}/ratings.csv", "data.target=rating", *given.settings]
    own = {"labelled": "data=text_csv", "rated": "data=ratings_csv"}.get(given.experiment, "")
    data = next((choice for choice in given.choices if choice.startswith("data=")), own)
    files = [text.format(folder=folder) for text in OF_DATA.get(data.removeprefix("data="), [])]
    return [*given.choices, *files, *given.settings]


def skip_without(given: Run) -> None:
    if given.needs and not is_installed(given.needs):
        pytest.skip(f"{given.needs} is not installed")


@cache
def composed(given: Run, folder: Path) -> Experiment:
    return load_experiment(given.experiment, overrides_of(given, folder), folder)


@pytest.mark.parametrize("file", FILES)
def test_every_file_is_composed_and_built(file: str, folder: Path) -> None:
    """With the first of the experiments above that its choice is made in; ``config.yaml`` is in all of them."""
    path = PurePosixPath(file)
    group = "" if path.parent == PurePosixPath() else path.parent.as_posix()
    fitting = [
        given for given in [*TRAINED, *SEARCHED, *NOT_RUN] if not group or f"{group}={path.stem}" in given.choices
    ]
    assert fitting, f"conf/{file}: TRAINED, SEARCHED and NOT_RUN say nothing of this choice"
    skip_without(fitting[0])
    if path.parts[0] == "hydra":
        config = {"hydra": launcher_settings("labelled", [f"{group}={path.stem}"], folder)}
    else:
        config = composed(fitting[0], folder).config
    written = yaml.safe_load((CONF / file).read_text()) or {}
    node = reduce(lambda node, key: node[key], path.parent.parts, config)
    assert without_later(written).keys() - {"defaults"} <= set(node)
    for keys in nodes_to_build(written):
        described = reduce(lambda node, key: node[key], keys, node)
        assert described["_target_"] == reduce(lambda node, key: node[key], keys, written)["_target_"]
        assert build(described, ".".join([*path.parent.parts, *keys])) is not None


def nodes_to_build(node: Any) -> Iterator[tuple[str, ...]]:
    """Where the outermost nodes with a ``_target_`` stand."""
    if isinstance(node, Mapping) and "_target_" in node:
        yield ()
    elif isinstance(node, Mapping):
        yield from ((key, *keys) for key, value in node.items() for keys in nodes_to_build(value))


@pytest.mark.slow
@pytest.mark.parametrize("given", TRAINED, ids=str)
def test_a_choice_trains(given: Run, folder: Path) -> None:
    skip_without(given)
    experiment = composed(given, folder)
    _, (planned,) = plan_experiment(experiment, Display(quiet=True))
    task, table = planned.trainer.task, planned.table
    data = [task.seed_data(table, planned.rows[seed], planned.strategy, seed) for seed in experiment.seeds]
    for found in planned.trainer.train(data):
        assert found.outcome == "ok"
        assert {epoch for _, epoch, _ in found.curves} == {0}
        side = "test" if len(planned.rows[found.seed].test) else "val"
        curves = {metric: value for metric, _, value in found.curves}
        values = found.metrics if side == "test" else curves
        name = "loss" if f"{side}/loss" in values else "ndcg_at_10"  # of what is computed, and not trained
        assert np.isfinite(values[f"{side}/{name}"])


@pytest.mark.slow
@pytest.mark.parametrize("given", SEARCHED, ids=str)
def test_a_choice_searches(given: Run, folder: Path) -> None:
    skip_without(given)
    space = ["optimizer.lr=1e-3,1e-2"] if "search=grid" in given.choices else SPACE
    settings = [*given.choices, *space, "search.trials=2", "search.fresh_seeds=0", f"search.study='{given.choices[0]}'"]
    asked = [*overrides_of(given, folder), *settings]
    by = search_by_processes if "hydra/sweeper=optuna" in given.choices else search
    found = by("labelled", asked, folder)
    assert [trial.state for trial in found.search.trials] == ["COMPLETE"] * 2


def test_every_choice_is_run() -> None:
    """A new file in ``conf/`` needs a place above."""
    there = {f"{group}={choice}" for group, names in config_groups([]).items() for choice in names}
    run_here = {choice for given in [*TRAINED, *SEARCHED, *NOT_RUN] for choice in given.choices}
    assert there - {choice for choice in there if choice.startswith("experiments=")} == run_here
