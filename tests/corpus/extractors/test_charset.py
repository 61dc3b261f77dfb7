"""The encoding of pages: with the right declaration, a wrong one and none, the same text comes back."""

import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telos.corpus.extractors.charset import codec_of, declared_in, decode_html

SIMPLIFIED = "任何人不得有超越法律的特权。刑罚的轻重，应当与犯罪分子所犯罪行和承担的刑事责任相适应。" * 3
TRADITIONAL = "秦川雄帝宅，函谷壯皇居。綺殿千尋起，離宮百雉餘。連甍遙接漢，飛觀迥凌虛。" * 3
RUSSIAN = "Стратегия пожарной безопасности: узкоспециализированное предприятие. " * 3
JAPANESE = "ヘッドポーター吉田カバンの限定品を取り扱う専門通販店です。送料は無料です。" * 3
KOREAN = "모든 국민은 법 앞에 평등하다. 누구든지 성별에 의하여 차별을 받지 아니한다. " * 3
FRENCH = "Où est l'été? Déjà vu, à côté de la forêt. " * 3


def page(text: str, label: str | None) -> str:
    meta = f'<meta http-equiv="Content-Type" content="text/html; charset={label}">' if label else ""
    return f"<html><head>{meta}<title>x</title></head><body><p>{text}</p></body></html>"


@pytest.mark.parametrize(
    ("text", "codec", "labels"),
    [
        (SIMPLIFIED, "gb18030", ["gb2312", "GBK", None, "utf-8", "iso-8859-1", "big5", "no-such-thing", "windows-1252"]),
        (SIMPLIFIED, "gbk", ["gb2312", None, "utf-8"]),
        (TRADITIONAL, "big5hkscs", ["big5", "Big5-HKSCS", None, "utf-8", "iso-8859-1", "gb2312", "x-x-big5"]),
        (TRADITIONAL, "gb18030", ["gbk", "utf-8", None]),
        (RUSSIAN, "cp1251", ["windows-1251"]),
        (RUSSIAN, "koi8-r", ["koi8-r"]),
        (JAPANESE, "euc_jp", ["euc-jp"]),
        (JAPANESE, "cp932", ["shift_jis", "x-sjis", "Windows-31J"]),
        (JAPANESE, "iso2022_jp", ["iso-2022-jp"]),
        (KOREAN, "cp949", ["euc-kr", "ks_c_5601-1987"]),
        (FRENCH, "cp1252", ["iso-8859-1", "windows-1252", None, "utf-8"]),
        (SIMPLIFIED, "hz", ["hz-gb-2312"]),
        *((text, "utf-8", ["utf-8", None, "gb2312", "iso-8859-1", "big5", "shift_jis", "utf-16"])
          for text in (SIMPLIFIED, TRADITIONAL, RUSSIAN, JAPANESE, KOREAN, FRENCH)),
    ],
)  # fmt: skip
def test_declared_rightly_wrongly_or_not_at_all(text: str, codec: str, labels: list[str | None]) -> None:
    for label in labels:
        whole = page(text, label)
        assert text in decode_html(whole.encode(codec)), label
        assert text in decode_html(page(text, None).encode(codec), label), label


@pytest.mark.parametrize("codec", ["utf-8-sig", "utf-16", "utf-32"])
def test_a_byte_order_mark_decides(codec: str) -> None:
    assert decode_html(page(SIMPLIFIED, "gbk").encode(codec), "big5") == page(SIMPLIFIED, "gbk")


def test_the_server_counts_more_than_the_page() -> None:
    assert RUSSIAN in decode_html(page(RUSSIAN, "iso-8859-5").encode("cp1251"), "windows-1251")


def test_one_damaged_byte_changes_one_character() -> None:
    data = bytearray(page(SIMPLIFIED * 4, "gbk").encode("gbk"))
    data[data.index("特权".encode("gbk"), len(data) // 2) + 1] = 0xFF
    assert decode_html(bytes(data)).count("特权") == 11
    assert decode_html(bytes(data)).count("\ufffd") <= 2


def test_labels() -> None:
    assert [codec_of(label) for label in ("GB2312", " 'utf8' ", "latin1", "x-sjis")] == ["gb18030", "utf-8", "cp1252", "cp932"]
    assert {codec_of(label) for label in ("base64", "rot13", "", None, "\0", "x" * 99)} == {None}
    assert declared_in(b"<?xml version='1.0' encoding='GBK'?>") == "GBK"
    assert declared_in(b"<META CHARSET = big5 >") == "big5"
    assert declared_in(b"<p>charset=big5") is None


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=400), st.sampled_from([None, "gbk", "big5", "utf-8", "latin1", "shift_jis", "utf-16", "hz", "x"]))
def test_any_bytes_are_read(data: bytes, label: str | None) -> None:
    decode_html(data, label).encode("utf-8", "surrogatepass")


@pytest.mark.data
@pytest.mark.parametrize(
    ("file", "codecs"),
    [("zh-laws/national.jsonl.gz", ["gbk", "gb18030"]), ("chinese-poetry/tang_shi.jsonl.gz", ["big5hkscs", "gb18030"])],
)
def test_real_chinese_under_every_chinese_label(shared_data: Path, file: str, codecs: list[str]) -> None:
    """Of texts of 100 characters and more at least 99 % come back whole whatever Chinese encoding is declared."""
    with gzip.open(shared_data / file, "rt") as lines:
        texts = [json.loads(line)["text"] for _, line in zip(range(6000), lines, strict=False)]
    texts = [text[:2000] for text in texts if len(text) >= 100][:300]
    for codec in codecs:
        able = [text for text in texts if text.encode(codec, "ignore").decode(codec) == text]
        assert len(able) > 50
        for label in ("gb2312", "big5", "utf-8", "iso-8859-1", None):
            whole = sum(text in decode_html(page(text, label).encode(codec)) for text in able)
            assert whole >= 0.99 * len(able), (codec, label, whole, len(able))
