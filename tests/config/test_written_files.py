"""What is said of mistakes in the YAML of an experiment's file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from omegaconf import OmegaConf

from seedbed.config.written_files import are_lists, explained, quoted_line, refuse_misread, why_no_lists
from seedbed.errors import ConfigError

GROUPS = {"model": {"mlp", "ridge"}, "data/encoder": {"use"}, "experiments": {"mine", "other"}}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a:\n\tb: 1\n", "line 2 begins with a tab"),
        ("seeds 2\nmodel: {}\n", "line 1 (seeds 2) has no ': ' between a key and its value"),
        ("a: {x: 1}\nb: 1\na: 2\n", "line 3 (a: 2): a appears twice"),
        ("v:\n  a: [model.hidden=[8,4]]\n", 'line 2 (a: [model.hidden=[8,4]]) needs quotes. Write a: ["model.hidden=[8,4]"]'),
        ("v:\n  a: [x=1, data.labels={a: b}] # why\n", 'Write a: [x=1, "data.labels={a: b}"] # why'),
        ("v:\n  a: [data.label=x #y]\n  b: []\n", 'Write a: ["data.label=x #y"]'),
        ("trainer: {max_epochs: ${patience}, batch_size: 4}\n", 'Write trainer: {max_epochs: "${patience}", batch_size: 4}'),
        ("s: {params: {model.hidden: choice([8],[4])}}\n", 'Write s: {params: {model.hidden: "choice([8],[4])"}}'),
        ("v:\n  - data.text=a: b: c\n", "line 2 (- data.text=a: b: c): a value that holds ': ' stands in quotes"),
        ("a: *b\n", "line 1 (a: *b): a value that begins with * or & stands in quotes"),
        ("a:\n  - x\n - y\n", "line 3 (- y) begins in another column"),
        ("a: [1, 2\nb: 3\n", "line 1 (a: [1, 2): a bracket or brace is not closed"),
    ],
)  # fmt: skip
def test_what_yaml_cannot_read_is_said_by_its_line(text: str, said: str) -> None:
    with pytest.raises(yaml.YAMLError) as error:
        OmegaConf.create(text)
    assert said in explained(error.value, text)


@pytest.mark.parametrize(
    ("line", "right"),
    [
        ("  a: [b=c, d='e, f', \"g[1]\"]", ""),
        ("  a: [b=[1], 'c={d: e}']", "  a: [\"b=[1]\", 'c={d: e}']"),
        ("- [b=(1,2)]", '- ["b=(1,2)"]'),
        ("a: b", ""),
        ("a: [b", ""),
    ],
)
def test_a_line_is_quoted_where_it_needs_it(line: str, right: str) -> None:
    assert quoted_line(line) == right


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("seeds: 2\n", "its first line must be '# @package _global_', and is 'seeds: 2'"),
        ("# @package global\n", "and is '# @package global'"),
        ("# mine\n# @package _global_\n", "and is '# mine'"),
        ("# @package _global_\ndefaults: {override /model: mlp}\n", "defaults is not a list. Write each choice on a line of its own"),
        ("# @package _global_\ndefaults: [{override /modle: mlp}]\n", "there is no config group 'modle', did you mean 'model'?"),
        ("# @package _global_\ndefaults: [{override /model: mpl}]\n", "group 'model' has no choice 'mpl', did you mean 'mlp'?"),
        ("# @package _global_\ndefaults: [{/model: mlp}]\n", "what is usual for model is chosen before it. Write 'override /model: mlp'"),
        ("# @package _global_\ndefaults: [{model: mlp}]\n", "Write 'override /model: mlp'"),
        ("# @package _global_\ndefaults: [{override model: mlp}]\n", "named from its slash on. Write 'override /model: mlp'"),
        ("# @package _global_\ndefaults: [model=mlp]\n", "'model=mlp', which is not a choice. Write 'override /model: mlp'"),
        ("# @package _global_\ndefaults: [override /model mlp]\n", "Write 'override /model: mlp'"),
        ("# @package _global_\nsearch: {params: [a]}\n", "search.params=[a]: give a mapping"),
        ("# @package _global_\nvariants:\n  a:\n    - data.label=Class #1\n",
         'line 4 (- data.label=Class #1): to YAML \' #\' begins a comment, so that the override is data.label=Class. '
         'Write - "data.label=Class #1"'),
        ("# @package _global_\nreport: test/f1\n", "report=test/f1: give a mapping, such as report: {metric: test/accuracy}"),
        ("# @package _global_\nsearch: {params: {optimizer.lr: interval(1e-4, 1e-2)}}\n",
         'search.params.optimizer.lr=interval(1e-4: YAML takes the comma for the end of the value, which stands in quotes. '
         'Write search: {params: {optimizer.lr: "interval(1e-4, 1e-2)"}}'),
    ],
)  # fmt: skip
def test_what_hydra_would_misread_is_refused(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as error:
        refuse_misread(path, "experiments/mine.yaml", GROUPS)
    assert str(error.value).startswith("experiments/mine.yaml: ")
    assert said in str(error.value)


@pytest.mark.parametrize(
    "text",
    [
        "\ufeff# @package _global_\ndefaults: [_self_, other, {override /model: ridge}]\n",
        "\n# @package _global_\n# yaml-language-server: $schema=x\ndefaults: [{override hydra/launcher: joblib}, {/module: mine}]\n",
        "# @package _global_\ndefaults: [{override /data/encoder@data.encoder: use}, {optional override /model: none}]\n",
        "# @package _global_\nsearch: {params: {a: 'interval(1, 2)'}}\nreport: ???\n",
        "# @package _global_\nvariants:\n  a:\n    - x=1 # one\n    - 'y=2 #3'\n    - z=3\n    #- w=4\n",
        "# @package _global_\nvariants: [\n",
    ],
)
def test_what_is_right_or_said_elsewhere_is_let_through(tmp_path: Path, text: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    refuse_misread(path, "experiments/mine.yaml", GROUPS)


@pytest.mark.parametrize(
    ("variants", "said"),
    [
        ({"a": None}, "a has no list of overrides. Write 'a: []'"),
        ({"a": "model=mlp"}, "Write 'a: [model=mlp]'"),
        ({"a": {"model": "mlp"}}, "Write 'a: [model=mlp]'"),
        ({"a": [{"model": "mlp"}]}, "to YAML 'model: mlp' is a mapping, and no override. Write model=mlp"),
        ({"a": [{"data.text=b": "c"}]}, "to YAML 'data.text=b: c' is a mapping, and no override. Write \"data.text=b: c\""),
        ({"a": [{"data.labels={b": "c}"}]}, 'Write "data.labels={b: c}"'),
        ({"a": [{"model=mlp": None}]}, "Write model=mlp"),
        ({"a": [3]}, "a: 3 is not an override. Write key=value"),
        (["model=mlp"], "[model=mlp] is not a mapping of names to lists of overrides. Write a: [b=c]"),
    ],
)  # fmt: skip
def test_no_list_of_overrides_is_answered_with_the_right_one(variants: Any, said: str) -> None:
    assert not are_lists(variants)
    assert said in why_no_lists(variants, "a: [b=c]")
