"""Augmenters: word changes, plain functions from a config, and nlpaug and TextAttack, really or by a stand-in."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import random
import subprocess
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from seedbed.config.building import build
from seedbed.config.experiment import load_experiment
from seedbed.data.table import normalise
from seedbed.errors import ConfigError
from seedbed.imbalance import augmenters
from seedbed.imbalance.augmenters import NEIGHBOURS, LibraryAugmenter, NlpAug, TextAttack, WordChanges, describe
from seedbed.imbalance.text_augment import TextAugment
from seedbed.running import planning, runner
from seedbed.training.progress import Display

OFFLINE = ["word_swap", "word_deletion", "word_repetition", "keyboard_typo"]
MESSAGE = "Claim your free prize now, call 0800 123 before noon"


# ---- word changes ----------------------------------------------------------------------------------------------------


@pytest.fixture
def wordnet(monkeypatch: pytest.MonkeyPatch) -> None:
    """A WordNet of one word."""
    synset = types.SimpleNamespace(lemma_names=lambda: ["prize", "award", "booby_trophy"])
    fake = types.SimpleNamespace(
        ensure_loaded=lambda: None,
        get_version=lambda: "3.0",
        synsets=lambda word: [synset] if word.lower() == "prize" else [],
    )
    use_nltk(monkeypatch, types.SimpleNamespace(wordnet=fake))


def use_nltk(monkeypatch: pytest.MonkeyPatch, corpus: Any) -> None:
    """Put ``corpus`` in the place of nltk.corpus (None: nltk is not installed), past the caches."""
    monkeypatch.setitem(sys.modules, "nltk", None if corpus is None else types.ModuleType("nltk"))
    monkeypatch.setitem(sys.modules, "nltk.corpus", corpus)
    for cached in (augmenters._wordnet_missing, augmenters._synonyms):
        monkeypatch.setattr(augmenters, cached.__name__, cached.__wrapped__)


def only(operation: str, strength: float = 0.1) -> list[list[str]]:
    change = WordChanges(operations=[operation], strength=strength)
    return [change(MESSAGE, random.Random(seed)).split() for seed in range(10)]


def test_word_swap_keeps_the_words() -> None:
    for changed in only("word_swap", strength=0.3):
        assert sorted(changed) == sorted(MESSAGE.split())
        assert changed != MESSAGE.split()


@pytest.mark.parametrize(("operation", "difference"), [("word_deletion", -3), ("word_repetition", 3)])
def test_strength_is_the_share_of_words(operation: str, difference: int) -> None:
    words = len(MESSAGE.split())
    assert {len(changed) - words for changed in only(operation, strength=3 / words)} == {difference}


def test_deletion_leaves_a_word() -> None:
    assert {len(changed) for changed in only("word_deletion", strength=1.0)} == {1}


def test_a_typo_is_a_neighbouring_key() -> None:
    for changed in only("keyboard_typo"):
        ((hit, meant),) = [(a, b) for a, b in zip(" ".join(changed), MESSAGE, strict=True) if a != b]
        assert hit.lower() in NEIGHBOURS[meant.lower()]
        assert hit.isupper() == meant.isupper()


def test_neighbours_are_mutual() -> None:
    assert set(NEIGHBOURS["a"]) == set("qwsz")
    assert all(letter in NEIGHBOURS[near] for letter, around in NEIGHBOURS.items() for near in around)


@pytest.mark.parametrize("seed", range(5))
def test_an_operation_that_cannot_gives_way_to_the_next(seed: int) -> None:
    """Of these, repetition alone can change a number."""
    assert WordChanges(operations=OFFLINE)("645", random.Random(seed)) == "645 645"


@pytest.mark.parametrize("text", ["", "645", "  "])
def test_a_text_that_cannot_be_changed_stays(text: str) -> None:
    assert WordChanges(operations=["word_deletion", "word_swap"])(text, random.Random(0)) == text


@pytest.mark.usefixtures("wordnet")
def test_synonyms_where_wordnet_is_installed() -> None:
    change = WordChanges(operations=["synonym"])
    assert {change("Your prize, sir", random.Random(seed)) for seed in range(9)} == {
        "Your award, sir",
        "Your booby trophy, sir",
    }
    assert len(change.describe()) == 1
    assert "synonym (WordNet 3.0)" in change.describe()[0]


def test_synonyms_are_inactive_without_nltk(monkeypatch: pytest.MonkeyPatch) -> None:
    use_nltk(monkeypatch, None)
    active, inactive = WordChanges().describe()
    assert "active operations: word_swap, word_deletion, word_repetition, keyboard_typo." in active
    assert "synonym (nltk is not installed" in inactive
    with pytest.raises(ConfigError, match=r"imbalance\.augmenter\.operations.*nltk is not installed"):
        WordChanges(operations=["synonym"])


def test_synonyms_are_inactive_without_the_corpus(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent() -> None:
        raise LookupError

    use_nltk(monkeypatch, types.SimpleNamespace(wordnet=types.SimpleNamespace(ensure_loaded=absent)))
    assert "no WordNet corpus" in WordChanges().describe()[1]


@pytest.mark.parametrize(
    ("settings", "part"),
    [
        ({"strength": 0}, r"imbalance\.augmenter\.strength=0"),
        ({"strength": 1.5}, r"imbalance\.augmenter\.strength=1\.5"),
        ({"strength": "much"}, r"imbalance\.augmenter\.strength=much"),
        ({"operations": ["word_swop"]}, "'word_swop' does not exist; did you mean 'word_swap'"),
        ({"operations": []}, "the list is empty"),
    ],
)
def test_wrong_values(settings: dict[str, Any], part: str) -> None:
    with pytest.raises(ConfigError, match=part):
        WordChanges(**settings)


# ---- a function of one's own, by config ------------------------------------------------------------------------------

OWN_MODULE = """
class Shuffler:
    def __init__(self, keep):
        self.keep = keep

    def __call__(self, text, rng):
        words = text.split()
        rest = words[self.keep:]
        rng.shuffle(rest)
        return " ".join(words[: self.keep] + rest)


def tag(text, rng, mark):
    return f"{text} {mark}{rng.randrange(10**6)}"


def broken(text, rng):
    raise ValueError("no way")


def in_a_list(text, rng):
    return [text]
"""
FUNCTION = "  _target_: own_augmenters.{name}\n  _partial_: true\n"
TAG = f"{FUNCTION.format(name='tag')}  mark: x\n"


@pytest.fixture
def own(bare_project: Path) -> Iterator[Callable[[str], Path]]:
    """Write the config of an own augmenter, beside the module that it names, into a project."""
    project, known = bare_project, list(sys.path)

    def write(augmenter: str) -> Path:
        (project / "own_augmenters.py").write_text(OWN_MODULE)
        (project / "imbalance" / "mine.yaml").write_text(
            f"_target_: seedbed.imbalance.text_augment.TextAugment\ncopies: 3\naugmenter:\n{augmenter}"
        )
        start = (project / "experiments" / "messages.yaml").read_text().split("variants:")[0]
        start = start.replace("defaults:\n", "defaults:\n  - override /imbalance: mine\n")
        (project / "experiments" / "own.yaml").write_text(
            f"{start}variants: {{mine: []}}\nreport: {{metric: test/accuracy}}\n"
        )
        return project

    yield write
    sys.path[:] = known
    sys.modules.pop("own_augmenters", None)


def strategy_of(project: Path, *overrides: str) -> TextAugment:
    experiment = load_experiment("own", overrides, project)
    strategy: TextAugment = build(experiment.variants[0].config["imbalance"], "imbalance")
    strategy.check({"ham": 10, "spam": 5})
    return strategy


def test_an_own_function_by_config(own: Callable[[str], Path]) -> None:
    strategy = strategy_of(own(TAG))
    copies = strategy.changed_copies(MESSAGE, 0, 1)
    assert len(set(copies)) == 3
    assert all(copy.startswith(f"{MESSAGE} x") for copy in copies)
    assert strategy.describe()[1:] == ["Texts are changed by own_augmenters.tag."]


def test_an_own_class_by_config(own: Callable[[str], Path]) -> None:
    strategy = strategy_of(own("  _target_: own_augmenters.Shuffler\n  keep: 2\n"))
    for copy in strategy.changed_copies(MESSAGE, 0, 1):
        assert copy.split()[:2] == ["Claim", "your"]
        assert sorted(copy.split()) == sorted(MESSAGE.split())
    assert strategy.describe()[1:] == ["Texts are changed by own_augmenters.Shuffler."]


@pytest.mark.slow
@pytest.mark.usefixtures("project")
def test_training_with_an_own_function(own: Callable[[str], Path]) -> None:
    outcome = runner.run("own", ["seeds=2"], own(TAG))
    assert (outcome.trained, outcome.failures) == (2, {})
    assert "Texts are changed by own_augmenters.tag." in outcome.results.notes["mine"]


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("broken", ["own_augmenters.broken", "ValueError: no way", "Claim your free prize"]),
        ("in_a_list", ["own_augmenters.in_a_list makes ['Claim your free prize", "gives one str"]),
    ],
)
def test_an_augmenter_that_fails_is_refused_before_training(
    own: Callable[[str], Path], name: str, parts: list[str]
) -> None:
    experiment = load_experiment("own", config_dir=own(FUNCTION.format(name=name)))
    with pytest.raises(ConfigError) as error:
        planning.plan_experiment(experiment, Display(quiet=True))
    for part in [*parts, "Variant 'mine'", "imbalance.augmenter"]:
        assert part in str(error.value)
    assert "\n" not in str(error.value)


def test_what_cannot_be_called_is_refused(own: Callable[[str], Path]) -> None:
    with pytest.raises(ConfigError, match=r"imbalance\.augmenter=.*cannot be called with \(text, rng\)"):
        strategy_of(own("  mark: x\n"))


# ---- nlpaug and TextAttack by stand-ins ------------------------------------------------------------------------------


class StandIn:
    """Both libraries' interface: ``augment(text)`` draws from the global streams and gives a list."""

    def __init__(self, *, gives: Callable[[str], Any] | None = None) -> None:
        self.gives = gives or self.draw

    def draw(self, text: str) -> list[str]:
        draws = random.random(), np.random.rand(), torch.rand(()).item()  # noqa: NPY002
        return [f"{text} {draws}"]

    def augment(self, text: str) -> Any:
        assert text.split(), "the libraries expect words"
        return self.gives(text)


class SpellingAug(StandIn):
    """Has the name of one that draws from a set."""


class Flow(list[StandIn], StandIn):
    def __init__(self, *members: StandIn) -> None:
        list.__init__(self, members)
        StandIn.__init__(self)


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both libraries count as installed."""
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "9.9")


BOTH = pytest.mark.parametrize("adapter", [NlpAug, TextAttack])


def state_of_the_global_streams() -> list[bytes]:
    legacy = np.random.get_state()  # noqa: NPY002
    return [repr(stream).encode() for stream in (random.getstate(), legacy)] + [torch.get_rng_state().numpy().tobytes()]


@BOTH
@pytest.mark.usefixtures("installed")
def test_the_generator_alone_decides(adapter: type[LibraryAugmenter]) -> None:
    change = adapter(StandIn())
    first = change(MESSAGE, random.Random(0))
    random.seed(5)
    np.random.seed(5)  # noqa: NPY002
    torch.manual_seed(5)
    assert change(MESSAGE, random.Random(0)) == first
    other = change(MESSAGE, random.Random(1))
    # Each of the three streams has moved.
    numbers = [text.removeprefix(f"{MESSAGE} (").rstrip(")").split(", ") for text in (first, other)]
    assert all(a != b for a, b in zip(*numbers, strict=True))


@BOTH
@pytest.mark.usefixtures("installed")
def test_the_global_streams_go_on_as_if_nothing_had_been_drawn(adapter: type[LibraryAugmenter]) -> None:
    def failing(text: str) -> None:
        random.random()
        np.random.rand()  # noqa: NPY002
        torch.rand(())
        raise OSError("no model")

    before = state_of_the_global_streams()
    adapter({"_target_": f"{__name__}.StandIn"})(MESSAGE, random.Random(0))
    with pytest.raises(OSError, match="no model"):
        adapter(StandIn(gives=failing))(MESSAGE, random.Random(0))
    assert state_of_the_global_streams() == before


@BOTH
@pytest.mark.usefixtures("installed")
def test_what_a_library_may_give(adapter: type[LibraryAugmenter]) -> None:
    def change(result: Any) -> set[Any]:
        augmenter = adapter(StandIn(gives=lambda text: result))
        return {augmenter("some text", random.Random(seed)) for seed in range(20)}

    assert change([]) == {"some text"}
    assert change("another") == {"another"}
    assert change(["another"]) == {"another"}
    assert change(["one", "two"]) == {"one", "two"}
    assert adapter(StandIn())("", random.Random(0)) == ""
    assert adapter(StandIn())(" \n", random.Random(0)) == " \n"
    with pytest.raises(ConfigError, match=r"StandIn makes None of the text .*gives one str"):
        TextAugment(augmenter=adapter(StandIn(gives=lambda text: None))).check({})


@BOTH
@pytest.mark.usefixtures("installed")
def test_the_report_names_class_and_version(adapter: type[LibraryAugmenter]) -> None:
    (sentence,) = describe(adapter(StandIn()))
    assert f"{__name__}.StandIn ({adapter.library} 9.9)" in sentence


@BOTH
@pytest.mark.usefixtures("installed")
def test_wrong_configs(adapter: type[LibraryAugmenter]) -> None:
    def refused(**config: Any) -> str:
        with pytest.raises(ConfigError) as error:
            adapter(config)
        assert "\n" not in str(error.value)
        return str(error.value)

    assert f"{adapter.library} 9.9 cannot build {__name__}.StandIn: " in (
        wrong_key := refused(_target_=f"{__name__}.StandIn", strength=1)
    )
    assert "'strength'" in wrong_key
    assert "StandInn" in refused(_target_=f"{__name__}.StandInn")
    assert "it has no augment()" in refused(_target_="collections.OrderedDict")


@BOTH
@pytest.mark.usefixtures("installed")
def test_word_lists_that_are_missing(adapter: type[LibraryAugmenter], monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(self: Any) -> None:
        raise LookupError("*****\n  Resource stopwords not found.\n  Please use the NLTK Downloader: nltk.download()")

    monkeypatch.setattr(StandIn, "__init__", absent)
    with pytest.raises(ConfigError) as error:
        adapter({"_target_": f"{__name__}.StandIn"})
    assert str(error.value).endswith(
        "LookupError: Resource stopwords not found. "
        "Get NLTK's word lists: python -m nltk.downloader stopwords wordnet omw-1.4."
    )


@pytest.mark.usefixtures("installed")
def test_draws_from_sets_need_a_fixed_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYTHONHASHSEED", raising=False)
    quick = StandIn()
    quick.fast_augment = True  # type: ignore[attr-defined]
    unordered: list[tuple[type[LibraryAugmenter], StandIn]] = [
        (NlpAug, SpellingAug()),
        (NlpAug, Flow(StandIn(), Flow(SpellingAug()))),
        (TextAttack, quick),
    ]
    for adapter, augmenter in unordered:
        with pytest.raises(ConfigError, match="PYTHONHASHSEED=0"):
            adapter(augmenter)
    monkeypatch.setenv("PYTHONHASHSEED", "7")
    for adapter, augmenter in unordered:
        assert "9.9, PYTHONHASHSEED=7)" in adapter(augmenter).describe()[0]
    assert "PYTHONHASHSEED" not in NlpAug(Flow(StandIn())).describe()[0]


@pytest.mark.parametrize("library", ["nlpaug", "textattack"])
def test_a_library_that_is_missing(library: str, own: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    project = own(TAG)
    monkeypatch.setattr(importlib.metadata, "version", absent)
    with pytest.raises(ConfigError, match=rf"{library} is not installed.* pip install 'seedbed\[{library}\]'"):
        strategy_of(project, f"imbalance={library}")


# ---- seeds -----------------------------------------------------------------------------------------------------------


def streams(strategy: TextAugment) -> list[list[str]]:
    return [strategy.changed_copies(MESSAGE, seed, 3) for seed in (0, 1, 2, 0)]


def assert_seeds_differ_and_repeat(strategy: TextAugment) -> None:
    zero, one, two, again = streams(strategy)
    assert zero == again
    assert zero != one != two != zero
    original = normalise(MESSAGE)
    assert all(len({original, *map(normalise, copies)}) == 1 + strategy.copies for copies in (zero, one, two))


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(
    "augmenter",
    [
        lambda: WordChanges(operations=OFFLINE),
        lambda: NlpAug(StandIn()),
        lambda: TextAttack(StandIn()),
        lambda: lambda text, rng: f"{text} {rng.random()}",
    ],
    ids=["words", "nlpaug", "textattack", "function"],
)
def test_seeds_differ_and_repeat(augmenter: Callable[[], augmenters.Augment]) -> None:
    assert_seeds_differ_and_repeat(TextAugment(copies=4, augmenter=augmenter()))


# ---- the libraries themselves ----------------------------------------------------------------------------------------

needs_nlpaug = pytest.mark.skipif(importlib.util.find_spec("nlpaug") is None, reason="nlpaug is not installed")

TARGET = "imbalance.augmenter.augmenter._target_="


@needs_nlpaug
@pytest.mark.parametrize(
    "overrides",
    [
        [],
        [f"{TARGET}nlpaug.augmenter.char.KeyboardAug", "+imbalance.augmenter.augmenter.aug_word_p=0.1"],
        [f"{TARGET}nlpaug.augmenter.word.SplitAug"],
        [
            f"{TARGET}nlpaug.flow.Sequential",
            "+imbalance.augmenter.augmenter.flow=[{_target_: nlpaug.augmenter.char.OcrAug}]",
        ],
    ],
    ids=["default", "keyboard", "split", "flow"],
)
def test_nlpaug(overrides: list[str], own: Callable[[str], Path]) -> None:
    strategy = strategy_of(own(TAG), "imbalance=nlpaug", *overrides)
    before = state_of_the_global_streams()
    assert_seeds_differ_and_repeat(strategy)
    assert state_of_the_global_streams() == before
    assert strategy.changed_copies("", 0, 0) == [""] * 5
    assert f"(nlpaug {importlib.metadata.version('nlpaug')})" in strategy.describe()[1]


@needs_nlpaug
def test_nlpaug_leaves_out_words_by_default(own: Callable[[str], Path]) -> None:
    words = MESSAGE.casefold().replace(",", " ,").split()
    for copy in strategy_of(own(TAG), "imbalance=nlpaug").changed_copies(MESSAGE, 0, 0):
        kept = copy.casefold().replace(",", " ,").split()
        assert len(kept) < len(words)
        assert set(kept) <= set(words)


@needs_nlpaug
def test_nlpaug_draws_from_a_set_of_spellings(own: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYTHONHASHSEED", raising=False)
    with pytest.raises(ConfigError, match=r"SpellingAug draws from a set.*PYTHONHASHSEED=0"):
        strategy_of(own(TAG), "imbalance=nlpaug", f"{TARGET}nlpaug.augmenter.word.SpellingAug")


@needs_nlpaug
def test_nlpaug_repeats_in_another_process() -> None:
    """Where strings hash differently."""
    code = (
        "from seedbed.imbalance.augmenters import NlpAug; from seedbed.imbalance.text_augment import TextAugment;"
        "from nlpaug.augmenter.char import KeyboardAug; from nlpaug.augmenter.word import RandomWordAug;"
        "from nlpaug.flow import Sequential;"
        "strategy = TextAugment(augmenter=NlpAug(Sequential([KeyboardAug(), RandomWordAug()])));"
        f"print(strategy.changed_copies({MESSAGE!r}, 0, 3))"
    )
    printed = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(printed) == 1


def missing_stop_words() -> str | None:
    if importlib.util.find_spec("textattack") is None:
        return "textattack is not installed"
    from nltk.corpus import stopwords  # noqa: PLC0415 - optional

    try:
        stopwords.ensure_loaded()
    except LookupError:
        return "NLTK's stop words are not there: python -m nltk.downloader stopwords"
    return None


@pytest.mark.extended  # importing TextAttack takes about 20 s
@pytest.mark.skipif(bool(missing_stop_words()), reason=missing_stop_words() or "")
@pytest.mark.parametrize("name", ["CharSwapAugmenter", "DeletionAugmenter"])
def test_textattack(name: str, own: Callable[[str], Path]) -> None:
    project = own(TAG)
    before = state_of_the_global_streams()
    strategy = strategy_of(project, "imbalance=textattack", f"{TARGET}textattack.augmentation.{name}")
    assert_seeds_differ_and_repeat(strategy)
    assert state_of_the_global_streams() == before
    assert strategy.changed_copies("", 0, 0) == [""] * 5
    assert f"(textattack {importlib.metadata.version('textattack')})" in strategy.describe()[1]
