"""Labels and paired texts: read from every format that has fields, kept through cleaning, deduplication and splitting."""

import io
import json
from collections import Counter

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from telos.corpus.clean import Clean
from telos.corpus.engines.native import Native
from telos.corpus.pipeline import build_corpus
from telos.corpus.sources.files import Files
from telos.corpus.sources.mixture import Mixture
from telos.corpus.split import Split
from telos.foundation.errors import TelosError

ROWS = [("很好看", "1", "very good"), ("an awful film", "0", "电影很差"), ("so-so", "0", "一般")]


def parquet() -> bytes:
    to = io.BytesIO()
    texts, labels, targets = zip(*ROWS, strict=True)
    pq.write_table(pa.table({"text": texts, "mood": [int(label) for label in labels], "other": targets}), to)
    return to.getvalue()


FILES = {
    "a.csv": "mood,text,other\n" + "".join(f'{label},"{text}","{target}"\n' for text, label, target in ROWS),
    "semicolons.csv": "mood;text;other\n" + "".join(f"{label};{text};{target}\n" for text, label, target in ROWS),
    "a.tsv": "mood\ttext\tother\n" + "".join(f"{label}\t{text}\t{target}\n" for text, label, target in ROWS),
    "a.jsonl": "".join(json.dumps({"mood": int(b), "text": a, "other": c}) + "\n" for a, b, c in ROWS),
    "a.json": json.dumps([{"mood": int(b), "text": a, "other": c} for a, b, c in ROWS]),
    "a.parquet": parquet(),
}


def read(path, **settings):
    source = Files(path, **settings)
    return [raw for item in source.inputs() for raw in source.read(item)]


@pytest.mark.parametrize("name", FILES)
def test_every_format_gives_label_and_target_as_text(fill, name):
    found = read(fill("t", {name: FILES[name]}), label_field="mood", target_field="other")
    assert [(raw.text, raw.metadata["label"], raw.metadata["target"]) for raw in found] == ROWS
    assert all(set(raw.metadata) == {"label", "target"} for raw in found)


@pytest.mark.parametrize("name", ["a.csv", "semicolons.csv", "a.tsv"])
def test_a_table_without_a_header_has_the_columns_that_are_named(fill, name):
    headless = FILES[name].split("\n", 1)[1]
    found = read(fill("t", {name: headless}), columns=["mood", "text", "other"], label_field="mood")
    assert [(raw.text, raw.metadata) for raw in found] == [(text, {"label": label}) for text, label, _ in ROWS]


@pytest.mark.parametrize(("value", "label"), [(True, "true"), (3, "3"), (" 正 ", "正"), (None, None), ("", None)])
def test_a_label_is_a_word(fill, value, label):
    (raw,) = read(fill("t", {"a.jsonl": json.dumps({"text": "x", "label": value})}), label_field="label")
    assert raw.metadata.get("label") == label


@pytest.mark.parametrize("name", FILES)
def test_every_format_gives_negatives(fill, name):
    found = read(fill("t", {name: FILES[name]}), negative_field=["other", "mood"], label_field="mood")
    assert [(raw.text, raw.metadata) for raw in found] == [
        (text, {"label": label, "negatives": [other, label]}) for text, label, other in ROWS
    ]


def test_an_empty_negative_keeps_its_place(fill):
    rows = [{"text": "x", "a": None, "b": "far"}, {"text": "y", "a": "near\ud800", "b": " "}]
    path = fill("t", {"a.jsonl": "".join(json.dumps(row) + "\n" for row in rows)})
    found = read(path, negative_field=["a", "b"])
    assert [raw.metadata["negatives"] for raw in found] == [["", "far"], ["near�", ""]]
    assert Files(path, negative_field="a").num_negatives == 1
    assert Files(path, negative_field=["a", "b"]).annotations == {"negative"}
    assert Files(path).annotations == frozenset()


@pytest.mark.parametrize("name", FILES)
def test_a_field_that_is_not_there(fill, name):
    for setting in ("label_field", "target_field", "negative_field"):
        with pytest.raises(TelosError) as error:
            read(fill("t", {name: FILES[name]}), **{setting: "feeling"})
        assert "must have the field 'feeling'" in error.value.must
        assert "mood" in error.value.found or name == "a.parquet"
        assert f"corpus.{setting}=NAME" in error.value.fix


def test_a_table_without_a_header_is_told_how_to_name_its_columns(fill):
    with pytest.raises(TelosError) as error:
        read(fill("t", {"a.tsv": "1\t很好看\n0\tan awful film\n"}), label_field="label")
    assert "corpus.columns=[NAME, …]" in error.value.fix


def test_a_label_of_several_values(fill):
    with pytest.raises(TelosError) as error:
        read(fill("t", {"a.jsonl": json.dumps({"text": "x", "label": ["a", "b"]})}), label_field="label")
    assert error.value.must.endswith("a.jsonl:1 must have one label")
    assert "list" in error.value.found


def test_a_row_that_is_too_short(fill):
    with pytest.raises(TelosError) as error:
        read(fill("t", {"a.tsv": "text\tmood\nonly a text\n"}), label_field="mood")
    assert "a.tsv:2 must have the column 'mood'" in error.value.must


def built(fill, tmp_path, rows, split="auto", dedup=("exact",), **settings):
    folder = fill("t", {"a.jsonl": "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)})
    clean = Clean(dedup=[{"kind": kind} for kind in dedup])
    source = Files(folder, label_field="mood", **settings)
    return build_corpus([source], clean, Split.parse({"kind": split}), tmp_path / "corpus", engine=Native(workers=1))


def test_labels_stay_with_their_texts_and_every_split_has_its_share(fill, tmp_path):
    rows = [{"text": f"文本 number {n // 2} of its kind", "mood": n // 2 % 4, "other": f"target\r\n{n // 2}"} for n in range(800)]
    corpus = built(fill, tmp_path, rows, target_field="other")
    for split, n in (("train", 90), ("validation", 5), ("test", 5)):
        found = list(corpus.documents(split))
        assert Counter(d.metadata["label"] for d in found) == {"0": n, "1": n, "2": n, "3": n}, "copies are gone, shares exact"
        assert corpus.labels(split) == ["0", "1", "2", "3"]
        for document in found:
            number = int(document.text.split()[2])
            assert document.metadata["label"] == str(number % 4)
            assert document.metadata["target"] == f"target\n{number}", "a target is cleaned as a text is"


def test_near_copies_go_and_labels_stay(fill, tmp_path):
    sentence = " ".join(f"word{i}" for i in range(60))

    def text(n):
        return f"{sentence} {n // 3} {' '.join(f'x{n // 3}y{i}' for i in range(120))} {n % 3}"

    rows = [{"text": text(n), "mood": "abc"[n // 3 % 3]} for n in range(180)]
    corpus = built(fill, tmp_path, rows, split="stratified", dedup=("near",))
    found = [d for split in ("train", "validation", "test") for d in corpus.documents(split)]
    assert len(found) == 60
    assert all(d.metadata["label"] == "abc"[int(d.text.split()[60]) % 3] for d in found)


def test_what_a_source_gives():
    assert Files("x").annotations == frozenset()
    both = Files("x", label_field="mood", target_field="other")
    assert both.annotations == {"label", "target"}
    parts = [{"name": "a", "source": Files("x")}, {"name": "b", "source": Files("y", label_field="mood")}]
    assert Mixture(parts=parts).annotations == {"label"}
