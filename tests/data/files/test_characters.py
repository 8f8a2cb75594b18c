"""Encodings: found where that is sure, and bytes that do not fit named by line or replaced."""

import pytest
from hypothesis import strategies as st

POLISH = "Zażółć gęślą jaźń Łódź i Kraków. "
ROWS = "".join(f"{label},naïve café number {number} — it’s €5\n" for number, label in enumerate(["ham", "spam"] * 30))


# ---- UTF-8 with bytes that are not -------------------------------------------------------------------------------------


def mixed(given: bool) -> tuple[bytes, dict[str, str]]:
    lines = f"label,text\n{ROWS}".encode().split(b"\n")
    lines[4] = b"ham,Andr\xe9 alpha"
    lines[9] = b"ham,Andr\xe9 and \x80"
    return b"\n".join(lines), {"encoding": "utf-8"} if given else {}


@pytest.mark.parametrize("given", [False, True])
def test_few_bad_bytes_are_named_by_line(refusal, given):
    content, reading = mixed(given)
    message = refusal(content, **reading)
    for part in ("line 5", "byte 0xe9 is not utf-8", "3 such bytes, on lines 5, 10", "data.bad_lines=drop"):
        assert part in message
    assert "cp1252" not in message  # which would spoil all other rows


@pytest.mark.parametrize("given", [False, True])
def test_few_bad_bytes_are_replaced_and_counted(read, given):
    content, reading = mixed(given)
    found = read(content, bad_lines="drop", **reading)
    assert found["text"][3] == "Andr\ufffd alpha"
    assert found["text"][0] == "naïve café number 0 — it’s €5"
    assert found["records"].counts == {"replaced_bytes": 3}
    assert any("3 bytes, not utf-8, were replaced by U+FFFD" in note for note in found["records"].notes)
    assert found["records"].dropped == 0


def test_one_latin_1_byte_in_a_long_file(refusal):
    assert "line 2002: byte 0xe9" in refusal(b"label,text\n" + "ham,é\n".encode() * 2000 + b"ham,\xe9\n")


def test_a_file_that_is_utf_8_in_part_is_not_guessed(read, refusal):
    content = "label,text\nham,é\nham,ü\n".encode() + b"ham,caf\xe9\n" * 2
    message = refusal(content)
    for part in ("UTF-8 in part", "'ham,é' in utf-8", "data.encoding=utf-8"):
        assert part in message
    assert read(content, encoding="utf-8", bad_lines="drop")["text"] == ["é", "ü", "caf\ufffd", "caf\ufffd"]


def test_the_encoding_that_is_advised_fits(read, refusal):
    content = "label,text\nham,Café\n".encode("cp1252")
    assert "data.encoding=cp1252" in refusal(content, encoding="utf-8")
    assert read(content, encoding="cp1252")["text"] == ["Café"]


def test_a_lone_surrogate_of_utf_16_is_named_and_replaced(read, refusal):
    content = "label,text\nham,a\nham,b\n".encode("utf-16").replace(b"b\0\n", b"\0\xd8\n")
    assert "line 3: bytes" in refusal(content)
    found = read(content, bad_lines="drop")
    assert found["text"] == ["a", "\ufffd"]
    assert found["records"].found.replaced[0].lines == (3,)


def test_a_byte_order_mark_that_contradicts_what_is_given(refusal):
    message = refusal("label,text\nham,é\n".encode("utf-8-sig"), encoding="cp1252")
    assert "byte order mark of utf-8" in message
    assert "data.encoding=utf-8" in message


# ---- other encodings ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_wide_encodings_without_a_mark(read, encoding):
    found = read("label,text\nham,Кафе\nspam,naïve\n".encode(encoding))
    assert found["text"] == ["Кафе", "naïve"]
    assert f"encoding {encoding}," in found["records"].how


@pytest.mark.parametrize(
    ("text", "encoding"),
    [("Łódź", "cp1250"), ("Съешь", "cp1251"), ("这是一个测试", "gb18030"), ("été où", "cp1252"), (POLISH, "cp1250")],
)
def test_few_characters_are_shown_and_not_guessed(read, refusal, text, encoding):
    content = f"label,text\nham,{text}\n".encode(encoding)
    message = refusal(content)
    assert "data.encoding=" in message
    shown = f"'ham,{text.strip()[:36]}' in {encoding}"
    assert shown in message
    assert read(content, encoding=encoding)["text"] == [text]


def test_mostly_ascii_is_not_western_where_no_western_word_looks_so(refusal, read):
    sentence = "all these words are written in English, but for one name and "
    for name, encoding in ((POLISH, "cp1250"), ("Россия", "cp1251"), ("naïve café résumé", "cp850")):
        assert (
            f"in {encoding}" in refusal(f"label;text\na;{sentence * 4}{name}\n".encode(encoding)) or encoding == "cp850"
        )
    assert read(f"label;text\na;{sentence} £5 m² “naïve” café\n".encode("cp1252"))["text"][0].endswith("“naïve” café")


# ---- NUL characters ----------------------------------------------------------------------------------------------------


def test_a_nul_character_is_named_by_line_and_its_record_dropped(read, refusal):
    lines = ["label,text", *(f"ham,word {number}" for number in range(20))]
    lines[5], lines[9] = "ham,a\0b", 'ham,"two\nlines\0"'
    content = "\n".join(lines)
    assert "line 6: holds a NUL character (and 1 more" in refusal(content)
    found = read(content, bad_lines="drop")
    assert len(found["text"]) == 18
    assert found["records"].found.dropped_sentences() == [
        "line 6: holds a NUL character",
        "lines 10 to 11: holds a NUL character",
    ]


def test_a_header_with_a_nul_character_is_refused(refusal):
    assert "line 1: holds a NUL" in refusal("la\0bel,text\nham,word\nspam,words\n", bad_lines="drop")


# ---- generated texts ---------------------------------------------------------------------------------------------------

ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-32", "utf-16-le", "utf-16-be")
CHARACTERS = st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\ufeff")


def test_texts_of_any_alphabet_in_any_encoding_of_unicode(examine, read):
    def holds(texts, encoding):
        content = "\n".join(["label\ttext", *(f"ham\t{text}" for text in texts)])
        assert read(content.encode(encoding), "file.tsv", quoting="none")["text"] == texts

    examine(holds, texts=st.lists(st.text(CHARACTERS), min_size=1), encoding=st.sampled_from(ENCODINGS))


def test_any_byte_put_into_a_utf_8_file_is_named_or_fits(examine, read, refusal):
    def holds(texts, at, byte):
        lines = [f"ham\té {text}".encode() for text in texts]
        at %= len(lines)
        lines[at] += bytes([byte])
        content = b"\n".join([b"label\ttext", *lines])
        assert f"line {at + 2}: byte 0x{byte:02x}" in refusal(content, "file.tsv", quoting="none")
        found = read(content, "file.tsv", quoting="none", bad_lines="drop")
        assert found["text"] == [f"é {text}" + ("\ufffd" if row == at else "") for row, text in enumerate(texts)]
        assert found["records"].counts == {"replaced_bytes": 1}

    examine(
        holds,
        texts=st.lists(st.text(CHARACTERS), min_size=5, max_size=9),
        at=st.integers(0, 8),
        byte=st.integers(0x80, 0xFF),
    )


# ---- encodings that no guess is taken for -------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["mac_roman", "cp850"])
def test_western_letters_of_mac_and_dos_are_shown_and_not_guessed(refusal, read, encoding):
    words = ["déjà vu à l'été", "garçon naïf", "où est le café", "Noël à la forêt", "hôtel crème brûlée"]
    texts = [f"{words[row % 5]} and some words in English, {row}" for row in range(40)]
    content = "".join(["label;text\n", *(f"a;{text}\n" for text in texts)]).encode(encoding)
    assert f"in {encoding}" in refusal(content)
    assert read(content, encoding=encoding)["text"] == texts


def test_utf_16_that_is_given_for_another_encoding_is_refused_with_the_right_one(refusal, read):
    content = "label,text\nham,é è\n".encode()
    assert "data.encoding=utf-8" in refusal(content, encoding="utf-16")
    assert read(content.decode().encode("utf-16-le"), encoding="utf-16-le")["text"] == ["é è"]
