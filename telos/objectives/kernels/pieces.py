"""What a row has of each document, and the words and sentences in it."""

import numpy as np

from telos.foundation.compiled import compiled


@compiled
def pieces(tokens: np.ndarray, documents: np.ndarray, end_of_text: int) -> tuple[np.ndarray, np.ndarray, int]:
    """(tokens without the ends of text, which piece of the row each is in, how many pieces); int64."""
    ids, places = np.empty(len(tokens), np.int64), np.empty(len(tokens), np.int64)
    kept = count = 0
    for t in range(len(tokens)):
        if t == 0 or documents[t] != documents[t - 1]:
            count += 1
        if tokens[t] != end_of_text:
            ids[kept], places[kept] = tokens[t], count - 1
            kept += 1
    return ids[:kept], places[:kept], count


@compiled
def words(
    tokens: np.ndarray, documents: np.ndarray, marks: np.ndarray, mark: int, end_of_text: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(places of the tokens that are no end of text, where each word begins among them and their number, which of the row's
    documents each word is in), int64.  A word begins where ``mark`` says so, and where a document does."""
    places, edges, pieces = np.empty(len(tokens), np.int64), np.empty(len(tokens) + 1, np.int64), np.empty(len(tokens), np.int64)
    kept = begun = 0
    piece, last = -1, -1
    for t in range(len(tokens)):
        if t == 0 or documents[t] != documents[t - 1]:
            piece += 1
        if tokens[t] != end_of_text:
            if piece != last or marks[t] & mark:
                edges[begun], pieces[begun], last = kept, piece, piece
                begun += 1
            places[kept] = t
            kept += 1
    edges[begun] = kept
    return places[:kept], edges[: begun + 1], pieces[:begun]


@compiled
def in_order(edges: np.ndarray, order: np.ndarray) -> np.ndarray:
    """int64: the places of parts that begin at ``edges``, the last of which is the end, one part after another in this order."""
    places, at = np.empty(edges[-1], np.int64), 0
    for part in order:
        for place in range(edges[part], edges[part + 1]):
            places[at] = place
            at += 1
    return places
