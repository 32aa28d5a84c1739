// join.mjs OLD NEW OUT writes the rows in which two CSV files of users differ, by DuckDB's full outer join with its
// default settings, and says on standard output what it used: {"version", "threads", "seconds"}, the last of the query
// alone.
import { DuckDBInstance } from '@duckdb/node-api';

const [before, after, out] = process.argv.slice(2);
const columns = ['email', 'given_name', 'family_name', 'phone', 'website', 'department', 'tags', 'custom_data'];
const quoted = (path) => `'${path.replaceAll("'", "''")}'`;

const connection = await (await DuckDBInstance.create()).connect();
const began = performance.now();
await connection.run(`
  COPY (
    SELECT CASE WHEN o.employee_id IS NULL THEN 'added' WHEN n.employee_id IS NULL THEN 'gone' ELSE 'changed' END AS what,
      coalesce(n.employee_id, o.employee_id) AS employee_id,
      ${columns.map((c) => `o.${c} AS ${c}_before, n.${c} AS ${c}_after`).join(', ')}
    FROM read_csv(${quoted(before)}) o FULL OUTER JOIN read_csv(${quoted(after)}) n ON o.employee_id = n.employee_id
    WHERE o.employee_id IS NULL OR n.employee_id IS NULL
      OR ${columns.map((c) => `o.${c} IS DISTINCT FROM n.${c}`).join(' OR ')}
  ) TO ${quoted(out)} (FORMAT csv, HEADER)`);
const seconds = (performance.now() - began) / 1000;
const reader = await connection.runAndReadAll(`SELECT version() AS version, current_setting('threads')::INT AS threads`);
const [{ version, threads }] = reader.getRowObjects();
console.log(JSON.stringify({ version, threads, seconds }));
