"""Building on earlier corpora: what they hold is not taken again, and near copies follow them into their splits."""

import random

import pytest

from telos.corpus.sources.files import Files
from telos.corpus.split import SPLITS

WORDS = "春 眠 不 觉 晓 处 闻 啼 鸟 夜 来 风 雨 声 花 落 知 多 少 床 前 明 月 光 疑 是 地 上 霜 举 头 望 低 思 故 乡".split()  # noqa: SIM905


def text(seed, characters=400):
    rng = random.Random(seed)
    return "".join(rng.choice(WORDS) for _ in range(characters))


def altered(original, at, size):
    return original[:at] + "改" * size + original[at + size :]


@pytest.fixture
def first(fill, build):
    return build(fill("old", {f"{n:03}.txt": text(n) for n in range(120)}), out="first", split="content")


def test_what_an_earlier_corpus_holds_is_not_taken_again(first, fill, build):
    files = {f"{n:03}.txt": text(n) for n in range(100, 200)}
    second = build(fill("new", files), out="second", clean={"earlier": [str(first.folder)]}, split="content")
    found = [d.source for split in SPLITS for d in second.documents(split)]
    assert sorted(found) == [f"{n:03}.txt" for n in range(120, 200)]
    stage = second.funnel[-1]
    assert (stage["stage"], stage["dropped"]) == ("exact", {"exact_duplicate": 20})
    again = build(fill("new", files), out="second", clean={"earlier": [str(first.folder), str(first.folder)]}, split="content")
    assert again.hash == second.hash


def test_near_copies_go_where_their_originals_are(first, fill, build):
    """Alike, but not enough to be dropped, through documents that are dropped: a chain from the earlier corpus."""
    places = {d.text: split for split in SPLITS for d in first.documents(split)}
    chains = {}
    for n in range(120):
        whole = text(n)
        chains[f"{n:03}-a.txt"] = altered(whole, 50, 20)  # a near copy of the earlier one: dropped
        chains[f"{n:03}-b.txt"] = altered(altered(whole, 50, 20), 200, 45)  # of the near copy, not of the earlier one
    clean = {"earlier": [str(first.folder)], "dedup": ["exact", "near"]}
    second = build(fill("chains", chains), out="second", clean=clean, split="content")
    found = {d.source: split for split in SPLITS for d in second.documents(split)}
    assert not any(source.endswith("-a.txt") for source in found)
    assert len(found) == 120
    assert all(split == places[text(int(source[:3]))] for source, split in found.items())
    assert set(found.values()) == set(SPLITS)


def test_the_order_in_which_inputs_are_listed_changes_nothing(fill, build, monkeypatch):
    folder = fill("t", {f"{n:03}.txt": altered(text(n % 100), 30, n // 100 * 10) for n in range(160)})
    whole = build(folder, out="whole", clean={"dedup": ["exact", "paragraph", "near"]})
    listed = Files.inputs

    def shuffled(self):
        items = listed(self)
        random.Random(1).shuffle(items)
        return items

    monkeypatch.setattr(Files, "inputs", shuffled)
    again = build(folder, out="again", clean={"dedup": ["exact", "paragraph", "near"]})
    files = sorted(p.relative_to(whole.folder) for p in whole.folder.rglob("*") if p.is_file())
    assert all((whole.folder / name).read_bytes() == (again.folder / name).read_bytes() for name in files)
