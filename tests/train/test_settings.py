"""Settings of training: what is refused, and how a batch is divided."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telos.foundation.errors import TelosError
from telos.train.settings import Train


@pytest.mark.parametrize("budget", ["3m, 2000 steps", "3m and 2000 steps", ["3m", "2000 steps"]])
def test_two_budgets_are_refused(budget):
    with pytest.raises(TelosError) as caught:
        Train(budget=budget)
    assert caught.value.must == "budget: a run has one budget: a time, steps, tokens or epochs"
    assert caught.value.found == repr(budget)


@pytest.mark.parametrize(
    ("settings", "must"),
    [
        ({"budget": "10%"}, "recipe: budget must be a time, steps, tokens or epochs, not a share of itself"),
        ({"budget": "0 steps"}, "recipe: budget must be more than nothing"),
        ({"budget": "soon"}, "budget: must be a duration such as 3m, 90s, 2000 steps, 5M tokens, 2 epochs or 10%"),
        (
            {"batch_tokens": 8192, "micro_batch_tokens": 9000},
            "recipe: micro_batch_tokens (9000) must be at most batch_tokens (8192)",
        ),
    ],
)
def test_what_cannot_be_is_refused(settings, must):
    with pytest.raises(TelosError) as caught:
        Train(**settings)
    assert caught.value.must == must


def test_settings_survive_a_round_trip():
    spec = Train(budget="2 epochs", compile=False, watchers=["progress_bar"])
    assert Train.parse(spec.dump()) == spec
    assert spec.dump()["watchers"] == [{"kind": "progress_bar"}]


@given(groups=st.integers(1, 60), together=st.integers(1, 4), length=st.integers(1, 64), data=st.data())
def test_micro_batches_cover_all_rows_once_and_part_no_group(groups, together, length, data):
    rows = groups * together
    batch_tokens = rows * length
    micro = data.draw(st.none() | st.integers(1, batch_tokens))
    slices = Train(batch_tokens=batch_tokens, micro_batch_tokens=micro).micro_batches(rows, length, together)
    covered = [row for s in slices for row in range(s.start, s.stop)]
    assert covered == list(range(rows))
    sizes = [s.stop - s.start for s in slices]
    assert all(size % together == 0 for size in sizes)
    assert max(sizes) - min(sizes) <= together
    assert max(sizes) * length <= max(micro or batch_tokens, together * length)


@pytest.mark.parametrize(
    ("tokens", "length", "together", "rows"), [(8192, 256, 1, 32), (100, 256, 1, 1), (100, 256, 2, 2), (1000, 100, 4, 8)]
)
def test_rows_of_a_batch(tokens, length, together, rows):
    assert Train(batch_tokens=tokens).rows(length, together) == rows


def test_settings_need_no_torch():
    import subprocess
    import sys

    code = "import sys, telos.train.settings; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("wrong", [{"seed": True}, {"compile": "yes"}, {"compile": 1}, {"threads": False}])
def test_truth_is_no_number_and_a_word_no_truth(wrong):
    with pytest.raises(TelosError):
        Train(**wrong)
