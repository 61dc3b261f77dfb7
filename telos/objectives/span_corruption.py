"""Span corruption: spans of a text are hidden, each behind a sentinel, and the model writes them down.

    source   Thank you <|span_0|> me to your party <|span_1|> week.
    target   <|span_0|> for inviting <|span_1|> last
    loss = −Σ_t log p(y_t | y_<t, x) ÷ Σ |y|          (nats per target token)

Raffel et al. 2020, "Exploring the Limits of Transfer Learning" (T5), section 3.1.4 and figure 2.
Tests: tests/objectives/test_span_corruption.py (T5's lengths and sentinels; source and target together give back the text).
"""

import numpy as np
from pydantic import Field

from telos.objectives._paired import Paired, Pairs
from telos.objectives._spans import hidden_behind_sentinels, most, noise_mask, sentinel_ids, sentinel_names, spans_of
from telos.tokens.batches import Row
from telos.tokens.vocabulary import Vocabulary


class SpanCorruption(Paired):
    """``noise_density``: share of the tokens that is hidden.  ``mean_span``: tokens of a span on average.  ``max_spans``: how
    many sentinels there are; of a text with more spans the last stay as they are."""

    noise_density: float = Field(0.15, gt=0, lt=1)
    mean_span: float = Field(3.0, ge=1)
    max_spans: int = Field(100, ge=1)

    def special_tokens(self) -> tuple[str, ...]:
        return sentinel_names(self.max_spans)

    @property
    def least_tokens(self) -> int:
        """One to hide and one to see."""
        return 2

    def raw_length(self, context_length: int) -> int:
        """The most tokens of one document whose source and target fit."""
        return most(2 * context_length, lambda raw: self._room(raw) <= context_length)

    def _room(self, raw: int) -> int:
        noise, spans = spans_of(raw, self.noise_density, self.mean_span)
        source, target = raw - noise + spans + 1, noise + spans + 1
        return max(source, target) if self.layout == "encoder_decoder" else source + target

    def pairs(self, row: Row, rng: np.random.Generator, vocabulary: Vocabulary) -> Pairs:
        from telos.objectives.kernels.pieces import pieces

        ids, documents, count = pieces(row.tokens, row.documents, vocabulary.end_of_text)
        noise = noise_mask(len(ids), self.noise_density, self.mean_span, rng)
        return hidden_behind_sentinels(ids, documents, count, noise, sentinel_ids(vocabulary, self.max_spans))
