"""A bounded load on one URL: so many connections, each asking again as soon as it is answered."""

import asyncio
import time
from urllib.parse import urlsplit


def requests_per_second(url: str, headers: dict[str, str], connections: int, seconds: float) -> float:
    """How many answers came per second; every one must be a 200."""
    return asyncio.run(_loaded(url, headers, connections, seconds))


async def _loaded(url: str, headers: dict[str, str], connections: int, seconds: float) -> float:
    parts = urlsplit(url)
    lines = [f"GET {parts.path}?{parts.query} HTTP/1.1", f"Host: {parts.netloc}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    request = "\r\n".join([*lines, "", ""]).encode()
    started = time.perf_counter()
    asking = [_ask_again(str(parts.hostname), parts.port or 80, request, started + seconds) for _ in range(connections)]
    answers = sum(await asyncio.gather(*asking))
    return answers / (time.perf_counter() - started)


async def _ask_again(host: str, port: int, request: bytes, until: float) -> int:
    reader, writer = await asyncio.open_connection(host, port)
    answers = 0
    while time.perf_counter() < until:
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise AssertionError(f"not answered: {head[:200]!r}")
        length = int(head.lower().split(b"content-length:", 1)[1].split(b"\r\n", 1)[0])
        await reader.readexactly(length)
        answers += 1
    writer.close()
    return answers
