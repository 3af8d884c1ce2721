"""The stateless edges: check what comes in, fetch pictures, filter and publish what goes out.

One record in, one record out under the same key, or a dead letter. Each agent is a faust app of
its own and runs alone in its process.
"""
