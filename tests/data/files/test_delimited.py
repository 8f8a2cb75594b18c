"""Delimiters of several characters, aligned columns, lines above a header, and round trips through CSV."""

import csv
import io

import pytest
from hypothesis import strategies as st

from seedbed.data.files.records import Reading
from seedbed.errors import ConfigError

# ---- delimiters --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("given", ["auto", "::"])
def test_two_colons(read, given):
    content = "1::Toy Story (1995)::Animation|Children's\n2::It: a film::Horror\n"
    found = read(content, header=False, delimiter=given)
    assert found["1"] == ["Toy Story (1995)", "It: a film"]
    assert "delimiter '::'" in found["records"].how
    assert read(f"id::title::genres\n{content}", delimiter=given)["title"] == found["1"]


def test_doubled_pipes(read):
    assert read("a||b||c\n1||x||y\n2||||z\n")["b"] == ["x", ""]
    assert read("a|b|c\n1||y\n")["b"] == [""]  # a value that is missing


@pytest.mark.parametrize("delimiter", ["§", "<>", "|~|", ", "])
def test_other_delimiters_are_given(read, delimiter):
    found = read(f'a{delimiter}b\n1{delimiter}"x{delimiter}y"\n', delimiter=delimiter)
    assert found["b"] == [f"x{delimiter}y"]
    assert found["records"].delimiter == delimiter


@pytest.mark.parametrize("given", ["auto", "blanks"])
def test_aligned_columns(read, given):
    found = read('  mpg   cyl\tname\n18.0   8   "chevy nova"\n 9.0   8   buick\n', delimiter=given)
    assert found["mpg"] == ["18.0", "9.0"]
    assert found["name"] == ["chevy nova", "buick"]
    assert "any number of blanks" in found["records"].how


def test_prose_is_no_aligned_table(refusal):
    message = refusal("only one column\nand no other\n")
    assert "data.delimiter" in message
    assert "blanks" in message


def test_a_line_too_short_among_aligned_columns_names_its_line(read, refusal):
    content = "a b\n1  2\n3\n4 5\n"
    assert "line 3: 1 field" in refusal(content, delimiter="blanks")
    assert read(content, delimiter="blanks", bad_lines="drop")["a"] == ["1", "4"]


# ---- lines above the header --------------------------------------------------------------------------------------------

COUNTS = "3,2,setosa,virginica\n1,2,0\n3,4,1\n5,6,1\n"


def test_lines_are_skipped(read, refusal):
    assert "data.skip_lines=1 data.header=false" in refusal(COUNTS)
    found = read(COUNTS, skip_lines=1, header=False)
    assert found["0"] == ["1", "3", "5"]
    assert "1 line skipped" in found["records"].how
    assert found["records"].found.skipped_lines == 1


@pytest.mark.parametrize("above", ["Report of 2024\n\n", "# by a script\n# today, at noon\n", "% one\n%\n%\n"])
def test_the_number_of_lines_to_skip_is_worked_out(read, refusal, above):
    content = f"{above}name,x\na,1\nb,2\nc,3\n"
    number = above.count("\n")
    message = refusal(content)
    assert f"data.skip_lines={number}" in message
    assert "data.header" not in message
    assert read(content, skip_lines=number)["x"] == ["1", "2", "3"]


def test_lines_are_those_of_the_file(refusal):
    content = '\ufeffReport\r\n\r\na,b\r\n1,"x\r\ny"\r\n\r\n2\r\n'
    assert "line 7: 1 field" in refusal(content, skip_lines=2)


def test_more_lines_than_there_are(refusal):
    assert "data.skip_lines=9" in refusal(COUNTS, skip_lines=9)


@pytest.mark.parametrize("number", [-1, True, "1", 1.0, None])
def test_what_is_no_number_of_lines(number):
    with pytest.raises(ConfigError, match=r"data\.skip_lines="):
        Reading(skip_lines=number)


@pytest.mark.parametrize("line", ["sep=;", '"sep=;"', "SEP=;\r"])
def test_the_line_that_excel_reads(read, refusal, line):
    found = read(f"{line}\na;b,c\n1,5;2\n")
    assert found["records"].columns == ("a", "b,c")
    assert "semicolon (its first line says so)" in found["records"].how
    assert "line 3: 3 fields" in refusal(f"{line}\na;b\n1;2;3\n4;5\n")


# ---- round trips -------------------------------------------------------------------------------------------------------

FIELD = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0\r\ufeff"), max_size=12)


def test_what_the_csv_module_writes_is_read_back(examine, read):
    def holds(rows, delimiter, quoting, end, encoding):
        rows = [("label", "text"), *((f"x{label}", text) for label, text in rows)]
        stream = io.StringIO(newline="")
        csv.writer(stream, delimiter=delimiter, quoting=quoting, lineterminator=end).writerows(rows)
        content = stream.getvalue()
        if quoting == csv.QUOTE_MINIMAL and end == "\r\n":  # which this module leaves bare before Python 3.13
            content = content.replace("\n", "\r\n") if "\r" not in content else content
        found = read(content.encode(encoding), delimiter=delimiter, quoting="csv", encoding=encoding)
        assert list(zip(found["label"], found["text"], strict=True)) == rows[1:]

    examine(
        holds,
        rows=st.lists(st.tuples(FIELD, FIELD), min_size=1, max_size=8),
        delimiter=st.sampled_from([",", ";", "\t", "|", "§"]),
        quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
        end=st.sampled_from(["\n", "\r\n"]),
        encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "utf-32", "gb18030"]),
    )


def rows(delimiter):
    return "".join(delimiter.join((f"u{row}", f"x {row}", "3")) + "\n" for row in range(9))


@pytest.mark.parametrize(
    ("delimiter", "typed"),
    [("^", "\"data.delimiter='^'\""), ("~", "\"data.delimiter='~'\""), ("%%", "\"data.delimiter='%%'\""), ("¦", "\"data.delimiter='¦'\""),
     ("--->", "\"data.delimiter='--->'\""), ("\x01", "data.delimiter=$'\\x01'")],
)  # fmt: skip
def test_a_rarer_delimiter_is_named(read, refusal, delimiter, typed):
    assert f"such as {typed}" in refusal(rows(delimiter))
    assert read(rows(delimiter), delimiter=delimiter, header=False)["1"][8] == "x 8"


def test_any_sign_that_parts_every_line_is_named(examine, refusal):
    def holds(delimiter):
        assert "such as " in refusal(rows(delimiter))

    sign = st.text("^~#$&%§¦*=!<>@+/:-", min_size=1, max_size=3)
    examine(holds, delimiter=sign.filter(lambda delimiter: "::" not in delimiter))


def test_no_delimiter_is_named_in_prose(refusal):
    assert "such as" not in refusal("A first line!\nA second: with more (in it)\nand a third.\n")


def test_a_blank_between_comma_and_quote(read):
    found = read('label, text\nham, "a, b"\nspam, "c ""d"", e"\n')
    assert found["text"] == ["a, b", 'c "d", e']
    assert found["records"].made_with == {"reading": "2"}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("label,text\n" + "ham,'a, b'\n" * 5, "single quotes"),
        ("label,text\n" + 'ham,"a \\"b\\", c"\n' * 5, "a backslash stands before quotes"),
        ("label,text\n" + 'ham,   "a, b"\n' * 5, "blanks stand before the quotes"),
    ],
)
def test_another_way_of_quoting_is_named(refusal, content, said):
    message = refusal(content)
    assert said in message
    assert "bad_lines" not in message


def test_unquoted_decimal_commas_are_named_where_most_records_show_them(refusal):
    said = refusal("a,b,y\n1,5,2,7,p\n2,5,3,1,n\n4,3,2,n\n3,4,n\n")
    assert "Fields 1 and 2 of line 2 look like one number with a decimal comma (1,5): if so, export" in said
    assert "decimal comma" not in refusal("a,b,y\n1,2,p\n2,5,n\n4,3,2,n\n3,4,n\n"), "one line of several"
    assert "decimal comma" not in refusal("a,b,y\n1.5,x,2.5,p\n2.5,y,3.5,n\n"), "no numbers"


def test_a_header_that_lacks_a_name(read, refusal):
    content = "label,text\n" + "1,ham,a b\n2,spam,c d\n"
    message = refusal(content)
    assert "name all columns in it, or go by their numbers from 0 on: data.skip_lines=1 data.header=false" in message
    assert message.count("skip_lines") == 1
    assert "bad_lines=drop" not in message  # it would leave nothing
    assert read(content, skip_lines=1, header=False)["1"] == ["ham", "spam"]
