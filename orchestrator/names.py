"""Names on the wire between processes.

Renaming one needs a deployment plan: messages under the old name may still be on their way.
"""

from typing import Final

#: Documented tasks: other services enqueue by these.
TASK_ENRICH: Final = "emasai.enrich"
TASK_RUN_PIPELINE: Final = "emasai.run_pipeline"
#: The doorbell: a job id and a chunk number.
TASK_WORK: Final = "emasai.work"

QUEUE_PIPELINE: Final = "pipeline"
