# Photolog's edge in workerd:
#
#   PHOTOLOG_EDGE_SECRET=... workerd serve config.capnp \
#     --socket-addr http=0.0.0.0:8787 --external-addr origin=127.0.0.1:8080

using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  # For `garbage.js`.
  v8Flags = ["--expose-gc"],
  services = [
    (name = "edge", worker = .edge),
    (name = "cache", worker = .cache),
    (name = "origin", external = (address = "127.0.0.1:8080", http = ())),
  ],
  sockets = [(name = "http", address = "127.0.0.1:8787", http = (), service = "edge")],
);

const edge :Workerd.Worker = (
  compatibilityDate = "2026-04-01",
  modules = [
    (name = "index.js", esModule = embed "index.js"),
    (name = "budget.js", esModule = embed "budget.js"),
    (name = "cache.js", esModule = embed "cache.js"),
    (name = "garbage.js", esModule = embed "garbage.js"),
    (name = "headers.js", esModule = embed "headers.js"),
    (name = "lru.js", esModule = embed "lru.js"),
    (name = "once.js", esModule = embed "once.js"),
    (name = "origin.js", esModule = embed "origin.js"),
    (name = "pointers.js", esModule = embed "pointers.js"),
    (name = "push.js", esModule = embed "push.js"),
    (name = "renderer.js", esModule = embed "renderer.js"),
    (name = "renditions.js", esModule = embed "renditions.js"),
    (name = "warm-up.js", esModule = embed "warm-up.js"),
    (name = "written.js", esModule = embed "written.js"),
    (name = "module.js", esModule = embed "module.js"),
    (name = "module_bg.wasm", wasm = embed "module_bg.wasm"),
  ],
  bindings = [
    (name = "ORIGIN", service = "origin"),
    (name = "EDGE_SECRET", fromEnvironment = "PHOTOLOG_EDGE_SECRET"),
  ],
  cacheApiOutbound = "cache",
);

const cache :Workerd.Worker = (
  compatibilityDate = "2026-04-01",
  modules = [
    (name = "cache-service.js", esModule = embed "cache-service.js"),
    (name = "garbage.js", esModule = embed "garbage.js"),
    (name = "lru.js", esModule = embed "lru.js"),
  ],
  bindings = [(name = "CACHE_BYTES", fromEnvironment = "PHOTOLOG_EDGE_CACHE_BYTES")],
);
