"""Bad input, each with what must hold, what was found and what to do; exit code 2; nothing half-written."""

import gzip
import json
import os
import re
import shutil
import signal

import pytest

from telos.foundation import files


def nothing_half_written(out) -> bool:
    """No model, no report, no unfinished folder."""
    if not out.exists():
        return True
    left = [p for p in out.rglob("*") if p.name.startswith(".") and ".tmp-" in p.name]
    return not left and not (out / "model").exists() and not (out / "report.html").exists() and not (out / "report.json").exists()


@pytest.fixture
def refused(telos, tmp_path):
    """``refused(path, …settings)``: (must, found, fix) of a `telos run` that must leave nothing half-written."""

    def call(path, *words, **extra):
        out = tmp_path / "out"
        parts = telos.refuses("run", path, "--out", out, *(["--budget", "5 steps"] if "--budget" not in words else []),
                              *telos.small, *words, **extra)  # fmt: skip
        assert nothing_half_written(out), sorted(p.name for p in out.rglob("*"))
        return parts

    return call


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "input"
    made.mkdir()
    return made


# -- texts -----------------------------------------------------------------------------------------------------------


def test_a_path_that_is_not_there(refused, tmp_path):
    must, found, _ = refused(tmp_path / "nowhere")
    assert "nowhere" in must + found


def test_an_empty_folder(refused, folder):
    must, found, fix = refused(folder)
    assert "the corpus must hold text" in must
    assert found == "an empty folder"
    assert ".txt" in fix


def test_a_folder_with_only_binaries(refused, folder):
    (folder / "picture.png").write_bytes(bytes(range(256)) * 20)
    (folder / "data").write_bytes(os.urandom(2000) + b"\0\0")
    must, found, _ = refused(folder)
    assert "text" in must
    assert "binary" in found
    assert "2" in found


def test_one_document_too_short_to_split(refused, folder):
    (folder / "short.txt").write_text("今天天气很好。\n", encoding="utf-8")
    must, found, _ = refused(folder)
    assert "split" in must or "held out" in must or "long" in must, must
    assert "character" in found + must


def test_a_file_that_is_not_utf_8_is_repaired_and_named(telos, made_up, texts, tmp_path):
    folder = tmp_path / "mixed"
    shutil.copytree(texts, folder)
    (folder / "旧文件.txt").write_bytes(made_up("zh", 555).encode("gb18030"))
    (folder / "café.txt").write_bytes(("Déjà vu. " + made_up("en", 556)).encode("latin-1"))
    out = tmp_path / "corpus"
    done = telos("corpus", "build", folder, "--out", out)
    assert done.returncode == 0, done.stderr
    assert re.search(r"^read as another encoding: .*旧文件\.txt \(gb18030\)", done.stdout, re.MULTILINE), done.stdout
    repaired = json.dumps(json.loads((out / "corpus.json").read_text())["repaired"], ensure_ascii=False)
    assert "旧文件.txt" in repaired
    assert "café.txt" in repaired
    shown = telos("corpus", "inspect", out, "--json").stdout
    assert "旧文件.txt" in shown


@pytest.mark.parametrize("name", ["notes.jsonl", "笔记.jsonl"])
def test_broken_json_at_line_n(refused, folder, name):
    lines = [json.dumps({"text": f"第 {n} 行 line {n}"}, ensure_ascii=False) for n in range(9)]
    lines[6] = '{"text": "never closed'
    (folder / name).write_text("\n".join(lines), encoding="utf-8")
    must, found, fix = refused(folder)
    assert f"{name}:7" in must + found or ("line 7" in must + found and name in must + found)
    assert fix


def test_a_missing_text_field(refused, folder):
    (folder / "notes.jsonl").write_text(json.dumps({"body": "some text", "title": "标题"}) + "\n", encoding="utf-8")
    must, found, fix = refused(folder)
    assert "notes.jsonl" in must + found
    assert "text" in must
    assert "body" in found
    assert "corpus.text_field=" in fix


WITHOUT = [("page.html", "trafilatura", "HTML"), ("网页.htm.gz", "trafilatura", "HTML"), ("paper.pdf", "pypdfium2", "PDF"),
           ("book.epub", "lxml", "EPUB")]  # fmt: skip


@pytest.mark.parametrize("case", WITHOUT, ids=lambda case: case[0])
def test_a_missing_extra(telos, attempts, folder, tmp_path, case):
    """Without the library nothing is built, and the command that installs it is named."""
    name, module, feature = case
    page = b"<html><body><p>some text</p></body></html>"
    (folder / name).write_bytes(gzip.compress(page) if name.endswith(".gz") else page)
    (folder / "more.txt").write_text("some more text\n" * 100)
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    (hidden / "sitecustomize.py").write_text(
        (attempts.parent / "sitecustomize.py").read_text()
        + "\nimport sys\nclass Hide:\n    def find_spec(self, name, path=None, target=None):\n"
        f"        if name == {module!r}: raise ModuleNotFoundError(f'No module named {{name!r}}', name=name)\n"
        "sys.meta_path.insert(0, Hide())\n"
    )
    out = tmp_path / "corpus"
    path = f"{hidden}:{os.environ.get('PYTHONPATH', '')}"
    parts = telos.refuses("corpus", "build", folder, "--out", out, PYTHONPATH=path)
    assert parts == (
        f"reading {feature} needs the Python package '{module}'",
        "it is not installed",
        "in the clone of Telos: pip install -c constraints.txt -e '.[corpus]'",
    )
    assert nothing_half_written(out)


# -- recipes and settings --------------------------------------------------------------------------------------------


def test_a_misspelt_key(refused, telos, texts, tmp_path):
    must, found, fix = refused(texts, "model.num_layer=2")
    assert must.startswith("model.num_layer: valid names here are")
    assert found == "unknown name 'num_layer'"
    assert fix == "write 'num_layers'"
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text("train:\n  budgett: 3m\n")
    assert telos.refuses("train", recipe, "--out", tmp_path / "o")[2] == "write 'budget'"
    assert telos.refuses("explain", recipe)[2] == "write 'budget'"
    assert not (tmp_path / "o").exists()


def test_a_wrong_type(refused, texts):
    must, found, fix = refused(texts, "model.num_layers=many")
    assert must.startswith("model.num_layers: must be a valid integer")
    assert "'many'" in found
    assert fix


def test_two_budgets(refused, texts, telos, tmp_path):
    must, found, fix = refused(texts, "train.budget=7 steps")
    assert must == "a run has one budget"
    assert found == "--budget 5 steps and train.budget=7 steps"
    assert fix == "give one of them"
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text("train:\n  budget: 3m\n  budget: 100 steps\n")
    must, found, fix = telos.refuses("explain", recipe)
    assert "a key may stand once" in must
    assert "'budget' in line 2 and in line 3" in found


def test_a_kind_that_is_not_there(refused, texts):
    must, _, fix = refused(texts, "model=transfomer")
    assert "lstm, ngram, perceptron" in must
    assert fix == "write 'transformer'"


def test_a_vocabulary_larger_than_the_corpus_supports(refused, texts):
    must, found, fix = refused(texts, "tokenizer.vocab_size=50000")
    assert "50000" in must + found or "50,000" in must + found
    assert "vocab_size" in must + fix


def test_a_budget_too_short_to_train_a_step(refused, texts):
    must, _, fix = refused(texts, "--budget", "1s")
    assert "step" in must or "budget" in must
    assert "budget" in fix


def test_a_prompt_longer_than_the_context(telos, finished):
    must, found, fix = telos.refuses("generate", finished[0] / "model", "--prompt", "那位安静的工程师" * 60)
    assert "64" in must + found
    assert "prompt" in must
    assert fix


def test_a_model_folder_that_is_none(telos, texts):
    must, _, _ = telos.refuses("generate", texts, "--prompt", "x")
    assert "model" in must


# -- the machine -----------------------------------------------------------------------------------------------------


def test_a_disk_without_the_room(refused, environment, attempts, texts, tmp_path):
    """Checked before starting: bytes needed and bytes free."""
    small_disk = tmp_path / "small disk"
    small_disk.mkdir()
    (small_disk / "sitecustomize.py").write_text(
        (attempts.parent / "sitecustomize.py").read_text()
        + "\nimport shutil\nshutil.disk_usage = lambda path: shutil._ntuple_diskusage(10**9, 10**9 - 12345, 12345)\n"
    )
    must, found, fix = refused(texts, PYTHONPATH=str(small_disk))
    assert "bytes) of free disk" in must
    assert "12345 bytes" in found
    assert "--out" in fix


def test_a_run_folder_in_use_by_another_process(telos, texts, tmp_path):
    out = tmp_path / "out"
    with files.lock_folder(out):
        must, found, fix = telos.refuses("run", texts, "--budget", "5 steps", "--out", out, *telos.small)
    assert must == f"{out} must be used by one process at a time"
    assert found == f"process {os.getpid()} is using it"
    assert "--out" in fix
    assert nothing_half_written(out)


def test_a_flipped_bit_in_a_checkpoint(telos, texts, tmp_path):
    """Stopped by a signal, the newest checkpoint damaged: it is named, the one before is used, and the run comes to its end."""
    out = tmp_path / "out"
    words = (
        "run",
        texts,
        "--budget",
        "200 steps",
        "--out",
        out,
        *telos.small,
        "train.checkpoint_every=20 steps",
        "evaluate.baselines=false",
    )
    with telos.start(*words) as process:
        telos.wait_until(process, lambda: len(list(out.glob("checkpoints/step-*"))) >= 2)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=120)
    assert process.returncode not in (0, 2), "it was stopped"
    steps = sorted(int(p.name.removeprefix("step-")) for p in out.glob("checkpoints/step-*"))
    assert len(steps) >= 2, steps
    newest = out / f"checkpoints/step-{steps[-1]}"
    weights = newest / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[len(content) // 2] ^= 4
    weights.write_bytes(content)
    done = telos(*words, "--json")
    assert done.returncode == 0, done.stderr[-3000:]
    assert f"step-{steps[-1]}" in done.stderr
    assert "model.safetensors" in done.stderr
    assert f"{steps[-2]}" in done.stderr
    recorded = [json.loads(line)["step"] for line in (out / "metrics.jsonl").read_text().splitlines() if '"loss"' in line]
    assert recorded == sorted(set(recorded)), "each step is recorded once"
    assert max(recorded) == 200
