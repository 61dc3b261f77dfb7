"""Weights of tokens from those of a document's characters, in the store, and in rows of it."""

import numpy as np
import pytest

from telos.foundation.document import Document
from telos.tokens.batches import Batches
from telos.tokens.documents import document_row
from telos.tokens.lanes import Lanes
from telos.tokens.store import TokenStore
from telos.tokens.tokenizers.byte import Byte
from telos.tokens.weights import token_weights


@pytest.fixture(scope="module")
def tokenizer():
    return Byte().train(lambda: iter(()), 0)


def document(text, weight=None, i=0):
    return Document(f"{i:032x}", text, f"{i}.txt", metadata={} if weight is None else {"weight": weight})


def spans(*each):
    return [dict(zip(("start", "end", "weight"), one, strict=True)) for one in each]


def test_a_number_is_of_every_token_and_the_end(tokenizer):
    ids = tokenizer.encode_batch(["abc"])[0]
    assert token_weights(document("abc", 0.25), "abc", ids, tokenizer).tolist() == [0.25] * 4
    assert token_weights(document("abc"), "abc", ids, tokenizer).tolist() == [1] * 4


def test_spans_are_of_characters_however_many_bytes_they_have(tokenizer):
    text = "a春b眠"
    ids = tokenizer.encode_batch([text])[0]
    given = spans((1, 2, 0.5), (3, 4, 2.0))
    assert token_weights(document(text, given), text, ids, tokenizer).tolist() == [1, 0.5, 0.5, 0.5, 1, 2, 2, 2, 1]


def test_a_token_has_the_weight_of_its_first_character_and_of_the_last_span():
    class Pairs:
        """Two characters a token."""

        def sizes(self, ids, text):
            return None, np.array([2] * len(ids) + [0])

    text, ids = "abcdef", np.arange(3)
    given = spans((1, 3, 5.0), (4, 5, 3.0), (4, 6, 0.0))
    assert token_weights(document(text, given), text, ids, Pairs()).tolist() == [1, 5, 0, 1]


def test_an_empty_list_and_an_empty_text(tokenizer):
    assert token_weights(document("ab", []), "ab", np.array([97, 98]), tokenizer).tolist() == [1, 1, 1]
    assert token_weights(document("", spans((0, 1, 2.0))), "", np.array([], np.int64), tokenizer).tolist() == [1]


def test_rows_have_the_weights_of_their_tokens(tokenizer, tmp_path):
    texts = ["abcdefg", "春眠", "hij"]
    weights = [2.0, spans((0, 1, 0.0)), None]
    documents = [document(*one, i) for i, one in enumerate(zip(texts, weights, strict=True))]
    store = TokenStore.write(tmp_path / "store", documents, tokenizer, weighted=True)
    assert store.weights.tolist() == [2.0] * 8 + [0, 0, 0, 1, 1, 1, 1] + [1.0] * 4
    for batches in (Batches(store, 5, 2, seed=1), Lanes(store, 5, 2, seed=1)):
        for row in (batches.row_at(number) for number in range(4)):
            expected = []
            for token, of in zip(row.tokens, row.documents, strict=True):
                heavy = {0: 2.0, 2: 1.0}.get(int(of))
                expected.append(heavy if heavy is not None else float(int(token) not in list("春".encode())))
            assert row.weights.tolist() == expected
    assert document_row(store, 0, 3).weights.tolist() == [2.0] * 3
    plain = TokenStore.write(tmp_path / "plain", documents, tokenizer)
    assert plain.weights is None
    assert Batches(plain, 5, 2, seed=1).row_at(0).weights is None
