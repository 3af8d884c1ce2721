"""A folder of peft -> object storage and the adapters topic."""

import asyncio
from dataclasses import replace
from pathlib import Path

from schemas.adapter_release import AdapterRelease
from stream_app.adapters.storage import adapter_storage, store
from stream_app.config import Settings
from stream_app.engine import engine_versions
from stream_app.releases import ADAPTERS, now

__all__ = ["release"]


async def release(
    settings: Settings, folder: Path, *, name: str, share: float, metrics: dict[str, float]
) -> AdapterRelease:
    """Store a folder's adapter and announce it, in place of the name's release before.

    Where the folder doesn't tell by which model and prompts it was trained, those of this
    deployment are taken.

    Raises:
        AdapterError: If the folder, the name or the share can't be; nothing is announced then.
        StorageUnavailableError: If object storage can't be reached.
        KafkaError: If the broker can't.
    """
    # Imports torch, which the other commands don't need.
    from models.mllm.adapter_file import read_folder

    before = await ADAPTERS.before(settings, name, share)
    adapter = await asyncio.to_thread(read_folder, folder)
    if adapter.base is None or adapter.prompt is None:
        ours = engine_versions(settings)
        adapter = replace(
            adapter, base=adapter.base or ours.model, prompt=adapter.prompt or ours.prompt
        )
    location, digest = await asyncio.to_thread(
        store, adapter_storage(settings), settings.adapter_bucket, name, adapter.to_bytes()
    )
    announced = AdapterRelease(
        name=name,
        location=location,
        sha256=digest,
        metrics=metrics,
        share=share,
        released_at=now(),
        base=adapter.base,
        prompt=adapter.prompt,
        previous=before,
    )
    await ADAPTERS.announce(settings, announced)
    return announced
