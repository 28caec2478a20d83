"""Programs that run as children: the only place that starts one, each with an environment that was chosen for it."""
