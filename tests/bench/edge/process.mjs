// A program that reads a job as a line and writes a line that begins with `measured`.

import { spawn } from "node:child_process";
import readline from "node:readline";

export class Program {
  constructor(name, command, ...words) {
    this.name = name;
    this.child = spawn(command, words, { stdio: ["pipe", "pipe", "inherit"] });
    this.lines = readline.createInterface({ input: this.child.stdout })[Symbol.asyncIterator]();
  }

  /** Milliseconds and bytes of one run. */
  async measure(job) {
    this.child.stdin.write(`${JSON.stringify(job)}\n`);
    for (;;) {
      const { value, done } = await this.lines.next();
      if (done) return { failed: "the program ended" };
      if (value.startsWith("measured ")) return JSON.parse(value.slice("measured ".length));
    }
  }

  end() {
    this.child.stdin.end();
  }
}

export function median(values) {
  return values.toSorted((a, b) => a - b)[values.length >> 1];
}

/**
 * Medians of a job over several programs that take turns, so that another's load on the machine
 * hits all of them. Each runs twice before it counts; one that is then far behind is not run again.
 */
export async function race(programs, jobOf, rounds) {
  const runners = [];
  for (const program of programs) {
    const job = jobOf(program.name);
    await program.measure(job);
    const { ms, bytes, failed } = await program.measure(job);
    if (failed) console.log(`  ${program.name}: ${failed}`);
    else runners.push({ name: program.name, program, job, times: [ms], bytes });
  }
  const slow = 4 * median(runners.map(({ times }) => times[0]));
  for (let round = 1; round < rounds; round++) {
    for (const { program, job, times } of runners) {
      if (times[0] < slow) times.push((await program.measure(job)).ms);
    }
  }
  return new Map(runners.map(({ name, times, bytes, job }) => [name, { ms: median(times), bytes, job }]));
}
