"""Answers on standard output: for people, or as one line of JSON for programs, however a command ends."""

import sys
from typing import Any

from telos.foundation.errors import TelosError


def answer(data: Any, as_json: bool, text: str) -> None:
    """Results go to standard output: for people, or as one last line of JSON."""
    if as_json:
        import json

        import orjson

        line = orjson.dumps(data, option=orjson.OPT_SERIALIZE_NUMPY).decode()
        if sys.stdout.encoding.lower() != "utf-8":
            line = json.dumps(json.loads(line))  # with \u escapes, which every encoding holds
        sys.stdout.write(line + "\n")
    else:
        sys.stdout.write(text.rstrip("\n") + "\n")
    sys.stdout.flush()


def facts_of(error: Exception) -> dict[str, Any]:
    """An error, or the end by a signal, as one JSON object."""
    if isinstance(error, TelosError):
        return {"error": {"must": error.must, "found": error.found, "to_do": error.fix}}
    if hasattr(error, "format_message"):  # of the parser
        return {"error": {"must": "a command must be as telos --help says", "found": error.format_message(),
                          "to_do": "see telos VERB --help"}}  # fmt: skip
    return getattr(error, "facts", {"error": {"must": str(error), "found": type(error).__name__, "to_do": ""}})


def tell_programs(facts: dict[str, Any]) -> None:
    """Who asked for ``--json`` gets one JSON object however a command ends."""
    if "--json" in sys.argv:
        answer(facts, True, "")
