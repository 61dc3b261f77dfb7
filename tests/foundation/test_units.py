"""Durations, counts and bytes as people write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from telos.foundation.units import Duration, figure, figure_name, format_bytes, format_count, format_seconds, parse_bytes


@pytest.mark.parametrize(
    ("text", "value", "unit"),
    [
        ("3m", 180, "seconds"), ("90s", 90, "seconds"), ("1.5h", 5400, "seconds"), ("1h 30m", 5400, "seconds"),
        ("1h30m5s", 5405, "seconds"), ("2 minutes", 120, "seconds"), ("1d", 86400, "seconds"), (" 3 m ", 180, "seconds"),
        ("2000 steps", 2000, "steps"), ("1 step", 1, "steps"), ("2k steps", 2000, "steps"), ("5M tokens", 5e6, "tokens"),
        ("1.5B tokens", 1.5e9, "tokens"), ("2 epochs", 2, "epochs"), ("0.5 epochs", 0.5, "epochs"), ("1e3 steps", 1000, "steps"),
        ("10%", 0.1, "fraction"), ("0%", 0, "fraction"), ("100 %", 1, "fraction"), ("2.5%", 0.025, "fraction"),
        ("5Mtokens", 5e6, "tokens"),
    ],
)  # fmt: skip
def test_durations_are_read(text, value, unit):
    found = Duration.parse(text)
    assert (found.value, found.unit) == (pytest.approx(value), unit)
    assert Duration.parse(str(found)) == found


@pytest.mark.parametrize(
    "text", ["", "3", "m", "3 bananas", "-3m", "3m steps", "ten minutes", "3m 2 steps", "5M", "1e", "3 M", "inf s", "３m",
             3, None, True, []]
)  # fmt: skip
def test_what_is_no_duration_is_refused(text):
    with pytest.raises(ValueError, match="must be a duration such as 3m, 90s, 2000 steps, 5M tokens, 2 epochs or 10%"):
        Duration.parse(text)


@pytest.mark.parametrize("text", ["101%", "1000%"])
def test_more_than_the_whole_is_refused(text):
    with pytest.raises(ValueError, match="a percentage must lie in 0% to 100%"):
        Duration.parse(text)


@pytest.mark.parametrize("text", ["1e400s", "1h 1e400s", "1e400 steps", "1e300B tokens"])
def test_what_no_float_can_hold_is_refused(text):
    with pytest.raises(ValueError, match="must be a number that a float can hold"):
        Duration.parse(text)
    with pytest.raises(ValueError, match="must be a number that a float can hold"):
        parse_bytes("1e400 MB")


@given(
    some.sampled_from(["seconds", "steps", "tokens", "epochs"]),
    some.integers(0, 10**12) | some.integers(0, 10**7).map(lambda n: n / 16),
)
def test_a_duration_survives_its_text(unit, value):
    duration = Duration(float(value), unit)
    assert Duration.parse(str(duration)) == duration


@given(some.integers(0, 10_000))
def test_a_fraction_survives_its_text(percents):
    duration = Duration(percents / 100 / 100, "fraction")
    assert Duration.parse(str(duration)).value == pytest.approx(duration.value, rel=1e-14)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("500000", 500_000),
        ("16 MB", 16_000_000),
        ("4GiB", 4 * 2**30),
        ("1.5kb", 1500),
        ("0", 0),
        (7, 7),
        ("2 TiB", 2 * 2**40),
        ("3B", 3),
    ],
)
def test_bytes_are_read(text, count):
    assert parse_bytes(text) == count


@pytest.mark.parametrize("text", ["16 M", "four", "-1 MB", "", "1 MBit", True, None])
def test_what_is_no_size_is_refused(text):
    with pytest.raises(ValueError, match="must be a size such as 500000, 16 MB or 4 GiB"):
        parse_bytes(text)


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0"), (7, "7"), (999, "999"), (999.6, "1k"), (1000, "1k"), (6_012_345, "6.01M"), (999_960, "1M"), (1.5e12, "1.5T"),
     (-2500, "-2.5k")],
)  # fmt: skip
def test_counts_are_shown(count, text):
    assert format_count(count) == text


def test_bytes_and_times_are_shown():
    assert [format_bytes(n) for n in (0, 999, 12_345_678, 4e9)] == ["0 B", "999 B", "12.3 MB", "4 GB"]
    assert [format_seconds(s) for s in (0.04, 9.94, 10, 59.4, 59.6, 75.2, 3599.6, 3661, 90000)] == [
        "0.0s", "9.9s", "10s", "59s", "1m 00s", "1m 15s", "1h 00m", "1h 01m", "25h 00m"]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "text"),
    [("accuracy", "accuracy 0.812"), ("nats_per_target_token", "0.812 nats per target token"), ("r_squared", "R² 0.812"),
     ("nats_per_token_bound", "0.812 nats per token, an upper bound"), ("spearman", "Spearman's correlation 0.812"),
     ("sentence_order.nats_per_pair", "sentence order: 0.812 nats per pair"), ("masked.accuracy", "masked: accuracy 0.812")],
)  # fmt: skip
def test_figures_are_told_in_words(name, text):
    assert figure(name, 0.8123) == text
    assert figure_name(name) == text.replace(" 0.812", "").replace("0.812 ", "")
