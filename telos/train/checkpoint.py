"""Checkpoints that a crash cannot half write and a flipped bit cannot fool.

``checkpoints/step-N/`` holds model.safetensors (fp32 masters and owned parts), optimizer.safetensors, with early stopping
best.safetensors (the weights of the best evaluation so far), state.json and the manifest with their SHA-256.
Tests: tests/train/test_checkpoint.py, tests/train/test_early_stopping.py, tests/faults/.
"""

import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from telos.foundation.errors import TelosError
from telos.foundation.files import commit_folder, read_json, require_free, verify_folder, write_json
from telos.foundation.progress import say
from telos.optim.optimizers import Updater
from telos.train.trainable import Trainable

MODEL, OPTIMIZER, BEST, STATE = "model.safetensors", "optimizer.safetensors", "best.safetensors", "state.json"


@dataclass(frozen=True, slots=True)
class Restored:
    """``step`` of the checkpoint that training goes on from; ``state``: what was saved beside the tensors; ``best``: the
    weights of the best evaluation, where early stopping keeps them."""

    step: int
    state: dict[str, Any]
    folder: Path
    best: dict[str, torch.Tensor]


class Checkpoints:
    """The checkpoints of one run.

    ``identity``: name → hash of everything that a checkpoint depends on (model, objective, optimizer, data …); a checkpoint
    with another one is refused by name.  ``keep``: how many good ones stay.
    """

    def __init__(self, folder: Path, identity: dict[str, str], keep: int):
        self.folder, self.identity, self.keep = Path(folder), identity, keep

    def steps(self) -> list[int]:
        """Steps of the committed checkpoints, newest first."""
        if not self.folder.exists():
            return []
        found = (re.fullmatch(r"step-(\d+)", path.name) for path in self.folder.iterdir() if path.is_dir())
        return sorted((int(match[1]) for match in found if match), reverse=True)

    def path(self, step: int) -> Path:
        return self.folder / f"step-{step}"

    # -- saving -----------------------------------------------------------------------------------------------------

    def require_room(self, model: Trainable, updater: Updater, *, with_best: bool = False) -> int:
        """Bytes of a checkpoint, ``with_best`` weights beside the last ones.  Refuses, before the first step, a disk without room
        for the checkpoints of this run (one more than are kept, while the newest is written)."""
        weights = [*model.state().values()] * (2 if with_best else 1)
        one = sum(t.numel() * t.element_size() for t in (*weights, *updater.state_dict().values()))
        there = len(self.steps())
        require_free(self.folder, one * max(1, self.keep + 1 - there), "checkpoints of this run")
        return one

    def save(
        self, step: int, model: Trainable, updater: Updater, state: dict[str, Any], best: dict[str, torch.Tensor] | None = None
    ) -> Path:
        """Commit the checkpoint of a step, with the ``best`` weights where there are some, then remove the ones beyond ``keep``.

        Where the disk fails (full, read-only) a `TelosError` names what is still good; nothing half-written is left.
        """
        try:
            with commit_folder(self.path(step), step=step) as folder:
                save_file(_on_cpu(model.state()), folder / MODEL)
                save_file(_on_cpu(updater.state_dict()), folder / OPTIMIZER)
                if best:
                    save_file(_on_cpu(best), folder / BEST)
                write_json(folder / STATE, {"step": step, "identity": self.identity, **state})
        except (OSError, SafetensorError, TelosError) as error:
            older = [s for s in self.steps() if s != step]
            raise TelosError(f"the checkpoint of step {step} must be written to {self.folder}", str(error),
                             f"free some room and run again; it goes on from {f'step {older[0]}' if older else 'the start'}"
                             ) from error  # fmt: skip
        for old in self.steps()[self.keep :]:
            shutil.rmtree(self.path(old))
        return self.path(step)

    # -- resuming ---------------------------------------------------------------------------------------------------

    def restore(self, model: Trainable, updater: Updater) -> Restored | None:
        """Load the newest checkpoint that is whole; None where there is none.

        A damaged one is named, set aside as ``damaged-step-N`` and passed over.  Raises `TelosError` where the newest whole one
        is of another recipe.
        """
        self._clear_leftovers()
        for step in self.steps():
            folder = self.path(step)
            try:
                verify_folder(folder)
            except TelosError as error:
                self._set_aside(step, error)
                continue
            state = read_json(folder / STATE)
            self._require_same(folder, state["identity"])
            model.load(load_file(folder / MODEL))
            updater.load_state_dict(load_file(folder / OPTIMIZER))
            best = load_file(folder / BEST) if (folder / BEST).exists() else {}
            return Restored(step, state, folder, best)
        return None

    def _require_same(self, folder: Path, identity: dict[str, str]) -> None:
        names = sorted(set(identity) | set(self.identity))
        other = [name for name in names if identity.get(name) != self.identity.get(name)]
        if other:
            raise TelosError(
                f"{folder} must be a checkpoint of this recipe",
                f"it is of another {', '.join(other)}",
                f"choose another --out, go back to the settings it was made with, or remove {self.folder}",
            )

    def _set_aside(self, step: int, error: TelosError) -> None:
        aside = self.folder / f"damaged-step-{step}"
        shutil.rmtree(aside, ignore_errors=True)
        self.path(step).rename(aside)
        older = [s for s in self.steps() if s < step]
        instead = f"going on from step {older[0]}" if older else "beginning anew"
        say(f"checkpoint step-{step} is damaged ({error.must}: {error.found}); set aside as {aside.name}, {instead}")

    def _clear_leftovers(self) -> None:
        """What a killed save left: temporary folders, and an old checkpoint whose replacement was not yet in place."""
        if not self.folder.exists():
            return
        for path in list(self.folder.iterdir()):
            if match := re.fullmatch(r"\.(step-\d+)\.old", path.name):
                if not (self.folder / match[1]).exists():
                    path.rename(self.folder / match[1])
                    continue
            elif not re.fullmatch(r"\.step-\d+\.tmp-.*", path.name):
                continue
            shutil.rmtree(path, ignore_errors=True)


def _on_cpu(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
