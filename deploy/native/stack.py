"""The native stack on one machine: `stack.py --help`, and README.md beside this file."""

from __future__ import annotations

import argparse
import fcntl
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import cli
import environment
import gateway
import install
import leftovers
import ports
import prometheus
import rabbitmq
import ready
import redis_server
import rpc
import s3_server
import settings as configuration
import step
import table
import worker
from process import Process
from runner import Runner, Status
from settings import BadSetting, Settings, data_dir

# Seconds from start to ready; the worker's first start loads a model.
LIMIT = 180.0

SERVICES = ("epmd", "rabbitmq", "redis", "s3")


def processes(settings: Settings) -> list[Process]:
    """Everything that a whole stack runs, in starting order."""
    return [
        *rabbitmq.processes(settings),
        *redis_server.processes(settings),
        *s3_server.processes(settings),
        *gateway.processes(settings),
        *worker.processes(settings),
        *prometheus.processes(settings),
    ]


def up(settings: Settings, names: Sequence[str], wait: bool) -> None:
    """Starts the named processes beside those that run; without names exactly the whole stack."""
    install.services(settings)
    if not names or any(name.startswith("gateway") for name in names):
        install.gateway_binary(settings)
    if not names or any(name.startswith("worker") for name in names):
        install.worker_environment(settings)
    if not names:
        install.command(settings)
    runner = Runner(settings)
    with _alone(settings):
        known = runner.statuses()
        every = processes(settings)
        wanted = [process for process in every if not names or process in _meant(every, names) or process.name in known]
        idle = [process for process in wanted if process.name not in known or not known[process.name].pid]
        taken = ports.complaints(idle)
        if taken:
            raise BadSetting(taken[0] + (f" (and {len(taken) - 1} more)" if taken[1:] else ""))
        for part in (rabbitmq, redis_server, s3_server, prometheus):
            part.prepare(settings)
        step.say(f"starting {', '.join(process.name for process in idle) or 'nothing new'} in {data_dir(settings)}")
        changed = runner.apply(wanted)
        if changed:
            step.say(f"started anew because of changes: {', '.join(changed)}")
    if wait:
        ready.wait(runner, wanted, LIMIT)
    if not names:
        step.skipped(f"look after it with {cli.command(settings)} (status, jobs, doctor, …)")


def down(settings: Settings) -> None:
    """Stops last in, first out, then ends anything that got away."""
    runner = Runner(settings)
    with _alone(settings):
        known = runner.statuses()
        if known:
            step.say("stopping (a worker finishes its job or gives it back)")
            # The broker leaves its name service before that goes.
            for kinds in (("prometheus",), ("worker",), ("gateway",), ("rabbitmq", "redis", "s3")):
                runner.stop_together([name for name in known if name.startswith(kinds)])
            runner.quit()
        for line in leftovers.end(settings):
            step.say(line)
    step.skipped("nothing of this stack is running")


def status(settings: Settings) -> int:
    return 0 if table.show(Runner(settings), processes(settings)) else 1


def logs(settings: Settings, names: Sequence[str]) -> None:
    """Follows the logs of the named processes, or of all; ends with Ctrl-C."""
    folder = Runner(settings).logs
    files = [str(folder / f"{process.name}.log") for process in _meant(processes(settings), names)]
    os.execvp("tail", ["tail", "-n", "40", "-F", *files])


def pids(settings: Settings, names: Sequence[str]) -> None:
    """Prints `name pid command` for each process that runs, then the same for its descendants."""
    for item in _running(settings, names):
        for pid in (item.pid, *leftovers.descendants(item.pid)):
            print(item.name, pid, leftovers.command(pid))


def send(settings: Settings, names: Sequence[str], signal_name: str) -> None:
    """A signal to the main process of each; the runner starts anew what dies of it."""
    number = signal.Signals[f"SIG{signal_name.upper().removeprefix('SIG')}"]
    for item in _running(settings, names):
        os.kill(item.pid, number)


def exports(settings: Settings) -> None:
    """The environment of gateway and worker, and every setting, as lines for a shell."""
    for key, value in sorted(_exported(settings).items()):
        print(f"export {key}={shlex.quote(value)}")


def lend(settings: Settings, command: Sequence[str]) -> int:
    """Runs a command beside RabbitMQ, Redis and S3, which end with it unless they ran before; its exit status."""
    # Without this a SIGTERM would skip the way out and leave the services behind.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    ran_before = Runner(settings).is_up()
    try:
        up(settings, SERVICES, wait=True)
        return subprocess.run(command, env={**os.environ, **_exported(settings)}, check=False).returncode
    finally:
        if not ran_before:
            down(settings)


def _exported(settings: Settings) -> dict[str, str]:
    """What the gateway and a worker get, and the settings themselves."""
    everything = {**settings, **environment.shared(settings), **gateway.environment_of(settings, 0)}
    return {key: value for key, value in everything.items() if value}


def _running(settings: Settings, names: Sequence[str]) -> list[Status]:
    meant = {process.name for process in _meant(processes(settings), names)}
    return [item for item in Runner(settings).statuses().values() if item.name in meant and item.pid]


def _meant(every: Sequence[Process], names: Sequence[str]) -> list[Process]:
    """`gateway` means every gateway, `gateway-0` the first; raises BadSetting for a name that is none."""
    for name in names:
        if not any(name in (process.name, process.name.partition("-")[0]) for process in every):
            raise BadSetting(f"no process is called {name}: there are {', '.join(process.name for process in every)}")
    return [
        process for process in every if not names or process.name in names or process.name.partition("-")[0] in names
    ]


@contextmanager
def _alone(settings: Settings) -> Iterator[None]:
    """One `up` or `down` at a time for each data folder."""
    data_dir(settings).mkdir(parents=True, exist_ok=True, mode=0o700)
    with open(data_dir(settings) / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="stack.py", description=__doc__)
    acts = parser.add_subparsers(dest="act", required=True)
    for act, text in {
        "up": "set up what is missing, start, wait until ready (names: these beside what runs; none: the whole stack)",
        "down": "stop everything of this stack",
        "status": "a table; exit status 1 unless all are ready",
        "logs": "follow the logs",
        "pids": "name, pid and command of each process and its descendants",
        "kill": "send a signal to the main process (it is started again)",
        "start": "start what was stopped",
        "stop": "stop and keep stopped",
        "restart": "stop and start",
        "env": "the environment of gateway and worker as shell lines",
        "with": "run a command beside RabbitMQ, Redis and S3: with -- COMMAND",
    }.items():
        one = acts.add_parser(act, help=text, description=text)
        if act in ("up", "logs", "pids", "kill", "start", "stop", "restart"):
            one.add_argument("names", nargs="*" if act in ("up", "logs", "pids") else "+", metavar="NAME")
        if act == "up":
            one.add_argument("--services-only", action="store_true", help="only RabbitMQ, Redis and S3")
            one.add_argument("--no-wait", action="store_true", help="return before everything is ready")
        if act == "with":
            one.add_argument("command", nargs="+", metavar="COMMAND")
        if act == "kill":
            one.add_argument("-s", "--signal", default="KILL")
    options = parser.parse_args(arguments)
    try:
        return _act(configuration.load(), options)
    except (BadSetting, step.StepFailed, ready.NotReady) as error:
        return step.fail(str(error))
    except rpc.Fault as fault:
        return step.fail(f"the process runner refuses: {fault.faultString}")


def _act(settings: Settings, options: argparse.Namespace) -> int:
    match options.act:
        case "up":
            up(settings, [*options.names, *(SERVICES if options.services_only else ())], not options.no_wait)
        case "down":
            down(settings)
        case "status":
            return status(settings)
        case "logs":
            logs(settings, options.names)
        case "pids":
            pids(settings, options.names)
        case "kill":
            send(settings, options.names, options.signal)
        case "with":
            return lend(settings, options.command)
        case "env":
            exports(settings)
        case "start" | "stop" | "restart":
            runner = Runner(settings)
            if not runner.is_up():
                raise BadSetting("nothing is running: make up")
            for process in _meant(processes(settings), options.names):
                if options.act != "start":
                    runner.stop(process.name)
                if options.act != "stop":
                    runner.start(process.name)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
