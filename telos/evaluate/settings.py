"""What is measured at the end of a run."""

from pydantic import Field

from telos.foundation.spec import Spec


class Evaluate(Spec):
    """Settings of the held-out measurement and of the report.

    ``stride``: how far the scoring window moves, in tokens; each token then has at least context_length − stride tokens
    before it where its document has them (None: half the context; the context length itself gives non-overlapping
    windows).  ``max_bytes``: at most that much held-out text is scored, whole documents chosen by their content hash.
    ``baselines``: whether `telos run` measures the ladder.  ``ngram_order``: of the n-gram baseline.  ``samples``: how many
    texts the report shows, of ``sample_tokens`` tokens.
    """

    stride: int | None = Field(None, ge=1)
    max_bytes: int = Field(1_000_000, ge=1)
    baselines: bool = True
    ngram_order: int = Field(5, ge=1)
    samples: int = Field(4, ge=0)
    sample_tokens: int = Field(120, ge=1)
