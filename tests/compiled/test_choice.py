"""Which engine trains a variant, what is refused, and what is recorded and reported of it."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from torch import nn

from seedbed.compiled import starting
from seedbed.errors import ConfigError
from seedbed.models.rating import DotProduct
from seedbed.report.analysis import analyse
from seedbed.report.evidence import Evidence
from seedbed.report.record import record_json
from seedbed.report.sections import launches
from seedbed.running.retraining import finished_cells, stacks_of
from seedbed.running.runner import run
from seedbed.stacking.engines import COMPILED, TORCH
from seedbed.tracking.launches import find_tracked
from seedbed.tracking.reading import read_results
from seedbed.training.stack_size import seeds_at_once
from seedbed.training.stack_trainer import StackTrainer
from tests.compiled.test_steps import FASTAI, data_of, settings
from tests.conftest import REPOSITORY
from tests.tasks.test_rating import EXPERIMENT, NETWORK, TABLE


class Own(DotProduct):
    """A user's."""


class Watching(pl.Callback):
    def on_before_optimizer_step(self, *_: Any) -> None:
        pass


def engine_of(given: dict[str, Any]) -> str:
    return StackTrainer(given, TABLE).builder.engine(data_of([0]))


def test_auto_takes_compiled_steps_where_training_is_longer_than_numbas_start(monkeypatch: pytest.MonkeyPatch) -> None:
    assert engine_of(settings("auto", {})) == TORCH
    assert engine_of(settings("compiled", {})) == COMPILED
    monkeypatch.setattr(starting, "WORTH", 3 * 13 * (31 + 21) * 5)  # 3 epochs of 13 batches
    assert engine_of(settings("auto", {})) == COMPILED
    assert engine_of(settings("auto", {"max_steps": 38})) == TORCH
    assert engine_of(settings("torch", {})) == TORCH


REFUSED: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "network": ({}, {"model": NETWORK}, "dot products .* and not of EmbeddingNetwork"),
    "own network": ({}, {"model": {"_target_": "tests.compiled.test_choice.Own", "_partial_": True}}, "and not of Own"),
    "precision": ({"precision": "64-true"}, {}, "32-bit floats, and trainer.precision=64-true"),
    "anomalies": ({"detect_anomaly": True}, {}, "trainer.detect_anomaly=true"),
    "optimizer": ({}, {"optimizer": {"_target_": "seedbed.optimizers.LazyAdam", "_partial_": True}}, "not of LazyAdam"),
    "amsgrad": (
        {},
        {"optimizer": {"_target_": "torch.optim.Adam", "_partial_": True, "amsgrad": True}},
        "Adam with amsgrad=True",
    ),
    "eps": ({}, {"optimizer": FASTAI | {"eps": 1e-35}}, "optimizer.eps=1e-35 is below 1e-30"),
    "callback": (
        {},
        {"callbacks": {"w": {"_target_": "tests.compiled.test_choice.Watching"}}},
        "Watching observes single steps, by on_before_optimizer_step",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_known_is_refused_where_it_is_asked_for_and_trained_by_pytorch_otherwise(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer, changes, why = REFUSED[name]
    monkeypatch.setattr(starting, "WORTH", 0)
    with pytest.raises(ConfigError, match=f"trainer.engine=compiled: .*{why}.* Set trainer.engine=auto"):
        StackTrainer(settings("compiled", trainer, **changes), TABLE)
    assert engine_of(settings("auto", trainer, **changes)) == TORCH


def test_a_gpu_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from seedbed.compiled.known import why_unknown  # noqa: PLC0415
    from seedbed.tasks.rating import Rating  # noqa: PLC0415

    network = DotProduct(3, 3)
    optimizer = torch.optim.SGD(network.parameters())
    assert why_unknown(network, Rating, optimizer, {"precision": "32-true"}, "cpu") == ""
    assert "GPU" in why_unknown(network, Rating, optimizer, {"precision": "32-true"}, "cuda")
    network.scale = nn.Tanh()
    assert why_unknown(network, Rating, optimizer, {"precision": "32-true"}, "cpu")


def test_all_seeds_that_fit_are_stacked_without_a_measurement(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seedbed.training.stack_size._fastest", lambda *_: 1)
    trainer = StackTrainer(settings("compiled", {}), TABLE)
    assert seeds_at_once(trainer.builder, data_of(range(4))) == 4
    by_pytorch = replace(trainer.builder, parts=replace(trainer.parts, settings=settings("torch", {})["trainer"]))
    assert seeds_at_once(by_pytorch, data_of(range(4))) == 1


def test_numba_is_imported_by_compiled_modules_alone() -> None:
    """At the top of modules; what needs the engine imports it when it trains."""
    source, needing = REPOSITORY / "src" / "seedbed", set()
    for path in source.rglob("*.py"):
        text = path.read_text("utf-8")
        for node in ast.parse(text).body if "numba" in text or "seedbed.compiled" in text else ():
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [name.name for name in node.names] if isinstance(node, ast.Import) else []
            if any(
                re.match(r"numba|seedbed\.compiled(\.(kernels|engine|tables|compilation))?$", name) for name in names
            ):
                needing.add(path.relative_to(source).as_posix())
    assert needing == {f"compiled/{name}.py" for name in ("kernels", "engine", "tables", "compilation")}


@pytest.mark.extended
def test_another_process_compiles_what_this_one_loads(tmp_path: Path) -> None:
    code = "from seedbed.compiled import compilation as c; print(c.compile_all() > 0, sum(c.kernels.train.stats.cache_misses.values()))"
    given = {key: value for key, value in os.environ.items() if key != "NUMBA_CACHE_DIR"} | {
        "SEEDBED_CACHE": str(tmp_path)
    }
    said = subprocess.run([sys.executable, "-c", code], env=given, capture_output=True, text=True, check=True).stdout
    assert said.split() == ["True", "0"]


@pytest.mark.slow
def test_engines_are_recorded_reported_and_repeated(project: Path, draw_only: Callable[..., None]) -> None:
    draw_only()
    pairs = zip(TABLE.users, TABLE.items, TABLE.ratings, strict=True)
    lines = [f"u{user},{item},{rating:g}" for user, item, rating in pairs]
    (project / "ratings.csv").write_text("\n".join(["who,what,stars", *lines]) + "\n")
    (project / "experiments" / "stars.yaml").write_text(EXPERIMENT)
    given = ["data.path=ratings.csv", "data.user=who", "data.item=what", "data.rating=stars", "seeds=2"]
    with pytest.raises(
        ConfigError, match=r"trainer\.engine=numba: there is no such choice, known: auto, compiled, torch"
    ):
        run("stars", [*given, "trainer.engine=numba"], config_dir=project)
    assert run("stars", [*given, "trainer.engine=compiled", "variant=plain"], config_dir=project).trained == 2
    assert run("stars", [*given, "seeds=3", "trainer.engine=torch"], config_dir=project).trained == 4
    store, launch = find_tracked("stars", project)
    cells = store.cells().values()
    assert sorted((cell.variant, cell.seed, cell.engine) for cell in cells if cell.engine == COMPILED) == [
        ("plain", 0, COMPILED), ("plain", 1, COMPILED),
    ]  # fmt: skip
    assert {cell.engine for cell in cells if cell.variant == "biased"} == {TORCH}
    results = read_results(store, launch)
    assert results.engines == {"plain": {COMPILED: 2, TORCH: 1}, "biased": {TORCH: 3}}
    said = str(launches.section(Evidence(analyse(results), [], [])))
    assert "('compiled 2', ', ', 'torch 1')" in said
    again = {
        (stack.variant, stack.seeds): stack.config["trainer"]
        for stack in stacks_of(store, finished_cells(store, launch, None))
    }
    assert {of: trainer["engine"] for of, trainer in again.items()} == {
        ("plain", (0, 1)): COMPILED, ("plain", (2,)): TORCH, ("biased", (0, 1, 2)): TORCH,
    }  # fmt: skip
    assert again["plain", (0, 1)]["accelerator"] == "cpu"
    content = json.loads(record_json(results, None))
    assert content["engines"] == results.engines
    assert "engines" not in json.loads(record_json(replace(results, engines={}), None))
