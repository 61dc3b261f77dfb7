"""What objectives need whose heads read a value for each token, not one for a text."""

from telos.foundation.errors import TelosError
from telos.models import Model


def require_values_of_tokens(kind: str, model: Model) -> None:
    """`TelosError` for a model that reads a text as a whole."""
    if not model.has_likelihood:
        raise TelosError(f"objective '{kind}' needs a model with a value for each token",
                         f"'{model.kind()}' reads a text as a whole and gives one for all",
                         "choose another model (telos list models), or objective=classification")  # fmt: skip
