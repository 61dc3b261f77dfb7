"""What a model and an objective need to know of a tokenizer."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    from telos.tokens.tokenizers import TrainedTokenizer

END_OF_TEXT = "<|endoftext|>"
BEGIN_OF_TEXT = "<|beginoftext|>"
"""Our names of what ends and begins a document; a tokenizer from elsewhere may write them otherwise, and at other ids."""


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Token ids: ordinary tokens 0 … ``size_ordinary``-1, then the end of text, then what objectives append.

    ``end_of_text`` ends every document in a token stream, and so stands before the first token of the next: it is the
    only begin-of-text there is, but for a tokenizer from elsewhere, whose models read ``begin_of_text`` in its place (and whose
    special tokens may stand among the ordinary ones).  ``specials``: name → id, in the order appended; ordinary ids never move.
    ``tokenizer_hash``: of the tokenizer that these ids belong to.  ``labels``: names of the classes that documents have, or of
    their words' tags, by id.  ``value_scale``: mean and standard deviation of the training documents' numbers.
    ``tokenizer``: that tokenizer, for objectives that encode text themselves; of no part in what the vocabulary is.
    """

    size_ordinary: int
    tokenizer_hash: str
    specials: dict[str, int] = field(default_factory=dict)
    labels: tuple[str, ...] = ()
    value_scale: tuple[float, float] | None = None
    tokenizer: "TrainedTokenizer | None" = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "labels", tuple(self.labels))  # a list, where it was read from JSON
        object.__setattr__(self, "value_scale", None if self.value_scale is None else tuple(self.value_scale))

    @property
    def size(self) -> int:
        return self.size_ordinary + len(self.specials)

    @property
    def end_of_text(self) -> int:
        return self.specials[END_OF_TEXT]

    @property
    def begin_of_text(self) -> int:
        """What a model reads before a document's first token."""
        return self.specials.get(BEGIN_OF_TEXT, self.end_of_text)

    def with_specials(self, names: tuple[str, ...]) -> "Vocabulary":
        """The vocabulary with more special tokens after the ones it has; a name it has already keeps its id."""
        new = [name for name in names if name not in self.specials]
        return replace(self, specials=self.specials | {name: self.size + i for i, name in enumerate(new)})

    def ended(self, ids: "np.ndarray | Sequence[int]") -> "np.ndarray":
        """The ids of one text with the end of text behind them, once; int64."""
        import numpy as np

        whole = np.asarray(ids, np.int64)
        has_end = len(whole) > 0 and whole[-1] == self.end_of_text
        return whole if has_end else np.append(whole, self.end_of_text)

    def with_tokenizer(self, tokenizer: "TrainedTokenizer") -> "Vocabulary":
        """The vocabulary with the tokenizer that it is of."""
        return replace(self, tokenizer=tokenizer)

    def facts(self) -> "dict[str, object]":
        """What a saved model keeps of it: `Vocabulary(**facts)` is equal to it."""
        return {"size_ordinary": self.size_ordinary, "tokenizer_hash": self.tokenizer_hash, "specials": dict(self.specials),
                "labels": self.labels}  # fmt: skip

    def with_labels(self, names: Sequence[str]) -> "Vocabulary":
        """The vocabulary with these names of classes."""
        return replace(self, labels=tuple(names))

    def with_value_scale(self, scale: tuple[float, float] | None) -> "Vocabulary":
        """The vocabulary with this mean and standard deviation of the documents' numbers."""
        return replace(self, value_scale=scale)
