"""Follows every event of every image, and goes on where it stopped.

pip install nats-py
python examples/subscriber.py nats://127.0.0.1:4222
"""

import asyncio
import json
import sys

import nats
from nats.errors import TimeoutError


async def main(url: str) -> None:
    connection = await nats.connect(url)
    jetstream = connection.jetstream()
    # Durable: the server remembers what was acknowledged, under this name.
    subscription = await jetstream.pull_subscribe(
        "photolog.v1.>", durable="example-python", stream="PHOTOLOG"
    )
    while True:
        try:
            messages = await subscription.fetch(100, timeout=5)
        except TimeoutError:
            continue
        for message in messages:
            event = json.loads(message.data)
            data = event["data"]
            print(data["position"], event["type"], data["image"], f"#{data['sequence']}", flush=True)
            # Only now: a crash before this line means that the event comes again.
            await message.ack()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "nats://127.0.0.1:4222"))
