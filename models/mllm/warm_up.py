"""Known requests: as large as users' are, to run before the first of them, and to probe with."""

from dataclasses import replace
from io import BytesIO

from PIL import Image

from models.engine import ItemContent, ScoreRequest, SummaryRequest, Taste

__all__ = ["KNOWN_REQUESTS", "WARM_UP_ITEM", "WARM_UP_SCORE", "WARM_UP_SUMMARY"]

NUM_CANDIDATES = 16
PICTURE_SIZE = (224, 224)
LINE = "liked Alder Street hoodie: a warm blue hoodie of heavy brushed cotton in a relaxed cut"
TASTE = Taste(("colour=blue", "material=cotton", "kind=hoodie"), ("pattern=striped",))
SUMMARY = "Likes warm blue clothes of cotton and wool, in relaxed cuts and without patterns."


def _picture() -> bytes:
    buffer = BytesIO()
    Image.new("RGB", PICTURE_SIZE, "blue").save(buffer, "JPEG")
    return buffer.getvalue()


WARM_UP_ITEM = ItemContent(
    "Alder Street hoodie",
    "Heavy brushed cotton, relaxed cut.",
    ("hoodie",),
    {"colour": "blue"},
    _picture(),
)
WARM_UP_SUMMARY = SummaryRequest(SUMMARY, (LINE,) * 3, TASTE)
WARM_UP_SCORE = ScoreRequest(
    SUMMARY, (LINE,) * 3, TASTE, tuple(f"{number} {LINE}" for number in range(NUM_CANDIDATES))
)

# Someone with a history, someone of another shop, someone of whom nothing is known.
KNOWN_REQUESTS = (
    replace(WARM_UP_SCORE, candidates=WARM_UP_SCORE.candidates[:1]),
    ScoreRequest(
        "Likes crime films and thrillers.",
        ("liked Heat (1995): Action, Crime", "disliked Dumbo (1941): Animation, Children"),
        Taste(("category=Crime", "category=Thriller"), ("category=Children",)),
        ("Bambi (1942): Animation, Children",),
    ),
    ScoreRequest("", (), Taste(), ("Alder Street hoodie: blue, casual",)),
)
