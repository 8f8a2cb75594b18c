"""Reading records: encoding, delimiter and quoting found or given, and what cannot be read."""

import gzip
import io
import json
import zipfile

import pandas as pd
import pytest

from seedbed.data.files.records import DELIMITERS, Reading, open_records
from seedbed.errors import ConfigError, DataError

# ---- encoding --------------------------------------------------------------------------------------------------------

WORD = "Café"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (f"label,text\na,{WORD}\n".encode("utf-8-sig"), "utf-8 (from its byte order mark)"),
        (f"label,text\na,{WORD}\n".encode("utf-16"), "utf-16 (from its byte order mark)"),
        (f"label,text\na,{WORD}\n".encode("utf-32"), "utf-32 (from its byte order mark)"),
        (f"label,text\na,{WORD}\n".encode(), "utf-8"),
        (f"label,text\na,{WORD}\n".encode("latin-1"), "cp1252"),
        (f"label,text\na,{WORD}\nb,\x81 {'x' * 20}\n".encode("latin-1"), "latin-1"),
    ],
)
def test_the_encoding_is_found(read, content, said):
    found = read(content)
    assert found["text"][0] == WORD
    assert f"encoding {said}," in found["records"].how


def test_another_alphabet_is_found(read):
    text = "Съешь же ещё этих мягких французских булок, да выпей чаю. Широкая электрификация южных губерний"
    found = read(f"label;text\na;{text}\nb;{text}\n".encode("cp1251"))
    assert found["text"][0] == text


def test_the_encoding_can_be_given(read):
    assert read(f"label,text\na,{WORD}\n".encode("utf-16-le"), encoding="utf-16-le")["text"] == [WORD]
    assert read("label,text\na,Łódź\n".encode("cp1250"), encoding="cp1250")["text"] == ["Łódź"]


def test_a_wrong_encoding_names_line_and_remedy(refusal):
    message = refusal(f"label,text\na,b\na,{WORD}\n".encode("latin-1"), encoding="utf-8")
    assert "line 3" in message
    assert "data.encoding=utf-8" in message


def test_what_is_no_text_is_refused(refusal):
    assert "data.encoding" in refusal(bytes(range(1, 32)) * 9)


def test_nul_characters_under_a_given_encoding_are_refused(refusal):
    assert "line 2" in refusal("a,b\n1,2\n".encode("utf-16-le").replace(b"1\0", b"\0\0"), encoding="utf-16-le")


def test_unknown_encoding():
    with pytest.raises(ConfigError, match=r"data\.encoding=latn-1.*'latin-1'"):
        Reading(encoding="latn-1")


# ---- delimiter -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", DELIMITERS)
def test_the_delimiter_is_found(read, name):
    found = read(f'text{DELIMITERS[name]}label\n"1, 2; 3\t4 | 5"{DELIMITERS[name]}a\n')
    assert found["text"] == ["1, 2; 3\t4 | 5"]
    assert found["label"][0] == "a"
    assert f"delimiter {name}" in found["records"].how


def test_the_columns_asked_for_decide_on_the_delimiter(read):
    content = "text;a,b,label\nx;1,2,u\ny;1,2,v\n"
    assert read(content)["records"].columns == ("text;a", "b", "label")
    assert read(content, wanted=["text"])["text"] == ["x", "y"]


def test_the_delimiter_can_be_given(read):
    assert read("a:b\n1:2\n", delimiter=":")["b"] == ["2"]
    found = read("a;b\n1;2,3\n", delimiter="semicolon")
    assert found["b"] == ["2,3"]
    assert "semicolon (given)" in found["records"].how


def test_a_text_without_columns(refusal):
    assert "data.delimiter" in refusal("only one column\nand no other\n")


@pytest.mark.parametrize("delimiter", ["", "semi", '"', "\n", 7])
def test_what_is_no_delimiter(delimiter):
    with pytest.raises(ConfigError, match=r"data\.delimiter"):
        Reading(delimiter=delimiter)


# ---- quoting ---------------------------------------------------------------------------------------------------------


def test_quotes_that_open_in_one_line_of_a_tsv_and_close_in_another_are_text(read):
    found = read('label\ttext\nham\t"a b\nspam\tWIN now\nham\tc d"\nham\tx\n', "file.tsv")
    assert found["label"] == ["ham", "spam", "ham", "ham"]
    assert found["text"] == ['"a b', "WIN now", 'c d"', "x"]
    assert "quotes are text" in found["records"].how


def test_quotes_between_pipes_are_read_as_those_between_tabs(read):
    assert read('label|text\nham|"a b\nspam|WIN now\nham|c d"\n')["text"] == ['"a b', "WIN now", 'c d"']
    assert read('label|text\nham|"a | b"\nspam|x\n')["text"] == ["a | b", "x"]


def test_quotes_that_close_on_their_line_enclose_fields_of_a_tsv(read):
    found = read('label\ttext\nham\t"say ""hi"""\nspam\t5" screen\n', "file.tsv")
    assert found["text"] == ['say "hi"', '5" screen']


def test_fields_of_a_tsv_over_several_lines_are_csv_where_nothing_else_fits(read):
    found = read('label\ttext\tid\nham\t"two\nlines"\t1\nspam\tx\t2\n', "file.tsv")
    assert found["text"] == ["two\nlines", "x"]
    assert "1 record spans several lines" in found["records"].how


def test_quotes_enclose_fields_of_a_csv(read):
    found = read('text,label\r\n"two\r\nlines, ""and"" more",a\r\nx,b\r\n')
    assert found["text"] == ['two\nlines, "and" more', "x"]
    assert found["label"] == ["a", "b"]


def test_quotes_in_a_csv_that_never_close_are_text(read):
    assert read('label,text\na,"x\nb,y\nc,z\n')["text"] == ['"x', "y", "z"]


def test_quoting_can_be_given(read):
    content = 'label\ttext\na\t"x\nb\ty"\nc\tz\n'
    assert read(content, quoting="csv")["text"] == ["x\nb\ty", "z"]
    assert read('label,text\na,"x"\n', quoting="none")["text"] == ['"x"']


def test_a_text_longer_than_the_csv_module_allows_by_default(read):
    assert len(read(f'label,text\na,"{"x" * 200_000}"\n')["text"][0]) == 200_000


def test_only_line_feeds_end_a_line(read):
    assert read("label\ttext\na\tx\u2028y\r\nb\tc\x85d\re\n")["text"] == ["x\u2028y", "c\x85d\re"]
    assert read("label\ttext\ra\tx\rb\ty\r")["text"] == ["x", "y"]
    assert read('label,text\na,x\ry\nb,"z, \r"\n')["text"] == ["x\ry", "z, \r"]


def test_words_that_pandas_takes_for_missing_are_text(read):
    assert read("label,text\nNA,null\nNone,\n")["text"] == ["null", ""]


# ---- records that do not fit -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("line", "fields"), [("b,y,z", "3 fields"), ("b", "1 field")])
def test_a_record_with_other_fields_names_its_line(refusal, line, fields):
    message = refusal(f"label,text\na,x\n\n{line}\nc,z\n")
    for part in ("line 4", fields, "header has 2", "data.bad_lines=drop"):
        assert part in message


def test_records_with_other_fields_can_be_dropped(read):
    found = read('label,text\na,"x\ny"\nb,y,z\nc\nd,w\n', bad_lines="drop")
    assert found["label"] == ["a", "d"]
    assert (found["records"].dropped, found["records"].first_dropped) == (2, "line 4")


def test_a_field_that_is_not_closed_properly_names_its_line(refusal):
    message = refusal('label,text\na,"x" y\nb,"y, z"\nc,"z, ""z"""\n')
    assert "line 2" in message
    assert "data.bad_lines=drop" in message
    assert "data.quoting=none" not in message  # under which lines 3 and 4 have a field too many


def test_the_rest_of_a_file_is_never_dropped_for_a_quote_left_open(read, refusal):
    content = 'label,text\na,"x, y"\nb,"z, z\nc,w\n'
    found = read(content, bad_lines="drop", quoting="csv")
    assert (found["text"], found["records"].first_dropped) == (["x, y", "w"], "line 3")
    assert "line 3: a field opens with a quote that is never closed" in refusal(content, quoting="csv")


def test_a_header_line_is_never_dropped(refusal):
    content = '"label" of,text\na,"x, y"\nb,"z"\n'
    assert "line 1" in refusal(content, bad_lines="drop", quoting="csv")


def test_a_first_line_of_another_shape(refusal):
    assert "Is the first line the header?" in refusal("3,2,setosa,virginica\n1,2,0\n3,4,1\n5,6,1\n")


def test_a_missing_column_is_named_with_those_there_are(read, tmp_path):
    records = read("text,label\nx,a\n")["records"]
    with pytest.raises(DataError) as caught:
        records.position("txt", "data.text")
    for part in ("data.text=txt", str(tmp_path), "did you mean 'text'?", "'text', 'label'"):
        assert part in str(caught.value)


def test_two_columns_of_one_name(read):
    records = read("text,text\nx,a\n")["records"]
    with pytest.raises(DataError, match="2 columns of that name"):
        records.position("text", "data.text")


def test_a_file_without_a_header(read):
    found = read("a,x\nb,y\n", header=False)
    assert (found["0"], found["1"]) == (["a", "b"], ["x", "y"])


# ---- other formats ---------------------------------------------------------------------------------------------------


def test_json_lines(read):
    found = read('{"text": "x", "label": 1}\n\n{"label": 2.0, "text": "y\\nz", "more": null}\n', "file.jsonl")
    assert (found["text"], found["label"]) == (["x", "y\nz"], ["1", "2.0"])


def test_a_json_array(read):
    assert read(json.dumps([{"text": "x"}, {"text": None}]), "file.json")["text"] == ["x", ""]


@pytest.mark.parametrize("line", ['{"text": ', '"no object"'])
def test_a_line_that_is_no_object(read, refusal, line):
    content = f'{{"text": "x"}}\n{line}\n'
    message = refusal(content, "file.jsonl")
    assert "line 2" in message
    found = read(content, "file.jsonl", bad_lines="drop")
    assert (found["text"], found["records"].dropped, found["records"].first_dropped) == (["x"], 1, "line 2")


def test_parquet(read, refusal):
    stream = io.BytesIO()
    pd.DataFrame({"text": ["x", None], "label": pd.Categorical(["a", "b"])}).to_parquet(stream)
    found = read(stream.getvalue(), "file.parquet")
    assert (found["text"], found["label"]) == (["x", ""], ["a", "b"])
    assert "is not a valid Parquet file" in refusal(stream.getvalue()[:-9], "cut.parquet")


def zipped(**members) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return stream.getvalue()


def test_archives(read, refusal):
    assert read(gzip.compress(b"label\ttext\na\tx\n"), "file.tsv.gz")["text"] == ["x"]
    assert read(zipped(**{"folder/": "", "folder/file.jsonl": '{"text": "x"}'}), "file.zip")["text"] == ["x"]
    assert "2 files (a.csv, b.csv)" in refusal(zipped(**{"a.csv": "", "b.csv": ""}), "file.zip")
    assert "Export it as CSV" in refusal(zipped(**{"[Content_Types].xml": ""}), "file.xlsx")
    assert "unpacked" in refusal(gzip.compress(b"label\ttext\na\tx\n")[:-9], "file.csv.gz")


# ---- files that are not there ----------------------------------------------------------------------------------------


def test_no_such_file_names_one_that_is_like_it(tmp_path):
    (tmp_path / "reviews.csv").write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match=r"did you mean 'reviews\.csv'\?"):
        open_records(tmp_path / "review.csv", Reading())
    with pytest.raises(DataError, match="no such file"):
        open_records(tmp_path / "nowhere" / "review.csv", Reading())


def test_a_folder_is_no_file(tmp_path):
    (tmp_path / "reviews.csv").write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match=r"is a folder.*reviews\.csv"):
        open_records(tmp_path, Reading())


@pytest.mark.parametrize("content", ["", " \n\n", "\ufeff"])
def test_an_empty_file(refusal, content):
    assert "is empty" in refusal(content)


def test_a_header_alone(refusal):
    assert "no record below its header" in refusal("label,text\n")


@pytest.mark.parametrize("setting", [{"format": "xml"}, {"quoting": "no"}, {"bad_lines": "skip"}, {"header": "no"}])
def test_unknown_settings(setting):
    with pytest.raises(ConfigError, match=f"data.{next(iter(setting))}="):
        Reading(**setting)


@pytest.mark.parametrize("space", ["\u00a0", "\f", "\v"])
def test_a_line_of_other_space_is_a_record_of_one_field(read, refusal, space):
    """pandas reads it as one, so it must be counted as one: a bad line, and not a miscount."""
    content = f"label,text\na,one\n{space}\nb,two\n"
    assert "line 3: 1 field" in refusal(content)
    assert read(content, bad_lines="drop")["text"] == ["one", "two"]


@pytest.mark.parametrize(
    ("content", "name", "expected"),
    [
        ("label,text\na,one\n", "a.csv", {}),
        ("label,text\na,one\nb\n", "a.csv", {"reading": "2"}),
        (b"label,text\na,caf\xc3\xa9 caf\xc3\xa9 caf\xc3\xa9 caf\xc3\xa9 caf\xe9\n", "a.csv", {"reading": "2"}),
        ('{"user": 76561198000000001}\n{"user": null}\n', "a.jsonl", {"reading": "2"}),
    ],
)
def test_cells_of_files_that_were_read_otherwise_are_told_apart(read, content, name, expected):
    assert read(content, name, bad_lines="drop")["records"].made_with == expected


def test_columns_are_found_by_what_is_seen_of_their_names(read):
    records = read("la\u200bbel,cafe\u0301,Label\na,one,x\n")["records"]
    assert [records.position(name, "data.text") for name in ("label", "caf\u00e9", "Label")] == [0, 1, 2]
