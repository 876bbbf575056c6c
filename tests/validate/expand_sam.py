"""Prints the CloudFormation template that SAM makes of a template, as AWS would when deploying it.

Usage: expand_sam.py TEMPLATE

cfn-lint overlooks mistakes inside SAM's own resource types (a reference to nothing, a wrong
InvokeMode); in the expanded template it finds them.
"""

import json
import sys

from samcli.yamlhelper import yaml_parse
from samtranslator.model.exceptions import InvalidDocumentException
from samtranslator.public.translator import ManagedPolicyLoader
from samtranslator.translator.transform import transform


def main():
    with open(sys.argv[1]) as file:
        template = yaml_parse(file.read())
    # Where `sam deploy` would have uploaded the code to.
    template.setdefault("Globals", {}).setdefault("Function", {})["CodeUri"] = "s3://bucket/code"
    try:
        # No managed policies are named, so none have to be looked up.
        expanded = transform(template, {}, ManagedPolicyLoader(None))
    except InvalidDocumentException as error:
        causes = [cause.message for cause in error.causes] or [str(error)]
        print("\n".join(causes), file=sys.stderr)
        return 1
    print(json.dumps(expanded, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
