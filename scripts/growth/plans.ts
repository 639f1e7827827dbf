import { createReadStream, statSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import { measuredLog } from '../../test/servers/postgres.ts';
import { type MeasuredServers, query } from '../night/servers.ts';

/** How PostgreSQL went about a statement of the service, by auto_explain. */
export type Plan = {
  /** With its parameters as $1 and lists of values cut short. */
  statement: string;
  ms: number;
  /** As EXPLAIN (ANALYZE, BUFFERS) prints it, without what repeats itself. */
  text: string;
  /** What it does that grows with the tables. */
  findings: string[];
};

const LogLine = z.object({ message: z.string() });
/** Rows that a plan may look at in vain before that is a finding. */
const rowsInVain = 1_000;
/** Tables with fewer rows are rightly scanned. */
const rowsScanned = 1_000;
const statementLength = 700;
const lineLength = 200;
const linesOfAKind = 4;

/**
 * Has PostgreSQL explain whatever the service asks of a database while `act` runs, as it is really run.
 *
 * @returns a plan for each statement, the slowest run of it, those with findings first
 */
export async function explainDuring(
  servers: MeasuredServers,
  databaseUrl: string,
  act: () => Promise<void>,
): Promise<Plan[]> {
  const name = new URL(databaseUrl).pathname.slice(1);
  const settings = {
    session_preload_libraries: 'auto_explain',
    'auto_explain.log_min_duration': '0',
    'auto_explain.log_analyze': 'on',
    'auto_explain.log_buffers': 'on',
    'auto_explain.log_triggers': 'on',
  };
  for (const [setting, value] of Object.entries(settings))
    await query(databaseUrl, `alter database ${name} set ${setting} = '${value}'`);
  // They hold for new connections, which the service makes when the old ones are cut.
  await query(
    databaseUrl,
    `select pg_terminate_backend(pid) from pg_stat_activity where datname = '${name}' and pid <> pg_backend_pid()`,
  );
  const log = join(servers.folder, measuredLog);
  const start = statSync(log).size;
  await act();
  const plans = new Map<string, Plan>();
  for await (const line of createInterface(createReadStream(log, { start }))) {
    const plan = readPlan(LogLine.parse(JSON.parse(line)).message);
    if (plan !== null && plan.ms >= (plans.get(plan.statement)?.ms ?? 0)) plans.set(plan.statement, plan);
  }
  return [...plans.values()].sort((a, b) => b.findings.length - a.findings.length || b.ms - a.ms);
}

/** The plan of a message of auto_explain's; null for other messages. */
function readPlan(message: string): Plan | null {
  const [whole, ms] = /^duration: (\S+) ms {2}plan:\nQuery Text: /.exec(message) ?? [];
  if (whole === undefined) return null;
  const rest = message.slice(whole.length);
  // A plan's first line is the first with a cost.
  const begin = rest.lastIndexOf('\n', rest.indexOf('(cost='));
  const statement = shorten(rest.slice(0, begin));
  const text = rest.slice(begin + 1);
  return { statement, ms: Number(ms), text: brief(text), findings: findingsOf(text) };
}

/** Lists of parameters are as long as what was asked happens to be; columns are the least of a statement. */
function shorten(statement: string): string {
  return statement
    .replace(/\s+/g, ' ')
    .replace(/\(\$\d+(?:, \$\d+)*\)(?:, \(\$\d+(?:, \$\d+)*\))*/g, '($…)')
    .replace(/^select .*? from /, 'select … from ')
    .slice(0, statementLength);
}

/** A plan with long lines cut, and without what is done in the same way for one value after the other. */
function brief(plan: string): string {
  const seen = new Map<string, number>();
  const lines: string[] = [];
  for (const line of plan.split('\n')) {
    const kind = line.replace(/\(cost.*|\d.*|'.*/, '');
    const times = (seen.get(kind) ?? 0) + 1;
    seen.set(kind, times);
    if (times < linesOfAKind) lines.push(line.length > lineLength ? `${line.slice(0, lineLength)}…` : line);
    else if (times === linesOfAKind) lines.push(`${/^ */.exec(line)?.[0] ?? ''}… and so on`);
  }
  return lines.join('\n');
}

function findingsOf(plan: string): string[] {
  const findings: string[] = [];
  for (const [, table, rows] of plan.matchAll(/Seq Scan on (\w+).*?actual \S+ rows=(\d+)/g))
    if (Number(rows) >= rowsScanned) findings.push(`reads all of ${table} (${rows} rows)`);
  for (const [, rows] of plan.matchAll(/Rows Removed by (?:Index Recheck|Filter|Join Filter): (\d+)/g))
    if (Number(rows) >= rowsInVain) findings.push(`looks at ${rows} rows in vain`);
  return findings;
}
