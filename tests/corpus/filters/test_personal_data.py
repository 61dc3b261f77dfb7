"""The filter: its settings, counts and errors; what it does to texts is tested in tests/corpus/personal_data."""

import sys

import pytest

from telos.corpus.filters import Filter
from telos.corpus.filters.personal_data import PersonalData
from telos.corpus.texts import Texts
from telos.foundation.errors import TelosError

TEXTS = ["写信给a@corp.com或b@corp.com，电话13800138000。", "Nothing here.", "my server 10.1.2.33 and 58.74.121.78"]


def test_counts_and_columns():
    verdict = PersonalData().judge(Texts.of(TEXTS), {})
    assert verdict.counts == {"email": 2, "phone": 1, "ip_address": 1}
    assert verdict.columns["text"].to_pylist() == [
        "写信给[EMAIL]或[EMAIL]，电话[PHONE]。",
        TEXTS[1],
        "my server 10.1.2.33 and [IP_ADDRESS]",
    ]
    assert verdict.reasons.tolist() == [0, 0, 0]


def test_nothing_found_is_nothing_changed():
    verdict = PersonalData().judge(Texts.of(TEXTS[1:2]), {})
    assert (verdict.columns, verdict.counts) == ({}, {})
    assert PersonalData().judge(Texts.of([]), {}).columns == {}


def test_from_a_recipe():
    mask = Filter.parse({"kind": "personal_data", "types": ["email", {"kind": "ip_address", "private": True}]})
    assert mask.judge(Texts.of(TEXTS), {}).columns["text"].to_pylist() == [
        "写信给[EMAIL]或[EMAIL]，电话13800138000。", TEXTS[1], "my server [PRIVATE_IP_ADDRESS] and [IP_ADDRESS]",
    ]  # fmt: skip
    assert Filter.parse(mask.dump()) == mask


def test_a_type_twice():
    with pytest.raises(TelosError) as error:
        Filter.parse({"kind": "personal_data", "types": ["email", "email"]})
    assert str(error.value).splitlines()[0] == "types: must name each type once"


def test_a_type_that_is_none():
    with pytest.raises(TelosError) as error:
        Filter.parse({"kind": "personal_data", "types": ["emails"]})
    assert "write 'email'" in str(error.value)


def test_phone_numbers_without_their_library(monkeypatch):
    from telos.corpus.personal_data import phone

    phone.valid.cache_clear()
    monkeypatch.setitem(sys.modules, "phonenumbers", None)
    with pytest.raises(TelosError) as error:
        PersonalData().prepare(lambda n: [])
    assert str(error.value).splitlines() == [
        "recognising telephone numbers needs the Python package 'phonenumbers'",
        "  found: it is not installed",
        "  to do: in the clone of Telos: pip install -c constraints.txt -e '.[corpus]'",
    ]
    assert PersonalData(types=["email"]).prepare(lambda n: []) == {}
