"""How good ranked lists are: metrics, baselines, statistics and a report.

It sees queries and lists alone, so ours and every baseline are measured by the same code.
"""
