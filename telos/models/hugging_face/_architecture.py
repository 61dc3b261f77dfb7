"""What one architecture of transformers' is to our `Transformer`: settings and tensor names, in both directions.

A setting that would change the logits and that our model does not have is refused by name; so is one that is unknown.
Tests: tests/models/hugging_face/ (equal logits in both directions, over settings moved off their defaults).
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from telos.foundation.errors import SpecError, TelosError
from telos.models.hugging_face import _names
from telos.models.hugging_face._names import Rename
from telos.models.transformer import Transformer

if TYPE_CHECKING:
    from torch import Tensor

GENERAL = frozenset([
    "_name_or_path", "architectures", "bos_token_id", "chunk_size_feed_forward", "decoder_start_token_id", "dtype",
    "eos_token_id", "finetuning_task", "id2label", "initializer_range", "label2id", "name_or_path", "output_attentions",
    "output_hidden_states", "pad_token_id", "problem_type", "return_dict", "telos_special_tokens", "telos_training",
    "torch_dtype", "transformers_version", "use_cache",
])  # fmt: skip
"""Settings of any architecture that change no logit."""

GENERAL_FIXED: dict[str, tuple[Any, ...]] = {
    "add_cross_attention": (False,),
    "is_decoder": (False,),
    "is_encoder_decoder": (False,),
    "quantization_config": (None,),
}

ACTIVATIONS = {"gelu": "gelu", "gelu_new": "gelu_tanh", "gelu_pytorch_tanh": "gelu_tanh", "silu": "silu", "swish": "silu",
               "relu": "relu", "relu2": "relu2"}  # fmt: skip
"""transformers' name → ours."""


class Architecture:
    """One architecture.  ``same``: our setting → theirs, of the same meaning.  ``defaults``: what theirs means where
    config.json does not say, by our names (without one, it must be said).  ``constants``: our settings that make a
    `Transformer` this architecture. ``fixed``: their settings with the values that we can express, the first being what we
    write, if it is in ``written``. ``without_effect``: theirs that change no logit.  ``others``: theirs that `settings`
    reads and `config` writes.
    """

    name: ClassVar[str]
    model_type: ClassVar[str]
    same: ClassVar[Mapping[str, str]] = {}
    defaults: ClassVar[Mapping[str, Any]] = {}
    constants: ClassVar[Mapping[str, Any]] = {}
    fixed: ClassVar[Mapping[str, tuple[Any, ...]]] = {}
    written: ClassVar[tuple[str, ...]] = ()
    without_effect: ClassVar[frozenset[str]] = frozenset()
    others: ClassVar[frozenset[str]] = frozenset()
    renames: ClassVar[tuple[Rename, ...]] = ()
    vocabulary: ClassVar[str] = "vocab_size"

    # -- settings that are not one for one ----------------------------------------------------------------------------

    def config(self, spec: Transformer) -> dict[str, Any]:
        """Their settings that ``same`` does not hold."""
        return {}

    def settings(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """The way back."""
        return {}

    # -- tensors ------------------------------------------------------------------------------------------------------

    def copies(self, spec: Transformer) -> dict[str, str]:
        """Their tensors that may be there and must then equal another: name → the other's."""
        return {"lm_head.weight": "model.embed_tokens.weight"} if spec.tie_embeddings else {}

    def clean(self, tensors: "dict[str, Tensor]") -> "dict[str, Tensor]":
        """Older spellings brought to today's, constants that were saved taken out."""
        return tensors

    def to_theirs(self, tensors: "Mapping[str, Tensor]") -> "dict[str, Tensor]":
        return _names.to_theirs(self.renames, tensors)

    def to_ours(self, tensors: "Mapping[str, Tensor]") -> "dict[str, Tensor]":
        return _names.to_ours(self.renames, tensors)

    # -- both ways ----------------------------------------------------------------------------------------------------

    def to_config(self, spec: Transformer, vocabulary_size: int) -> dict[str, Any]:
        """The settings as config.json has them, every one given."""
        spec = spec.resolved()
        return {
            "architectures": [self.name],
            "model_type": self.model_type,
            **{name: self.fixed[name][0] for name in self.written},
            self.vocabulary: vocabulary_size,
            **{theirs: getattr(spec, own) for own, theirs in self.same.items()},
            **self.config(spec),
        }

    def from_config(self, config: Mapping[str, Any]) -> tuple[Transformer, int]:
        """The settings of a config.json, and the size of its vocabulary.

        Raises `TelosError` that names the setting that our model cannot express, that is unknown, or that is missing.
        """
        self._refuse_others(config)
        found = {own: config.get(theirs, self.defaults.get(own)) for own, theirs in self.same.items()}
        missing = [self.same[own] for own, value in found.items() if value is None and own not in self.defaults]
        if missing or not isinstance(config.get(self.vocabulary), int):
            raise TelosError("config.json must give every size of the model", f"no '{(missing or [self.vocabulary])[0]}'",
                             "add it, or save the model anew")  # fmt: skip
        try:
            return Transformer(**{**self.constants, **found, **self.settings(config)}), config[self.vocabulary]
        except SpecError as error:
            must, wrong, _ = error.parts
            named = "".join(f"{self.same.get(part, part)}: " for part in error.path)
            raise TelosError(f"config.json: {named}{must}", wrong, "take config.json from the model's source again") from None

    def _refuse_others(self, config: Mapping[str, Any]) -> None:
        fixed = {**GENERAL_FIXED, "model_type": (self.model_type,), **self.fixed}
        known = {*self.same.values(), *fixed, *GENERAL, *self.without_effect, *self.others, self.vocabulary}
        for name, value in config.items():
            if name not in known:
                raise TelosError("every setting in config.json must be known", f"'{name}' = {value!r}",
                                 "remove it if it changes no logit; otherwise this model cannot be loaded")  # fmt: skip
            if name in fixed and value not in fixed[name]:
                raise TelosError(f"config.json: {name} must be {fixed[name][0]!r}", f"{value!r}", "this model cannot be loaded")


def differences(first: Transformer, second: Transformer) -> list[str]:
    """Settings in which two Transformers differ that say something else of the same text."""
    one, other = inference_only(first), inference_only(second)
    return [name for name in type(first).model_fields if getattr(one, name) != getattr(other, name)]


def inference_only(spec: Transformer) -> Transformer:
    """The settings without those of training."""
    spec = spec.resolved()
    usual = {name: Transformer.model_fields[name].get_default() for name in Transformer.TRAINING_ONLY}
    experts = spec.experts.replace(balance=0) if spec.experts else None
    return spec.replace(**usual, experts=experts)


def activation(config: Mapping[str, Any], name: str, usual: str) -> str:
    """Our name of the activation that config.json names."""
    theirs = config.get(name, usual)
    if theirs not in ACTIVATIONS:
        raise TelosError(f"config.json: {name} must be one of {', '.join(ACTIVATIONS)}", f"{theirs!r}",
                         "this model cannot be loaded")  # fmt: skip
    return ACTIVATIONS[theirs]


def agreeing(config: Mapping[str, Any], names: tuple[str, ...], usual: Any) -> Any:
    """The one value of settings that are one to us."""
    values = {name: config.get(name, usual) for name in names}
    first = values[names[0]]
    for name, value in values.items():
        if value != first:
            raise TelosError(f"config.json: {' and '.join(names)} must agree", f"{first} and {value} ({name})",
                             f"set {name} to {first}: it changes no logit, only further training")  # fmt: skip
    return first
