//! A Photolog of its own and an edge in workerd before it, on free ports and in a temporary
//! folder, with a gate between them that can be shut or spoiled.

import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer, request as ask } from "node:http";
import { createServer as createPort } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const SECRET = "a secret for tests only";
const PATIENCE_MS = 20_000;

/** Starts everything; `stop` ends it. */
export async function startWorld() {
  const folder = await mkdtemp(join(tmpdir(), "photolog-edge-"));
  const data = join(folder, "data");
  const photolog = start(process.env.PHOTOLOG_PROGRAM, [
    "--data-dir", data, "--listen", "127.0.0.1:0", "--log", "warn",
  ]);
  const address = await until(() => readFile(join(data, "address"), "utf8"));
  const { accountID, keyID, keySecret } = JSON.parse(
    await readFile(join(data, "credentials.json"), "utf8"),
  );
  const gate = await openGate(address);
  const edgePort = await freePort();
  const architecture = process.arch === "arm64" ? "arm64" : "64";
  const program = `node_modules/@cloudflare/workerd-linux-${architecture}/bin/workerd`;
  const workerd = start(join(process.env.PHOTOLOG_RUNTIMES, program), [
    "serve", join(process.env.PHOTOLOG_EDGE_FOLDER, "config.capnp"),
    "--socket-addr", `http=127.0.0.1:${edgePort}`,
    "--external-addr", `origin=${gate.address}`,
  ]);
  const edge = `http://127.0.0.1:${edgePort}`;
  await until(() => fetch(edge));
  const origin = `http://${address}`;
  const authorization = `Basic ${Buffer.from(`${keyID}:${keySecret}`).toString("base64")}`;

  return {
    edge,
    origin,
    gate,
    secret: SECRET,
    /** Uploads a picture, or replaces one; resolves to what the origin answers. */
    async upload(bytes, imageID) {
      const path = `/accounts/${accountID}/images${imageID ? `/${imageID}` : ""}`;
      const body = new FormData();
      body.set("image", new Blob([bytes]), "picture");
      const method = imageID ? "PUT" : "POST";
      const response = await fetch(origin + path, { method, body, headers: { authorization } });
      if (!response.ok) throw new Error(`${response.status}: ${await response.text()}`);
      return response.json();
    },
    async stop() {
      workerd.kill();
      photolog.kill();
      gate.close();
      await Promise.all([workerd, photolog].map(ended));
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function start(program, args) {
  const env = { ...process.env, PHOTOLOG_EDGE_SECRET: SECRET };
  return spawn(program, args, { env, stdio: ["ignore", "ignore", "inherit"] });
}

const ended = (child) => child.exitCode ?? new Promise((resolve) => child.once("exit", resolve));

async function until(attempt) {
  const end = Date.now() + PATIENCE_MS;
  for (;;) {
    try {
      return await attempt();
    } catch (problem) {
      if (Date.now() > end) throw problem;
      await sleep(20);
    }
  }
}

/** Passes requests on to the origin and counts them, until it is told to do otherwise. */
async function openGate(address) {
  const [hostname, port] = address.split(":");
  const gate = { mode: "open", seen: [] };
  const server = createServer((incoming, outgoing) => {
    gate.seen.push(incoming.url);
    if (gate.mode === "shut") return incoming.socket.destroy();
    if (gate.mode === "silent") return undefined;
    if (gate.mode === "failing") return outgoing.writeHead(500).end("no");
    const { method, url, headers } = incoming;
    const passed = ask({ hostname, port, method, path: url, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode, answer.headers);
      if (gate.mode === "spoiling" && url.startsWith("/edge/masters/")) {
        answer.on("data", (part) => outgoing.write(part.map((byte) => byte ^ 1)));
        answer.on("end", () => outgoing.end());
      } else {
        answer.pipe(outgoing);
      }
    });
    passed.on("error", () => incoming.socket.destroy());
    incoming.pipe(passed);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  gate.address = `127.0.0.1:${server.address().port}`;
  gate.close = () => {
    server.closeAllConnections();
    server.close();
  };
  return gate;
}

function freePort() {
  return new Promise((resolve, reject) => {
    const server = createPort().once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}
