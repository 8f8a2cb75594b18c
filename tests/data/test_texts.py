"""Labelled texts of any file: columns, labels, what is dropped and joined, and encoders that are fitted."""

import gzip

import numpy as np
import pytest

from seedbed.data.encoders import FittedEncoder, HashEncoder, TfidfEncoder
from seedbed.data.labels import MOST_CLASSES
from seedbed.data.splits import Rows
from seedbed.data.text_csv import TextCsv
from seedbed.errors import ConfigError, DataError
from seedbed.imbalance.base import Resampled, Strategy
from seedbed.tasks.classification import Classification


@pytest.fixture
def load(tmp_path, monkeypatch):
    """Load ``content`` as a file of labelled texts."""
    monkeypatch.setenv("SEEDBED_CACHE", str(tmp_path / "cache"))

    def load(content, name="reviews.csv", **settings):
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return TextCsv(path=str(path), **{"encoder": HashEncoder(dimensions=8), **settings}).load()

    return load


REVIEWS = "id,body,stars\n1,Good,5\n2, good ,5\n3,Bad,1\n4,Bad,1\n5,fine &amp; dandy,3\n6,fine & dandy,3\n"


def test_a_table_of_reviews(load, tmp_path):
    table = load(REVIEWS, text="body", label="stars")
    assert (table.name, table.classes, table.labels.tolist()) == ("reviews", ("1", "3", "5"), [2, 2, 0, 0, 1, 1])
    assert table.texts == ("Good", " good ", "Bad", "Bad", "fine &amp; dandy", "fine & dandy")
    assert table.groups.tolist() == [0, 0, 1, 1, 2, 3]
    assert (table.features.shape, table.inputs.width, table.preparation) == ((6, 8), 8, None)
    assert table.encode is not None
    assert np.array_equal(table.encode(["Bad"], None)[0], table.features[2])
    assert table.counts == {
        "rows": 6,
        "rows_1": 2,
        "rows_3": 2,
        "rows_5": 2,
        "duplicates": 2,
        "label_conflicts": 0,
        "exact_duplicates": 1,
        "rows_in_file": 6,
    }
    (note,) = table.notes
    assert note == "reviews.csv was read as delimited text: encoding utf-8, delimiter comma, no quotes."


def test_an_arff_header_says_which_column_holds_the_labels(load):
    content = (
        "@relation r\n@attribute stars {1,5}\n@attribute body string\n@outputs stars\n@data\n5,'Good, it\\'s'\n1,Bad\n"
    )
    table = load(content, text="body")
    assert (table.texts, table.classes, table.labels.tolist()) == (("Good, it's", "Bad"), ("1", "5"), [1, 0])
    assert table.notes[1] == "data.label is not set: it is 'stars', which @outputs names."
    with pytest.raises(ConfigError, match=r"data\.label is not set"):
        load(content, text="stars")


def test_html_and_letter_case(load):
    assert load(REVIEWS, text="body", label="stars", unescape_html=True).groups.tolist() == [0, 0, 1, 1, 2, 2]
    assert load(REVIEWS, text="body", label="stars", case_sensitive=True).groups.tolist() == [0, 1, 2, 2, 3, 4]


def test_entities_are_unescaped_in_every_text_or_in_none(load):
    rows = "text,label\nmeet at &lt;#&gt; am,ham\nmeet at <#> am,ham\n&amp;lt; win &pound;100,spam\n"
    as_typed, unescaped = (load(rows, text="text", label="label", unescape_html=chosen) for chosen in (False, True))
    assert as_typed.texts == ("meet at &lt;#&gt; am", "meet at <#> am", "&amp;lt; win &pound;100")
    assert unescaped.texts == ("meet at <#> am", "meet at <#> am", "&lt; win £100")
    assert (as_typed.counts["duplicates"], unescaped.counts["duplicates"]) == (0, 1)
    assert np.array_equal(unescaped.features[0], unescaped.features[1])
    assert not np.array_equal(as_typed.features[0], as_typed.features[1])


def test_the_digest_is_that_of_the_file(load):
    first = load(REVIEWS, text="body", label="stars")
    packed = load(gzip.compress(REVIEWS.encode()), "reviews.csv.gz", text="body", label="stars")
    assert packed.texts == first.texts
    assert packed.digest != first.digest


def test_rows_without_text_or_label_are_dropped_and_counted(load):
    table = load("text;label\nx;a\n ;a\ny;\n;\nz; b \nw;b;c\n", text="text", label="label", bad_lines="drop")
    assert (table.texts, table.classes) == (("x", "z"), ("a", "b"))
    counts = {"rows_in_file": 6, "dropped_bad_lines": 1, "dropped_without_text": 2, "dropped_without_label": 1}
    assert counts.items() <= table.counts.items()
    assert table.counts["rows"] == 2
    assert table.notes[1:] == (
        "1 row left out: another number of fields than the header, or no record (first: line 7).",
        "2 rows left out: no text.",
        "1 row left out: no label.",
        "'a' and 'b' have 1 row each: precision, recall, F1, AUROC and average precision are those of 'a', the first by "
        "name. The other class: data.positive=b.",
    )


def test_texts_that_look_equal_share_a_group_and_stay_as_they_are(load):
    twins = ["win now", "win now\ufeff", "W\u00adin\u00a0now", "caf\u00e9", "cafe\u0301", "bye"]
    table = load("l,t\n" + "".join(f"{'ab'[row % 2]},{text}\n" for row, text in enumerate(twins)), text="t", label="l")
    assert table.groups.tolist() == [0, 0, 0, 1, 1, 2]
    assert table.texts == tuple(twins)
    assert (table.counts["look_alike_texts"], table.counts["duplicates"]) == (3, 3)
    [note] = [note for note in table.notes if "looks like" in note]
    assert "3 rows" in note
    assert "U+FEFF in text 2" in note
    assert table.made_with["look-alikes"] == "joined", "cells that were split in another way are trained anew"
    assert "look-alikes" not in load(REVIEWS, text="body", label="stars").made_with


def test_a_text_without_anything_to_be_seen_is_none(load):
    table = load("l,t\na,\u200b\nb,\ufeff \na,x\nb,y\n", text="t", label="l")
    assert (table.texts, table.counts["dropped_without_text"]) == (("x", "y"), 2)
    assert "look-alikes" in table.made_with


def test_rules_for_labels(load):
    content = "l,t\n" + "".join(
        f"{label},text {row}\n" for row, label in enumerate(["Ham", "ham", "ham", "x.", "x", "x", "q", "ham", "x", "q"])
    )
    assert load(content, text="t", label="l").classes == ("Ham", "ham", "q", "x", "x.")
    table = load(content, text="t", label="l", join_labels=True, drop_classes=["q"], positive="x")
    assert (table.classes, table.labels.tolist(), table.positive) == (("ham", "x"), [0, 0, 0, 1, 1, 1, 0, 1], 1)
    assert load(content, text="t", label="l", labels={"x.": "x", "q": "x", "Ham": "ham"}).classes == ("ham", "x")


# ---- labels ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        (["1.0", "2.0", "10", "2"], ("1", "2", "10")),
        (["0.5", "-1", "0.5", "-1.00"], ("-1", "0.5")),
        (["b", " B", "b ", "a", "b", "a"], ("B", "a", "b")),
        (["1", "nan", "1", "nan"], ("1", "nan")),
    ],
)
def test_classes(load, labels, classes):
    rows = [f"{label},text {number}" for number, label in enumerate([*labels, *labels])]
    assert load("\n".join(["label,text", *rows]), text="text", label="label").classes == classes


def test_labels_of_numbers_with_gaps(load):
    assert load(
        '{"t": "x", "y": 0}\n{"t": "y", "y": null}\n{"t": "z", "y": 1}\n', "a.jsonl", text="t", label="y"
    ).classes == ("0", "1")


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (["a,x", "a,y"], "one class only, 'a'"),
        ([f"{number},x" for number in range(10)], "10 different values in 10 rows"),
        ([f"{number % (MOST_CLASSES + 1)},x" for number in range(1000)], "101 different values in 1000 rows"),
        ([",x", "a,"], "every row lacks a value that is needed"),
    ],
)
def test_columns_that_hold_no_classes(load, rows, message):
    with pytest.raises(DataError, match=message) as caught:
        load("\n".join(["label,text", *rows]), text="text", label="label")
    assert "column 'label' (data.label)" in str(caught.value)


# ---- columns ---------------------------------------------------------------------------------------------------------

KAGGLE = 'v1,v2,,,\nham,"Café, £100",,,\nspam,"text, part1"," part2",,\n'


def test_the_spam_collection_as_it_is_on_kaggle(load):
    table = load(KAGGLE.encode("latin-1"), "spam.csv")
    assert table.texts == ("Café, £100", "text, part1, part2")
    assert (table.classes, table.labels.tolist()) == (("ham", "spam"), [0, 1])
    assert (table.counts["rows_in_file"], table.counts["joined_overflow"]) == (2, 1)
    assert "encoding cp1252" in table.notes[0]
    assert "1 row put together again" in table.notes[1]


def test_overflow_is_joined_up_to_its_last_part(load):
    table = load("v1,v2,Unnamed: 2,Unnamed: 3\nham,a,,b\nspam,c,,\n")
    assert table.texts == ("a,,b", "c")


def test_columns_without_a_name_are_no_text_where_named_ones_follow(load):
    table = load("text,,label\nx,1,a\ny,2,b\n", text="text", label="label")
    assert table.texts == ("x", "y")
    assert "joined_overflow" not in table.counts


@pytest.mark.parametrize(
    "content",
    [
        "Category,Message\nham,x\nspam,y\n",
        "ham\tx\nspam\ty\n",
        "v1,v2\nham,x\nspam,y\n",
        'ham,x\nspam,"y"\n',
    ],
)
def test_other_shapes_of_the_spam_collection(load, content):
    table = load(content)
    assert (table.texts, table.classes, table.counts["rows_in_file"]) == (("x", "y"), ("ham", "spam"), 2)


def test_quotes_of_the_tsv_are_text_and_swallow_no_line(load):
    table = load('ham\t"a b\nspam\tWIN now\nham\tc d"\nham\tx\n', "SMSSpamCollection")
    assert table.texts == ('"a b', "WIN now", 'c d"', "x")
    assert [table.classes[label] for label in table.labels] == ["ham", "spam", "ham", "ham"]
    assert table.counts["rows_in_file"] == table.counts["rows"] == 4


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ({}, "data.text and data.label are not set"),
        ({"text": "body"}, "data.label is not"),
        ({"label": "stars"}, "data.text is not"),
    ],
)
def test_columns_must_be_named(load, given, missing):
    with pytest.raises(ConfigError, match=missing) as caught:
        load(REVIEWS, **given)
    assert "'id', 'body', 'stars'" in str(caught.value)


def test_text_and_label_are_two_columns(load):
    with pytest.raises(ConfigError, match="both body"):
        load(REVIEWS, text="body", label="body")


def test_columns_by_number(load):
    assert load("a,x\nb,y\n", header=False, text=1, label=0).texts == ("x", "y")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"path": None}, r"data\.path is not set.*data\.path=reviews\.csv"),
        ({"encoder": object()}, r"data\.encoder: object is no"),
    ],
)
def test_settings_that_cannot_be(settings, message):
    with pytest.raises(ConfigError, match=message):
        TextCsv(**{"path": "reviews.csv", "encoder": HashEncoder(), **settings})


# ---- encoders that are fitted ----------------------------------------------------------------------------------------


def test_a_fitted_encoder_learns_from_training_rows_alone(load):
    table = load("text,label\nred apple,a\nred pear,b\ngreen plum,a\nred,b\n", text="text", label="label",
                 encoder=TfidfEncoder(max_features=5))  # fmt: skip
    assert (table.inputs.width, table.features.shape, table.encode) == (5, (4, 0), None)
    prepared = table.preparation.fit(table, np.array([0, 1]))
    assert (prepared.features.shape, prepared.features.dtype) == ((4, 5), np.float32)
    assert not prepared.features[2].any(), "its words are in no training text"
    assert np.count_nonzero(prepared.features[:, 3:]) == 0, "three words are known"
    again = prepared.encode(["red apple", "plum"], None)
    assert np.array_equal(again[0], prepared.features[0])
    assert not again[1].any()


def test_new_texts_come_to_a_seed_by_what_it_has_learnt(load):
    class Backwards(Strategy):
        """Adds every training text in the reverse order of words."""

        def apply(self, rows, seed, encode):
            texts = [" ".join(reversed(text.split())) for text in rows.texts]
            return Resampled(source=np.arange(len(texts)), features=encode(texts), labels=rows.labels)

    content = "text,label\nmeet for lunch,ham\nwin a prize,spam\nlunch at home,ham\nfree prize,spam\n"
    table = load(content, text="text", label="label", encoder=TfidfEncoder(max_features=30))
    sides = Rows(train=np.array([0, 3]), val=np.array([1]), test=np.array([2]))
    data = Classification.seed_data(table, sides, Backwards(), seed=0)
    assert data.features.shape == (4, 30)
    assert np.allclose(data.resampled.features, data.features[sides.train]), "TF-IDF knows no order of words"


def test_words_of_changed_copies_are_not_learnt(load):
    """The vocabulary is that of the training texts before a strategy adds to them."""

    class Misspelt(Strategy):
        """Adds every training text with a word that is in none."""

        def apply(self, rows, seed, encode):
            texts = [f"{text} misspelt misspelt misspelt" for text in rows.texts]
            return Resampled(source=np.arange(len(texts)), features=encode(texts), labels=rows.labels)

    content = "text,label\nmeet for lunch,ham\nmisspelt prize,spam\nlunch at home,ham\nfree prize,spam\n"
    table = load(content, text="text", label="label", encoder=TfidfEncoder(max_features=30))
    sides = Rows(train=np.array([0, 3]), val=np.array([1]), test=np.array([2]))
    changed, plain = (Classification.seed_data(table, sides, strategy, seed=0) for strategy in (Misspelt(), Strategy()))
    assert np.array_equal(changed.features, plain.features)
    assert np.allclose(changed.resampled.features, plain.features[sides.train])
    assert np.count_nonzero(plain.features[1]) == 1, "of the validation text, prize alone is known"


def test_a_user_s_own_fitted_encoder(load):
    class Lengths(FittedEncoder):
        name, dimensions = "lengths", 1

        def fit(self, texts):
            longest = max(map(len, texts))
            return lambda texts, progress: np.array([[len(text) / longest] for text in texts], dtype=np.float32)

    table = load("text,label\nab,a\nabcd,b\n", text="text", label="label", encoder=Lengths())
    assert table.made_with == {"encoder": "lengths"}
    assert table.preparation.fit(table, np.array([0])).features.tolist() == [[1], [2]]
