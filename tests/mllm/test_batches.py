from hypothesis import given
from hypothesis import strategies as st

from models.mllm.batches import batches, unpadded_batches


@given(st.lists(st.integers(1, 50)), st.integers(1, 120))
def test_every_row_once_and_within_the_budget(lengths, max_tokens):
    found = list(batches(lengths, max_tokens))
    assert sorted(row for batch in found for row in batch) == list(range(len(lengths)))
    for batch in found:
        assert len(batch) == 1 or max(lengths[row] for row in batch) * len(batch) <= max_tokens


@given(st.lists(st.integers(1, 50)), st.integers(1, 120))
def test_without_padding_rows_stay_in_order(lengths, max_tokens):
    found = list(unpadded_batches(lengths, max_tokens))
    assert [row for batch in found for row in batch] == list(range(len(lengths)))
    for batch in found:
        assert len(batch) == 1 or sum(lengths[row] for row in batch) <= max_tokens
