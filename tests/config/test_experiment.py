"""Composition, checks and fingerprints: what is wrong is found before any work, and said with the remedy."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies
from torch import nn

from seedbed.checks import shown
from seedbed.config.experiment import Template, build, experiment_names, load_experiment, recipe_of
from seedbed.config.overrides import parse
from seedbed.data.splits import Rows, Split
from seedbed.errors import ConfigError, without_addresses
from seedbed.paths import project_folder, resources
from tests.properties import Examine

SPAM = "spam_imbalance"
INPUTS = {"data": "d"}


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["model.hiden=[3]"], ["model.hiden: seedbed.models.mlp.mlp has no such setting, did you mean 'hidden'"]),
        (["hidden=[3]"], ["'hidden'", "'model.hidden'"]),
        (["model=mpl"], ["group 'model'", "'mpl'", "did you mean 'mlp'"]),
        (["split=per_sed"], ["'split'", "'per_seed'"]),
        (["variant=smot"], ["variant=smot", "did you mean 'smote'"]),
        (["variant=none,smot"], ["variant=smot"]),
        (["imbalance=none"], ["none, class_weights, undersample", "wrong name", "variant=NAME"]),
        (["imbalance.copies=3"], ["text_augment sets", "wrong name"]),
        (["variant=none", "imbalance.sampler.sampling_strategy=0.5"], ["'none' (imbalance=none)", "undersample, oversample, smote"]),
        (["model.hidden=[1],[2]"], ["several values", "-m"]),
        (["optimizer=[adam,sgd]"], ["one choice", "optimizer=adam or optimizer=sgd", "-m optimizer=adam,sgd"]),
        (["+optimizer=sgd"], ["chosen for optimizer already", "Write optimizer=sgd"]),
        (["optimizer@model=sgd"], ["Leave out '@model'"]),
        (["model.hidden={a: 1}"], ["model.hidden is [256,128]", "no mapping", "of its kind"]),
        (["ckpt=a/epoch=1-step=2.ckpt"], ["Hydra's grammar", "quote"]),
        (["+optimizer.lr=5"], ["already", "write optimizer.lr=5"]),
        (["new=1"], ["Override 'new=1': new: there is no such setting"]),
        (["lst=3,4"], ["several values", "lst=[...]"]),
        (["=3"], ["'=3'"]),
        (["experiments=other"], ["first argument"]),
        (["variants.none=[]"], ["stand in its file", "variant=NAME"]),
        (["data.encoder=hashing"], ["write data/encoder=hashing"]),
        (["seeds=0"], ["seeds=0", "seeds=10"]),
        (["seeds=[true]"], ["seeds=[true]"]),
        (["report.axis=[a,1]"], ["report.axis"]),
        (["~trainer.batch_size"], ["batch_size"]),
        (["~trainer"], ["trainer=CHOICE", "nothing is chosen"]),
        (["data=null"], ["data"]),
        (["task._target_=foo.Bar"], ["task._target_=foo.Bar"]),
        (["tracking.checkpoints=maybe"], ["true or false"]),
        (["tracking.uri=x"], ["tracking.uri", "known: checkpoints, pictures"]),
        (["variant=oversample", "imbalance._target_=seedbed.imbalance.base.Strategy"], ["wrong name"]),
        (["seeds=[1,1]"], ["seed 1 stands there twice"]),
        (["seeds=abc"], ["seeds=abc"]),
        (["select=bets"], ["select=bets", "last or best"]),
        (["monitor=val/los"], ["did you mean 'val/loss'"]),
        (["report.metric=test/acuracy"], ["did you mean 'test/accuracy'"]),
        (["report.baseline=nome"], ["did you mean 'none'"]),
        (["trainer.batch_size=0"], ["trainer.batch_size=0", "from 1 to 2147483647"]),
        (["trainer.batch_size=1000000000000"], ["trainer.batch_size=1000000000000", "from 1 to 2147483647"]),
        (["trainer.max_epochs=1000000000000"], ["trainer.max_epochs=1000000000000", "from 1 to 1000000"]),
        (["lr_finder.steps=1000000000000"], ["from 2 to 100000"]),
        (["search.first=3"], ["search.first=3: give a list of mappings"]),
        (["search.first=[3]"], ["search.first=[3]: give a list of mappings"]),
        (["search.seconds=soon"], ["search.seconds=soon: give a number or null"]),
        (["search.seconds=true"], ["search.seconds=true: give a number or null"]),
        (["data.path=caf\udce9.csv"], [r"Override 'data.path=caf\xe9.csv': \xe9 is no character of UTF-8"]),
        (["question=\ud83d"], [r"\ud83d is no character of UTF-8"]),
        (["trainer.max_epochs=2.5"], ["trainer.max_epochs=2.5"]),
        (["trainer.seeds_at_once=-1"], ["trainer.seeds_at_once=-1", "auto"]),
        (["trainer.precision=16-mixed"], ["16-mixed", "bf16-mixed"]),
        (["patience=0"], ["patience=0"]),
        (["split=folds"], ["split: Folds is for ratings", "SmsSpam gives labelled rows", "split=as_published, fixed, official, per_seed"]),
        (["split=official", "split.test=0.3", "report.metric=val/accuracy"], ["split.test=0.3: give published."]),
        (["split.test=0"], ["split.test=0 means that no rows test", "split.train=0.9 and report.metric=val/... too"]),
        (["split.test=0", "split.train=0.9"], ["no test rows (split.test=0)", "Write report.metric=val/accuracy"]),
        (["report.metric=val/accuracy"], ["with split.test=0.2", "Write report.metric=test/accuracy"]),
        (["model=two_tower"], ["model: TwoTower is for ratings", "model=lenet, mlp, pixel_mlp, recurrent"]),
        (["task=rating"], ["task: Rating is for ratings", "task=classification"]),
        (["task=cold_start"], ["task.side is that of split.side", "split=held_out"]),
        (["data=ratings_csv"], ["gives ratings", "task=cold_start, matrix, rating, retrieval"]),
    ],
    ids=lambda value: value[0] if isinstance(value, list) and "=" in value[0] else "",
)  # fmt: skip
def test_bad_input_names_value_and_remedy(overrides: list[str], said: list[str]) -> None:
    about_variants = any("variant" in override or "imbalance" in override for override in overrides)
    one_will_do = [] if about_variants else ["variant=none"]  # composing six takes its time
    with pytest.raises(ConfigError) as error:
        load_experiment(SPAM, [*one_will_do, *overrides])
    for part in said:
        assert part in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "overrides", "group", "left", "left_out"),
    [
        (SPAM, ["variant=none", "split=official"], "split", {"val": 0.1, "test": "published", "per_seed": True, "seed": 0}, ["split.train=0.7", "split.test=0.2"]),
        (SPAM, ["variant=none", "split=fixed"], "split", {"train": 0.7, "val": 0.1, "test": 0.2, "per_seed": False, "seed": 0}, []),
        (SPAM, ["variant=none", "optimizer=sgd"], "optimizer", {"lr": 1e-3, "momentum": 0.9, "weight_decay": 0.01, "fused": True}, []),
        (SPAM, ["variant=none", "model=lenet"], "model", {}, ["model.hidden=[256, 128]", "model.dropout=0.0"]),
        (SPAM, ["variant=none", "model=recurrent"], "model", {"cell": "gru", "embedding": 64, "hidden": 64, "layers": 1, "dropout": 0.0}, ["model.hidden=[256, 128]"]),
        ("ratings", ["variant=dot_product", "split=leave_n_out"], "split", {"n": 1, "val": 1, "order": "time", "per_seed": True, "seed": 0}, ["split.val=0.1", "split.test=0.1"]),
        ("ratings", ["variant=dot_product", "split=leave_n_out", "split.val=2"], "split", {"n": 1, "val": 2, "order": "time", "per_seed": True, "seed": 0}, ["split.test=0.1"]),
        ("fastai_collab", ["variant=dot_product_bias", "split=folds"], "split", {"fold": 1}, ["split.val=0.2", "split.test=0.0", "split.keep_pairs_together=false"]),
        ("fastai_collab", ["variant=dot_product_bias", "data=ratings_csv"], "data", None, ["data.items=title"]),
        ("matrix_factorization", ["variant=rated_cells", "optimizer=adam"], "optimizer", {"lr": 1e-3, "weight_decay": 0.0, "fused": True}, ["optimizer.momentum=0.9"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)  # fmt: skip
def test_what_the_file_sets_for_its_own_choice_holds_for_another_where_it_fits(
    name: str, overrides: list[str], group: str, left: dict[str, Any] | None, left_out: list[str]
) -> None:
    experiment = load_experiment(name, overrides)
    settings = experiment.variants[0].config[group]
    if left is not None:
        assert {key: value for key, value in settings.items() if not key.startswith("_")} == left
    assert [note.rpartition(": ")[2] for note in experiment.notes] == ([f"{', '.join(left_out)}."] if left_out else [])


OWN_TARGET = """
# @package _global_
defaults: [override /data: messages, override /model: mlp, override /task: classification]
question: Does it work?
seeds: 1
model: {_target_: tests.config.test_experiment.own_network, _partial_: true, hidden: [8], width: 3}
variants: {own: [], mlp: [model=mlp], pixel: [model=pixel_mlp], small: [model=small]}
report: {metric: test/accuracy}
"""


def own_network(in_features: int, out_features: int, hidden: list[int], width: int, dropout: float = 0.1) -> nn.Module:
    return nn.Linear(in_features + width, out_features + len(hidden)) if dropout else nn.Identity()


@pytest.fixture
def own_target(bare_project: Path) -> Path:
    """A project whose experiment sets a _target_ in place of that of what it chooses."""
    (bare_project / "experiments" / "own_target.yaml").write_text(OWN_TARGET)
    (bare_project / "model").mkdir()
    (bare_project / "model" / "small.yaml").write_text("defaults: [mlp]\nhidden: [4]\n")
    return bare_project


def test_a_choice_replaces_what_the_file_sets_for_a_target_of_its_own(own_target: Path) -> None:
    found = load_experiment("own_target", config_dir=own_target)
    models = {variant.name: variant.config["model"] for variant in found.variants}
    own = {
        "_target_": "tests.config.test_experiment.own_network",
        "_partial_": True,
        "hidden": [8],
        "dropout": 0.0,
        "width": 3,
    }
    mlp = {"_target_": "seedbed.models.mlp.mlp", "_partial_": True, "hidden": [256, 128], "dropout": 0.0}
    assert models == {
        "own": own,
        "mlp": mlp,
        "pixel": mlp | {"_target_": "seedbed.models.mlp.PixelMlp"},
        "small": mlp | {"hidden": [4]},
    }
    left_out = "model._target_=tests.config.test_experiment.own_network, model._partial_=true, model.hidden=[8], model.width=3."
    assert [note.rpartition(": ")[2] for note in found.notes] == [left_out] * 3


@pytest.mark.parametrize(
    ("typed", "changed"),
    [
        (["model.hidden=[5]"], {"hidden": [5]}),
        (["model._target_=seedbed.models.mlp.PixelMlp"], {"_target_": "seedbed.models.mlp.PixelMlp"}),
    ],
)
def test_what_is_typed_is_what_is_trained(own_target: Path, typed: list[str], changed: dict[str, Any]) -> None:
    model = load_experiment("own_target", ["variant=own", "model=mlp", *typed], own_target).config["model"]
    mlp = {"_target_": "seedbed.models.mlp.mlp", "_partial_": True, "hidden": [256, 128], "dropout": 0.0}
    assert model == mlp | changed


def test_keys_of_hydras_are_no_arguments(bare_project: Path) -> None:
    path = bare_project / "experiments" / "messages.yaml"
    path.write_text(path.read_text().replace("hidden: [8]", "hidden: [8], _partial_: true, _convert_: all"))
    found = load_experiment("messages", ["variant=none", "model=pixel_mlp"], bare_project)
    assert found.notes == ()
    assert found.config["model"]["_convert_"] == "all"


class OwnSplit(Split):
    def rows(self, table: Any, seed: int) -> Rows:
        raise NotImplementedError


class Untested(OwnSplit):
    has_test_rows = False


class Plain:
    def rows(self, table: Any, seed: int) -> None: ...


@pytest.mark.parametrize("metric", ["test/accuracy", "val/accuracy"])
def test_whether_a_users_split_tests_is_left_to_its_rows(metric: str) -> None:
    asked = ["variant=none", "~split", f"+split={{_target_: {__name__}.OwnSplit}}", f"report.metric={metric}"]
    assert load_experiment(SPAM, asked).config["report"]["metric"] == metric


def test_a_users_split_says_whether_it_tests() -> None:
    asked = ["variant=none", "~split", f"+split={{_target_: {__name__}.Untested}}"]
    with pytest.raises(
        ConfigError, match=r"no test rows \(Untested sets none apart\)\. Write report.metric=val/accuracy"
    ):
        load_experiment(SPAM, asked)
    assert load_experiment(SPAM, [*asked, "report.metric=val/accuracy"]).config["report"]["metric"] == "val/accuracy"


def test_a_class_that_only_looks_like_a_split_is_told_what_to_derive_from() -> None:
    with pytest.raises(ConfigError, match=r"Plain gives no split, but Plain\. Derive .* seedbed\.data\.splits\.Split"):
        load_experiment(SPAM, ["variant=none", "~split", f"+split={{_target_: {__name__}.Plain}}"])


def test_a_template_notes_what_does_not_fit_a_choice_that_it_varies() -> None:
    experiment = load_experiment("ratings", ["variant=dot_product"])
    template = Template(experiment, experiment.variants[0])
    template.at("varied", ["split=leave_n_out"])
    assert [note.rpartition(": ")[2] for note in template.notes] == ["split.val=0.1, split.test=0.1."]


def test_a_setting_that_is_typed_is_not_left_out() -> None:
    """It is refused where the choice is built, as it does not fit."""
    asked = ["variant=dot_product_bias", "split=folds", "split.val=0.3"]
    with pytest.raises(ConfigError, match=r"'split.val=0.3': split.val: seedbed.data.rating_splits.Folds has no such"):
        load_experiment("fastai_collab", asked)


def test_leave_n_out_tests_by_n() -> None:
    asked = ["variant=dot_product_bias", "split=leave_n_out"]
    with pytest.raises(ConfigError, match=r"with split.n=1, .* of test rows. Write report.metric=test/mse"):
        load_experiment("fastai_collab", asked)
    assert load_experiment("fastai_collab", [*asked, "split.n=0"]).config["report"]["metric"] == "val/mse"


def test_unknown_experiment_names_near_misses() -> None:
    with pytest.raises(ConfigError, match="did you mean 'spam_imbalance'"):
        load_experiment("spam_inbalance")


def test_unknown_config_dir() -> None:
    with pytest.raises(ConfigError, match="nowhere"):
        load_experiment(SPAM, config_dir="/nowhere/at/all")


@pytest.mark.parametrize(
    ("variants", "said"),
    [
        ("variants: {}", "is empty"),
        ("variants: {none: imbalance=none}", "a name and a list of overrides"),
        ("variants: {none: [seeds=3]}", "belongs to the whole experiment"),
        ("variants: {none: [imbalance=nome]}", "did you mean 'none'"),
        ("variants: [", "cannot be read"),
    ],
)
def test_a_broken_experiment_file_is_named(bare_project: Path, variants: str, said: str) -> None:
    path = bare_project / "experiments" / "messages.yaml"
    text = path.read_text()
    path.write_text(text[: text.index("variants:")] + variants + "\n" + text[text.index("report:") :])
    with pytest.raises(ConfigError, match=said):
        load_experiment("messages", config_dir=bare_project)


def test_special_characters_pass_inside_quotes() -> None:
    """A value with '=' must be quoted for Hydra, and then arrives whole."""
    experiment = load_experiment(SPAM, ["question='a=b#c (é) 50%'"])
    assert experiment.config["question"] == "a=b#c (é) 50%"


def test_any_text_in_quotes_is_one_value(examine: Examine) -> None:
    """Names of files with '=', '#', brackets or letters beyond ASCII among them."""
    texts = strategies.text(strategies.sampled_from('=#@%|&()[]{}<>,.:;$~!?*+-/_^`" \tab1é日😀'))

    def holds(text: str) -> None:
        (override,) = parse([f"data.path='{text}'"])
        assert override.value() == text

    for text in ("a/epoch=1-step=2.ckpt", "top@10", "50 %", "a|b", "a#b", "f(x)", "é", "a,b", "[a", "{b", "a b"):
        holds(text)
    examine(holds, text=texts)


def test_variants_and_seeds() -> None:
    experiment = load_experiment(SPAM, ["variant=smote,none", "seeds=[4,7]", "optimizer.lr=0.01"])
    assert [variant.name for variant in experiment.variants] == ["none", "smote"]
    assert experiment.seeds == (4, 7)
    assert experiment.variants[1].config["imbalance"]["sampler"]["k_neighbors"] == 5
    assert all(variant.config["optimizer"]["lr"] == 0.01 for variant in experiment.variants)


def test_own_folder_adds_experiments_and_groups(bare_project: Path) -> None:
    assert {"messages", SPAM} <= set(experiment_names(bare_project))
    experiment = load_experiment("messages", config_dir=bare_project)
    assert experiment.project == bare_project
    assert experiment.config["data"]["rows"] == 80


def fingerprint(*overrides: str, seed: int = 0, **inputs: str) -> str:
    return load_experiment(SPAM, ["variant=smote", *overrides]).variants[0].fingerprint(seed, INPUTS | inputs)


@pytest.mark.parametrize(
    "override",
    [
        "data.root=/elsewhere", "trainer.accelerator=cpu", "trainer.seeds_at_once=2", "trainer.steps_per_chunk=7",
        "tracking.checkpoints=false", "seeds=30", "question=why", "report.bars=std", "split.train=7e-1",
    ],
)  # fmt: skip
def test_a_fingerprint_ignores_what_cannot_change_the_result(override: str) -> None:
    assert fingerprint(override) == fingerprint()


@pytest.mark.parametrize(
    ("experiment", "given", "later"),
    [
        ("text_imbalance", ["data.path=a.csv", "data.text=t", "data.label=l"], ["data.labels={a.:a}", "data.join_labels=true", "data.drop_classes=[x]", "data.positive=a"]),
        ("feature_imbalance", ["data.path=a.csv", "data.label=l"], ["data.missing_values=[-1]", "data.positive=1"]),
        ("ratings", ["data.path=a.csv", "data.user=u", "data.item=i", "data.rating=r"], ["data.decimal=comma", "data.missing_values=[99]"]),
    ],
)  # fmt: skip
def test_settings_that_came_later_count_from_where_they_are_set(experiment, given, later) -> None:
    first = load_experiment(experiment, given).variants[0].name

    def recipe(*more: str) -> dict[str, object]:
        return recipe_of(load_experiment(experiment, [*given, *more, f"variant={first}"]).variants[0].config)

    keys = {override.split("=")[0] for override in later}
    assert not keys & set(recipe())
    for override in later:
        assert any(key.startswith(override.split("=")[0]) for key in recipe(override))


def test_equal_values_have_one_fingerprint() -> None:
    assert fingerprint("optimizer.weight_decay=1") == fingerprint("optimizer.weight_decay=1.0")


def test_a_younger_setting_is_in_a_fingerprint_where_it_changes_something() -> None:
    config = {"data": {"_target_": "seedbed.data.text_csv.TextCsv", "path": "a.csv", "label": "b"}}
    assert recipe_of({"data": {**config["data"], "skip_lines": 0}}) == recipe_of(config)
    assert recipe_of({"data": {**config["data"], "skip_lines": 1}}) != recipe_of(config)


@pytest.mark.parametrize("override", ["optimizer.lr=0.002", "model.hidden=[64]", "select=best", "split=fixed"])
def test_a_fingerprint_depends_on_the_recipe(override: str) -> None:
    assert fingerprint(override) != fingerprint()


def test_a_fingerprint_depends_on_seed_and_data() -> None:
    assert len({fingerprint(), fingerprint(seed=1), fingerprint(data="other"), fingerprint(encoder="v2")}) == 4


def test_build_says_what_is_wrong() -> None:
    with pytest.raises(ConfigError, match=r"model: cannot build .*mlp.*unexpected keyword.*hiden"):
        build({"_target_": "seedbed.models.mlp.mlp", "in_features": 1, "out_features": 1, "hiden": [3]}, "model")


def test_build_names_installed_versions_where_an_import_fails() -> None:
    config: dict[str, Any] = {"_target_": "imblearn.over_sampling.SMOTEE"}
    with pytest.raises(ConfigError, match=r"imbalanced-learn \d.*scikit-learn \d"):
        build(config, "imbalance.sampler")


def test_the_project_folder_is_found_from_below(bare_project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    below = bare_project / "a" / "b"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    assert project_folder() == bare_project
    assert project_folder(os.path.relpath(bare_project)) == bare_project


def test_a_choice_of_the_users_with_seedbeds_name_is_refused(bare_project: Path) -> None:
    (bare_project / "model").mkdir()
    (bare_project / "model" / "mlp.yaml").write_text("_target_: mine.Net\n_partial_: true\n")
    with pytest.raises(ConfigError, match=r"mlp.yaml: seedbed has a config model/mlp of its own"):
        load_experiment("messages", config_dir=bare_project)


def test_an_override_inside_what_a_variant_sets_is_refused(bare_project: Path) -> None:
    path = bare_project / "experiments" / "messages.yaml"
    path.write_text(path.read_text().replace("  none: [imbalance=none]", "  none: ['trainer={max_epochs: 7}']"))
    with pytest.raises(ConfigError, match="wrong name"):
        load_experiment("messages", ["trainer.max_epochs=3"], bare_project)


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


def test_findings_in_an_experiment_are_refused_with_their_place(tmp_path: Path) -> None:
    text = (resources() / "experiments" / f"{SPAM}.yaml").read_text()
    (tmp_path / "experiments").mkdir()
    (tmp_path / "experiments" / "mine.yaml").write_text(
        text + "  findings: [{text: it is so, command: seedbed run mine}]\n"
    )
    with pytest.raises(ConfigError, match=r"published\.findings=.*it is so.*experiments/mine/findings\.yaml"):
        load_experiment("mine", config_dir=tmp_path)


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["optimizer=sgd", "optimizer.momentm=0.9"], "did you mean 'momentum'"),
        (["schedule=one_cycle", "schedule.dvi=3"], "did you mean 'div'"),
        (["data/encoder=tfidf", "data.encoder.max_feature=3"], "did you mean 'max_features'"),
        (["model.hiden=[3]", "model.hiden=[4]"], "Override 'model.hiden=[4]'"),
        (["optimizer=sgd", "optimizer=sgdd"], "Override 'optimizer=sgdd'"),
        (["split.per_seed=true", "split.per_seed=x"], "split.per_seed=x"),
        (["~split"], "split: nothing is chosen where every run needs something. Write split=CHOICE"),
        (["~data"], "Write data=CHOICE"),
        (["~report.metric"], "Write report.metric=VALUE"),
        (["~trainer.batch_size"], "Write trainer.batch_size=VALUE"),
        (["split=null"], "no choice 'null', known: as_published"),
        (["data=movielens_100k"], "Choose a task for ratings"),
        (["variant=[]"], "variant=[] picks no variant"),
        (["variants={}"], "its variants stand in its file"),
        (["+max_epochs=3"], "write trainer.max_epochs"),
        (["patience=true"], "patience=true"),
    ],
    ids=str,
)
def test_what_is_typed_is_answered_where_the_choice_was_made(overrides: list[str], said: str) -> None:
    about_variants = any("variant" in override for override in overrides)
    with pytest.raises(ConfigError) as error:
        load_experiment(SPAM, [*([] if about_variants else ["variant=none"]), *overrides])
    assert said in str(error.value)
    assert "Error" not in str(error.value)


def test_null_picks_all_variants() -> None:
    assert len(load_experiment(SPAM, ["variant=null"]).variants) == 6


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


def test_no_message_shows_where_an_object_lies() -> None:
    assert shown([test_null_picks_all_variants, object]) == "[test_null_picks_all_variants,<class 'object'>]"
    assert without_addresses(f"got {Path.cwd!r} and {load_experiment}").endswith("and load_experiment")
