# Three images: `photolog` (both programs), `edge` (the worker in workerd), and what builds them.
#   docker build --target photolog -t photolog .
#   docker build --target edge -t photolog-edge .

FROM rust:1.95.0-bookworm AS build
WORKDIR /source
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/source/target \
    cargo build --release --locked -p photolog -p photolog-projector \
    && mkdir /programs \
    && cp target/release/photolog target/release/photolog-projector /programs/

FROM build AS build-edge
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/source/target \
    rustup target add wasm32-unknown-unknown \
    && cargo xtask edge \
    && cp -r target/edge /edge

FROM node:22.21.1-bookworm-slim AS workerd
WORKDIR /workerd
COPY xtask/node/package.json xtask/node/package-lock.json ./
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund \
    && cp node_modules/@cloudflare/workerd-linux-*/bin/workerd /usr/local/bin/workerd

FROM debian:12.12-slim AS edge
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --home-dir /edge photolog
COPY --from=workerd /usr/local/bin/workerd /usr/local/bin/workerd
COPY --from=build-edge /edge /edge
WORKDIR /edge
USER photolog
EXPOSE 8787
ENTRYPOINT ["workerd", "serve", "config.capnp", "--socket-addr", "http=0.0.0.0:8787"]
CMD ["--external-addr", "origin=127.0.0.1:8080"]

FROM debian:12.12-slim AS photolog
# Certificates: for buckets, collectors and databases that speak TLS.
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --home-dir /data photolog \
    && install -d -o photolog -g photolog -m 700 /data /keys
COPY --from=build /programs/ /usr/local/bin/
USER photolog
ENV PHOTOLOG_DATA_DIR=/data PHOTOLOG_LISTEN=0.0.0.0:8080
VOLUME /data
EXPOSE 8080 9090
CMD ["photolog"]
