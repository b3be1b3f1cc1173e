"""What a call cannot do, as JSON: `error` says what is wrong, `hint` what to do."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response

from analyzer.planning.works.declaring import FrozenError
from analyzer.planning.works.times import UnusableError
from faultline.inventory.told import ToldError
from faultline.records.line_result import ResultError
from faultline.runtime.console import CommandError

MOST_TOLD = 5
"""Mistakes of a body that are named."""


def add_refusals(app: FastAPI) -> None:
    """Turn what parts of the service refuse into answers."""

    def unfit(_: Request, error: RequestValidationError) -> Response:
        told = [f"{'.'.join(str(part) for part in one['loc'])}: {one['msg']}" for one in error.errors()[:MOST_TOLD]]
        return _answer(422, "; ".join(told), "GET /api/v1/openapi.json describes every call")

    def unusable(_: Request, error: UnusableError) -> Response:
        return _answer(422, error.wrong, error.remedy)

    def frozen(_: Request, error: FrozenError) -> Response:
        return _answer(409, str(error), 'choose another time, or send "despite_freeze": true')

    def failed(_: Request, error: CommandError) -> Response:
        return _answer(503, error.message, error.hint)

    def named(_: Request, error: ToldError | ResultError) -> Response:
        return _answer(422, str(error), error.hint)

    answers: dict[type[Exception], Callable[..., Response]] = {
        RequestValidationError: unfit,
        UnusableError: unusable,
        FrozenError: frozen,
        CommandError: failed,
        ToldError: named,
        ResultError: named,
    }
    for kind, answer in answers.items():
        app.add_exception_handler(kind, answer)


def _answer(status: int, error: str, hint: str | None) -> Response:
    return JSONResponse({"error": error} | ({"hint": hint} if hint else {}), status_code=status)
