"""What the scripts share: a running server and two tenants, from the environment.

PHOTOLOG_URL      where it is, such as http://127.0.0.1:8080
PHOTOLOG_TENANTS  JSON: two times {"accountID", "keyID", "keySecret"}
"""

import base64
import io
import json
import os
import random
from contextlib import contextmanager

import httpx
from PIL import Image

URL = os.environ["PHOTOLOG_URL"].rstrip("/")
TENANTS = json.loads(os.environ["PHOTOLOG_TENANTS"])
OURS, THEIRS = TENANTS[0], TENANTS[1]
UNKNOWN = "00000000-0000-4000-8000-000000000000"


def picture():
    """A small PNG unlike any other."""
    image = Image.new("RGB", (8, 8), tuple(random.randbytes(3)))
    image.putdata([tuple(random.randbytes(3)) for _ in range(64)])
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def moov(tenant, method, path, **options):
    """A request in Moov's dialect, which alone takes pictures in."""
    auth = (tenant["keyID"], tenant["keySecret"])
    return httpx.request(
        method, f"{URL}/accounts/{tenant['accountID']}{path}", auth=auth, **options
    )


def upload(tenant=OURS, alt_text=None):
    """A new image's id."""
    metadata = {} if alt_text is None else {"altText": alt_text}
    answer = moov(
        tenant,
        "POST",
        "/images",
        files={"image": ("p.png", picture()), "metadata": (None, json.dumps(metadata))},
    )
    assert answer.status_code == 201, answer.text
    return answer.json()["imageID"]


def disable(image, tenant=OURS):
    answer = moov(tenant, "DELETE", f"/images/{image}")
    assert answer.status_code == 204, answer.text


@contextmanager
def fails(kind, *words):
    """The block must raise `kind` with these words in its text."""
    try:
        yield
    except kind as problem:
        text = str(problem)
        for word in words:
            assert word in text, f"{word!r} is not in {text!r}"
    else:
        raise AssertionError(f"no {kind.__name__}")


def same(found, expected):
    assert found == expected, f"{found!r} is not {expected!r}"


def stories(names):
    """Runs every function of a script that is called `test_…`."""
    for name, story in list(names.items()):
        if name.startswith("test_"):
            story()
            print(f"{name} ok", flush=True)
