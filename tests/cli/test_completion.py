"""Completion as the shells ask for it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner

from seedbed.cli.completion import SHELLS, Bash
from seedbed.cli.main import main
from seedbed.data.catalogue import DATASETS

# Answers as the command does, then names the heavy packages that this took.
PROGRAM = """
import sys
from seedbed.cli.main import main
try:
    main(prog_name="seedbed")
finally:
    heavy = {"torch", "pytorch_lightning", "mlflow", "hydra", "omegaconf", "pandas", "numpy", "sklearn"}
    print(*sorted(heavy & sys.modules.keys()), file=sys.stderr)
"""

# One data set, one network and two variants that set the group imbalance for themselves.
FILES = {
    "experiments/mine.yaml": "seeds: [3, 5]\nvariants:\n  plain: [imbalance=none]\n  other: [imbalance=own]\n",
    "experiments/spam_twice.yaml": "variants: {a: []}\n",
    "experiments/several.yaml": (
        "data_sets: {pima: [data=keel, data.name=pima], mine: [data=messages]}\nvariants: {a: []}\n"
    ),
    "experiments/collected.yaml": "data_sets: {collection: keel}\nvariants: {a: []}\n",
    "experiments/broken.yaml": "variants: [\n",
    "data/messages.yaml": "",
    "model/tiny.yaml": "",
    "imbalance/own.yaml": "",
    "mlruns/stray.yaml": "",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """The command of this environment, which need not lie on the PATH."""
    path = tmp_path / "bin" / "seedbed"
    path.parent.mkdir()
    path.write_text(f"#!{sys.executable}\nfrom seedbed.cli.main import main\nmain(prog_name='seedbed')\n")
    path.chmod(0o755)
    return path


def offered(*words: str) -> list[str]:
    """What is offered for the last of the words, as zsh and fish ask for it."""
    shell = ShellComplete(main, {}, "seedbed", "_SEEDBED_COMPLETE")
    return [item.value for item in shell.get_completions(list(words[:-1]), words[-1])]


@pytest.fixture
def in_bash(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """What is offered for the last of the words that bash makes of a line: ``in_bash("run", "mine", "data", "=")``."""

    def ask(*words: str) -> list[str]:
        monkeypatch.setenv("COMP_WORDS", " ".join(["seedbed", *words]))
        monkeypatch.setenv("COMP_CWORD", str(len(words)))
        answer = Bash(main, {}, "seedbed", "_SEEDBED_COMPLETE").complete()
        return [line.partition(",")[2] for line in answer.splitlines()]

    return ask


@pytest.mark.parametrize("command", ["run", "report", "status", "ui"])
def test_experiments(folder: Path, command: str) -> None:
    assert "spam_imbalance" in offered(command, "")
    assert offered(command, "spam") == [name for name in offered(command, "") if name.startswith("spam")]
    own = offered(command, "--config-dir", str(folder), "")
    assert {"mine", "spam_twice", "broken", "spam_imbalance"} <= set(own)


@pytest.mark.parametrize("command", ["report", "status", "diff", "power", "ui"])
def test_imported_experiments_which_have_no_file(folder: Path, command: str) -> None:
    for name in ("mine", "imported", "mine.search"):
        (folder / "mlartifacts" / name / "run").mkdir(parents=True)
    assert offered(command, "--config-dir", str(folder), "imp") == ["imported"]
    assert offered(command, "--config-dir", str(folder), "min") == ["mine"]
    assert offered("run", "--config-dir", str(folder), "imp") == []


def test_groups_and_choices(folder: Path) -> None:
    run = ("run", "mine", "--config-dir", str(folder))
    assert {"data=sms_spam", "data=messages", "data/encoder=use", "model=tiny", "split=fixed"} <= set(offered(*run, ""))
    assert offered(*run, "data=mess") == ["data=messages"]
    assert offered(*run, "data/encoder=us") == ["data/encoder=use"]
    assert {"optimizer=adamw", "optimizer=sgd"} <= set(offered(*run, "optimizer="))


def test_what_would_be_refused_is_not_offered(folder: Path) -> None:
    """A group that the variants set, a key that is given already, another folder's YAML, the experiment itself."""
    run = ("run", "mine", "--config-dir", str(folder))
    keys = {text.partition("=")[0] for text in offered(*run, "")}
    assert not keys & {"imbalance", "mlruns", "experiments"}
    assert {"split", "variant"} <= keys
    assert not {"split", "variant"} & {text.partition("=")[0] for text in offered(*run, "split=fixed", "variant=a", "")}
    assert "imbalance" in {text.partition("=")[0] for text in offered("run", "spam_twice", *run[2:], "")}


def test_seeds_and_variants(folder: Path) -> None:
    run = ("run", "mine", "--config-dir", str(folder))
    assert offered(*run, "see") == ["seeds=[3,5]"]
    assert offered(*run, "variant=") == ["variant=plain", "variant=other"]
    assert offered(*run, "variant=plain,") == ["variant=plain,other"]
    assert offered(*run, "variant=plain,other,") == []


def test_data_sets_that_the_file_lists(folder: Path) -> None:
    run = ("run", "several", "--config-dir", str(folder))
    assert offered(*run, "data_sets=") == ["data_sets=pima", "data_sets=mine"]
    assert offered(*run, "data_sets=mine,") == ["data_sets=mine,pima"]
    assert "data" not in {text.partition("=")[0] for text in offered(*run, "")}, "they set it for themselves"
    assert "data_sets=pima" in offered("run", "collected", *run[2:], "data_sets=pi")
    assert offered("run", "mine", *run[2:], "data_sets=") == []
    for command in ("export", "verify", "predict", "power", "recommend"):
        assert offered(command, "several", "--config-dir", str(folder), "--data-set", "") == ["pima", "mine"]
    assert offered("diff", "several~1", "several", "--config-dir", str(folder), "--data-set", "m") == ["mine"]


def test_the_value_of_a_key_may_be_a_file(folder: Path) -> None:
    shell = ShellComplete(main, {}, "seedbed", "_SEEDBED_COMPLETE")
    (item,) = shell.get_completions(["run", "mine", "--config-dir", str(folder)], "data.path=rev")
    assert (item.type, item.value) == ("file", "rev")
    assert offered("run", "mine", "data.pa") == []


@pytest.mark.parametrize("experiment", ["broken", "absent"])
def test_a_file_that_cannot_be_read_offers_no_variant(folder: Path, experiment: str) -> None:
    assert offered("run", experiment, "--config-dir", str(folder), "variant=") == []
    assert offered("run", experiment, "--config-dir", str(folder / "absent"), "split=fi") == ["split=fixed"]


def test_data_sets_are_those_that_can_be_fetched() -> None:
    assert offered("data", "fetch", "") == sorted(DATASETS)


def described(*words: str) -> dict[str, str | None]:
    """What is offered for the last of the words, each with the help beside it."""
    shell = ShellComplete(main, {}, "seedbed", "_SEEDBED_COMPLETE")
    return {item.value: item.help for item in shell.get_completions(list(words[:-1]), words[-1])}


def test_keys_of_settings_with_their_values() -> None:
    run = ("run", "spam_imbalance")
    assert described(*run, "trainer.max") == {"trainer.max_epochs=": "10"}
    assert described(*run, "model.h") == {"model.hidden=": "[256, 128]"}, "as the experiment's file has it"
    assert {"tracking=mlflow", "trainer=default", "trainer.engine="} <= set(offered(*run, "tra"))
    assert "trainer.engine=" not in offered(*run, ""), "where nothing is begun, choices alone"
    assert offered(*run, "trainer.engine=auto", "trainer.eng") == []
    assert offered("run", "two_tower_retrieval", "model.metad") == [], "variants set it"
    assert offered(*run, "search.params.") == []


def test_keys_are_those_of_what_is_chosen(folder: Path) -> None:
    run = ("run", "spam_imbalance")
    assert set(offered(*run, "data.encoder.")) == {"data.encoder.threads="}
    assert "data.encoder.max_features=" in offered(*run, "data/encoder=tfidf", "data.encoder.")
    assert offered(*run, "imbalance.after=threshold", "imbalance.after.") == [
        "imbalance.after.metric=",
        "imbalance.after.beta=",
    ]
    assert offered(*run, "model=ridge", "model.") == ["model.alpha="]
    (folder / "model" / "tiny.yaml").write_text("defaults: [mlp]\n_target_: mine.Tiny\nwidth: 3\n")
    own = ("run", "mine", "--config-dir", str(folder), "model=tiny")
    assert described(*own, "model.") == {"model.hidden=": "[256, 128]", "model.dropout=": "0.0", "model.width=": "3"}
    assert offered(*own, "model.width=") == ["model.width=3"]


def test_values_of_keys() -> None:
    run = ("run", "spam_imbalance")
    assert offered(*run, "trainer.engine=") == [
        "trainer.engine=auto",
        "trainer.engine=compiled",
        "trainer.engine=torch",
    ]
    assert offered(*run, "optimizer.fused=t") == ["optimizer.fused=true"]
    assert offered(*run, "report.loss=") == ["report.loss=true", "report.loss=false", "report.loss=both"]
    assert offered(*run, "select=") == ["select=last", "select=best"]
    assert offered(*run, "monitor=val/acc") == ["monitor=val/accuracy"]
    assert offered(*run, "report.metric=test/f") == ["report.metric=test/f1"]
    assert offered(*run, "model.hidden=") == ["model.hidden=[256,128]"]
    assert offered(*run, "model=random_forest", "model.max_features=s") == ["model.max_features=sqrt"]
    assert offered(*run, "patience=") == ["patience=null"]


def test_metrics_and_variants_of_an_experiment(folder: Path) -> None:
    assert {"test/f1", "test/auroc"} <= set(offered("report", "spam_imbalance", "--metric", "test/"))
    assert offered("report", "two_tower_retrieval", "--metric", "val/top_at_5") == ["val/top_at_5", "val/top_at_50"]
    assert offered("report", "two_tower_retrieval", "--metric", "test/") == [], "there are no test rows"
    assert offered("report", "--metric", "") == []
    assert offered("report", "spam_imbalance", "--baseline", "sm") == ["smote"]
    assert offered("predict", "mine", "--config-dir", str(folder), "--variant", "") == ["plain", "other"]
    own = (
        "defaults: [{override /task: classification}]\ntask: {own_metrics: {cost: {good: lower}}}\nvariants: {a: []}\n"
    )
    (folder / "experiments" / "costly.yaml").write_text(own)
    assert offered("report", "costly", "--config-dir", str(folder), "--metric", "test/co") == ["test/cost"]


def test_groups_of_schemas() -> None:
    assert offered("schema", "da") == ["data", "data/encoder"]


def test_sets_of_a_data_set_that_has_many() -> None:
    assert {"data.name=yeast3", "data.name=car-good"} <= set(
        offered("run", "feature_imbalance", "data=keel", "data.name=")
    )
    assert offered("run", "feature_imbalance", "data=keel", "data.name=car-g") == ["data.name=car-good"]
    assert offered("data", "fetch", "keel", "car-good", "car-") == ["car-vgood"]
    assert offered("data", "fetch", "sms_spam", "car-") == []
    assert offered("data", "list", "kee") == ["keel"]


def test_bash_breaks_words_at_the_equals_sign(folder: Path, in_bash: Callable[..., list[str]]) -> None:
    run = ("run", "mine", "--config-dir", str(folder))
    assert {"data/encoder=hashing", "data/encoder=use"} <= set(in_bash(*run, "data/enc"))
    assert {"hashing", "use"} <= set(in_bash(*run, "data/encoder", "="))
    assert in_bash(*run, "data/encoder", "=", "us") == ["use"]
    assert in_bash(*run, "data/encoder=us") == ["data/encoder=use"]  # where COMP_WORDBREAKS has no equals sign
    assert in_bash(*run, "variant", "=", "plain,o") == ["plain,other"]
    assert in_bash(*run, "seeds", "=", "30", "split", "=", "fi") == ["fixed"]
    assert in_bash("run", "mine", "--config-dir", "=", str(folder), "variant", "=", "p") == ["plain"]
    assert "split=fixed" in in_bash(*run, "data", "=", "messages", "")


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
def test_the_script_works_in_bash(folder: Path, program: Path) -> None:
    script = CliRunner().invoke(main, ["completion", "bash"]).output
    typed = (
        f"COMP_WORDS=(seedbed run mine --config-dir {folder} variant = o); COMP_CWORD=7; _seedbed_completion seedbed"
    )
    done = subprocess.run(
        ["bash", "--norc", "-c", f'{script}\n{typed}; printf "%s\n" "${{COMPREPLY[@]}}"; complete -p seedbed'],
        env={**os.environ, "PATH": f"{program.parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == ["other", "complete -o nosort -F _seedbed_completion seedbed"]
    assert done.stderr == ""


@pytest.mark.skipif(shutil.which("fish") is None, reason="fish is not installed")
def test_the_script_works_in_fish(folder: Path, program: Path) -> None:
    script = CliRunner().invoke(main, ["completion", "fish"]).output
    line = f"seedbed run mine --config-dir {folder} variant=plain,"
    done = subprocess.run(
        ["fish", "--no-config", "-c", f"{script}\ncomplete -C '{line}'"],
        env={**os.environ, "PATH": f"{program.parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == ["variant=plain,other"]


@pytest.mark.parametrize("shell", SHELLS)
def test_completion_prints_a_script(shell: str) -> None:
    done = CliRunner().invoke(main, ["completion", shell])
    assert done.exit_code == 0
    assert f"_SEEDBED_COMPLETE={shell}_complete" in done.output


@pytest.mark.parametrize(
    "words",
    [
        "seedbed run spam_imbalance variant=",
        "seedbed run spam_imbalance trainer.max_ep",
        "seedbed data fetch ",
        "seedbed report ",
    ],
)
def test_no_heavy_package_is_imported(words: str) -> None:
    """So that the answer takes a fraction of a second."""
    asked = {"_SEEDBED_COMPLETE": "zsh_complete", "COMP_WORDS": words, "COMP_CWORD": "3"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env={**os.environ, **asked}, capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("plain\n")
    assert done.stderr.split() == []
