"""Settings become clients, all of them by one function."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from stream_app.agents.app import build_app
from stream_app.config import Settings, SettingsError, read_settings
from stream_app.kafka.connection import client_options

ROOT = Path(__file__).parents[2]
CLIENTS = {"AIOKafkaConsumer", "AIOKafkaProducer", "AIOKafkaAdminClient"}
SASL = {
    "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
    "KAFKA_SASL_USERNAME": "shop",
    "KAFKA_SASL_PASSWORD": "hush",
}


@pytest.fixture
def pem(tmp_path: Path) -> Path:
    """A folder with the files of a CA and of a client."""
    authority = trustme.CA()
    client = authority.issue_cert("client.test")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    client.cert_chain_pems[0].write_to_path(tmp_path / "client.pem")
    client.private_key_pem.write_to_path(tmp_path / "client.key")
    return tmp_path


def settings_of(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]) -> Settings:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return read_settings()


def calls_of_clients(path: Path) -> Iterator[ast.Call]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else node.func
            name = name.id if isinstance(name, ast.Name) else name
            if name in CLIENTS:
                yield node


def options_of(call: ast.Call) -> set[str]:
    """What is unpacked into a call, and the names of the other options."""
    return {one.arg or ast.unparse(one.value).split("(")[0] for one in call.keywords}


def test_every_client_is_made_with_the_one_way_to_connect() -> None:
    files = [*(ROOT / "stream_app").rglob("*.py"), *(ROOT / "benchmarks").rglob("*.py")]
    found = {path: list(calls_of_clients(path)) for path in files}
    assert sum(map(len, found.values())) >= 10
    for path, calls in found.items():
        for call in calls:
            given = options_of(call)
            where = f"{path.relative_to(ROOT)}:{call.lineno}"
            assert given & {"client_options", "options"}, f"{where} knows no TLS and no SASL"
            assert not given & {"bootstrap_servers", "security_protocol"}, where


def test_by_default_nothing_but_the_address_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    options = client_options(settings_of(monkeypatch, {"KAFKA_BOOTSTRAP_SERVERS": "kafka:9092"}))
    assert options == {"bootstrap_servers": "kafka:9092", "security_protocol": "PLAINTEXT"}


def test_sasl_over_tls_checks_certificates_and_names(
    monkeypatch: pytest.MonkeyPatch, pem: Path
) -> None:
    cafile = {"KAFKA_SSL_CAFILE": str(pem / "ca.pem")}
    options = client_options(settings_of(monkeypatch, SASL | cafile))
    assert options["sasl_mechanism"] == "SCRAM-SHA-512"
    assert (options["sasl_plain_username"], options["sasl_plain_password"]) == ("shop", "hush")
    assert options["ssl_context"].check_hostname
    assert options["ssl_context"].verify_mode.name == "CERT_REQUIRED"
    assert len(options["ssl_context"].get_ca_certs()) == 1


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
def test_faust_connects_as_the_others_do(
    monkeypatch: pytest.MonkeyPatch, pem: Path, mechanism: str
) -> None:
    variables = {"KAFKA_SASL_MECHANISM": mechanism, "KAFKA_SSL_CAFILE": str(pem / "ca.pem")}
    settings = settings_of(monkeypatch, SASL | variables)
    app = build_app(settings, "ingest")
    wanted = client_options(settings)
    del wanted["bootstrap_servers"]
    assert dict(app.producer._settings_auth()) == wanted


def test_faust_gets_the_certificate_too(monkeypatch: pytest.MonkeyPatch, pem: Path) -> None:
    variables = {
        "KAFKA_SECURITY_PROTOCOL": "SSL",
        "KAFKA_SSL_CERTFILE": str(pem / "client.pem"),
        "KAFKA_SSL_KEYFILE": str(pem / "client.key"),
    }
    settings = settings_of(monkeypatch, variables)
    wanted = client_options(settings)
    del wanted["bootstrap_servers"]
    assert dict(build_app(settings, "ingest").producer._settings_auth()) == wanted


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({"KAFKA_SECURITY_PROTOCOL": "SASL_SSL"}, "needs KAFKA_SASL_USERNAME"),
        (SASL | {"KAFKA_SASL_PASSWORD": ""}, "needs KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD"),
        (SASL | {"KAFKA_SECURITY_PROTOCOL": "SSL"}, "KAFKA_SASL_PASSWORD are not used with"),
        (SASL | {"KAFKA_SASL_MECHANISM": "GSSAPI"}, "KAFKA_SASL_MECHANISM: Input should be"),
        ({"KAFKA_SECURITY_PROTOCOL": "TLS"}, "KAFKA_SECURITY_PROTOCOL: Input should be"),
        ({"KAFKA_SSL_CAFILE": "ca.pem"}, "KAFKA_SSL_CAFILE is not used with"),
        (
            {"KAFKA_SECURITY_PROTOCOL": "SSL", "KAFKA_SSL_CERTFILE": "client.pem"},
            "KAFKA_SSL_CERTFILE and KAFKA_SSL_KEYFILE go together",
        ),
        (SASL | {"KAFKA_SSL_CAFILE": "none.pem"}, "KAFKA_SSL_CAFILE: Path does not point to a"),
        ({"S3_CAFILE": "ca.pem", "S3_SECURE": "false"}, "S3_CAFILE is not used with S3_SECURE"),
    ],
)
def test_what_can_not_be_names_its_variables_and_no_secret(
    monkeypatch: pytest.MonkeyPatch, pem: Path, variables: dict[str, str], named: str
) -> None:
    monkeypatch.chdir(pem)
    with pytest.raises(SettingsError, match=named) as raised:
        settings_of(monkeypatch, variables)
    assert "hush" not in str(raised.value)


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"KAFKA_SSL_CAFILE": "client.key"}, "client.key holds no CA certificates"),
        ({"KAFKA_SSL_KEYFILE": "other.key"}, "client.pem and other.key are no certificate"),
        ({"KAFKA_SSL_KEYFILE": "locked.key"}, "has a passphrase"),
    ],
)
def test_a_file_that_is_not_what_it_should_be_is_named(
    monkeypatch: pytest.MonkeyPatch, pem: Path, changed: dict[str, str], named: str
) -> None:
    monkeypatch.chdir(pem)
    trustme.CA().private_key_pem.write_to_path("other.key")
    locked = load_pem_private_key(Path("client.key").read_bytes(), None).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"a passphrase")
    )
    Path("locked.key").write_bytes(locked)
    files = {"KAFKA_SSL_CERTFILE": "client.pem", "KAFKA_SSL_KEYFILE": "client.key"}
    settings = settings_of(monkeypatch, {"KAFKA_SECURITY_PROTOCOL": "SSL"} | files | changed)
    with pytest.raises(SettingsError, match=named):
        client_options(settings)


def test_no_setting_turns_a_check_off() -> None:
    names = " ".join(Settings.model_fields)
    assert not any(word in names for word in ("verify", "insecure", "check_hostname"))
    for path in (ROOT / "stream_app").rglob("*.py"):
        text = path.read_text()
        assert "CERT_NONE" not in text, path
        assert "check_hostname" not in text, path
        assert "cert_check" not in text, path
