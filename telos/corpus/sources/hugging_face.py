"""Datasets in the Hugging Face layout: saved on disk, or streamed from the hub.

From the hub a dataset is read shard by shard as it arrives and nothing is kept; ``HF_ENDPOINT`` names a mirror,
``HF_HUB_OFFLINE=1`` takes only what a cache holds.  No code of a dataset is run.  Test: tests/corpus/test_hugging_face.py.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import Field

from telos.corpus.compression import one_line
from telos.corpus.formats.json_lines import missing_field
from telos.corpus.sources import Fields, Input, RawDocument, Source, several
from telos.foundation.errors import TelosError, require
from telos.foundation.spec import stable_hash

PART_ROWS = 20_000
"""Rows of a dataset on disk that are one input."""
_DISK = ("dataset_info.json", "dataset_dict.json", "state.json")


def is_saved_dataset(path: str | os.PathLike[str]) -> bool:
    """Whether ``save_to_disk`` of the library `datasets` wrote that folder."""
    folder = Path(path)
    return (folder / "dataset_dict.json").is_file() or all(
        (folder / name).is_file() for name in ("dataset_info.json", "state.json")
    )


class HuggingFace(Source):
    """``name``: ``OWNER/NAME`` on the hub (``hf://OWNER/NAME`` too), or a folder that ``save_to_disk`` wrote.  ``config``: of a
    dataset that has several.  ``split``: which of its splits is read; ours are made from it.  ``revision``: branch, tag or
    commit.  ``text_field``, ``keep``, ``label_field`` and the other fields of annotations: as of files."""

    name: str = Field(min_length=1)
    config: str | None = None
    split: str = "train"
    revision: str | None = None
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

    def inputs(self) -> list[Input]:
        """Parts of a dataset on disk, or shards of one on the hub, whose sizes are not known."""
        if self._on_disk():
            data = self._load()
            total = len(data)
            size = int(data.data.nbytes) if total else 0
            starts = range(0, total, PART_ROWS)
            return [
                Input(f"{self.split}/{start:09d}", f"{start}", size * min(PART_ROWS, total - start) // total) for start in starts
            ]
        shards = self._load().num_shards
        return [Input(f"{self.split}/{shard:05d}-of-{shards:05d}", f"{shard}/{shards}", 0) for shard in range(shards)]

    def read(self, item: Input) -> Iterator[RawDocument]:
        """A document a row; ``place`` is its number in the part."""
        try:
            for number, row in enumerate(self._rows(item), 1):
                if self.text_field not in row:
                    texts = {name: value for name, value in row.items() if isinstance(value, str)}
                    raise missing_field(self.name, self.text_field, texts, list(row))
                yield RawDocument(
                    self.fields.joined(row[self.text_field]) or "",
                    number,
                    metadata=self.fields.metadata(row, f"{self.name}, row {number}"),
                )
        except TelosError:
            raise
        except Exception as error:
            raise self._unreadable(error) from None

    @property
    def fields(self) -> Fields:
        return Fields(self.text_field, tuple(several(self.keep)), annotations=self.annotation_fields,
                      negatives=tuple(several(self.negative_field)))  # fmt: skip

    def fingerprint(self) -> str:
        """On disk that of the data; from the hub the commit where the hub tells, else the settings alone."""
        if self._on_disk():
            return stable_hash([self.dump(), self._load()._fingerprint])
        return stable_hash([self.dump(), self._commit()])

    def _rows(self, item: Input) -> Any:
        data = self._load()
        if self._on_disk():
            start = int(item.location)
            return data.select(range(start, min(start + PART_ROWS, len(data))))
        shard, _, shards = item.location.partition("/")
        return data.shard(num_shards=int(shards), index=int(shard))

    def _place(self) -> str:
        return self.name.removeprefix("hf://").removeprefix("datasets/")

    def _on_disk(self) -> bool:
        return any((Path(self.name) / name).is_file() for name in _DISK)

    def _load(self) -> Any:
        os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
        datasets: Any = require("datasets", extra="hub", feature="corpus.kind=hugging_face")
        datasets.disable_progress_bars()
        try:
            if self._on_disk():
                data = datasets.load_from_disk(self.name)
                return data if not isinstance(data, dict) else data[self.split]
            return datasets.load_dataset(self._place(), self.config, split=self.split, revision=self.revision, streaming=True)
        except KeyError:
            raise TelosError(f"the dataset {self.name} must have the split '{self.split}'", f"splits {', '.join(data)}",
                             "name one of them: corpus.split=NAME") from None  # fmt: skip
        except Exception as error:
            raise self._unreadable(error) from None

    def _commit(self) -> str | None:
        hub: Any = require("huggingface_hub", extra="hub", feature="corpus.kind=hugging_face")
        try:
            return hub.HfApi().dataset_info(self._place(), revision=self.revision).sha
        except Exception:
            return self.revision

    def _unreadable(self, error: Exception) -> TelosError:
        fix = ("check the name and the network; behind a mirror set HF_ENDPOINT; a dataset that save_to_disk wrote is given by "
               "its folder")  # fmt: skip
        return TelosError(f"the dataset {self.name} must be readable", f"{type(error).__name__}: {one_line(error)[:200]}", fix)
