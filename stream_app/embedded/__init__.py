"""The embedded stack: Apache Kafka and SeaweedFS on this machine, without containers.

`stack.Stack` starts both and tells their addresses; `jars.install_kafka` fetches the broker once.
Everything listens on 127.0.0.1 only and ends with the process that started it.
"""
