"""The engine: a user's state, the step that moves it, and the models behind both.

Knows no broker, no object storage, no clock and no environment, so the same code serves live,
replays history and trains.
"""
