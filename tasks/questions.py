"""The three questions of a run: is this the data you meant, what shall be done about it, shall it be loaded?

Each is made once, from what is in staging, so that a replay asks exactly the same, and sealed with the hash of
everything it shows. A gate that the pipeline does not ask carries the reason in `unasked`.
"""

from __future__ import annotations

from tasks.ask import GO_MEANS
from tasks.quality.model import Snapshot, Verdict
from tasks.quality.question import Question, choices, sealed
from tasks.record import once
from tasks.reports.escape import markdown
from tasks.reports.quality import quality_markdown
from tasks.report import quality_report
from tasks.run import Examined, Run

QUALITY_MEANS = {
    "go": "carry out the actions below and go on",
    "resolve": "carry them out, measure again and ask again",
    "no-go": "stop here; everything is kept, nothing is loaded",
}
GO_OR_NOT = (Verdict.GO, Verdict.NO_GO)
SAMPLE_ROWS = 5
SAMPLE_COLUMNS = 8
