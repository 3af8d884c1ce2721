"""Counts of partitions and days -> rates."""

from datetime import date, timedelta
from io import StringIO
from math import sqrt

import pytest
from aiokafka import ConsumerRecord
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from schemas.codec import encode
from schemas.list_quality import ListQuality
from stream_app.quality.counts import Counts
from stream_app.quality.figures import Rate, figures
from stream_app.quality.tally import added_up
from stream_app.quality.view import notes, places, sorted_parts, table

DAY = date(2026, 1, 10)


def test_rates_are_quotients_of_counts() -> None:
    found = figures(
        ListQuality(
            day=DAY, part="all", lists=10, shown=(10, 10, 8), taken=(2, 3, 1), best=(2, 2, 0)
        )
    )
    assert (found.hit_rate[1].value, found.hit_rate[3].value) == (0.2, 0.4)
    assert found.mrr == pytest.approx((2 * 1 + 2 / 2) / 10)
    assert found.click_through == pytest.approx(6 / 28)
    assert found.click_through_by_place == (0.2, 0.3, 0.125)


def test_where_nothing_was_shown_there_is_no_rate() -> None:
    found = figures(ListQuality(day=DAY, part="all"))
    assert (found.hit_rate[10].value, found.mrr, found.click_through) == (None, None, None)
    assert found.click_through_by_place == ()


@given(st.integers(1, 10_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_intervals_are_wilsons(num_of: tuple[int, int]) -> None:
    num, lists = num_of
    rate = figures(ListQuality(day=DAY, part="all", lists=lists, best=(num,))).hit_rate[1]
    share, z = num / lists, 1.959963984540054
    middle = (share + z * z / (2 * lists)) / (1 + z * z / lists)
    half = z / (1 + z * z / lists) * sqrt(share * (1 - share) / lists + (z / (2 * lists)) ** 2)
    assert rate.low == pytest.approx(max(middle - half, 0), abs=1e-9)
    assert rate.high == pytest.approx(min(middle + half, 1), abs=1e-9)


def test_without_scipy_there_are_rates_without_intervals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stream_app.quality.figures.binomtest", None)
    found = figures(counted(4))
    assert found.hit_rate[1] == Rate(0.25, None, None)
    shown = StringIO()
    console = Console(file=shown, width=200)
    console.print(table([found]))
    console.print(*notes(7, has_intervals=False))
    assert "0.250 [" not in shown.getvalue()
    assert "need scipy" in shown.getvalue()


def test_the_tables_have_all_lists_first_and_take_no_orders_from_names() -> None:
    hostile = counted(4, part="adapter=[/bold]\x1b]0;owned\x07[red]")
    totals = added_up([counted(2, part="source=recent"), hostile, counted(3)])
    found = [figures(one) for one in sorted_parts(totals)]
    assert [one.lists for one in found] == [3, 4, 2]
    shown = StringIO()
    console = Console(file=shown, width=200)
    console.print(table(found))
    console.print(places(found))
    assert "\x1b" not in shown.getvalue()
    assert "[/bold]" in shown.getvalue()
    assert "0.333 [0.061, 0.792]" in shown.getvalue()


def record(partition: int, counts: ListQuality | None, key: bytes = b"k") -> ConsumerRecord:
    value = None if counts is None else encode(counts)
    return ConsumerRecord("t", partition, 0, 0, 0, key, value, None, 0, 0, ())


def counted(lists: int, day: date = DAY, part: str = "all") -> ListQuality:
    return ListQuality(day=day, part=part, lists=lists, shown=(lists,) * lists, best=(1,))


def test_partitions_add_up_and_the_newest_record_of_a_key_counts() -> None:
    counts = Counts()
    for partition, lists in ((0, 9), (0, 2), (3, 3)):
        counts.add(record(partition, counted(lists)))
    whole = counts.totals(7)["all"]
    assert (whole.lists, whole.shown, whole.best) == (5, (5, 5, 3), (2,))
    counts.add(record(0, None))
    assert counts.totals(7)["all"].lists == 3
    counts.add(ConsumerRecord("t", 3, 0, 0, 0, b"k", b"{}", None, 0, 0, ()))
    assert counts.totals(7) == {}


def test_days_are_counted_from_the_newest_one() -> None:
    counts = Counts()
    for age in (0, 6, 7):
        day = DAY - timedelta(days=age)
        counts.add(record(0, counted(1, day), key=str(day).encode()))
    assert [counts.totals(days)["all"].lists for days in (1, 7, 8)] == [1, 2, 3]
    assert counts.totals(8)["all"].day == DAY
