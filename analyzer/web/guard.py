"""Who may write, and how much at once: every request that could change something passes here before anything is read of it.

Goes in: requests. Comes out: the same, or a refusal that says what to do. A request that only asks passes. One that writes needs
a token of the configuration as `Authorization: Bearer TOKEN`, which no other site's page can send in a reader's name. Our own
forms bring theirs in a field and are known by their address: who serves them looks at it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from faultline.runtime.counters import Counters
from faultline.runtime.tokens import Tokens

ASKS = frozenset({"GET", "HEAD", "OPTIONS"})
MOST_OCTETS = 64 * 1024
"""Of a body."""
LONGEST_S = 15.0
"""For a body to arrive."""
HOLDER = "holder"
"""In a request's state: whose token it carried."""
NO_WRITERS = "nobody may write: the configuration names no writer"
NO_WRITERS_HINT = "add one to `writers` in analyzer.yaml"
WRONG_TOKEN = "no token, or an unknown one"  # noqa: S105 - what is said of one
WRONG_TOKEN_HINT = "send `Authorization: Bearer TOKEN` with the token of a writer in analyzer.yaml"  # noqa: S105


class WriteGuard:
    """Around the application.

    Args:
        app: what is guarded.
        tokens: of those who may write.
        counters: refusals by reason, writes by holder.
        forms: addresses of forms, whose token is in a field.
    """

    def __init__(self, app: ASGIApp, *, tokens: Tokens, counters: Counters, forms: Collection[str] = ()) -> None:
        self._app = app
        self._tokens = tokens
        self._counters = counters
        self._forms = frozenset(forms)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http" or scope["method"] in ASKS:
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        if refusal is not None:
            await refusal(scope, receive, send)
            return
        await self._app(scope, _bounded(receive, self._counters), send)

    def _refusal(self, scope: Scope) -> JSONResponse | None:
        headers = Headers(scope=scope)
        if not self._tokens:
            return self._refused("no_writers", 403, NO_WRITERS, NO_WRITERS_HINT)
        if scope["path"] not in self._forms:
            holder = self._tokens.bearer(headers.get("authorization"))
            if holder is None:
                reason = "wrong_token" if "authorization" in headers else "no_token"
                return self._refused(reason, 401, WRONG_TOKEN, WRONG_TOKEN_HINT)
            self._counters.count("write_calls", by=holder)
            scope.setdefault("state", {})[HOLDER] = holder
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length[:12]) > MOST_OCTETS:
            return self._refused("too_large", 413, f"a body of more than {MOST_OCTETS} octets", "send it in parts")
        return None

    def _refused(self, reason: str, status: int, error: str, hint: str) -> JSONResponse:
        self._counters.count("write_calls_refused", reason=reason)
        headers = {"WWW-Authenticate": "Bearer"} if status == 401 else None  # noqa: PLR2004 - the header belongs to it
        return JSONResponse({"error": error, "hint": hint}, status_code=status, headers=headers)


def _bounded(receive: Receive, counters: Counters) -> Receive:
    """The body, which is refused when it grows too large or takes too long."""
    taken, until_s = 0, asyncio.get_running_loop().time() + LONGEST_S

    async def bounded() -> Message:
        nonlocal taken
        if taken < 0:  # all of it is here; what comes now is that the caller went away
            return await receive()
        try:
            async with asyncio.timeout_at(until_s):
                message = await receive()
        except TimeoutError:
            counters.count("write_calls_refused", reason="too_slow")
            raise HTTPException(408, f"the body took longer than {LONGEST_S:.0f} s") from None
        taken += len(message.get("body", b""))
        if taken > MOST_OCTETS:
            counters.count("write_calls_refused", reason="too_large")
            raise HTTPException(413, f"a body of more than {MOST_OCTETS} octets")
        if not message.get("more_body", False):
            taken = -1
        return message

    return bounded
