"""A server of the protocols that vLLM and SGLang speak, over a real model, on loopback.

It offers what a test tells it to, and fails as a test tells it to.
"""

import asyncio
from base64 import b64decode
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from threading import Thread

import torch
from aiohttp import web
from PIL import Image

from models.engine import Embeddable
from models.mllm.chat import render, tokenize
from models.mllm.generate import Question, generate
from models.mllm.load import LoadedModel
from models.weightless import WeightlessEngine

__all__ = ["EVERYTHING", "ModelServer", "serve"]

EVERYTHING = frozenset({"generative_scoring", "score", "logprobs", "embeddings"})

Fault = Callable[[web.Request], Awaitable[web.StreamResponse | None]]


class ModelServer:
    """One model under the name "tiny", and "words" for embeddings.

    `asked` are the paths of all requests, in order; `bodies` what they carried. A `fault` may
    answer in the server's place; where it returns None the server answers itself.
    """

    def __init__(self, loaded: LoadedModel, offers: frozenset[str]) -> None:
        self._loaded = loaded
        self.offers = offers
        self.fault: Fault | None = None
        self.asked: list[str] = []
        self.bodies: list[dict] = []
        self.url = ""

    def application(self) -> web.Application:
        app = web.Application(middlewares=[self._observed], client_max_size=2**24)
        app.router.add_get("/v1/models", self._models)
        app.router.add_post("/tokenize", self._tokenize)
        app.router.add_post("/v1/chat/completions", self._chat)
        app.router.add_post("/generative_scoring", self._generative_scoring)
        app.router.add_post("/v1/score", self._score)
        app.router.add_post("/v1/embeddings", self._embeddings)
        return app

    @web.middleware
    async def _observed(self, request: web.Request, handler: Callable) -> web.StreamResponse:
        self.asked.append(request.path)
        if self.fault and (response := await self.fault(request)):
            return response
        feature = request.path.removeprefix("/v1").strip("/")
        if feature in EVERYTHING and feature not in self.offers:
            raise web.HTTPNotFound(text='{"detail": "Not Found"}', content_type="application/json")
        if request.can_read_body:
            self.bodies.append(await request.json())
        return await handler(request)

    async def _models(self, _request: web.Request) -> web.Response:
        return web.json_response({"data": [{"id": "tiny", "root": "org/tiny"}, {"id": "words"}]})

    async def _tokenize(self, request: web.Request) -> web.Response:
        [ids] = tokenize(self._loaded.tokenizer, [self._rendered(await request.json())])
        return web.json_response({"count": len(ids), "max_model_len": 1024, "tokens": ids})

    async def _generative_scoring(self, request: web.Request) -> web.Response:
        body = await request.json()
        rows = self._probabilities(body)
        data = [{"index": n, "object": "score", "score": row[0]} for n, row in enumerate(rows)]
        return web.json_response({"object": "list", "model": body["model"], "data": data[::-1]})

    async def _score(self, request: web.Request) -> web.Response:
        body = await request.json()
        scores = self._probabilities(body)
        return web.json_response({"scores": scores, "model": body["model"], "object": "scoring"})

    async def _chat(self, request: web.Request) -> web.Response:
        body = await request.json()
        choice: dict = {"index": 0, "finish_reason": "length"}
        if body.get("logprobs") and "logprobs" in self.offers:
            [ids] = tokenize(self._loaded.tokenizer, [self._rendered(body)])
            choice["logprobs"] = {"content": [self._position(ids, body["top_logprobs"])]}
        choice["message"] = {"role": "assistant", "content": self._answer(body)}
        return web.json_response({"model": body["model"], "choices": [choice]})

    async def _embeddings(self, request: web.Request) -> web.Response:
        texts = [Embeddable(text) for text in (await request.json())["input"]]
        # Not of length 1, and not in order: clients must not rely on either.
        rows = 3 * WeightlessEngine().embed(texts)
        data = [{"index": n, "embedding": row.tolist()} for n, row in enumerate(rows)]
        return web.json_response({"object": "list", "data": data[::-1]})

    def _rendered(self, body: dict) -> str:
        messages = [_as_parts(message) for message in body["messages"]]
        if body.get("continue_final_message"):
            return self._loaded.processor.apply_chat_template(messages, continue_final_message=True)
        return render(self._loaded.processor, messages)

    def _probabilities(self, body: dict) -> list[list[float]]:
        labels = body["label_token_ids"]
        rows = [self._logits(body["query"] + item)[labels] for item in body["items"]]
        whole = [self._logits(body["query"] + item).logsumexp(0) for item in body["items"]]
        if body["apply_softmax"]:
            return [row.softmax(0).tolist() for row in rows]
        return [(row - mass).exp().tolist() for row, mass in zip(rows, whole, strict=True)]

    def _position(self, ids: list[int], num: int) -> dict:
        likeliest = self._logits(ids).log_softmax(0).topk(num)
        return {
            "top_logprobs": [
                {"token": self._loaded.tokenizer.decode([token]), "logprob": logprob, "bytes": None}
                for logprob, token in zip(*map(torch.Tensor.tolist, likeliest), strict=True)
            ]
        }

    @torch.inference_mode()
    def _logits(self, ids: list[int]) -> torch.Tensor:
        return self._loaded.model(input_ids=torch.tensor([ids])).logits[0, -1].float()

    def _answer(self, body: dict) -> str:
        messages = [_as_parts(message) for message in body["messages"]]
        opening = messages.pop()["content"][0]["text"] if body.get("continue_final_message") else ""
        question = Question(messages, _picture(body["messages"]), opening)
        [answer] = generate(self._loaded, [question], max_new_tokens=body["max_tokens"])
        return answer.text.removeprefix(opening)


def _as_parts(message: dict) -> dict:
    content = message["content"]
    parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
    kept = [{"type": "image"} if part["type"] == "image_url" else part for part in parts]
    return {**message, "content": kept}


def _picture(messages: list[dict]) -> Image.Image | None:
    for message in messages:
        for part in message["content"]:
            if isinstance(part, dict) and part["type"] == "image_url":
                encoded = part["image_url"]["url"].removeprefix("data:image/jpeg;base64,")
                return Image.open(BytesIO(b64decode(encoded, validate=True)))
    return None


@contextmanager
def serve(loaded: LoadedModel, offers: frozenset[str] = EVERYTHING) -> Iterator[ModelServer]:
    """Serve on a free port of 127.0.0.1 while the block runs."""
    server = ModelServer(loaded, offers)
    loop = asyncio.new_event_loop()
    # A client that gives up ends its handler, so that one that hangs ends with its test.
    runner = web.AppRunner(server.application(), handler_cancellation=True)

    async def start() -> str:
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        return f"http://127.0.0.1:{runner.addresses[0][1]}/v1"

    thread = Thread(target=loop.run_forever, daemon=True)
    thread.start()
    server.url = asyncio.run_coroutine_threadsafe(start(), loop).result(timeout=30)
    try:
        yield server
    finally:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(timeout=30)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(timeout=30)
        loop.close()
