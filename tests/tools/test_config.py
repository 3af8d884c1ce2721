import pytest

from stream_app.config import SettingsError, read_settings


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for name in list(os.environ):
        if name.startswith(("STREAM_APP_", "KAFKA_", "S3_", "MODEL_ID", "OPENAI_")):
            monkeypatch.delenv(name)


def test_the_names_operators_know_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "kafka:9092")
    monkeypatch.setenv("S3_ENDPOINT", "minio:9000")
    monkeypatch.setenv("S3_SECRET_KEY", "hush")
    monkeypatch.setenv("MODEL_ID", "some/model")
    monkeypatch.setenv("STREAM_APP_BUCKETS", "a, b")
    settings = read_settings()
    assert settings.kafka_bootstrap_servers == "kafka:9092"
    assert settings.s3_endpoint == "minio:9000"
    assert settings.model_id == "some/model"
    assert settings.buckets == ("a", "b")


def test_a_secret_is_not_in_what_settings_print(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("S3_SECRET_KEY", "hush")
    assert "hush" not in f"{read_settings()!r}{read_settings()}"


def test_a_setting_under_a_name_that_is_not_its_own_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STREAM_APP_MODEL_ID", "some/model")
    with pytest.raises(SettingsError, match="STREAM_APP_MODEL_ID is not a setting"):
        read_settings()


def test_an_endpoint_with_a_scheme_says_how_it_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("S3_ENDPOINT", "http://minio:9000")
    with pytest.raises(SettingsError, match="S3_SECURE=false"):
        read_settings()


def test_a_misspelt_setting_stops_with_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STREAM_APP_MAX_BACH_EVENTS", "5")
    with pytest.raises(SettingsError, match="STREAM_APP_MAX_BACH_EVENTS is not a setting"):
        read_settings()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("STREAM_APP_MAX_BATCH_EVENTS", "0"),
        ("STREAM_APP_ENGINE", "magic"),
        ("STREAM_APP_TOPIC_PREFIX", "no spaces"),
        ("STREAM_APP_DRAIN_S", "soon"),
    ],
)
def test_an_impossible_value_names_its_setting(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=name.removeprefix("STREAM_APP_").lower()):
        read_settings()


def test_a_prefix_makes_topics_and_groups_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STREAM_APP_TOPIC_PREFIX", "eu.")
    settings = read_settings()
    assert settings.topics.rankings.name == "eu.rankings"
    assert settings.group("worker") == "eu.stream-app-worker"


@pytest.mark.parametrize("name", ["KAFKA_BOOTSTRAP_SERVERS", "S3_ENDPOINT"])
@pytest.mark.parametrize(
    "value", ["", "kafka:abc", "kafka:0", "kafka:70000", "a b:9092", "k:1;k:2"]
)
def test_an_address_that_is_none_names_its_setting(monkeypatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=f"{name}: .* is not host:port"):
        read_settings()


@pytest.mark.parametrize("value", ["kafka", "kafka:9092", "[::1]:9092", "10.0.0.1:9092"])
def test_an_address_is_taken_as_it_is(monkeypatch, value: str) -> None:
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", f"{value}, other:9093")
    assert read_settings().kafka_bootstrap_servers == f"{value},other:9093"
