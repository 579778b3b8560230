//! What wasm-bindgen's glue exports, as far as the worker calls it: see `src/lib.rs`.

export function initSync(options: { module: WebAssembly.Module }): unknown;
export function isSize(text: string): boolean;
export function answer(
  digest: string,
  mediaType: string,
  width: number,
  height: number,
  hasAlpha: boolean,
  size?: string,
  accept?: string,
  ifNoneMatch?: string,
): string;
/** Throws a text when the picture cannot be rendered. */
export function render(master: Uint8Array, width: number, height: number, mediaType: string): Uint8Array;
export function isPicture(bytes: Uint8Array, width: number, height: number, mediaType: string): boolean;
export function memoryBytes(): number;
export function __wbg_reset_state(): void;
