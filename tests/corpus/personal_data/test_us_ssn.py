"""Social security numbers against a plain transcription of what is issued."""

from hypothesis import given
from hypothesis import strategies as st

from telos.corpus.personal_data import find


@given(st.integers(0, 999), st.integers(0, 99), st.integers(0, 9999))
def test_what_can_be_issued(area, group, serial):
    text = f"SSN {area:03}-{group:02}-{serial:04}, 号"
    issued = 0 < area < 900 and area != 666 and group > 0 and serial > 0
    assert bool(find([text], ["us_ssn"])) == issued


def test_what_is_none(values):
    for text in ("1531-21-7351", "531-21-73511", "531-21-7351-2", "A531-21-7351", "531217351", "5-531-21-7351", "10.531-21-7351"):
        assert values(text, "us_ssn") == [], text
    assert values("社保531-21-7351。", "us_ssn") == [("us_ssn", "531-21-7351")]
