"""A corpus on disk: ``train/``, ``validation/``, ``test/`` with Parquet parts, ``corpus.json`` and a manifest."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from telos.corpus import shards
from telos.corpus.splits import SPLITS
from telos.foundation.document import Document
from telos.foundation.errors import TelosError
from telos.foundation.files import MANIFEST, read_json, read_manifest, verify_folder

FACTS = "corpus.json"
FORMAT = 2
CARD, PAGE = "README.md", "corpus.html"
TIMINGS = "timings.json"
"""What building took: not a part of the corpus, whose bytes do not depend on it."""
EDITABLE = (CARD, PAGE, TIMINGS)
"""Files that the manifest does not seal: the card is the user's to complete, the page says in the end what the build took."""


class Corpus:
    """A built corpus; `Corpus.open` reads its facts, documents are read as they are asked for."""

    def __init__(self, folder: Path, facts: dict[str, Any]):
        self.folder = folder
        self.facts = facts
        """What corpus.json holds: settings, splits, funnel, ``repaired`` and ``skipped`` files."""
        self.funnel: list[dict[str, Any]] = facts["funnel"]
        """Stages in their order: see `telos.corpus.funnel`."""
        self.split_note: str | None = facts["split_note"]
        """What a report must say about the split, or None."""
        self.hash: str = facts["hash"]
        """32 hexadecimal digits over the ids of all documents and their splits, so over every text and its source."""
        self.seconds: dict[str, float] = {}
        """Stage → seconds of work, of all workers together: known of a corpus that was built just now, or where they were
        noted (`TIMINGS`)."""

    @classmethod
    def open(cls, folder: str | Path, *, verify: bool = False) -> "Corpus":
        """The corpus of a folder; ``verify`` reads every file and compares it with the manifest's SHA-256.

        `TelosError` where there is no finished corpus."""
        folder = Path(folder)
        if not (folder / MANIFEST).exists() and not (folder / FACTS).exists():
            found = f"no {FACTS} in it" if folder.is_dir() else "no such folder"
            raise TelosError(f"{folder} must be the folder of a corpus", found,
                             "give the --out of `telos corpus build`")  # fmt: skip
        manifest = verify_folder(folder) if verify else read_manifest(folder)
        if FACTS not in manifest["files"]:
            raise TelosError(f"{folder} must be the folder of a corpus", f"no {FACTS} in its manifest",
                             "give the --out of `telos corpus build`")  # fmt: skip
        for name, facts in manifest["files"].items():
            if not (folder / name).is_file() or (folder / name).stat().st_size != facts["bytes"]:
                raise TelosError(f"{folder / name} must be as it was written", "it is missing or of another size",
                                 "build the corpus again")  # fmt: skip
        corpus = cls(folder, read_json(folder / FACTS))
        with contextlib.suppress(OSError, ValueError, KeyError):
            corpus.seconds = read_json(folder / TIMINGS)["work_seconds"]
        return corpus

    def documents(self, split: str) -> Iterator[Document]:
        """The documents of a split, always in the same order: by source."""
        for row in shards.rows(self._folder(split), ["id", "text", "source", "language", "metadata"]):
            metadata = orjson.loads(row["metadata"]) if row["metadata"] else {}
            yield Document(id=row["id"], text=row["text"], source=row["source"], language=row["language"], metadata=metadata)

    def labels(self, split: str) -> list[str]:
        """Every label that documents of a split have, sorted."""
        rows = shards.rows(self._folder(split), ["metadata"])
        found = {orjson.loads(row["metadata"]).get("label") for row in rows if row["metadata"]}
        return sorted(found - {None})

    def tags(self, split: str) -> list[str]:
        """Every tag that words of a split have, sorted."""
        rows = shards.rows(self._folder(split), ["metadata"])
        return sorted({one["tag"] for row in rows if row["metadata"] for one in orjson.loads(row["metadata"]).get("tags", [])})

    def bytes(self, split: str) -> int:
        """UTF-8 bytes of a split's text."""
        return int(self._facts(split)["bytes"])

    def count(self, split: str) -> int:
        """Documents of a split (by position, the part of a document counts as one)."""
        return int(self._facts(split)["documents"])

    def characters(self, split: str) -> int:
        """Unicode code points of a split's text."""
        return int(self._facts(split)["characters"])

    def _facts(self, split: str) -> dict[str, Any]:
        assert split in SPLITS, split
        return self.facts["splits"][split]

    def _folder(self, split: str) -> Path:
        assert split in SPLITS, split
        return self.folder / split
