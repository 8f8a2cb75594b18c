"""Reading messages, counting duplicates, and the real file where it is at hand."""

import os

import numpy as np
import pytest

from seedbed.data import sms_spam
from seedbed.data.encoders import HashEncoder
from seedbed.data.sms_spam import SmsSpam, read_messages
from seedbed.data.splits import GroupStratifiedSplit
from seedbed.data.table import count_rows, group_numbers, normalise
from seedbed.errors import DataError


def write(path, text: str):
    path.write_bytes(text.encode())
    return path


def load(monkeypatch, tmp_path, text: str, **kwargs):
    """Load ``text`` as if it were the collection."""
    monkeypatch.setenv("SEEDBED_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(sms_spam.sources, "check_digest", lambda *_: None)
    (tmp_path / "sms_spam").mkdir()
    write(tmp_path / "sms_spam/SMSSpamCollection", text)
    return SmsSpam(root=str(tmp_path), encoder=HashEncoder(dimensions=16), **kwargs).load()


def test_quotes_are_text_and_swallow_no_line(tmp_path):
    path = write(tmp_path / "sms", 'ham\t"a b\nspam\tWIN now\nham\tc d"\nham\tx\n')
    labels, texts = read_messages(path)
    assert labels.tolist() == [0, 1, 0, 0]
    assert texts == ['"a b', "WIN now", 'c d"', "x"]


def test_only_line_feeds_end_a_line(tmp_path):
    path = write(tmp_path / "sms", "ham\ta\u2028b\r\nspam\tc\x85d\tand more")
    assert read_messages(path)[1] == ["a\u2028b", "c\x85d\tand more"]


@pytest.mark.parametrize("line", ["no tab", "eggs\ttext", ""])
def test_a_line_of_another_shape_is_named(tmp_path, line):
    path = write(tmp_path / "sms", f"ham\ta\n{line}\nham\tb\n")
    with pytest.raises(DataError, match="line 2") as caught:
        read_messages(path)
    assert str(path) in str(caught.value)


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
    }
    rows = GroupStratifiedSplit(train=0.7, val=0.1, test=0.2).rows(table, seed=3)
    spam = [int(table.labels[side].sum()) for side in (rows.train, rows.val, rows.test)]
    assert [len(rows.train), len(rows.val), len(rows.test)] == [3902, 558, 1114]
    assert spam == [523, 75, 149]
