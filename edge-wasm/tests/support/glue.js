//! A double of the renderer: it records its calls, and returns what a test sets.

/** What the module does next; a test changes it. */
export const module = {
  memory: 0,
  resets: 0,
  /** Each call of `render`. */
  renders: [],
  answer: () => '200 4 3 image/jpeg jpg "etag"',
  render: () => new Uint8Array([7]),
  isPicture: () => true,
};

export const initSync = () => {};
export const isSize = (text) => /^\d+x\d+$/.test(text);
export const answer = (...question) => module.answer(...question);
export const isPicture = (...question) => module.isPicture(...question);
export const memoryBytes = () => module.memory;

export function render(...call) {
  module.renders.push(call);
  return module.render(...call);
}

export function __wbg_reset_state() {
  module.memory = 0;
  module.resets += 1;
}
