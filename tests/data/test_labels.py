"""Labels as people write them: look-alikes, classes that are joined or left out, the positive class."""

import numpy as np
import pytest
from hypothesis import strategies

from seedbed.data.labels import LabelRules, equal_classes_note
from seedbed.errors import ConfigError

MESSY = ["ham"] * 5 + ["Ham"] * 2 + ["HAM "] + ["spam"] * 3 + ["spam."]


def settled(written, **rules):
    return LabelRules(**rules).settled(written, "f.csv: column 'y' (data.label)")


def test_look_alikes_are_noted_and_stay_apart():
    found = settled(MESSY)
    assert set(found.names) == {"ham", "Ham", "HAM", "spam", "spam."}
    [note] = found.notes
    assert "'ham' (5 rows), 'Ham' (2 rows), 'HAM' (1 row); 'spam' (3 rows), 'spam.' (1 row)" in note
    assert "data.join_labels=true" in note
    assert found.made_with == {}


def test_look_alikes_are_joined_on_request():
    found = settled(MESSY, join_labels=True)
    assert set(found.names) == {"ham", "spam"}
    assert "2 rows of 'Ham' count as 'ham' (data.join_labels)." in found.notes


@pytest.mark.parametrize("twins", [("yes", "Yes"), ("é", "e\u0301"), ("spam", "ｓｐａｍ"), ("1", "1.0"), ("01", "1"), ("1.50", "1.5"), ("not spam", "not_spam"), ("a", "“a”")])  # fmt: skip
def test_labels_that_look_alike(twins):
    names = settled([*twins, "other"], join_labels=True).names
    assert names[0] == names[1] != names[2]


def test_a_label_is_given_one_class():
    with pytest.raises(ConfigError, match=r"data.labels: 'ham' is given \['a'\]"):
        LabelRules(labels={"ham": ["a"]})


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ({"drop_classes": ["ham", "spam"]}, "data.drop_classes: of the 2 labels of f.csv.* none is left"),
        ({"drop_classes": ["ham"]}, "data.drop_classes: .* only 'spam' is left as a class. Keep two"),
        ({"labels": {"ham": "spam"}}, "data.labels: .* only 'spam' is left"),
    ],
)
def test_settings_that_leave_no_two_classes_are_named(rules, said):
    with pytest.raises(ConfigError, match=said):
        settled(["ham", "spam", ""], **rules)
    assert settled(["ham", "ham"], labels={"ham": "spam"}).names == ["spam", "spam"]  # the file's fault, said elsewhere


@pytest.mark.parametrize("apart", [("c", "c++"), ("a", "a-"), ("<5", ">5"), ("1", "-1"), ("+", "-")])
def test_labels_that_do_not_look_alike(apart):
    found = settled(apart, join_labels=True)
    assert (tuple(found.names), found.notes) == (apart, ())


def test_what_is_not_seen_of_a_label_never_makes_a_class():
    found = settled(["ham", "ham", "\ufeffham", "café", "cafe\u0301", "café", "\u200b"])
    assert found.names == ["ham", "ham", "ham", "café", "café", "café", ""]
    assert (found.counts, found.made_with) == ({"joined_labels": 2}, {"look-alikes": "joined"})
    assert "2 rows with labels that differ" in found.notes[0]
    assert "U+FEFF in record 3" in found.notes[0]


def test_labels_that_differ_in_blanks_at_their_ends_are_said():
    found = settled(["ham", "ham ", "\tham", "ham", " spam", " spam", " "])
    assert found.names == ["ham", "ham", "ham", "ham", "spam", "spam", ""]
    assert found.notes == (
        "2 rows with labels that differ from others only in blanks at their ends (such as 'ham '): joined with these.",
    )


def test_labels_that_are_named_as_another_class():
    found = settled(MESSY, labels={"spam.": "spam", "Ham": "ham", "HAM": "ham"})
    assert set(found.names) == {"ham", "spam"}
    assert "1 row of 'spam.' count as 'spam' (data.labels)." in found.notes
    assert settled(["1", "2", "3"], labels={1: "low", 2.0: "low"}).names == ["low", "low", "3"]
    with pytest.raises(ConfigError, match=r"data\.labels: .* has no label 'spma', did you mean 'spam'"):
        settled(MESSY, labels={"spma": "ham"})


def test_classes_that_are_left_out():
    found = settled(["a", "d", "b", "c", ""], drop_classes=["b", "C"])
    assert (found.left_out.tolist(), found.counts) == ([False, False, True, True, False], {"dropped_of_classes": 2})
    assert "2 rows of 'b', 'c' left out (data.drop_classes)." in found.notes
    with pytest.raises(ConfigError, match=r"data\.drop_classes: .* has no label 'd'"):
        settled(["a", "b"], drop_classes=["d"])


@pytest.mark.parametrize(
    ("rules", "key"),
    [
        ({"labels": ["a"]}, "data.labels"),
        ({"join_labels": "yes"}, "data.join_labels=yes"),
        ({"drop_classes": "a"}, "data.drop_classes=a"),
        ({"positive": ["a"]}, "data.positive"),
    ],
)
def test_rules_of_another_type(rules, key):
    with pytest.raises(ConfigError, match=key):
        LabelRules(**rules)


def test_the_positive_class():
    chosen = LabelRules(positive="SPAM").positive_class(("ham", "spam"), "f.csv")
    assert chosen == "spam"
    assert LabelRules(positive=True).positive_class(("false", "true"), "f.csv") == "true"
    with pytest.raises(ConfigError, match=r"data\.positive: f.csv has no label 'eggs'"):
        LabelRules(positive="eggs").positive_class(("ham", "spam"), "f.csv")
    with pytest.raises(ConfigError, match=r"data\.positive=a: f.csv has 3 classes"):
        LabelRules(positive="a").positive_class(("a", "b", "c"), "f.csv")


def test_equal_classes_are_said():
    labels = np.array([0, 1, 0, 1])
    [note] = equal_classes_note(labels, ("ham", "spam"), None)
    assert "are those of 'ham', the first by name" in note
    assert "data.positive=spam" in note
    assert equal_classes_note(labels, ("ham", "spam"), "spam") == []
    assert equal_classes_note(np.array([0, 0, 1]), ("ham", "spam"), None) == []


def test_labels_with_unseen_characters_are_one_class(examine):
    label = strategies.text(strategies.characters(exclude_categories=["Cs"]), max_size=6)

    def holds(labels, character):
        written = [*labels, *(f"{character}{one}{character}" for one in labels)]
        names = settled(written).names
        assert names[: len(labels)] == names[len(labels) :]
        joined = settled([*written, "of another class"], join_labels=True).names  # two are to be left
        assert len(set(joined)) <= len(set(names)) + 1

    examine(
        holds,
        labels=strategies.lists(label, min_size=1, max_size=6),
        character=strategies.sampled_from(["\u200b", "\ufeff", "\u00ad", "\u2060", " "]),
    )


def test_names_that_programs_write_for_no_value_are_said():
    [note] = settled(["nan", "nan", "a", "b"]).notes
    assert (
        "'nan' (2 rows) may stand for no label, but is a class: \"data.drop_classes=['nan']\" leaves such rows out."
        in note
    )
    assert settled(["nan", "a", "b"], drop_classes=["nan"]).notes == ("1 row of 'nan' left out (data.drop_classes).",)
    assert settled(["none", "mild"]).notes == ()


def test_labels_may_be_given_as_pairs():
    assert settled(["é!", "b", "c"], labels=[["é!", "b"]]).names == ["b", "b", "c"]


@pytest.mark.parametrize("pairs", ["ab", ["ab"], [["a"]], [["a", "b", "c"]]])
def test_what_is_no_pair_is_refused(pairs):
    with pytest.raises(ConfigError, match=r"data\.labels="):
        LabelRules(pairs)
