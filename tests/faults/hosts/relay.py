"""Carries what is said to a port of this host's own loopback to a server on another host, and back.

The adapters speak without encryption to this machine alone; the wire to cut lies behind this.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()


async def _carry(host: str, port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        there, to_there = await asyncio.open_connection(host, port)
    except OSError:
        writer.close()
        return
    ways = [asyncio.create_task(_copy(reader, to_there)), asyncio.create_task(_copy(there, writer))]
    # The server ends each answer by closing; whoever asked may have gone before.
    await asyncio.wait(ways, return_when=asyncio.ALL_COMPLETED)
    for one in (writer, to_there):
        one.close()


async def main(listen: int, host: str, port: int) -> None:
    """Listen until killed."""
    server = await asyncio.start_server(lambda r, w: _carry(host, port, r, w), "127.0.0.1", listen, backlog=256)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
