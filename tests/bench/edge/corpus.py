"""corpus.py FOLDER PHOTOGRAPHS: the pictures of the edge's benchmark.

They are photographs that Debian ships as wallpapers, unpacked in PHOTOGRAPHS, side by side at their own
resolution, with grain as a camera's sensor adds it. The same pictures on every run.
"""

import json
import sys
from pathlib import Path

import numpy
from PIL import Image

folder, photographs = map(Path, sys.argv[1:])
PLASMA = "usr/share/wallpapers/{}/contents/images/2560x1600.jpg"
NAMES = ["Autumn", "ColdRipple", "ColorfulCups", "EveningGlow", "FallenLeaf", "OneStandsOut", "Path"]
TILE = (2560, 1600)
TILES = [Image.open(photographs / PLASMA.format(name)).convert("RGB").crop((0, 0, *TILE)) for name in NAMES]


def scene(width, height, first, grain):
    """Photographs in rows, beginning with the given one."""
    picture = Image.new("RGB", (width, height))
    number = first
    for top in range(0, height, TILE[1]):
        for left in range(0, width, TILE[0]):
            picture.paste(TILES[number % len(TILES)], (left, top))
            number += 1
    samples = numpy.asarray(picture).astype(numpy.float32)
    noise = numpy.random.default_rng(first).normal(0, grain, (height, width, 1)) if grain else 0
    return Image.fromarray(numpy.clip(samples + noise, 0, 255).astype(numpy.uint8))


def with_soft_edges(picture):
    """An oval that fades out, over a chequer of half transparent squares."""
    width, height = picture.size
    y, x = numpy.mgrid[0:height, 0:width]
    distance = numpy.hypot(2 * x / width - 1, 2 * y / height - 1)
    alpha = numpy.clip((1.05 - distance) / 0.25, 0, 1) * (0.6 + 0.4 * ((x // 40 + y // 40) % 2))
    picture = picture.convert("RGBA")
    picture.putalpha(Image.fromarray((alpha * 255).astype(numpy.uint8)))
    return picture


PICTURES = [
    ("12 MP JPEG", "12mp.jpg", scene(4000, 3000, 0, 4), {"quality": 85}),
    ("24 MP progressive JPEG", "24mp.jpg", scene(6000, 4000, 2, 4), {"quality": 85, "progressive": True}),
    ("8 MP PNG", "8mp.png", scene(3264, 2448, 0, 1), {}),
    ("2 MP lossy WebP", "2mp.webp", scene(1920, 1080, 3, 2), {"quality": 80}),
    (
        "1 MP lossless WebP with alpha",
        "1mp.webp",
        with_soft_edges(scene(1184, 888, 5, 0)),
        {"lossless": True, "quality": 75},
    ),
]

folder.mkdir(parents=True, exist_ok=True)
manifest = []
for name, file, picture, options in PICTURES:
    picture.save(folder / file, **options)
    width, height = picture.size
    manifest.append({"name": name, "file": file, "width": width, "height": height})
(folder / "corpus.json").write_text(json.dumps(manifest))
