//! Pictures to upload, made here: PNG needs no more than deflate. JPEG and WebP are had from
//! the origin, as renditions of these.

import { crc32, deflateSync } from "node:zlib";

/** A PNG of `channels` 1 (grey), 2 (grey and alpha), 3 (RGB) or 4 (RGBA), of 8 or 16 bits. */
export function png(width, height, { channels = 3, bits = 8, seed = 0 } = {}) {
  const sampleBytes = bits / 8;
  const row = 1 + width * channels * sampleBytes;
  const raw = Buffer.alloc(row * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (let channel = 0; channel < channels; channel++) {
        const wave = Math.sin((x * (channel + 1) + seed) / 17) + Math.cos((y - seed) / 23);
        const value = Math.round(((wave + 2) / 4) * (2 ** bits - 1));
        raw.writeUIntBE(value, y * row + 1 + (x * channels + channel) * sampleBytes, sampleBytes);
      }
    }
  }
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head.set([bits, [0, 4, 2, 6][channels - 1]], 8);
  return Buffer.concat([
    Buffer.from("\x89PNG\r\n\x1a\n", "latin1"),
    chunk("IHDR", head),
    chunk("IDAT", deflateSync(raw)),
    chunk("IEND", Buffer.alloc(0)),
  ]);
}

function chunk(name, data) {
  const content = Buffer.concat([Buffer.from(name, "latin1"), data]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(data.length);
  const sum = Buffer.alloc(4);
  sum.writeUInt32BE(crc32(content));
  return Buffer.concat([length, content, sum]);
}
