"""Settings, read once from the environment by the command line and passed down.

`KAFKA_*`, `S3_*` and `MODEL_ID` keep the names that operators know; everything else begins with
`STREAM_APP_`.
"""

import os
import re
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, FilePath, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from models.preference import Summaries
from schemas.topics import TOPICS, Topics

__all__ = ["Settings", "SettingsError", "read_settings"]

PREFIX = "STREAM_APP_"
# A name, or an IPv4 or bracketed IPv6 address.
ADDRESS_HOST = re.compile(r"[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]")
MAX_PORT = 65_535


class SettingsError(Exception):
    """A setting is missing, misspelt or impossible; the message names the variable."""


class Settings(BaseSettings):
    """Everything a deployment decides."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, frozen=True, extra="ignore", hide_input_in_errors=True
    )

    kafka_bootstrap_servers: str = Field(
        default="127.0.0.1:9092",
        validation_alias="KAFKA_BOOTSTRAP_SERVERS",
        description="Kafka brokers, host:port separated by commas",
    )
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        default="PLAINTEXT",
        validation_alias="KAFKA_SECURITY_PROTOCOL",
        description="PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL, as the brokers' listener",
    )
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        default="SCRAM-SHA-512",
        validation_alias="KAFKA_SASL_MECHANISM",
        description="PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512",
    )
    kafka_sasl_username: str = Field(
        default="", validation_alias="KAFKA_SASL_USERNAME", description="User for SASL"
    )
    kafka_sasl_password: SecretStr = Field(
        default=SecretStr(""), validation_alias="KAFKA_SASL_PASSWORD", description="Its password"
    )
    kafka_ssl_cafile: FilePath | None = Field(
        default=None,
        validation_alias="KAFKA_SSL_CAFILE",
        description="CA certificates (PEM) that the brokers' are signed by; default: the system's",
    )
    kafka_ssl_certfile: FilePath | None = Field(
        default=None,
        validation_alias="KAFKA_SSL_CERTFILE",
        description="Our certificate (PEM) for brokers that ask for one",
    )
    kafka_ssl_keyfile: FilePath | None = Field(
        default=None,
        validation_alias="KAFKA_SSL_KEYFILE",
        description="Its private key (PEM), without a passphrase",
    )
    topic_prefix: str = Field(
        default="",
        pattern=r"^[A-Za-z0-9._-]{0,64}$",
        description="Put before every topic and consumer group: a deployment of its own",
    )
    partitions: int = Field(default=4, ge=1, le=1024, description="Partitions of a new topic")
    replication_factor: int = Field(default=1, ge=1, le=9, description="Replicas of a new topic")
    session_timeout_s: float = Field(
        default=10, gt=0, le=300, description="A process silent for so long loses its partitions"
    )

    s3_endpoint: str = Field(
        default="127.0.0.1:9000",
        validation_alias="S3_ENDPOINT",
        description="Object storage, host:port",
    )
    s3_access_key: SecretStr = Field(
        default=SecretStr(""), validation_alias="S3_ACCESS_KEY", description="Its access key"
    )
    s3_secret_key: SecretStr = Field(
        default=SecretStr(""), validation_alias="S3_SECRET_KEY", description="Its secret key"
    )
    s3_secure: bool = Field(
        default=True, validation_alias="S3_SECURE", description="TLS to object storage"
    )
    s3_cafile: FilePath | None = Field(
        default=None,
        validation_alias="S3_CAFILE",
        description="CA certificates (PEM) that its own is signed by; default: the system's",
    )
    s3_region: str = Field(
        default="us-east-1", validation_alias="S3_REGION", description="Its region"
    )
    buckets: Annotated[tuple[str, ...], NoDecode] = Field(
        default=("media",),
        description="Pictures are read from these buckets only, separated by commas",
    )
    adapter_bucket: str = Field(
        default="adapters", min_length=1, description="Adapters are read from this bucket only"
    )

    engine: Literal["mllm", "openai", "weightless"] = Field(
        default="mllm",
        description="mllm: the model in this process; openai: on a server of that protocol; "
        "weightless: word overlap, for tests and overhead benchmarks",
    )
    model_id: str = Field(
        default="default",
        validation_alias="MODEL_ID",
        description="default, or a directory or hub id of an image-text-to-text model; "
        "with `openai` its name on the server",
    )
    openai_base_url: str = Field(
        default="http://127.0.0.1:8000/v1",
        pattern=r"^https?://",
        validation_alias="OPENAI_BASE_URL",
        description="Server of vLLM, SGLang or another of the protocol, up to /v1",
    )
    openai_api_key: SecretStr = Field(
        default=SecretStr(""), validation_alias="OPENAI_API_KEY", description="Its key, if any"
    )
    openai_timeout_s: float = Field(
        default=10, gt=0, le=300, description="For each of two tries of a call to that server"
    )
    openai_concurrency: int = Field(
        default=16, ge=1, le=256, description="Calls to that server at a time"
    )
    openai_embedding_model: str = Field(
        default="",
        description="Its model for `/v1/embeddings`; without one, all-MiniLM-L6-v2 in this process",
    )
    home: Path = Field(
        default=Path.home() / ".cache" / "stream-app",
        description="Where the default model, Kafka's jars and local state are kept",
    )
    state_dir: Path | None = Field(
        default=None,
        description="Local state of worker, signals and quality; default: `state` below home",
    )

    list_length: int = Field(default=10, ge=1, le=100, description="Items of a recommendation")
    exploration: float = Field(
        default=0,
        ge=0,
        le=0.5,
        description="Share of the lists in which one place goes to a candidate drawn by chance, "
        "for `stream-app counterfactual`",
    )
    pictures: bool = Field(
        default=True,
        description="false: items are known by their words alone",
    )
    summaries: Summaries = Field(
        default="recurrent",
        description="recurrent: each from the one before; one-shot: from 16 interactions; none: "
        "no summaries",
    )
    num_candidates: int = Field(
        default=16, ge=1, le=200, description="Candidates that the model scores for each event"
    )
    max_batch_events: int = Field(
        default=16, ge=1, le=1024, description="Events of a micro-batch, one of each user at most"
    )
    max_batch_items: int = Field(
        default=16,
        ge=1,
        le=256,
        description="Items read at once at most: two at first, doubled while no event comes",
    )
    fusion: Path | None = Field(
        default=None,
        description="File of weights, from `replay --learn-fusion`, for users of no release; "
        "unset: all count alike",
    )
    signals_half_life_days: float = Field(
        default=7,
        gt=0,
        le=36_500,
        description="Transitions and popularity count half as much after so many days",
    )
    coalesce: bool = Field(
        default=False,
        description="true: of a user's waiting events all are applied, the newest one is answered",
    )
    shed_after_s: float | None = Field(
        default=None,
        gt=0,
        description="An event that waited so long is ranked without the model; unset: never",
    )
    call_timeout_s: float = Field(
        default=300,
        gt=0,
        le=3600,
        description="A batch that the model is at for so long ends the worker: it hangs",
    )
    drain_s: float = Field(
        default=20, gt=0, le=600, description="How long a stop waits for work in hand"
    )
    health_port: int | None = Field(
        default=None,
        ge=1,
        le=65535,
        description="Port of `GET /live` and `GET /ready` of this process; without one, no server",
    )
    health_host: str = Field(
        default="",
        description="Address that port is bound to; default: all, a kubelet asks at the pod's own",
    )
    instance_id: str = Field(
        default="",
        pattern=r"^[A-Za-z0-9._-]{0,249}$",
        description="A worker's name that outlives it: back within the session timeout, it has its "
        "partitions without a rebalance",
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", description="Lowest level that is logged"
    )

    @field_validator("buckets", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",")) if isinstance(value, str) else value

    @field_validator("s3_endpoint")
    @classmethod
    def _is_host_and_port(cls, value: str) -> str:
        if "/" in value:
            raise ValueError("give host:port without http://; plain HTTP is S3_SECURE=false")
        return _address(value)

    @field_validator("kafka_bootstrap_servers")
    @classmethod
    def _are_hosts_and_ports(cls, value: str) -> str:
        return ",".join(_address(part.strip()) for part in value.split(","))

    @model_validator(mode="after")
    def _connects_as_it_says(self) -> Self:
        """Refuse what would be ignored: somebody believes to be protected by it."""
        protocol = self.kafka_security_protocol
        user, password = self.kafka_sasl_username, self.kafka_sasl_password.get_secret_value()
        files = {
            "KAFKA_SSL_CAFILE": self.kafka_ssl_cafile,
            "KAFKA_SSL_CERTFILE": self.kafka_ssl_certfile,
            "KAFKA_SSL_KEYFILE": self.kafka_ssl_keyfile,
        }
        ignored = [name for name, path in files.items() if path and not self.uses_tls]
        if self.uses_sasl and not (user and password):
            raise ValueError(
                f"KAFKA_SECURITY_PROTOCOL={protocol} needs KAFKA_SASL_USERNAME and "
                "KAFKA_SASL_PASSWORD"
            )
        if (user or password) and not self.uses_sasl:
            raise ValueError(
                "KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD are not used with "
                f"KAFKA_SECURITY_PROTOCOL={protocol}: make it SASL_SSL, or unset them"
            )
        if ignored:
            raise ValueError(
                f"{ignored[0]} is not used with KAFKA_SECURITY_PROTOCOL={protocol}: "
                "make it SSL or SASL_SSL, or unset it"
            )
        if bool(self.kafka_ssl_certfile) != bool(self.kafka_ssl_keyfile):
            raise ValueError("KAFKA_SSL_CERTFILE and KAFKA_SSL_KEYFILE go together: set both")
        if self.s3_cafile and not self.s3_secure:
            raise ValueError("S3_CAFILE is not used with S3_SECURE=false: unset one of them")
        return self

    @property
    def uses_sasl(self) -> bool:
        """Whether the brokers ask for a user."""
        return self.kafka_security_protocol.startswith("SASL")

    @property
    def uses_tls(self) -> bool:
        """Whether the brokers speak TLS."""
        return self.kafka_security_protocol.endswith("SSL")

    @property
    def topics(self) -> Topics:
        """The table of topics under this deployment's names."""
        return TOPICS.with_prefix(self.topic_prefix)

    @property
    def worker_state_dir(self) -> Path:
        """Where the worker keeps its partitions' stores."""
        return self.state_dir or self.home / "state"

    def state_dir_of(self, process: str) -> Path:
        """Return where another process keeps its stores."""
        return self.worker_state_dir / process

    def group(self, process: str) -> str:
        """Return the consumer group of a process, such as "stream-app-worker"."""
        return f"{self.topic_prefix}stream-app-{process}"


def _address(text: str) -> str:
    """Return an address as it is, if it is a host, or a host and a port."""
    host, colon, port = text.rpartition(":") if ":" in text else (text, "", "")
    if not ADDRESS_HOST.fullmatch(host) or (colon and not _is_port(port)):
        raise ValueError(f"{text!r} is not host:port, such as kafka:9092")
    return text


def _is_port(text: str) -> bool:
    return text.isdecimal() and 0 < int(text) <= MAX_PORT


def read_settings() -> Settings:
    """Return the settings in the process environment.

    Raises:
        SettingsError: If a value is refused, or a `STREAM_APP_` variable is not a setting:
            a misspelt name would otherwise be a default that nobody chose.
    """
    known = {
        str(field.validation_alias or PREFIX + name.upper())
        for name, field in Settings.model_fields.items()
    }
    unknown = sorted(name for name in os.environ if name.startswith(PREFIX) and name not in known)
    if unknown:
        raise SettingsError(f"{unknown[0]} is not a setting; known: {', '.join(sorted(known))}")
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        message = first["msg"].removeprefix("Value error, ")
        # Without a place, it is about several: the message names them.
        where = f"setting {first['loc'][0]}: " if first["loc"] else ""
        raise SettingsError(f"{where}{message}") from error
