"""schemathesis drives every route that the server describes, with values that fit and values that
do not: no 5xx, and every answer as described."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import httpx
from given import OURS, URL, moov, same, stories, upload

KEY, SECRET = OURS["keyID"], OURS["keySecret"]
EDGE_SECRET = os.environ["PHOTOLOG_EDGE_SECRET"]
# What may become of a request that fits its schema.
FITTING = ["2xx", "3xx", "401", "403", "404", "409", "412"]
# Where a schema says less than the rules: bytes that are no picture, two values that exclude each
# other, a marker that names nothing, a member that must be the path's key.
SCHEMA_SAYS_LESS = [
    "postAccountsAccountImages", "putAccountsAccountImagesImage", "getAccountsAccountImagesImage",
    "postOauth2Token", "postOauth2Revoke", "getV21Images", "getV21ImagesDetail", "putV21ImagesImageMetadataKey",
]


def settings():
    """Credentials of each dialect, and things that exist for the paths to name."""
    images, spare = ([upload(alt_text="a dog") for _ in range(3)] for _ in "12")
    public = moov(OURS, "GET", f"/images/{images[0]}").json()["publicID"]
    bearer = {"authorization": f"Bearer {EDGE_SECRET}"}
    digest = httpx.get(f"{URL}/edge/pointers/{public}", headers=bearer).json()["digest"]
    token = httpx.post(f"{URL}/oauth2/token", auth=(KEY, SECRET), json={
        "grant_type": "client_credentials", "scope": "images.read images.write history.read",
    }).json()["access_token"]
    text = json.dumps
    return f"""
seed = 1
[auth.openapi]
basic = {{ username = {text(KEY)}, password = {text(SECRET)} }}
bearer = {{ bearer = {text(token)} }}
uploadcare = {{ api_key = {text(f"Uploadcare.Simple {KEY}:{SECRET}")} }}
keystone = {{ api_key = {text(f"{KEY}:{SECRET}")} }}
edge = {{ bearer = {text(EDGE_SECRET)} }}

[checks.positive_data_acceptance]
expected-statuses = {text(FITTING)}

[dictionaries]
images = {{ values = {text(images)} }}
spare = {{ values = {text(spare)} }}
public = {{ values = {text([public])} }}
digests = {{ values = {text([digest])} }}
keys = {{ values = ["colour", "shape"] }}

[parameters]
"path.account" = {text(OURS["accountID"])}
"path.image" = {{ dictionary = "images", probability = 0.8 }}
"path.digest" = {{ dictionary = "digests", probability = 0.5 }}
"path.key" = {{ dictionary = "keys", probability = 0.5 }}
"query.marker" = {{ dictionary = "images", probability = 0.5 }}

[[operations]]
include-path = ["/images/{{image}}", "/edge/pointers/{{image}}"]
parameters = {{ "path.image" = {{ dictionary = "public", probability = 0.8 }} }}

[[operations]]
include-operation-id = ["deleteAccountsAccountImagesImage", "deleteFilesImageStorage"]
parameters = {{ "path.image" = {{ dictionary = "spare", probability = 0.8 }} }}

[[operations]]
include-operation-id = {text(SCHEMA_SAYS_LESS)}
checks.positive_data_acceptance.expected-statuses = {text([*FITTING, "400", "422"])}
"""


def test_every_route_is_as_described():
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "schemathesis.toml"
        config.write_text(settings())
        command = [Path(sys.executable).parent / "schemathesis", "--config-file", config, "run",
                   f"{URL}/openapi.json", "--max-examples", "20", "--continue-on-failure", *sys.argv[1:]]
        same(subprocess.run(command, cwd=folder).returncode, 0)


if __name__ == "__main__":
    stories(globals())
