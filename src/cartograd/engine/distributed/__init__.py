"""Several processes as one run: by torch.distributed alone (docs/adr/0005).

The processes of a run are a `DistributedGroup`, a process by itself is a `SingleProcess`, and the
loop does not know which it has. What costs import time (device meshes, sharding, sharded
files) is imported where a run asks for it.
"""
