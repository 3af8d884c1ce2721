import pytest

from models.adapters import require_fit
from models.errors import AdapterError
from schemas.versions import Versions


@pytest.mark.parametrize(
    ("base", "prompt", "named"),
    [("m@2", "p1", "m@2"), ("n@1", "p1", "n@1"), ("m@1", "p2", "p2")],
)
def test_an_adapter_for_another_model_or_other_prompts_is_refused_by_its_name(
    base: str, prompt: str, named: str
) -> None:
    with pytest.raises(AdapterError, match=named):
        require_fit(Versions(model="m@1", prompt="p1"), base=base, prompt=prompt)


def test_another_precision_of_the_same_weights_is_no_other_model() -> None:
    served = Versions(model="org/m@1:bfloat16", prompt="p1")
    require_fit(served, base="org/m@1", prompt="p1")
    require_fit(served, base=None, prompt=None)
