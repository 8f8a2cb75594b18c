"""What is typed for a column or a file reaches the data set as it is, and sweeps keep Hydra's meaning where there are any."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies
from omegaconf import OmegaConf

from seedbed.config.building import build
from seedbed.config.experiment import load_experiment
from seedbed.config.override_grammar import LISTS, NAMES, REQUIRED, by_group, in_grammar, parse
from seedbed.errors import ConfigError
from tests.config.refusals import SPAM, assert_refused, first_override
from tests.properties import Examine

AWKWARD = [
    "Message Body", "Class (0/1)", "${msg}", r"a\b${msg}c\\", "1e5", "true", "No", "a=b", "a,b", "a, b", "[a]", "{a: b}", "a[1]",
    "größe", "дом", "評価", "🙂", "it's", 'say "hi"', "50 %", "#", "a:b", "range(1,3)", "choice(a)", " lead", "007", "1_000", "nan",
    "inf", "-", "a\tb", "a(b", "$", "${", "${oc.env:HOME", "*", "@", "~x", "null",
]  # fmt: skip
NAMED = strategies.one_of(
    strategies.sampled_from(AWKWARD),
    strategies.text(strategies.characters(blacklist_categories=["Cs", "Cc"]), min_size=1, max_size=12),
    strategies.text("ab1e-.,:=()[]{}$/'\"# %", min_size=1, max_size=10),
)


def is_a_name(text: str) -> bool:
    """What stands in quotes, or behind a backslash, is read as Hydra reads it; and so is a resolver, such as oc.env."""
    return text.strip()[:1] not in ("'", '"') and "\\" not in text and "${oc." not in text


def as_read(*overrides: str) -> list[Any]:
    """The values that overrides give, interpolations followed."""
    found = [OmegaConf.create({"value": item.value(), "msg": "resolved"}) for item in parse(in_grammar(overrides))]
    return [OmegaConf.to_container(node, resolve=True)["value"] for node in found]  # type: ignore[call-overload,index]


def test_a_name_is_taken_as_it_is_typed(examine: Examine) -> None:
    def holds(name: str, key: str) -> None:
        if is_a_name(name):
            found = as_read(f"{key}={name}")[0]
            assert str(found) == name
            assert isinstance(found, str | int)
            assert not isinstance(found, bool)

    examine(holds, name=NAMED, key=strategies.sampled_from(REQUIRED))


def test_a_list_of_names_is_taken_as_it_is_typed(examine: Examine) -> None:
    def holds(names: list[str], key: str) -> None:
        if all(
            is_a_name(name) and "," not in name and name == name.strip() and name.lower() != "null" for name in names
        ):
            assert [str(name) for name in as_read(f"{key}=[{','.join(names)}]")[0]] == names

    examine(holds, names=strategies.lists(NAMED, min_size=1, max_size=4), key=strategies.sampled_from(LISTS))


def test_what_is_read_once_is_read_the_same_again(examine: Examine) -> None:
    def holds(name: str, key: str) -> None:
        once = in_grammar([f"{key}={name}"])
        assert in_grammar(once) == once

    examine(holds, name=NAMED, key=strategies.sampled_from(NAMES))


def test_a_file_of_any_name_is_found(examine: Examine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    def holds(name: str) -> None:
        if (
            is_a_name(name)
            and "/" not in name
            and name not in (".", "..")
            and name.lower() != "null"
            and name[:1] != "~"
        ):
            Path(name).touch()
            assert as_read(f"data.path={name}") == [name]

    examine(holds, name=NAMED)


@pytest.mark.parametrize("typed", ["'Message Body'", '"a,b"', r"a\,b", "'it\\'s'", r"\${msg}", r"'\${msg}'"])
def test_what_is_quoted_or_escaped_is_read_as_hydra_reads_it(typed: str) -> None:
    assert in_grammar([f"data.text={typed}"]) == [f"data.text={typed}"]


def test_a_path_may_refer_to_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEEDBED_TEST_FOLDER", "/data")
    assert as_read("data.path=${oc.env:SEEDBED_TEST_FOLDER}/a.csv") == ["/data/a.csv"]


@pytest.mark.parametrize(
    "text",
    ["model.hidden=[64],[256]", "data.bad_lines=a,b", "seeds=30", "~data.path", "data.timestamp=null", "data.label=3"],
)
def test_other_overrides_stay_as_they_are(text: str) -> None:  # fmt: skip
    assert in_grammar([text]) == [text]


def test_several_values_are_jobs_where_there_are_any(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert parse(in_grammar(["data.path=a.csv,b.csv"], sweeps=True))[0].is_sweep_override()
    assert parse(in_grammar(["data.label=a,b"], sweeps=True))[0].is_sweep_override()
    with pytest.raises(ConfigError, match="gives several values"):
        in_grammar(["data.path=a.csv,b.csv"])
    (tmp_path / "a.csv,b.csv").touch()
    for sweeps in (False, True):
        assert parse(in_grammar(["data.path=a.csv,b.csv"], sweeps=sweeps))[0].value() == "a.csv,b.csv"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("seeds=30", '["seeds=30"]'),
        ({"seeds": 30}, '["seeds=30"]'),
        ([3], "3 is not text"),
        ([("seeds", 30)], 'such as "seeds=30"'),
    ],
)
def test_what_is_no_list_of_texts_is_refused(given: Any, said: str) -> None:
    with pytest.raises(ConfigError) as error:
        load_experiment("spam_imbalance", given)
    assert said in str(error.value)


@pytest.mark.slow
def test_names_reach_the_data_set_through_hydra(tmp_path: Path) -> None:
    path = tmp_path / "réviews (1), final.csv"
    path.write_text("a")
    typed = [
        f"data.path={path}",
        "data.label=Class (0/1)",
        "data.exclude=[${msg},1e5,a (b)]",
        "data.features=[true,$x{${y}]",
    ]
    config = load_experiment("feature_imbalance", ["variant=none", *typed]).config["data"]
    found = build(config, "data")
    assert found.path == path
    assert found.label == "Class (0/1)"
    assert found.exclude == ["${msg}", "1e5", "a (b)"]
    assert found.features == ["true", "$x{${y}"]


@pytest.mark.parametrize(
    ("typed", "pairs"),
    [
        ("{ham!: ham}", [["ham!", "ham"]]),
        ('{it\'s: its, "a, b": c}', [["it's", "its"], ["a, b", "c"]]),
        ("{'\"ham\"': ham, ｈａｍ: ham}", [['"ham"', "ham"], ["ｈａｍ", "ham"]]),
        ("{${x}: a}", [["${x}", "a"]]),
        ("{spam.: spam}", {"spam.": "spam"}),
        ("{1e5: a, True: 01}", [["1e5", "a"], ["True", "01"]]),
        ("{1: 2}", {1: 2}),
        ("{a: null}", {"a": None}),
        ("null", None),
    ],
)
def test_labels_of_any_characters_are_joined_as_typed(typed: str, pairs: Any) -> None:
    assert as_read(f"data.labels={typed}") == [pairs]
    once = in_grammar([f"data.labels={typed}"])
    assert in_grammar(once) == once


def test_any_label_can_be_joined(examine: Examine) -> None:
    def holds(name: str) -> None:
        if is_a_name(name) and name == name.strip() and not set(name) & set(",:"):
            found = as_read(f"data.labels={{{name}: other}}")[0]
            pairs = found.items() if isinstance(found, dict) else found
            assert [[str(one), other] for one, other in pairs] == [[name, "other"]]

    examine(holds, name=NAMED)


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["model.hidden=[1],[2]"], ["several values", "-m"]),
        (["--seeds=3"], ["Hydra's grammar", "without blanks and dashes, seeds=3"]),
        (["model.hidden=[3"], ["Hydra's grammar", "a [ lacks its ]"]),
        (["seeds"], ["Hydra's grammar", "no equals sign. Write seeds=VALUE"]),
        (["ckpt=a/epoch=1-step=2.ckpt"], ["Hydra's grammar", "quote"]),
        (["lst=3,4"], ["several values", "lst=[...]"]),
    ],
    ids=first_override,
)  # fmt: skip
def test_overrides_that_are_not_one_value_are_refused(overrides: list[str], said: list[str]) -> None:
    assert_refused(overrides, said)


@pytest.mark.slow
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


@pytest.mark.slow
def test_a_group_inside_another_is_chosen_by_its_key_too(bare_project: Path) -> None:
    path = bare_project / "experiments" / "messages.yaml"
    path.write_text(path.read_text().replace("[imbalance=oversample]", "[imbalance.after=threshold]"))
    none, tuned = load_experiment("messages", config_dir=bare_project).variants
    assert "after" not in none.config["imbalance"]
    assert tuned.config["imbalance"]["after"]["metric"] == "f1"
    typed = ["imbalance.after=recalibrate", "imbalance.after.method=isotonic", "variant=none"]
    (none,) = load_experiment("messages", typed, bare_project).variants
    assert none.config["imbalance"]["after"]["method"] == "isotonic"
    groups = {"imbalance/after": ["none", "threshold"], "data/encoder": ["use"]}
    for text in ("imbalance.after.metric=mcc", "data.encoder=null", "imbalance.after=a,b", "imbalance.after={a: 1}"):
        assert by_group([text], groups) == [text]
    assert by_group(["imbalance.after=null"], groups) == ["imbalance/after=none"]
    assert by_group(["imbalance.after=none,threshold"], groups) == ["imbalance/after=none,threshold"]
    with pytest.raises(ConfigError, match="no choice 'thresold', did you mean 'threshold'"):
        load_experiment("messages", ["imbalance.after=thresold", "variant=none"], bare_project)


def test_an_unknown_setting_of_a_choice_beside_a_variant_that_sets_others_is_said(bare_project: Path) -> None:
    path = bare_project / "experiments" / "messages.yaml"
    own = "[imbalance.after=recalibrate, imbalance.after.method=isotonic]"
    path.write_text(path.read_text().replace("[imbalance=oversample]", own))
    with pytest.raises(ConfigError, match=r"no key 'imbalance.after.bta', did you mean 'beta'"):
        load_experiment(
            "messages", ["variant=none", "imbalance.after=threshold", "imbalance.after.bta=1"], bare_project
        )
