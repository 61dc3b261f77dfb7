"""Tokenizers of others, made here with Hugging Face's own parts: ids of transformers', bytes that add up, what is refused."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, Regex, decoders, models, normalizers, pre_tokenizers, processors, trainers
from tokenizers import Tokenizer as Backend

from telos.foundation.errors import TelosError
from telos.tokens.pretokenize import replace_surrogates
from telos.tokens.tokenizers import Tokenizer, TrainedTokenizer, load_tokenizer
from telos.tokens.tokenizers.pretrained import Pretrained
from telos.tokens.vocabulary import BEGIN_OF_TEXT, END_OF_TEXT

LIKELY = ["The best of times", "中华人民共和国", "，", "。", "\n", " ", "  ", "the ", "don't", "42", "é", "e\u0301", "😀",
          "\u3000", "\t", "<|endoftext|>", "</s>", "[SEP]", "<unk>", "[UNK]", "<0x41>", "Ġ", "▁", "##a", "한국", "\r\n",
          "ﬁ", "Ａ"]  # fmt: skip
some_text = st.lists(st.sampled_from(LIKELY), max_size=12).map("".join) | st.text(max_size=30)


def byte_level(texts: list[str]) -> tuple[Backend, dict[str, str]]:
    """As GPT-2's."""
    made = Backend(models.BPE())
    made.pre_tokenizer, made.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    made.train_from_iterator(
        texts, trainers.BpeTrainer(vocab_size=330, special_tokens=["<|endoftext|>"], initial_alphabet=alphabet)
    )
    return made, {"eos_token": "<|endoftext|>", "bos_token": "<|endoftext|>"}


def normalised(texts: list[str]) -> tuple[Backend, dict[str, str]]:
    """As Qwen's: byte-level behind NFC and a pattern of its own, the special tokens last, an added token that is not special."""
    made = Backend(models.BPE())
    made.normalizer = normalizers.NFC()
    cut = pre_tokenizers.Split(Regex(r"\p{L}+|\p{N}|[^\p{L}\p{N}]+"), "isolated")
    made.pre_tokenizer = pre_tokenizers.Sequence([cut, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    made.decoder = decoders.ByteLevel()
    made.train_from_iterator(texts, trainers.BpeTrainer(vocab_size=320, initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    made.add_tokens([AddedToken("  ", normalized=False)])
    made.add_special_tokens(["<|endoftext|>", "<|im_start|>", "<|im_end|>"])
    return made, {"eos_token": "<|im_end|>", "pad_token": "<|endoftext|>"}


def byte_fallback(texts: list[str]) -> tuple[Backend, dict[str, str]]:
    """As Llama 2's: a space put before a text, bytes for what is unknown, ``<s>`` before it."""
    pieces = ["<unk>", "<s>", "</s>"] + [f"<0x{byte:02X}>" for byte in range(256)] + sorted({*"".join(texts[:6])} - {" "}) + ["▁"]
    made = Backend(
        models.BPE({piece: i for i, piece in enumerate(pieces)}, [], unk_token="<unk>", byte_fallback=True, fuse_unk=True)
    )
    made.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    made.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    made.add_special_tokens(["<unk>", "<s>", "</s>"])
    made.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    return made, {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}


def unigram(texts: list[str]) -> tuple[Backend, dict[str, str]]:
    """As T5's: pieces with probabilities behind NFKC."""
    made = Backend(models.Unigram())
    made.normalizer, made.pre_tokenizer = normalizers.NFKC(), pre_tokenizers.Metaspace()
    made.decoder = decoders.Metaspace()
    made.train_from_iterator(
        texts, trainers.UnigramTrainer(vocab_size=150, special_tokens=["<pad>", "</s>", "<unk>"], unk_token="<unk>")
    )
    made.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    return made, {"eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}


def word_pieces(texts: list[str]) -> tuple[Backend, dict[str, str]]:
    """As BERT's: small letters, no accents, no white space, unknown words; and lengths that its user had set."""
    made = Backend(models.WordPiece(unk_token="[UNK]"))
    made.normalizer, made.pre_tokenizer = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
    made.decoder = decoders.WordPiece()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    made.train_from_iterator(texts, trainers.WordPieceTrainer(vocab_size=250, special_tokens=special))
    made.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    return made, {"cls_token": "[CLS]", "sep_token": "[SEP]", "unk_token": "[UNK]", "pad_token": "[PAD]"}


def words(texts: list[str]) -> tuple[Backend, dict[str, str]]:
    """A list of words, the end of text one of them."""
    made = Backend(models.WordLevel(unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    made.train_from_iterator(texts, trainers.WordLevelTrainer(special_tokens=["<unk>", "</s>"]))
    return made, {"eos_token": "</s>", "unk_token": "<unk>"}


KINDS = {one.__name__: one for one in (byte_level, normalised, byte_fallback, unigram, word_pieces, words)}
EDGES = {"byte_level": (0, 0), "normalised": ("<|im_end|>", "<|im_end|>"), "byte_fallback": (1, 2), "unigram": (1, 1),
         "word_pieces": (2, 3), "words": (1, 1)}  # fmt: skip
"""Begin and end of text, as ids or tokens."""


def written(kind: str, texts: list[str], folder: Path) -> Path:
    transformers = pytest.importorskip("transformers")
    backend, roles = KINDS[kind](texts)
    transformers.PreTrainedTokenizerFast(tokenizer_object=backend, **roles).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module", params=list(KINDS))
def kind(request) -> str:
    return request.param


@pytest.fixture(scope="module")
def folder(kind, texts, tmp_path_factory) -> Path:
    return written(kind, texts, tmp_path_factory.mktemp(kind))


@pytest.fixture(scope="module")
def theirs(folder):
    import transformers

    return transformers.AutoTokenizer.from_pretrained(folder)


@pytest.fixture(scope="module")
def pretrained(folder) -> TrainedTokenizer:
    return Pretrained(path=str(folder)).train(lambda: iter([]), 0)


@settings(max_examples=120, deadline=None)
@given(text=some_text)
def test_ids_are_those_of_transformers(kind, pretrained, theirs, text):
    text = replace_surrogates(text)
    wanted = theirs(text, add_special_tokens=False, split_special_tokens=True)["input_ids"]
    ids = pretrained.encode(text).tolist()
    if kind in {"unigram", "words"}:  # there the end of text is a piece or word that a text may spell
        wanted = [pretrained.backend.token_to_id("<unk>") if i == pretrained.vocabulary.end_of_text else i for i in wanted]
    assert ids == wanted
    assert pretrained.vocabulary.end_of_text not in ids
    assert len(theirs) == pretrained.vocabulary.size


@settings(max_examples=120, deadline=None)
@given(text=some_text)
def test_bytes_and_characters_add_up_to_the_texts(kind, pretrained, text):
    text = replace_surrogates(text)
    ids = pretrained.encode(text)
    sizes, characters = pretrained.sizes(ids, text)
    assert len(sizes) == len(characters) == len(ids) + 1, "one for the end of text"
    assert sizes.sum() == len(text.encode())
    assert characters.sum() == len(text)
    assert sizes.min() >= 0
    if kind == "byte_level":
        assert pretrained.decode(ids) == text
        assert sizes.tolist() == [*(len(pretrained.token_bytes[i]) for i in ids), 0]


def test_offsets_give_each_token_its_own_bytes(folder, kind, pretrained):
    text = {"word_pieces": "The  best", "words": "the  best", "byte_fallback": "th中", "unigram": "the best"}.get(kind)
    if text is None:
        pytest.skip("its tokens' bytes are the text's")
    ids = pretrained.encode(text)
    sizes, _ = pretrained.sizes(ids, text)
    if kind == "byte_fallback":
        assert [pretrained.backend.id_to_token(i) for i in ids] == ["▁", "t", "h", "中"]
        assert sizes.tolist() == [1, 0, 1, 3, 0], "the space that was put before it has the place of the first letter"
    elif kind == "words":
        assert sizes.tolist() == [3, 6, 0], "white space goes with the word behind it"
    assert sizes.sum() == len(text.encode())


def test_begin_and_end_of_text(kind, pretrained):
    begin, end = (pretrained.backend.token_to_id(one) if isinstance(one, str) else one for one in EDGES[kind])
    vocabulary = pretrained.vocabulary
    assert (vocabulary.begin_of_text, vocabulary.end_of_text) == (begin, end)
    assert vocabulary.specials == ({END_OF_TEXT: end} | ({BEGIN_OF_TEXT: begin} if begin != end else {}))
    assert vocabulary.size == len(pretrained.token_bytes)
    assert vocabulary.with_specials(("<|mask|>",)).specials["<|mask|>"] == vocabulary.size


def test_what_a_special_token_stands_for_is_nothing(pretrained):
    added = json.loads(pretrained.content)["added_tokens"]
    assert any(token["special"] for token in added)
    assert all(pretrained.token_bytes[token["id"]] == b"" for token in added if token["special"])
    assert pretrained.decode([pretrained.vocabulary.end_of_text]) == ""


def test_a_saved_one_comes_back_and_is_the_same_to_transformers(pretrained, theirs, texts, tmp_path):
    import transformers

    pretrained.save(tmp_path)
    loaded = load_tokenizer(tmp_path)
    assert (loaded.spec, loaded.vocabulary, loaded.token_bytes) == (
        pretrained.spec,
        pretrained.vocabulary,
        pretrained.token_bytes,
    )
    again = transformers.AutoTokenizer.from_pretrained(tmp_path)
    for text in texts:
        assert again(text)["input_ids"] == theirs(text, split_special_tokens=True)["input_ids"]
        np.testing.assert_array_equal(loaded.encode(text), pretrained.encode(text))
    assert again.eos_token_id == pretrained.vocabulary.end_of_text or theirs.eos_token is None
    (tmp_path / "tokenizer.json").write_text(pretrained.content.replace(" ", "", 1))
    with pytest.raises(TelosError, match="must have the hash"):
        load_tokenizer(tmp_path)


def test_lengths_that_its_user_had_set_are_not_those_of_a_text(texts, tmp_path):
    backend, roles = word_pieces(texts)
    backend.enable_truncation(5)
    backend.enable_padding(length=9)
    backend.save(str(tmp_path / "tokenizer.json"))
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(roles))
    ids = Pretrained(path=str(tmp_path)).train(lambda: iter([]), 0).encode("it was the best of times it was the worst of times")
    assert len(ids) >= 12
    assert 0 not in ids


def test_what_gives_a_text_back(texts, tmp_path):
    lossy = {"word_pieces": "The Best", "words": "the  best", "unigram": "ﬁ"}
    for kind in KINDS:
        made = Pretrained(path=str(written(kind, texts, tmp_path / kind))).train(lambda: iter([]), 0)
        assert made.gives_back(made.encode("the best"), "the best") or kind in {"word_pieces", "unigram"}
        if kind in lossy:
            assert not made.gives_back(made.encode(lossy[kind]), lossy[kind])


def test_the_spec_is_of_the_family():
    assert Tokenizer.parse({"kind": "pretrained", "path": "x"}) == Pretrained(path="x")


# -- refusals -----------------------------------------------------------------------------------------------------------


def refused(**given) -> tuple[str, str, str]:
    with pytest.raises(TelosError) as error:
        Pretrained(**given).train(lambda: iter([]), 0)
    return error.value.must, error.value.found, error.value.fix


def test_no_tokenizer_json(tmp_path):
    file = tmp_path / "tokenizer.json"
    assert refused(path=str(tmp_path)) == (f"a tokenizer must be a tokenizer.json of Hugging Face's ({file})", "no such file",
                                           "name its folder: tokenizer.path=DIR")  # fmt: skip
    (tmp_path / "vocab.txt").write_text("[UNK]\n")
    _, found, fix = refused(path=str(tmp_path))
    assert found == "only vocab.txt"
    assert fix.startswith('convert it: python -c "from transformers import AutoTokenizer')
    compile(fix.split('"')[1], "command", "exec")


def test_damaged_files(texts, tmp_path):
    written("byte_level", texts, tmp_path)
    (tmp_path / "tokenizer_config.json").write_text("[")
    assert refused(path=str(tmp_path))[0] == f"{tmp_path / 'tokenizer_config.json'} must be a JSON object"
    (tmp_path / "tokenizer.json").write_text('{"model": {}}')
    assert refused(path=str(tmp_path))[0] == f"{tmp_path / 'tokenizer.json'} must be readable by tokenizers"


def test_nothing_that_ends_a_document_and_a_name_that_is_not_there(tmp_path):
    backend = Backend(models.WordLevel({"a": 0, "<stop>": 1}, unk_token="a"))
    backend.save(str(tmp_path / "tokenizer.json"))
    assert refused(path=str(tmp_path)) == ("a tokenizer must have a token that ends a document", f"none is named in {tmp_path}",
                                           "name it: tokenizer.end_of_text=TOKEN")  # fmt: skip
    named = Pretrained(path=str(tmp_path), end_of_text="<stop>").train(lambda: iter([]), 0)
    assert named.vocabulary.end_of_text == 1
    backend.add_special_tokens(["<stop>"])
    backend.save(str(tmp_path / "tokenizer.json"))
    must, found, fix = refused(path=str(tmp_path), end_of_text="<stopp>")
    assert (must, found) == (f"tokenizer.end_of_text must be a token of {tmp_path / 'tokenizer.json'}", "'<stopp>'")
    assert fix == "write '<stop>'"


def test_a_text_that_spells_the_end_of_text_where_nothing_is_unknown(tmp_path):
    backend = Backend(models.WordLevel({"a": 0, "</s>": 1, "<unk>": 2}, unk_token="<unk>"))
    backend.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    backend.save(str(tmp_path / "tokenizer.json"))
    made = Pretrained(path=str(tmp_path)).train(lambda: iter([]), 0)
    with pytest.raises(TelosError) as error:
        made.encode("a </s> a")
    assert error.value.must == "a text must not hold the token that ends a document"
