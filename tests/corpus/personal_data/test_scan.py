"""The scan's candidates against regular expressions and plain Python, on made-up and real text."""

import re
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from telos.corpus.personal_data import _anchors
from telos.corpus.personal_data._view import views
from telos.corpus.texts import Texts


def candidates(text, kind):
    return [
        view.cut(c.start, c.end).decode() for view in views(Texts.of([text]), True) for c in view.candidates if c.kind == kind
    ]


DOTTED = re.compile(r"(?<![A-Za-z0-9_])(?<![0-9]\.)[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?![A-Za-z0-9_]|\.[0-9])")
KEY = re.compile(r"(?<![A-Za-z0-9])(?:gh|AK|xo|ey)[A-Za-z0-9_.-]{14,}")
ALNUM = "A-Za-z0-9"


def plain_emails(text):
    """The local part backwards, the domain label by label."""
    found, done = [], 0
    for at in (m.start() for m in re.finditer("@", text)):
        first = at
        while first > done and re.match(r"[A-Za-z0-9._%+'\-À-ɏ]", text[first - 1]):
            first -= 1
        local = text[first:at]
        if len(local.encode()) > 64 or local.endswith("."):
            continue
        local = re.sub(rf"^[^{ALNUM}_À-ɏ]+", "", local)
        labels = re.match(rf"[{ALNUM}\-.]*", text[at + 1 :])[0][:255].split(".")
        whole, good = [], ""
        for label in labels:
            if not 1 <= len(label) <= 63 or label.startswith("-"):
                break
            whole.append(label)
            if len(whole) > 1 and (re.fullmatch("[A-Za-z]{2,}", label) or re.match("(?i)xn--.", label)):
                good = ".".join(whole)
            if label.endswith("-"):
                break
        if local and good:
            found.append(f"{local}@{good}")
            done = at + 1 + len(good)
    return found


@given(st.text("ab1@.-_é中 +'", max_size=60))
def test_emails_are_those_of_the_plain_rule(text):
    assert candidates(text, _anchors.EMAIL) == plain_emails(text)


@given(st.text("12.3_a ", max_size=60))
def test_dotted_numbers_are_those_of_the_expression(text):
    assert candidates(text, _anchors.DOTTED) == DOTTED.findall(text)


@given(st.text("12 .-(/a中\n", max_size=60))
def test_a_number_holds_seven_digits_and_signs_between_them(text):
    for number in candidates(text, _anchors.NUMBER):
        assert re.fullmatch(r"[0-9]+(?:[ \-.()/]{1,3}[0-9]+)*", number)
        assert len(re.sub("[^0-9]", "", number)) >= 7
        assert "  " not in number


@given(st.text("12中a", max_size=60))
def test_no_run_of_seven_to_32_digits_is_missed(text):
    runs = [run for run in re.findall("[0-9]+", text) if 7 <= len(run) <= 32]
    assert candidates(text, _anchors.NUMBER) == runs


@pytest.mark.data
def test_on_real_text(web, laws):
    for texts in (web, laws[:200]):
        whole = "\n\n".join(texts)
        assert candidates(whole, _anchors.DOTTED) == DOTTED.findall(whole)
    assert candidates("\n\n".join(web), _anchors.EMAIL) == plain_emails("\n\n".join(web)) != []


@given(st.lists(st.text(), max_size=5))
def test_any_unicode_passes(texts):
    for view in views(Texts.of(texts), True):
        for candidate in view.candidates:
            assert view.begins[candidate.text] <= candidate.start < candidate.end <= view.begins[candidate.text + 1]


@pytest.mark.parametrize("bait", [
    "a@", "a@a.aa@", "1", "1.", "1 ", "12 ", "1-", "::", "a:", "0:", "://", "a://a@", "-----BEGIN ", "ghp_", "eyJ", "GB82 ",
    "DE00 A",
    "passport ", "护照", "１", "（1", "tel 1", "4111 ", "9" * 19 + " ",
    "+1", "(1)", "x@x.x", "1.1.1.1 ", "-----BEGIN PRIVATE KEY-----\n", "sk-a-", "eyJa.", "A" * 41 + "@",
])  # fmt: skip
def test_a_megabyte_of_bait_takes_no_longer_than_text_does(bait, values):
    """Linear time for a megabyte, whatever it is: a second where nothing is found, some where 100,000 values are or nearly
    are."""
    values("warm 13800138000 a@b.com")
    text = bait * (1_000_000 // len(bait.encode()))
    begun = time.process_time()
    values(text)
    assert time.process_time() - begun < (1.0 if bait in {"a@", "1", "1.", "1 ", "1-", "12 "} else 10.0)


def test_batches_do_not_matter():
    texts = ["a@b.com", "１３８００１３８０００", "", "tel 13800138000", "中文", "+4930901820"]
    whole = [c for view in views(Texts.of(texts), False) for c in view.candidates]
    single = [c for text in texts for view in views(Texts.of([text]), False) for c in view.candidates]
    assert sorted((c.kind, c.end - c.start) for c in whole) == sorted((c.kind, c.end - c.start) for c in single)
    assert np.all([c.text < len(texts) for c in whole])
