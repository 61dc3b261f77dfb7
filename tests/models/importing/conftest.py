"""A hub on the loopback address that mimics the routes of huggingface.co, and small random models that transformers makes."""

import hashlib
import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

COMMIT = "c" * 40


class Hub:
    """``files``: name → bytes of the one model ``someone/small``.  ``asked``: method, path and Range of every request.
    ``break_after``: bytes of a large file after which the connection ends, once.  ``status``: answered instead, with a code."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.asked: list[tuple[str, str, str | None]] = []
        self.break_after: int | None = None
        self.status: tuple[int, str] | None = None
        self.spoil = False
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.address = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def facts(self, path: str) -> object:
        """What the API says, or None."""
        if path.startswith("/api/models/someone/small/revision/"):
            return {"id": "someone/small", "sha": COMMIT, "siblings": [{"rfilename": name} for name in self.files]}
        if path.startswith(f"/api/models/someone/small/tree/{COMMIT}"):
            return [self._entry(name, content) for name, content in self.files.items()]
        return None

    def _entry(self, name: str, content: bytes) -> dict:
        entry: dict = {"type": "file", "path": name, "size": len(content), "oid": hashlib.sha1(content).hexdigest()}
        if name.endswith(".safetensors"):
            entry["lfs"] = {"oid": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 130}
        return entry

    def etag(self, name: str) -> str:
        entry = self._entry(name, self.files[name])
        return entry["lfs"]["oid"] if "lfs" in entry else entry["oid"]

    def _handler(hub):  # noqa: N805 - `self` is the handler's
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_) -> None:
                pass

            def do_HEAD(self) -> None:
                self.do_GET()

            def do_GET(self) -> None:
                path = self.path.split("?")[0]
                hub.asked.append((self.command, path, self.headers.get("Range")))
                if hub.status is not None:
                    self._answer(hub.status[0], b"{}", {"X-Error-Code": hub.status[1]})
                elif (facts := hub.facts(path)) is not None:
                    self._answer(200, json.dumps(facts).encode(), {"Content-Type": "application/json"})
                elif path.startswith("/api/models/someone/small/"):
                    self._answer(404, b"{}", {"X-Error-Code": "RevisionNotFound"})
                elif path.startswith(f"/someone/small/resolve/{COMMIT}/") and path.rsplit("/", 1)[1] in hub.files:
                    self._file(path.rsplit("/", 1)[1])
                else:
                    self._answer(404, b"{}", {"X-Error-Code": "RepoNotFound"})

            def _file(self, name: str) -> None:
                content = hub.files[name]
                if hub.spoil and name.endswith(".safetensors"):
                    content = content[:-1] + bytes([content[-1] ^ 1])
                more = {"ETag": f'"{hub.etag(name)}"', "X-Repo-Commit": COMMIT, "Accept-Ranges": "bytes"}
                start = int((self.headers.get("Range") or "bytes=0-")[6:].split("-")[0])
                if start:
                    more["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
                self._answer(206 if start else 200, content[start:], more)

            def _answer(self, status: int, content: bytes, more: dict[str, str]) -> None:
                self.send_response(status)
                for key, value in (more | {"Content-Length": str(len(content))}).items():
                    self.send_header(key, value)
                self.end_headers()
                if self.command == "HEAD":
                    return
                if hub.break_after is not None and len(content) > hub.break_after:
                    self.wfile.write(content[: hub.break_after])
                    hub.break_after, self.close_connection = None, True
                else:
                    self.wfile.write(content)

        return Handler


@pytest.fixture
def hub(monkeypatch, tmp_path) -> Iterator[Hub]:
    """An empty cache, and the hub's address where a mirror's would stand."""
    constants = pytest.importorskip("huggingface_hub.constants")
    made = Hub()
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    monkeypatch.setenv("HF_ENDPOINT", made.address)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    yield made
    made.server.shutdown()
    made.server.server_close()


def made_tokenizer(size: int, kind: str):
    """A tokenizer of `size` tokens as transformers saves one: byte-level as GPT-2's, or by bytes with ``<s>`` as Llama's."""
    import transformers
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors

    if kind == "gpt2":
        alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
        backend = Tokenizer(models.BPE({c: i for i, c in enumerate(alphabet)}, []))
        backend.pre_tokenizer, backend.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
        backend.add_special_tokens(["<|endoftext|>"])
        roles = {"bos_token": "<|endoftext|>", "eos_token": "<|endoftext|>"}
    else:
        pieces = ["<unk>", "<s>", "</s>"] + [f"<0x{byte:02X}>" for byte in range(256)]
        backend = Tokenizer(models.BPE({p: i for i, p in enumerate(pieces)}, [], unk_token="<unk>", byte_fallback=True))
        backend.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Fuse()])
        backend.add_special_tokens(pieces[:3])
        frame = {"bert": "<s> $A </s>", "t5": "$A </s>", "llama": "<s> $A"}[kind]
        backend.post_processor = processors.TemplateProcessing(single=frame, special_tokens=[("<s>", 1), ("</s>", 2)])
        roles = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<unk>"}
    assert backend.get_vocab_size() <= size
    return transformers.PreTrainedTokenizerFast(tokenizer_object=backend, **roles)


SMALL = {"vocab_size": 264, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
         "num_key_value_heads": 2, "max_position_embeddings": 64}  # fmt: skip


def made_model(kind: str):
    import transformers as t

    torch.manual_seed(0)
    wide = {"initializer_range": 0.3}
    experts = {"num_local_experts": 4, "num_experts_per_tok": 2}
    configs = {
        "gpt2": lambda: t.GPT2LMHeadModel(t.GPT2Config(vocab_size=264, n_embd=32, n_layer=2, n_head=4, n_positions=64,
                                                       bos_token_id=256, eos_token_id=256, **wide)),
        "llama": lambda: t.LlamaForCausalLM(t.LlamaConfig(**SMALL, **wide)),
        "qwen3": lambda: t.Qwen3ForCausalLM(t.Qwen3Config(**SMALL, head_dim=8, **wide)),
        "mixtral": lambda: t.MixtralForCausalLM(t.MixtralConfig(**SMALL, **experts, **wide)),
        "bert": lambda: t.BertForMaskedLM(t.BertConfig(**{k: v for k, v in SMALL.items() if "key_value" not in k}, **wide)),
        "t5": lambda: t.T5ForConditionalGeneration(t.T5Config(vocab_size=264, d_model=32, d_kv=8, d_ff=48, num_layers=2,
                                                              num_heads=4, decoder_start_token_id=0, eos_token_id=2)),
    }  # fmt: skip
    return configs[kind]().eval()


TOKENIZERS = {"gpt2": "gpt2", "llama": "llama", "qwen3": "gpt2", "mixtral": "llama", "bert": "bert", "t5": "t5"}


@pytest.fixture
def theirs(tmp_path):
    """``theirs("llama")``: (a folder that transformers wrote, the model, its tokenizer)."""

    def make(kind: str, **more) -> tuple[Path, torch.nn.Module, object]:
        folder = tmp_path / "theirs" / kind
        model, tokenizer = made_model(kind), made_tokenizer(264, TOKENIZERS[kind])
        if "dtype" in more:
            model = model.to(more.pop("dtype"))
        model.save_pretrained(folder, **more)
        tokenizer.save_pretrained(folder)
        return folder, model, tokenizer

    return make
