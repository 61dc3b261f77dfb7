"""Datasets: on disk in parts, and the hub's streaming path on local files under the hub's own code."""

import json

import pytest

from telos.corpus.engines.native import Native
from telos.corpus.pipeline import build_corpus
from telos.corpus.sources import hugging_face
from telos.corpus.sources.hugging_face import HuggingFace
from telos.foundation.errors import TelosError

datasets = pytest.importorskip("datasets")


def rows(source):
    return [(item.path, d.text, d.place, d.metadata) for item in source.inputs() for d in source.read(item)]


@pytest.fixture
def saved(tmp_path, monkeypatch):
    monkeypatch.setattr(hugging_face, "PART_ROWS", 100)
    data = datasets.Dataset.from_dict(
        {"text": [f"第{n}篇，床前明月光。{n}" * 4 for n in range(250)], "label": [n % 3 for n in range(250)]}
    )
    datasets.DatasetDict({"train": data, "extra": data.select(range(5))}).save_to_disk(tmp_path / "saved")
    return str(tmp_path / "saved")


def test_on_disk_in_parts(saved, tmp_path):
    found = rows(HuggingFace(name=saved, keep=["label"]))
    assert [f[0] for f in found[::100]] == ["train/000000000", "train/000000100", "train/000000200"]
    assert [f[1].split("篇")[0] for f in found] == [f"第{n}" for n in range(250)]
    assert [f[3]["label"] for f in found] == [n % 3 for n in range(250)]
    assert len(rows(HuggingFace(name=saved, split="extra"))) == 5
    assert (
        HuggingFace(name=saved).fingerprint()
        == HuggingFace(name=saved).fingerprint()
        != HuggingFace(name=saved, split="extra").fingerprint()
    )
    corpus = build_corpus(HuggingFace(name=saved), out=tmp_path / "corpus", engine=Native(workers=1))
    assert sum(corpus.count(s) for s in ("train", "validation", "test")) == 250


def test_streamed_shard_by_shard(tmp_path):
    """A dataset's own files, through load_dataset(streaming=True), as from the hub."""
    folder = tmp_path / "made"
    folder.mkdir()
    for shard in range(3):
        lines = [json.dumps({"text": f"{shard}-{n} 月光", "label": n}) for n in range(10)]
        (folder / f"train-{shard}.jsonl").write_text("\n".join(lines) + "\n")
    source = HuggingFace(name=f"hf://{folder}", keep=["label"])
    found = rows(source)
    assert [f[0] for f in found[::10]] == [f"train/{n:05d}-of-00003" for n in range(3)]
    assert [f[1] for f in found] == [f"{shard}-{n} 月光" for shard in range(3) for n in range(10)]
    assert found[-1][2:] == (10, {"label": 9})


def test_what_is_not_there(saved):
    with pytest.raises(TelosError) as error:
        rows(HuggingFace(name=saved, split="tset"))
    assert (error.value.must, error.value.found) == (f"the dataset {saved} must have the split 'tset'", "splits train, extra")
    with pytest.raises(TelosError, match=r"the dataset nobody/nothing must be readable") as error:
        rows(HuggingFace(name="nobody/nothing"))
    assert "HF_ENDPOINT" in error.value.fix
    with pytest.raises(TelosError, match="must have the field 'body'"):
        rows(HuggingFace(name=saved, text_field="body"))
