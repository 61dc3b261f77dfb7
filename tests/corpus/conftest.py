"""Builders of small folders and corpora."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from telos.corpus.clean import Clean
from telos.corpus.corpus import Corpus
from telos.corpus.engines.native import Native
from telos.corpus.pipeline import build_corpus
from telos.corpus.sources.files import Files
from telos.corpus.split import Split


@pytest.fixture
def fill(tmp_path: Path) -> Callable[..., Path]:
    """Writes files (relative path → text or bytes) into a folder under the test's own, and returns it."""

    def write(name: str, files: dict[str, str | bytes]) -> Path:
        root = tmp_path / name
        root.mkdir(exist_ok=True)
        for relative, content in files.items():
            path = root / relative
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        return root

    return write


@pytest.fixture
def many(fill: Callable[..., Path]) -> Path:
    """A folder with 300 different documents in Chinese and English."""
    zh, en = "床前明月光，疑是地上霜。举头望明月，低头思故乡。", "It was the best of times, it was the worst of times. "
    return fill("many", {f"{n % 7}/{n:03d}.txt": (zh if n % 2 else en) * (1 + n % 5) + f"\n{n}\n" for n in range(300)})


@pytest.fixture
def build(tmp_path: Path) -> Callable[..., Corpus]:
    """Builds a corpus of a path, with settings as plain data, in a folder under the test's own."""

    def run(path: Any, out: str = "corpus", clean: dict | None = None, split: Any = None, **options: Any) -> Corpus:
        settings = {name: options.pop(name) for name in ("text_field", "keep", "include", "exclude") if name in options}
        sources = [Files(path, **settings)]
        options.setdefault("engine", Native(workers=1))
        return build_corpus(sources, Clean(**(clean or {})), Split.parse(split or {}), tmp_path / out, **options)

    return run
