"""How text is taken out of documents that are more than text: HTML, PDF, DOCX, EPUB."""

from pydantic import Field

from telos.foundation.spec import Spec


class Extract(Spec):
    """Limits of extraction, which runs in a process of its own.  ``deadline_seconds`` and ``memory_mb`` (of that process)
    for one document, ``output_mb`` of its text: what passes one of them is left out, with the reason."""

    deadline_seconds: float = Field(10.0, gt=0)
    memory_mb: int = Field(512, ge=64)
    output_mb: int = Field(64, ge=1)
