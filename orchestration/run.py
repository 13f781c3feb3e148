"""`meterhouse run`: which months need work, then the Dagster jobs for them, in this process.

Landing and planning are plain Python, so that a run with nothing to do starts neither Dagster nor dbt.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ingestion.lake import Lake
from ingestion.landing import LandingReport, land, tell_unread
from ingestion.storage import open_storage
from invoicing.ledger import Ledger
from orchestration import period_state, tables, warehouse
from orchestration.deliveries_seen import billed_periods
from orchestration.home import prepare_home
from orchestration.locks import locked
from orchestration.periods import BadSetting, known_period, period_of
from orchestration.settings import Settings

if TYPE_CHECKING:
    import dagster as dg

PROCESS_TAG = "meterhouse/process"  # of runs made here: tells a dead one from a running one
Tell = Callable[[str], None]
Step = tuple[str, str, str | None, str]  # job, what it is called, partition, why


@dataclass(slots=True)
class Outcome:
    """What became of one month, or of the reference data."""

    name: str  # YYYY-MM or "reference data"
    status: str  # materialised, unchanged, failed
    reason: str  # why it was made, or what went wrong
    seconds: float = 0.0
    failed_checks: list[str] = field(default_factory=list)  # the money does not add up: the month stopped there
    warnings: list[str] = field(default_factory=list)  # the month was made; a person should look
    failing_rows: list[str] = field(default_factory=list)  # of checks that keep theirs: what they name


@dataclass(slots=True)
class RunReport:
    landings: dict[str, LandingReport]  # by feed, or feed and period
    outcomes: list[Outcome]
    never_made: list[str] = field(default_factory=list)  # earlier months that have deliveries and no marts

    @property
    def failed(self) -> list[Outcome]:
        return [outcome for outcome in self.outcomes if outcome.status == "failed"]

    @property
    def exit_code(self) -> int:
        """0 all well, 1 a check said no, 3 something broke."""
        if not self.failed:
            return 0
        return 1 if all(outcome.failed_checks for outcome in self.failed) else 3


def run(settings: Settings, periods: Iterable[str], tell: Tell = lambda text: None) -> RunReport:
    """Materialises the periods and, before them, every earlier one whose inputs changed; raises BadSetting, Busy."""
    wanted = sorted({known_period(period, settings.first_period, settings.clock.date()) for period in periods})
    if not wanted:
        raise BadSetting("name at least one --period YYYY-MM")
    if "://" not in settings.inbox_uri and not Path(settings.inbox_uri).is_dir():
        raise BadSetting(f"no inbox at {settings.inbox_uri}: name it with --inbox or METERHOUSE_INBOX")
    prepare_home(settings)
    with locked(settings, "run"):
        states = states_of(settings)
        lake = Lake(open_storage(settings.lake_uri))
        wanted = with_issued(settings, wanted, states)
        landings = _landed(settings, wanted, states, tell)
        planned = plan(lake.inputs_hash, wanted, states)
        if all(reason == "" for reason in planned.values()):
            return RunReport(landings, [Outcome(period, "unchanged", "nothing changed") for period in planned])
        report = RunReport(landings, materialised(settings, planned, tell))
        if "new" in planned.values():
            report.never_made = never_made_before(settings, lake, wanted[-1], {*states, *planned})
        return report


def with_issued(settings: Settings, wanted: Iterable[str], states: Mapping[str, period_state.Done]) -> list[str]:
    """The months, and with one that is new here all issued ones before it that this warehouse does not have: without
    their charges it would give back everything they billed."""
    months = sorted(wanted)
    if not months or states.keys() >= set(months):
        return months
    issued = Ledger(open_storage(settings.lake_uri)).months()
    lacking = {month for month in issued - states.keys() if settings.first_period <= month < months[-1]}
    return sorted({*months, *lacking})


def never_made_before(settings: Settings, lake: Lake, last: str, made: set[str]) -> list[str]:
    """Months before the last that have rows in the lake or a bill in the inbox, and are not among those made."""
    known = {*billed_periods(settings)}
    known |= {period_of(total["billing_period"]) for total in lake.totals() if total["billing_period"]}
    return sorted(period for period in known - made if settings.first_period <= period < last)


def states_of(settings: Settings) -> dict[str, period_state.Done]:
    if not warehouse.exists(settings):
        return {}
    with warehouse.opened(settings) as connection:
        return period_state.done(connection)


def _landed(
    settings: Settings, wanted: list[str], states: dict[str, period_state.Done], tell: Tell
) -> dict[str, LandingReport]:
    """Lands catalog, samples and events whole, and the bills of the wanted months and the materialised ones before."""
    inbox, lake = open_storage(settings.inbox_uri), Lake(open_storage(settings.lake_uri))
    tell("landing catalog, samples and events")
    reports = {"inbox": tell_unread(inbox, lake)}
    reports |= {feed: land(feed, inbox, lake) for feed in ("catalog", "cloudevents", "edge", "wso2")}
    for period in sorted({*wanted, *(period for period in states if period < wanted[-1])}):
        tell(f"landing bills of {period}")
        reports |= {f"{feed} {period}": land(feed, inbox, lake, period) for feed in ("aws_cur", "focus")}
    return reports


def plan(inputs_hash: Callable[[str], str], wanted: list[str], states: dict[str, period_state.Done]) -> dict[str, str]:
    """Months in order -> why each must be made; "" where nothing changed. Earlier ones only where they must be made."""
    planned: dict[str, str] = {}
    for period in sorted({*wanted, *(period for period in states if period < wanted[-1])}):
        reason = _reason(inputs_hash(period), period, states, remade=any(planned.values()))
        if reason or period in wanted:
            planned[period] = reason
    return planned


def _reason(inputs_hash: str, period: str, states: dict[str, period_state.Done], remade: bool) -> str:
    state = states.get(period)
    if state is None:
        return "new"
    if state.inputs_hash != inputs_hash:
        return "inputs changed" if state.inputs_hash else "its last run did not finish"
    if state.code_hash != period_state.code_hash():
        return "code changed"
    if remade or state.earlier_hash != period_state.earlier_hash(states, period):
        return "an earlier month changed"
    return ""


def materialised(settings: Settings, planned: dict[str, str], tell: Tell, landing: bool = True) -> list[Outcome]:
    """Runs the planned months; without landing from what the lake has."""
    source = "" if landing else "_from_lake"
    stands = _reference_stands(settings)
    reference = ("reference_shown", "its models stand") if stands else ("reference_data", "before the months")
    steps: list[Step] = [(f"{reference[0]}{source}", "reference data", None, reference[1])]
    steps += [(f"month{source}", period, period, reason) for period, reason in planned.items() if reason]
    unchanged = [Outcome(period, "unchanged", "nothing changed") for period, reason in planned.items() if not reason]
    return _jobs_run(settings, steps, tell) + unchanged


def _reference_stands(settings: Settings) -> bool:
    """Whether the models without a month were made from the catalog as the lake has it now."""
    if not warehouse.exists(settings):
        return False
    with warehouse.opened(settings) as connection:
        return period_state.reference_stands(connection, Lake(open_storage(settings.lake_uri)).reference_hash())


def forecasted(settings: Settings, tell: Tell = lambda text: None) -> Outcome:
    """Forecasts the daily spend the warehouse has, and tells what budgets have crossed; raises BadSetting, Busy."""
    if not warehouse.exists(settings):
        raise BadSetting(f"no warehouse at {settings.warehouse_path}: `meterhouse run --period YYYY-MM` makes one")
    prepare_home(settings)
    with locked(settings, "run"):
        return _jobs_run(settings, [("forecast", "forecast", None, "as of now")], tell)[0]


def _jobs_run(settings: Settings, steps: list[Step], tell: Tell) -> list[Outcome]:
    """Runs jobs in this process; what dbt and libraries print goes into the run's log."""
    tell("starting Dagster")
    log = settings.root / "logs" / "run.log"
    log.parent.mkdir(exist_ok=True)
    with log.open("a" if steps[0][0] == "forecast" else "w", encoding="utf-8") as file, redirect_stdout(file):
        return _steps_run(settings, steps, tell)


def _steps_run(settings: Settings, steps: list[Step], tell: Tell) -> list[Outcome]:
    """Runs the jobs in order and stops at the first that fails: later months take the difference to earlier ones."""
    import dagster as dg  # a second and a half, and the definitions another: only where there is work

    from orchestration.definitions import defs
    from orchestration.parsing import parse_if_changed

    parse_if_changed(settings)  # a project that does not parse is said in dbt's words, not in those of a loader
    from orchestration.defs.models.dbt_models import monthly_models
    from orchestration.left_standing import Monthly, executed

    outcomes: list[Outcome] = []
    with dg.DagsterInstance.from_config(str(settings.dagster_home)) as instance:
        release_dead_runs(instance)
        definitions, monthly = defs(), Monthly(monthly_models)
        for job, name, partition, reason in steps:
            tell(f"materialising {name} ({reason})")
            started = time.monotonic()
            result = executed(
                settings,
                monthly,
                definitions.resolve_job_def(job),
                partition,
                {PROCESS_TAG: str(os.getpid())},
                instance=instance,
                raise_on_error=False,
                run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
            )
            if _was_interrupted(result):
                raise KeyboardInterrupt
            outcomes.append(_outcome(result, name, reason, time.monotonic() - started))
            if not result.success:
                with warehouse.opened(settings) as connection:
                    outcomes[-1].failing_rows = tables.failing_rows(connection, outcomes[-1].failed_checks)
                break
    return outcomes


def _was_interrupted(result: dg.ExecuteInProcessResult) -> bool:
    """Ctrl-C or a termination: Dagster catches it, ends its run as failed, and comes back."""
    from dagster._core.events import RunFailureReason

    ended = [event.job_failure_data for event in result.all_events if event.is_failure and event.is_job_event]
    return any(data.failure_reason == RunFailureReason.UNEXPECTED_TERMINATION for data in ended)


def _outcome(result: dg.ExecuteInProcessResult, name: str, reason: str, seconds: float) -> Outcome:
    import dagster as dg

    def said_no(severity: dg.AssetCheckSeverity) -> list[str]:
        return sorted(
            f"{evaluation.check_name} on {evaluation.asset_key.to_user_string()}"
            for evaluation in result.get_asset_check_evaluations()
            if not evaluation.passed and evaluation.severity == severity and _was_asked(evaluation)
        )

    warnings = said_no(dg.AssetCheckSeverity.WARN)
    if result.success:
        return Outcome(name, "materialised", reason, seconds, warnings=warnings)
    failed_checks = said_no(dg.AssetCheckSeverity.ERROR)
    return Outcome(name, "failed", _errors(result.all_events), seconds, failed_checks, warnings)


def _was_asked(evaluation: dg.AssetCheckEvaluation) -> bool:
    """Whether a check came to an answer: dbt's that broke off, for want of memory say, has not said no to the money."""
    status = evaluation.metadata.get("status")
    return status is None or status.value not in ("error", "runtime error")


# What DuckDB and the operating system say when there is not enough of something, and what a person can do about it.
REMEDIES = {
    "Out of Memory Error": "raise METERHOUSE_MEMORY_LIMIT, or lower METERHOUSE_THREADS; what was there is untouched",
    "No space left on device": "make room on the disk of METERHOUSE_HOME; what was there is untouched",
    "File too large": "let larger files be written (ulimit -f); what was there is untouched",
}


def _errors(events: Iterable[Any]) -> str:
    """The innermost messages of the failed steps, and a remedy where one is known."""
    messages = []
    for event in events:
        if event.is_step_failure:
            error = event.step_failure_data.error
            while error and error.cause:
                error = error.cause
            messages.append(f"{event.step_key}: {error.message.strip() if error else 'failed'}")
    messages += [remedy for words, remedy in REMEDIES.items() if any(words in message for message in messages)]
    return "\n".join(messages) or "the run failed before its first step"


def release_dead_runs(instance: dg.DagsterInstance) -> list[str]:
    """Ends runs that a killed `meterhouse run` left STARTED, and frees the pool slots they hold; returns their ids."""
    import dagster as dg

    ended = []
    open_runs = dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.STARTING])
    for record in instance.get_runs(open_runs):
        process = record.tags.get(PROCESS_TAG)
        # We hold the run's lock, so every other run made by this command is dead, whatever now has its process id.
        if process is not None:
            instance.report_run_failed(record, message=f"process {process} ended without a word")
            instance.event_log_storage.free_concurrency_slots_for_run(record.run_id)
            ended.append(record.run_id)
    return ended
