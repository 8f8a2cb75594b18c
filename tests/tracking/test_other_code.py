"""Cells of one recipe and other code: trained anew, never averaged, and named by every command that meets them."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from seedbed.cli.diff import differences
from seedbed.cli.status import experiment_status
from seedbed.config.code import Code, code_of, reread
from seedbed.errors import ConfigError
from seedbed.running.runner import Outcome, run
from seedbed.running.verify import verify
from seedbed.search.runner import search
from seedbed.tracking import other_code
from seedbed.tracking.names import PLAN
from seedbed.tracking.other_code import beside
from seedbed.tracking.runs import SeedRun
from seedbed.tracking.store import Store
from seedbed.trained.loading import find_variant
from seedbed.training.progress import Display
from tests.conftest import write_project
from tests.running.test_runner import store_of
from tests.running.test_verify import here  # noqa: F401 - a fixture
from tests.stored import client_of, runs

NETWORK = """
import torch
from torch import nn
from layers.acts import act


class Net(nn.Module):
    def __init__(self, in_features, out_features):
        super().__init__()
        self.first, self.last = nn.Linear(in_features, 4), nn.Linear(4, out_features)

    def forward(self, x):
        return self.last(act(self.first(x)))
"""
ACTS = "import torch\n\n\ndef act(x):\n    return torch.{}(x)\n"


class Heard(Display):
    """Keeps what is said."""

    def __init__(self) -> None:
        super().__init__(quiet=True)
        self.lines: list[str] = []

    def say(self, text: str) -> None:
        self.lines.append(text)


def new_process() -> None:
    """Forget the modules of the tests' own networks, as a process that begins has none."""
    for name in [name for name in sys.modules if name.partition(".")[0] in ("ownnet", "layers")]:
        del sys.modules[name]
    reread()


def write_network(project: Path) -> None:
    (project / "model").mkdir()
    (project / "layers").mkdir()
    (project / "model" / "own.yaml").write_text("_target_: ownnet.Net\n_partial_: true\n")
    (project / "ownnet.py").write_text(NETWORK)
    (project / "layers" / "__init__.py").write_text("")
    (project / "layers" / "acts.py").write_text(ACTS.format("relu"))
    path = project / "experiments" / "messages.yaml"
    text = path.read_text().replace("/model: mlp", "/model: own").replace("model: {hidden: [8]}\n", "")
    path.write_text(text.replace("max_epochs: 2", "max_epochs: 1"))


@pytest.fixture(autouse=True)
def own_modules(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(sys, "path", list(sys.path))
    new_process()
    yield
    new_process()


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> tuple[Path, Outcome, Outcome, list[str]]:
    """A project, its launches before and after a change of ``layers.acts``, and what the second one said."""
    project = write_project(tmp_path_factory.mktemp("own") / "project")
    shutil.copy(empty_store, project / "mlflow.db")
    write_network(project)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEEDBED_CACHE", str(project / "cache"))
        patch.setattr(sys, "path", list(sys.path))
        new_process()
        first = run("messages", ["seeds=2", "variant=none"], project)
        (project / "layers" / "acts.py").write_text(ACTS.format("sigmoid"))
        new_process()
        heard = Heard()
        second = run("messages", ["seeds=3"], project, display=heard)
    return project, first, second, heard.lines


Trained = tuple[Path, Outcome, Outcome, list[str]]


def test_changed_code_trains_anew_and_old_cells_are_not_averaged(trained: Trained) -> None:
    project, _, second, lines = trained
    assert second.trained == 6
    assert len(second.results.values("none", "test/accuracy")) == 3
    assert set(second.cells["launch"]) == {second.launch}
    assert "layers/acts.py has changed since; 2 cells (none) of the old one stand, and are never averaged with those of the new one." in lines  # fmt: skip
    store = store_of(project, "messages")
    assert len(runs(store, "seed")) == 8  # the old ones are still there
    codes = [store.seed(found.info.run_id).code for found in runs(store, "seed")]
    (modules,) = {tuple(sorted(code.modules)) for code in codes if code}
    assert {"layers/__init__.py", "layers/acts.py", "ownnet.py"} <= set(modules)


def test_status_names_what_has_changed(trained: Trained) -> None:
    lines = experiment_status("messages", trained[0]).splitlines()
    (said,) = [line for line in lines if "changed" in line]
    assert said.startswith("layers/acts.py has changed since; 2 cells (none) of the old one stand")


@pytest.mark.slow
def test_diff_names_changed_modules(trained: Trained) -> None:
    project, first, second, _ = trained
    text = differences(first.launch, second.launch, config_dir=project)
    assert "config: same\ncode:\n" in text
    (row,) = [line for line in text.splitlines() if line.strip().startswith("layers/acts.py")]
    _, a, b = row.split()
    assert a != b
    assert "ownnet.py" not in text
    assert "code: same" in differences(second.launch, second.launch, config_dir=project)


@pytest.mark.slow
@pytest.mark.usefixtures("here")
def test_verify_says_that_a_cell_is_of_other_code(trained: Trained) -> None:
    project, first, second, _ = trained
    text = str(verify("messages", first.launch, cells=1, config_dir=project))
    assert "none, seed 0, of different code: DIFFERS" in text
    assert "Changed since:\n  layers/acts.py\n" in text
    assert "other code" not in str(verify("messages", second.launch, cells=1, config_dir=project))


@pytest.mark.slow
def test_weights_of_other_code_are_refused(trained: Trained) -> None:
    project, first, second, _ = trained
    assert len(find_variant("messages", "none", second.launch, project).networks().networks) == 3
    with pytest.raises(
        ConfigError, match=r"layers/acts\.py has changed since variant 'none' .*seedbed run messages seeds=2"
    ):
        find_variant("messages", "none", first.launch, project).networks()


@pytest.mark.slow
def test_what_changes_nothing_trains_nothing(trained: Trained) -> None:
    project, _, second, _ = trained
    path = project / "layers" / "acts.py"
    before = path.read_text()
    path.write_text(f'"""Activations."""\n\n\n{before.replace("(x)", "( x )")}  # as they are\n')
    (project / "unused.py").write_text("x = 1\n")
    new_process()
    assert run("messages", ["seeds=3"], project).trained == 0
    assert len(find_variant("messages", "none", second.launch, project).networks().networks) == 3
    path.write_text(before)


@pytest.mark.extended
def test_cells_from_before_the_code_was_recorded(project: Path) -> None:
    write_network(project)
    launch = run("messages", ["seeds=1"], project).launch
    store = store_of(project, "messages")
    for found in runs(store, "seed"):
        recipe = found.data.tags["seedbed.fingerprint_without_code"]
        client_of(store).set_tag(found.info.run_id, "seedbed.fingerprint", recipe)
        for name in ("seedbed.code", "seedbed.fingerprint_without_code"):
            client_of(store).delete_tag(found.info.run_id, name)
    plan = {name: [(0, store_recipe(store, name))] for name in ("none", "oversample")}
    store.run(launch).artifact(PLAN, json.dumps(plan))
    said = "2 cells were made before seedbed recorded the code of layers/__init__.py, layers/acts.py, ownnet.py"
    assert said in experiment_status("messages", project)
    about = find_variant("messages", "none", config_dir=project).networks().about
    assert "trained before seedbed recorded the code of layers/__init__.py" in about
    heard = Heard()
    assert run("messages", ["seeds=1"], project, display=heard).trained == 2
    assert [line for line in heard.lines if line.startswith(said)]


def store_recipe(store: Store, variant: str) -> str:
    """The fingerprint of the variant's only seed run."""
    (found,) = [run for run in runs(store, "seed") if run.data.tags["seedbed.variant"] == variant]
    return str(found.data.tags["seedbed.fingerprint"])


@pytest.mark.slow
def test_a_search_is_not_gone_on_with_by_other_code(project: Path) -> None:
    write_network(project)
    asked = [
        "variant=none",
        "seeds=1",
        "optimizer.lr=0.01,0.02",
        "search=grid",
        "search.trials=1",
        "search.fresh_seeds=0",
    ]
    search("messages", asked, project, only_trials=True)
    (project / "layers" / "acts.py").write_text(ACTS.format("tanh"))
    new_process()
    with pytest.raises(ConfigError, match=r"begun with other settings.*code of layers/acts\.py was \w+, is now \w+"):
        search("messages", [*asked[:-2], "search.trials=2", asked[-1]], project, only_trials=True)


@pytest.mark.parametrize(("text", "said"), [("def f(:\n", "not valid Python"), ("import helpr\n", "imports helpr")])
def test_a_broken_module_is_named_before_any_work(text: str, said: str, project: Path) -> None:
    write_network(project)
    (project / "layers" / "acts.py").write_text(text)
    with pytest.raises(ConfigError, match=rf"layers/acts\.py, line 1: .*{said}"):
        run("messages", config_dir=project)
    assert not (project / "mlartifacts").exists()


def test_sentences_count_cells_by_what_has_changed() -> None:
    def cell(seed: int, code: Code | None) -> SeedRun:
        return SeedRun("run", "a", seed, f"old{seed}", "FINISHED", "ok", "l", {}, recipe=f"recipe{seed}", code=code)

    now = Code({"net.py": "1", "new.py": "1"}, {"timm": "1.1", "scikit-learn": "1.9.1"})
    plan = {"a": {"recipe0": "new0", "recipe1": "new1", "recipe2": "new2"}, "b": {"recipe3": "new3"}}
    said = beside(
        plan,
        {"a": now, "b": now},
        [
            cell(0, Code({"net.py": "0", "new.py": "1"}, {"timm": "1.1"})),
            cell(1, Code({"net.py": "1"}, {"timm": "1.0"})),
            cell(2, None),
            cell(9, None),  # of another recipe
        ],
    )
    assert said == [
        "net.py has changed since; 1 cell (a) of the old one stands, and is never averaged with those of the new one.",
        "new.py, timm (1.0, now 1.1) have changed since; 1 cell (a) of the old code stands, and is never averaged with those of the new code.",
        "1 cell (a) was made before seedbed recorded the code of net.py, new.py and the version of timm; it stands, and is never averaged with new ones.",
    ]  # fmt: skip


def test_what_only_code_that_runs_would_find_is_not_taken_for_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A module that adds to ``sys.path`` before it imports: who only reads it cannot know what it finds."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "hidden_part.py").write_text("x = 1\n")
    network = tmp_path / "adds_to_path.py"
    text = "import sys\nsys.path.insert(0, 'elsewhere')\nfrom hidden_part import x\n"
    network.write_text(text)
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    recipe = {"model._target_": "adds_to_path.Net"}
    recorded = code_of(recipe)
    assert list(recorded.modules) == ["adds_to_path.py", "hidden_part.py"]
    cell = SimpleNamespace(variant="own", params=recipe, code=recorded)
    (tmp_path / "hidden_part.py").rename(tmp_path / "elsewhere" / "hidden_part.py")
    reread()
    [said] = other_code.outdated([cell], ["own"])  # type: ignore[list-item]
    assert said.startswith("Whether hidden_part.py has changed since is not known")
    network.write_text(f"{text}y = 2\n")
    reread()
    [said] = other_code.outdated([cell], ["own"])  # type: ignore[list-item]
    assert said.startswith("adds_to_path.py has changed since; 1 cell of the old one stands")
    network.write_text("import sys\n")
    reread()
    [said] = other_code.outdated([cell], ["own"])  # type: ignore[list-item]
    assert said.startswith("adds_to_path.py, hidden_part.py have changed since")
