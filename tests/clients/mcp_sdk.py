"""Uses a gateway's tools through the official Python SDK of the Model Context Protocol.

CHECK_URL says where the gateway is, CHECK_KEY as whom. Ends with an error at the first thing that is not as it
should be.
"""

import asyncio
import json
import os

import httpx2
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client

URL = os.environ["CHECK_URL"]
KEY = os.environ["CHECK_KEY"]


def client(mode, key=KEY):
    """A client of the gateway that comes with `key`."""
    http = httpx2.AsyncClient(headers={"Authorization": f"Bearer {key}"}, timeout=30)
    return Client(streamable_http_client(f"{URL}/mcp", http_client=http), mode=mode)


async def tools(mode, revision):
    """Lists tools, calls one, and one that there is not."""
    async with client(mode) as api:
        assert api.protocol_version == revision, api.protocol_version
        # Who names the revision itself asks nobody who is there.
        assert mode == revision or api.server_info.name == "dormouse", api.server_info
        names = [tool.name for tool in (await api.list_tools()).tools]
        assert "calculator" in names and names == sorted(names), names
        result = await api.call_tool("calculator", {"expression": "6*7"})
        assert not result.is_error and "42" in result.content[0].text, result
        wrong = await api.call_tool("calculator", {"expression": 7})
        assert wrong.is_error, wrong
        try:
            await api.call_tool("none", {})
        except MCPError as error:
            assert error.code == -32602, error
        else:
            raise AssertionError("there is no such tool")
        if mode == "legacy":
            await api.send_ping()


async def strangers():
    """Without a valid key nothing is told but where to look."""
    async with httpx2.AsyncClient(timeout=30) as http:
        answer = await http.post(f"{URL}/mcp", json={"jsonrpc": "2.0", "id": 1, "method": "ping"})
        assert answer.status_code == 401, answer
        place = answer.headers["www-authenticate"].split('"')[1]
        described = (await http.get(place)).json()
        assert described["resource"] == f"{URL}/mcp", described


async def main():
    await tools("legacy", "2025-11-25")
    await tools("auto", "2026-07-28")
    await tools("2026-07-28", "2026-07-28")
    await strangers()
    print(json.dumps({"checked": URL}))


asyncio.run(main())
