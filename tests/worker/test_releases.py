"""What the tools do with releases, of whatever kind, on a topic in memory."""

import re
from collections.abc import Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from examples import FUSION_RELEASE, RELEASE
from models.errors import AdapterError
from records import fusion_weights
from schemas.codec import Poison, encode
from schemas.fusion_release import FusionRelease
from schemas.release import Release
from stream_app import releases
from stream_app.cli import commands
from stream_app.config import Settings
from stream_app.fusion.errors import FusionError
from stream_app.fusion.file import write_weights
from stream_app.releases import ADAPTERS, FUSION, MAX_PREVIOUS, Releases, shortened

SETTINGS = Settings()
KINDS = [(ADAPTERS, RELEASE, AdapterError), (FUSION, FUSION_RELEASE, FusionError)]


class Topic:
    """The newest value of each key, in place of broker and producer."""

    def __init__(self) -> None:
        self.newest: dict[str, bytes] = {}

    async def send_and_wait(self, name: str, value: bytes | None, *, key: bytes) -> None:
        assert name in {SETTINGS.topics.adapters.name, SETTINGS.topics.fusion_weights.name}
        if value is None:
            del self.newest[key.decode()]
        else:
            self.newest[key.decode()] = value

    async def read(self, *_: object) -> dict[str, bytes]:
        return dict(self.newest)

    @asynccontextmanager
    async def producer(self, _settings: Settings):
        yield self


@pytest.fixture
def topic(monkeypatch: pytest.MonkeyPatch) -> Iterator[Topic]:
    topic = Topic()
    monkeypatch.setattr(releases, "require_topics", topic.read)
    monkeypatch.setattr(releases, "newest_by_key", topic.read)
    monkeypatch.setattr(releases, "reliable_producer", topic.producer)
    return topic


def numbered(release: Release, name: str, number: int, share: float) -> Release:
    update = {"name": name, "sha256": f"{number:064x}", "share": share, "previous": None}
    return release.model_copy(update=update)


async def released(kind: Releases, example: Release, name: str, number: int, share: float):
    before = await kind.before(SETTINGS, name, share)
    one = numbered(example, name, number, share).model_copy(update={"previous": before})
    await kind.announce(SETTINGS, one)
    return one


@pytest.mark.parametrize(("kind", "example", "error"), KINDS)
@pytest.mark.usefixtures("topic")
async def test_a_rollback_goes_back_one_by_one_and_says_when_there_is_none(
    kind: Releases, example: Release, error: type[Exception]
) -> None:
    for number in range(3):
        await released(kind, example, "a", number, share=number / 4)
    for number in (1, 0):
        back = await kind.rollback(SETTINGS, "a")
        assert (int(back.sha256, 16), back.share) == (number, number / 4)
        assert await kind.live(SETTINGS) == {"a": back}
    with pytest.raises(error, match=rf"{kind.noun} a: no release to go .* {kind.command} withdraw"):
        await kind.rollback(SETTINGS, "a")


@pytest.mark.parametrize(("kind", "example", "error"), KINDS)
@pytest.mark.usefixtures("topic")
async def test_what_can_not_be_is_refused_before_anything_is_announced(
    kind: Releases, example: Release, error: type[Exception]
) -> None:
    one = await released(kind, example, "a", 1, share=0.75)
    with pytest.raises(error, match=r"share 0\.5 for b and a 0\.75 are more than 1"):
        await released(kind, example, "b", 2, share=0.5)
    for name in ("Up", "../x", "", "x" * 65, "-a"):
        with pytest.raises(error, match=f"{kind.noun} name"):
            await released(kind, example, name, 2, share=0)
    with pytest.raises(error, match=f"no {kind.noun} b; there are: a"):
        await kind.withdraw(SETTINGS, "b")
    assert await kind.live(SETTINGS) == {"a": one}


@pytest.mark.usefixtures("topic")
async def test_a_rollback_to_a_share_that_has_no_room_any_more_is_refused() -> None:
    await released(FUSION, FUSION_RELEASE, "a", 1, share=0.75)
    await released(FUSION, FUSION_RELEASE, "a", 2, share=0.25)
    await released(FUSION, FUSION_RELEASE, "b", 3, share=0.5)
    with pytest.raises(FusionError, match=r"share 0\.75 for a and b 0\.5 are more than 1"):
        await FUSION.rollback(SETTINGS, "a")
    await FUSION.withdraw(SETTINGS, "b")
    assert (await FUSION.rollback(SETTINGS, "a")).share == 0.75


@pytest.mark.parametrize(("kind", "example", "error"), KINDS)
async def test_what_is_no_release_of_its_key_is_left_out(
    kind: Releases, example: Release, error: type[Exception], topic: Topic
) -> None:
    topic.newest = {"a": b"{no record", "b": encode(example.model_copy(update={"name": "c"}))}
    assert await kind.live(SETTINGS) == {}
    poison = kind.read("b", topic.newest["b"])
    assert isinstance(poison, Poison)
    assert (poison.error, poison.reason) == ("KeyMismatch", "the release is of c, not of its key")


@pytest.mark.usefixtures("topic")
def test_the_commands_release_list_go_back_and_withdraw(tmp_path: Path) -> None:
    def said(*arguments: object) -> str:
        done = CliRunner().invoke(commands, [str(one) for one in arguments])
        assert done.exit_code == 0, done.output
        return done.output

    numbers = tmp_path / "metrics.json"
    numbers.write_text('{"ndcg@10": 0.04}')
    assert said("fusion", "list") == "no fusion weights released\n"
    for name, share in (("w0", 0.25), ("w1", 0.5)):
        file = tmp_path / f"{name}.json"
        write_weights(file, fusion_weights(name))
        given = ("--name", "f", "--share", share, "--metrics", numbers)
        told = said("fusion", "release", file, *given)
        assert re.fullmatch(
            rf"released f@[0-9a-f]{{8}} for {share} of the users: learned as {name}, .*\n", told
        )
    (line,) = said("fusion", "list", "--json").splitlines()
    newest = FUSION.read("f", line.encode())
    assert isinstance(newest, FusionRelease)
    assert (newest.weights.name, newest.metrics) == ("w1", {"ndcg@10": 0.04})
    assert "0.25" in said("fusion", "list")
    assert said("fusion", "rollback", "f").startswith("back to f@")
    assert said("fusion", "withdraw", "f") == "withdrawn f\n"
    assert said("fusion", "list") == "no fusion weights released\n"


def test_metrics_that_are_no_numbers_are_wrong_usage(tmp_path: Path) -> None:
    file = tmp_path / "metrics.json"
    file.write_text('["much better"]')
    arguments = ["fusion", "release", str(file), "--name", "f", "--share", "1"]
    done = CliRunner().invoke(commands, [*arguments, "--metrics", str(file)])
    assert done.exit_code == 2
    assert "expected a JSON object of numbers" in done.output


@given(shares=st.lists(st.integers(0, 10), max_size=8))
def test_ten_tenths_are_no_more_than_one(shares: list[int]) -> None:
    """Which 0.1 ten times added is not, in a double."""
    live = {
        f"n{place}": numbered(RELEASE, f"n{place}", 0, tenths / 10)
        for place, tenths in enumerate(shares)
    }
    for tenths in range(11):
        refuses = _refuses(lambda tenths=tenths: ADAPTERS._require_room(live, "x", tenths / 10))
        assert refuses == (sum(shares) + tenths > 10)


def _refuses(call: Callable[[], None]) -> bool:
    try:
        call()
    except AdapterError:
        return True
    return False


def test_a_release_remembers_a_bounded_number_before_it() -> None:
    chain = RELEASE.model_copy(update={"previous": None})
    for number in range(10):
        chain = chain.model_copy(update={"sha256": f"{number:064x}", "previous": chain})
    remembered, one = [], shortened(chain, MAX_PREVIOUS)
    while one is not None:
        remembered.append(int(one.sha256, 16))
        one = one.previous
    assert remembered == [9, 8, 7, 6]


@pytest.mark.parametrize("example", [RELEASE, FUSION_RELEASE])
def test_the_one_before_is_of_the_same_name(example: Release) -> None:
    other = example.model_copy(update={"name": "other", "previous": None})
    with pytest.raises(ValidationError, match="previous is of other"):
        type(example).model_validate({**example.model_dump(), "previous": other.model_dump()})
