"""adapters topic -> adapters in the engine, swapped only while no engine call runs.

What is announced is fetched and verified beside the work; `apply`, which the worker calls between
two batches, loads it and gives it its users. What fails is refused: the adapter before it stays.
"""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

import structlog

from models.adapters import require_fit
from models.engine import AdaptableEngine, Engine
from models.errors import AdapterError
from models.releases import assigned, release_id
from schemas.adapter_release import AdapterRelease
from schemas.codec import Poison
from stream_app.adapters.storage import fetch
from stream_app.image_errors import StorageUnavailableError
from stream_app.object_storage import ObjectStorage
from stream_app.releases import ADAPTERS

__all__ = ["AdapterFeed", "InEngine"]

logger = structlog.get_logger(__name__)

RETRY_S = 5.0
# A start waits so long for object storage; then the base weights answer until it is back.
START_PATIENCE_S = 30.0

InEngine = Callable[[Callable[[], None]], Awaitable[None]]


class AdapterFeed:
    """Follows the releases; knows which adapter answers for a user.

    `in_engine` runs a call where the engine's calls run; `on_fetched` is called when `apply` has
    something to do.
    """

    def __init__(
        self,
        engine: Engine,
        storage: ObjectStorage,
        in_engine: InEngine,
        on_fetched: Callable[[], None],
    ) -> None:
        self._engine = engine
        self._storage = storage
        self._in_engine = in_engine
        self._on_fetched = on_fetched
        # By name, each newer than the next: what is to be fetched, to be applied, and in use.
        self._announced: dict[str, AdapterRelease] = {}
        self._fetched: dict[str, tuple[AdapterRelease | None, bytes]] = {}
        self._live: dict[str, AdapterRelease] = {}
        self._changed = asyncio.Event()

    def adapter_of(self, user_id: str) -> str | None:
        """Return which adapter answers for a user, None for the base weights."""
        shares = {name: release.share for name, release in self._live.items()}
        name = assigned(user_id, shares, of="adapter")
        return None if name is None else release_id(self._live[name])

    def add(self, name: str, value: bytes | None) -> None:
        """Note a record of the topic; a null value withdraws the adapter."""
        release = None if value is None else ADAPTERS.read(name, value)
        if isinstance(release, Poison):
            logger.error("adapter release not readable", adapter=name, error=release.reason)
        elif release is None:
            # Nothing to fetch, so it waits for no object storage.
            self._announced.pop(name, None)
            self._fetched[name] = (None, b"")
            self._on_fetched()
        else:
            self._announced[name] = release
            self._changed.set()

    async def start(self) -> None:
        """Apply what has been announced, as far as object storage answers in half a minute."""
        await self.apply()
        # Again, because one that is refused may bring back the one before it.
        while self._announced:
            try:
                async with asyncio.timeout(START_PATIENCE_S):
                    await self._fetch_announced()
            except TimeoutError:
                logger.warning("starting without adapters", missing=sorted(self._announced))
                await self.apply()
                return
            await self.apply()

    async def run(self) -> None:
        """Fetch what is announced until cancelled."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            await self._fetch_announced()

    async def apply(self) -> None:
        """Load and unload what has been fetched; no engine call may run meanwhile."""
        while self._fetched:
            name, (release, data) = self._fetched.popitem()
            try:
                await self._swap(name, release, data)
            except Exception as error:  # noqa: BLE001  # a bad release costs itself, whatever it broke
                self._refuse(name, release, error)

    async def _fetch_announced(self) -> None:
        while self._announced:
            for name, release in list(self._announced.items()):
                await self._fetch(name, release)
            if self._announced:
                await asyncio.sleep(RETRY_S)

    async def _fetch(self, name: str, release: AdapterRelease) -> None:
        try:
            data = await self._data(release)
        except StorageUnavailableError as error:
            logger.warning("adapter not fetched yet", adapter=name, error=str(error))
            return
        except Exception as error:  # noqa: BLE001  # a bad release costs itself, whatever it broke
            if self._take(name, release):
                self._refuse(name, release, error)
            return
        if self._take(name, release):
            self._fetched[name] = (release, data)
            self._on_fetched()

    def _take(self, name: str, release: AdapterRelease) -> bool:
        """Tell whether this is still what is announced, and if so, strike it off."""
        if self._announced.get(name) is not release:
            return False
        self._announced.pop(name, None)
        return True

    async def _data(self, release: AdapterRelease) -> bytes:
        if self._is_live(release):
            return b""
        require_fit(self._engine.versions, base=release.base, prompt=release.prompt)
        return await asyncio.to_thread(fetch, self._storage, release)

    def _is_live(self, release: AdapterRelease) -> bool:
        live = self._live.get(release.name)
        return live is not None and release_id(live) == release_id(release)

    async def _swap(self, name: str, release: AdapterRelease | None, data: bytes) -> None:
        before = self._live.get(name)
        if release is not None and self._is_live(release):
            before = None
        elif release is not None and not data:
            # It was in use when its bytes were not fetched, and no longer is: fetch them now.
            self._announced.setdefault(name, release)
            self._changed.set()
            return
        elif release is not None:
            await self._in_engine(
                partial(self._adaptable().load_adapter, release_id(release), data)
            )
        if release is None:
            self._live.pop(name, None)
            logger.info("adapter withdrawn", adapter=name)
        else:
            self._live[name] = release
            logger.info("adapter in use", adapter=release_id(release), share=release.share)
        if before is not None:
            await self._in_engine(partial(self._adaptable().unload_adapter, release_id(before)))

    def _adaptable(self) -> AdaptableEngine:
        if not isinstance(self._engine, AdaptableEngine):
            raise AdapterError(f"engine {self._engine.versions.model} takes no adapters")
        return self._engine

    def _refuse(self, name: str, release: AdapterRelease | None, error: Exception) -> None:
        live = self._live.get(name)
        logger.error(
            "adapter refused",
            adapter=name if release is None else release_id(release),
            error=str(error) or type(error).__name__,
            kept=None if live is None else release_id(live),
        )
        is_newest = name not in self._fetched
        if live is None and is_newest and release is not None and release.previous is not None:
            # A worker that ran before has kept that one: all shall answer alike.
            self._announced.setdefault(name, release.previous)
            self._changed.set()
