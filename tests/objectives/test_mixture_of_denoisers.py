"""The mixture of denoisers against UL2's table, and source and target together against the text."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telos.foundation.errors import TelosError
from telos.objectives._spans import sentinel_ids
from telos.objectives.mixture_of_denoisers import UL2, MixtureOfDenoisers
from telos.tokens.batches import Row
from telos.tokens.vocabulary import END_OF_TEXT, Vocabulary

END = 1000
ALL = MixtureOfDenoisers(layout="encoder_decoder")
VOCABULARY = Vocabulary(END, "test", {END_OF_TEXT: END}).with_specials(ALL.special_tokens())
SENTINELS = sentinel_ids(VOCABULARY, 100)


def _row(tokens, documents) -> Row:
    return Row(np.array(tokens, np.uint16), END, np.array(documents, np.int64), 0)


def _only(denoiser, **more) -> MixtureOfDenoisers:
    return MixtureOfDenoisers(layout="encoder_decoder", denoisers=(denoiser,), **more)


def test_the_defaults_are_the_seven_of_the_table():
    assert [(d.mode, d.noise_density, d.mean_span) for d in ALL.denoisers] == [
        ("R", 0.15, 3), ("R", 0.15, 8), ("S", 0.25, None), ("X", 0.5, 3), ("X", 0.5, 8), ("X", 0.15, 64), ("X", 0.5, 64)
    ]  # fmt: skip


@pytest.mark.parametrize("denoiser", UL2, ids=str)
def test_each_hides_as_much_as_it_says_in_spans_as_long_as_it_says(denoiser):
    objective, length = _only(denoiser), 400
    example = objective.examples(_row([7] * length, [0] * length), np.random.default_rng(0), VOCABULARY)
    spans = int(np.isin(example["targets"], SENTINELS).sum())
    hidden = len(example["targets"]) - spans - 1
    assert hidden == round(denoiser.noise_density * length)
    assert spans == (1 if denoiser.mean_span is None else max(1, round(hidden / denoiser.mean_span)))
    assert example["source"][0] == VOCABULARY.specials[f"<|mode_{denoiser.mode}|>"]
    assert len(example["source"]) == 1 + length - hidden + spans + 1


def test_the_sequential_one_hides_the_end_of_each_document():
    example = _only(UL2[2]).examples(_row([*range(8), END, 20, 21, 22, 23, END], [0] * 9 + [4] * 5),
                                     np.random.default_rng(0), VOCABULARY)  # fmt: skip
    mode, first = VOCABULARY.specials["<|mode_S|>"], int(SENTINELS[0])
    assert example["source"].tolist() == [mode, 0, 1, 2, 3, 4, 5, first, END, mode, 20, 21, 22, first, END]
    assert example["targets"].tolist() == [first, 6, 7, END, first, 23, END]


@settings(max_examples=100, deadline=None)
@given(documents=st.lists(st.lists(st.integers(0, END - 1), max_size=40), min_size=1, max_size=4), seed=st.integers(0, 2**32 - 1))
def test_source_and_target_together_give_back_the_text(documents, seed):
    tokens = [token for document in documents for token in [*document, END]]
    ordinals = [i for i, document in enumerate(documents) for _ in range(len(document) + 1)]
    example = ALL.examples(_row(tokens, ordinals), np.random.default_rng(seed), VOCABULARY)
    sentinels = set(SENTINELS.tolist())
    for i, document in enumerate(documents, 1):
        source = example["source"][example["source_segments"] == i].tolist()
        target = example["targets"][example["segments"] == i].tolist()
        hidden: dict[int, list[int]] = {}
        for token in target[:-1]:
            if token in sentinels:
                hidden[token] = last = []
            else:
                last.append(token)
        assert [t for token in source[1:-1] for t in hidden.get(token, [token])] == document


def test_denoisers_are_drawn_by_their_weights():
    objective = ALL.replace(denoisers=(UL2[0], UL2[2].replace(weight=3.0)))
    row, rng = _row(range(50), [0] * 50), np.random.default_rng(5)
    modes = [objective.examples(row, rng, VOCABULARY)["source"][0] for _ in range(800)]
    share = np.mean(np.array(modes) == VOCABULARY.specials["<|mode_S|>"])
    assert share == pytest.approx(0.75, abs=0.05)


@pytest.mark.parametrize("layout", ["encoder_decoder", "prefix"])
@pytest.mark.parametrize("context", [16, 256])
def test_as_much_of_a_document_is_drawn_as_fits_under_each(layout, context):
    objective = ALL.replace(layout=layout)
    raw = objective.raw_length(context)
    longest = [0, 0]
    for more in (0, 1):
        for denoiser in UL2:
            one = objective.replace(denoisers=(denoiser,))
            example = one.examples(_row([7] * (raw + more), [0] * (raw + more)), np.random.default_rng(0), VOCABULARY)
            longest[more] = max(longest[more], len(example["tokens"]), len(example.get("source", [])))
    assert longest[0] <= context < longest[1]


def test_without_mode_tokens_none_are_appended():
    assert not any("mode" in name for name in ALL.replace(mode_tokens=False).special_tokens())
    assert ALL.special_tokens()[-3:] == ("<|mode_R|>", "<|mode_S|>", "<|mode_X|>")


@pytest.mark.parametrize(("settings_", "words"), [
    ({"denoisers": []}, "must name at least one denoiser"),
    ({"denoisers": [{"mode": "Q", "noise_density": 0.1}]}, "R"),
])  # fmt: skip
def test_no_denoiser_and_an_unknown_one_are_refused(settings_, words):
    with pytest.raises(TelosError, match=words):
        MixtureOfDenoisers.parse(settings_)
