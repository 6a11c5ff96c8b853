"""``tsinfogan explore``: the address that it prints, the file that it writes, and how it ends."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tsinfogan.sharing.server import PageServer
from tsinfogan.training.run import find_run


def address_of(child) -> str:
    return child.stdout.readline().decode().strip()


def fetch(address: str, body: dict | None = None) -> bytes:
    content = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(address, content), timeout=20) as answer:
        return answer.read()


def test_it_serves_until_ctrl_c_and_keeps_names(process, trained: Path, tmp_path: Path) -> None:
    shutil.copytree(trained, tmp_path / "runs")
    run = find_run(tmp_path / "runs")
    child = process("explore", "--runs", tmp_path / "runs", "--no-open", "--device", "cpu")
    address = address_of(child)
    page = fetch(address).decode()
    assert run.name in page
    assert f"tsinfogan sample --model {run.name} --runs {tmp_path / 'runs'}" in page
    with pytest.raises(urllib.error.HTTPError) as refused:
        fetch(address[:-1])
    assert refused.value.code == 403
    named = json.loads(fetch(address.replace("/?", "/name?"), {"category": 1, "name": "fast s"}))
    assert named["names"][1] == "fast s"
    assert run.names[1] == "fast s"
    assert json.loads(fetch(address.replace("/?", "/real?")))["note"] == "12 real series"
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=30)
    assert child.returncode == 0
    assert out == b""
    assert err.decode().splitlines()[-1] == "stopped"


@pytest.fixture
def stopped(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Servers that Ctrl-C stops at once; the addresses that were opened in a browser."""
    opened: list[str] = []

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(PageServer, "serve_forever", interrupt)
    monkeypatch.setattr("webbrowser.open", opened.append)
    return opened


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have a display")
@pytest.mark.parametrize(("options", "display", "opens"), [((), True, 1), ((), False, 0), (("--no-open",), True, 0)])
def test_a_browser_is_opened_where_there_is_one(
    command, stopped: list[str], trained: Path, monkeypatch: pytest.MonkeyPatch, options, display: bool, opens: int
) -> None:
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setenv("DISPLAY", ":0" if display else "")
    outcome = command("explore", "--runs", trained, *options)
    assert outcome.code == 0
    assert outcome.out.startswith(b"http://127.0.0.1:")
    assert stopped == [outcome.out.decode().strip()] * opens


def test_a_port_that_is_taken(command, trained: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        sentence = command("explore", "--runs", trained, "--port", port).sentence
    assert sentence.startswith(f"error: port {port} is taken by another program; choose another --port")


def test_a_run_in_training_is_noted(command, stopped: list[str], small_csv: Path, tmp_path: Path) -> None:
    runs = ("--runs", tmp_path)
    command("train", "--data", small_csv, "--width", 8, "--batch-size", 8, "--device", "cpu", "--steps", 2, *runs)
    config = find_run(tmp_path).path / "config.json"
    config.write_text(config.read_text().replace('"max_steps": 2', '"max_steps": 20'))
    outcome = command("explore", *runs)
    assert outcome.code == 0
    assert "was stopped before its end: this is its model after 2 of 20 steps" in outcome.err


@pytest.mark.parametrize("options", [("--port", 80), ("--no-open",)])
def test_options_of_a_served_page_are_refused_for_a_file(command, trained: Path, tmp_path: Path, options) -> None:
    page = tmp_path / "page.html"
    assert "leave" in command("explore", "--runs", trained, "-o", page, *options).sentence
    assert not page.exists()


def test_a_page_as_one_file(command, trained: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    outcome = command("explore", "--runs", trained, "-o", page)
    assert outcome.code == 0, outcome.err
    assert outcome.out.decode().strip() == str(page)
    text = page.read_text()
    assert "TsInfoGANRuntime" in text
    assert str(trained) not in text  # it is for others
    assert "://" not in text.replace("http://www.w3.org", "")


def test_a_file_without_the_real_series(command, trained: Path, small_csv: Path, tmp_path: Path) -> None:
    shutil.copytree(trained, tmp_path / "runs")
    config = find_run(tmp_path / "runs").path / "config.json"
    config.write_text(config.read_text().replace(str(small_csv), str(tmp_path / "lost.csv")))
    outcome = command("explore", "--runs", tmp_path / "runs", "-o", tmp_path / "page.html")
    assert outcome.code == 0, outcome.err
    assert "note: the page holds no real series" in outcome.err
    assert (tmp_path / "page.html").exists()


def test_a_page_that_cannot_be_written(command, trained: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert "cannot write" in command("explore", "--runs", trained, "-o", tmp_path / "file" / "page.html").sentence


def test_without_a_run_it_opens_the_model_that_comes_along(command, stopped: list[str], tmp_path: Path) -> None:
    outcome = command("explore", "--runs", tmp_path, "--no-open")
    assert outcome.code == 0, outcome.err
    assert "this is letters, which comes with tsinfogan" in outcome.err
