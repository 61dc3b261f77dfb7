"""The family of models.

A model never computes a training loss and never builds an optimizer.  Two ways of learning, one scale: a `Network`
(learns by gradient) and a `Counting` model (learns by counting) both give nats per token of a token stream.

Shape letters: B batch, T time, D width, H heads, K head size, V vocabulary.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from telos.foundation.errors import TelosError
from telos.foundation.spec import Spec
from telos.tokens.vocabulary import Vocabulary

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor
    from torch.nn import Embedding

    from telos.models.sizing import Dtype, Estimate, Training
    from telos.optim.optimizers import Optimizer

Pattern = Literal["causal", "bidirectional", "prefix", "encoder_decoder", "dense"]
Role = Literal["embedding", "matrix", "vector", "head"]


@dataclass(slots=True)
class Inputs:
    """What a network reads.

    ``tokens_BT``: int64.  ``segments_BT``: int32, a token sees only tokens of its own segment; None where a row is one
    segment.  ``pattern``: who sees whom within a segment.  "prefix": causal, and the tokens where ``prefix_BT`` (bool) is true
    are seen by all of their segment.  "dense": as ``visible_BTT`` says (bool, query, key), each token standing at its place in
    ``positions_BT`` (int64), in whatever order they come.

    ``source_BS``: the source tokens of an encoder-decoder, of which each row's first ``source_lengths_B`` count (None: all); with
    a state, the source comes with the first tokens alone.  ``source_segments_BS``: int32, where a row has several sources; a
    token reads that of its own segment (0 is padding).  ``types_BT``: kinds of tokens (first or second sentence) where a network
    has embeddings for them; None: all 0.
    """

    tokens_BT: "Tensor"
    segments_BT: "Tensor | None" = None
    pattern: Pattern = "causal"
    prefix_BT: "Tensor | None" = None
    visible_BTT: "Tensor | None" = None
    positions_BT: "Tensor | None" = None
    source_BS: "Tensor | None" = None
    source_lengths_B: "Tensor | None" = None
    source_segments_BS: "Tensor | None" = None
    types_BT: "Tensor | None" = None


@dataclass(slots=True)
class Hidden:
    """``values_BTD``: what the head reads.  ``state``: to go on from here, if one was given.  ``penalties``: terms that
    the loop adds to the loss (expert balancing), name → scalar.  ``beside``: what else was made of the same inputs, place by
    place (another pass, a teacher's values), name → (B, T, …); a network gives nothing there."""

    values_BTD: "Tensor"
    state: Any = None
    penalties: "dict[str, Tensor]" = field(default_factory=dict)
    beside: "dict[str, Any]" = field(default_factory=dict)

    def at(self, chosen_BT: "Tensor") -> "Hidden":
        """Some places alone, as one row, (1, N, D), and what stands beside them."""
        return self.map(lambda values: values[chosen_BT][None])

    def map(self, function: "Callable[[Any], Any]") -> "Hidden":
        """``function`` of the values, and of all that stands beside them."""
        return Hidden(function(self.values_BTD), beside={name: function(side) for name, side in self.beside.items()})


class Model(Spec, family="telos.models", default="transformer"):
    """Settings of a model; `build` gives a `Network` or a `Counting` model."""

    learns_by: ClassVar[Literal["gradient", "counting"]] = "gradient"
    has_likelihood: ClassVar[bool] = True
    """Whether it says how probable a text is; one that does not (`TextEncoder`) can be neither scored nor asked to write."""
    has_values: ClassVar[bool] = True
    """Whether `Network.hidden` gives numbers from which an objective's head can learn, and not the ids of tokens."""
    patterns: ClassVar[frozenset[Pattern]] = frozenset({"causal"})
    carries_state: ClassVar[bool] = False
    """Whether its state has one size for any length (``values_BS``, a row each): it is then carried from row to row in
    training, and through a whole document in scoring and generation."""
    packs_pairs: ClassVar[bool] = False
    """Whether, of several sources and texts that stand one after another in a row, each text reads its own source alone
    (``Inputs.source_segments_BS``)."""

    def build(self, vocabulary: Vocabulary, seed: int = 1) -> Any:
        """A fresh model over this vocabulary, its weights drawn from the generator keyed (seed, "weights")."""
        raise NotImplementedError

    def setting_for(self, needs: Sequence[Pattern]) -> str:
        """Settings of a recipe by which its model has one of these patterns, the first ones preferred."""
        assert Model._default_kind is not None
        other = Model.member(Model._default_kind)()
        settled = bool(other.patterns & set(needs))
        return f"model={other.kind()}" if settled else f"model={other.kind()} {other.setting_for(needs)}"

    def estimate(
        self,
        vocabulary: Vocabulary,
        *,
        rows: int = 1,
        context_length: int | None = None,
        dtype: "Dtype" = "float32",
        optimizer: "Optimizer | None" = None,
        training: "Training | None" = None,
        training_tokens: int = 1_000_000,
    ) -> "Estimate":
        """Parameters, operations and memory, from the settings alone; no weights are allocated.

        Training: ``rows`` of ``context_length`` tokens at a time (None: the model's own), activations of ``dtype``, with
        ``optimizer`` (None: the default one), or with all that ``training`` makes.  Inference: one row.  ``training_tokens``
        is asked of models that count, whose memory grows with the text; they override this.
        """
        from telos.models.sizing import of_counting, of_network

        if self.learns_by == "counting":
            return of_counting(self, vocabulary)
        return of_network(self, vocabulary, rows=rows, context_length=context_length, dtype=dtype, optimizer=optimizer,
                          training=training)  # fmt: skip


class Network(ABC):
    """What a gradient-trained model answers; implementations are also `torch.nn.Module`."""

    spec: Model
    vocabulary: Vocabulary
    context_length: int
    """Longest row that it was built for."""
    routed_fraction: float = 1.0
    """Share of its tokens that each expert gets where all get as many; 1 for a network without experts."""

    @abstractmethod
    def hidden(self, inputs: Inputs, state: Any = None) -> Hidden:
        """From tokens to the last layer's values; with a ``state`` (from `new_state`) the inputs continue it."""

    @abstractmethod
    def nll(self, hidden: Hidden, targets_BT: "Tensor") -> "Tensor":
        """Negative log-likelihood in nats of each target, fp32, shape (B, T), differentiable; many logits are never held at
        once."""

    @abstractmethod
    def over_logits(self, hidden: Hidden, function: "Callable[[Tensor], Tensor]") -> "Tensor":
        """``function`` (row-wise: (n, V) fp32 logits → (n, …)) over the logits, chunk by chunk, results joined to
        (B, T, …)."""

    def token_embeddings(self, tokens_BT: "Tensor") -> "Tensor":
        """The embeddings of tokens, (B, T, E), before anything is done to them; `TelosError` of a network without a table."""
        table = self.embedding_table()
        if table is None:
            raise TelosError("a model with an embedding for each token is needed", f"'{self.spec.kind()}' has none",
                             "choose another model (telos list models)")  # fmt: skip
        return table(tokens_BT)

    def embedding_table(self) -> "Embedding | None":
        """What tokens are looked up in; None where they are not."""
        return getattr(self, "embed_tokens", None)

    @abstractmethod
    def new_state(self, rows: int, capacity: int) -> Any:
        """An empty state for ``rows`` sequences of up to ``capacity`` tokens: a key-value cache, recurrent lanes …"""

    @abstractmethod
    def roles(self) -> dict[str, Role]:
        """Parameter name → what it is; every trainable parameter is named (a tied weight once)."""

    @abstractmethod
    def flops_per_token(self, context: int) -> float:
        """Floating-point operations of a forward pass per token at this context; training costs three times that."""


class TextEncoder(Network):
    """A network that reads a text as a whole: `hidden` gives one vector a row, (B, 1, D), from which an objective's head tells
    its class.  Of each row it reads the tokens of the first one's segment.  It gives no likelihood of text: what asks for one
    gets a `TelosError`."""

    def nll(self, hidden: Hidden, targets_BT: "Tensor") -> "Tensor":
        raise no_likelihood(self.spec)

    def over_logits(self, hidden: Hidden, function: "Callable[[Tensor], Tensor]") -> "Tensor":
        raise no_likelihood(self.spec)

    def new_state(self, rows: int, capacity: int) -> Any:
        raise no_likelihood(self.spec)


def no_likelihood(spec: Model) -> TelosError:
    """The error for a model that is asked how probable a text is and cannot say."""
    return TelosError("a model must give a likelihood of text to be scored or to write",
                      f"'{spec.kind()}' reads a text as a whole and gives none",
                      "ask it for classes (telos classify), or train another model (telos list models)")  # fmt: skip


class Counting(ABC):
    """What a model that counts answers.  A stream is documents one after another, each ended by ``end_of_text``; the
    token before the stream is taken to be ``end_of_text``; no context reaches across a document's end."""

    spec: Model
    vocabulary: Vocabulary

    @abstractmethod
    def fit(self, tokens: "np.ndarray") -> None:
        """Count a stream (anew: earlier counts are forgotten)."""

    @abstractmethod
    def nll(self, tokens: "np.ndarray") -> "np.ndarray":
        """Nats of each token of a stream given its document so far, float32, same length."""

    @abstractmethod
    def log_probabilities(self, context: "np.ndarray") -> "np.ndarray":
        """Natural log-probabilities of every next token after ``context``, float64 (V,); sums to 1."""
