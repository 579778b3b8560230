"""Checks events against the description for subscribers: described.py ASYNCAPI EVENTS."""

import json
import sys

from jsonschema import Draft202012Validator, FormatChecker

description, events = (json.load(open(path)) for path in sys.argv[1:3])
seen = set()


def validator(name):
    schema = {
        "$ref": f"#/components/schemas/{name}",
        "components": description["components"],
    }
    return Draft202012Validator(schema, format_checker=FormatChecker())


for event in events:
    name = event["type"].rsplit(".", 1)[1]
    seen.add(name)
    check = validator(name)
    check.validate(event)
    # The description must be able to refuse.
    for path, wrong in [(("id",), "x"), (("data", "sequence"), 0), (("data", "event", "type"), "X")]:
        broken = json.loads(json.dumps(event))
        place = broken
        for member in path[:-1]:
            place = place[member]
        place[path[-1]] = wrong
        assert not check.is_valid(broken), f"{path} is not described"

assert seen == set(description["components"]["messages"]), seen
