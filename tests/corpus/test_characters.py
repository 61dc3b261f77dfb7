"""Tables of characters: equal to Python's own Unicode data on every code point."""

import unicodedata

from telos.corpus import characters


def test_kinds_of_every_code_point():
    table = characters.kinds()
    assert len(table) == 0x110000
    for c in (c for c in range(0x110000) if not 0xD800 <= c < 0xE000):
        assert table[c] == characters.kind_of(chr(c)), hex(c)


def test_kinds_of_some_characters():
    expected = {
        "月": 1,
        "か": 1,
        "é": 1,
        "\u0301": 1,
        "〇": 1,
        "7": 2,
        "½": 2,
        "\u3000": 3,
        "\n": 3,
        "。": 4,
        "-": 4,
        "+": 5,
        "😀": 5,
        "\x00": 0,
    }
    assert {c: int(characters.kinds()[ord(c)]) for c in expected} == expected


def test_lower_case_is_pythons():
    table = characters.lower()
    for c in range(0x110000):
        small = chr(c).lower()
        if len(small) == 1:
            assert (table[c] if c < len(table) else c) == ord(small), (hex(c), unicodedata.name(chr(c), ""))
    assert table[ord("İ")] == ord("İ")
