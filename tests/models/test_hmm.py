"""Hidden Markov models against hmmlearn, against all paths by hand, and on a source whose entropy is known."""

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from telos.foundation.errors import TelosError
from telos.models.counting.baum_welch import Expected, Parameters, expect
from telos.models.counting.packed import Packed, pieces, sequences
from telos.models.hmm import HMM, HiddenMarkov, load
from telos.tokens.vocabulary import END_OF_TEXT, Vocabulary

VOCABULARY = Vocabulary(6, "0" * 16, {END_OF_TEXT: 6})
NAMES = ("start_S", "cut_S", "transition_SS", "emission_SV")


def parameters(states: int, size: int = 7, seed: int = 0) -> Parameters:
    rng = np.random.default_rng(seed)
    return Parameters.normalised(*(rng.random(shape) for shape in ((states,), (states,), (states, states), (states, size))))


def stream(length: int, seed: int = 0) -> np.ndarray:
    """Tokens with a rhythm, in documents of unequal lengths; the last one is not ended."""
    rng = np.random.default_rng(seed)
    tokens = np.where(rng.random(length) < 0.7, np.arange(length) % 3, rng.integers(0, 6, length))
    tokens[rng.random(length) < 0.1] = 6
    return tokens.astype(np.int64)


def short_documents() -> np.ndarray:
    """Of 1 to 7 tokens, whose paths can be counted."""
    return np.concatenate([np.append(stream(n, seed=n) % 6, 6) for n in (3, 0, 6, 1, 5, 6)] + [np.array([2, 4])])


def model_of(model: Parameters, **settings) -> HiddenMarkov:
    made = HMM(num_states=len(model.start_S), **settings).build(VOCABULARY)
    made.parameters = model
    return made


def all_paths(model: Parameters, document: np.ndarray) -> dict[tuple[int, ...], float]:
    """p(x, s) of every sequence of states s."""
    found = {}
    for path in itertools.product(range(len(model.start_S)), repeat=len(document)):
        p = model.start_S[path[0]] * model.emission_SV[path[0], document[0]]
        for (before, here), token in zip(itertools.pairwise(path), document[1:], strict=True):
            p *= model.transition_SS[before, here] * model.emission_SV[here, token]
        found[path] = p
    return found


def documents(tokens: np.ndarray) -> list[np.ndarray]:
    first, lengths = sequences(tokens, 6)
    return [tokens[at : at + length] for at, length in zip(first, lengths, strict=True)]


@pytest.mark.parametrize("states", [1, 2, 3])
def test_filter_and_viterbi_equal_all_paths_by_hand(states: int):
    model, tokens = parameters(states, seed=states), short_documents()
    hmm = model_of(model)
    nll, likeliest = hmm.nll(tokens), hmm.states(tokens)
    at = 0
    for document in documents(tokens):
        paths = all_paths(model, document)
        own = slice(at, at + len(document))
        assert nll[own].sum() == pytest.approx(-math.log(sum(paths.values())), rel=1e-5)
        assert tuple(likeliest[own]) == max(paths, key=paths.__getitem__)
        at += len(document)
    assert len(documents(tokens)) > 1


@pytest.mark.parametrize("states", [1, 2, 3])
def test_expected_counts_equal_all_paths_by_hand(states: int):
    model, tokens = parameters(states, seed=states), short_documents()
    wanted = Expected.none(model)
    for document in documents(tokens):
        paths = all_paths(model, document)
        total = sum(paths.values())
        wanted.log_likelihood += math.log(total)
        for path, p in paths.items():
            wanted.start_S[path[0]] += p / total
            for before, here in itertools.pairwise(path):
                wanted.transition_SS[before, here] += p / total
            for here, token in zip(path, document, strict=True):
                wanted.emission_SV[here, token] += p / total
    packed = Packed(*sequences(tokens, 6))
    found = expect(model, tokens[packed.places], packed, whole=np.ones(len(packed.first), bool), dtype=torch.float64)
    for name in NAMES:
        np.testing.assert_allclose(getattr(found, name), getattr(wanted, name), rtol=1e-10, atol=1e-12)
    assert found.log_likelihood == pytest.approx(wanted.log_likelihood, rel=1e-12)


@pytest.mark.parametrize(
    ("states", "pseudocount", "iterations"), [(3, 0.0, 1), (3, 0.0, 12), (3, 0.5, 12), (5, 0.1, 12), (1, 0, 2)]
)
def test_equals_hmmlearn(states: int, pseudocount: float, iterations: int):
    hmmlearn = pytest.importorskip("hmmlearn.hmm", reason="hmmlearn is not installed (telos[dev] has it)")
    model, tokens, shares = parameters(states, seed=2), stream(600, seed=3), np.arange(1, 8) / 28
    theirs = hmmlearn.CategoricalHMM(
        states, n_iter=iterations, tol=-math.inf, init_params="", n_features=7, implementation="log",
        startprob_prior=1 + pseudocount / states, transmat_prior=1 + pseudocount / states,
        emissionprob_prior=1 + pseudocount * shares,
    )  # fmt: skip
    theirs.startprob_, theirs.transmat_, theirs.emissionprob_ = model.start_S, model.transition_SS, model.emission_SV
    lengths = [len(document) for document in documents(tokens)]
    theirs.fit(tokens[:, None], lengths)
    for dtype, tolerance in ((torch.float64, 1e-9), (torch.float32, 1e-5)):
        ours, packed = model, Packed(*sequences(tokens, 6))
        for _ in range(iterations):
            counts = expect(ours, tokens[packed.places], packed, whole=np.ones(len(packed.first), bool), dtype=dtype)
            ours = counts.maximised(pseudocount, shares)
        np.testing.assert_allclose(ours.start_S, theirs.startprob_, atol=tolerance)
        np.testing.assert_allclose(ours.transition_SS, theirs.transmat_, atol=tolerance)
        np.testing.assert_allclose(ours.emission_SV, theirs.emissionprob_, atol=tolerance)
        if dtype is torch.float64:
            fitted = ours
    hmm, text = model_of(fitted), stream(300, seed=9)
    lengths = [len(document) for document in documents(text)]
    assert hmm.nll(text).sum(dtype=np.float64) == pytest.approx(-theirs.score(text[:, None], lengths), rel=1e-6)
    np.testing.assert_array_equal(hmm.states(text), theirs.predict(text[:, None], lengths))


def test_fitting_is_those_steps_and_the_likelihood_never_falls():
    tokens = stream(3000)
    plain = HMM(num_states=4, iterations=15, pseudocount=0, tolerance=0, piece_tokens=10_000).build(VOCABULARY)
    plain.fit(tokens)
    assert len(plain.log_likelihoods) == 15
    assert all(after > before - 1e-6 for before, after in itertools.pairwise(plain.log_likelihoods))
    assert plain.log_likelihoods[-1] > plain.log_likelihoods[0] + 0.1
    again = HMM(num_states=4, iterations=16, pseudocount=0, tolerance=0, piece_tokens=10_000).build(VOCABULARY)
    again.fit(tokens)
    assert again.log_likelihoods[-1] == pytest.approx(-plain.nll(tokens).mean(dtype=np.float64), abs=1e-6)
    assert again.log_likelihoods[:15] == plain.log_likelihoods


def test_pieces_have_a_beginning_of_their_own():
    """Cut documents: π is learnt from beginnings only, and the likelihood of the pieces never falls."""
    tokens = np.tile(np.array([5, *[0, 1, 2] * 20, 6]), 40)
    hmm = HMM(num_states=5, iterations=40, pseudocount=0, tolerance=0, piece_tokens=16).build(VOCABULARY)
    hmm.fit(tokens)
    assert all(after > before - 1e-5 for before, after in itertools.pairwise(hmm.log_likelihoods))
    first = np.exp(hmm.log_probabilities(np.zeros(0, np.int64)))
    assert first[5] > 0.99
    assert hmm.parameters.cut_S @ hmm.parameters.emission_SV[:, 5] < 0.01


@given(lengths=st.lists(st.integers(1, 9), max_size=8), most=st.integers(1, 5))
def test_packing_holds_each_token_once_in_order(lengths: list[int], most: int):
    each = np.array(lengths, np.int64)
    first, cut, begins = pieces(np.cumsum(each) - each, each, most)
    packed = Packed(first, cut)
    assert sorted(packed.places) == list(range(each.sum()))
    assert begins.sum() == len(each)
    assert all(packed.places[packed.befores()] + 1 == packed.places[packed.rows[0] if len(packed.rows) else 0 :])
    for t, time in enumerate(packed.times()):
        assert set(packed.places[time]) == {at + t for at, n in zip(first, cut, strict=True) if n > t}


def test_more_restarts_are_never_worse_and_seeds_differ():
    tokens = stream(800)
    settings = {"num_states": 4, "iterations": 12, "tolerance": 0.0}
    fits = {}
    for name, restarts, seed in (("one", 1, 1), ("four", 4, 1), ("other", 1, 2)):
        fits[name] = HMM(restarts=restarts, **settings).build(VOCABULARY, seed)
        fits[name].fit(tokens)
    assert fits["four"].log_likelihoods[-1] >= fits["one"].log_likelihoods[-1]
    assert fits["other"].log_likelihoods != fits["one"].log_likelihoods


def test_fits_about_as_many_tokens_as_it_is_told_and_stops_when_little_is_gained():
    tokens = stream(20_000)
    hmm = HMM(num_states=2, fit_tokens=1000, piece_tokens=50, tolerance=10.0).build(VOCABULARY)
    hmm.fit(tokens)
    assert 1000 <= hmm.fitted_tokens <= 1050
    assert len(hmm.log_likelihoods) == 2


def test_comes_near_the_entropy_of_a_hidden_source():
    """A source with 3 hidden states: within 2 % of what its own parameters give, where frequencies alone are far off."""
    rng = np.random.default_rng(5)
    source = Parameters.normalised(
        np.ones(3),
        np.ones(3),
        np.eye(3) * 8 + 1,
        np.array([[9, 1, 0, 0, 0, 0, 0], [0, 0, 9, 1, 0, 0, 0], [0, 0, 0, 0, 5, 5, 0.0]]),
    )
    tokens, state = [], 0
    for _ in range(30_000):
        tokens.append(rng.choice(7, p=source.emission_SV[state]))
        state = rng.choice(3, p=source.transition_SS[state])
    train, test = np.array(tokens[:20_000]), np.array(tokens[20_000:])
    truth = model_of(source).nll(test).mean()
    hmm = HMM(num_states=3, restarts=3, tolerance=1e-5, iterations=100).build(VOCABULARY)
    hmm.fit(train)
    assert hmm.nll(test).mean() == pytest.approx(truth, rel=0.02)
    frequencies = np.bincount(train, minlength=7) / len(train)
    assert -np.log(frequencies[test]).mean() > 1.1 * truth


def test_what_is_impossible_has_probability_zero_and_the_rest_goes_on():
    model = Parameters.normalised(
        np.ones(2), np.ones(2), np.ones((2, 2)), np.array([[1, 0, 0, 0, 0, 0, 0], [0, 1, 0, 0, 0, 0, 0.0]])
    )
    nll = model_of(model).nll(np.array([0, 3, 1]))
    assert nll[1] == math.inf
    np.testing.assert_allclose(nll[[0, 2]], math.log(2), rtol=1e-6)


def test_a_text_that_cannot_be_is_refused_by_name():
    hmm = model_of(Parameters.normalised(np.ones(2), np.ones(2), np.ones((2, 2)), np.eye(2, 7)))
    packed = Packed(*sequences(np.array([3, 3]), 6))
    with pytest.raises(TelosError) as error:
        hmm._maximise(hmm.parameters, np.ones(7), np.array([3, 3]), [(packed, np.ones(1, bool))], advance=lambda by, note: None)
    assert error.value.must == "every token of the text must be possible in some state that can be reached"
    assert error.value.fix == "raise model.pseudocount"


def test_saved_and_loaded_gives_the_same_numbers(tmp_path):
    hmm = HMM(num_states=3, iterations=4).build(VOCABULARY)
    hmm.fit(stream(500))
    hmm.save(tmp_path, lineage={"corpus_hash": "x"})
    loaded, text = load(tmp_path), stream(200, seed=8)
    assert (loaded.spec, loaded.vocabulary, loaded.fitted_tokens) == (hmm.spec, hmm.vocabulary, 500)
    np.testing.assert_array_equal(loaded.nll(text), hmm.nll(text))
    assert loaded.log_likelihoods == hmm.log_likelihoods
    assert {p.name for p in tmp_path.iterdir()} == {"config.json", "model.safetensors", "lineage.json"}


def test_refuses_ids_of_another_vocabulary_and_folders_that_contradict_themselves(tmp_path):
    hmm = HMM(num_states=3).build(VOCABULARY)
    with pytest.raises(TelosError, match="tokens must be 0 to 6, the ids of this model's vocabulary"):
        hmm.nll(np.array([7]))
    hmm.save(tmp_path)
    config = (tmp_path / "config.json").read_text()
    (tmp_path / "config.json").write_text(config.replace('"num_states": 3', '"num_states": 4'))
    with pytest.raises(TelosError, match="must belong together") as error:
        load(tmp_path)
    assert error.value.found == "start_S of shape (3,), not (4,)"
    (tmp_path / "config.json").write_text(config.replace("telos_hmm", "telos_ngram"))
    with pytest.raises(TelosError, match="must hold a model of kind hmm") as error:
        load(tmp_path)
    assert error.value.found == "model_type 'telos_ngram'"
    (tmp_path / "config.json").write_text(config)
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-9])
    with pytest.raises(TelosError, match=r"model.safetensors must be whole"):
        load(tmp_path)
