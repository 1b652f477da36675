"""What runs inside the engine, the child process; the only room that imports torch. The supervisor never imports it."""
