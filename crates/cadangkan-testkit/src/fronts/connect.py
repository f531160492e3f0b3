"""A proxy that takes CONNECT and leads every name to this machine. Prints its port, and ends with its standard input.

Each name that it was asked for is a line on its standard error.
"""
import asyncio, sys


async def pump(reader, writer):
    try:
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    writer.close()


async def serve(reader, writer):
    head = await reader.readuntil(b"\r\n\r\n")
    place = head.split()[1].decode()
    print(place, file=sys.stderr, flush=True)
    theirs = await asyncio.open_connection("127.0.0.1", int(place.rpartition(":")[2]))
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
    await asyncio.gather(pump(reader, theirs[1]), pump(theirs[0], writer))


async def main():
    listener = await asyncio.start_server(serve, "127.0.0.1", 0)
    print(listener.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


asyncio.run(main())
