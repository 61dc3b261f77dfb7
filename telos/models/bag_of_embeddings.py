"""Text classifier: the mean of the embeddings of a text's tokens, and of its word n-grams by hashing.

    h = 1 ÷ |G| · Σ_{g ∈ G} E[g],   G: the tokens, and for n = 2 … N every n tokens in a row, hashed to one of K buckets

Joulin et al. 2017, "Bag of Tricks for Efficient Text Classification" (fastText), section 2; the linear head is the objective's.
Fast and hard to beat on topics and on long texts; blind to order beyond its n-grams.
Tests: tests/models/test_bag_of_embeddings.py (the mean by loops, padding, the hash of fastText).
"""

from typing import ClassVar

import torch
from pydantic import Field, StrictBool
from torch import Tensor, nn
from torch.nn import functional

from telos.foundation.random import torch_generator
from telos.models import Hidden, Inputs, Model, Pattern, Role, TextEncoder
from telos.tokens.vocabulary import Vocabulary

FACTOR = 116_049_371
"""fastText's multiplier for the hash of an n-gram (dictionary.cc, `addWordNgrams`)."""


class BagOfEmbeddings(Model):
    """``hidden_size``: width of the embeddings.  ``ngrams``: longest n-grams of tokens, 1 for tokens alone; those of two and more
    share ``buckets`` embeddings.  ``context_length``: how many tokens of a text are read.  ``dropout``: of the mean;
    ``word_dropout``: the share of G that each reading in training leaves out, tokens and n-grams alike (Iyyer et al. 2015, "Deep
    Unordered Composition Rivals Syntactic Methods for Text Classification", section 3).  ``skip_unseen``: outside training,
    tokens and n-grams that no training text had are left out of G, as fastText leaves out unknown words: a word list spells an
    unknown word in bytes, which say nothing and would thin out the words that do."""

    has_likelihood: ClassVar[bool] = False
    patterns: ClassVar[frozenset[Pattern]] = frozenset({"bidirectional"})

    hidden_size: int = Field(32, ge=1)
    ngrams: int = Field(2, ge=1, le=8)
    buckets: int = Field(2**14, ge=1)
    dropout: float = Field(0.0, ge=0, lt=1)
    word_dropout: float = Field(0.0, ge=0, lt=1)
    skip_unseen: StrictBool = False
    context_length: int = Field(1024, ge=1)

    def build(self, vocabulary: Vocabulary, seed: int = 1) -> "Bag":
        return Bag(self, vocabulary, seed)


class Bag(nn.Module, TextEncoder):
    """A built `BagOfEmbeddings`: fp32 whatever ``compute_dtype`` is, as nothing in it is a matrix product.

    Initialisation: uniform in ±1/D (Joulin et al. 2017, fastText, its dense matrix `uniform`): so little that a token which
    training saw seldom changes the mean by next to nothing.
    """

    spec: BagOfEmbeddings

    def __init__(self, spec: BagOfEmbeddings, vocabulary: Vocabulary, seed: int):
        super().__init__()
        self.spec, self.vocabulary, self.context_length = spec, vocabulary, spec.context_length
        self.compute_dtype = torch.float32
        rows = vocabulary.size + (spec.buckets if spec.ngrams > 1 else 0)
        self.embeddings = nn.Parameter(torch.empty(rows, spec.hidden_size))
        with torch.no_grad():
            bound = 1 / spec.hidden_size
            self.embeddings.uniform_(-bound, bound, generator=torch_generator(seed, "weights"))
        self.seen: Tensor | None
        # A buffer: saved with the weights, in checkpoints too.
        self.register_buffer("seen", torch.zeros(rows, dtype=torch.bool) if spec.skip_unseen else None)

    def hidden(self, inputs: Inputs, state: None = None) -> Hidden:
        tokens_BT = inputs.tokens_BT
        read_BT = torch.ones_like(tokens_BT, dtype=torch.bool)
        if inputs.segments_BT is not None:
            read_BT = inputs.segments_BT == inputs.segments_BT[:, :1]
        ids, counts_B = self.grams(tokens_BT, read_BT)
        offsets_B = counts_B.cumsum(0) - counts_B
        mean_BD = functional.embedding_bag(ids, self.embeddings, offsets_B, mode="mean")
        return Hidden(functional.dropout(mean_BD, self.spec.dropout, self.training)[:, None])

    def grams(self, tokens_BT: Tensor, read_BT: Tensor) -> tuple[Tensor, Tensor]:
        """(rows of `embeddings`, row by row; how many each row has): the tokens that are read, and the n-grams of them, less what
        word dropout takes and what was never seen; of a text of which nothing is left the mean is zero."""
        found, valid, hashed, whole = [tokens_BT], [read_BT], tokens_BT + 1, read_BT
        for _ in range(2, min(self.spec.ngrams, tokens_BT.shape[1]) + 1):
            length = hashed.shape[1] - 1
            # int64 wraps around, as an unsigned product does; `remainder` is never negative.
            hashed = hashed[:, :length] * FACTOR + tokens_BT[:, -length:] + 1
            whole = whole[:, :length] & read_BT[:, -length:]
            found.append(self.vocabulary.size + hashed.remainder(self.spec.buckets))
            valid.append(whole)
        ids, kept = torch.cat(found, 1), torch.cat(valid, 1)
        if self.seen is not None:
            if self.training:
                self.seen[ids[kept]] = True
            else:
                kept = kept & self.seen[ids]
        if self.training and self.spec.word_dropout:
            kept = kept & (torch.rand(kept.shape, device=kept.device) >= self.spec.word_dropout)
        return ids[kept], kept.sum(1)

    def roles(self) -> dict[str, Role]:
        return {"embeddings": "embedding"}

    def flops_per_token(self, context: int) -> float:
        """An addition for each value of a token's embedding and of those of the n-grams that end at it."""
        return float(self.spec.ngrams * self.spec.hidden_size)
