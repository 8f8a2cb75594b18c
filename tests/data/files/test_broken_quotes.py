"""A broken quote costs its own record, and no other."""

import csv
import io

import pytest
from hypothesis import strategies as st

LABELS = ("ham", "spam")
QUOTINGS = {"as needed": csv.QUOTE_MINIMAL, "all": csv.QUOTE_ALL}


def written(rows, delimiter=",", quoting="as needed") -> list[str]:
    """Each row as a CSV writer writes it, without its line end."""
    records = []
    for row in rows:
        stream = io.StringIO()
        csv.writer(stream, delimiter=delimiter, quoting=QUOTINGS[quoting], lineterminator="\n").writerow(row)
        records.append(stream.getvalue().removesuffix("\n"))
    return records


def table(rows=40, over_lines=False) -> list[tuple[str, str]]:
    """Texts of which a third needs quotes."""
    texts = ["plain words", 'with a comma, and "quotes"', "other words", "tab\tpipe|semicolon; all"]
    made = [(LABELS[number % 2], f"{texts[number % 4]} {number}") for number in range(rows)]
    if over_lines:
        made[5::7] = [(label, f"{text}\nSecond line, of {text}") for label, text in made[5::7]]
    return [("label", "text"), *made]


def read_back(read, lines, **reading):
    found = read("\n".join(lines) + "\n", bad_lines="drop", **reading)
    return list(zip(found["label"], found["text"], strict=True)), found["records"]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("quoting", QUOTINGS)
@pytest.mark.parametrize("over_lines", [False, True])
@pytest.mark.parametrize("given", ["auto", "csv"])
def test_one_quote_left_open_costs_one_record(read, refusal, delimiter, quoting, over_lines, given):
    rows = table(over_lines=over_lines)
    records = written(rows, delimiter, quoting)
    broken = next(at for at, record in enumerate(records) if at > 10 and record.endswith('"') and "\n" not in record)
    records[broken] = records[broken].removesuffix('"')
    found, about = read_back(read, records, quoting=given)
    assert found == [row for at, row in enumerate(rows) if at not in (0, broken)]
    line = "\n".join(records[:broken]).count("\n") + 2
    assert [bad.place for bad in about.found.dropped] == [f"line {line}"]
    assert f"line {line}: a field opens with a quote" in refusal("\n".join(records), quoting=given)


def test_a_quote_that_a_later_record_opens(read):
    rows = written(table())
    rows[7:7] = ['spam,"abc', 'ham,"def"']
    found, about = read_back(read, rows)
    assert ("ham", "def") in found
    assert len(found) == 41
    assert about.first_dropped == "line 8"


def test_a_quote_that_a_later_record_closes_with_the_right_number_of_fields(read, refusal):
    rows = written(table())
    rows[7:7] = ['spam,"abc', 'ham,the screen has 5"']
    found, about = read_back(read, rows)
    assert ("ham", 'the screen has 5"') in found
    assert about.first_dropped == "line 8"
    message = refusal("\n".join(rows))
    assert "line 8" in message
    assert "data.quoting=csv" in message
    assert read("\n".join(rows), quoting="csv")["text"][6] == "abc\nham,the screen has 5"


def test_lines_of_a_text_that_repeat_are_no_records(read):
    rows = [(label, f"{text}\nyours, Bob") for label, text in table()[1:]]
    found, about = read_back(read, ["label,text", *written(rows)])
    assert found == rows
    assert about.dropped == 0


def test_lists_in_a_text_are_no_records(read):
    rows = [(str(number), f"text {number}\n1,first\n2,second") for number in range(12)]
    rows[1::2] = [(number, "text") for number, _ in rows[1::2]]
    found = read("\n".join(["id,text", *written(rows)]))
    assert found["text"] == [text for _, text in rows]


def test_a_quote_that_is_not_doubled_costs_its_record_alone(read):
    rows = table()
    records = written(rows)
    records[12] = 'ham,"he said "no" to it"'
    found, about = read_back(read, records)
    assert found == [row for at, row in enumerate(rows) if at not in (0, 12)]
    assert about.found.dropped_sentences() == ["line 13: a quote is closed in the midst of its field"]


def test_records_over_lines_that_are_broken_go_as_one(read):
    rows = table()
    records = written(rows)
    records[12] = 'ham,"first line\nsecond, line\nthird line'
    records[20] = 'ham,"first line\nsecond",one field too many'
    found, about = read_back(read, records)
    assert found == [row for at, row in enumerate(rows) if at not in (0, 12, 20)]
    assert [bad.place for bad in about.found.dropped] == ["lines 13 to 15", "lines 23 to 24"]


def test_a_tsv_whose_fields_are_quoted_stays_so_with_a_record_too_short(read):
    rows = table()
    records = written(rows, "\t", "all")
    records[9] = '"ham"'
    found, about = read_back(read, records)
    assert found == [row for at, row in enumerate(rows) if at not in (0, 9)]
    assert about.found.dropped_sentences() == ["line 10: 1 field"]


def test_quotes_that_are_text_stay_text(read):
    lines = ["label,text", *[f'{LABELS[at % 2]},"word" number {at}' for at in range(20)], 'ham,"all of it"']
    assert read("\n".join(lines))["text"][-1] == '"all of it"'


LINE = st.text(st.sampled_from("ab ,;\t|\"'é"), min_size=1, max_size=8)
TEXT = st.one_of(LINE, LINE, LINE, st.lists(LINE, min_size=2, max_size=3).map("\n".join))


def test_a_record_that_was_spoilt_is_lost_alone(examine, read):
    def holds(texts, at, fault, delimiter, quoting):
        texts = [*["plain"] * 12, *texts]  # by which it is known what labels are
        rows = [("label", "text"), *((LABELS[number % 2], text) for number, text in enumerate(texts))]
        records = written(rows, delimiter, quoting)
        at = at % len(texts) + 1
        spoilt = rows[at][0] if fault == "field" else records[at].removesuffix('"')
        if spoilt == records[at]:  # nothing to be left open
            return
        if any(delimiter in line for line in spoilt.split("\n")[1:]):  # a line that nothing tells from a record
            return
        records[at] = spoilt
        found, about = read_back(read, records, delimiter=delimiter, quoting="csv")
        assert found == [row for number, row in enumerate(rows) if number not in (0, at)]
        assert about.dropped == 1

    examine(
        holds,
        texts=st.lists(TEXT, min_size=12, max_size=24),
        at=st.integers(0, 23),
        fault=st.sampled_from(["quote", "quote", "field"]),
        delimiter=st.sampled_from([",", ";", "\t", "|"]),
        quoting=st.sampled_from(list(QUOTINGS)),
    )
