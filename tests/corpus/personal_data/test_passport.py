"""Passport numbers after the word, in Chinese and English."""

import pytest


@pytest.mark.parametrize(("text", "number"), [
    ("护照E12345678。", "E12345678"), ("护照号码：G12345678，", "G12345678"), ("护照号为EA1234567", "EA1234567"),
    ("持护照 编号 D12345678", "D12345678"),
    ("Passport No. 123456789", "123456789"), ("passport number is C01X00T47", "C01X00T47"), ("PASSPORT: X1234567", "X1234567"),
    ("passport (number K1234567A)", "K1234567A"), ("护照号码（Ｅ１２３４５６７８）", "Ｅ１２３４５６７８"),
])  # fmt: skip
def test_numbers_after_the_word(values, text, number):
    assert values(text, "passport") == [("passport", number)]


@pytest.mark.parametrize("text", [
    "E12345678", "a passport costs 130 dollars", "Passport to Europe 20152016", "passports issued in 2015",
    "护照签发于20150101", "护照E1234567890",
    "passport AUTHORITY", "护照 E00012345", "passport number is secretword",
])  # fmt: skip
def test_what_is_none(values, text):
    assert values(text, "passport") == []
