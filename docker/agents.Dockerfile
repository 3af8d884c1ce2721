# The agents, signals, quality and the tools, without PyTorch. From the root of the repository:
#   docker build -f docker/agents.Dockerfile -t stream-app-agents:0.1.0 .
#
# The base is pinned by its tag. A release adds the digest (NAME:TAG@sha256:...), which only someone
# who has pulled the image can know.
FROM python:3.11.14-slim-bookworm AS build
WORKDIR /src
COPY requirements.txt requirements-dev.txt ./
RUN --mount=type=cache,target=/root/.cache/pip \
    pip install -c requirements.txt -c requirements-dev.txt hatchling
COPY . .
# --no-build-isolation: the build backend above is locked, pip's own choice would not be.
RUN pip wheel --no-build-isolation --no-deps --no-cache-dir --wheel-dir /dist . \
    && python -m venv --without-pip /opt/venv
# As constraints, the lock gives versions to the dependencies of the agents and installs no others.
RUN --mount=type=cache,target=/root/.cache/pip \
    pip --python /opt/venv/bin/python install -c requirements.txt /dist/*.whl

FROM python:3.11.14-slim-bookworm
RUN useradd --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin stream-app \
    && install --directory --owner=stream-app --group=stream-app /var/lib/stream-app
COPY --from=build /opt/venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH
USER 10001:10001
# The root may be read-only: an agent writes no file, signals and quality to theirs.
ENTRYPOINT ["stream-app"]
CMD ["--help"]
