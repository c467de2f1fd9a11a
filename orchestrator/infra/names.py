"""Names on the wire between processes.

Renaming one needs a deployment plan: messages under the old name may still be on their way.
"""

from typing import Final

#: Documented tasks: other services enqueue by these.
TASK_ENRICH: Final = "emasai.enrich"
TASK_RUN_PIPELINE: Final = "emasai.run_pipeline"
#: Has whatever worker gets it look at the due set: what `celery beat` sends.
TASK_TICK: Final = "emasai.tick"
#: The wake-up: the name of a lane that has work.
TASK_WORK: Final = "emasai.work"

QUEUE_INTERACTIVE: Final = "interactive"
QUEUE_PIPELINE: Final = "pipeline"
QUEUE_REFRESH: Final = "refresh"
#: One queue for each lane of jobs, under the lane's own name.
QUEUES: Final = (QUEUE_INTERACTIVE, QUEUE_PIPELINE, QUEUE_REFRESH)
