"""Ours against each baseline, in numbers and in plain words.

"Better" and "worse" are said only where the 95 % interval of the difference excludes zero.
Tests: tests/evaluate/test_verdict.py.
"""

from typing import Literal, TypedDict

from telos.evaluate.baselines import LABELS
from telos.evaluate.likelihood import Interval, Likelihood, paired_difference

Verdict = Literal["better", "worse", "no difference shown", "not judged"]


class Baseline(TypedDict, total=False):
    """A rung of the ladder.  ``difference``: ours − theirs in bits per byte, below zero where ours needs fewer.  ``paired``:
    the interval is of differences over the same units; a compressor gives one number for the whole text, and then the
    interval is ours alone.  ``difference`` and the intervals are left out where ours is infinite."""

    name: str
    label: str
    bits_per_byte: float
    interval: Interval | None
    difference: float
    difference_interval: Interval | None
    paired: bool
    verdict: Verdict


FEW_STEPS = 100
"""With fewer steps than this a network has hardly begun to learn."""

_VERBS: dict[Verdict, str] = {
    "better": "beats",
    "worse": "loses to",
    "no difference shown": "shows no difference from",
    "not judged": "is not judged against",
}


def against(name: str, ours: Likelihood, theirs: Likelihood, label: str | None = None, seed: int = 1) -> Baseline | None:
    """The comparison with another likelihood of the same text; None where the text has no bytes.  A model that gives some of the
    text probability 0 is worse than one that does not, by an infinite difference, which is left out."""
    value, difference = theirs.bits_per_byte, paired_difference(ours, theirs, seed)
    if value is not None and ours.impossible_tokens:
        return _worst(name, label, value)
    if value is None or difference is None:
        return None
    return {
        "name": name,
        "label": label or LABELS.get(name, name),
        "bits_per_byte": value,
        "interval": theirs.bits_per_byte_interval(seed),
        "difference": difference.value,
        "difference_interval": difference.interval,
        "paired": True,
        "verdict": verdict(difference.interval),
    }


def against_number(name: str, ours: Likelihood, bits_per_byte: float, label: str | None = None, seed: int = 1) -> Baseline | None:
    """The comparison with one number for the whole text, as a compressor gives; None where the text has no bytes."""
    value, interval = ours.bits_per_byte, ours.bits_per_byte_interval(seed)
    if ours.impossible_tokens:
        return _worst(name, label, bits_per_byte)
    if value is None:
        return None
    off = None if interval is None else (interval[0] - bits_per_byte, interval[1] - bits_per_byte)
    return {
        "name": name,
        "label": label or LABELS.get(name, name),
        "bits_per_byte": bits_per_byte,
        "interval": None,
        "difference": value - bits_per_byte,
        "difference_interval": off,
        "paired": False,
        "verdict": verdict(off),
    }


def _worst(name: str, label: str | None, bits_per_byte: float) -> Baseline:
    return {"name": name, "label": label or LABELS.get(name, name), "bits_per_byte": bits_per_byte, "paired": False,
            "verdict": "worse"}  # fmt: skip


def verdict(interval: Interval | None) -> Verdict:
    """What a 95 % interval of (ours − theirs) allows to say."""
    if interval is None:
        return "not judged"
    if interval[1] < 0:
        return "better"
    return "worse" if interval[0] > 0 else "no difference shown"


def sentence(baseline: Baseline) -> str:
    """One line for people."""
    label, interval = baseline["label"], baseline.get("difference_interval")
    if "difference" not in baseline:
        return f"Worse than {label}: to a part of the text this model gives probability 0."
    difference = baseline["difference"]
    if interval is None:
        return f"Not judged against {label}: too few units for an interval."
    low, high = interval
    if baseline["verdict"] == "better":
        return f"Better than {label}: {-difference:.3f} bits per byte fewer (95 % interval {-high:.3f} to {-low:.3f})."
    if baseline["verdict"] == "worse":
        return f"Worse than {label}: {difference:.3f} bits per byte more (95 % interval {low:.3f} to {high:.3f})."
    return f"No difference shown from {label}: {difference:+.3f} bits per byte (95 % interval {low:+.3f} to {high:+.3f})."


def summary(baselines: list[Baseline]) -> str:
    """All verdicts in one sentence."""
    parts = []
    for kind, verb in _VERBS.items():
        labels = [b["label"] for b in baselines if b["verdict"] == kind]
        if labels:
            parts.append(f"{verb} {_listed(labels)}")
    return f"The model {'; it '.join(parts)}." if parts else "No baseline was measured."


def starved(steps: int | None) -> str | None:
    """What there is to say of a run of so few steps that its figures say little of its settings; None of any other."""
    if steps is None or steps >= FEW_STEPS:
        return None
    taken = "No step was" if steps == 0 else "Only 1 step was" if steps == 1 else f"Only {steps} steps were"
    return f"{taken} taken, too few to judge the model or its settings by."


def next_steps(baselines: list[Baseline], taken: int | None = None) -> list[str]:
    """What to try where a baseline wins or nothing is shown; empty where ours is better than all.  ``taken``: steps of training,
    where they are known."""
    found = {b["name"]: b["verdict"] for b in baselines}
    worse = {name for name, verdict in found.items() if verdict == "worse"}
    if worse and (said := starved(taken)):
        return [f"{said} More time is what is needed: give the run a larger budget, stop other programs that use the processor, "
                "or set a smaller model (model.num_layers, model.hidden_size) or train.batch_tokens."]  # fmt: skip
    steps = []
    if worse & {"unigram", "gzip", "xz"}:
        steps.append("A baseline that has learned next to nothing wins. Look at the loss curve: lower the learning rate if it is "
                     "unsteady, give many more steps if it is still falling.")  # fmt: skip
    if "5_gram_seen" in worse:
        steps.append("On the very tokens that the model saw, counting does better. Look at the learning rate first, then try a "
                     "smaller model, which takes more steps in the same time.")  # fmt: skip
    elif "5_gram" in worse and found.get("5_gram_seen") == "better":
        steps.append("The model makes more of its tokens than counting does, but counting saw all of the text. Give the run a "
                     "larger budget, so that the model sees more of it.")  # fmt: skip
    elif "5_gram" in worse:
        steps.append("Counting wins, and it saw all of the text. Give the run a larger budget, or try another learning rate.")
    if "xz_primed" in worse:
        steps.append("A compressor that copies long passages wins, so the held-out text repeats much of the training text. Look "
                     "for near duplicates; a longer context and a larger budget help too.")  # fmt: skip
    others = [b["label"] for b in baselines if b["verdict"] == "worse" and b["name"] not in LABELS]
    if others:
        steps.append(f"A larger budget is the first thing to try against {_listed(others)}.")
    undecided = [b["label"] for b in baselines if b["verdict"] in ("no difference shown", "not judged")]
    if undecided:
        steps.append(f"More held-out text would narrow the interval against {_listed(undecided)}.")
    return steps


def _listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
