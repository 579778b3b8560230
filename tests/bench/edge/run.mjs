// `cargo xtask bench edge`: the module and its peers over the corpus, and the table of their
// ratios.
//
// The programs take turns within one run, so that the ratios mean the same on any machine.

import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";

import { Program, race } from "./process.mjs";
import { Table } from "./table.mjs";

const { BENCH_FOLDER: folder, INGEST_PROGRAM: ingestProgram } = process.env;
const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 9);
const WASM_PEERS = ["sharp-wasm32", "wasm-vips", "jsquash", "photon"];
const RENDITION_QUALITY = 80;
const MASTER_QUALITY = 92;

const corpus = JSON.parse(fs.readFileSync(path.join(folder, "corpus/corpus.json"), "utf8"));
const original = ({ file }) => path.join(folder, "corpus", file);
const output = (...words) => path.join(folder, "out", words.join("-").replaceAll(" ", "-"));
const node = (name) => new Program(name, process.execPath, path.join(import.meta.dirname, "worker.mjs"), name);

function fitted({ width, height }, boxWidth, boxHeight) {
  const scale = Math.min(1, boxWidth / width, boxHeight / height);
  return { width: Math.round(width * scale), height: Math.round(height * scale) };
}

/** What the peers need beside the size to make the same kind of file. */
function format(mediaType, quality) {
  const type = mediaType.replace("image/", "");
  return { type, quality, lossless: type === "webp" };
}

fs.mkdirSync(path.join(folder, "out"), { recursive: true });
const table = new Table();

async function ingest() {
  const ours = new Program("photolog", ingestProgram);
  const programs = [ours, node("sharp")];
  for (const picture of corpus) {
    const input = original(picture);
    picture.master = { input: output("master", picture.file) };
    const made = await ours.measure({ input, output: picture.master.input });
    Object.assign(picture.master, { type: made.type, width: made.width, height: made.height });
    const kind = format(made.type, MASTER_QUALITY);
    const { width, height } = made;
    const jobOf = (name) => ({ input, output: output("ingest", name, picture.file), width, height, ...kind });
    const results = await race(programs, jobOf, ROUNDS);
    table.add("master at ingest, natively", picture.name, results, [["sharp", ["sharp"], 1.5]]);
  }
  programs.forEach((program) => program.end());
}

/** We render from the master, the peers from the original. */
function served(picture, boxWidth, boxHeight) {
  const size = fitted(picture, boxWidth, boxHeight);
  const kind = format(picture.master.type, RENDITION_QUALITY);
  return (name) => ({
    input: name === "photolog" ? picture.master.input : original(picture),
    output: output("served", `${boxWidth}`, name, picture.file),
    ...size,
    ...kind,
  });
}

async function serving(programs) {
  for (const picture of corpus) {
    const results = await race(programs, served(picture, 400, 400), ROUNDS);
    table.add("400x400: ours from the master, peers from the original", picture.name, results, [
      ["best WASM peer", WASM_PEERS, 0.35],
      ["sharp", ["sharp"], 1],
    ]);
  }
}

async function likeForLike(programs) {
  for (const picture of corpus) {
    const { type, ...master } = picture.master;
    // A lossy WebP has a JPEG as its master, so here the original is used.
    const input = picture.file.endsWith(".webp") ? original(picture) : master.input;
    for (const [boxWidth, boxHeight] of [[400, 400], [1600, 1200]]) {
      const size = fitted(master, boxWidth, boxHeight);
      if (size.width === master.width) continue;
      const kind = format(type, RENDITION_QUALITY);
      const box = `${boxWidth}x${boxHeight}`;
      const jobOf = (name) => ({ input, output: output("like", box, name, picture.file), ...size, ...kind });
      const results = await race(programs, jobOf, ROUNDS);
      const target = picture.file.endsWith(".webp") ? 1 : 0.8;
      const limits = [["best WASM peer", WASM_PEERS, target]];
      table.add("both from the same file of at most 2048 pixels a side", `${picture.name}, ${box}`, results, limits);
    }
  }
}

async function quality(programs) {
  const names = ["photolog", "sharp"];
  const judged = [];
  for (const picture of corpus.filter(({ master }) => master.type === "image/jpeg")) {
    for (const [boxWidth, boxHeight] of [[400, 400], [1600, 1200]]) {
      const jobs = names.map(served(picture, boxWidth, boxHeight));
      const bytes = [];
      for (const [place, name] of names.entries()) {
        const program = programs.find((program) => program.name === name);
        bytes.push((await program.measure(jobs[place])).bytes);
      }
      judged.push({ name: `${picture.name}, ${boxWidth}x${boxHeight}`, picture, jobs, bytes });
    }
  }
  const scores = judge(
    judged.flatMap(({ picture, jobs }) =>
      jobs.map((job) => ({ original: original(picture), rendition: job.output })),
    ),
  );
  judged.forEach(({ name, bytes }, place) => table.addQuality(name, scores.slice(place * 2), bytes));
}

function judge(pairs) {
  const file = output("pairs.json");
  fs.writeFileSync(file, JSON.stringify(pairs));
  const python = path.join(folder, "venv/bin/python");
  const words = [path.join(import.meta.dirname, "quality.py"), file];
  return JSON.parse(execFileSync(python, words, { encoding: "utf8" }));
}

await ingest();
const programs = ["photolog", "sharp", ...WASM_PEERS].map(node);
await serving(programs);
await likeForLike(programs);
await quality(programs);
programs.forEach((program) => program.end());
console.log(table.toString());
