// `node worker.mjs NAME`: carries out jobs, one line of JSON each, and reports how long each took.
// Each implementation has its own process, so none inherits the memory or compiled code of another.

import fs from "node:fs";
import readline from "node:readline";

import { implementations } from "./implementations.mjs";

const render = await implementations[process.argv[2]]();
let input;
let bytes;
for await (const line of readline.createInterface({ input: process.stdin })) {
  const job = JSON.parse(line);
  if (job.input !== input) {
    input = job.input;
    bytes = fs.readFileSync(input);
  }
  const answer = {};
  try {
    const started = performance.now();
    const rendered = await render(bytes, job);
    answer.ms = performance.now() - started;
    answer.bytes = rendered.length;
    fs.writeFileSync(job.output, rendered);
  } catch (problem) {
    answer.failed = String(problem);
  }
  console.log(`measured ${JSON.stringify(answer)}`);
}
process.exit(0);
