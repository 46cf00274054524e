"""The part of the control socket's API that is about hosts."""

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from releasd.engine.operator import Operator


def host_routes(operator: Callable[[], Operator], answer: Callable[[object], Response]) -> list[Route]:
    """Return the routes. `operator` gives the present one, `answer` makes a response of JSON values."""

    def probe(request: Request) -> Response:
        return answer(operator().farm.probe(request.query_params.getlist("name")))

    def drain(request: Request) -> Response:
        return answer(operator().farm.drain(request.path_params["name"]))

    def resume(request: Request) -> Response:
        return answer(operator().farm.resume(request.path_params["name"]))

    return [
        Route("/v1/hosts/probe", probe, methods=["POST"]),
        Route("/v1/hosts/{name}/drain", drain, methods=["POST"]),
        Route("/v1/hosts/{name}/resume", resume, methods=["POST"]),
    ]
