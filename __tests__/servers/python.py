"""An echo server of Python's websockets, which prints its port."""
import asyncio
import websockets


async def echo(socket, *rest):
    async for message in socket:
        if message == "close":
            await socket.close(4001, "bye")
            break
        else:
            await socket.send(message)


async def main():
    async with websockets.serve(echo, "127.0.0.1", 0, subprotocols=["chat"], max_size=None) as server:
        print(list(server.sockets)[0].getsockname()[1], flush=True)
        await asyncio.Future()


asyncio.run(main())
