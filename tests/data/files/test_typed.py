"""JSON, Parquet and Arrow: values as their digits say."""

import datetime
import decimal
import io
import json

import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq
import pytest
from hypothesis import strategies as st

from seedbed.data.files.records import Reading, open_records

LARGE = [76561198000000001, None, 76561198000000002, 2**63 - 1]


def parquet(**columns) -> bytes:
    stream = io.BytesIO()
    pq.write_table(pa.table(columns), stream)
    return stream.getvalue()


def arrow(**columns) -> bytes:
    table, stream = pa.table(columns), io.BytesIO()
    with pyarrow.ipc.new_file(stream, table.schema) as writer:
        writer.write_table(table)
    return stream.getvalue()


def json_lines(rows) -> str:
    return "".join(f"{json.dumps(row)}\n" for row in rows)


def digits(values) -> list[str]:
    return ["" if value is None else str(value) for value in values]


# ---- whole numbers -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (json_lines({"user": value} for value in LARGE), "file.jsonl"),
        (json.dumps([{"user": value} for value in LARGE]), "file.json"),
        (parquet(user=pa.array(LARGE, pa.int64())), "file.parquet"),
        (parquet(user=pa.array(LARGE, pa.uint64())), "file.parquet"),
        (parquet(user=pa.array(LARGE, pa.int64()).dictionary_encode()), "file.parquet"),
        (arrow(user=pa.array(LARGE, pa.int64())), "file.feather"),
        (arrow(user=pa.array(LARGE, pa.int64())), "named_otherwise.csv"),
    ],
)
def test_large_whole_numbers_with_a_gap_keep_their_digits(read, content, name):
    assert read(content, name)["user"] == digits(LARGE)


def test_numbers_of_json_are_as_they_are_written(read):
    content = (
        '{"a": 123456789012345678901234567890, "b": 1e5, "c": 1.10, "d": -0, "e": 0.12345678901234567890123}\n'
        '{"a": NaN, "b": 3.0, "c": Infinity, "d": true, "e": null}\n{}\n'
    )
    found = read(content, "file.jsonl")
    assert found["a"] == ["123456789012345678901234567890", "", ""]
    assert (found["b"], found["c"]) == (["1e5", "3.0", ""], ["1.10", "inf", ""])
    assert (found["d"], found["e"]) == (["-0", "True", ""], ["0.12345678901234567890123", "", ""])


def test_numbers_as_numbers(tmp_path):
    path = tmp_path / "file.jsonl"
    path.write_text('{"a": 1, "b": "1", "c": true}\n{"a": 2.5, "b": 2, "c": null}\n{"b": null}\n')
    frame = open_records(path, Reading()).numbers([0, 1, 2])
    assert frame[0].tolist()[:2] == [1.0, 2.5]
    assert frame[0].isna().tolist() == [False, False, True]
    assert frame[1].dtype == object  # a text that looks like a number is a text
    assert frame[2].tolist()[0] == 1.0


# ---- types of Arrow ----------------------------------------------------------------------------------------------------

TIME = datetime.datetime(2020, 1, 2, 3, 4, 5)


@pytest.mark.parametrize(
    ("array", "first"),
    [
        (pa.array(["x", None], pa.large_string()), "x"),
        (pa.array(["x", None]).dictionary_encode(), "x"),
        (pa.array([b"x", None]), "x"),
        (pa.array([decimal.Decimal("1.10"), None], pa.decimal128(5, 2)), "1.10"),
        (pa.array([datetime.date(2020, 1, 2), None]), "2020-01-02"),
        (pa.array([TIME, None], pa.timestamp("s")), "2020-01-02T03:04:05"),
        (pa.array([TIME, None], pa.timestamp("ns")), "2020-01-02T03:04:05"),
        (pa.array([1, None], pa.timestamp("ns")), "1970-01-01T00:00:00.000000001"),
        (pa.array([TIME, None], pa.timestamp("us", "UTC")), "2020-01-02T03:04:05+00:00"),
        (pa.array([True, None]), "True"),
        (pa.array([3.0, float("nan")]), "3.0"),
        (pa.array([0.1, None], pa.float32()), "0.1"),
    ],
)
def test_types_of_parquet(read, array, first):
    assert read(parquet(column=array), "file.parquet")["column"] == [first, ""]


def test_lists_name_their_column(read, refusal):
    content = parquet(text=["x", "y"], genres=[["a"], ["b", "c"]])
    assert "column 'genres' holds values of type list" in refusal(content, "file.parquet")
    content = json_lines([{"text": "x", "genres": "a"}, {"text": "y", "genres": ["b"]}])
    assert "column 'genres' holds values such as a list (line 2)" in refusal(content, "file.jsonl")


def test_dates_beyond_the_calendar_name_their_column(refusal):
    content = parquet(when=pa.array([2**62], pa.timestamp("us")))
    assert "column 'when'" in refusal(content, "file.parquet")


def test_the_index_of_pandas_is_no_column(read):
    table = pa.table({"text": ["x", "y"], "__index_level_0__": [3, 4]})
    told = {b"pandas": json.dumps({"index_columns": ["__index_level_0__"], "columns": []}).encode()}
    stream = io.BytesIO()
    pq.write_table(table.replace_schema_metadata(told), stream)
    assert read(stream.getvalue(), "file.parquet")["records"].columns == ("text",)


def test_a_typed_file_has_no_lines_to_skip(refusal):
    assert "data.skip_lines=1" in refusal(parquet(a=[1]), "file.parquet", skip_lines=1)


# ---- JSON --------------------------------------------------------------------------------------------------------------


def test_half_an_emoji_is_replaced_and_counted(read):
    content = '{"text": "cut \\ud83d", "la\\udc00": "a"}\n{"text": "whole \\ud83d\\ude00", "la\\udc00": "b"}\n'
    found = read(content, "file.jsonl")
    assert found["text"] == ["cut \ufffd", "whole 😀"]
    assert found["la\ufffd"] == ["a", "b"]
    assert found["records"].counts == {"replaced_half_characters": 3}
    assert any("3 halves of a character" in note and "lines 1, 2" in note for note in found["records"].notes)


def test_objects_that_cannot_be_read_name_their_line(read, refusal):
    deep = "[" * 100_000 + "]" * 100_000  # Python 3.13 reads some thousands
    content = f'{{"a": 1}}\n{{"a": 1, "a": 2}}\n{{"a": {deep}}}\n\n{{"a": 3, "b": "\0"}}\n{{"a": 4}}\n'
    assert "line 2 has 'a' twice (and 2 more)" in refusal(content, "file.jsonl")
    found = read(content, "file.jsonl", bad_lines="drop")
    assert found["a"] == ["1", "4"]
    assert [bad.first for bad in found["records"].found.dropped] == [2, 3, 5]


def test_lines_above_json_lines(read):
    found = read('generated by x\n{"a": 1}\n3\n', "file.jsonl", skip_lines=1, bad_lines="drop")
    assert (found["a"], found["records"].first_dropped) == (["1"], "line 3")


# ---- generated values --------------------------------------------------------------------------------------------------


def test_whole_numbers_of_any_size_with_gaps(examine, read):
    def holds(large, small):
        assert read(json_lines({"a": value, "b": "x"} for value in large), "file.jsonl")["a"] == digits(large)
        assert read(parquet(a=pa.array(small, pa.int64()), b=[1] * len(small)), "file.parquet")["a"] == digits(small)

    examine(
        holds,
        large=st.lists(st.none() | st.integers(), min_size=1),
        small=st.lists(st.none() | st.integers(-(2**63), 2**63 - 1), min_size=1),
    )


def test_texts_of_any_kind(examine, read):
    def holds(rows):
        wanted = [text.encode("utf-16", "surrogatepass").decode("utf-16", "replace") for text in rows]
        assert read(json_lines({"text": text} for text in rows), "file.jsonl")["text"] == wanted
        assert read(json.dumps([{"text": text} for text in rows]), "file.json")["text"] == wanted
        whole = [text for text in rows if text == text.encode("utf-8", "replace").decode()]
        if whole:
            assert read(parquet(text=whole), "file.parquet")["text"] == whole

    examine(holds, rows=st.lists(st.text(st.characters(exclude_categories=())), min_size=1))


def test_an_arrow_stream_is_read(read):
    table = pa.table({"user": pa.array([2**63, 2**63 + 1], pa.uint64())})
    stream = io.BytesIO()
    with pa.ipc.new_stream(stream, table.schema) as writer:
        writer.write_table(table)
    assert read(stream.getvalue(), "a.arrow")["user"] == ["9223372036854775808", "9223372036854775809"]


@pytest.mark.parametrize("content", ["[{}, {}]", "{}\n{}\n"])
def test_objects_without_a_value_are_refused(refusal, content):
    assert "its objects are empty" in refusal(content, "a.json")


def test_names_that_become_one_are_refused(refusal):
    assert "line 1: two of its names differ only in half" in refusal('{"a\\ud83d": 1, "a\\ud83e": 2}', "a.jsonl")


def test_lines_that_are_hardly_objects_are_not_to_be_dropped(refusal):
    message = refusal('{\n"a": 1\n}\n{\n"a": 2\n}\n', "a.jsonl")
    assert "Write one object a line" in message
    assert "drop" not in message
