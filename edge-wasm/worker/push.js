// @ts-check
//! The origin's message that links have changed, so that they are revalidated at once and not after
//! the second for which a pointer is fresh. Of many isolates it reaches only one; the others
//! revalidate after that second.

import { refusal } from "./headers.js";

export const PUSH_PATH = "/edge/changed";

/** Far more than the origin sends in one message. */
const MOST_BYTES = 64 * 1024;

/**
 * `POST /edge/changed` with a JSON list of public ids.
 * @param {Request} request
 * @param {string | undefined} secret
 * @param {{ changed(publicId: string): void }} pointers
 */
export async function push(request, secret, pointers) {
  const { method } = request;
  if (method !== "POST") return refusal(405, `method ${method} is not allowed here`, { allow: "POST" });
  if (!(await isOrigin(request, secret))) return refusal(401, "this is for the origin");
  const publicIds = await list(request);
  if (!publicIds) return refusal(400, "a list of public ids is wanted");
  for (const publicId of publicIds) pointers.changed(publicId);
  return new Response(null, { status: 204 });
}

/**
 * The origin sends the hash of the secret that the edge sends to it.
 * @param {Request} request
 * @param {string | undefined} secret
 */
async function isOrigin(request, secret) {
  if (!secret) return false;
  const sha256 = async (/** @type {string} */ text) =>
    new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
  const wanted = Array.from(await sha256(secret), (byte) => byte.toString(16).padStart(2, "0")).join("");
  // Hashed again, so that both have the same length.
  const given = await sha256(request.headers.get("authorization") ?? "");
  return crypto.subtle.timingSafeEqual(given, await sha256(`Bearer ${wanted}`));
}

/**
 * @param {Request} request
 * @returns {Promise<string[] | null>}
 */
async function list(request) {
  if (!(Number(request.headers.get("content-length")) <= MOST_BYTES)) return null;
  try {
    const value = JSON.parse(await request.text());
    const isList = Array.isArray(value) && value.every((item) => typeof item === "string");
    return isList ? value : null;
  } catch {
    return null;
  }
}
