"""The server of the page answers who has the token, on this machine, and nobody else."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from dataclasses import replace
from threading import Thread
from typing import Any

import numpy as np
import pytest

from _trainers import walks
from tsinfogan.errors import DataError, RunError, SettingError
from tsinfogan.sampling.naming import renamed
from tsinfogan.sampling.sampler import sample
from tsinfogan.sharing.page import Exploration
from tsinfogan.sharing.real import RealCases
from tsinfogan.sharing.server import MAX_BODY, PageServer
from tsinfogan.training.plan import make_plan
from tsinfogan.training.session import build_model


@pytest.fixture(scope="module")
def explored() -> Exploration:
    plan = make_plan(walks(), n_categories=(3,), n_continuous=1, noise_dim=3, width=4)
    return Exploration(build_model(plan, walks()), "run", "tsinfogan sample", "model = ...")


@pytest.fixture(scope="module")
def server(explored: Exploration) -> Iterator[PageServer]:
    real = RealCases.of(explored.model, walks(6))
    with PageServer(explored, lambda: real, lambda *asked: renamed(explored.model, *asked)) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def ask(
    server: PageServer, path: str, body: Any = None, *, token: str | None = None, host: str | None = None
) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=20)
    method, content = ("GET", None) if body is None else ("POST", body if isinstance(body, bytes) else json.dumps(body))
    headers = {} if host is None else {"Host": host}
    more = "&" if "?" in path else "?"
    connection.request(method, f"{path}{more}token={server.token if token is None else token}", content, headers)
    answer = connection.getresponse()
    status, text = answer.status, answer.read()
    connection.close()
    return status, text


def test_the_page_is_at_the_address(server: PageServer) -> None:
    assert server.address.startswith("http://127.0.0.1:")
    assert server.server_address[0] == "127.0.0.1"
    status, page = ask(server, "/")
    assert status == 200
    assert b"<h1>walks 0</h1>" in page


@pytest.mark.parametrize("token", ["", "x", "é"])
@pytest.mark.parametrize("path", ["/", "/series", "/real", "/nothing"])
def test_without_the_token_all_is_refused(server: PageServer, path: str, token: str) -> None:
    for body in (None, {"rows": [0], "codes": [0, 0]}):
        status, text = ask(server, path, body, token=token.encode().hex() if token == "é" else token)
        assert status == 403
        assert "token" in json.loads(text)["error"]


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "", "localhost.evil:1"])
def test_other_names_of_this_machine_are_refused(server: PageServer, host: str) -> None:
    assert ask(server, "/", host=host)[0] == 403


@pytest.mark.parametrize("host", ["localhost", "localhost:8000", "127.0.0.1:1"])
def test_its_own_names_are_not(server: PageServer, host: str) -> None:
    assert ask(server, "/real", host=host)[0] == 200


@pytest.mark.parametrize("path", ["/nothing", "/favicon.ico", "/../pyproject.toml", "//etc/passwd", "/series/"])
def test_unknown_paths(server: PageServer, path: str) -> None:
    assert ask(server, path)[0] == 404
    assert ask(server, path, {})[0] == 404


def test_methods_are_not_mixed_up(server: PageServer) -> None:
    assert ask(server, "/series")[0] == 404
    assert ask(server, "/", {})[0] == 404


def test_series(server: PageServer, explored: Exploration) -> None:
    status, content = ask(server, "/series", {"rows": [3], "codes": [1, 0.25]})
    assert status == 200
    expected = sample(explored.model, 4, cat=1, cont=0.25).panel.case(3)
    np.testing.assert_allclose(np.frombuffer(content, "<f4")[1:], expected.ravel(), atol=1e-4)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"rows": 3, "codes": [0, 0]},
        {"rows": [0], "codes": {}},
        {"rows": [10**9], "codes": [0, 0]},
        {"rows": [0], "codes": [7, 0]},
        [],
        b"not JSON",
        b"\xff\xfe",
        b"[" * 60000,
        b'{"rows": [0], "codes": [0, 1e999]}',
    ],
)
def test_bad_requests_are_a_sentence(server: PageServer, body: Any) -> None:
    status, text = ask(server, "/series", body)
    assert status == 400
    assert json.loads(text)["error"].startswith("expected")


def test_long_requests_are_not_read(server: PageServer) -> None:
    assert ask(server, "/series", b"0" * (MAX_BODY + 1))[0] == 413


def test_real_series(server: PageServer) -> None:
    status, text = ask(server, "/real")
    assert status == 200
    assert json.loads(text)["note"] == "6 real series"
    status, content = ask(server, "/real/case?index=2")
    assert np.array_equal(np.frombuffer(content, "<f4")[1:], walks(6).case(2).ravel())
    for index in ("6", "-1", "", "x", "²"):
        assert ask(server, f"/real/case?index={index.encode().hex() if index == '²' else index}")[0] == 404


def test_why_there_are_no_real_series(explored: Exploration) -> None:
    def lost() -> RealCases:
        raise DataError("mine.csv is no longer there")

    with PageServer(explored, lost, lambda *_: ()) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        assert json.loads(ask(server, "/real")[1]) == {"codes": [], "titles": [], "note": "mine.csv is no longer there"}
        assert ask(server, "/real/case?index=0")[0] == 400
        server.shutdown()


def test_names(server: PageServer, explored: Exploration) -> None:
    status, text = ask(server, "/name", {"category": 1, "name": "wild <b>"})
    assert (status, json.loads(text)["names"]) == (200, [None, "wild <b>", None])
    assert b"wild &lt;b&gt;" in ask(server, "/")[1]
    taken, no_such, no_number = ({"category": k, "name": name} for k, name in ((2, "wild <b>"), (9, "x"), (True, "x")))
    for body in (taken, no_such, no_number, {}):
        status, text = ask(server, "/name", body)
        assert status == 400
        assert json.loads(text)["error"]
    assert explored.model.names == (None, "wild <b>", None)
    assert json.loads(ask(server, "/name", {"category": 1, "name": ""})[1])["names"] == [None, None, None]


def test_a_name_that_cannot_be_kept_is_said(explored: Exploration) -> None:
    def full(*_: object) -> tuple[str | None, ...]:
        raise RunError("cannot write names.json: no space left on device")

    with PageServer(explored, lambda: RealCases.of(explored.model, walks(4)), full) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        status, text = ask(server, "/name", {"category": 0, "name": "x"})
        assert (status, "no space left" in json.loads(text)["error"]) == (400, True)
        server.shutdown()


def test_a_port_that_is_taken(server: PageServer, explored: Exploration) -> None:
    with pytest.raises(SettingError, match=f"port {server.server_port} is taken"):
        PageServer(explored, lambda: RealCases.of(explored.model, walks(4)), lambda *_: (), server.server_port)


def test_names_of_a_model_of_others_stay(explored: Exploration) -> None:
    theirs = replace(explored, can_rename=False)
    with PageServer(theirs, lambda: RealCases.of(explored.model, walks(4)), lambda *_: ("mine", None, None)) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        assert b"Rename" not in ask(server, "/")[1].split(b"<script")[0]
        assert ask(server, "/name", {"category": 0, "name": "x"})[0] == 403
        server.shutdown()
