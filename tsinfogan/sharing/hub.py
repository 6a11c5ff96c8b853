"""Runs on a model hub: uploads a run, and downloads one by its address, ``hf://user/name`` or with ``@revision``.

What is downloaded may come from anybody. Only the files that sampling needs are asked for, and a run's loader checks
them as it checks those of any directory. What is uploaded tells of the training data what the model itself does, and
its name, but not the folder that it lay in.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from tsinfogan.errors import RunError, SettingError
from tsinfogan.models.model import Model
from tsinfogan.sharing.card import hub_card
from tsinfogan.training.checkpoint import sampling_tensors, serialized
from tsinfogan.training.run import CARD, CONFIG, MODEL, NAMES, Run
from tsinfogan.training.session import PICTURE, picture

SCHEME = "hf://"
TO_SAMPLE = (CONFIG, MODEL, NAMES)
REPO = re.compile(r"[\w.-]+/[\w.-]+", re.ASCII)
LOG_IN = "log in by `hf auth login` or HF_TOKEN"


class Address(NamedTuple):
    """A repository of a hub, and which state of it: a branch, a tag or a commit."""

    repo: str
    revision: str | None = None

    @classmethod
    def of(cls, text: str) -> Address:
        """Of ``user/name``, with or without ``hf://`` before and ``@revision`` after it; a SettingError of others."""
        repo, at, revision = text.removeprefix(SCHEME).partition("@")
        if not REPO.fullmatch(repo) or (at and not revision):
            raise SettingError(
                f"expected a repository of a hub as user/name, or {SCHEME}user/name@revision, got {text[:80]!r}"
            )
        return cls(repo, revision or None)

    def __str__(self) -> str:
        return f"{SCHEME}{self.repo}" + (f"@{self.revision}" if self.revision else "")


def push(run: Run, repo: str, *, private: bool = False) -> str:
    """Uploads a finished run, with a model card, in one commit, and returns the address of the model's page.

    The repository ``user/name`` is made if it is missing, and a ``private`` one is seen by its owner only.

    Raises:
        SettingError: ``repo`` is no name of a repository.
        RunError: the run is not finished, the hub refuses it or cannot be reached, or huggingface_hub is missing.
    """
    address = Address.of(repo)
    if address.revision is not None:
        raise SettingError(f"expected user/name to push to, got {repo[:80]!r}; leave the revision out")
    steps, most = run.steps_done, run.plan.training.max_steps
    if steps is None or steps < most:
        raise RunError(
            f"run {run.name} is not finished: {steps or 0} of {most} steps are done; go on with "
            f"`tsinfogan train --resume {run.name}`, then push it"
        )
    hub, model = _hub(), run.load_model()
    content = {
        **files_to_sample(run, model),
        PICTURE: picture(model),
        CARD: hub_card(run, model, str(address)).encode(),
    }
    with _sentences(address):
        api = hub.HfApi(library_name="tsinfogan")
        page = str(api.create_repo(address.repo, private=private or None, exist_ok=True))
        if private and not api.model_info(address.repo).private:
            raise RunError(f"{address} exists and is public; choose another name, or make it private on its page")
        additions = [hub.CommitOperationAdd(name, data) for name, data in content.items()]
        api.create_commit(address.repo, additions, commit_message=f"Run {run.name}")
    return page


def fetched_run(address: str) -> Run:
    """The run at an address on a hub, downloaded to the hub's cache unless it is there; only to be read.

    The address is ``hf://user/name``, or ``hf://user/name@revision`` for a branch, a tag or a commit. A RunError if
    there is no such repository or run, the hub refuses it or cannot be reached, or huggingface_hub is missing.
    """
    asked, hub = Address.of(address), _hub()
    with _sentences(asked):
        folder = hub.snapshot_download(
            asked.repo, revision=asked.revision, allow_patterns=list(TO_SAMPLE), library_name="tsinfogan"
        )
    for name in (CONFIG, MODEL):
        if not (Path(folder) / name).exists():
            raise RunError(f"{asked} holds no run of tsinfogan: it has no {name}; check the name")
    try:
        run = Run.open(Path(folder))
    except RunError as error:
        raise RunError(f"{asked} holds no run that can be used: {str(error).replace(folder, str(asked))}") from None
    return Run(run.path, public_config(run.config))


def files_to_sample(run: Run, model: Model) -> dict[str, bytes]:
    """The content, by name, of the files that sampling from ``model`` needs."""
    names = model.names or (None,) * model.settings.n_categories
    return {
        CONFIG: json.dumps(public_config(run.config), indent=1).encode(),
        MODEL: serialized(sampling_tensors(model)),
        NAMES: json.dumps(names, ensure_ascii=False, indent=1).encode(),
    }


def public_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """The ``config.json`` of a run in which a file of training data is named without its folder."""
    data = dict(config["data"])
    if "file" in data:
        data["file"] = re.split(r"[/\\]", data["file"])[-1]
    return {**config, "data": data}


def _hub() -> Any:
    try:
        return import_module("huggingface_hub")
    except ImportError:
        raise RunError('model hubs need huggingface_hub: install it by pip install "tsinfogan[hub]"') from None


@contextmanager
def _sentences(address: Address) -> Iterator[None]:
    """Turns what a hub answers into a RunError in one sentence."""
    errors = import_module("huggingface_hub.errors")
    try:
        yield
    except RunError:
        raise
    except errors.HFValidationError as error:
        raise SettingError(f"{address} cannot be the name of a repository: {_short(error)}") from None
    except Exception as error:  # of several HTTP libraries, of another protocol for large files, and of the disk
        # An error of the cache hides why the hub was not asked, or what it answered.
        cause = error.__cause__ if isinstance(error, errors.LocalEntryNotFoundError) else None
        raise RunError(_why(cause or error, address, errors)) from None


def _why(error: BaseException, address: Address, errors: Any) -> str:
    status = getattr(getattr(error, "response", None), "status_code", None)
    if isinstance(error, errors.RevisionNotFoundError):
        return f"{address.repo} has no revision {address.revision!r} on the hub; check its branches and tags"
    if isinstance(error, errors.OfflineModeIsEnabled):
        return f"{address} needs the hub, which HF_HUB_OFFLINE keeps from being asked; unset it"
    if isinstance(error, errors.RepositoryNotFoundError) and not isinstance(error, errors.GatedRepoError):
        return f"the hub has no model {address.repo}, or only a private one; check the name, or {LOG_IN}"
    if status in (401, 403):
        return f"the hub refused {address} ({status}), since the token is missing, wrong or may not do this; {LOG_IN}"
    if status is not None:
        return f"the hub answered {status} for {address} ({_short(error)}); try again later"
    return f"cannot reach the hub for {address} ({_short(error)}); check the network, and HF_ENDPOINT if it is set"


def _short(error: BaseException) -> str:
    text = " ".join(str(error).split()).partition("For more information")[0]
    return text[:160].rstrip(". ") or type(error).__name__
