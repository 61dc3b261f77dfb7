"""Settings that the recurrent language models share."""

from typing import ClassVar

from pydantic import Field, model_validator

from telos.layers.cells import Cell
from telos.models import Model
from telos.models.recurrent.network import RecurrentNetwork
from telos.tokens.vocabulary import Vocabulary


class Recurrent(Model):
    """Settings of a recurrent language model.

    ``hidden_size``: cells of each layer.  ``embedding_size``: None for as many.  ``context_length``: steps of truncated
    back-propagation through time; the state goes on from row to row and reaches further back.  ``tie_embeddings``: the output
    layer is the embedding (Press and Wolf 2017; Inan et al. 2017), and the last layer has as many cells as the embedding has
    values.

    All dropout draws one mask for a whole row, the same at every step (Gal and Ghahramani 2016; Merity et al. 2018).
    ``embedding_dropout``: of whole words; ``dropout``: of what the layers and the output read; ``recurrent_dropout``: of
    recurrent weights.
    """

    carries_state: ClassVar[bool] = True

    num_layers: int = Field(1, ge=0)
    hidden_size: int = Field(512, ge=1)
    embedding_size: int | None = Field(None, ge=1)
    context_length: int = Field(64, ge=2)
    tie_embeddings: bool = False
    dropout: float = Field(0.0, ge=0, lt=1)
    embedding_dropout: float = Field(0.0, ge=0, lt=1)
    recurrent_dropout: float = Field(0.0, ge=0, lt=1)

    @model_validator(mode="after")
    def _has_room_for_dropout(self) -> "Recurrent":
        if self.num_layers == 0 and self.recurrent_dropout:
            raise ValueError("recurrent_dropout needs at least one layer")
        return self

    @property
    def resolved_embedding_size(self) -> int:
        return self.embedding_size or self.hidden_size

    @property
    def layer_sizes(self) -> list[int]:
        """Cells of each layer."""
        sizes = [self.hidden_size] * self.num_layers
        if sizes and self.tie_embeddings:
            sizes[-1] = self.resolved_embedding_size
        return sizes

    def cell(self) -> Cell:
        """What the layers do at each step."""
        raise NotImplementedError

    def build(self, vocabulary: Vocabulary, seed: int = 1) -> RecurrentNetwork:
        return RecurrentNetwork(self, vocabulary, seed)
