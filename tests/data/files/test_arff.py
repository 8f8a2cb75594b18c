"""Files of Weka and KEEL."""

import gzip
import re

import pytest
from hypothesis import strategies

from seedbed.data.files.records import Declared, Reading, open_records

WEKA = """% a comment
@RELATION 'my relation'

@ATTRIBUTE 'sepal length' NUMERIC
@attribute text string
@attribute class {a, 'b c'}
@DATA
% another
5.1, 'it\\'s, "ok"', a
?, "x", 'b c'
"""
KEEL = """@relation glass
@attribute RI real [1.5, 1.6]
@attribute Class {positive, negative}
@inputs RI
@outputs Class
@data
1.51, positive
<null>, negative
"""


def test_weka(read):
    found = read(WEKA, "file.arff")
    assert found["sepal length"] == ["5.1", ""]
    assert found["text"] == ['it\'s, "ok"', "x"]
    assert found["class"] == ["a", "b c"]
    assert "ARFF" in found["records"].how


def test_columns_are_declared(read):
    header = """@Relation x
@attribute a real [0.0, 1.5]
@attribute 'b c' INTEGER[2,3] % how many
@attribute "d 'e" {'x, y', z,"w"}
@attribute f{yes,no}
@attribute g string
@attribute h DATE "yyyy-MM-dd"
@attribute i Numeric
@data
"""
    records = read(
        f"{header}0,2,'x, y',yes,t,2020-01-01,1\n1.75 , 3, z, <null>, 'it''s', ?, 2\n".replace("''s", "\\'s")
    )["records"]
    assert records.columns == ("a", "b c", "d 'e", "f", "g", "h", "i")
    assert records.declared == {
        0: Declared("real", range=(0.0, 1.5)),
        1: Declared("integer", range=(2.0, 3.0)),
        2: Declared("nominal", ("x, y", "z", "w")),
        3: Declared("nominal", ("yes", "no")),
        4: Declared("string"),
        5: Declared("date"),
        6: Declared("real"),
    }
    assert records.strings([2, 3, 4, 5]) == [["x, y", "z"], ["yes", ""], ["t", "it's"], ["2020-01-01", ""]]
    assert records.notes[1:] == (
        "'a': 1 value outside of the declared range [0, 1.5], such as 1.75 in line 11. Kept as written.",
    )


@pytest.mark.parametrize(
    ("header", "at", "why"),
    [
        ("@attribute y {a,b}\n@attribute x real\n@inputs x\n@outputs y\n", 0, "which @outputs names"),
        ("@attribute x real\n@attribute 'y z' {a,b}\n@attribute w real\n@output 'y z'\n", 1, "which @outputs names"),
        ("@attribute x real\n@attribute Class {a,b}\n@attribute w real\n", 1, "by its name"),
        ("@attribute x real\n@attribute w {a,b}\n", 1, "the last attribute"),
    ],
)
def test_the_column_to_predict(read, header, at, why):
    records = read(f"@relation r\n{header}@data\n{','.join('?' * header.count('@attribute'))}\n")["records"]
    assert (records.target.at, records.target.why) == (at, why)


def test_of_several_outputs_none_is_chosen(read):
    header = "@relation r\n@attribute x real\n@attribute y {a,b}\n@outputs x, y\n@data\n1,a\n"
    assert read(header)["records"].target is None


def test_sparse_records(read):
    header = (
        "@relation r\n@attribute x real\n@attribute y {a,'b c'}\n@attribute z string\n@attribute w numeric\n@data\n"
    )
    found = read(f"{header}{{1 'b c', 3 -2.5}}\n{{ }}\n{{0 ?, 2 t}}\n5,a,u,6\n")
    assert found["x"] == ["0", "0", "", "5"]
    assert found["y"] == ["b c", "a", "a", "a"]
    assert found["z"] == ["", "", "t", "u"]
    assert found["w"] == ["-2.5", "0", "0", "6"]


def test_what_is_quoted_is_read_as_it_was(read, examine):
    def written(value: str, quote: str) -> str:
        return quote + re.sub(r"""([\\'"])""", r"\\\1", value) + quote

    def holds(name, values, quote):
        header = f"@relation r\n@attribute {written(name, quote)} string\n@attribute n real\n@data\n"
        rows = "".join(f" {written(value, quote)} ,\t1\n" for value in values)
        sparse = "".join(f"{{0 {written(value, quote)}, 1 1 }}\n" for value in values)
        for content in (rows, sparse):
            records = read(header + content)["records"]
            assert (records.columns[0], records.strings([0, 1])) == (name.strip(), [values, ["1"] * len(values)])

    signs = strategies.text("ab1 ,'\"\\\\%{}?@<\té", min_size=1, max_size=6)
    examine(
        holds, name=signs, values=strategies.lists(signs, min_size=1, max_size=4), quote=strategies.sampled_from("'\"")
    )


@pytest.mark.parametrize("name", ["r.arff", "r.arff.gz"])
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_line_ends_encodings_and_archives(read, name, encoding):
    content = KEEL.replace("@data\n", "\n@data\n\n% é\n").replace("\n", "\r\n").encode(encoding)
    found = read(gzip.compress(content) if name.endswith("gz") else content, name)
    assert (found["RI"], found["Class"]) == (["1.51", ""], ["positive", "negative"])
    assert found["records"].place(0) == "line 10"


def test_keel_in_a_file_of_any_name(read, tmp_path):
    found = read(KEEL, "glass.csv")
    assert (found["RI"], found["Class"]) == (["1.51", ""], ["positive", "negative"])
    numbers = open_records(tmp_path / "glass.csv", Reading()).numbers([0])
    assert numbers[0].tolist()[0] == 1.51
    assert numbers[0].isna().tolist() == [False, True]


def test_records_of_another_length_name_their_line(read, refusal):
    content = f"{WEKA}1,2\n3,?,a\n"
    assert "line 11: it has 2 values, but 3 attributes" in refusal(content)
    found = read(content, bad_lines="drop")
    assert found["sepal length"] == ["5.1", "", "3"]
    assert found["records"].first_dropped == "line 11"


def test_a_record_with_an_undeclared_value_is_left_out_where_asked(read):
    found = read(WEKA.replace("?,", "7,x,d\n?,") + "1\n", bad_lines="drop")
    assert found["sepal length"] == ["5.1", ""]
    assert [bad.first for bad in found["records"].found.dropped] == [10, 12]
    assert found["records"].place(1) == "line 11"


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (f"{WEKA}{{0 1, 3 a}}\n", "line 11: a sparse record has a value at position 3, but 3 attributes"),
        (f"{WEKA}{{2 a, 0 1}}\n", "line 11: a sparse record has position 0 after 2"),
        (f"{WEKA}{{a 0}}\n", "line 11: a sparse record has 'a 0'"),
        (f"{WEKA}1,x,a,{{2}}\n", "line 11: it has a weight"),
        (f"{WEKA}1,x,c\n", "line 11: 'class' is 'c', but its @attribute declares 'a', 'b c'"),
        (WEKA.replace("text string", "bag relational"), "line 5: attribute 'bag': an @attribute of type relational"),
        (
            WEKA.replace("NUMERIC", "numerc"),
            "line 4: attribute 'sepal length' is of type 'numerc', did you mean 'numeric'",
        ),
        (WEKA.replace(" NUMERIC", ""), "line 4: attribute 'sepal length' has no type"),
        (WEKA.replace("'b c'}", "'b c'"), "line 6: attribute 'class' has values whose quote or brace"),
        (
            KEEL.replace("@outputs Class", "@outputs Clas"),
            "line 5: @outputs names 'Clas', which is not an attribute, did you",
        ),
        (WEKA[: WEKA.index("@DATA")], "no line @data"),
        (WEKA[: WEKA.index("5.1")], "no record below @data"),
        ("@relation x\n@data\n1\n", "no @attribute"),
    ],
)
def test_what_is_not_read(refusal, content, part):
    assert part in refusal(content)
