"""Examples of what one rule did, for `telos corpus inspect --reason NAME`: dropped, changed, and copies beside what is kept.

Test: tests/corpus/test_inspect.py.
"""

from typing import Any

from telos.corpus.corpus import Corpus
from telos.corpus.facts import reasons
from telos.corpus.marking import differences
from telos.foundation.errors import TelosError, nearest

_LINE_CHARACTERS = 240


def examples(corpus: Corpus, name: str, most: int) -> dict[str, Any]:
    """At most ``most`` samples of each kind.  ``name``: of a reason, a stage, or ``stage:reason``.

    `TelosError` where the corpus knows no such rule."""
    facts, (stage, _, reason) = corpus.facts, name.partition(":")
    documents = {(r.stage, r.reason): r.documents for r in reasons(facts)}
    names = {stage["stage"] for stage in facts["funnel"]} | {r for _, r in documents} | {f"{s}:{r}" for s, r in documents}
    if name not in names:
        meant = nearest(name, sorted(names))
        found = f"'{name}'; dropped for {', '.join(sorted({r for _, r in documents})) or 'nothing'}"
        raise TelosError(f"--reason must name a rule of {corpus.folder}", found,
                         f"write '{meant}'" if meant else "choose one of these, or a stage of the funnel")  # fmt: skip
    dropped = [{"stage": e["stage"], "reason": e["reason"], "documents": documents[e["stage"], e["reason"]],
                "samples": e["samples"][:most]} for e in facts["dropped"]
               if (stage == e["stage"] and reason in ("", e["reason"])) or name == e["reason"]]  # fmt: skip
    stages = {e["stage"] for e in dropped} | {name}
    return {
        "name": name, "dropped": dropped,
        "changed": [e | {"samples": e["samples"][:most]} for e in facts["changed"] if e["stage"] in stages],
        "pairs": [e | {"pairs": e["pairs"][:most]} for e in facts["pairs"] if e["rule"] in stages],
    }  # fmt: skip


def render(found: dict[str, Any]) -> str:
    """Lines for the terminal; what differs stands in [-…-] and {+…+}."""
    lines = []
    for entry in found["dropped"]:
        lines.append(f"dropped by {entry['stage']} for {entry['reason']}: {entry['documents']:,} documents")
        for sample in entry["samples"]:
            why = f"  ({sample['detail']})" if sample["detail"] else ""
            lines += ["", f"  {sample['source']}{why}", f"    {_line(sample['text'])}"]
        lines.append("")
    for entry in found["changed"]:
        lines.append(f"changed by {entry['stage']}")
        for sample in entry["samples"]:
            lines += ["", f"  {sample['source']}", *_both(sample["before"], sample["after"])]
        lines.append("")
    for entry in found["pairs"]:
        lines.append(f"copies that {entry['rule']} found")
        for pair in entry["pairs"]:
            alike = "" if pair["similarity"] is None else f"  (similarity {pair['similarity']:.3f})"
            lines += ["", f"  {pair['source']} → {pair['keeper']}{alike}", *_both(pair["text"], pair["kept_text"])]
        lines.append("")
    return "\n".join(lines).rstrip() or f"{found['name']} dropped and changed nothing"


def _both(one: str, other: str) -> list[str]:
    left, right = differences(one, other)
    return [f"    {_line(''.join(f'[-{text}-]' if gone else text for text, gone in left))}",
            f"    {_line(''.join(f'{{+{text}+}}' if new else text for text, new in right))}"]  # fmt: skip


def _line(text: str) -> str:
    whole = " ".join("".join(c if c.isprintable() or c.isspace() else "�" for c in text).split())
    return whole if len(whole) <= _LINE_CHARACTERS else f"{whole[:_LINE_CHARACTERS]}…"
