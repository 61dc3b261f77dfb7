"""Writing that a crash cannot half finish, and damage that is named."""

import errno
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from telos.foundation.errors import TelosError
from telos.foundation.files import (
    commit_folder,
    lock_folder,
    read_facts,
    read_json,
    read_manifest,
    require_free,
    seal,
    sha256,
    verify_folder,
    write_file,
    write_json,
)


def child(code: str, *arguments: object) -> subprocess.Popen:
    """A process that runs some lines; it prints a line where the test may strike."""
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)], stdout=subprocess.PIPE, text=True
    )


def kill(process: subprocess.Popen) -> None:
    """Wait for the child's line, then kill -9."""
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "now\n"
        os.kill(process.pid, signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL


@pytest.fixture
def folder(tmp_path) -> Path:
    """A committed folder with old content."""
    with commit_folder(tmp_path / "model", step=7) as made:
        (made / "weights").write_bytes(bytes(1000))
        (made / "部分").mkdir()
        (made / "部分" / "文.txt").write_text("春眠不觉晓")
    return tmp_path / "model"


# -- committing -----------------------------------------------------------------------------------------------------


def test_a_folder_appears_whole_with_its_manifest(folder):
    manifest = verify_folder(folder)
    assert manifest["step"] == 7
    assert set(manifest["files"]) == {"weights", "部分/文.txt"}
    assert manifest["files"]["weights"] == {"bytes": 1000, "sha256": sha256(folder / "weights")}
    assert [path.name for path in folder.parent.iterdir()] == ["model"]
    assert folder.stat().st_mode & 0o777 == 0o755


def test_what_people_may_edit_is_not_sealed(tmp_path):
    with commit_folder(tmp_path / "corpus", editable=["README.md", "later.json"]) as made:
        (made / "README.md").write_text("license: unknown")
        (made / "data").write_bytes(bytes(10))
    assert set(read_manifest(tmp_path / "corpus")["files"]) == {"data"}
    (tmp_path / "corpus" / "README.md").write_text("license: mit")
    (tmp_path / "corpus" / "later.json").write_text("{}")
    verify_folder(tmp_path / "corpus")
    (tmp_path / "corpus" / "other").write_text("")
    with pytest.raises(TelosError, match="it is not in the manifest"):
        verify_folder(tmp_path / "corpus")


def test_anybody_may_read_what_a_library_wrote_for_its_owner_alone(tmp_path):
    with commit_folder(tmp_path / "a") as temporary:
        (temporary / "weights").write_bytes(b"1")
        (temporary / "weights").chmod(0o600)
    assert {p.name: p.stat().st_mode & 0o777 for p in (tmp_path / "a").iterdir()} == {"weights": 0o644, "manifest.json": 0o644}


def test_an_error_in_the_block_leaves_nothing_behind(folder):
    def half(path: Path) -> None:
        with commit_folder(path) as made:
            (made / "weights").write_bytes(b"new")
            raise KeyError

    for path in (folder, folder.parent / "other"):
        with pytest.raises(KeyError):
            half(path)
    assert verify_folder(folder)["step"] == 7
    assert [path.name for path in folder.parent.iterdir()] == ["model"]


def test_a_folder_is_replaced_whole(folder):
    with commit_folder(folder, step=8) as made:
        (made / "weights").write_bytes(b"new")
    assert verify_folder(folder)["step"] == 8
    assert [path.name for path in folder.parent.iterdir()] == ["model"]


@pytest.mark.parametrize("moment", ["while writing", "while sealing", "before the rename"])
def test_killed_midway_the_old_content_stands(folder, moment):
    process = child(
        """
        import os, sys, time
        from pathlib import Path
        from telos.foundation import files

        def strike(*_, **__):
            print("now", flush=True)
            time.sleep(60)

        folder, moment = Path(sys.argv[1]), sys.argv[2]
        if moment == "while sealing":
            files.sha256 = strike
        if moment == "before the rename":
            os.rename = strike
        with files.commit_folder(folder, step=8) as made:
            (made / "weights").write_bytes(b"new")
            if moment == "while writing":
                strike()
        """,
        folder,
        moment,
    )
    kill(process)
    assert verify_folder(folder)["step"] == 7
    assert (folder / "weights").read_bytes() == bytes(1000)


def test_killed_between_the_two_renames_the_old_content_lies_beside(folder):
    process = child(
        """
        import os, sys, time
        from pathlib import Path
        from telos.foundation import files

        rename, seen = os.rename, []

        def second(source, target):
            seen.append(source)
            if len(seen) == 2:
                print("now", flush=True)
                time.sleep(60)
            rename(source, target)

        os.rename = second
        with files.commit_folder(Path(sys.argv[1]), step=8) as made:
            (made / "weights").write_bytes(b"new")
        """,
        folder,
    )
    kill(process)
    assert not folder.exists()
    assert verify_folder(folder.parent / ".model.old")["step"] == 7
    assert len(list(folder.parent.glob(".model.tmp-*"))) == 1
    with commit_folder(folder, step=8) as made:
        assert verify_folder(folder)["step"] == 7, "the old one is back before anything new is written"
    assert [path.name for path in folder.parent.iterdir()] == ["model"], "and the dead process's part is gone"
    with commit_folder(folder, step=9) as made:
        (made / "weights").write_bytes(b"newer")
    assert verify_folder(folder)["step"] == 9


def test_what_a_dead_process_left_is_removed_and_what_a_living_one_writes_stays(tmp_path):
    code = """
        import sys, time
        from pathlib import Path
        from telos.foundation.files import commit_folder

        with commit_folder(Path(sys.argv[1])) as made:
            (made / "part").write_text("一半")
            print("now", flush=True)
            time.sleep(60)
        """
    kill(child(code, tmp_path / "model"))
    (dead,) = tmp_path.iterdir()
    with child(code, tmp_path / "model") as living:
        assert living.stdout is not None
        assert living.stdout.readline() == "now\n"
        assert not dead.exists()
        (alive,) = tmp_path.iterdir()
        with commit_folder(tmp_path / "model"), commit_folder(tmp_path / "model-2"):
            assert (alive / "part").read_text() == "一半"
        living.kill()
    with commit_folder(tmp_path / "model"):
        assert not alive.exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model", "model-2"]


def test_a_rename_that_fails_brings_the_old_content_back(folder, monkeypatch):
    rename = os.rename

    def refuse(source, target):
        if ".tmp-" in str(source):
            raise OSError(28, "No space left on device")
        rename(source, target)

    monkeypatch.setattr(os, "rename", refuse)
    with pytest.raises(TelosError), commit_folder(folder, step=8) as made:
        (made / "weights").write_bytes(b"new")
    assert verify_folder(folder)["step"] == 7
    assert [path.name for path in folder.parent.iterdir()] == ["model"]


# -- places that cannot be written to ---------------------------------------------------------------------------------


def enter(context) -> None:
    with context:
        pass


WAYS = [lambda path: enter(lock_folder(path)), lambda path: enter(commit_folder(path))]


@pytest.mark.parametrize("way", WAYS, ids=["lock", "commit"])
@pytest.mark.parametrize(
    ("place", "found"), [("文件", ("File exists", "Not a directory")), ("文件/deep", ("Not a directory", "File exists"))]
)
def test_a_file_where_a_folder_should_be(tmp_path, way, place, found):
    (tmp_path / "文件").write_text("mine")
    with pytest.raises(TelosError) as error:
        way(tmp_path / place)
    assert error.value.must == f"{tmp_path / place} must be a place that can be written to"
    assert error.value.found.split(":")[0] in found
    assert error.value.fix == "choose another --out"
    assert (tmp_path / "文件").read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["文件"]


@pytest.mark.parametrize("way", [*WAYS, lambda path: write_file(path, "x")], ids=["lock", "commit", "file"])
@pytest.mark.parametrize(
    ("number", "fix"),
    [(28, "free some room or choose another --out"), (13, "change its permissions or choose another --out"),
     (30, "change its permissions or choose another --out")],
    ids=["full", "forbidden", "read-only"],
)  # fmt: skip
def test_a_disk_that_refuses_is_an_error_in_three_parts(tmp_path, monkeypatch, way, number, fix):
    def refuse(*_, **__):
        raise OSError(number, os.strerror(number))

    for name in ("mkdir", "open"):
        monkeypatch.setattr(os, name, refuse)
    with pytest.raises(TelosError) as error:
        way(tmp_path / "out")
    monkeypatch.undo()
    assert error.value.must == f"{tmp_path / 'out'} must be a place that can be written to"
    assert (error.value.found, error.value.fix) == (os.strerror(number), fix)
    assert not list(tmp_path.iterdir())


def test_a_disk_that_is_full_at_the_end_leaves_nothing_half_written(folder, monkeypatch):
    def refuse(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", refuse)
    for path in (folder, folder.parent / "other"):
        with pytest.raises(TelosError) as error, commit_folder(path) as made:
            (made / "weights").write_bytes(b"new")
        assert (error.value.must, error.value.found) == (
            f"{path} must be a place that can be written to", "No space left on device")  # fmt: skip
    monkeypatch.undo()
    assert verify_folder(folder)["step"] == 7
    assert [path.name for path in folder.parent.iterdir()] == ["model"]


def test_a_file_in_a_folder_that_is_not_there_is_a_fault_of_the_caller(tmp_path):
    with pytest.raises(FileNotFoundError):
        write_file(tmp_path / "nowhere" / "a", "x")


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path, monkeypatch):
    file = tmp_path / "a.json"
    write_json(file, {"字": 1})
    assert read_json(file) == {"字": 1}
    assert file.stat().st_mode & 0o777 == 0o644

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(TelosError, match="disk full"):
        write_file(file, "half")
    assert read_json(file) == {"字": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


# -- damage ---------------------------------------------------------------------------------------------------------


def flip(folder: Path) -> None:
    content = bytearray((folder / "weights").read_bytes())
    content[500] ^= 1
    (folder / "weights").write_bytes(content)


@pytest.mark.parametrize(
    ("damage", "file", "found"),
    [
        (flip, "weights", "its SHA-256 differs from the manifest's (a bit flipped, or it was edited)"),
        (lambda folder: (folder / "weights").unlink(), "weights", "it is missing"),
        (lambda folder: (folder / "weights").write_bytes(bytes(999)), "weights", "it has 999 bytes, the manifest says 1000"),
        (lambda folder: (folder / "more").write_text(""), "more", "it is not in the manifest"),
        (lambda folder: (folder / "部分" / "文.txt").write_text("处处闻啼鸟"), "部分/文.txt",
         "its SHA-256 differs from the manifest's (a bit flipped, or it was edited)"),
    ],
    ids=["flipped", "missing", "truncated", "extra", "edited"],
)  # fmt: skip
def test_damage_is_named(folder, damage, file, found):
    damage(folder)
    with pytest.raises(TelosError) as error:
        verify_folder(folder)
    assert error.value.must == f"{folder / file} must be as it was written"
    assert error.value.found == found
    assert error.value.fix == "use an older copy, or remove the folder and run again"


def test_some_files_alone_can_be_checked(folder):
    (folder / "README.md").write_text("the user's")
    assert verify_folder(folder, only=["weights"])["step"] == 7
    flip(folder)
    with pytest.raises(TelosError):
        verify_folder(folder, only=["weights"])
    verify_folder(folder, only=["部分/文.txt"])


def test_a_folder_without_manifest_was_never_finished(folder):
    (folder / "manifest.json").unlink()
    with pytest.raises(TelosError) as error:
        verify_folder(folder)
    assert error.value.must == f"{folder} must have a manifest.json"
    assert error.value.found == "none: it was never finished"


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b'{"files": 3}', b"\xff\xfe"])
def test_a_damaged_manifest_is_named(folder, content):
    (folder / "manifest.json").write_bytes(content)
    with pytest.raises(TelosError) as error:
        read_manifest(folder)
    assert (error.value.must, error.value.found) == (f"{folder / 'manifest.json'} must be readable", "damaged content")


def test_any_flipped_bit_of_a_manifest_is_an_error_or_harms_nothing(folder):
    manifest = folder / "manifest.json"
    whole = manifest.read_bytes()
    for bit in range(8 * len(whole)):
        content = bytearray(whole)
        content[bit // 8] ^= 1 << bit % 8
        manifest.write_bytes(content)
        try:
            checked = verify_folder(folder)
        except TelosError:
            continue
        assert set(checked["files"]) == {"weights", "部分/文.txt"}


@pytest.mark.parametrize("content", [b"", b'{"a": ', b"[1]", b"\xff"])
def test_a_damaged_file_of_facts_is_named(folder, content):
    (folder / "run.json").write_bytes(content)
    with pytest.raises(TelosError) as error:
        read_facts(folder / "run.json")
    assert error.value.must == f"{folder / 'run.json'} must be as the run wrote it"
    assert error.value.found.startswith("damaged content: ")
    assert error.value.fix == "put it back, or choose another --out"


def test_sealing_again_lists_what_is_there(folder):
    (folder / "more").write_text("x")
    seal(folder, step=8)
    assert set(verify_folder(folder)["files"]) == {"weights", "部分/文.txt", "more"}


# -- room and locks -------------------------------------------------------------------------------------------------


def test_too_little_disk_is_refused_with_both_figures(tmp_path):
    require_free(tmp_path / "not" / "yet", 1, "the run")
    with pytest.raises(TelosError) as error:
        require_free(tmp_path / "not" / "yet", 10**18, "the run")
    assert error.value.must == f"the run needs 1e+06 TB ({10**18} bytes) of free disk at {tmp_path}"
    assert error.value.found.endswith(" bytes) free")
    assert not (tmp_path / "not").exists()


def test_a_folder_is_used_by_one_process_at_a_time(tmp_path):
    process = child(
        """
        import sys, time
        from pathlib import Path
        from telos.foundation.files import lock_folder

        with lock_folder(Path(sys.argv[1])):
            print("now", flush=True)
            time.sleep(60)
        """,
        tmp_path / "run",
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "now\n"
    with pytest.raises(TelosError) as error, lock_folder(tmp_path / "run"):
        pass
    assert error.value.must == f"{tmp_path / 'run'} must be used by one process at a time"
    assert error.value.found == f"process {process.pid} is using it"
    process.kill()
    with process:
        pass
    with lock_folder(tmp_path / "run"):  # a dead process holds nothing
        assert (tmp_path / "run" / ".lock").read_text() == str(os.getpid())
    with lock_folder(tmp_path / "run"):
        pass


def test_a_file_system_without_locks_is_said_and_used(tmp_path, monkeypatch, capsys):
    def refuse(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", refuse)
    with lock_folder(tmp_path / "run"):
        assert "cannot be locked (No locks available): do not start another run" in capsys.readouterr().err
