"""A server that fails, over real sockets: what it costs and what is said."""

import asyncio
import socket

import pytest
from aiohttp import web
from remote.model_server import ModelServer

from models.attempts import attempt
from models.errors import CapacityError, EngineError, InputError, ModelLoadError, UnavailableError
from models.remote import server as server_module
from models.remote.contract import Models
from models.remote.server import Server

KEY = "sk-very-secret"
NUM_TRIES = 2


@pytest.fixture
def asking(server: ModelServer) -> Server:
    return patient(server.url)


def patient(url: str, *, timeout_s: float = 10.0) -> Server:
    return Server(url, api_key=KEY, timeout_s=timeout_s, concurrency=4)


def ask(asking: Server) -> Models:
    return asking.get("/models", Models)


def always(status: int, text: str = "{}", **headers: str):
    """A fault: each request gets this answer."""

    async def fault(_request: web.Request) -> web.Response:
        return web.Response(
            status=status, text=text, content_type="application/json", headers=headers
        )

    return fault


def once(first):
    """A fault: the first request only fails."""
    faults = [first]

    async def fault(request: web.Request) -> web.Response | None:
        return await faults.pop()(request) if faults else None

    return fault


async def hang(_request: web.Request) -> None:
    await asyncio.Event().wait()


async def drip(request: web.Request) -> web.StreamResponse:
    """Send a byte now and then, for ever: no timeout between two bytes ever passes."""
    response = web.StreamResponse()
    await response.prepare(request)
    while True:
        await response.write(b" ")
        await asyncio.sleep(0.05)


async def flood(request: web.Request) -> web.StreamResponse:
    """Send without an end, and without saying how much it will be."""
    response = web.StreamResponse()
    await response.prepare(request)
    while True:
        await response.write(b" " * 2**16)


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_hiccup_is_bridged(server, asking, status):
    server.fault = once(always(status))
    assert ask(asking).data[0].id == "tiny"
    assert len(server.asked) == NUM_TRIES


@pytest.mark.parametrize(
    ("status", "expected", "says"),
    [
        (400, InputError, "refuses the request .400.: too long"),
        (401, EngineError, "check OPENAI_API_KEY"),
        (404, EngineError, "no such path or model"),
        (429, CapacityError, "overloaded"),
        (500, UnavailableError, "fails .500.: too long"),
        (503, UnavailableError, "fails .503."),
        (302, EngineError, "failed .302."),
    ],
)
def test_each_refusal_has_its_error(server, asking, status, expected, says):
    server.fault = always(status, '{"error": {"message": "too long", "code": 1}}')
    with pytest.raises(expected, match=says):
        ask(asking)


@pytest.mark.parametrize(
    "text", ["", "no JSON", "[]", '{"data": [{"name": 1}]}', '{"data": null}', "NaN"]
)
def test_another_answer_than_agreed_is_an_error(server, asking, text):
    server.fault = always(200, text)
    with pytest.raises(EngineError, match="otherwise than agreed"):
        ask(asking)


@pytest.mark.parametrize("fault", [hang, drip])
def test_silence_is_paid_for_once(server, fault):
    asking = patient(server.url, timeout_s=0.2)
    server.fault = fault
    for _ in range(5):
        with pytest.raises(EngineError, match=r"did not answer within 0\.2 s"):
            ask(asking)
    assert len(server.asked) == NUM_TRIES


def test_after_a_rest_it_is_asked_again(server, monkeypatch):
    monkeypatch.setattr(server_module, "REST_S", 0.0)
    asking = patient(server.url)
    server.fault = always(503)
    with pytest.raises(EngineError):
        ask(asking)
    server.fault = None
    assert ask(asking).data


def test_no_server_at_all():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/v1"
        with pytest.raises(EngineError, match=r"no connection to 127.*is it running\?"):
            ask(patient(url))


def test_an_answer_without_end_is_cut_off(server, asking):
    server.fault = flood
    with pytest.raises(EngineError, match="longer than 8388608 bytes"):
        ask(asking)
    assert len(server.asked) == 1


def test_a_compressed_answer_is_not_unpacked(server, asking):
    server.fault = always(200, "x", **{"Content-Encoding": "gzip"})
    with pytest.raises(EngineError, match="compresses"):
        ask(asking)


@pytest.mark.parametrize("key", ["sk-a\nX-Other: b", "sk-ключ"])
def test_a_key_that_no_header_takes_is_refused_unseen(key):
    with pytest.raises(ModelLoadError, match="OPENAI_API_KEY") as refused:
        Server("http://localhost:1/v1", api_key=key, timeout_s=1.0, concurrency=1)
    assert key not in str(refused.value)


@pytest.mark.parametrize("status", [400, 401, 418, 500])
def test_the_key_is_in_no_error(server, asking, status):
    async def echo(request: web.Request) -> web.Response:
        return web.json_response({"message": request.headers["Authorization"]}, status=status)

    server.fault = echo
    with pytest.raises(EngineError) as caught:
        ask(asking)
    error: BaseException | None = caught.value
    while error:
        assert KEY not in f"{error!r}"
        error = error.__cause__
    assert KEY not in repr(vars(asking)["_why"])


def test_one_bad_row_costs_one_row(server, asking):
    async def one_refused(request: web.Request) -> web.Response | None:
        refused = request.can_read_body and (await request.json())["row"] == 2
        status, body = (400, {"message": "bad"}) if refused else (200, {"data": []})
        return web.json_response(body, status=status)

    server.fault = one_refused

    def call(rows):
        return asking.each(lambda row: asking.post("/rows", {"row": row}, Models).data, rows)

    found = attempt(call, [1, 2, 3])
    assert [isinstance(one, InputError) for one in found] == [False, True, False]


def test_answers_keep_the_order_of_their_questions(asking):
    assert asking.each(lambda number: number * 2, range(20)) == list(range(0, 40, 2))


def test_a_call_that_the_client_draws_out_is_given_up(server):
    """The client waits as long as the server tells it to: two minutes at most."""
    asking = patient(server.url, timeout_s=0.1)
    server.fault = always(429, **{"Retry-After": "3"})
    with pytest.raises(EngineError, match="did not answer within"):
        asking.each(lambda _: ask(asking), [1])
