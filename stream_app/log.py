"""Logs: JSON lines on stderr, so that results have stdout for themselves.

Never user text, prompts, pictures or secrets: fields name records by topic, partition and offset.
"""

import logging
import sys

import structlog

__all__ = ["configure_logging"]

# These build DEBUG records that nobody reads, and repeat what their callers report.
NOISY = (
    "aiokafka",
    "faust",
    "mode",
    "urllib3",
    "kafka",
    "asyncio",
    "httpx",
    "httpx2",
    "openai",
    "transformers",
)


def configure_logging(level: str) -> None:
    """Send structlog and the standard library's loggers through one JSON renderer."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            # The standard library's loggers carry their fields in `extra`.
            foreign_pre_chain=[*shared, structlog.stdlib.ExtraAdder()],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(default=str),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for name in NOISY:
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLevelName(level)))
