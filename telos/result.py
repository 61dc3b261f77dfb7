"""What a run or a scoring gives back: facts for a program, and lines for people."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from telos.evaluate.document_card import figures
from telos.evaluate.likelihood import Interval, Likelihood
from telos.evaluate.verdict import Baseline, sentence
from telos.foundation.files import read_facts
from telos.foundation.units import counted, figure, format_bytes, format_count, format_seconds

if TYPE_CHECKING:
    from telos.evaluate.pairs import Pairs

_NOT_TOLD = ("units", "unit_kind")
"""Facts of the headline that the JSON line leaves to report.json."""


_IN_WORDS = {"better": "better", "worse": "worse", "no difference shown": "not shown to differ", "not judged": "not judged"}


def _difference(baseline: Baseline) -> dict[str, Any]:
    """Ours minus theirs over the same units."""
    return {"bits_per_byte": baseline["difference"], "ci95": baseline["difference_interval"], "verdict": baseline["verdict"]}


class Stopped(Exception):
    """A run that a signal ended after the step at hand was saved; the same command goes on from there."""

    def __init__(self, signal: str, step: int, exit_code: int, out: Path):
        super().__init__(f"{signal}: stopped after step {step}, saved in {out}; run the same command again to go on")
        self.exit_code = exit_code
        self.facts = {"stopped_by": signal, "step": step, "run": str(out)}


@dataclass(frozen=True, slots=True)
class Result:
    """A finished run.  ``facts``: report.json."""

    folder: Path
    facts: dict[str, Any]

    @classmethod
    def read(cls, folder: Path) -> "Result":
        return cls(folder, read_facts(folder / "report.json"))

    @property
    def model(self) -> Path:
        """The model folder."""
        return self.folder / "model"

    def summary(self) -> dict[str, Any]:
        """The facts that one JSON line holds, units in the names."""
        top, cost = self.facts.get("headline", {}), self.facts.get("cost", {})
        found = {
            **{name: value for name, value in top.items() if name not in _NOT_TOLD},
            "baselines": {b["name"]: b["bits_per_byte"] for b in self.facts.get("baselines", [])},
            "differences": {b["name"]: _difference(b) for b in self.facts.get("baselines", []) if b.get("paired")},
            "class_baselines": {b["name"]: b["accuracy"] for b in self.facts.get("class_baselines", [])} or None,
            "document_baselines": {b["name"]: {b["figure"]: b["value"]} for b in self.facts.get("document_baselines", [])}
            or None,
            "seconds": cost.get("total_seconds"),
            "peak_memory_bytes": cost.get("peak_memory_bytes"),
            "parameters": self.facts.get("parameters"),
            "vocabulary_tokens": self.facts.get("vocabulary_tokens"),
            "steps": cost.get("steps"),
            "tokens": cost.get("tokens"),
            "tokens_per_second": cost.get("tokens_per_second"),
            "model": str(self.model),
            "report": str(self.folder / "report.html") if (self.folder / "report.html").exists() else None,
            "settings_hash": self.facts.get("settings_hash"),
        }  # fmt: skip
        return {name: value for name, value in found.items() if value is not None}

    def describe(self) -> str:
        """The result in a few lines for people."""
        top, cost = self.facts.get("headline", {}), self.facts.get("cost", {})
        lines = list(self.facts.get("notes", []))
        if "bits_per_byte" in top:
            ci = top.get("bits_per_byte_ci95")
            spread = f" (95 % interval {ci[0]:.3f} to {ci[1]:.3f}, {top['units']} {top['unit_kind']})" if ci else ""
            lines.append(f"{top['bits_per_byte']:.3f} bits per byte on held-out text{spread}")
            if "nats_per_character" in top and "perplexity" in top:
                lines.append(f"{top['nats_per_character']:.3f} nats per character, perplexity {top['perplexity']:.1f} per token")
        else:
            lines += figures(top)
        lines += [f"{b['label']}: accuracy {b['accuracy']:.3f}; this model is {_IN_WORDS[b['verdict']]}"
                  for b in self.facts.get("class_baselines", [])]  # fmt: skip
        lines += [f"{b['label']}: {figure(b['figure'], b['value'])}; this model is {_IN_WORDS[b['verdict']]}"
                  for b in self.facts.get("document_baselines", [])]  # fmt: skip
        lines += [sentence(b) for b in self.facts.get("baselines", [])]
        if "parameters" in self.facts:
            words = f", vocabulary of {self.facts['vocabulary_tokens']:,} tokens" if "vocabulary_tokens" in self.facts else ""
            seen = f"{format_count(cost['tokens'])} tokens seen"
            lines.append(f"{format_count(self.facts['parameters'])} parameters{words}, {seen}")
        lines.append(f"{format_seconds(cost['total_seconds'])}, peak memory {format_bytes(cost['peak_memory_bytes'])}")
        lines.append(f"model:  {self.model}")
        if (self.folder / "report.html").exists():
            lines.append(f"report: {self.folder / 'report.html'}")
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class Scored:
    """A text under a model."""

    model: Path
    text: Path
    likelihood: Likelihood
    unit_kind: str
    documents: int
    tokens: int
    baselines: list[Baseline]

    def summary(self) -> dict[str, Any]:
        """The facts that one JSON line holds, units in the names; undefined ones are left out."""
        ours = self.likelihood
        found = {
            "bits_per_byte": ours.bits_per_byte,
            "bits_per_byte_ci95": ours.bits_per_byte_interval(),
            "nats_per_token": ours.nats_per_token,
            "nats_per_character": ours.nats_per_character,
            "perplexity": ours.perplexity,
            "impossible_tokens": ours.impossible_tokens or None,
            "baselines": {b["name"]: b["bits_per_byte"] for b in self.baselines},
            "bytes": int(ours.bytes.sum()),
            "tokens": self.tokens,
            "documents": self.documents,
            "model": str(self.model),
            "text": str(self.text),
        }
        return {name: value for name, value in found.items() if value is not None}

    def describe(self) -> str:
        """The same in a few lines for people."""
        facts = self.summary()
        interval = facts.get("bits_per_byte_ci95")
        units = f", {len(self.likelihood.nats)} {self.unit_kind}"
        spread = f" (95 % interval {interval[0]:.3f} to {interval[1]:.3f}{units})" if interval else ""
        figures = [self.likelihood.impossible] if self.likelihood.impossible else [
            f"{facts['bits_per_byte']:.3f} bits per byte{spread}",
            ", ".join([f"{facts['nats_per_character']:.3f} nats per character",
                       *([f"perplexity {facts['perplexity']:.1f} per token"] if "perplexity" in facts else [])]),
        ]  # fmt: skip
        return "\n".join([
            *figures,
            *(sentence(b) for b in self.baselines),
            f"{format_bytes(facts['bytes'])} in {counted(self.documents, 'document')}, {format_count(self.tokens)} tokens",
        ])  # fmt: skip


@dataclass(frozen=True, slots=True)
class ScoredPairs:
    """Pairs of source and target under an encoder-decoder."""

    model: Path
    text: Path
    pairs: "Pairs"

    def summary(self) -> dict[str, Any]:
        """The facts that one JSON line holds, units in the names; undefined ones are left out."""
        ours, exact = self.pairs.likelihood, self.pairs.exact_match
        found = {
            "nats_per_target_token": ours.nats_per_token,
            "nats_per_target_token_ci95": ours.nats_per_token_interval(),
            "bits_per_target_byte": ours.bits_per_byte,
            "exact_match_fraction": None if exact is None else exact.value,
            "exact_match_fraction_ci95": None if exact is None else exact.interval,
            "pairs": len(ours.nats),
            "target_tokens": int(ours.tokens.sum()),
            "model": str(self.model),
            "text": str(self.text),
        }
        return {name: value for name, value in found.items() if value is not None}

    def describe(self) -> str:
        """The same in a few lines for people."""
        facts = self.summary()
        lines = [f"{facts['nats_per_target_token']:.4f} nats per target token{_spread(facts.get('nats_per_target_token_ci95'))}"]
        if "exact_match_fraction" in facts:
            spread = _spread(facts["exact_match_fraction_ci95"])
            lines.append(f"{facts['exact_match_fraction']:.4f} of the answers are exactly the target{spread}")
        return "\n".join([*lines, f"{counted(facts['pairs'], 'pair')}, {format_count(facts['target_tokens'])} target tokens"])


def _spread(interval: Interval | None) -> str:
    return f" (95 % interval {interval[0]:.4f} to {interval[1]:.4f})" if interval else ""
