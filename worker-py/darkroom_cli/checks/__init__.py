"""What `darkroom doctor` looks at: one file a part, each check a generator of findings."""
