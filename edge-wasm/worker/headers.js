// @ts-check
//! The headers of every response, exactly as the origin writes them.

const SAME_FOR_ALL = {
  "vary": "Accept",
  "access-control-allow-origin": "*",
  "x-content-type-options": "nosniff",
  "content-security-policy": "default-src 'none'; sandbox",
  "cross-origin-resource-policy": "cross-origin",
};

/** A minute in browsers, then revalidated by ETag, as by the origin. */
const CURRENT = "public, max-age=60, stale-while-revalidate=300";

/**
 * The headers of a picture, or of `304 Not Modified`.
 * @param {string} publicId
 * @param {{ etag: string, extension: string }} plan
 */
export function pictureHeaders(publicId, plan) {
  const headers = new Headers(SAME_FOR_ALL);
  headers.set("etag", plan.etag);
  headers.set("cache-control", CURRENT);
  headers.set("content-disposition", `inline; filename="${publicId}.${plan.extension}"`);
  return headers;
}

/**
 * A refusal with a short JSON body, never cached.
 * @param {number} status
 * @param {string} message
 * @param {Record<string, string>} extra headers
 */
export function refusal(status, message, extra = {}) {
  const body = JSON.stringify({ error: message });
  const headers = {
    "content-type": "application/json",
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    ...extra,
  };
  return new Response(body, { status, headers });
}
