"""The `darkroom` command, for users and operators. It shares the treaty (contract/) with gateway and worker, and no code."""
