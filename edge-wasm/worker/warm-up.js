// @ts-check
//! One small render before the first request, so that the engine has compiled the code.

import { render } from "./renderer.js";

/** A picture of 8 x 8 pixels. */
const PNG =
  "iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAIAAABLbSncAAAA00lEQVR42gHIADf/AAAUKB4yRjxQZFpugniMoJaq" +
  "vrTI3NLm+gAHGy8lOU1DV2thdYl/k6edscW7z+PZ7QEADiI2LEBUSl5yaHyQhpqupLjMwtbq4PQIABUpPTNHW1Fl" +
  "eW+Dl42htau/08nd8ef7DwAcMEQ6TmJYbIB2ip6UqLyyxtrQ5PjuAhYAIzdLQVVpX3OHfZGlm6/Duc3h1+v/9Qkd" +
  "ACo+UkhccGZ6joSYrKK2ysDU6N7yBvwQJAAxRVlPY3dtgZWLn7OpvdHH2+/l+Q0DFyvb9GIhFB54YwAAAABJRU5E" +
  "rkJggg==";

export function warmUp() {
  const master = Uint8Array.from(atob(PNG), (letter) => letter.charCodeAt(0));
  for (const mediaType of ["image/jpeg", "image/png"]) {
    const pointer = { width: 8, height: 8, hasAlpha: false };
    render(master, pointer, { width: 4, height: 4, mediaType });
  }
}
