"""Sources and destinations as Prefect blocks: filled in as a form in the Prefect UI, used in pipelines by their name.

There is one block type per kind, with the fields that the kind has in a pipeline's YAML; what is a secret there is
encrypted by Prefect. A pipeline names the block, so a run's spec never holds what the block hides.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, Field, SecretStr, TypeAdapter, ValidationError, WithJsonSchema, create_model

from tasks.quality.errors import SpecError, Unavailable, did_you_mean
from tasks.quality.secrets import is_secret

if TYPE_CHECKING:
    from prefect.blocks.core import Block
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import BlockDocument

START = "gonogo-"
_NOT_FOUND = 404


def kinds(union: Any) -> dict[str, type[BaseModel]]:
    """Kind → model of a union of models, or of one alone."""
    models = typing.get_args(union) or (union,)
    return {model.model_fields["kind"].default: model for model in models}


@cache
def block_type(side: str, model: type[BaseModel]) -> type[Block]:
    """The block type of one kind.

    Args:
        side: "source" or "destination".
        model: its settings.
    """
    from prefect.blocks.core import Block

    kind = model.model_fields["kind"].default
    fields = {name: field for name, field in model.model_fields.items() if name != "kind"}
    order = sorted(fields, key=lambda name: not fields[name].is_required())
    given: dict[str, Any] = {name: _typed(name, fields[name], model) for name in order}
    made: type[Block] = create_model(
        f"Gonogo{side.title()}{kind.title()}", __base__=Block, __module__=__name__, **given
    )
    made._block_type_name = f"gonogo {side}: {kind}"  # noqa: SLF001  (as Prefect has it)
    made._block_type_slug = slug(side, kind)  # noqa: SLF001  (the same)
    made._description = (model.__doc__ or "").strip().partition("\n")[0]  # noqa: SLF001  (the same)
    return made


def slug(side: str, kind: str) -> str:
    """The slug of a kind's block type.

    >>> slug("source", "s3")
    'gonogo-source-s3'
    """
    return f"{START}{side}-{kind}"


def _typed(name: str, field: Any, model: type[BaseModel]) -> tuple[Any, Any]:
    """A field of a block: hidden where it may hold a secret, and asked for without a choice between it and nothing."""
    hidden = is_secret(name) or name in getattr(model, "HIDDEN", ())
    kind = SecretStr if hidden else field.annotation
    if hidden and not field.is_required():
        kind = SecretStr | None
    told = field if not hidden else Field(... if field.is_required() else None, description=field.description)
    some = tuple(each for each in typing.get_args(kind) if each is not type(None))
    if typing.get_origin(kind) in (typing.Union, types.UnionType) and len(some) == 1:
        schema = TypeAdapter(some[0]).json_schema()
        return Annotated[kind, WithJsonSchema(schema)], told
    return kind, told


def loaded(side: str, name: str, models: Mapping[str, type[BaseModel]], settings: Mapping[str, Any]) -> Any:
    """The source or destination that was saved under a name.

    Args:
        side: "source" or "destination".
        name: of the block.
        models: kind → model.
        settings: what the pipeline says otherwise.

    Raises:
        SpecError: no block has the name, or what it and the pipeline say does not fit.
        Unavailable: the Prefect server is away.
    """
    import httpx
    from prefect.client.orchestration import get_client

    try:
        with get_client(sync_client=True) as client:
            found = _documents(client, side, models, name)
            if not found:
                there = sorted({str(d.name) for d in _documents(client, side, models)})
                todo = did_you_mean(name, there) or f"save one under Blocks in the Prefect UI: gonogo {side}"
                raise SpecError(f"no {side} is saved as '{name}'", available=there, todo=todo)
    except httpx.HTTPError as error:
        raise Unavailable(f"the Prefect server does not answer: {error}", todo="start it with 'gonogo up'") from error
    (document, *others) = found
    if others:
        types = ", ".join(str(d.block_type.slug) for d in found if d.block_type)
        raise SpecError(f"several blocks are called '{name}': {types}", todo="give one another name")
    kind = str(document.block_type.slug if document.block_type else "").removeprefix(slug(side, ""))
    data = {key: value for key, value in document.data.items() if value is not None} | dict(settings)
    try:
        return models[kind].model_validate({"kind": kind, **data})
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise SpecError(f"'{place}': {first['msg']}", where=f"{side} '{name}'") from error


def _documents(
    client: SyncPrefectClient, side: str, models: Mapping[str, type[BaseModel]], name: str = ""
) -> list[BlockDocument]:
    """The saved blocks of a side, by kind; those of one name with their secrets."""
    from prefect.exceptions import ObjectNotFound

    found: list[BlockDocument] = []
    for kind in models:
        try:
            if name:
                found.append(client.read_block_document_by_name(name, slug(side, kind), include_secrets=True))
            else:
                found += of_type(client, slug(side, kind))
        except ObjectNotFound:
            continue
    return found


def of_type(client: SyncPrefectClient, slug: str) -> list[BlockDocument]:
    """The saved blocks of a type, without their secrets; none where the server does not know the type."""
    from prefect.exceptions import PrefectHTTPStatusError

    try:
        return client.read_block_documents_by_type(slug, include_secrets=False)
    except PrefectHTTPStatusError as error:
        if error.response.status_code == _NOT_FOUND:
            return []
        raise


def register(client: SyncPrefectClient, side: str, models: Mapping[str, type[BaseModel]]) -> Iterator[str]:
    """Make the block types of a side known to the Prefect server; gives the names of those that were new or other."""
    from prefect.exceptions import ObjectNotFound

    for model in models.values():
        made = block_type(side, model)
        try:
            client.read_block_type_by_slug(made.get_block_type_slug())
            client.read_block_schema_by_checksum(made._calculate_schema_checksum())  # noqa: SLF001  (nothing public says it)
        except ObjectNotFound:
            made.register_type_and_schema()
            yield made.get_block_type_slug()
