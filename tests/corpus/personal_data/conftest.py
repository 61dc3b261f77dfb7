"""What a text holds, as the recognisers see it; and real web text."""

import gzip

import orjson
import pytest

from telos.corpus.personal_data import DEFAULT, find


@pytest.fixture(scope="session")
def values():
    """(text, types…) → [(type, value)] in their order."""

    def look(text, *types):
        return [(span.type, text[span.start : span.end]) for span in find([text], types or DEFAULT)]

    return look


@pytest.fixture(scope="session")
def web(shared_data):
    """330 English web documents."""
    texts = []
    for path in sorted(shared_data.glob("dolma-web-sample/multiple_files/*.jsonl")):
        texts += [orjson.loads(line)["text"] for line in path.read_bytes().splitlines()]
    with gzip.open(shared_data / "dolma-web-sample" / "provided" / "documents" / "000.json.gz") as file:
        texts += [orjson.loads(line)["text"] for line in file]
    lines = (shared_data / "llama-factory-demos" / "c4_demo.jsonl").read_bytes().splitlines()
    return texts + [orjson.loads(line)["text"] for line in lines]


@pytest.fixture(scope="session")
def laws(shared_data):
    """Chinese laws."""
    with gzip.open(shared_data / "zh-laws" / "national.jsonl.gz") as file:
        return [orjson.loads(line)["text"] for line in file]
