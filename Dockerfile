# The hub in a container. Data lies under /data, unless TRACKSIDE_DATABASE_URL names a PostgreSQL.
FROM python:3.11-slim AS build
WORKDIR /src
COPY requirements/bootstrap.lock requirements/runtime.lock requirements/
RUN python -m venv /opt/trackside \
    && /opt/trackside/bin/pip install --no-cache-dir --require-hashes -r requirements/bootstrap.lock \
    && /opt/trackside/bin/pip install --no-cache-dir --require-hashes -r requirements/runtime.lock
COPY pyproject.toml LICENSE README.md ./
COPY hub hub
COPY adapters adapters
COPY alerting alerting
COPY dashboards dashboards
RUN /opt/trackside/bin/pip install --no-cache-dir --no-deps --no-build-isolation . \
    && /opt/trackside/bin/pip uninstall --yes uv

FROM python:3.11-slim
RUN useradd --uid 10001 --create-home --home-dir /data trackside
COPY --from=build /opt/trackside /opt/trackside
ENV PATH=/opt/trackside/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    TRACKSIDE_HOST=0.0.0.0 \
    TRACKSIDE_DATABASE_URL=sqlite:////data/trackside.db \
    TRACKSIDE_LOG_FORMAT=json
USER 10001
WORKDIR /data
VOLUME /data
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/healthz', timeout=2)"]
ENTRYPOINT ["trackside"]
CMD ["serve"]
