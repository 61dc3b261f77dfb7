"""What Llama and its descendants have in common: sizes, rotary positions with their scalings, windows."""

from collections.abc import Mapping
from typing import Any

from telos.foundation.errors import TelosError
from telos.layers.rotary import RotaryScaling
from telos.models.transformer import Transformer

SIZES = {
    "num_layers": "num_hidden_layers",
    "hidden_size": "hidden_size",
    "num_heads": "num_attention_heads",
    "num_key_value_heads": "num_key_value_heads",
    "head_size": "head_dim",
    "context_length": "max_position_embeddings",
    "tie_embeddings": "tie_word_embeddings",
    "norm_eps": "rms_norm_eps",
    "attention_dropout": "attention_dropout",
}

ROPE = frozenset(["rope_parameters", "rope_theta", "rope_scaling"])

SCALINGS: dict[str, dict[str, str]] = {
    "linear": {},
    "llama3": {"low_frequency_factor": "low_freq_factor", "high_frequency_factor": "high_freq_factor",
               "original_context_length": "original_max_position_embeddings"},
    "yarn": {"beta_fast": "beta_fast", "beta_slow": "beta_slow", "attention_factor": "attention_factor", "truncate": "truncate",
             "original_context_length": "original_max_position_embeddings"},
}  # fmt: skip
"""Type → our setting → theirs."""


def rope_config(spec: Transformer) -> dict[str, Any]:
    """Rotary positions as config.json has them."""
    scaling = spec.rope_scaling
    if scaling is None:
        # transformers 5 reads the first; its earlier versions, llama.cpp and vLLM read the second.
        return {"rope_parameters": {"rope_type": "default", "rope_theta": spec.rope_theta}, "rope_theta": spec.rope_theta}
    named = {theirs: getattr(scaling, own) for own, theirs in SCALINGS[scaling.method].items()}
    given = {"rope_type": scaling.method, "factor": scaling.factor,
             **{name: value for name, value in named.items() if value is not None}}  # fmt: skip
    return {"rope_parameters": {**given, "rope_theta": spec.rope_theta}, "rope_theta": spec.rope_theta, "rope_scaling": given}


def rope_settings(config: Mapping[str, Any], usual_theta: float = 10_000.0) -> dict[str, Any]:
    """Our settings of rotary positions, from either of the two places that config.json has had for them."""
    rope = dict(config.get("rope_parameters") or {})
    old = dict(config.get("rope_scaling") or {})
    if "type" in old:
        old.setdefault("rope_type", old.pop("type"))
    theta = rope.pop("rope_theta", config.get("rope_theta", usual_theta))
    if config.get("rope_theta", theta) != theta:
        raise TelosError("config.json: rope_theta and rope_parameters must agree", f"{config['rope_theta']} and {theta}",
                         "remove the wrong one")  # fmt: skip
    old.pop("rope_theta", None)
    if rope and old and rope != old:
        raise TelosError("config.json: rope_scaling and rope_parameters must agree", f"{old} and {rope}",
                         "remove the wrong one")  # fmt: skip
    return {"rope_theta": float(theta), "rope_scaling": _scaling(rope or old)}


def _scaling(rope: dict[str, Any]) -> RotaryScaling | None:
    given = dict(rope)
    kind = given.pop("rope_type", "default")
    if kind == "default" and not given:
        return None
    if kind not in SCALINGS:
        raise TelosError(f"config.json: rope_parameters must be of type default, {', '.join(SCALINGS)}", f"{rope}",
                         "this model cannot be loaded")  # fmt: skip
    names = {theirs: own for own, theirs in SCALINGS[kind].items()} | {"factor": "factor"}
    if unknown := sorted(given.keys() - names.keys()):
        raise TelosError("every setting in config.json must be known", f"rope_parameters: '{unknown[0]}' = {given[unknown[0]]!r}",
                         "this model cannot be loaded")  # fmt: skip
    optional = {"beta_fast", "beta_slow", "attention_factor", "truncate"}
    if missing := sorted(names.keys() - given.keys() - optional):
        raise TelosError(f"config.json: rope_parameters of type {kind} must give {', '.join(sorted(names.keys() - optional))}",
                         f"no '{missing[0]}'", "add it, or save the model anew")  # fmt: skip
    return RotaryScaling.parse({"method": kind} | {names[name]: value for name, value in given.items() if value is not None})
