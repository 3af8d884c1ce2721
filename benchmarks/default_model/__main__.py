"""`python -m benchmarks.default_model`: the table of the default model's card."""

import json
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

import click
import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.default_model.hostile import rank_shifts
from benchmarks.default_model.naming import naming_of_garments, naming_of_photos, probe
from benchmarks.default_model.ranking import (
    Run,
    Shop,
    agreement,
    auc,
    most_popular,
    profiles_of,
    replay,
)
from benchmarks.default_model.yardstick import Yardstick
from models.mllm.engine import MllmEngine
from models.mllm.load import LoadedModel, load
from models.mllm.prompts import ATTRIBUTES
from models.mllm.trained import TRAINED
from stream_app.config import read_settings
from stream_app.default_model.pictures import drawn_garments, features_of, labelled_photos
from stream_app.default_model.shoppers import profile_of
from stream_app.engine import default_model_folder
from stream_app.show import Progress, progress_bars

START, END = "<!-- results -->", "<!-- end of results -->"
# Met here only: prompts and state were chosen on "unseen" ones.
PEOPLE = "final"
NUM_SHOPPERS, NUM_GARMENTS = 100, 400
Row = tuple[str, str]


@click.command()
@click.option(
    "--photos", type=click.Path(path_type=Path), required=True, help="As for `make model`."
)
@click.option(
    "--work", type=click.Path(path_type=Path), required=True, help="Features are kept here."
)
@click.option(
    "--model", type=click.Path(path_type=Path), help="Another model than the default one."
)
@click.option(
    "--shoppers", default=NUM_SHOPPERS, show_default=True, help="Shoppers that are followed."
)
@click.option("--garments", default=NUM_GARMENTS, show_default=True, help="Of 700 unseen ones.")
@click.option("--write-card", is_flag=True, help="Put the table into the model card.")
@click.option("--json", "as_json", type=click.Path(path_type=Path), help="Write the figures here.")
def main(
    photos: Path,
    work: Path,
    model: Path | None,
    shoppers: int,
    garments: int,
    write_card: bool,
    as_json: Path | None,
) -> None:
    """Measure what the default model names, sums up and ranks; about 40 minutes on two cores."""
    if write_card and (model or (shoppers, garments) != (NUM_SHOPPERS, NUM_GARMENTS)):
        raise click.UsageError("--write-card is for the default model, measured in full")
    loaded = load(model or default_model_folder(read_settings().home))
    engine = MllmEngine(loaded)
    rows: list[Row] = []
    with progress_bars() as counted:
        for row in chain(
            [("model", engine.versions.model)],
            _naming(engine, loaded, photos, work / loaded.name, garments, counted),
            _ranking(engine, shoppers, garments, counted),
        ):
            # As they come: whoever stops it after half an hour keeps what was measured.
            click.echo(f"{row[0]}: {row[1]}", err=True)
            rows.append(row)
    table = Table("measured", "figure", title="The default model, held out")
    for row in rows:
        table.add_row(*row)
    Console().print(table)
    if as_json:
        as_json.write_text(json.dumps(dict(rows), indent=2) + "\n")
    if write_card:
        _write_card(rows)


def _naming(
    engine: MllmEngine,
    loaded: LoadedModel,
    folder: Path,
    work: Path,
    num_garments: int,
    counted: Progress,
) -> Iterator[Row]:
    learned, unseen = drawn_garments()
    unseen = unseen[:num_garments]
    photos = labelled_photos(folder)
    train, test = ([one for one in photos if one.split == split] for split in ("train", "test"))
    named = naming_of_garments(engine, unseen, counted)
    kind_of_photo = naming_of_photos(engine, test, counted)
    features = {
        name: features_of(loaded, pictures, work / f"{name}.npy", progress=counted)
        for name, pictures in (
            ("drawn", learned),
            (f"unseen-{num_garments}", unseen),
            ("photos", train),
            ("test-photos", test),
        )
    }
    for name in ATTRIBUTES:
        of_learned = [getattr(one, name) for one in learned]
        of_unseen = [getattr(one, name) for one in unseen]
        linear = probe(features["drawn"], of_learned, features[f"unseen-{num_garments}"], of_unseen)
        yield (
            f"{name} of {len(unseen)} unseen drawn garments named",
            f"{named[name]:.3f} (linear probe {linear:.3f})",
        )
    linear = probe(
        features["photos"], [one.label for one in train],
        features["test-photos"], [one.label for one in test],
    )  # fmt: skip
    yield (
        f"kind of {len(test)} unseen photos named",
        f"{kind_of_photo:.3f} (linear probe {linear:.3f})",
    )


def _ranking(
    engine: MllmEngine, num_shoppers: int, num_garments: int, counted: Progress
) -> Iterator[Row]:
    garments = drawn_garments()[1][:num_garments]
    for name, with_pictures in (("with pictures", True), ("without pictures", False)):
        shop = Shop(
            garments,
            profiles_of(engine, garments, with_pictures=with_pictures, progress=counted),
        )
        run = replay(engine, shop, num_shoppers=num_shoppers, people=PEOPLE, progress=counted)
        area, low, high = auc(run.pairs)
        yield (
            f"yes/no AUC (pooled), {len(run.pairs)} pairs of {num_shoppers} unseen shoppers,"
            f" {name}",
            f"{area:.3f} [{low:.3f}, {high:.3f}]",
        )
        if with_pictures:
            popular, low, high = auc(most_popular(run.pairs, shop))
            yield (
                "the same by MostPop (chance is .5)",
                f"{popular:.3f} [{low:.3f}, {high:.3f}]",
            )
            yield from _yardstick(shop, len(run.people), counted)
            yield from _summaries(run)
            yield from _hostile(engine, shop, run)


def _yardstick(shop: Shop, num_shoppers: int, counted: Progress) -> Iterator[Row]:
    learned, _ = drawn_garments()
    trees = Yardstick(learned, progress=counted)
    right = Shop(shop.garments, {one.item_id: profile_of(one) for one in shop.garments})
    for readings, read in (("its readings", shop), ("readings all right", right)):
        others = replay(trees, read, num_shoppers=num_shoppers, people=PEOPLE, progress=counted)
        area, low, high = auc(others.pairs)
        name = f"the same by boosted trees on the likes and dislikes shown, {readings}"
        yield (
            name,
            f"{area:.3f} [{low:.3f}, {high:.3f}]",
        )


def _summaries(run: Run) -> list[Row]:
    precision, recall = agreement(run)
    by_counts, recall_by_counts = agreement(run, counted=True)
    return [
        (
            "summary: favourites among what it names; of all favourites",
            f"{precision:.3f}; {recall:.3f}",
        ),
        ("the same by counts alone", f"{by_counts:.3f}; {recall_by_counts:.3f}"),
    ]


def _hostile(engine: MllmEngine, shop: Shop, run: Run) -> list[Row]:
    shifts = rank_shifts(engine, shop, run)

    def told(ranks: np.ndarray) -> str:
        up, high = np.mean(ranks > 0), np.percentile(ranks, 95)
        return f"{ranks.mean():+.2f} ranks (upwards {up:.0%}, 95th percentile {high:+.0f})"

    return [
        (f"{len(shifts.by_attack)} titles with orders move an item by", told(shifts.by_attack)),
        ("as many ordinary words", told(shifts.by_words)),
    ]


def _write_card(rows: Sequence[Row]) -> None:
    card = TRAINED / "README.md"
    before, _, rest = card.read_text().partition(START)
    _, _, after = rest.partition(END)
    lines = [
        "| measured | figure |",
        "|---|---|",
        *(f"| {name} | {figure} |" for name, figure in rows),
    ]
    card.write_text(f"{before}{START}\n" + "\n".join(lines) + f"\n{END}{after}")


if __name__ == "__main__":
    main()
