"""Kafka and S3 for one machine: those that the environment names, embedded ones for the rest."""

from pathlib import Path

from pydantic import SecretStr

from stream_app.config import Settings
from stream_app.embedded.credentials import S3Access
from stream_app.embedded.stack import Stack

__all__ = ["settings_on", "stack_for"]


def stack_for(settings: Settings, data_dir: Path) -> Stack:
    """Return a stack, not started, that uses the servers given by the environment.

    With KAFKA_BOOTSTRAP_SERVERS no broker is started, with S3_ENDPOINT no object storage.
    """
    given = settings.model_fields_set
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
