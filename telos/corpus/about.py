"""What only people know of a corpus, for its data card: given in a recipe, so that building it again keeps it."""

from pydantic import Field

from telos.foundation.spec import Spec


class About(Spec):
    """``title``: of the corpus.  ``license``: an identifier of the Hugging Face hub (cc-by-4.0, mit, other …) that all sources
    allow.  ``purpose``: why it was made, and for what it should be used.  ``contact``: who answers for it.  ``languages``:
    ISO 639-1 codes, where no filter identifies them.  None of it changes a document."""

    title: str | None = None
    license: str | None = None
    purpose: str | None = None
    contact: str | None = None
    languages: list[str] = Field(default_factory=list)
