"""Whether an engine of one's own speaks as the hub understands it.

A hub with a store of its own is started for the engine to talk to; each check launches a job, or
spoils something, and looks at what the engine does then.

    with ScratchHub(Engine("house", "nightly", "pull"), port=8099) as hub:
        findings = [*checked(Bench(hub, patience_s=60))]
"""

from hub.conformance.bench import Bench
from hub.conformance.checks import checked
from hub.conformance.scratch import Engine, ScratchHub

__all__ = ["Bench", "Engine", "ScratchHub", "checked"]
