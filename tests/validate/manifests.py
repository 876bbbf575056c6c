"""Checks deployment descriptions against the types of the systems that will read them.

Usage: manifests.py knative FILE... | manifests.py toml FILE...

Knative's resources are checked against its published OpenAPI schema (as Python types), core
Kubernetes kinds against Kubernetes' own. Unknown fields are errors: a misspelt probe is no probe.
Prints one line for each thing that is wrong; the exit status says whether there was any.
"""

import json
import sys
import tomllib
from importlib import import_module

import yaml

# API version -> module of the types. Everything else must be a core kind.
KNATIVE = {"serving.knative.dev/v1": "cloudcoil.models.knative_serving.serving.v1"}

# The Kubernetes release whose schema core kinds must satisfy.
KUBERNETES = "1.34"


def differences(given, understood, at=""):
    """Yields the places where what was understood is not what was given."""
    if isinstance(given, dict) and isinstance(understood, dict):
        for key in given:
            if key in understood:
                yield from differences(given[key], understood[key], f"{at}.{key}")
            else:
                yield f"{at}.{key} is unknown"
    elif isinstance(given, list) and isinstance(understood, list):
        if len(given) != len(understood):
            yield f"{at} has {len(given)} items, {len(understood)} are understood"
        for index, pair in enumerate(zip(given, understood)):
            yield from differences(*pair, f"{at}[{index}]")
    elif given != understood:
        yield f"{at} is {given!r}, understood as {understood!r}"


def knative(document):
    kind = getattr(import_module(KNATIVE[document["apiVersion"]]), document["kind"], None)
    if kind is None:
        yield f"{document['apiVersion']} has no {document['kind']}"
        return
    try:
        resource = kind.model_validate(document)
    except ValueError as error:
        yield str(error)
        return
    # The types ignore what they do not know, so what they lost is looked for.
    understood = json.loads(resource.model_dump_json(by_alias=True, exclude_unset=True))
    yield from differences(document, understood)


def kubernetes(document):
    import kubernetes_validate

    try:
        kubernetes_validate.validate(document, KUBERNETES, strict=True)
    except kubernetes_validate.ValidationError as error:
        yield f"{'.'.join(map(str, error.path))}: {error.message}"
    except kubernetes_validate.SchemaNotFoundError as error:
        yield str(error)


def manifest(path):
    with open(path) as file:
        documents = [document for document in yaml.safe_load_all(file) if document]
    if not documents:
        yield "holds nothing"
    for document in documents:
        check = knative if document.get("apiVersion") in KNATIVE else kubernetes
        yield from check(document)


def toml(path):
    try:
        with open(path, "rb") as file:
            tomllib.load(file)
    except tomllib.TOMLDecodeError as error:
        yield str(error)


def main():
    check = {"knative": manifest, "toml": toml}[sys.argv[1]]
    wrong = [f"{path}: {what}" for path in sys.argv[2:] for what in check(path)]
    print("\n".join(wrong), end="\n" if wrong else "")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
