import subprocess
import sys

PROGRAM = """
import socket, sys, urllib.request
reached = []
def refuse(*a, **k):
    reached.append(a)
    raise OSError("no network in this test")
socket.socket.connect = socket.socket.connect_ex = refuse
socket.getaddrinfo = socket.create_connection = urllib.request.urlopen = refuse
from telos.corpus.pipeline import build_corpus
from telos.corpus.sources.files import Files
assert "daft" not in sys.modules
build_corpus(Files(sys.argv[1]), out=sys.argv[2])
import daft.scarf_telemetry
if len(sys.argv) > 3:
    import os
    os.environ["DO_NOT_TRACK"] = "0"
    daft.scarf_telemetry.track_import_on_scarf()[0].join()
print(len(reached))
"""


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments], env={"PATH": ""}, capture_output=True, text=True, check=True
    )


def test_a_build_reaches_for_no_network_and_prints_nothing(fill, tmp_path) -> None:  # type: ignore[no-untyped-def]
    """In a fresh process with no variable set beforehand; the last argument shows that the test can see an attempt."""
    root = fill("t", {"a.txt": "床前明月光，疑是地上霜。" * 50})
    quiet = run(str(root), str(tmp_path / "out"))
    assert quiet.stdout == "0\n"
    assert [line for line in quiet.stderr.splitlines() if not line.startswith("corpus: ")] == []
    assert int(run(str(root), str(tmp_path / "out"), "telling").stdout) > 0
