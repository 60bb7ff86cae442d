# The reader without TensorFlow, and the two pages of one file (docs/platforms.md).
FROM debian:bookworm-slim AS build
RUN apt-get update \
    && apt-get install -y --no-install-recommends python3 python3-venv ca-certificates
COPY . /source
RUN python3 -m venv /opt/digits && /opt/digits/bin/pip install --no-cache-dir /source

FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends python3 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 1000 reader
COPY --from=build /opt/digits /opt/digits
COPY docs/page /srv/page
ENV PATH=/opt/digits/bin:$PATH
USER reader
WORKDIR /home/reader
EXPOSE 7860
CMD ["python", "-m", "http.server", "7860", "--directory", "/srv/page"]
