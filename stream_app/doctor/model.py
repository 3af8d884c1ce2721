"""Whether the model is where the worker will look for it; nothing is loaded."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from stream_app.config import Settings
from stream_app.doctor.finding import Finding, ok, warning, wrong
from stream_app.engine import model_of

__all__ = ["FolderFacts", "ServedFacts", "check_model", "judge_folder", "judge_served"]

CHECK = "model"


@dataclass(frozen=True)
class FolderFacts:
    """A model's folder; `others` are default models of other weights beside it."""

    folder: Path
    is_there: bool
    has_weights: bool
    others: Sequence[str] = ()


@dataclass(frozen=True)
class ServedFacts:
    """What a model server answers to `/models`: its names, or why there are none."""

    url: str
    names: Sequence[str]
    error: str = ""


async def check_model(settings: Settings) -> Finding:
    """Look at the model of the settings, and judge."""
    if settings.engine == "weightless":
        return warning(CHECK, "none: STREAM_APP_ENGINE=weightless is for tests")
    if settings.engine == "openai":
        return judge_served(await _served(settings), settings.model_id)
    model = model_of(settings)
    facts = await asyncio.to_thread(_look, Path(model))
    if not facts.is_there and not isinstance(model, Path) and not model.startswith((".", "/")):
        return warning(
            CHECK,
            f"{model} comes from the hub or its cache when the worker starts; a folder in MODEL_ID "
            f"needs no network",
        )
    return judge_folder(facts, is_default=isinstance(model, Path))


def _look(folder: Path) -> FolderFacts:
    return FolderFacts(
        folder=folder,
        is_there=folder.is_dir(),
        has_weights=(folder / "config.json").is_file() and any(folder.glob("*.safetensors")),
        others=sorted(one.name for one in folder.parent.glob("default-*") if one != folder),
    )


def judge_folder(facts: FolderFacts, *, is_default: bool) -> Finding:
    """Judge a model's folder; the default model's name ends with the id of its trained weights."""
    if is_default and not facts.is_there:
        others = f"; {', '.join(facts.others)} is of other weights" if facts.others else ""
        return wrong(CHECK, f"{facts.folder} is not there{others}: run `stream-app setup`")
    if not facts.is_there:
        return wrong(CHECK, f"{facts.folder} is not there: check MODEL_ID")
    if not facts.has_weights:
        return wrong(
            CHECK,
            f"{facts.folder} has no config.json or no *.safetensors: "
            + ("remove it and run `stream-app setup`" if is_default else "check MODEL_ID"),
        )
    return ok(CHECK, f"{facts.folder.name} is there")


async def _served(settings: Settings) -> ServedFacts:
    url = f"{settings.openai_base_url.rstrip('/')}/models"
    key = settings.openai_api_key.get_secret_value().strip()
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    timeout = aiohttp.ClientTimeout(total=settings.openai_timeout_s)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.get(url, headers=headers, allow_redirects=False) as response,
        ):
            if not response.ok:
                return ServedFacts(url, (), f"HTTP status {response.status}")
            body = await response.json()
            return ServedFacts(url, [str(one["id"]) for one in body["data"]])
    except (aiohttp.ClientError, TimeoutError, ValueError, KeyError, TypeError) as error:
        # Its class alone: the text may hold headers.
        return ServedFacts(url, (), type(error).__name__)


def judge_served(facts: ServedFacts, model: str) -> Finding:
    """Judge whether a server has the model."""
    if facts.error:
        return wrong(
            CHECK,
            f"{facts.url}: {facts.error}; check OPENAI_BASE_URL, OPENAI_API_KEY and the server",
        )
    if model not in facts.names:
        served = ", ".join(facts.names) or "no model"
        return wrong(CHECK, f"{facts.url} has {served}, not {model}: check MODEL_ID")
    return ok(CHECK, f"{model} is served at {facts.url}")
