# One image for worker, API and sandbox; the command says which.
ARG PYTHON_IMAGE=python:3.11-slim-bookworm

# All pinned packages, each checked against its hash. Those for development and benchmarks are
# among them, because constraints.txt is one list; they stay behind in this stage. The list is
# complete, so nothing is resolved: pip's resolver looks at newer releases, which have no hash here.
FROM ${PYTHON_IMAGE} AS wheels
COPY constraints.txt .
RUN pip download --no-cache-dir --disable-pip-version-check --only-binary :all: \
    --no-deps --require-hashes --requirement constraints.txt --dest /wheels

# The project and what it depends on, from those checked files and from no index.
FROM wheels AS build
WORKDIR /source
COPY . .
RUN python -m venv --without-pip /opt/emasai \
    && pip --python /opt/emasai install --no-cache-dir --disable-pip-version-check \
       --no-index --find-links /wheels .
# Whatever only a development package would have brought is missed here, not in production.
RUN pip --python /opt/emasai check \
    && /opt/emasai/bin/python -I -c "import kombu.transport.redis, orchestrator.cli, psycopg"

FROM ${PYTHON_IMAGE}
# A number, so that an orchestrator can see that it is not root; /data is for what is kept.
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin emasai \
    && install --directory --owner 10001 --group 10001 /data
COPY --from=build /opt/emasai /opt/emasai
ENV PATH=/opt/emasai/bin:$PATH \
    HOME=/tmp \
    EMASAI_HOME=/data \
    PYTHONUNBUFFERED=1
USER 10001:10001
WORKDIR /data
CMD ["celery", "-A", "orchestrator.celery_app", "worker", "--pool", "threads"]
