"""Kafka and S3 for one machine: those that the environment names, embedded ones for the rest."""

from pathlib import Path

from pydantic import SecretStr

from stream_app.config import Settings, SettingsError
from stream_app.embedded.credentials import S3Access
from stream_app.embedded.stack import Stack

__all__ = ["settings_on", "stack_for"]


def stack_for(settings: Settings, data_dir: Path) -> Stack:
    """Return a stack, not started, that uses the servers given by the environment.

    With KAFKA_BOOTSTRAP_SERVERS no broker is started, with S3_ENDPOINT no object storage.

    Raises:
        SettingsError: If TLS or a user are set for a server that is started here: it has neither.
    """
    given = settings.model_fields_set
    if settings.kafka_security_protocol != "PLAINTEXT" and "kafka_bootstrap_servers" not in given:
        raise SettingsError(
            f"KAFKA_SECURITY_PROTOCOL={settings.kafka_security_protocol} is for a Kafka of yours: "
            "set KAFKA_BOOTSTRAP_SERVERS too, or unset it"
        )
    if settings.s3_cafile and "s3_endpoint" not in given:
        raise SettingsError(
            "S3_CAFILE is for an object storage of yours: set S3_ENDPOINT too, or unset it"
        )
    s3 = S3Access(
        endpoint=settings.s3_endpoint,
        access_key=settings.s3_access_key.get_secret_value(),
        secret_key=settings.s3_secret_key.get_secret_value(),
        secure=settings.s3_secure,
    )
    return Stack(
        data_dir,
        settings.home,
        kafka_bootstrap_servers=(
            settings.kafka_bootstrap_servers if "kafka_bootstrap_servers" in given else None
        ),
        s3=s3 if "s3_endpoint" in given else None,
    )


def settings_on(stack: Stack, settings: Settings) -> Settings:
    """Return the settings with the addresses and keys of a started stack."""
    return settings.model_copy(
        update={
            "kafka_bootstrap_servers": stack.kafka_bootstrap_servers,
            "s3_endpoint": stack.s3_endpoint,
            "s3_access_key": SecretStr(stack.s3_access_key),
            "s3_secret_key": SecretStr(stack.s3_secret_key),
            "s3_secure": stack.s3.secure,
        }
    )
