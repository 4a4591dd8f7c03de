"""The policy language: from a file's text to an executable policy, with every finding at its line and column."""

from policies.language.check import compile_policy
from policies.language.diff import diff
from policies.language.mail import html_of
from policies.language.report import as_json, describe, report
from policies.language.schema import json_schema
from policies.language.segments import sms_segments

__all__ = ["as_json", "compile_policy", "describe", "diff", "html_of", "json_schema", "report", "sms_segments"]
