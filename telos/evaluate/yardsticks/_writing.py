"""The words that a model writes into a gap, always the most probable token, asked of each model in its own way.

    infill          behind the middle's token, until a word is whole             knows both sides
    spans           behind the sentinel, until a word is whole                   knows both sides
    masked          as many tokens as the gap has, the surest first              knows both sides and the gap's size
    permuted        the same
    left_to_right   behind the left side, until a word is whole                  knows the left side alone

A middle or an answer may go on behind that: how long those are from which a model has learned is no part of the question.  The
surest first: Ghazvininejad et al. 2019, "Mask-Predict" (arXiv:1904.09324), section 3, one token an iteration.
Tests: tests/evaluate/yardsticks/test_writing.py.
"""

from collections.abc import Sequence

import numpy as np

from telos.evaluate.yardsticks._filling import Gap, fitting, infill_prompt, span_source, span_target
from telos.evaluate.yardsticks._rows import Partial, distributions, next_tokens
from telos.evaluate.yardsticks._subject import Subject, Way
from telos.evaluate.yardsticks._words import first_word

SEES: dict[Way, str] = {
    "infill": "both sides",
    "spans": "both sides",
    "masked": "both sides and the number of tokens",
    "permuted": "both sides and the number of tokens",
    "left_to_right": "the left side alone",
}
MOST_TOKENS = 16
"""A word is given up that is longer."""


def written(subject: Subject, gaps: Sequence[Gap], batch_tokens: int, seed: int = 1) -> list[str | None]:
    """The first word in each gap; None where none is finished.  Of ``gap.candidates``, which are the true word alone, only the
    length is used."""
    way = subject.way
    if way in ("masked", "permuted"):
        gaps = [fitting(subject, gap) for gap in gaps]
        return [subject.tokenizer.decode(ids).strip() for ids in _surest_first(subject, gaps, batch_tokens, seed)]
    room = np.zeros(MOST_TOKENS, np.int64)
    gaps = [fitting(subject, Gap(gap.left, gap.right, (room,))) for gap in gaps]
    return _answers(subject, gaps, batch_tokens) if way == "spans" else _continued(subject, gaps)


def _surest_first(subject: Subject, gaps: Sequence[Gap], batch_tokens: int, seed: int) -> list[list[int]]:
    """One token of each gap at a time: the one whose most probable token is the most probable."""
    ordinary = subject.model.vocabulary.size_ordinary
    filled: list[dict[int, int]] = [{} for _ in gaps]
    sizes = [len(gap.candidates[0]) for gap in gaps]
    while True:
        rows, of = [], []
        for number, gap in enumerate(gaps):
            tokens = np.concatenate([gap.left, np.zeros(sizes[number]), gap.right]).astype(np.int64)
            known = np.ones(len(tokens), bool)
            for place in range(sizes[number]):
                known[len(gap.left) + place] = place in filled[number]
                tokens[len(gap.left) + place] = filled[number].get(place, 0)
            open_places = [place for place in range(sizes[number]) if place not in filled[number]]
            rows += [Partial(tokens, known, len(gap.left) + place) for place in open_places]
            of += [(number, place) for place in open_places]
        if not rows:
            return [[one[place] for place in range(size)] for one, size in zip(filled, sizes, strict=True)]
        best: dict[int, tuple[float, int, int]] = {}
        for row, log_p in distributions(subject, rows, batch_tokens, seed):
            number, place = of[row]
            token = int(log_p[:ordinary].argmax())
            best[number] = max(best.get(number, (-np.inf, 0, 0)), (float(log_p[token]), -place, token))
        for number, (_, place, token) in best.items():
            filled[number][-place] = token


def _answers(subject: Subject, gaps: Sequence[Gap], batch_tokens: int) -> list[str | None]:
    """Behind the sentinel, up to the end or to the next sentinel."""
    ordinary, end = subject.model.vocabulary.size_ordinary, subject.model.vocabulary.end_of_text
    said: list[list[int]] = [[] for _ in gaps]
    done = [False] * len(gaps)
    for _ in range(MOST_TOKENS + 1):
        going = [i for i in range(len(gaps)) if not done[i]]
        if not going:
            break
        sources = [span_source(subject, gaps[i].left, gaps[i].right) for i in going]
        so_far = [span_target(subject, np.array(said[i], np.int64)) for i in going]
        for row, log_p in next_tokens(subject, sources, so_far, batch_tokens):
            token = int(log_p.argmax())
            if token == end or token >= ordinary:
                done[going[row]] = True
            else:
                said[going[row]].append(token)
    return [first_word(subject.tokenizer.decode(ids) + " " * ended) for ids, ended in zip(said, done, strict=True)]


def _continued(subject: Subject, gaps: Sequence[Gap]) -> list[str | None]:
    """By the engine, which writes from left to right."""
    from telos.generate.engine import Engine
    from telos.generate.sampling import Sampling

    engine = Engine(subject.model, subject.tokenizer)
    greedy = Sampling(temperature=0, max_tokens=MOST_TOKENS)
    middle = subject.way == "infill"
    prompts = [(infill_prompt(subject, gap.left, gap.right) if middle else gap.left).tolist() for gap in gaps]
    made = engine.generate(prompts, greedy, rows_at_once=max(1, len(prompts)))
    return [first_word(one.text + " " * (one.finish_reason == "end_of_text")) for one in made]
