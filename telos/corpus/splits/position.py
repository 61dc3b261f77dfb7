"""By position: every document's head is train, its last part validation and then test.

For one long text, or when the model will meet continuations of what it was trained on.  Intervals are then over blocks."""

from telos.corpus.split import cuts, too_short
from telos.corpus.splits import Assignment, Documents, Split


class Position(Split):
    """Exact to the character for a single document; at the next line's start, if that is near, for several."""

    def assign(self, documents: Documents, seed: int) -> Assignment:
        short = sum(cuts(n, self) is None for n in documents.characters.tolist())
        if short == len(documents):
            raise too_short(documents, self)
        held_out = f"the last {100 * (self.validation_fraction + self.test_fraction):.3g} % of"
        which = "the only document" if len(documents) == 1 else "each document"
        note = f"split by position: {held_out} {which} is held out"
        if short:
            note += f"; {short} too short to be cut {'is' if short == 1 else 'are'} train"
        return Assignment(None, note)
