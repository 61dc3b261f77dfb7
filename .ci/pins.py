"""Write constraints.txt: the exact version of everything that telos[dev] pulls in, as installed beside this interpreter.

    make pins          # after a dependency changed and `make test` passes

Tests: tests/end_to_end/test_repository.py (everything that is needed is pinned).
"""

import sys
from importlib.metadata import PackageNotFoundError, distribution

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

HEADER = """\
# The versions that are tested.  Used by `make` (pip install --constraint); the package itself asks for lower bounds only.
# torch without a local label: the CPU build is taken where one is offered.  Written by `make pins`.
"""


def closure(name: str, extras: frozenset[str], found: dict[str, str], seen: set[tuple[str, frozenset[str]]]) -> None:
    """Add name → version of a package and of all that it requires with these extras; build labels (``+cpu``) are left out."""
    if (canonicalize_name(name), extras) in seen:
        return
    seen.add((canonicalize_name(name), extras))
    package = distribution(name)
    found[package.metadata["Name"]] = package.version.partition("+")[0]
    for requirement in map(Requirement, package.requires or []):
        if requirement.marker is None or any(requirement.marker.evaluate({"extra": extra}) for extra in extras | {""}):
            closure(requirement.name, frozenset(requirement.extras), found, seen)


def pins() -> list[str]:
    """``name==version`` lines, sorted; Telos itself is not among them."""
    found: dict[str, str] = {}
    closure("telos", frozenset({"dev"}), found, set())
    del found["telos"]
    return [f"{name}=={found[name]}" for name in sorted(found, key=str.lower)]


if __name__ == "__main__":
    try:
        sys.stdout.write(HEADER + "\n".join(pins()) + "\n")
    except PackageNotFoundError as error:
        sys.exit(f"error: all of telos[dev] must be installed\n  found: {error}\n  to do: make test")
