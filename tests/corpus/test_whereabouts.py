"""Why was document X dropped?  Every document has an answer."""

import pytest

from telos.corpus.whereabouts import find, render
from telos.foundation.errors import TelosError

ZH = "床前明月光，疑是地上霜。"


@pytest.fixture
def corpus(many, build):
    (many / "copy.txt").write_bytes((many / "0" / "000.txt").read_bytes())
    (many / "short.txt").write_text("短\n")
    (many / "lines.jsonl").write_text(f'{{"text": "{ZH * 3}甲"}}\n{{"text": ""}}\n{{"text": "{ZH * 3}乙"}}\n')
    (many / "x.bin").write_bytes(b"\0")
    return build(many, clean={"min_characters": 5})


def test_every_outcome(corpus):
    assert "kept, in " in render(find(corpus.folder, "0/000.txt"))
    assert "copy.txt  dropped by exact for exact_duplicate: copy of 0/000.txt" in render(find(corpus.folder, "copy.txt"))
    assert "short.txt  dropped by clean for too_short" in render(find(corpus.folder, "short.txt"))
    assert "x.bin  skipped: binary" in render(find(corpus.folder, "x.bin"))
    lines = find(corpus.folder, "lines.jsonl")
    assert [row["source"] for row in lines["dropped"]] == ["lines.jsonl:2"]
    assert {row["source"] for row in lines["kept"]} == {"lines.jsonl:1", "lines.jsonl:3"}
    one = lines["kept"][0]
    assert find(corpus.folder, one["id"])["kept"] == [one]
    assert len(find(corpus.folder, "0")["kept"]) == 43


def test_a_name_that_nobody_knows(corpus):
    with pytest.raises(TelosError) as error:
        find(corpus.folder, "shot.txt")
    assert error.value.found == "nothing under 'shot.txt', neither kept nor dropped"
    assert error.value.fix == "write 'short.txt'"
