"""The model card: a header that the hub reads, and the report's facts in Markdown."""

import yaml

from telos.evaluate.model_card import model_card, write_model_card
from telos.evaluate.verdict import Baseline

RUNG: Baseline = {"name": "x", "label": "a | b", "bits_per_byte": 1.5, "interval": None, "difference": -0.2,
                  "difference_interval": (-0.3, -0.1), "paired": True, "verdict": "better"}  # fmt: skip
REPORT = {
    "title": "唐诗",
    "parameters": 6_012_345,
    "notes": ["A third of the corpus was used."],
    "headline": {"bits_per_byte": 1.3, "bits_per_byte_ci95": (1.28, 1.32), "perplexity": 38.4, "test_bytes": 928_000},
    "baselines": [RUNG],
    "samples": [{"prompt": "", "text": "x"}, {"prompt": 'say "it"', "text": "x"}, {"prompt": "床前明月", "text": "光"}],
    "funnel": [{"step": "train", "documents": 7, "bytes": 1000}],
    "machine": {"processor": "A processor"},
    "recipe": "model: {kind: transformer}\n",
    "cost": {"tokens": 5_000_000, "steps": 620, "total_seconds": 176.0},
}


def header(card: str) -> dict:
    _, head, _ = card.split("---\n", 2)
    return yaml.safe_load(head)


def test_the_header_is_the_hubs():
    assert header(model_card(REPORT, ["zh", "en"])) == {
        "language": ["zh", "en"],
        "library_name": "transformers",
        "pipeline_tag": "text-generation",
        "tags": ["telos", "causal-lm"],
    }
    assert "language" not in header(model_card({}))
    assert header(model_card(REPORT, ["no"]))["language"] == ["no"]  # Norwegian, not false


def test_facts_and_how_to_use_it():
    card = model_card(REPORT, ["zh"])
    for fact in ("# 唐诗", "**1.300 bits per byte** of held-out text (95 % interval 1.280 to 1.320), perplexity 38.4 per token.",
                 "| a \\| b | 1.500 | better |", "- Better than a | b: 0.200 bits per byte fewer", "| train | 7 | 1000 |",
                 "- A third of the corpus was used.", "- 6.01M parameters", "- 5M tokens seen in 620 steps",
                 "- 2m 56s in all on A processor", "```yaml\nmodel: {kind: transformer}\n```",
                 "AutoModelForCausalLM.from_pretrained",
                  'tokenizer("床前明月", return_tensors="pt")',
                 'telos generate PATH_OF_THIS_FOLDER --prompt "床前明月"', "928 kB"):  # fmt: skip
        assert fact in card, fact
    code = card.split("```python\n")[1].split("```")[0]
    compile(code, "card", "exec")
    assert "\n\n\n" not in card
    assert 'tokenizer("今天"' in model_card({}, ["zh"])
    assert 'tokenizer("The "' in model_card({}, ["en"])


def test_nothing_known_is_still_a_card(tmp_path):
    write_model_card(tmp_path, {})
    card = (tmp_path / "README.md").read_text()
    assert "# A language model" in card
    assert "## Limits" in card
    for absent in ("## Results", "## Data", "## Training", "## Recipe", "None", "Undefined", "\n\n\n"):
        assert absent not in card
