import json

from benchmarks import retrieval


def test_where_search_is_exact_the_benchmark_says_so(tmp_path, capsys):
    found = tmp_path / "figures.json"
    retrieval.main(["--items", "1200", "--no-crossing", "--json", str(found)])
    written = json.loads(found.read_text())
    searches = [one for one in written["figures"] if one["recall"] is not None]
    assert len(searches) == len(retrieval.FILTERS) * len(retrieval.KINDS)
    assert {one["recall"] for one in searches} == {1.0}
    assert all(one["p99_s"] >= one["p50_s"] > 0 for one in written["figures"])
    assert written["costs"]["deletes per s"] > 0
    assert "1,200 items" in capsys.readouterr().out
