"""Make a virtual environment and install Telos into it: what `make` runs before anything else.

    python3 .ci/set_up.py .venv .           # what `telos run` needs
    python3 .ci/set_up.py .venv '.[dev]'    # what the tests need

Only the standard library is used, and nothing newer than Python 3.6 before the version is checked, so that an old
interpreter gets three clear lines instead of a syntax error.  Tests: tests/end_to_end/test_set_up.py.
"""

import os
import re
import subprocess
import sys
import time

OLDEST = (3, 11)
SHOWN = re.compile(r"^\s*(?:Downloading (\S+)(?: \((.+)\))?|(Installing collected packages))")


class Refused(Exception):
    """What must hold, what was found, what to do."""

    def __init__(self, must, found, fix):
        Exception.__init__(self, f"error: {must}\n  found: {found}\n  to do: {fix}")


def check(version, has_ensurepip):
    """Refuse an interpreter that cannot make the environment."""
    if tuple(version[:2]) < OLDEST:
        raise Refused("Telos needs Python {}.{} or newer".format(*OLDEST), "Python {}.{}".format(*version[:2]),
                      "install a newer one, then: make PYTHON=/path/to/python3.11 …")  # fmt: skip
    if not has_ensurepip:
        raise Refused("Python must have its modules venv and ensurepip", "they are missing",
                      "apt install python3-venv (Debian, Ubuntu), or make PYTHON=/path/to/another/python …")  # fmt: skip


def shown(line):
    """What a person sees of one line of pip's output: downloads and the last stage; None for the rest."""
    match = SHOWN.match(line)
    if not match:
        return None
    if match.group(3):
        return "  installing"
    name = match.group(1).rsplit("/", 1)[-1]
    if name.endswith(".metadata"):
        return None
    return f"  downloading {name}" + (f" ({match.group(2)})" if match.group(2) else "")


def make_environment(folder):
    """A virtual environment in ``folder``, unless one that works is there; the path of its interpreter."""
    python = os.path.join(folder, "bin", "python")
    if os.path.exists(python) and subprocess.call([python, "-c", "import pip"], stderr=subprocess.DEVNULL) == 0:
        return python
    print("making a virtual environment in " + folder, flush=True)
    subprocess.check_call([sys.executable, "-m", "venv", "--clear", folder])
    return python


def install(python, what, log, index=None):
    """``pip install`` of an editable ``what`` at the pinned versions; all of pip's output goes to the file ``log``."""
    command = [python, "-m", "pip", "install", "--progress-bar", "off", "--constraint", "constraints.txt", "--editable", what]
    command += ["--extra-index-url", index] if index else []
    print(f"installing {what} at the versions in constraints.txt; the first time some minutes", flush=True)
    began, lines = time.time(), []
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True)
    with open(log, "w", encoding="utf-8") as file, process:
        for line in process.stdout:
            file.write(line)
            lines.append(line)
            if shown(line):
                print(shown(line), flush=True)
    if process.returncode != 0:
        sys.stderr.write("".join(lines[-15:]))
        raise Refused("pip must be able to install " + what, "it failed; its last lines are above, all of them in " + log,
                      "check the network connection, then run the same command again")  # fmt: skip
    print(f"installed in {time.time() - began:.0f} s", flush=True)


def main(folder, what):
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401

        has_ensurepip = True
    except ImportError:
        has_ensurepip = False
    try:
        check(sys.version_info, has_ensurepip)
        install(make_environment(folder), what, os.path.join(folder, "pip.log"), os.environ.get("TORCH_INDEX"))
    except Refused as error:
        sys.stderr.write(str(error) + "\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
