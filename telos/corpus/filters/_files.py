"""Files that a filter reads itself, such as examples and evaluation sets: their errors speak of the filter's settings, not of
the corpus's.  Tests: tests/corpus/filters/test_decontaminate.py, tests/corpus/filters/test_relevance.py.
"""

import contextlib
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from telos.foundation.errors import MissingExtra, TelosError

if TYPE_CHECKING:
    from telos.corpus.sources import Input, RawDocument
    from telos.corpus.sources.files import Files

_FIELD = re.compile(r"corpus\.text_field=([^\s,;]+)")
_LEAVE_OUT = re.compile(r"leave (?:it|the file) out(?: with corpus\.exclude|: corpus\.exclude=PATTERN)")

_GO_ON = ", or go on without what is broken: clean.broken=quarantine"


@dataclass(frozen=True, slots=True)
class OwnFiles:
    """``paths``: files and folders.  ``fields``: the field with the text, then others that hold text too.  ``setting``: what
    names the paths in a recipe; ``field_setting``: what names the field, ``{}`` standing for it."""

    paths: Sequence[str]
    fields: Sequence[str]
    setting: str
    field_setting: str

    def locations(self) -> list[str]:
        """Where the files lie; `TelosError` where there are none."""
        with self._errors():
            return [item.location for source in self._sources() for item in source.inputs()]

    def documents(self) -> "Iterator[tuple[Input, RawDocument]]":
        """Each document with the file that it is from."""
        with self._errors():
            for source in self._sources():
                for item in source.inputs():
                    for document in source.read(item):
                        yield item, document

    def _sources(self) -> "list[Files]":
        from telos.corpus.sources.files import Files

        for path in self.paths:
            if not os.path.exists(path):
                raise TelosError(f"{self.setting} must be files or folders that exist", f"there is no {path}",
                                 "check its spelling")  # fmt: skip
        return [Files(path, text_field=self.fields[0], keep=list(self.fields[1:])) for path in self.paths]

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except MissingExtra:
            raise
        except TelosError as error:
            fix = _FIELD.sub(lambda match: self.field_setting.format(match[1]), error.fix)
            fix = _LEAVE_OUT.sub(f"leave the file out of {self.setting}", fix).replace("corpus.path", self.setting)
            fix = fix.replace(_GO_ON, "")
            must = error.must.replace("the corpus must hold text", f"{self.setting} must hold text")
            raise TelosError(must, error.found, fix) from None
