"""Files and folders: text, source code, tables, JSON, HTML, PDF, DOCX, EPUB, WARC, compressed ones and ZIP archives too.

Tables are CSV, TSV, JSON Lines and Parquet; each format is also read as .gz, .zst, .bz2 or .xz.

Which format a file is in is told by its name (`telos.corpus.formats`); a file with an unknown suffix is read if it looks
like text.  Passed over without a word: names that begin with a dot, ``__pycache__``, ``node_modules``, and folders that
Telos wrote itself.  Everything else that is not read is counted and named with its reason.
Tests: tests/corpus/test_files.py, tests/corpus/test_bad_input.py.
"""

import os
import stat
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from pydantic import Field, field_validator

from telos.corpus.compression import DOCUMENT_BYTES, Stream, TooLarge, unreadable
from telos.corpus.extract import MEGABYTE, Extract
from telos.corpus.formats import format_of
from telos.corpus.sources import ADD_TEXT, Fields, Input, RawDocument, Source, several
from telos.foundation.errors import TelosError, nearest

_OURS = ({"run.json", "recipe.yaml"}, {"corpus.json", "manifest.json"}, {"lineage.json"}, {"telos_tokenizer.json"})
"""A folder with all files of one of these is a run, a corpus, a model or a tokenizer: what Telos makes must not become
what it reads."""
_PASSED_OVER = frozenset({"__pycache__", "node_modules"})


class Files(Source):
    """``path``: a file, a folder (with all folders in it), or a list of these.  ``text_field``: the field or column that
    holds the text in JSON, CSV and Parquet.  ``keep``: fields that are carried along as metadata: labels, pairs,
    dates; of "spans" the places move with the text (`telos.corpus.spans`).  ``label_field``: the field or column with the
    class of a document, for objectives that learn it; ``target_field``: that with the text that it is paired with;
    ``negative_field``: that, or those, with a text that is close to it and not its pair; ``value_field``: that with a number;
    ``weight_field``: that with what the text counts in training, a number, or [[start, end, weight], …] in characters;
    ``tags_field``: that with the tags of its words, which are then the list or text of the text field (of CoNLL files the columns
    are "text", the first, and "tags", the last, or as ``columns`` names them); ``question_field`` and ``answers_field``: those
    with a question to the text, and with its answers as SQuAD writes them (`telos.corpus.annotations`).
    ``columns``: names of the columns of CSV, TSV and CoNLL without a header line.
    ``include`` and ``exclude``: patterns such as ``*.md`` or ``drafts/*`` on the relative path or the file's name; nothing to
    include means everything.  ``extract``: how text is taken out of HTML, PDF and the like.  ``max_document_mb``: a longer
    document, or line of a file of many (of 256 MB at most), is left out as "too_large", with what follows it in its file; so is
    what unpacks to more than 250 times its size (see `telos.corpus.compression`)."""

    path: str | list[str]
    text_field: str = "text"
    keep: str | list[str] = Field(default_factory=list)
    label_field: str | None = None
    target_field: str | None = None
    negative_field: str | list[str] = Field(default_factory=list)
    value_field: str | None = None
    weight_field: str | None = None
    tags_field: str | None = None
    question_field: str | None = None
    answers_field: str | None = None
    columns: list[str] = Field(default_factory=list)
    include: str | list[str] = Field(default_factory=list)
    exclude: str | list[str] = Field(default_factory=list)
    extract: Extract = Extract()
    max_document_mb: int = Field(DOCUMENT_BYTES // MEGABYTE, ge=1)

    def __init__(self, path: "str | os.PathLike[str] | list[str] | None" = None, **settings: Any) -> None:
        super().__init__(**(settings if path is None else {"path": path} | settings))

    @field_validator("path", mode="before")
    @classmethod
    def _path_as_text(cls, value: Any) -> Any:
        if isinstance(value, (list, tuple)):
            return [os.fspath(item) for item in value]
        return os.fspath(value) if isinstance(value, os.PathLike) else value

    def inputs(self) -> list[Input]:
        """Every file that is not passed over, sorted by relative path; `TelosError` where there is none."""
        roots = several(self.path)
        items = [item for root in roots for item in _listed(Path(root), _prefix(root, roots)) if self._wanted(item.path)]
        items.sort(key=lambda item: item.path)
        if not items:
            raise TelosError(f"the corpus must hold text: {', '.join(roots)}", self._nothing(), ADD_TEXT)
        return items

    def read(self, item: Input) -> Iterator[RawDocument]:
        form = format_of(item.path)
        if form is None:
            yield RawDocument("", skipped="unsupported_format", size_bytes=item.size_bytes)
            return
        with Stream(item.location, document_bytes=self.max_document_mb * MEGABYTE) as stream:
            try:
                yield from form.read(stream, item.location, self.fields)
            except TooLarge:
                yield RawDocument("", skipped="too_large", size_bytes=item.size_bytes)

    @property
    def fields(self) -> Fields:
        return Fields(self.text_field, tuple(several(self.keep)), self.extract, annotations=self.annotation_fields,
                      negatives=tuple(several(self.negative_field)), columns=tuple(self.columns))  # fmt: skip

    def _wanted(self, path: str) -> bool:
        include, exclude = several(self.include), several(self.exclude)
        return (not include or _matches(path, include)) and not _matches(path, exclude)

    def _nothing(self) -> str:
        filtered = bool(self.include or self.exclude)
        return "no file that corpus.include and corpus.exclude let through" if filtered else "an empty folder"


def _matches(path: str, patterns: list[str]) -> bool:
    return any(fnmatch(path, pattern) or fnmatch(path.rpartition("/")[2], pattern) for pattern in patterns)


def _prefix(root: str, roots: list[str]) -> str:
    """What goes before the paths of one root, so that those of several roots differ."""
    if len(roots) == 1:
        return ""
    name = Path(root).name
    alone = sum(Path(other).name == name for other in roots) == 1
    return name if alone else Path(root).as_posix()


def _listed(root: Path, prefix: str) -> Iterator[Input]:
    if not root.exists():
        siblings = [p.name for p in root.parent.iterdir()] if root.parent.is_dir() else []
        meant = nearest(root.name, siblings)
        raise TelosError("corpus.path must be a file or a folder that exists", f"there is no {root}",
                         f"write '{root.parent / meant}'" if meant else "check its spelling")  # fmt: skip
    if root.is_file():
        yield _input(root, prefix or root.name)
        return
    for folder, inner, names in os.walk(root, onerror=_refuse):
        if folder != str(root) and any(ours.issubset(names) for ours in _OURS):
            inner.clear()
            continue
        inner[:] = sorted(name for name in inner if not name.startswith(".") and name not in _PASSED_OVER)
        for name in names:
            file = Path(folder, name)
            if not name.startswith(".") and _is_regular(file):
                relative = file.relative_to(root).as_posix()
                yield _input(file, f"{prefix}/{relative}" if prefix else relative)


def _is_regular(file: Path) -> bool:
    """Not a socket or a pipe, on which reading would wait for ever, nor a link to nothing."""
    try:
        return stat.S_ISREG(file.stat().st_mode)
    except OSError:
        return False


def _input(file: Path, path: str) -> Input:
    facts = file.stat()
    return Input(path, str(file), facts.st_size, facts.st_mtime_ns)


def _refuse(error: OSError) -> None:
    raise unreadable(str(error.filename), error)
