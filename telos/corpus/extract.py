"""How text is taken out of documents that are more than text: HTML, PDF, DOCX, EPUB.

Extraction runs in a process of its own (`telos.corpus.sandbox`).  What it cannot do ends as a skipped document with one of
these reasons, never as a lost one:

    too_large             the document is larger than ``input_mb``
    extraction_deadline   it took longer than ``deadline_seconds``
    extraction_memory     it needed more than ``memory_mb``
    extraction_output     its text is longer than ``output_mb``
    extraction_crash      the process died of it
    extraction_failed     the document is damaged, or not in the format that its name says
    encrypted             it asks for a password
    no_text_found         it has no text: pictures of pages, an empty page, a page of links

Test: tests/corpus/test_sandbox.py.
"""

from typing import Any, Literal

from pydantic import Field

from telos.foundation.spec import Spec

MEGABYTE = 1 << 20


class Extract(Spec):
    """What is taken, and the limits for one document.

    ``favor``: what trafilatura does where it doubts that a part of a page is its text: leave it out ("precision"), take it in
    ("recall"), or neither ("balanced").  ``tables``: take the text of tables.  ``comments``: take readers' comments under a
    page.  ``links``: write targets of a page's links beside them.  ``deadline_seconds``: of processor time, so that a busy
    machine drops no more than an idle one.  ``memory_mb``: address space of the process, all of it.  ``input_mb`` and
    ``output_mb``: size of the document as it comes in and of the text that comes out."""

    favor: Literal["precision", "balanced", "recall"] = "balanced"
    tables: bool = True
    comments: bool = False
    links: bool = False
    deadline_seconds: float = Field(5.0, gt=0)
    memory_mb: int = Field(512, ge=256)
    input_mb: int = Field(128, ge=1)
    output_mb: int = Field(64, ge=1)

    @property
    def input_bytes(self) -> int:
        return self.input_mb * MEGABYTE

    def request(self) -> dict[str, Any]:
        """The settings as the process is told them."""
        return {"favor": self.favor, "tables": self.tables, "comments": self.comments, "links": self.links,
                "deadline_seconds": self.deadline_seconds, "memory_bytes": self.memory_mb * MEGABYTE,
                "output_bytes": self.output_mb * MEGABYTE}  # fmt: skip
