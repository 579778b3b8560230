// One entry for each measured program: `open` loads it once, and returns a function from bytes and
// a job to the picture that the job requests. All run on one thread, without caches.

import fs from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { pathToFileURL } from "node:url";

const folder = process.env.BENCH_FOLDER;
const requireFrom = (name) => createRequire(path.join(folder, name, "package.json"));
const inPeers = (file) => path.join(folder, "peers/node_modules", file);
const importPeer = (file) => import(pathToFileURL(inPeers(file)).href);
const compile = (file) => WebAssembly.compile(fs.readFileSync(file));

/** An instance with more memory than this is replaced, as in the worker. */
const MEMORY_MARK = 32 * 1024 * 1024;

async function photolog() {
  const glue = await import(pathToFileURL(path.join(process.env.EDGE_FOLDER, "module.js")).href);
  glue.initSync({ module: await compile(path.join(process.env.EDGE_FOLDER, "module_bg.wasm")) });
  return (bytes, { width, height, type }) => {
    const rendition = glue.render(bytes, width, height, `image/${type}`);
    if (glue.memoryBytes() > MEMORY_MARK) glue.__wbg_reset_state();
    return rendition;
  };
}

function sharpFrom(name) {
  const sharp = requireFrom(name)("sharp");
  sharp.concurrency(1);
  sharp.cache(false);
  return (bytes, { width, height, type, quality, lossless }) => {
    const resized = sharp(bytes).resize(width, height, { fit: "fill" });
    return resized.toFormat(type, type === "png" ? {} : { quality, lossless }).toBuffer();
  };
}

async function wasmVips() {
  const load = requireFrom("peers")("wasm-vips");
  const vips = await load({ dynamicLibraries: [], initializeDynamicLibraries: false });
  vips.concurrency(1);
  vips.Cache.max(0);
  const savers = {
    jpeg: (image, { quality }) => image.jpegsaveBuffer({ Q: quality, keep: 0 }),
    png: (image) => image.pngsaveBuffer({ keep: 0 }),
    webp: (image, { quality, lossless }) => image.webpsaveBuffer({ Q: quality, lossless, keep: 0 }),
  };
  return (bytes, job) => {
    const { width, height } = job;
    const image = vips.Image.thumbnailBuffer(bytes, width, { height, size: "force" });
    const encoded = savers[job.type](image, job);
    image.delete();
    return encoded;
  };
}

async function jsquash() {
  globalThis.ImageData ??= class {
    constructor(data, width, height) {
      Object.assign(this, { data, width, height });
    }
  };
  const codec = async (name, decoder, encoder) => {
    const decode = await importPeer(`@jsquash/${name}/decode.js`);
    const encode = await importPeer(`@jsquash/${name}/encode.js`);
    await decode.init(await compile(inPeers(`@jsquash/${name}/codec/${decoder}`)));
    await encode.init(await compile(inPeers(`@jsquash/${name}/codec/${encoder}`)));
    return { decode: decode.default, encode: encode.default };
  };
  const png = "pkg/squoosh_png_bg.wasm";
  const codecs = {
    jpeg: await codec("jpeg", "dec/mozjpeg_dec.wasm", "enc/mozjpeg_enc.wasm"),
    png: await codec("png", png, png),
    webp: await codec("webp", "dec/webp_dec.wasm", "enc/webp_enc_simd.wasm"),
  };
  const resize = await importPeer("@jsquash/resize/index.js");
  await resize.initResize(await compile(inPeers("@jsquash/resize/lib/resize/pkg/squoosh_resize_bg.wasm")));
  return async (bytes, { width, height, type, quality, lossless }) => {
    const decoded = await codecs[typeOf(bytes)].decode(Uint8Array.from(bytes).buffer);
    const resized = await resize.default(decoded, {
      width,
      height,
      method: "lanczos3",
      fitMethod: "stretch",
      premultiply: true,
      linearRGB: false,
    });
    const options = type === "png" ? undefined : { quality, lossless: lossless ? 1 : 0 };
    return new Uint8Array(await codecs[type].encode(resized, options));
  };
}

async function photon() {
  const photon = await import(pathToFileURL(requireFrom("peers").resolve("@cf-wasm/photon")).href);
  const encoders = {
    jpeg: (image, quality) => image.get_bytes_jpeg(quality),
    png: (image) => image.get_bytes(),
    webp: (image) => image.get_bytes_webp(),
  };
  return (bytes, { width, height, type, quality }) => {
    const decoded = photon.PhotonImage.new_from_byteslice(bytes);
    const resized = photon.resize(decoded, width, height, photon.SamplingFilter.Lanczos3);
    const encoded = encoders[type](resized, quality);
    decoded.free();
    resized.free();
    return encoded;
  };
}

function typeOf(bytes) {
  return { 0xff: "jpeg", 0x89: "png", 0x52: "webp" }[bytes[0]];
}

export const implementations = {
  photolog,
  sharp: () => sharpFrom("native"),
  "sharp-wasm32": () => sharpFrom("peers"),
  "wasm-vips": wasmVips,
  jsquash,
  photon,
};
