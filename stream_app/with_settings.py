"""What every command begins with: settings read from its environment, and logs with a format."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import structlog

from stream_app.config import read_settings
from stream_app.log import configure_logging

__all__ = ["with_settings"]

logger = structlog.get_logger(__name__)


def with_settings(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the settings of its environment, and its logs a format."""

    @wraps(command)
    def run(**options: Any) -> Any:  # noqa: ANN401  # click's options are of any type
        settings = read_settings()
        configure_logging(settings.log_level)
        if settings.kafka_security_protocol == "SASL_PLAINTEXT":
            logger.warning(
                "SASL_PLAINTEXT: every record and, with PLAIN, the password travel in the clear; "
                "use SASL_SSL"
            )
        return command(settings, **options)

    return run
