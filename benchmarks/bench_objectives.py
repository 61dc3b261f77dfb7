"""Every self-supervised objective on the same text at equal compute: `telos compare` on English novels or Chinese laws and poems.

    python benchmarks/bench_objectives.py english|chinese --out FOLDER [--seeds 3] [RECIPE …] [SETTING=VALUE …]

    english   litbank-novels; held out: pieces of its five held-out novels; pairs: BLiMP; classes: questions of TREC
    chinese   zh-laws and chinese-poetry, one title in forty held out; pairs: sentences of those with two neighbouring words or
              characters changed over; classes: what kind a poem is (Tang shi, Song shi, ci, qu; of training titles too)

The judge is a 5-gram of the training text, the recipes are those of recipes/objectives/.  The folder is gone on with: the same
command does what is missing.  The last line is one JSON line, the comparison's.  Without a language both are done, in folders
beside one another.
"""

import argparse
import csv
import gzip
import hashlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from telos.foundation.progress import say
from telos.foundation.random import generator

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT.parent / "shared" / "data"
RECIPES = ROOT / "recipes" / "objectives"
OBJECTIVES = ("causal", "prefix", "multi_token", "infill", "masked", "replaced_token", "masked_diffusion", "permutation",
              "span_corruption", "mixture_of_denoisers", "denoising_autoencoder", "sentence_order", "next_sentence")  # fmt: skip
HELD_OUT_BYTES = 300_000
HELD_OUT_SHARE = 40
PIECE = 3_000
CLASSES_PER_KIND = 1_000
PAIRS = 1_500
POEMS = ("tang_shi", "song_shi_fifth", "song_ci", "yuan_qu")
SETTINGS = (
    "train.threads=1",
    "train.compile=false",
    f"evaluate.max_bytes={HELD_OUT_BYTES}",
    f"minimal_pairs.limit={PAIRS}",
    "cloze.words=400",
)


def lines(path: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        yield from map(json.loads, file)


def write_lines(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def write_classes(path: Path, rows: Iterable[tuple[str, str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("label", "text"), *rows])


def pieces(text: str) -> Iterator[str]:
    """Whole lines, together at most `PIECE` characters where no line is longer."""
    made = ""
    for line in text.splitlines(keepends=True):
        if made and len(made) + len(line) > PIECE:
            yield made
            made = ""
        made += line
    if made.strip():
        yield made


def some(rows: list[str], most_bytes: int, what: str) -> list[str]:
    """Rows by lot, of so many bytes together."""
    taken, size = [], 0
    for i in generator(1, what, len(rows)).permutation(len(rows)):
        size += len(rows[i].encode())
        if size > most_bytes:
            break
        taken.append(rows[i])
    return taken


def english(folder: Path) -> None:
    (folder / "train").mkdir()
    write_lines(
        folder / "train" / "novels.jsonl", ({"text": row["text"]} for row in lines(DATA / "litbank-novels" / "train.jsonl.gz"))
    )
    held = [piece for row in lines(DATA / "litbank-novels" / "valid.jsonl.gz") for piece in pieces(row["text"])]
    write_lines(folder / "held_out.jsonl", ({"text": text} for text in some(held, HELD_OUT_BYTES, "held-out")))
    pairs = DATA / "blimp" / "blimp.jsonl.gz"
    (folder / "pairs.jsonl.gz").write_bytes(pairs.read_bytes())
    questions = (DATA / "text-cls-en" / "trec" / "train.tsv").read_text(encoding="utf-8").splitlines()
    write_classes(folder / "labelled.csv", (tuple(line.split("\t", 1)) for line in questions))  # type: ignore[misc]


def chinese(folder: Path) -> None:
    laws = [(row["title"], row["text"]) for row in lines(DATA / "zh-laws" / "national.jsonl.gz")]
    poems = {
        kind: [(row["title"] + row["author"], row["text"]) for row in lines(DATA / "chinese-poetry" / f"{kind}.jsonl.gz")]
        for kind in POEMS
    }
    (folder / "train").mkdir()
    write_lines(folder / "train" / "laws.jsonl", ({"text": text} for title, text in laws if not held_out(title)))
    every = [item for kind in POEMS for item in poems[kind]]
    write_lines(folder / "train" / "poems.jsonl", ({"text": text} for title, text in every if not held_out(title)))
    of_laws = [piece for title, text in laws if held_out(title) for piece in pieces(text)]
    of_poems = [text for title, text in every if held_out(title)]
    texts = [some(rows, HELD_OUT_BYTES // 2, name) for name, rows in (("laws", of_laws), ("poems", of_poems))]
    write_lines(folder / "held_out.jsonl", ({"text": text} for rows in texts for text in rows))
    with gzip.open(folder / "pairs.jsonl.gz", "wt", encoding="utf-8") as file:
        for pair in (
            *changed_over("words of laws", of_laws, by_words=True),
            *changed_over("characters of poems", of_poems, by_words=False),
        ):
            file.write(json.dumps(pair, ensure_ascii=False) + "\n")
    drawn = {kind: generator(1, "classes", len(of)).permutation(len(of))[:CLASSES_PER_KIND] for kind, of in poems.items()}
    write_classes(folder / "labelled.csv", ((kind, poems[kind][i][1][:100]) for kind in POEMS for i in drawn[kind]))


def held_out(title: str) -> bool:
    """By the title, so that the versions of a law stay together."""
    return int(hashlib.sha256(title.encode()).hexdigest(), 16) % HELD_OUT_SHARE == 0


def changed_over(name: str, texts: list[str], *, by_words: bool) -> Iterator[dict[str, Any]]:
    """Minimal pairs: a sentence, and the same with two different neighbours inside it changed over."""
    import jieba

    jieba.setLogLevel("ERROR")
    found = 0
    for number, text in enumerate(texts):
        for sentence in text.replace("。", "。\n").splitlines():
            parts = list(jieba.cut(sentence.strip())) if by_words else list(sentence.strip())
            places = [i for i in range(1, len(parts) - 2)
                      if parts[i] != parts[i + 1] and parts[i].isalnum() and parts[i + 1].isalnum()]  # fmt: skip
            if not 6 <= len(sentence) <= 60 or not places:
                continue
            i = places[int(generator(1, name, number, found).integers(len(places)))]
            bad = "".join([*parts[:i], parts[i + 1], parts[i], *parts[i + 2 :]])
            yield {"sentence_good": "".join(parts), "sentence_bad": bad, "UID": name.replace(" ", "_"), "pairID": str(found)}
            found += 1
            if found == PAIRS:
                return


def telos(*words: str) -> str:
    done = subprocess.run([sys.executable, "-m", "telos.cli", *words, "--json"], stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode not in (0, 1) or not done.stdout.strip():
        raise RuntimeError(f"telos {words[0]} ended with exit code {done.returncode}")
    return done.stdout


def compared(language: str, folder: Path, asked: argparse.Namespace) -> str:
    """Prepare the text once, train the judge once, compare; the command's standard output."""
    material = folder / "material"
    if not material.is_dir():
        with tempfile.TemporaryDirectory(dir=folder) as begun:
            made = Path(begun) / "made"
            made.mkdir()
            {"english": english, "chinese": chinese}[language](made)
            made.rename(material)
    corpus = ("corpus.kind=files", f"corpus.path={material / 'train'}")
    if not (folder / "judge" / "model").is_dir():
        telos(
            "train",
            str(ROOT / "recipes" / "models" / "ngram.yaml"),
            *corpus,
            f"evaluate.max_bytes={HELD_OUT_BYTES}",
            "--out",
            str(folder / "judge"),
        )
    recipes = [word for word in asked.words if "=" not in word] or [str(RECIPES / f"{name}.yaml") for name in OBJECTIVES]
    return telos("compare", *recipes, *corpus, *SETTINGS, *[word for word in asked.words if "=" in word],
                 "--budget", asked.budget, "--seeds", str(asked.seeds), "--texts", str(material / "held_out.jsonl"),
                 "--pairs", str(material / "pairs.jsonl.gz"), "--labelled", str(material / "labelled.csv"),
                 "--judge", str(folder / "judge" / "model"), "--out", str(folder / "compared"))  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("language", nargs="?", choices=("english", "chinese"))
    parser.add_argument("words", nargs="*", metavar="RECIPE or SETTING=VALUE")
    parser.add_argument("--budget", default="1.6e13 FLOPs")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_intermixed_args()
    if not DATA.is_dir():
        say(f"error: the texts must lie in {DATA}\n  found: nothing there\n  to do: put them there")
        return 2
    out = asked.out or Path(tempfile.gettempdir()) / "telos-objectives"
    found = {}
    for language in [asked.language] if asked.language else ["english", "chinese"]:
        folder = out / language
        folder.mkdir(parents=True, exist_ok=True)
        said = compared(language, folder, asked).splitlines()
        print("\n".join(said[:-1]))
        found[language] = json.loads(said[-1])
    print(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
