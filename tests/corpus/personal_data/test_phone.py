"""Telephone numbers: the number plans' own examples, Chinese forms, words before and after, and what is none."""

import phonenumbers
import pytest

from telos.corpus.personal_data import Recogniser
from telos.corpus.personal_data.phone import Phone
from telos.foundation.errors import TelosError

FORMAT, TYPE = phonenumbers.PhoneNumberFormat, phonenumbers.PhoneNumberType
REGIONS = sorted(phonenumbers.SUPPORTED_REGIONS)


@pytest.mark.parametrize("region", REGIONS)
def test_every_plans_examples_with_country_code(values, region):
    for kind in (TYPE.MOBILE, TYPE.FIXED_LINE):
        number = phonenumbers.example_number_for_type(region, kind)
        if number is None or str(number.national_number)[-7:-2] == "55501":
            continue
        for form in (FORMAT.E164, FORMAT.INTERNATIONAL):
            written = phonenumbers.format_number(number, form)
            for sentence in ("Reach us: {}.", "请拨{}。", "{}"):
                assert values(sentence.format(written), "phone") == [("phone", written)], (sentence, written)


@pytest.mark.parametrize("region", REGIONS)
def test_every_plans_examples_after_a_word(values, region):
    number = phonenumbers.example_number_for_type(region, TYPE.FIXED_LINE)
    if number is None or str(number.national_number)[-7:-2] == "55501":
        return
    written = phonenumbers.format_number(number, FORMAT.NATIONAL)
    if sum(c.isdigit() for c in written) >= 7:
        assert values(f"Tel: {written}.", "phone") == [("phone", written)]
        assert values(f"电话：{written}。", "phone") == [("phone", written)]


@pytest.mark.parametrize("written", [
    "13800138000", "138 0013 8000", "138-0013-8000", "+86 13800138000", "+86-138-0013-8000", "+8613800138000", "86 13800138000",
    "１３８００１３８０００", "１３８－００１３－８０００", "010-65529988", "(010)65529988", "（010）65529988",
    "0755-2677 0000", "+86 10 6552 9988",
    "400-820-8820", "010–65529988", "13800138000"[:3] + "\u00a0" + "0013\u00a08000",
])  # fmt: skip
def test_chinese_numbers_without_a_word(values, written):
    for sentence in ("我的{}。", "请打{}找我", "{}", "（{}）", "A：{}；B"):
        assert values(sentence.format(written), "phone") == [("phone", written)], sentence


@pytest.mark.parametrize(("text", "found"), [
    ("电话13800138000。", ["13800138000"]),
    ("手机:13800138000/13900139000", ["13800138000", "13900139000"]),
    ("13800138000 13900139000 13700137000", ["13800138000", "13900139000", "13700137000"]),
    ("(415) 555-2671 or 415.555.2672", ["(415) 555-2671", "415.555.2672"]),
    ("call 415-555-2671 x12", ["415-555-2671 x12"]),
    ("座机（010）6552 9988转8012", ["（010）6552 9988转8012"]),
    ("Fax 467 3395", ["467 3395"]), ("467 3395 fax", ["467 3395"]), ("phone: 4673395", ["4673395"]),
    ("Can someone call me on 21 212 133 2727?", ["21 212 133 2727"]),
    ("020 7946 0958 is London, 01 84 17 61 18 is Paris", ["020 7946 0958", "01 84 17 61 18"]),
    ("0044 20 7946 0958", ["0044 20 7946 0958"]), ("tel:+1-201-200-0123", ["+1-201-200-0123"]),
    ("+1 (415) 555-2671; +(86)10-65529988", ["+1 (415) 555-2671", "+(86)10-65529988"]),
])  # fmt: skip
def test_numbers_in_sentences(values, text, found):
    assert [value for _, value in values(text, "phone")] == found


@pytest.mark.parametrize("text", [
    "2012-10-01 12:30", "1999-2004", "from 10/12/2009", "call in 1999-2004", "phone released 2012-10-01", "$4155552671",
    "id=13800138000",
    "https://x.com/13800138000", "订单20231013800138000", "3.14159265", "+3.140000", "score 1234567", "1,234,567",
    "called 1234567 times",
    "555-0123", "(212) 555-0142", "13 21 34 55 89 144 233 377 610 987 1597", "a13800138000", "12345678901",
    "ISBN 978-7-111-12806-9",
    "posts 213-484", "doi 10.1111/1365-2664.12646", "1 2 3 4 5 6 7 8 9 10 11 12", "138001380001", "0.13800138000",
])  # fmt: skip
def test_what_is_none(values, text):
    assert values(text, "phone") == []


def test_regions_decide_about_national_formats(values):
    assert values("01 84 17 61 18", {"kind": "phone", "regions": ["FR"]}) == [("phone", "01 84 17 61 18")]
    assert values("01 84 17 61 18", {"kind": "phone", "regions": ["US", "CN"]}) == []
    assert values("13800138000", {"kind": "phone", "regions": ["US"]}) == []


def test_a_region_that_is_none():
    with pytest.raises(TelosError) as error:
        Recogniser.parse({"kind": "phone", "regions": ["Germany"]})
    assert str(error.value).splitlines()[0] == "regions: must be countries of two capitals, such as CN or US"


def test_two_ways_of_writing_are_one_number():
    ways = ["+86 138 0013 8000", "13800138000", "138-0013-8000", "008613800138000"]
    assert len({Phone().identity(way) for way in ways}) == 1
