"""The same rules by datatrove, run by an interpreter that has it (`bench_filters` makes one); it needs nothing of Telos.

python datatrove_filters.py run FOLDER OUT          # the pipeline with two workers; prints its seconds
python datatrove_filters.py decide FOLDER EVERY     # each filter alone on every EVERY-th document; one JSON line each
"""

import json
import sys
import tempfile
import time
from pathlib import Path

from datatrove.data import Document
from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.filters import C4QualityFilter, FineWebQualityFilter, GopherQualityFilter, GopherRepetitionFilter
from datatrove.pipeline.formatters import PIIFormatter
from datatrove.pipeline.readers import JsonlReader
from datatrove.pipeline.writers import ParquetWriter
from loguru import logger

WORKERS = 2


def run(folder: str, out: str) -> None:
    with tempfile.TemporaryDirectory() as logs:
        rules = [GopherRepetitionFilter(), GopherQualityFilter(), C4QualityFilter(), FineWebQualityFilter(), PIIFormatter()]
        steps = [JsonlReader(folder), *rules, ParquetWriter(out)]
        started = time.perf_counter()
        LocalPipelineExecutor(steps, tasks=WORKERS, workers=WORKERS, logging_dir=logs, skip_completed=False).run()
        print(time.perf_counter() - started)


def decide(folder: str, every: int) -> None:
    filters = {"gopher_repetition": GopherRepetitionFilter(), "gopher_quality": GopherQualityFilter(),
               "c4": C4QualityFilter(), "fineweb": FineWebQualityFilter()}  # fmt: skip
    lines = [line for path in sorted(Path(folder).glob("*.jsonl")) for line in path.read_bytes().splitlines()]
    for line in lines[::every]:
        text = json.loads(line)["text"]
        decisions = {}
        for name, rule in filters.items():
            answer = rule.filter(Document(text=text, id="0"))
            decisions[name] = answer[1] if isinstance(answer, tuple) else None
        print(json.dumps(decisions))


if __name__ == "__main__":
    logger.remove()
    if sys.argv[1] == "run":
        run(sys.argv[2], sys.argv[3])
    else:
        decide(sys.argv[2], int(sys.argv[3]))
