"""Compiled loops over a row against the same in plain Python and NumPy, with the same draws."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from telos.objectives._spans import hidden_behind_sentinels, noise_mask, spans_of
from telos.objectives._words import _LENGTHS_BELOW, Words, draw_spans
from telos.objectives.denoising_autoencoder import infilled, permuted

seeds = st.integers(0, 2**32 - 1)
lengths = st.lists(st.integers(1, 6), min_size=1, max_size=20)
MASK = 5000


def _composition(total, parts, rng):
    cuts = np.sort(rng.permutation(total - 1)[: parts - 1]) + 1
    return np.diff([0, *cuts, total])


@given(st.integers(0, 80), st.floats(0.05, 0.95), st.floats(1, 9), seeds)
def test_noise_is_that_of_two_compositions_in_turn(length, density, mean_span, seed):
    noise, spans = spans_of(length, density, mean_span)
    rng, wanted = np.random.default_rng(seed), np.zeros(length, bool)
    if spans:
        gaps, hidden = _composition(length - noise, spans, rng), _composition(noise, spans, rng)
        wanted = np.repeat(np.arange(2 * spans) % 2 == 1, np.stack([gaps, hidden], 1).ravel())
    assert noise_mask(length, density, mean_span, np.random.default_rng(seed)).tolist() == wanted.tolist()


@given(lengths, st.lists(st.booleans(), min_size=120, max_size=120), st.integers(1, 4), st.booleans())
def test_what_is_hidden_is_that_of_a_loop_over_documents(sizes, drawn, count, leads):
    documents, noise = np.repeat(np.arange(len(sizes)), sizes), np.array(drawn)[: sum(sizes)]
    ids, sentinels, leading = np.arange(len(documents)), np.arange(100, 100 + count), np.array([77] if leads else [], np.int64)
    read, written = [], []
    for document in range(len(sizes)):
        spans, before = 0, False
        read += [(77, document)] if leads else []
        for token in np.flatnonzero(documents == document):
            spans += bool(noise[token] and not before)
            if noise[token] and spans <= count:
                if not before:
                    read, written = [*read, (99 + spans, document)], [*written, (99 + spans, document)]
                written = [*written, (token, document)]
            else:
                read = [*read, (token, document)]
            before = bool(noise[token])
    pairs = hidden_behind_sentinels(ids, documents, len(sizes), noise, sentinels, leading)
    assert [*zip(pairs.sources, pairs.source_documents, strict=True)] == read
    assert [*zip(pairs.targets, pairs.target_documents, strict=True)] == written


@given(lengths, st.lists(st.integers(0, 1), min_size=20, max_size=20), st.integers(1, 40), seeds)
def test_spans_of_words_are_those_of_a_loop(sizes, new, most, seed):
    edges, pieces = np.append(0, np.cumsum(sizes)), np.cumsum(new[: len(sizes)])
    rng, chosen, left = np.random.default_rng(seed), np.zeros(len(sizes), bool), most
    longest = np.searchsorted(_LENGTHS_BELOW, rng.random(edges[-1]), side="right") + 1
    anchors = rng.permutation(edges[-1])
    of = np.repeat(np.arange(len(sizes)), sizes)
    for anchor, words in zip(anchors, longest, strict=True):
        first = of[anchor]
        if chosen[first]:
            continue
        for word in range(first, min(first + words, int(np.searchsorted(pieces, pieces[first], side="right")))):
            if not chosen[word]:
                if sizes[word] > left:
                    break
                chosen[word], left = True, left - sizes[word]
    if not chosen.any():
        chosen[of[anchors[0]]] = True
    found = draw_spans(Words(np.arange(edges[-1]), edges, pieces), most, np.random.default_rng(seed))
    assert found.tolist() == chosen.tolist()


@given(lengths, st.lists(st.integers(0, 1), min_size=20, max_size=20), seeds)
def test_sentences_stand_in_the_order_of_their_lots(sizes, new, seed):
    edges, documents = np.append(0, np.cumsum(sizes)), np.cumsum(new[: len(sizes)])
    lots = np.random.default_rng(seed).random(len(sizes))
    order = sorted(range(len(sizes)), key=lambda sentence: (documents[sentence], lots[sentence]))
    wanted = [place for sentence in order for place in range(edges[sentence], edges[sentence + 1])]
    assert permuted(edges, documents, np.random.default_rng(seed)).tolist() == wanted


@given(lengths, st.floats(0, 1), st.floats(0.2, 6), seeds)
def test_infilling_is_that_of_a_loop_over_spans(sizes, share, mean_span, seed):
    documents = np.repeat(np.arange(len(sizes)), sizes)
    n, ids = len(documents), np.arange(len(documents))
    hidden, rng = round(share * n), np.random.default_rng(seed)
    drawn: list[int] = []
    while sum(drawn) < hidden:
        drawn += rng.poisson(mean_span, int(1.5 * hidden / mean_span) + 2).tolist()
    spans, empty = [], 0
    while sum(spans) < hidden:
        length = drawn.pop(0)
        spans, empty = ([*spans, min(length, hidden - sum(spans))], empty) if length else (spans, empty + 1)
    pairs = [*zip(ids.tolist(), documents.tolist(), strict=True)]
    if hidden:
        gaps = _composition(n - hidden + len(spans) + 1, len(spans) + 1, rng) - 1
        made, at = [], 0
        for gap, span in zip(gaps, [*spans, 0], strict=True):
            made += pairs[at : at + gap]
            made += [(MASK, document) for document in sorted({document for _, document in pairs[at + gap : at + gap + span]})]
            at += gap + span
        if extra := min(empty, n - len(made)):
            for place in sorted(rng.integers(len(made) + 1, size=extra).tolist(), reverse=True):
                made.insert(place, (MASK, made[min(place, len(made) - 1)][1]))
        pairs = made
    found = infilled(ids, documents, hidden, mean_span, MASK, np.random.default_rng(seed))
    assert [*zip(*(array.tolist() for array in found), strict=True)] == pairs
