"""The funnel: what went into each stage, what was dropped and why, what came out; the sums always hold.

    documents_in = documents_out + Σ dropped
    bytes_in + rewritten_bytes = bytes_out + Σ dropped_bytes

Bytes are of text in UTF-8 (of the file, for what is no text).  ``rewritten_bytes`` is how much longer the kept texts
became by being changed.  Test: tests/corpus/test_funnel.py.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Stage:
    """One stage's counts; every document that enters is either kept or dropped."""

    name: str
    documents_in: int = 0
    bytes_in: int = 0
    documents_out: int = 0
    bytes_out: int = 0
    rewritten_bytes: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    dropped_bytes: Counter[str] = field(default_factory=Counter)

    def keep(self, bytes_in: int, bytes_out: int, documents: int = 1) -> None:
        """Documents that stay; changed in length where the two numbers differ."""
        self.documents_in += documents
        self.documents_out += documents
        self.bytes_in += bytes_in
        self.bytes_out += bytes_out
        self.rewritten_bytes += bytes_out - bytes_in

    def drop(self, reason: str, size_bytes: int, documents: int = 1) -> None:
        """Documents that go (``documents`` = 0: only a part of one)."""
        self.documents_in += documents
        self.bytes_in += size_bytes
        self.dropped[reason] += documents
        self.dropped_bytes[reason] += size_bytes

    def repeat(self, size_bytes: int, documents: int) -> None:
        """Documents that come out once more."""
        self.documents_in += documents
        self.documents_out += documents
        self.rewritten_bytes += size_bytes
        self.bytes_out += size_bytes

    def join(self, other: "Stage") -> None:
        """Add another bucket's counts."""
        for name in ("documents_in", "bytes_in", "documents_out", "bytes_out", "rewritten_bytes"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.dropped.update(other.dropped)
        self.dropped_bytes.update(other.dropped_bytes)

    def check(self) -> None:
        """Nothing was lost silently."""
        assert self.documents_in == self.documents_out + self.dropped.total(), self
        assert self.bytes_in + self.rewritten_bytes == self.bytes_out + self.dropped_bytes.total(), self

    def as_dict(self) -> dict[str, Any]:
        self.check()
        return {
            "stage": self.name,
            "documents_in": self.documents_in, "documents_out": self.documents_out,
            "bytes_in": self.bytes_in, "bytes_out": self.bytes_out, "rewritten_bytes": self.rewritten_bytes,
            "dropped": dict(sorted(self.dropped.items())), "dropped_bytes": dict(sorted(self.dropped_bytes.items())),
        }  # fmt: skip

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "Stage":
        settings = {name: value for name, value in data.items() if name not in ("stage", "dropped", "dropped_bytes")}
        return cls(data["stage"], **settings, dropped=Counter(data["dropped"]), dropped_bytes=Counter(data["dropped_bytes"]))
