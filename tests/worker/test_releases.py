"""What a release remembers of those before it."""

import pytest
from pydantic import ValidationError

from examples import RELEASE
from schemas.adapter_release import AdapterRelease
from stream_app.adapters.releases import MAX_PREVIOUS, shortened


def test_a_release_remembers_a_bounded_number_before_it() -> None:
    chain = RELEASE.model_copy(update={"previous": None})
    for number in range(10):
        chain = chain.model_copy(update={"sha256": f"{number:064x}", "previous": chain})
    remembered, one = [], shortened(chain, MAX_PREVIOUS)
    while one is not None:
        remembered.append(int(one.sha256, 16))
        one = one.previous
    assert remembered == [9, 8, 7, 6]


def test_the_one_before_is_of_the_same_name() -> None:
    other = RELEASE.model_copy(update={"name": "other", "previous": None})
    with pytest.raises(ValidationError, match="previous is of other"):
        AdapterRelease.model_validate({**RELEASE.model_dump(), "previous": other.model_dump()})
