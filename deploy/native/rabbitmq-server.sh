# Starts the broker (its path is the argument) once its own epmd answers: without one, Erlang would start a daemon of its own that outlives the stack.
set -eu
until epmd -port "$ERL_EPMD_PORT" -names >/dev/null 2>&1; do sleep 0.1; done
exec "$1"
