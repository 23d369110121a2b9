"""A table that decisions change one after the other, seen by queries as `snapshot` and `domains`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tasks.quality.carry import carry_out
from tasks.quality.contract import Contract
from tasks.quality.effects import Applied, conserve
from tasks.quality.model import Assessment, ChangeSet, Dataset, Decision, Disposition
from tasks.quality.profile import changed_domains, changed_profile, domains, profile
from tasks.quality.question import Question

if TYPE_CHECKING:
    import ibis
    from ibis.backends.duckdb import Backend

    from blocks.staging import Staging
    from tasks.quality.model import Profile
    from tasks.run import Run


class Steps:
    """The table as it is after each step.

    Args:
        tables: a connection with the view `snapshot`, which this replaces; and `domains`.
        contract: what the data promises, where decisions are not `Repeated`, each under the contract of its time.
        name: of the temporary tables; several can be stepped in one connection, each after its `use`.
        start: the query of the table before the first step; what `snapshot` is without it.
    """

    def __init__(self, tables: Backend, contract: Contract | None = None, name: str = "after", start: str = "") -> None:
        self._tables, self._contract, self._name, self._steps = tables, contract or Contract(), name, 0
        self._sql = start
        self._profile: Profile | None = None
        if start:
            tables.raw_sql(f"CREATE OR REPLACE VIEW snapshot AS {start}")
        self._keep(domains(tables.table("snapshot")))

    def use(self) -> None:
        """Let `snapshot` and `domains` be this table's."""
        self._tables.raw_sql(f"CREATE OR REPLACE VIEW snapshot AS {self._sql}")
        self._tables.raw_sql(f'CREATE OR REPLACE VIEW domains AS SELECT * FROM "{self._name}_{self._steps}_domains"')

    def data(self, snapshot: str = "") -> Dataset:
        """The table as it is now; `snapshot` is the fingerprint that its statistics carry."""
        table, values = self._tables.table("snapshot"), self._tables.table("domains")
        if self._profile is None:
            self._profile = profile(table, values, snapshot)
        return Dataset(table, values, replace(self._profile, snapshot=snapshot), self._contract)

    def take(self, applied: Applied) -> None:
        """Go on with the table that a decision makes of this one; only what it changed is measured again."""
        before, former = self._profile, f"{self._name}_{self._steps}"
        self._steps += 1
        name = f"{self._name}_{self._steps}"
        self._tables.create_table(name, applied.table, temp=True)
        self._sql = f'SELECT * FROM "{name}"'
        self._tables.raw_sql(f"CREATE OR REPLACE VIEW snapshot AS {self._sql}")
        self._profile = None
        table = self._tables.table("snapshot")
        if applied.takes_rows:
            self._keep(domains(table))
        else:
            changed, renamed = {*applied.columns_written, *applied.columns_added}, dict(applied.columns_renamed)
            self._keep(changed_domains(table, self._tables.table(f"{former}_domains"), changed, renamed))
            if before is not None:
                self._profile = changed_profile(table, self._tables.table("domains"), before, changed, renamed)
        self._tables.raw_sql(f'DROP TABLE IF EXISTS "{former}"')
        self._tables.raw_sql(f'DROP TABLE "{former}_domains"')

    def carried_out(self, staging: Staging, run_id: str, name: str, number: int, applied: Applied) -> ChangeSet:
        """Write what a decision does, count it, and go on with the table as it is then.

        Raises:
            ConservationError: a row would be lost or appear.
        """
        cells_uri, cells_print, cells = staging.write_aux(run_id, f"{name}-cells", applied.cells)
        rows_uri, rows_print, _ = staging.write_aux(run_id, f"{name}-rows", applied.rows)
        rows_in = self.count("snapshot")
        self.take(applied)
        left = f"read_parquet('{escaped(rows_uri)}')"
        gone = {d.value: self.count(f"{left} WHERE disposition = '{d.value}'") for d in Disposition}
        rows_out = self.count("snapshot")
        conserve(rows_in, rows_out, **gone)
        return ChangeSet(
            decision=number,
            cells_changed=cells,
            rows_changed=self.count(f"(SELECT DISTINCT _row FROM read_parquet('{escaped(cells_uri)}'))"),
            rows_in=rows_in,
            rows_out=rows_out,
            **gone,
            columns_dropped=applied.columns_dropped,
            columns_added=applied.columns_added,
            columns_renamed=applied.columns_renamed,
            cells_uri=cells_uri,
            cells_fingerprint=cells_print,
            rows_uri=rows_uri,
            rows_fingerprint=rows_print,
        )

    def count(self, what: str) -> int:
        """How many rows there are in a table, or a query with its brackets."""
        return int(self._tables.raw_sql(f"SELECT count(*) FROM {what}").fetchone()[0])

    def _keep(self, values: ibis.Table) -> None:
        name = f"{self._name}_{self._steps}_domains"
        self._tables.create_table(name, values, temp=True)
        self._tables.raw_sql(f'CREATE OR REPLACE VIEW domains AS SELECT * FROM "{name}"')


class Repeated:
    """Decisions of a run carried out again, each for the issue that it was made about.

    Args:
        run: the run.
        before: the number of a ledger entry: what stood then; by default what stands now.
        without: the number of a decision that is no more.
    """

    def __init__(self, run: Run, *, before: int | None = None, without: int = 0) -> None:
        self._run, self._before, self._without = run, before, without
        self._assessments: dict[str, Assessment] = {}
        self._contracts: dict[int, Contract] = {}

    def applied(self, steps: Steps, decision: Decision) -> Applied:
        """What a decision makes of the table as it is now.

        Raises:
            PilotMustDecide: it cannot be carried out on it.
        """
        if decision.gate not in self._assessments:
            asked = self._run.recall(Question, f"question-{decision.gate}")
            self._assessments[decision.gate] = self._run.assessment(asked.round)
        if decision.round not in self._contracts:
            contract = self._run.contract(decision.round, before=self._before, without=self._without)
            self._contracts[decision.round] = contract
        issue = self._assessments[decision.gate].issue(decision.issue)
        data = replace(steps.data(), contract=self._contracts[decision.round])
        return carry_out(data, issue, decision.remedy, decision.parameters, decision.number)


def escaped(uri: str) -> str:
    """An address as it stands between single quotes."""
    return uri.replace("'", "''")
