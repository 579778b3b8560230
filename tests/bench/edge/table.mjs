// The results as Markdown.

export class Table {
  #speed = new Map();
  #quality = [];

  /** Adds a job; `limits` are triples of a name, the programs (the fastest counts) and the target. */
  add(chapter, job, results, limits) {
    const ours = results.get("photolog")?.ms ?? NaN;
    const rows = this.#speed.get(chapter) ?? [];
    this.#speed.set(chapter, rows);
    for (const [name, programs, target] of limits) {
      const rivals = programs.filter((program) => results.has(program));
      const best = rivals.toSorted((a, b) => results.get(a).ms - results.get(b).ms)[0];
      const theirs = results.get(best).ms;
      const ratio = ours / theirs;
      const against = programs.length > 1 ? `${name}: ${best}` : name;
      const cells = [job, ours.toFixed(1), against, theirs.toFixed(1), ratio.toFixed(2), `<= ${target.toFixed(2)}`];
      rows.push([...cells, ratio <= target ? "yes" : "no"]);
    }
    console.log(`${chapter}: ${job}`);
    for (const [name, { ms, bytes }] of results) console.log(`  ${name}: ${ms.toFixed(1)} ms, ${bytes} bytes`);
  }

  addQuality(job, [ours, theirs], [ourBytes, theirBytes]) {
    this.#quality.push([job, ours, theirs, ourBytes, theirBytes, (ourBytes / theirBytes).toFixed(2)]);
  }

  toString() {
    const speed = [...this.#speed].map(
      ([chapter, rows]) =>
        `\n${chapter}\n\n${markdown(["job", "ours, ms", "against", "ms", "ratio", "target", "met"], rows)}`,
    );
    const heads = ["job", "ours, SSIMULACRA2", "sharp's", "ours, bytes", "sharp's", "ratio"];
    return [...speed, `\nquality at quality 80\n\n${markdown(heads, this.#quality)}`].join("\n");
  }
}

function markdown(heads, rows) {
  const line = (cells) => `| ${cells.join(" | ")} |`;
  return [heads, heads.map(() => "---"), ...rows].map(line).join("\n");
}
