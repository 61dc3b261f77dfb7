"""Each likelihood objective reaches the conditional entropy that it has on a source whose every probability is known.

A Markov source and a hidden Markov source over four symbols.  What an objective can at best reach follows from one function, the
probability of some symbols of a text, the others unknown (forward algorithm; Rabiner 1989, equations 18 to 21):

    causal          p(x_t | x_<t)                                   masked, permutation, diffusion   p(x_t | what is seen)
    span corruption p(source and target) ÷ Σ over the lengths that the spans of this source may have
    infilling       p(text) · p(both cuts)                          multi-token                      p(x_{t+k} | x_≤t)

A model is compared with that on the very same examples, so that the source's own scatter falls out.
"""

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
import torch

from telos.models.transformer import Transformer
from telos.objectives import Batch, Objective, collate
from telos.objectives.causal import Causal
from telos.objectives.infill import Infill
from telos.objectives.masked import MASK, Masked
from telos.objectives.masked_diffusion import MaskedDiffusion
from telos.objectives.multi_token import MultiToken
from telos.objectives.permutation import Permutation
from telos.objectives.prefix import Prefix
from telos.objectives.span_corruption import SpanCorruption
from telos.optim.optimizers.adamw import AdamW
from telos.tokens.batches import Row
from telos.tokens.vocabulary import END_OF_TEXT, Vocabulary
from telos.train.gradients import accumulate
from telos.train.trainable import Trainable

SYMBOLS, END, LENGTH = 4, 4, 12


@dataclass(frozen=True)
class Source:
    """A hidden Markov source: ``moves`` (S, S) from state to state, ``shows`` (S, 4) a symbol in each."""

    moves: np.ndarray
    shows: np.ndarray

    @property
    def first(self) -> np.ndarray:
        """The stationary distribution of the states."""
        values, vectors = np.linalg.eig(self.moves.T)
        found = np.real(vectors[:, np.argmax(np.real(values))])
        return found / found.sum()

    def sample(self, rows: int, length: int, rng: np.random.Generator) -> np.ndarray:
        """(rows, length) symbols, each row from the stationary beginning."""
        states, found = _drawn(np.tile(self.first, (rows, 1)), rng), np.empty((rows, length), np.int64)
        for t in range(length):
            found[:, t] = _drawn(self.shows[states], rng)
            states = _drawn(self.moves[states], rng)
        return found

    def nats(self, symbols_BT: np.ndarray, seen_BT: np.ndarray) -> np.ndarray:
        """−log p of the symbols that are seen, (B,), the others unknown."""
        before, nats = np.tile(self.first, (len(symbols_BT), 1)), np.zeros(len(symbols_BT))
        for t in range(symbols_BT.shape[1]):
            with_symbol = np.where(seen_BT[:, t, None], before * self.shows[:, symbols_BT[:, t]].T, before)
            total = with_symbol.sum(1, keepdims=True)
            nats -= np.log(total[:, 0])
            before = with_symbol / total @ self.moves
        return nats

    def nats_of(self, text: np.ndarray, place: int, seen: np.ndarray) -> float:
        """−log p of one symbol given those that are seen."""
        with_it = seen.copy()
        with_it[place] = True
        of = self.nats(np.stack([text, text]), np.stack([with_it, seen]))
        return float(of[0] - of[1])


def _drawn(shares_BS: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return np.minimum((rng.random((len(shares_BS), 1)) > shares_BS.cumsum(1)).sum(1), shares_BS.shape[1] - 1)


MOVES = np.array([[0.75, 0.15, 0.05, 0.05], [0.05, 0.05, 0.85, 0.05], [0.1, 0.3, 0.1, 0.5], [0.6, 0.1, 0.2, 0.1]])
SOURCES = {
    "markov": Source(MOVES, np.eye(4)),
    "hidden": Source(np.array([[0.05, 0.9, 0.05], [0.05, 0.05, 0.9], [0.85, 0.05, 0.1]]),
                     np.array([[0.8, 0.1, 0.05, 0.05], [0.05, 0.45, 0.45, 0.05], [0.05, 0.05, 0.1, 0.8]])),
}  # fmt: skip


# -- the source itself --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
def test_probabilities_of_all_texts_add_up_to_one(source):
    """Also where only some symbols are seen."""
    texts = np.array(list(itertools.product(range(SYMBOLS), repeat=5)))
    assert np.exp(-source.nats(texts, np.ones_like(texts, bool))).sum() == pytest.approx(1, abs=1e-12)
    some = np.array([True, False, True, False, False])
    for seen in ((0, 3), (2, 2)):
        among = texts[(texts[:, [0, 2]] == seen).all(1)]
        whole = np.exp(-source.nats(among, np.ones_like(among, bool))).sum()
        assert whole == pytest.approx(np.exp(-source.nats(among[:1], some[None]))[0], rel=1e-12)


def test_the_entropy_of_a_markov_source_is_its_closed_form():
    source = SOURCES["markov"]
    h = -(source.first[:, None] * MOVES * np.log(MOVES)).sum()
    first = -(source.first * np.log(source.first)).sum()
    texts = source.sample(20_000, LENGTH, np.random.default_rng(0))
    nats = source.nats(texts, np.ones_like(texts, bool))
    exact = first + (LENGTH - 1) * h
    assert nats.mean() == pytest.approx(exact, abs=4 * nats.std() / math.sqrt(len(nats)))
    assert h < 0.8 * math.log(SYMBOLS), "it must be worth learning"


# -- what each objective can reach at best ------------------------------------------------------------------------------

Best = Callable[[Source, np.ndarray, dict[str, np.ndarray]], tuple[float, int]]
"""(source, text, its example) → (nats of what is predicted, places of it)."""


def each_place(predicted: Callable[[dict], np.ndarray], seen: Callable[[dict, int], np.ndarray]) -> Best:
    """Each of some symbols given what is seen of the text."""

    def best(source, text, example):
        places = predicted(example)
        return sum(source.nats_of(text, int(place), seen(example, int(place))) for place in places), len(places)

    return best


def before(example, place):
    return np.arange(LENGTH) < place


def shown(example, place):
    return example["tokens"] != VOCABULARY.specials[MASK]


def lower_ranks(example, place):
    ranks = example["ranks"][:LENGTH]
    return ranks < ranks[place]


def best_spans(source, text, example):
    """Two spans, the last at the end: the lengths that a source tells are those of what stands between them."""
    first_id = VOCABULARY.specials["<|span_0|>"]
    target = example["targets"]
    hidden = np.diff(np.append(np.flatnonzero((target == first_id) | (target == first_id + 1)), len(target) - 1)) - 1
    between = [int(n) for n in _gaps(example["source"], first_id)]
    total, ways = int(hidden.sum()), []
    visible = [text[: between[0]], text[between[0] + hidden[0] :][: between[1]]]
    for one in range(1, total):
        lengths = [between[0], one, between[1], total - one]
        seen = np.repeat([True, False, True, False], lengths)
        symbols = np.zeros(LENGTH, np.int64)
        symbols[seen] = np.concatenate(visible)
        ways.append(-source.nats(symbols[None], seen[None])[0])
    whole = source.nats(text[None], np.ones((1, LENGTH), bool))[0]
    return whole + np.logaddexp.reduce(ways), len(target)


def _gaps(ids: np.ndarray, first_id: int) -> np.ndarray:
    """Symbols before the first sentinel and between the two."""
    one, two = np.flatnonzero((ids == first_id) | (ids == first_id + 1))
    return np.array([one, two - one - 1])


def best_infill(source, text, example):
    """The text and both cuts, drawn evenly from the places between symbols, are all that the row says."""
    target = example["targets"]
    places = [int(np.flatnonzero(target == VOCABULARY.specials[f"<|fim_{name}|>"])[0]) for name in ("suffix", "middle")]
    start = places[0] - 1
    stop = LENGTH - (places[1] - places[0] - 1)
    ways = math.log((2 if start < stop else 1) / (LENGTH + 1) ** 2)
    return source.nats(text[None], np.ones((1, LENGTH), bool))[0] - ways, len(target)


def places_of_weight(example):
    return np.flatnonzero(example["weights"] > 0)


def queried(example):
    return example["positions"][LENGTH:]


@dataclass(frozen=True)
class Case:
    objective: Objective
    best: Best
    model: dict
    steps: int = 700


ONE_WAY, BOTH = {"architecture": "decoder"}, {"architecture": "encoder"}
CASES = {
    "causal": Case(Causal(), each_place(lambda e: np.arange(LENGTH), before), ONE_WAY),
    "masked": Case(Masked(mask_fraction=0.25, random_fraction=0, keep_fraction=0), each_place(places_of_weight, shown), BOTH),
    "prefix": Case(Prefix(most=0.9), each_place(places_of_weight, before), ONE_WAY),
    "span_corruption": Case(SpanCorruption(noise_density=0.33, mean_span=2.0, max_spans=4, layout="encoder_decoder"), best_spans,
                            {"architecture": "encoder_decoder"}, 1500),
    "infill": Case(Infill(rate=1.0, suffix_first=0.0), best_infill, ONE_WAY, 2500),
    "permutation": Case(Permutation(predicted_fraction=0.34), each_place(queried, lower_ranks), ONE_WAY),
}  # fmt: skip
OTHERS = (MaskedDiffusion(), MultiToken(tokens=2))
VOCABULARY = Vocabulary(END, "test", {END_OF_TEXT: END}).with_specials(
    tuple(dict.fromkeys(name for o in (*(case.objective for case in CASES.values()), *OTHERS) for name in o.special_tokens()))
)


# -- learning it --------------------------------------------------------------------------------------------------------


def examples(objective: Objective, texts: np.ndarray, rng: np.random.Generator) -> list[dict[str, np.ndarray]]:
    documents = np.zeros(LENGTH, np.int64)
    rows = (Row(text.astype(np.uint16), END, documents, number) for number, text in enumerate(texts))
    return [objective.examples(row, rng, VOCABULARY) for row in rows]


def learned(objective: Objective, source: Source, model: dict, steps: int = 700, rows: int = 64) -> Trainable:
    """A Transformer of two layers, trained on fresh text at every step; the rate falls to 0."""
    spec = Transformer(num_layers=2, hidden_size=48, num_heads=4, context_length=32, **model)
    network = spec.build(VOCABULARY, 1)
    trained = Trainable(network, objective.build(network, VOCABULARY))
    updater, rng = AdamW(learning_rate=4e-3, weight_decay=0.0).build(trained), np.random.default_rng(1)
    for step in range(steps):
        batch = collate(examples(objective, source.sample(rows, LENGTH, rng), rng))
        updater.zero_grad()
        accumulate(trained, objective, batch, [slice(None)], seed=1, step=step)
        updater.step(min(1.0, 2 * (1 - step / steps)) * min(1.0, (step + 1) / 20))
    trained.train(False)
    return trained


@torch.no_grad()
def reached(trained: Trainable, objective: Objective, batch: Batch, term: str = "nll") -> float:
    total, _ = objective.loss(trained, batch, np.random.default_rng(0)).terms[term]
    return float(total) / objective.weights(batch)[term]


@pytest.mark.long
@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
def test_it_reaches_its_own_conditional_entropy(source, name):
    """Within 2 %, on the same examples; and not below, but for what a sample may give."""
    case = CASES[name]
    trained = learned(case.objective, source, case.model, case.steps)
    rng = np.random.default_rng(99)
    texts = source.sample(1500, LENGTH, rng)
    drawn = examples(case.objective, texts, rng)
    best = [case.best(source, text, example) for text, example in zip(texts, drawn, strict=True)]
    entropy = sum(nats for nats, _ in best) / sum(places for _, places in best)
    ratio = reached(trained, case.objective, collate(drawn)) / entropy
    print(f"{name}: {entropy:.4f} nats, reached {ratio:.4f} of it")
    assert 0.995 < ratio < 1.02


@pytest.mark.long
def test_each_head_reaches_the_entropy_of_its_own_distance():
    """Of a Markov source two symbols on: Σ_i π_i H(P²_i), in closed form."""
    source, objective = SOURCES["markov"], MultiToken(tokens=2)
    trained = learned(objective, source, ONE_WAY)
    rng = np.random.default_rng(99)
    batch = collate(examples(objective, source.sample(4000, LENGTH, rng), rng))
    two = MOVES @ MOVES
    first = -(source.first * np.log(source.first)).sum()
    ahead = -(source.first[:, None] * two * np.log(two)).sum()
    # Before the first symbol nothing is known: one symbol of eleven is predicted two on from there.
    exact = (first + (LENGTH - 2) * ahead) / (LENGTH - 1)
    assert reached(trained, objective, batch, "nll_2") == pytest.approx(exact, rel=0.02)
    h = -(source.first[:, None] * MOVES * np.log(MOVES)).sum()
    assert reached(trained, objective, batch) == pytest.approx((first + (LENGTH - 1) * h) / LENGTH, rel=0.02)


@pytest.mark.long
@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
def test_the_bound_of_masked_diffusion_stays_above_the_entropy(source):
    """And comes close: unmasked one at a time, in any order, a text has the probability that it has."""
    objective = MaskedDiffusion()
    trained = learned(objective, source, BOTH)
    rng = np.random.default_rng(99)
    texts = np.repeat(source.sample(1000, LENGTH, rng), 16, axis=0)
    with torch.no_grad():
        batch = collate(examples(objective, texts, rng))
        nats, counted = objective.measure(trained, batch, rng)["nats_per_token_bound"]
    exact = source.nats(texts, np.ones_like(texts, bool))
    bound, entropy = float(nats.sum() / counted.sum()), float(exact.mean() / LENGTH)
    error = float((nats.numpy() - exact).reshape(1000, 16).mean(1).std()) / math.sqrt(1000) / LENGTH
    print(f"masked_diffusion: {entropy:.4f} nats, bound {bound:.4f} ± {error:.4f}")
    assert entropy - 2 * error < bound < 1.03 * entropy + 2 * error
