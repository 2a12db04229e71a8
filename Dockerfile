# The service for a model in ONNX form: see docs/serving.md.
#
#   docker build -t conflict-ner .
#   docker run --rm --read-only -p 127.0.0.1:8080:8080 -v "$PWD/models/small-int8:/model:ro" conflict-ner

FROM python:3.12-slim AS build
WORKDIR /source
COPY docker/requirements.txt constraints.txt ./
RUN python -m venv /venv \
    && /venv/bin/pip install --no-cache-dir --no-deps --constraint constraints.txt --requirement requirements.txt
COPY pyproject.toml README.md LICENSE ./
COPY train train
# Without the dependencies that only training and PyTorch checkpoints need.
RUN /venv/bin/pip install --no-cache-dir --no-deps . \
    && /venv/bin/pip uninstall --yes pip

FROM python:3.12-slim
COPY --from=build /venv /venv
ENV PATH=/venv/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
USER 10001:10001
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/v2/health/ready', timeout=4)"]
# In a container loopback is the container's own; who reaches the service is decided by -p.
ENTRYPOINT ["conflict-ner", "serve", "--host", "0.0.0.0"]
CMD ["/model"]
