"""Recipes that take a second, on English and Chinese text made on the spot."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.end_to_end.conftest import a_story


@pytest.fixture(scope="session")
def stories(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 80 documents in two languages."""
    folder = tmp_path_factory.mktemp("stories")
    for number in range(40):
        for language in ("en", "zh"):
            (folder / f"{language}-{number}.txt").write_text(a_story(language, number), encoding="utf-8")
    return folder


@pytest.fixture
def recipe_file(stories: Path, tmp_path: Path) -> Callable[..., Path]:
    """``recipe_file("a", "model: {kind: ngram, order: 4}")``: a recipe of those stories, byte by byte."""

    def write(name: str, *lines: str) -> Path:
        path = tmp_path / f"{name}.yaml"
        head = [f"corpus: {{kind: files, path: {stories}}}", "split: {kind: content, test_fraction: 0.3}", "tokenizer: byte",
                "evaluate: {max_bytes: 9000}"]  # fmt: skip
        path.write_text("\n".join([*head, *lines]) + "\n", encoding="utf-8")
        return path

    return write
