// @ts-check
//! The origin as the edge uses it: pointers, masters, and its own renditions as a last resort.
//! Every request has a time limit; every failure of the origin is one error, `OriginDown`.

import { count } from "./garbage.js";

/** The origin did not respond in time, or its response is unusable. */
export class OriginDown extends Error {}

/** Only a newer origin can tell whether the link's picture may be shown. */
export class Withheld extends Error {}

/** The link now shows another picture than the planned one. */
export class PictureChanged extends OriginDown {}

/** Shorter when there is a last known pointer to fall back on. */
const KNOWN_POINTER_LIMIT_MS = 500;
const POINTER_LIMIT_MS = 2_000;
const BYTES_LIMIT_MS = 10_000;
/** A master has at most 2048 pixels a side; no valid body is larger than this. */
const MOST_BYTES = 32 * 1024 * 1024;
const MOST_POINTER_BYTES = 4 * 1024;
/** The expected size of a body whose length is not announced. */
const FIRST_BYTES = 64 * 1024;

const DIGEST = /^[0-9a-f]{64}$/;
const SIDE_LIMIT = 2_048;
const TYPES = ["image/png", "image/jpeg", "image/webp"];

/**
 * The picture that a link shows.
 * @typedef {object} Pointer
 * @property {string} digest SHA-256 of the master, in hexadecimal digits
 * @property {string} mediaType the master's
 * @property {number} width the master's, in pixels
 * @property {number} height the master's, in pixels
 * @property {boolean} hasAlpha
 */

/**
 * The worker's bindings: the origin as a service or a URL, and the secret that both share.
 * @typedef {{ ORIGIN?: Fetcher, ORIGIN_URL?: string, EDGE_SECRET?: string }} Bindings
 */

/**
 * A response that was read.
 * @template T
 * @typedef {{ status: number, headers: Headers, body: T }} Answer
 */

export class Origin {
  /** @param {Bindings} env */
  constructor(env) {
    this.base = (env.ORIGIN_URL ?? "http://origin").replace(/\/+$/, "");
    const { ORIGIN: service } = env;
    /** @type {(request: Request) => Promise<Response>} */
    this.send = service ? (request) => service.fetch(request) : (request) => fetch(request);
    this.credentials = { authorization: `Bearer ${env.EDGE_SECRET ?? ""}` };
  }

  /**
   * What a link shows now: a pointer, `null` for none, or `known` if that is still current. Throws
   * `Withheld` when its picture must not be shown.
   * @param {string} publicId
   * @param {Pointer} [known]
   * @returns {Promise<Pointer | null>}
   */
  async pointer(publicId, known) {
    /** @type {Record<string, string>} */
    const headers = { ...this.credentials };
    if (known) headers["if-none-match"] = `"${known.digest}"`;
    const limit = known ? KNOWN_POINTER_LIMIT_MS : POINTER_LIMIT_MS;
    const answer = await this.#ask(`/edge/pointers/${publicId}`, headers, limit, json);
    if (answer.status === 304 && known) return known;
    if (answer.status === 404) return null;
    if (answer.status === 409) throw new Withheld(publicId);
    if (answer.status !== 200 || !isPointer(answer.body)) throw odd("pointer", answer);
    const { digest, mediaType, width, height, hasAlpha } = answer.body;
    return { digest, mediaType, width, height, hasAlpha };
  }

  /**
   * A master's bytes, checked against the digest that names them.
   * @param {string} digest
   */
  async master(digest) {
    const path = `/edge/masters/${digest}`;
    const answer = await this.#ask(path, this.credentials, BYTES_LIMIT_MS, bytes);
    if (answer.status !== 200) throw odd("master", answer);
    const found = hex(await crypto.subtle.digest("SHA-256", answer.body));
    if (found !== digest) throw new OriginDown(`the master ${digest} came with other bytes`);
    return answer.body;
  }

  /**
   * The origin's own rendition, if it is still the planned one.
   * @param {string} publicId
   * @param {{ size?: string, mediaType: string, etag: string }} plan
   */
  async rendition(publicId, plan) {
    // The size as requested: fitting the effective size again may lose another pixel.
    const path = `/images/${publicId}${plan.size ? `?size=${plan.size}` : ""}`;
    const headers = { accept: plan.mediaType };
    const answer = await this.#ask(path, headers, BYTES_LIMIT_MS, bytes);
    if (answer.status !== 200) throw odd("rendition", answer);
    if (answer.headers.get("etag") !== plan.etag) throw new PictureChanged(`${plan.etag} is no longer shown`);
    return answer.body;
  }

  /**
   * @template T
   * @param {string} path
   * @param {Record<string, string>} headers
   * @param {number} limit in milliseconds
   * @param {(response: Response) => Promise<T>} read
   * @returns {Promise<Answer<T>>} its body is there when the status is 200
   */
  async #ask(path, headers, limit, read) {
    try {
      const signal = AbortSignal.timeout(limit);
      const request = new Request(this.base + path, { headers, signal, redirect: "manual" });
      const response = await this.send(request);
      const { status } = response;
      const body = status === 200 ? await read(response) : await response.body?.cancel();
      return { status, headers: response.headers, body: /** @type {T} */ (body) };
    } catch (problem) {
      throw new OriginDown(`${path}: ${problem}`);
    }
  }
}

/**
 * @param {string} what
 * @param {Answer<unknown>} answer
 */
function odd(what, answer) {
  return new OriginDown(`the origin's ${what} cannot be used (status ${answer.status})`);
}

/** @param {any} value */
function isPointer(value) {
  const isSide = (/** @type {number} */ side) => Number.isInteger(side) && side >= 1 && side <= SIDE_LIMIT;
  return (
    DIGEST.test(value?.digest) &&
    TYPES.includes(value.mediaType) &&
    isSide(value.width) &&
    isSide(value.height) &&
    typeof value.hasAlpha === "boolean"
  );
}

/** @param {Response} response */
const json = async (response) => JSON.parse(new TextDecoder().decode(await read(response, MOST_POINTER_BYTES)));
/** @param {Response} response */
const bytes = (response) => read(response, MOST_BYTES);

/**
 * A body in one buffer, initially of the announced length: collecting parts would take twice as much.
 * @param {Response} response
 * @param {number} most
 */
async function read(response, most) {
  const announced = Number(response.headers.get("content-length")) || FIRST_BYTES;
  let buffer = new Uint8Array(Math.min(announced, most));
  count(buffer.byteLength);
  let length = 0;
  for await (const part of /** @type {ReadableStream<Uint8Array>} */ (response.body)) {
    const needed = length + part.byteLength;
    if (needed > most) throw new Error("the body is too large");
    if (needed > buffer.byteLength) {
      const larger = new Uint8Array(Math.min(Math.max(needed, 2 * buffer.byteLength), most));
      larger.set(buffer.subarray(0, length));
      buffer = larger;
    }
    buffer.set(part, length);
    length = needed;
  }
  return length === buffer.byteLength ? buffer : buffer.slice(0, length);
}

/** @param {ArrayBuffer} buffer */
function hex(buffer) {
  return Array.from(new Uint8Array(buffer), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
