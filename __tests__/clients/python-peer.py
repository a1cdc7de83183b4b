"""Connections of Python's websockets, driven by lines of JSON: commands on stdin, answers and news on stdout."""

import asyncio
import base64
import json
import sys

import websockets
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory

# Seconds; a wait that lasts so long has hung.
HUNG = 120

connections = {}


def say(**words):
    sys.stdout.write(json.dumps(words) + "\n")
    sys.stdout.flush()


def pack(message):
    if isinstance(message, str):
        return {"text": message}
    return {"base64": base64.b64encode(message).decode()}


def unpack(message):
    if "text" in message:
        return message["text"]
    return base64.b64decode(message["base64"])


def extensions(offer):
    """permessage-deflate as told; None for what it does by itself."""
    if offer is None:
        return None
    return [
        ClientPerMessageDeflateFactory(
            server_no_context_takeover=offer.get("serverNoContextTakeover", False),
            client_no_context_takeover=offer.get("clientNoContextTakeover", False),
            server_max_window_bits=offer.get("serverMaxWindowBits"),
            client_max_window_bits=offer.get("clientMaxWindowBits"),
        )
    ]


async def listen(number, connection):
    try:
        async for message in connection:
            say(peer=number, message=pack(message))
    except websockets.ConnectionClosed:
        pass
    await connection.wait_closed()
    say(peer=number, code=connection.close_code, reason=connection.close_reason)


async def obey(op, number, **words):
    if op == "open":
        connection = await websockets.connect(
            words["url"],
            subprotocols=words["subprotocols"] or None,
            extensions=extensions(words.get("offer")),
            max_size=None,
            open_timeout=HUNG,
            ping_timeout=HUNG,
            close_timeout=HUNG,
        )
        connections[number] = connection
        asyncio.create_task(listen(number, connection))
        return connection.subprotocol or ""
    connection = connections[number]
    if op == "send":
        for message in words["messages"]:
            await connection.send(unpack(message))
    elif op == "fragments":
        await connection.send([unpack(message) for message in words["messages"]])
    elif op == "ping":
        await (await connection.ping(words["payload"]))
    elif op == "close":
        await connection.close(words["code"], words["reason"])
    elif op == "leave":
        connection.transport.abort()


async def answer(id, **command):
    try:
        say(id=id, result=await obey(**command))
    except Exception as error:
        say(id=id, error=repr(error))


async def main():
    reader = asyncio.StreamReader(limit=2**26)
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    tasks = set()
    while line := await reader.readline():
        task = asyncio.create_task(answer(**json.loads(line)))
        tasks.add(task)
        task.add_done_callback(tasks.discard)


asyncio.run(main())
