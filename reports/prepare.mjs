// After npm install: takes out two settings that Evidence sends at start. They came with DuckDB 0.10 and 1.1; the
// browser engine pinned here (0.9, with Parquet built in, so that nothing is downloaded) refuses them.
import { readFileSync, writeFileSync } from 'node:fs';

const unknown = /^.*SET (ieee_floating_point_ops|old_implicit_casting) = .*\n/gm;

for (const engine of ['browser', 'node']) {
	const path = `node_modules/@evidence-dev/universal-sql/src/client-duckdb/${engine}.js`;
	writeFileSync(path, readFileSync(path, 'utf8').replace(unknown, ''));
}
