"""Files that are no table are named as what they are, with a remedy."""

import gzip
import io
import json
import pickle
import zipfile

import pytest


def empty_zip() -> bytes:
    stream = io.BytesIO()
    zipfile.ZipFile(stream, "w").close()
    return stream.getvalue()


POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:b51f\nsize 21484555\n"


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        (POINTER, ("Git LFS", "21,484,555 bytes", "git lfs pull")),
        ("outs:\n- md5: abc\n  size: 3\n  path: a.csv\n", ("DVC", "dvc pull")),
        ("../.git/annex/objects/aa/bb/MD5E-s1--x.csv\n", ("git-annex", "git annex get")),
        ("<!DOCTYPE html>\n<html><head><title>Data, at\n home</title>", ("web page", "'Data, at home'", "download link")),
        ("\n\n<HTML>\n<body>a,b\n1,2</body></HTML>\n", ("web page",)),
        ('<?xml version="1.0"?>\n<rows><row a="1,2"/></rows>\n', ("XML",)),
        ("<!DOCTYPE rows>\n<rows/>\n", ("XML",)),
        ('{"message": "Not Found", "documentation_url": "https://x"}', ("server", "'Not Found'")),
        ('{\n  "rows": [{"a": 1}, {"a": 2}]\n}\n', ("one JSON object", "'rows'", "data.format=jsonl")),
        ('{"text": "x", "label": "y"}\n{"text": "z", "label": "w"}\n', ("JSON lines", "data.format=jsonl")),
        ('[{"text": "x", "label": "y"}]', ("JSON array", "data.format=jsonl")),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), (".xls", "CSV (UTF-8)")),
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", ("PDF",)),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", ("PNG",)),
        (b"SQLite format 3\0" + bytes(84), ("SQLite", "Export the table")),
        (pickle.dumps([{"text": "x"}]), ("pickle", "Parquet or CSV")),
        (pickle.dumps([{"text": "x"}], protocol=0), ("pickle",)),
        (gzip.compress(gzip.compress(b"a,b\n1,2\n", mtime=0), mtime=0), ("archive within an archive", "Unpack it")),
        (gzip.compress(b"X\n\0\0\0\2\0\4", mtime=0), ("R data file", "write.csv")),
        (b"MATLAB 5.0 MAT-file" + bytes(120), ("MATLAB",)),
        (b"ORC" + bytes(range(9)) + b"ORC\x1b", ("ORC",)),
        (bytes(999), ("NUL bytes only", "Get it again")),
        ("<table><tr><td>a,b</td></tr></table>", ("web page",)),
        (empty_zip(), ("empty zip",)),
        (b"\xfd7zXZ\0\0\x04", ("xz", "Unpack it")),
        (bytes(257) + b"ustar\x0000" + bytes(300), ("tar",)),
        ("1 3:0.5 7:1\n-1 2:1.5e-3 9:2 # x\n", ("libsvm", "load_svmlight_file")),
    ],
)  # fmt: skip
def test_what_it_is_and_what_to_do(refusal, content, parts):
    message = refusal(content)
    for part in parts:
        assert part in message
    assert "data.delimiter" not in message


@pytest.mark.parametrize("name", ["file.json", "file.jsonl"])
def test_an_answer_of_a_server_or_a_page_named_json(refusal, name):
    assert "'Rate limited'" in refusal(json.dumps({"error": "Rate limited", "status": 429}), name)
    assert "web page" in refusal("<html></html>", name)
    assert "one JSON object" in refusal(json.dumps({"text": {"0": "x"}, "label": {"0": "y"}}), name)


def test_a_zip_of_an_office_document(refusal):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("content.xml", "<x/>")
    assert "office document" in refusal(stream.getvalue(), "file.ods")


@pytest.mark.parametrize("header", ["ORC,label", "BZh,label", "GIF87,label", "message,error", "Obj,outs"])
def test_a_table_may_begin_with_such_letters(read, header):
    assert read(f"{header}\n1,2\n")["records"].columns == tuple(header.split(","))


def test_texts_that_hold_markup_or_json_are_texts(read):
    found = read('label,text\na,<html>\nb,"{""a"": 1}"\nc,1:2 3:4\n')
    assert found["text"] == ["<html>", '{"a": 1}', "1:2 3:4"]
