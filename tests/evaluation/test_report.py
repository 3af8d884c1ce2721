import json
import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from evaluation.made import START, catalogue, queries_after, tastes_log

from schemas.item import Item
from stream_app.evaluation.baselines.answers import answers
from stream_app.evaluation.baselines.matrix import ItemKnn
from stream_app.evaluation.baselines.popularity import MostPop
from stream_app.evaluation.expected import AnswerError
from stream_app.evaluation.report import log_sha256, write_report
from stream_app.evaluation.results import Results
from stream_app.evaluation.timeline import Moment, Timeline, stability
from stream_app.replay.queries import RankedList

LOG = tastes_log(1400)
CUT = 1000
QUERIES = queries_after(LOG, CUT)
HOSTILE = "<script>alert('|x|')</script> **bold** {{ 7 * 7 }} $x_{$"


def without_cost(lists: list[RankedList]) -> list[RankedList]:
    return [replace(one, cost_s=None) for one in lists]


GOOD = without_cost(answers(ItemKnn(), LOG, QUERIES, cut=CUT))
POPULAR = without_cost(answers(MostPop(), LOG, QUERIES, cut=CUT))


def shuffled(lists: list[RankedList]) -> list[RankedList]:
    """The planted regression: every item of a list gets the score of another one."""
    rng = np.random.default_rng(4)
    return [replace(one, item_ids=tuple(rng.permutation(one.item_ids).tolist())) for one in lists]


def with_sources(lists: list[RankedList]) -> list[RankedList]:
    return [
        replace(
            one,
            cost_s=0.01 * (number % 7 + 1),
            tokens=100,
            sources={
                item_id: ("nearest",) if place % 2 else ("nearest", "newest")
                for place, item_id in enumerate(one.item_ids)
            },
        )
        for number, one in enumerate(lists)
    ]


def write(out: Path, **changes: object) -> Results:
    given = {
        "title": "Replay",
        "command": "stream-app replay log.jsonl --protocol temporal",
        "facts": {"protocol": "temporal"},
        "queries": QUERIES,
        "answers": {"ours": with_sources(GOOD), "MostPop": POPULAR},
        "log": LOG,
        "items": catalogue(LOG),
        **changes,
    }
    return write_report(out, **given)


TIMELINE = Timeline(
    "u7",
    (
        Moment(START, "liked", HOSTILE, "Likes hats.", ("Blue hat", "Red hat")),
        Moment(
            START + timedelta(hours=1),
            "clicked",
            "Red hat",
            "Likes red hats.",
            ("Red scarf", "Blue hat"),
            took="Red scarf",
        ),
    ),
)


def test_shuffled_scores_show_as_a_regression(tmp_path):
    results = write(tmp_path, answers={"ours": shuffled(GOOD), "ours before": GOOD})
    for verdict in results.verdicts:
        assert verdict.relation == "worse than"
        assert verdict.p_value < 0.05
        assert verdict.comparison.difference.high < 0
    page, text = (tmp_path / "index.html").read_text(), (tmp_path / "report.md").read_text()
    assert "ours is <strong>worse than</strong> ours before: NDCG@10 -0." in page
    assert "- ours is worse than ours before: NDCG@10 -0." in text
    told = json.loads((tmp_path / "report.json").read_text())["results"]["verdicts"]
    assert {one["relation"] for one in told} == {"worse than"}


def test_what_is_as_good_is_not_called_worse(tmp_path):
    results = write(tmp_path, answers={"ours": GOOD, "ours before": GOOD, "MostPop": POPULAR})
    relations = {(one.other, one.metric): one.relation for one in results.verdicts}
    assert relations["ours before", "NDCG@10"] == "not told apart from"
    assert relations["MostPop", "NDCG@10"] == "better than"


def test_the_report_says_how_to_make_it_again(tmp_path):
    write(tmp_path)
    told = json.loads((tmp_path / "report.json").read_text())
    assert told["command"] == "stream-app replay log.jsonl --protocol temporal"
    assert log_sha256(LOG) in told["facts"]["events"]
    assert {"Python", "numpy", "stream-app"} <= told["versions"].keys()
    for name in ("index.html", "report.md"):
        text = (tmp_path / name).read_text().replace("\\", "")
        assert told["command"] in text
        assert log_sha256(LOG) in text
        assert told["versions"]["numpy"] in text


def test_the_same_lists_give_the_same_bytes(tmp_path):
    for name in ("once", "again"):
        write(tmp_path / name, timelines=[TIMELINE])
    for name in ("index.html", "report.json", "report.md"):
        assert (tmp_path / "once" / name).read_bytes() == (tmp_path / "again" / name).read_bytes()


def test_the_page_fetches_nothing(tmp_path):
    write(tmp_path)
    page = (tmp_path / "index.html").read_text()
    assert not re.search(r"<(script|link|img|iframe|object)\b", page)
    # Names of XML are no addresses to fetch; nor are references within the page.
    fetched = re.findall(r'(?:src|href)="([^#"][^"]*)"|url\(([^#)][^)]*)\)|@import', page)
    assert not fetched
    assert "default-src &#39;none&#39;" in page or "default-src 'none'" in page


def test_plots_take_their_colours_from_the_page_and_ids_are_unique(tmp_path):
    write(tmp_path)
    page = (tmp_path / "index.html").read_text()
    assert page.count("<svg") == 5
    assert "stroke: var(--series-0)" in page
    drawn = "".join(re.findall(r"<svg.*?</svg>", page, re.DOTALL))
    assert not re.findall(r"#0000a|#0a0b0c|#0d0e0f|#000000", drawn)
    assert "mathdefault" not in drawn
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(set(ids)) == len(ids)
    references = set(re.findall(r'(?:url\(|href=")#([^")]+)', page))
    assert references <= set(ids)


def test_what_a_log_says_stays_text(tmp_path):
    item = Item(item_id=LOG[0].item_id, title=HOSTILE, categories=(HOSTILE,))
    write(
        tmp_path,
        title=HOSTILE,
        command=HOSTILE,
        facts={HOSTILE: HOSTILE},
        items={item.item_id: item},
        answers={HOSTILE: with_sources(GOOD), "MostPop": POPULAR},
        timelines=[replace(TIMELINE, user_id=HOSTILE)],
    )
    page, text = (tmp_path / "index.html").read_text(), (tmp_path / "report.md").read_text()
    assert "<script" not in page
    assert "{{ 7 * 7 }}" in page
    outside_code = "\n".join(one for one in text.splitlines() if not one.startswith("    "))
    assert "<script>" not in outside_code.replace("\\<", "")
    tables = re.findall(r"(?:^\|.*\n)+", outside_code, re.MULTILINE)
    assert len(tables) == 7
    for table in tables:
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}) == 1


def test_sources_and_costs_are_told_apart(tmp_path):
    results = write(tmp_path)
    [ours, popular] = results.systems
    assert {one.source: one.places for one in ours.sources} == {"nearest": 1.0, "newest": 0.5}
    assert [one.only_hits for one in ours.sources][1] == 0.0
    assert ours.cost.percentiles_s[0] == pytest.approx(0.01)
    assert ours.cost.percentiles_s[100] == pytest.approx(0.07)
    assert ours.cost.mean_tokens == 100
    assert (popular.cost, popular.sources) == (None, ())


def test_a_timeline_shows_what_changed(tmp_path):
    write(tmp_path, timelines=[TIMELINE])
    page = (tmp_path / "index.html").read_text()
    assert "<ins>red</ins> hats." in " ".join(page.split())
    assert '<span class="took">Red scarf</span> <span class="tag">new</span>' in page
    assert "<span>Blue hat</span></li>" in page


def test_stability_is_the_share_of_words_that_a_rewritten_summary_keeps():
    summaries = ["", "likes blue hats", "likes blue hats", "likes red hats"]
    moments = tuple(Moment(START, "liked", "hat", one) for one in summaries)
    assert stability([Timeline("u", moments)]) == pytest.approx(2 / 3)
    assert stability([Timeline("u", moments[:3])]) is None


def test_one_query_of_one_user_makes_a_report_without_intervals(tmp_path):
    results = write(
        tmp_path,
        queries=QUERIES[:1],
        answers={"ours": GOOD[:1], "MostPop": POPULAR[:1]},
    )
    assert results.systems[0].metrics["NDCG@10"].low is None
    assert {one.relation for one in results.verdicts} == {"not told apart from"}


def test_one_system_alone_is_compared_with_none(tmp_path):
    assert write(tmp_path, answers={"ours": GOOD}).verdicts == ()


def test_no_queries_are_refused(tmp_path):
    with pytest.raises(AnswerError, match="no queries"):
        write(tmp_path, queries=[], answers={"ours": []})
