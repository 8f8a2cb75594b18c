import unicodedata

import pytest
from hypothesis import strategies

from seedbed.data.table import group_numbers, look_alike_texts, normalise
from seedbed.data.text_forms import bare, compared, folded, named_in_file, same_form, seen, unseen_in

UNSEEN = "\ufeff\u200b\u200c\u200e\u200f\u2060\u00ad\u202a\u202c\u2066\u2069\ufe0f\u034f\u061c\x00\x7f\u180e"
WORDS = strategies.text(strategies.characters(exclude_categories=["Cs"]), max_size=12)


@pytest.mark.parametrize("character", UNSEEN)
def test_what_is_not_seen_does_not_count(character):
    assert seen(f"{character}a{character} b{character}") == "a b"
    assert same_form("name", f"na{character}me")


@pytest.mark.parametrize("blank", ["\u00a0", "\u2003", "\u202f", "\u3000", "\t", "\u2028", "\u2800", "\x85"])
def test_every_blank_is_one_blank(blank):
    assert seen(f"a{blank}{blank}b{blank}") == "a b"


def test_composed_and_decomposed_letters_are_equal():
    assert seen("Cafe\u0301") == seen("Caf\u00e9") == "Caf\u00e9"
    assert same_form("\uac00", unicodedata.normalize("NFD", "\uac00"))


def test_what_is_seen_of_emoji_stays():
    astronaut, separate = "\U0001f469\u200d\U0001f680", "\U0001f469\U0001f680"
    england, scotland = ("\U0001f3f4" + "".join(chr(0xE0000 + ord(each)) for each in code) + "\U000e007f" for code in ("gbeng", "gbsct"))  # fmt: skip
    assert not same_form(astronaut, separate)
    assert not same_form(england, scotland)
    assert same_form("\u2764\ufe0f", "\u2764")


def test_texts_are_compared_without_variants_of_a_character():
    assert folded("Ｓｐａｍ ﬁle") == folded("spam FILE") == "spam file"
    assert compared("Ｓｐａｍ") == "Spam" != compared("spam")
    assert folded("STRASSE") == folded("straße")


@pytest.mark.parametrize(
    "label", ["Ham", "HAM ", "ham.", "'ham'", "(ham)", "\ufeffham", "ｈａｍ", "ham!", "“ham”", "ham\u200b.", "h\u0430m"]
)
def test_the_bare_form_of_labels_that_look_alike(label):
    assert bare(label) == "ham"


@pytest.mark.parametrize(("one", "other"), [("C", "C++"), ("A", "A-"), ("A", "A*"), ("<5", ">5"), ("1", "-1"), ("+", "-"), ("?", "!"), ("!a", "a"), ("c", "c#")])  # fmt: skip
def test_signs_that_say_something_stay_in_the_bare_form(one, other):
    assert bare(one) != bare(other)


def test_what_is_not_seen_is_named():
    assert unseen_in("a\u200bb\u00a0c") == ["U+200B", "U+00A0"]
    assert unseen_in("e\u0301") == ["letters in parts (NFD)"]
    assert unseen_in("plain text\n") == []


def test_the_most_frequent_form_names_all():
    assert named_in_file(["b\u200b", "b", "b", "\u200b", ""], seen) == {"b\u200b": "b", "b": "b", "\u200b": "", "": ""}
    assert named_in_file(["x.", "x"], bare, [3, 1]) == {"x.": "x.", "x": "x."}


def test_rows_that_look_like_others_are_found():
    texts = ["win  now", "Win now", "win\u200b now", "other", "win\u00a0now"]
    groups = group_numbers(map(normalise, texts))
    assert groups.tolist() == [0, 0, 0, 1, 0]
    assert look_alike_texts(texts, groups) == [2]  # a no-break space is a blank to str.split(), too


def test_twins_never_part(examine):
    def holds(text, at, character, decomposed):
        at = at % (len(text) + 1)
        twin = text[:at] + character + text[at:]
        twin = unicodedata.normalize("NFD", twin) if decomposed else twin
        assert same_form(text, twin)
        assert normalise(text) == normalise(twin) == normalise(normalise(text))
        assert normalise(text, case_sensitive=True) == normalise(twin, case_sensitive=True)
        assert bare(text) == bare(twin)
        assert seen(seen(text)) == seen(text)

    examine(
        holds,
        text=WORDS,
        at=strategies.integers(0, 12),
        character=strategies.sampled_from(UNSEEN.replace("\u034f", "")),
        decomposed=strategies.booleans(),
    )
