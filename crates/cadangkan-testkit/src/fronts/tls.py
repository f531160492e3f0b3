"""Takes connections with TLS on a free port of this machine, and passes them on to another port.

Arguments: that port, the certificate, its key. Prints the port, and ends with its standard input.
"""
import asyncio, ssl, sys

server, certificate, key = sys.argv[1:4]
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate, key)


async def pump(reader, writer):
    try:
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    writer.close()


async def serve(reader, writer):
    theirs = await asyncio.open_connection("127.0.0.1", int(server))
    await asyncio.gather(pump(reader, theirs[1]), pump(theirs[0], writer))


async def main():
    listener = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    print(listener.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


asyncio.run(main())
