"""A server of a tiny model on this machine that answers as vLLM does, or as it is told to fail.

What it computes is a plain loop over transformers; it knows nothing of Assay.
"""

import contextlib
import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.causal_rows import PlainLoop
from tests.tiny_models import POSITIONS

NAME = "tiny"


@dataclass(frozen=True)
class Fault:
    """An answer other than the right one.

    `hang_seconds` waits before it; a `status` of 0 closes the connection without an answer.
    """

    status: int = 500
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    hang_seconds: float = 0.0


Wrong = Callable[[str, Any, int], Fault | None]
"""Given a route, what is asked and how many have asked before, returns a fault or None."""
Mangle = Callable[[list[float | None], list[int]], list[float | None]]
"""Changes the log-probabilities of a prompt's tokens, given their ids."""


@dataclass
class ModelServer:
    """A server that is running.

    Attributes:
        loop: the model.
        forms: fields of a request that it understands.
        wrong: decides which requests fail.
        mangle: changes what it answers.
        key: what the header has to hold; none if empty.
        window: most tokens of a prompt and its continuation; None keeps it to itself.
        routes: what it has besides completions.
        one_prompt: refuse several prompts in one request.
        asked: token ids of every prompt that was answered.
        requests: route of every request.
        authorisations: header of every request.
    """

    loop: PlainLoop
    forms: frozenset[str] = frozenset({"prompt_logprobs", "echo"})
    wrong: Wrong = lambda route, body, count: None
    mangle: Mangle = lambda values, ids: values
    key: str = ""
    window: int | None = POSITIONS + 1
    routes: frozenset[str] = frozenset(
        {"/v1/models", "/v1/chat/completions", "/tokenize", "/detokenize", "/version"}
    )
    one_prompt: bool = False
    asked: list[tuple[int, ...]] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    authorisations: list[str] = field(default_factory=list)
    port: int = 0
    lock: Any = field(default_factory=threading.Lock)

    @property
    def base(self) -> str:
        """Where its routes begin."""
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def address(self) -> str:
        """What is typed as a model's name."""
        return f"{self.base}#{NAME}"

    def answer(self, route: str, body: Any) -> tuple[int, Any]:
        """Return status and JSON of a request."""
        if route == "/v1/completions":
            return self._complete(body)
        if route == "/v1/chat/completions" and route in self.routes:
            return self._chat(body)
        if route == "/tokenize" and "prompt" not in body:
            return 422, {"detail": [{"loc": ["prompt"]}]}
        known: dict[str, Callable[[Any], Any]] = {
            "/v1/models": self._models,
            "/version": lambda body: {"version": "0.0.1"},
            "/tokenize": self._tokenize,
            "/detokenize": lambda body: {"prompt": self.loop.tokenizer.decode(body["tokens"])},
            "/tokenizer_info": self._tokenizer_info,
        }
        if route not in self.routes:
            return 404, {"detail": "Not Found"}
        return 200, known[route](body)

    @property
    def _limit(self) -> dict[str, int]:
        return {} if self.window is None else {"max_model_len": self.window}

    def _models(self, body: Any) -> Any:
        return {"object": "list", "data": [{"id": NAME, "owned_by": "vllm", **self._limit}]}

    def _tokenize(self, body: Any) -> Any:
        added = body.get("add_special_tokens", True)
        ids = self.loop.tokenizer(body["prompt"], add_special_tokens=added)["input_ids"]
        return {"tokens": ids, "count": len(ids), **self._limit}

    def _tokenizer_info(self, body: Any) -> Any:
        special = self.loop.tokenizer.special_tokens_map
        return {name: special.get(name) for name in ("bos_token", "eos_token")}

    def _complete(self, body: Any) -> tuple[int, Any]:
        if body["model"] != NAME:
            return 404, {"error": {"message": "The model does not exist."}}
        prompts = body["prompt"]
        if isinstance(prompts, str) or isinstance(prompts[0], int):
            prompts = [prompts]
        elif self.one_prompt:
            return 400, {"error": {"message": "one prompt at a time"}}
        sequences = [self.loop.usual(p) if isinstance(p, str) else list(p) for p in prompts]
        if max(max(ids) for ids in sequences) >= self.loop.model.config.vocab_size:
            return 400, {"error": {"message": "A token is out of vocabulary."}}
        limit = self.window or POSITIONS + 1
        for ids in sequences:
            if len(ids) + max(1, body.get("max_tokens", 16)) > limit:
                said = f"This model's maximum context length is {limit} tokens."
                return 400, {"error": {"message": said}}
        if not {"logprobs", "prompt_logprobs"} & set(body):
            written, count = self._write(sequences[0], body)
            return 200, {"choices": [written], "usage": {"completion_tokens": count}}
        choices = [self._choice(place, ids, body) for place, ids in enumerate(sequences)]
        return 200, {"choices": choices[::-1]}  # in the order in which they happen to be done

    def _chat(self, body: Any) -> tuple[int, Any]:
        ids = self.loop.tokenizer.apply_chat_template(
            body["messages"], tools=body.get("tools"), add_generation_prompt=True, return_dict=False
        )
        limit = self.window or POSITIONS + 1
        if len(ids) + body["max_tokens"] > limit:
            said = f"This model's maximum context length is {limit} tokens."
            return 400, {"error": {"message": said}}
        written, count = self._write(ids, body, ends=("<|im_end|>",))
        message = {"role": "assistant", "content": written.pop("text")}
        choice = {**written, "message": message}
        return 200, {"choices": [choice], "usage": {"completion_tokens": count}}

    def _write(
        self, ids: list[int], body: Any, *, ends: Sequence[str] = ()
    ) -> tuple[dict[str, Any], int]:
        """Return a reply, and how many tokens it has."""
        with self.lock:
            self.asked.append(tuple(ids))
            made = self.loop.reply(
                ids,
                body["max_tokens"],
                temperature=body["temperature"],
                seed=body.get("seed", 0),
                ends=ends,
            )
        text = self.loop.shown(made.ids)
        stopped = [place for stop in body.get("stop", ()) if (place := text.find(stop)) >= 0]
        finish = "stop" if stopped or made.ended else "length"
        text = text[: min(stopped)] if stopped else text
        return {"index": 0, "text": text, "finish_reason": finish}, len(made.ids)

    def _choice(self, place: int, ids: list[int], body: Any) -> dict[str, Any]:
        with self.lock:
            values = self.mangle([None, *self.loop.log_probs(ids).tolist()], ids)
            self.asked.append(tuple(ids))
        choice: dict[str, Any] = {"index": place, "text": "", "logprobs": None}
        if "prompt_logprobs" in self.forms and body.get("prompt_logprobs") is not None:
            choice["prompt_logprobs"] = [
                None if value is None else {str(token): {"logprob": value, "rank": 1}}
                for token, value in zip(ids, values, strict=False)
            ]
        if body.get("logprobs") is not None:
            made = [-0.5] * body["max_tokens"]
            echoed = values if body.get("echo") and "echo" in self.forms else []
            choice["logprobs"] = {"token_logprobs": [*echoed, *made]}
        return choice


@contextlib.contextmanager
def serving(loop: PlainLoop, **settings: Any) -> Iterator[ModelServer]:
    """Yield a server of a model, answering until the end."""
    server = ModelServer(loop, **settings)
    over = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1

        def do_GET(self) -> None:
            self._reply(None)

        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            self._reply(json.loads(self.rfile.read(length)))

        def _reply(self, body: Any) -> None:
            given = self.headers.get("Authorization", "")
            with server.lock:
                count = server.requests.count(self.path)
                server.requests.append(self.path)
                server.authorisations.append(given)
            fault = server.wrong(self.path, body, count)
            if server.key and given != f"Bearer {server.key}":
                fault = Fault(401, {"error": {"message": f"Incorrect API key: {given[7:]}"}})
            if fault is not None:
                over.wait(fault.hang_seconds)
                if not fault.status:
                    self.close_connection = True
                    return
                self._send(fault.status, fault.body, fault.headers)
                return
            self._send(*server.answer(self.path, body), {})

        def _send(self, status: int, body: Any, headers: Mapping[str, str]) -> None:
            text = body.encode() if isinstance(body, str) else json.dumps(body).encode()
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(text))}.items():
                self.send_header(name, value)
            self.end_headers()
            with contextlib.suppress(ConnectionError):
                self.wfile.write(text)

        def log_message(self, *words: Any) -> None:
            """Say nothing."""

    web = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    web.daemon_threads = True
    server.port = web.server_address[1]
    thread = threading.Thread(target=web.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        over.set()
        web.shutdown()
        web.server_close()
        thread.join()
