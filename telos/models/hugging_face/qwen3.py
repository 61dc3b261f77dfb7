"""Our `Transformer` and transformers' Qwen3ForCausalLM: settings and tensor names, in both directions.

A setting that would change the logits and that our model does not have is refused by name; so is one that is unknown.
Tests: tests/models/test_hugging_face.py (equal logits in both directions, over settings moved off their defaults).
"""

from collections.abc import Iterable, Mapping
from typing import Any

from telos.foundation.errors import SpecError, TelosError
from telos.models.transformer import Transformer

ARCHITECTURE = "Qwen3ForCausalLM"

SAME = {
    "num_layers": "num_hidden_layers",
    "hidden_size": "hidden_size",
    "num_heads": "num_attention_heads",
    "intermediate_size": "intermediate_size",
    "num_key_value_heads": "num_key_value_heads",
    "head_size": "head_dim",
    "context_length": "max_position_embeddings",
    "tie_embeddings": "tie_word_embeddings",
    "norm_eps": "rms_norm_eps",
}
"""Our setting → theirs, of the same meaning.  The base of the rotary positions stands apart: it has had two places."""

DEFAULTS: dict[str, Any] = {"num_key_value_heads": 32, "head_size": 128, "tie_embeddings": False, "norm_eps": 1e-6}
"""What Qwen3's configuration means where it does not say (transformers' Qwen3Config).  ``num_key_value_heads: null`` means
something else: as many as heads."""

FIXED: dict[str, tuple[Any, ...]] = {
    "model_type": ("qwen3",),
    "hidden_act": ("silu",),
    "attention_bias": (False,),
    "attention_dropout": (0, None),
    "use_sliding_window": (False,),
    "rope_scaling": (None,),
    "add_cross_attention": (False,),
    "is_encoder_decoder": (False,),
    "is_decoder": (False,),
    "quantization_config": (None,),
}
"""Settings with the values that our model can express, the first being what we write (where we write it)."""

WRITTEN = ("model_type", "hidden_act", "attention_bias", "attention_dropout", "use_sliding_window")

WITHOUT_EFFECT = frozenset([
    "_name_or_path", "architectures", "bos_token_id", "chunk_size_feed_forward", "dtype", "eos_token_id",
    "finetuning_task", "id2label", "initializer_range", "label2id", "max_window_layers", "name_or_path",
    "output_attentions", "output_hidden_states", "pad_token_id", "problem_type", "return_dict", "sliding_window",
    "telos_special_tokens", "torch_dtype", "transformers_version", "use_cache",
])  # fmt: skip
"""Settings that change no logit (the sliding window is off, as `FIXED` demands)."""


def to_config(spec: Transformer, vocabulary_size: int) -> dict[str, Any]:
    """The settings as Qwen3's config.json has them, every one given."""
    resolved = spec.replace(intermediate_size=spec.resolved_intermediate_size, head_size=spec.resolved_head_size,
                            num_key_value_heads=spec.resolved_key_value_heads)  # fmt: skip
    return {
        "architectures": [ARCHITECTURE],
        **{name: FIXED[name][0] for name in WRITTEN},
        "vocab_size": vocabulary_size,
        **{theirs: getattr(resolved, own) for own, theirs in SAME.items()},
        # transformers 5 reads the first; its earlier versions, llama.cpp and vLLM read the second.
        "rope_parameters": {"rope_type": "default", "rope_theta": spec.rope_theta},
        "rope_theta": spec.rope_theta,
    }


def from_config(config: Mapping[str, Any]) -> tuple[Transformer, int]:
    """The settings of a config.json, and the size of its vocabulary.

    Raises `TelosError` that names the setting that our model cannot express, that is unknown, or that is missing.
    """
    _refuse_others(config)
    found = {own: config.get(theirs, DEFAULTS.get(own)) for own, theirs in SAME.items()}
    missing = [SAME[own] for own, value in found.items() if value is None and own not in DEFAULTS]
    if missing or not isinstance(config.get("vocab_size"), int):
        raise TelosError("config.json must give every size of the model", f"no '{(missing or ['vocab_size'])[0]}'",
                         "add it, or save the model anew")  # fmt: skip
    theta = _rope_theta(config)
    try:
        return Transformer(**found, rope_theta=theta), config["vocab_size"]
    except SpecError as error:
        must, wrong, _ = error.parts
        named = "".join(f"{SAME.get(part, part)}: " for part in error.path)
        raise TelosError(f"config.json: {named}{must}", wrong, "take config.json from the model's source again") from None


def _refuse_others(config: Mapping[str, Any]) -> None:
    named = config.get("architectures") or [None]
    if named != [ARCHITECTURE]:
        raise TelosError(f"a model folder must be a {ARCHITECTURE}", f"config.json says {named[0]}", "convert the model first")
    expressed = {*SAME.values(), *FIXED, *WITHOUT_EFFECT, "vocab_size", "rope_parameters", "rope_theta", "layer_types"}
    for name, value in config.items():
        if name not in expressed:
            raise TelosError("every setting in config.json must be known", f"'{name}' = {value!r}",
                             "remove it if it changes no logit; otherwise this model cannot be loaded")  # fmt: skip
        if name in FIXED and value not in FIXED[name]:
            raise TelosError(f"config.json: {name} must be {FIXED[name][0]!r}", f"{value!r}", "this model cannot be loaded")
    if others := set(config.get("layer_types") or ()) - {"full_attention"}:
        raise TelosError(
            "config.json: layer_types must all be 'full_attention'", f"'{min(others)}'", "this model cannot be loaded"
        )


def _rope_theta(config: Mapping[str, Any]) -> float:
    rope = dict(config.get("rope_parameters") or {})
    kind = rope.pop("rope_type", "default")
    theta = rope.pop("rope_theta", config.get("rope_theta", 10_000.0))
    if kind != "default" or rope:
        raise TelosError("config.json: rope_parameters must be of the default type", f"{dict(config['rope_parameters'])}",
                         "this model cannot be loaded")  # fmt: skip
    if config.get("rope_theta", theta) != theta:
        raise TelosError("config.json: rope_theta and rope_parameters must agree", f"{config['rope_theta']} and {theta}",
                         "remove the wrong one")  # fmt: skip
    return float(theta)


def check_names(wanted: Mapping[str, tuple[int, ...]], found: Mapping[str, tuple[int, ...]]) -> None:
    """Tensor name → shape on both sides must be the same; the first that is missing, left over or of another shape is named.

    The names of our parameters are transformers' own, so there is nothing to translate.
    """

    def refuse(what: str, names: Iterable[str]) -> None:
        name = min(names)
        shapes = f" of shape {found[name]}" if name in found else f" of shape {wanted[name]}"
        raise TelosError("model.safetensors must hold exactly the tensors of config.json's model", f"'{name}'{shapes} is {what}",
                         "take both files from one model")  # fmt: skip

    if missing := wanted.keys() - found.keys():
        refuse("missing", missing)
    if extra := found.keys() - wanted.keys():
        refuse("not one of them", extra)
    if other := [name for name in wanted if tuple(wanted[name]) != tuple(found[name])]:
        refuse(f"wanted with shape {wanted[min(other)]}", other)
