"""`stream-app demo`: the whole product on one machine, with shoppers in it."""

import asyncio
import os
import signal
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.panel import Panel
from rich.rule import Rule

from schemas.codec import decode
from schemas.item_profile import ItemProfile
from schemas.recommendation import Recommendation
from stream_app.catalog import load_catalogue
from stream_app.config import Settings
from stream_app.dead_letters.letters import num_letters
from stream_app.demo.garments import Garment, draw_catalogue
from stream_app.demo.loop import LoopReport, run_loop
from stream_app.demo.shop import write_catalogue
from stream_app.demo.shoppers import make_shoppers
from stream_app.demo.summary_change import marked_change
from stream_app.embedded.process import ChildProcess
from stream_app.kafka.compacted import CompactedView
from stream_app.kafka.topics import create_topics
from stream_app.local import settings_on, stack_for
from stream_app.show import Progress, progress_bars, recommendation_view
from stream_app.supervise import PROCESSES, running, watch

__all__ = ["run_demo"]

# So many are read before the first shopper comes; of a larger catalogue the rest between events.
FIRST_PROFILES = 96
NUM_SHOWN = 5
# Two cores score less than a thousand tokens a second, and a batch of users takes as much longer
# as it has users: one at a time is answered sooner. Given settings go before these.
PACE = {
    "STREAM_APP_NUM_CANDIDATES": "12",
    "STREAM_APP_MAX_BATCH_EVENTS": "1",
}
LOOK_EVERY_S = 0.5
AT_WORK = ('"agent running"', '"process started"', '"worker started"')


async def run_demo(
    settings: Settings, *, num_shoppers: int, num_items: int, num_events: int | None
) -> None:
    """Start the stack and the processes, load the drawn catalogue, and let shoppers shop.

    Raises:
        EmbeddedError: If a server or one of the processes does not start or ends.
    """
    console = Console()
    settings = _apart(settings)
    data = settings.home / "demo"
    garments = list(draw_catalogue(num_items))
    with progress_bars() as progress:
        items = write_catalogue(garments, data / "catalogue", progress=progress)
    console.print("starting Kafka and S3 …")
    with stack_for(settings, data / "stack") as stack:
        settings = settings_on(stack, settings)
        environment = {
            **PACE,
            **os.environ,
            **stack.environment(),
            # What they say of themselves at INFO is how the demo knows that they are at work.
            "STREAM_APP_LOG_LEVEL": "INFO",
            "STREAM_APP_TOPIC_PREFIX": settings.topic_prefix,
            "STREAM_APP_BUCKETS": ",".join(settings.buckets),
            "STREAM_APP_STATE_DIR": str(data / "state"),
        }
        await create_topics(settings)
        dead_before = await num_letters(settings)
        with running(
            PROCESSES, data / "logs", environment=environment, drain_s=settings.drain_s
        ) as processes:
            console.print(f"processes: {', '.join(PROCESSES)}; their logs: {data / 'logs'}")
            report = LoopReport()
            shopping = asyncio.create_task(
                _shop(
                    settings, console, processes, garments, items, num_shoppers, num_events, report
                )
            )
            _cancel_on_signals(shopping)
            watching = asyncio.create_task(watch(processes))
            await asyncio.wait([shopping, watching], return_when=asyncio.FIRST_COMPLETED)
            watching.cancel()
            with suppress(asyncio.CancelledError):
                if not shopping.done():
                    shopping.cancel()
                    await watching
                await shopping
            num_dead = await num_letters(settings) - dead_before
            _print_summary(console, report, num_dead)


def _apart(settings: Settings) -> Settings:
    """Keep the demo out of a deployment's topics and buckets, unless it is told where to go."""
    own = {"topic_prefix": "demo.", "buckets": ("stream-app-demo",)}
    unset = {name: value for name, value in own.items() if name not in settings.model_fields_set}
    return settings.model_copy(update=unset)


def _cancel_on_signals(task: asyncio.Task[None]) -> None:
    for signum in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(signum, task.cancel)


async def _shop(
    settings: Settings,
    console: Console,
    processes: Sequence[ChildProcess],
    garments: Sequence[Garment],
    items: Path,
    num_shoppers: int,
    num_events: int | None,
    report: LoopReport,
) -> None:
    with progress_bars() as progress:
        await load_catalogue(settings, items, items.parent, progress=progress)
        await _until_at_work(processes, progress)
        notices = await _until_profiled(settings, min(FIRST_PROFILES, len(garments)), progress)
    shoppers = make_shoppers(num_shoppers)
    watched = shoppers[0]
    for notice in sorted(notices):
        console.print(f"[yellow]note: {escape(notice)}[/yellow]")
    console.print(
        f"{num_shoppers} shoppers; you watch [bold]{watched.user_id}[/bold], "
        f"who likes {escape(watched.taste.describe())} (the app doesn't know)"
    )

    def show(recommendation: Recommendation, latency_s: float) -> None:
        if recommendation.user_id == watched.user_id:
            _print_answer(console, recommendation, latency_s, report)

    await run_loop(
        settings, shoppers, garments, num_events=num_events, report=report, on_answer=show
    )


async def _until_at_work(processes: Sequence[ChildProcess], progress: Progress) -> None:
    """Wait until every process says so in its log; the worker loads the model before."""
    at_work: set[str] = set()
    while len(at_work) < len(processes):
        for process in processes:
            if any(sign in process.log_tail() for sign in AT_WORK):
                at_work.add(process.name)
        progress("processes at work", len(at_work), len(processes))
        await asyncio.sleep(LOOK_EVERY_S)


async def _until_profiled(settings: Settings, num_profiles: int, progress: Progress) -> set[str]:
    """Wait for the first profiles; return what they say that they could not rest on."""
    profiled: set[str] = set()
    notices: set[str] = set()
    enough = asyncio.Event()

    def count(item_id: str, value: bytes | None) -> None:
        profile = decode(ItemProfile, value or b"")
        if isinstance(profile, ItemProfile):
            profiled.add(item_id)
            notices.update(filter(None, [profile.degraded]))
        progress("the model reads the first items", min(len(profiled), num_profiles), num_profiles)
        if len(profiled) >= num_profiles:
            enough.set()

    topic = settings.topics.item_profiles.name
    view = CompactedView(settings, topic, count)
    await view.start()
    following = asyncio.create_task(view.run())
    try:
        await enough.wait()
    finally:
        following.cancel()
        await view.stop()
    return notices


def _print_answer(
    console: Console, recommendation: Recommendation, latency_s: float, report: LoopReport
) -> None:
    console.print(Rule(f"event {report.num_events}, answered in {1000 * latency_s:.0f} ms"))
    shown = recommendation.model_copy(update={"items": recommendation.items[:NUM_SHOWN]})
    change = marked_change(recommendation.previous_summary, recommendation.summary)
    if change is not None:
        console.print(Panel(change, title="the summary changed", title_align="left"))
    console.print(recommendation_view(shown))


def _print_summary(console: Console, report: LoopReport, num_dead: int) -> None:
    p50, p95 = report.latency_ms(0.5), report.latency_ms(0.95)
    latency = "no answer" if p50 is None or p95 is None else f"p50 {p50:.0f} ms, p95 {p95:.0f} ms"
    console.print(Rule("done"))
    console.print(
        f"events {report.num_events}, recommendations {len(report.latencies_s)}, "
        f"users answered {len(report.answered_users)} of {len(report.users)}, "
        f"event to recommendation {latency}, dead letters {num_dead}"
    )
