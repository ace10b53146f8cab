"""On the path of a Python process, this moves its clock by MOVED_CLOCK_HOURS; it goes on ticking."""

import os
from datetime import UTC, datetime, timedelta

import time_machine

time_machine.travel(datetime.now(UTC) + timedelta(hours=float(os.environ["MOVED_CLOCK_HOURS"])), tick=True).start()
