# syntax=docker/dockerfile:1
# Cartograd in a container: to train, to look and to serve.
#   docker build -t cartograd .
#   docker run --rm -v "$PWD:/work" cartograd train mlp --data digits
#   docker run --rm -v "$PWD:/work:ro" -p 127.0.0.1:8000:8000 cartograd serve runs/mlp-digits-1 --host 0.0.0.0
# Inside it listens on all addresses, as Docker needs; -p with 127.0.0.1 keeps it on this machine.
FROM python:3.13-slim AS wheels
WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY src src
COPY tools tools
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .

FROM python:3.13-slim
COPY --from=wheels /wheels /wheels
RUN pip install --no-cache-dir --extra-index-url https://download.pytorch.org/whl/cpu /wheels/cartograd-*.whl \
    && rm -rf /wheels \
    && useradd --create-home --uid 10001 cartograd
USER 10001
WORKDIR /work
ENV OMP_NUM_THREADS=1
EXPOSE 8000
# Only `serve` answers here; a container that trains is told to leave it out: --no-healthcheck.
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/health', timeout=4)"]
ENTRYPOINT ["cartograd"]
CMD ["--help"]
