"""quality.py PAIRS: how near renditions come to the best that their size allows.

PAIRS is a file of JSON: a list of objects with `original` and `rendition`. Prints a list of SSIMULACRA2 scores
in the same order; 100 is the reference itself: the original, resized with Lanczos in linear light.
"""

import json
import sys
import tempfile
from pathlib import Path

import numpy
from PIL import Image
from ssimulacra2 import compute_ssimulacra2

Image.MAX_IMAGE_PIXELS = None


def to_linear(samples):
    samples = samples / 255
    return numpy.where(samples <= 0.04045, samples / 12.92, ((samples + 0.055) / 1.055) ** 2.4)


def to_srgb(light):
    light = numpy.clip(light, 0, 1)
    return numpy.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)


def reference(original, size):
    """Resized channel by channel in floating point."""
    samples = numpy.asarray(original.convert("RGB"))
    channels = []
    for channel in range(3):
        light = Image.fromarray(to_linear(samples[..., channel].astype(numpy.float32)).astype(numpy.float32))
        channels.append(to_srgb(numpy.asarray(light.resize(size, Image.Resampling.LANCZOS))))
    return Image.fromarray(numpy.rint(numpy.stack(channels, axis=-1) * 255).astype(numpy.uint8))


references = {}
scores = []
for pair in json.loads(Path(sys.argv[1]).read_text()):
    rendition = Image.open(pair["rendition"]).convert("RGB")
    key = (pair["original"], rendition.size)
    if key not in references:
        references[key] = reference(Image.open(pair["original"]), rendition.size)
    with tempfile.TemporaryDirectory() as scratch:
        files = [f"{scratch}/reference.png", f"{scratch}/rendition.png"]
        references[key].save(files[0], compress_level=1)
        rendition.save(files[1], compress_level=1)
        scores.append(round(float(compute_ssimulacra2(*files)), 2))
print(json.dumps(scores))
