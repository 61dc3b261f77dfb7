import gzip

import orjson
import pytest

from telos.corpus.encoding import decode

CHINESE = "《中华人民共和国宪法》第一条：国家的一切权力属于人民。人民行使国家权力的机关是全国人民代表大会。\n" * 3
TRADITIONAL = "秦川雄帝宅，函谷壯皇居。綺殿千尋起，離宮百雉餘。連甍遙接漢，飛觀迥凌虛。\n"
FRENCH = "L'été dernier, Noël à Orléans : où est passé le cœur du garçon ? Ça coûte 5 € à l'hôtel.\n"
GERMAN = "Überall hörte man süße Grüße; die Straße führte über große Höfe.\n"


@pytest.mark.parametrize("text", [CHINESE, TRADITIONAL, FRENCH, "plain"])
@pytest.mark.parametrize(
    ("codec", "mark", "how"),
    [
        ("utf-8", b"", None),
        ("utf-8-sig", b"", None),
        ("utf-16", b"", "utf-16-le"),
        ("utf-16-be", b"\xfe\xff", "utf-16-be"),
        ("utf-32", b"", "utf-32-le"),
    ],
)
def test_unicode_encodings_come_back_equal(text: str, codec: str, mark: bytes, how: str | None) -> None:
    assert decode(mark + text.encode(codec)) == (text, how)


@pytest.mark.parametrize(
    ("text", "codec", "how"),
    [
        (CHINESE, "gb18030", "gb18030"),
        (CHINESE, "gbk", "gb18030"),
        (TRADITIONAL, "gb18030", "gb18030"),
        (TRADITIONAL, "big5", "big5hkscs"),
        ("GB 18030 mixed with English: " + CHINESE, "gb18030", "gb18030"),
        (FRENCH, "cp1252", "cp1252"),
        (GERMAN, "latin-1", "cp1252"),
        ("né", "latin-1", "cp1252"),
        ("\x81 caf\xe9", "latin-1", "latin-1"),
    ],
)
def test_other_encodings_are_told_and_named(text: str, codec: str, how: str) -> None:
    assert decode(text.encode(codec)) == (text, how)


def test_a_few_damaged_bytes_do_not_make_utf8_another_encoding() -> None:
    data = CHINESE.encode()
    assert decode(data[:-2]) == (CHINESE[:-2] + "\ufffd", "utf-8 with 1 damaged place")
    text, how = decode(data[:100] + b"\xff" + data[100:200] + b"\xfe" + data[200:])
    assert how is not None
    assert how.startswith("utf-8 with ")
    assert "中华人民共和国" in text


@pytest.mark.parametrize(("codec", "how"), [("gb18030", "gb18030"), ("big5", "big5hkscs")])
def test_a_file_of_several_encodings_is_read_line_by_line(codec: str, how: str) -> None:
    parts = [(CHINESE, "utf-8"), (TRADITIONAL * 3, codec), ("plain\n\n", "ascii"), (CHINESE + "完", "utf-8")]
    data = b"".join(text.encode(encoding) for text, encoding in parts)
    assert decode(data) == ("".join(text for text, _ in parts), f"utf-8 and {how}, line by line")
    latin = CHINESE.encode() + (FRENCH * 9).encode("cp1252") + CHINESE.encode()
    assert decode(latin) == (CHINESE + FRENCH * 9 + CHINESE, "utf-8 and cp1252, line by line")


def test_cyrillic_is_not_taken_for_chinese() -> None:
    text = "Все счастливые семьи похожи друг на друга, каждая несчастливая семья несчастлива по-своему. " * 5
    assert decode(text.encode("cp1251"))[1] == "cp1252"


def test_no_bytes_fail() -> None:
    assert decode(b"") == ("", None)
    assert decode(bytes(range(256)))[0]


@pytest.mark.data
def test_real_poems_in_national_encodings(shared_data) -> None:  # type: ignore[no-untyped-def]
    with gzip.open(shared_data / "chinese-poetry" / "tang_shi.jsonl.gz") as file:
        poems = [orjson.loads(line)["text"] for line, _ in zip(file, range(2000), strict=False)]
    for start in range(0, 2000, 40):
        text = "\n".join(poems[start : start + 40])
        assert decode(text.encode("gb18030")) == (text, "gb18030")
