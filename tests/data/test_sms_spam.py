"""Reading messages, counting duplicates, and the real file where it is at hand."""

import dataclasses
import os

import numpy as np
import pytest
from hypothesis import strategies

from seedbed.data.encoders import HashEncoder
from seedbed.data.published import sms_spam
from seedbed.data.sms_spam import SmsSpam
from seedbed.data.splits import GroupStratifiedSplit
from seedbed.data.table import count_rows, group_numbers, normalise
from seedbed.errors import ConfigError, DataError


def write(path, text: str):
    path.write_bytes(text.encode())
    return path


def load(monkeypatch, tmp_path, text: str, name: str = "sms_spam/SMSSpamCollection", **kwargs):
    """Load ``text`` as if it were an edition."""
    monkeypatch.setenv("SEEDBED_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(sms_spam.sources, "check_digest", lambda *_: None)
    (tmp_path / name).parent.mkdir()
    write(tmp_path / name, text)
    return SmsSpam(root=str(tmp_path), encoder=HashEncoder(dimensions=16), **kwargs).load()


def test_quotes_are_text_and_swallow_no_line(monkeypatch, tmp_path):
    table = load(monkeypatch, tmp_path, 'ham\t"a b\nspam\tWIN now\nham\tc d"\nham\tx\n')
    assert table.labels.tolist() == [0, 1, 0, 0]
    assert table.texts == ('"a b', "WIN now", 'c d"', "x")
    assert table.counts["rows_in_file"] == 4


def test_every_line_is_a_message_as_it_stands(monkeypatch, tmp_path, examine):
    load(monkeypatch, tmp_path, "ham\tx\nspam\ty\n")
    characters = strategies.sampled_from("\"'`,;|\\&#<> aé£日😀\u2028\x85")
    starts, texts = strategies.sampled_from(['"', "", '""', "'"]), strategies.text(characters, max_size=20)
    message = strategies.builds(lambda start, text: f"{start}{text}.", starts, texts)
    messages = strategies.lists(
        strategies.tuples(strategies.sampled_from(["ham", "spam"]), message), min_size=1, max_size=8
    )

    def holds(messages: list[tuple[str, str]]) -> None:
        everything = [("ham", "x"), *messages, ("spam", "y")]
        write(tmp_path / "sms_spam" / "SMSSpamCollection", "".join(f"{label}\t{text}\n" for label, text in everything))
        table = SmsSpam(root=str(tmp_path), encoder=HashEncoder(dimensions=4)).load()
        assert [table.classes[label] for label in table.labels] == [label for label, _ in everything]
        assert table.texts == tuple(text for _, text in everything)
        assert table.counts["rows"] == table.counts["rows_in_file"] == len(everything)

    examine(holds, messages=messages)


def test_only_line_feeds_end_a_line(monkeypatch, tmp_path):
    assert load(monkeypatch, tmp_path, "ham\ta\u2028b\r\nspam\tc\x85d").texts == ("a\u2028b", "c\x85d")


def test_quotes_enclose_messages_of_the_subset(monkeypatch, tmp_path):
    content = 'ham\t"say ""hi"""\nspam\tWIN\n'
    table = load(monkeypatch, tmp_path, content, edition="subset", name="sms_spam_subset/spam_collection.csv")
    assert table.texts == ('say "hi"', "WIN")


def test_a_line_of_another_shape_is_named(monkeypatch, tmp_path):
    with pytest.raises(DataError, match="SMSSpamCollection, line 2"):
        load(monkeypatch, tmp_path, "ham\ta\nno tab\nham\tb\n")


KAGGLE = 'v1,v2,,,\nham,"Caf\xe9, \xa3100",,,\nspam,"text, part1"," part2",,\n'


def test_a_copy_of_one_s_own_says_so(tmp_path):
    path = tmp_path / "spam.csv"
    path.write_bytes(KAGGLE.encode("latin-1"))
    table = SmsSpam(path=str(path), encoder=HashEncoder()).load()
    assert (table.name, table.digest) == ("spam", sms_spam.sources.sha256(path))
    assert table.texts == ("Caf\xe9, \xa3100", "text, part1, part2")
    assert table.counts["joined_overflow"] == 1
    for part in ("A COPY OF ITS OWN", "2 rows: 1 ham, 1 spam", table.digest, "not the published edition"):
        assert part in table.notes[0]


def test_the_columns_of_a_copy_have_the_labels_in_front(tmp_path):
    path = write(tmp_path / "SMSSpamCollection", "spam\tWIN\nham\tbye\n")
    table = SmsSpam(path=str(path), encoder=HashEncoder()).load()
    assert (table.classes, table.labels.tolist()) == (("ham", "spam"), [1, 0])


def test_labels_of_a_copy_that_look_like_those_of_the_collection_are_theirs(tmp_path):
    path = write(tmp_path / "mine.csv", "v1,v2\nSPAM,WIN\nspam.,now\nHam,bye\nHAM ,no\nHam,yes\n")
    table = SmsSpam(path=str(path), encoder=HashEncoder(), positive="ham").load()
    assert (table.classes, table.labels.tolist(), table.positive) == (("ham", "spam"), [1, 1, 0, 0, 0], 0)


def test_an_edition_at_a_path_of_one_s_own_is_that_edition(monkeypatch, tmp_path):
    path = write(tmp_path / "mine.txt", "spam\tWIN\nham\tbye\nham\tno\n")
    known = dataclasses.replace(sms_spam.FULL, digest=sms_spam.sources.sha256(path))
    monkeypatch.setitem(sms_spam.EDITIONS, "auto", (known, sms_spam.SUBSET))
    table = SmsSpam(path=str(path), encoder=HashEncoder()).load()
    assert (table.name, table.notes) == ("sms_spam", ())


def test_a_copy_with_other_labels_is_refused(tmp_path):
    path = write(tmp_path / "reviews.csv", "Category,Message\ngood,x\nham,y\n")
    with pytest.raises(DataError, match=r"holds 'good', 'ham'.*data=text_csv"):
        SmsSpam(path=str(path), encoder=HashEncoder()).load()


def test_a_copy_of_another_shape_is_refused(tmp_path):
    path = write(tmp_path / "reviews.csv", "stars,body\n1,x\n2,y\n")
    with pytest.raises(ConfigError, match="'stars', 'body'"):
        SmsSpam(path=str(path), encoder=HashEncoder()).load()


def test_table_counts_and_groups(monkeypatch, tmp_path):
    table = load(monkeypatch, tmp_path, "ham\tOk lah\nham\tok  LAH \nspam\tok lah\nham\tno\nham\tno\nspam\tWin\n")
    assert table.groups.tolist() == [0, 0, 0, 1, 1, 2]
    assert table.counts == {
        "rows": 6,
        "rows_ham": 4,
        "rows_spam": 2,
        "duplicates": 3,
        "label_conflicts": 1,
        "exact_duplicates": 1,
        "rows_in_file": 6,
    }
    assert table.texts is not None
    assert table.texts[1] == "ok  LAH "
    assert (table.features.shape, table.features.dtype) == ((6, 16), np.float32)
    assert table.minority == 1


def test_letter_case_can_count(monkeypatch, tmp_path):
    table = load(monkeypatch, tmp_path, "ham\tOk lah\nham\tok  LAH \nspam\tx\n", case_sensitive=True)
    assert table.groups.tolist() == [0, 1, 2]


@pytest.mark.parametrize(("unescape", "duplicates"), [(False, 0), (True, 1)])
def test_unescaping_comes_before_duplicates_are_counted(monkeypatch, tmp_path, unescape, duplicates):
    table = load(monkeypatch, tmp_path, "ham\ta &amp; b\nham\ta & b\nspam\tx\n", unescape_html=unescape)
    assert table.counts["duplicates"] == duplicates


def test_normalise():
    assert normalise("  A\t b\n") == "a b"
    assert normalise("  A\t b\n", case_sensitive=True) == "A b"


def test_counts_of_a_class_without_rows():
    counts = count_rows(np.array([0, 0]), group_numbers(["a", "b"]), ("ham", "spam"))
    assert (counts["rows_ham"], counts["rows_spam"], counts["label_conflicts"]) == (2, 0, 0)


@pytest.mark.slow
@pytest.mark.data
@pytest.mark.skipif(
    not os.environ.get("SEEDBED_DATA"), reason="SEEDBED_DATA names no folder with sms_spam/SMSSpamCollection"
)
def test_the_real_collection(monkeypatch, tmp_path):
    monkeypatch.setenv("SEEDBED_CACHE", str(tmp_path))
    table = SmsSpam(root=os.environ["SEEDBED_DATA"], edition="full", encoder=HashEncoder()).load()
    assert table.counts == {
        "rows": 5574,
        "rows_ham": 4827,
        "rows_spam": 747,
        "exact_duplicates": 403,
        "duplicates": 415,  # 12 more differ in letter case or blanks alone
        "label_conflicts": 0,
        "rows_in_file": 5574,
    }
    rows = GroupStratifiedSplit(train=0.7, val=0.1, test=0.2).rows(table, seed=3)
    spam = [int(table.labels[side].sum()) for side in (rows.train, rows.val, rows.test)]
    assert [len(rows.train), len(rows.val), len(rows.test)] == [3902, 558, 1114]
    assert spam == [523, 75, 149]
