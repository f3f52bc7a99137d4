"""Several processes as one run: by torch.distributed alone (docs/adr/0005).

Several processes are a `DistributedGroup` (distributed_group.py), one is a `SingleProcess`
(process_group.py), and the loop does not know which it has. What costs import time (device meshes,
sharding, sharded files) is imported where a run asks for it.
"""
